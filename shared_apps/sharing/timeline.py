"""What this module adds to "Who saw our information"."""

from collections.abc import Iterator
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shared_apps.kit.dates import day_of
from shared_apps.sharing import MOST, Entry
from shared_apps.sharing.models import CATEGORIES, Disclosure, Order


def disclosures(client: UUID) -> Iterator[Entry]:
    found = Disclosure.objects.filter(client_uuid=client).select_related("verification__partner")
    for one in found[:MOST]:
        what = ", ".join(str(CATEGORIES.get(code, code)) for code in one.categories)
        partner = one.verification.partner
        purpose = partner.purpose_for(get_language() or "")
        # Stored in the source's language, read in everybody's own; without a reason, what the partner is there for.
        why = _(one.why) if one.why else purpose.text if purpose.is_own else ""
        yield Entry(at=one.at, who=partner.name, what=what, why=why, kind="partner")


def orders(client: UUID) -> Iterator[Entry]:
    """Those that may be told of. The moment is that of the disclosure."""
    found = Order.objects.shown_to_client(day_of(timezone.now())).filter(client_uuid=client)
    for one in found.order_by("-made_at")[:MOST]:
        assert one.made_at is not None
        yield Entry(
            at=one.made_at,
            who=one.authority,
            what=one.extent_text,
            why=_("Order %(reference)s of a court or authority") % {"reference": one.reference},
            kind="order",
        )
