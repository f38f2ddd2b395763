from datetime import date
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from shared_apps import mail, sharing
from shared_apps.kit import outgoing
from shared_apps.kit.module import ADMIN, Holding, Module, Purpose, join

if TYPE_CHECKING:
    from shared_apps.sharing.models import OrderQuerySet


def _last_day(orders: "OrderQuerySet") -> date:
    return orders.kept_until()


class SharingConfig(Module):
    """The operators' pages of partners and orders are in shared_apps/operators."""

    name = "shared_apps.sharing"
    label = "sharing"
    verbose_name = _("Who got what")
    rights = {"sharing.view": ADMIN}
    purposes = {
        "sharing.order": Purpose(
            _("To tell you that a court had something about you disclosed, unless it forbids that"),
            mail="service",
        ),
        "sharing.tend": _("To tell clients of orders that are secret no longer, and to forget old counts"),
    }
    holdings = (
        Holding(
            "sharing.Partner",
            plain=("categories",),
            whose="smoall",
            category="legal",
            why=_("To let something go only to partners whose privacy policy was read"),
            kept=_("For ever: who was a partner stays known"),
            exported="no",
            erased="public",
            called=_("Partners"),
        ),
        Holding(
            "sharing.Verification",
            neutral="emptied",
            whose="smoall",
            category="legal",
            why=_("To prove which text of a partner’s privacy policy was read, by whom and when"),
            kept=_("For ever: who was a partner stays known"),
            exported="no",
            erased="public",
            called=_("Readings of partners’ privacy policies"),
        ),
        Holding(
            "sharing.Disclosure",
            neutral="emptied",
            whose="client",
            category="legal",
            why=_("To show you what went to which partner"),
            kept=_("As long as your contact details"),
            exported="shared",
            erased="rows",
            called=_("What went to a partner"),
            about="client_uuid",
        ),
        Holding(
            "sharing.Order",
            neutral="emptied",
            whose="client",
            category="legal",
            why=_("To prove what a court ordered, who carried it out, and when you were told"),
            kept=_("Ten years"),
            exported="no",
            erased="kept",
            law="GDPR, art. 5(2) and 17(3)(b), (e)",
            law_years=10,
            law_until=_last_day,
            called=_("Orders of a court"),
            about="client_uuid",
        ),
        Holding(
            "files:orders",
            whose="client",
            category="legal",
            why=_("The orders themselves, and, encrypted until they are fetched, what they made Smoall give"),
            kept=_("The order for ten years, what was given for seven days at most"),
            exported="no",
            erased="kept",
            called=_("Documents of orders"),
            about="sharing.Order",
        ),
        Holding(
            "sharing.Refusal",
            neutral="emptied",
            whose="smoall",
            category="technical",
            why=_("To notice a program that wants to connect to a place that nobody allowed"),
            kept=_("Ninety days; it names a host and nothing else"),
            exported="no",
            erased="public",
            called=_("Refused connections"),
        ),
    )

    def ready(self) -> None:
        from shared_apps.sharing import mails, partners, timeline
        from shared_apps.sharing.models import Refusal

        join(mail.watchers, mails.note)
        join(outgoing.sources, partners.destinations)
        join(outgoing.witnesses, Refusal.witness)
        join(sharing.sources, timeline.disclosures, timeline.orders)
