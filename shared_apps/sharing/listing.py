"""The list of sub-processors, for people: of the data processing agreement's article 8, on the website and in workspaces.

Made when it is read, from the register without which nothing goes to a partner at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.places import country_name
from shared_apps.sharing.models import Partner, Said

# The words of models.CATEGORIES once more: the website's visitors read these in more languages than operators read those.
CATEGORIES: dict[str, Any] = {
    "contact": _("contact details"),
    "billing": _("billing details"),
    "legal": _("legal records"),
    "data": _("business data"),
}
NEW = timedelta(days=30)  # for which a new one is pointed out in the workspace, as the agreement says


@dataclass(frozen=True, slots=True)
class Listed:
    """A partner that may get something. `is_sub_processor`: of what clients enter, and not of contact details alone."""

    partner: Partner
    purpose: Said  # for whoever reads
    country: str
    categories: list[Any]
    is_sub_processor: bool
    since: date  # which its policy was first read and found good: nothing could go there before


def shown(partners: Iterable[Partner]) -> list[Listed]:
    """Sub-processors first, then the others, each by name. `partners` are those of `Partner.objects.open`."""
    listed = [
        Listed(
            partner=one,
            purpose=one.purpose_for(get_language() or ""),
            country=country_name(one.country),
            categories=[CATEGORIES.get(code, code) for code in one.categories],
            is_sub_processor="data" in one.categories,
            since=one.listed_on,  # type: ignore[attr-defined]  # annotated by `with_policy`
        )
        for one in partners
    ]
    return sorted(listed, key=lambda one: not one.is_sub_processor)


def new(partners: Iterable[Partner], today: date) -> list[Listed]:
    """The sub-processors that came into the list during the last thirty days."""
    return [one for one in shown(partners) if one.is_sub_processor and today - one.since < NEW]
