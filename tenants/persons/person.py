"""Who is meant: a row of a table of people, and the words that name them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Q
from django.utils.translation import gettext as _now

from shared_apps.accounts.models import User
from shared_apps.kit.module import Holding, all_holdings, stands_in
from shared_apps.kit.text import fold
from tenants.holdings import called

LABEL = (
    "[erased]"  # what stands where somebody was named; the history's own word for it (history/triggers.py)
)
MOST = 50  # people that a search shows
NOWHERE = "@erased.invalid"  # ends the address that stands where one is asked for and nobody is meant


@dataclass(frozen=True, slots=True)
class Person:
    """A row of a table of people, with the words that name them: longest first, as they stand there."""

    holding: Holding
    row: Any
    words: tuple[str, ...]

    @property
    def what(self) -> str:
        return called(self.holding)

    @property
    def emails(self) -> list[str]:
        return [word for word in self.words if "@" in word]


def subjects() -> list[Holding]:
    """The tables of people in a workspace."""
    return [one for one in all_holdings() if one.identifies and stands_in(model_of(one), tenant=True)]


def model_of(holding: Holding) -> Any:
    return apps.get_model(holding.what)


def search(text: str) -> list[Person]:
    """People whose identifying fields hold the words, accents and case aside. In the tenant's scope."""
    words = [word for word in text.replace("\0", "").split() if word][:5]
    found: list[Person] = []
    for holding in subjects() if words else ():
        model, rows = model_of(holding), model_of(holding)._default_manager.all()
        names = {one.name for one in model._meta.concrete_fields}
        for word in words:
            asked = Q()
            for name in holding.identifies:
                asked |= Q(**{f"{name}__icontains": word})
                if f"{name}_folded" in names:
                    asked |= Q(**{f"{name}_folded__contains": fold(word)})
            rows = rows.filter(asked)
        found += [person_of(holding, row) for row in rows[:MOST] if not _is_erased(row)]
    return found[:MOST]


def _is_erased(row: Any) -> bool:
    return str(row) == LABEL


def find(what: str, id: UUID) -> Person | None:
    """The person of that table ("contacts.Contact") and key; None when there is none, or they were erased."""
    for holding in subjects():
        if holding.what.lower() == what.lower():
            row = model_of(holding)._default_manager.filter(pk=id).first()
            return None if row is None or _is_erased(row) else person_of(holding, row)
    return None


def person_of(holding: Holding, row: Any) -> Person:
    return Person(holding, row, longest_first(str(getattr(row, name) or "") for name in holding.identifies))


def longest_first(words: Iterator[str]) -> tuple[str, ...]:
    unique = {word.strip() for word in words} - {"", LABEL}
    return tuple(sorted(unique, key=lambda word: (-len(word), word)))


def why_not(person: Person, *, by: UUID | None) -> str:
    """Why this person can't be erased now, for people; "" when they can."""
    row = person.row
    if not isinstance(row, User):
        return ""
    if row.pk == by:
        return _now("You can't erase yourself: another owner can, once you are deactivated.")
    if row.is_active:
        return _now("They may sign in: deactivate them first, on the page of the team.")
    return ""
