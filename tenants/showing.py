"""A departure as people see it: its days as a picture, and what was said about it in words.

For the workspace's page, the contact person's and the console's. The days themselves are departure.py's matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from babel.core import Locale
from babel.dates import format_date
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from tenants.departure import Dates
from tenants.forms_leaving import LABELS
from tenants.models import Category, Departure, Instruction

END = 84  # percent of the width at which the last thing is gone; behind it stands nothing
# Where the data's day may stand, so that three dates can be read on a phone: behind its line, or across it.
BEHIND, ACROSS = (27, 37), (41, 51)


@dataclass(frozen=True, slots=True)
class Lane:
    """One bar: something is kept from today until `x` percent of the width, the end of `on`."""

    category: Category
    label: Any
    on: date
    x: int
    promised_x: int | None = None  # where the promised day stands when it is another


@dataclass(frozen=True, slots=True)
class Mark:
    """A date above the bars. `anchor` is SVG's: the line is where the text starts, or its middle."""

    x: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The bars from the first to the last, the dates above them; and which stretches there are, for the words below."""

    lanes: list[Lane]
    marks: list[Mark]
    data_on: date | None  # None: the data is gone
    contacts_on: date
    promised: list[tuple[Any, date]] = field(
        default_factory=list
    )  # (what, day) where another day is in force

    @property
    def has_contacts_alone(self) -> bool:
        """Whether there is a stretch in which the contact details alone are kept."""
        return self.data_on is None or self.contacts_on > self.data_on


def foreseen(dates: Dates, today: date) -> Picture:
    """What a notice of today would fix."""
    return _picture(today, {Category.DATA: dates.data_on, Category.CONTACTS: dates.contacts_on}, {})


def in_force(departure: Departure, today: date) -> Picture:
    """The days of a departure, and the promised ones where they differ."""
    held = [Category.CONTACTS] if departure.data_erased_at else [Category.DATA, Category.CONTACTS]
    promised = {each: departure.promised(each) for each in held}
    days = {each: departure.day(each) for each in held}
    return _picture(today, days, {each: day for each, day in promised.items() if day != days[each]})


def _picture(today: date, days: dict[Category, date], promised: dict[Category, date]) -> Picture:
    places = _places(today, days)
    ends = {day: x for category, day in days.items() if (x := places[category])}
    known = [(today, 0), *sorted(ends.items())]
    last = max([*days.values(), *promised.values()])
    if last > known[-1][0]:
        known.append((last, 97))
    lanes = [
        Lane(
            each,
            LABELS[each],
            day,
            places[each],
            _between(known, promised[each]) if each in promised else None,
        )
        for each, day in days.items()
    ]
    return Picture(
        lanes,
        [
            Mark(x, format_date(day, "d MMM y", locale=_locale()), "start" if x <= BEHIND[1] else "middle")
            for day, x in sorted(ends.items())
        ],
        days.get(Category.DATA),
        days[Category.CONTACTS],
        [(LABELS[each], day) for each, day in promised.items()],
    )


def _locale() -> Locale:
    """As the kit writes days: plain "en" is Europe's."""
    language = get_language() or "en"
    return Locale.parse("en-GB" if language == "en" else language, sep="-")


def _places(today: date, days: dict[Category, date]) -> dict[Category, int]:
    """Percent of the width: in proportion, but never so close that two dates would overlap."""
    data, contacts = days.get(Category.DATA), days[Category.CONTACTS]
    if data is None:
        return {Category.CONTACTS: END}
    if data >= contacts:
        return {Category.DATA: END, Category.CONTACTS: END}
    x = round(END * (data - today).days / max(1, (contacts - today).days))
    if BEHIND[1] < x < ACROSS[0]:
        x = ACROSS[0]
    return {Category.DATA: min(max(x, BEHIND[0]), ACROSS[1]), Category.CONTACTS: END}


def _between(known: list[tuple[date, int]], day: date) -> int:
    """Where a day stands among those whose place is known."""
    for (before, left), (after, right) in pairwise(known):
        if before <= day <= after:
            share = (day - before).days / max(1, (after - before).days)
            return round(left + (right - left) * share)
    return 0


# --- what was said ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """An instruction in words. `kind` is the timeline's colour."""

    instruction: Instruction
    who: Any
    what: str
    at: datetime
    kind: str = ""


WHO: dict[str, Any] = {
    "owner": gettext_lazy("An owner"),
    "operator": gettext_lazy("An operator of Smoall"),
    "contact": gettext_lazy("The contact person"),
}
COLOURS = {Instruction.Kind.NOW: "delete", Instruction.Kind.WITHDRAWN: "create"}


def said(instructions: Iterable[Instruction]) -> list[Said]:
    """What was said about a departure, the newest first; by whom in their role alone."""
    return [
        Said(
            each,
            WHO.get(each.given_by.get("role", ""), each.given_by.get("role", "")),
            _what(each),
            each.given_at,
            COLOURS.get(Instruction.Kind(each.kind), ""),
        )
        for each in sorted(instructions, key=lambda one: (one.given_at, one.id), reverse=True)
    ]


def _what(one: Instruction) -> str:
    day = date_format(one.on, "j F Y") if one.on else ""
    match one.kind, one.category:
        case Instruction.Kind.NOTICE, _any:
            return _("gave notice")
        case Instruction.Kind.DAY, Category.DATA:
            return _("said: data until the end of %(day)s") % {"day": day}
        case Instruction.Kind.DAY, _any:
            return _("said: contact details until the end of %(day)s") % {"day": day}
        case Instruction.Kind.PROMISED, Category.DATA:
            return _("said: data until the promised day again")
        case Instruction.Kind.PROMISED, _any:
            return _("said: contact details until the promised day again")
        case Instruction.Kind.NOW, Category.DATA:
            return _("said: erase the data at once")
        case Instruction.Kind.NOW, _any:
            return _("said: erase the contact details at once")
        case Instruction.Kind.WITHDRAWN, Category.DATA:
            return _("stopped the erasure")
        case _any:
            return _("withdrew the notice")
