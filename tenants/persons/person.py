"""Who is meant: a row of a table of people, and the words that name them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.db.models.fields.json import KT
from django.utils.translation import gettext as _now

from shared_apps.accounts.models import User
from shared_apps.history.models import LogEntry
from shared_apps.kit.module import Holding, all_holdings, stands_in
from shared_apps.kit.text import ERASED, fold
from tenants.holdings import called

LABEL = ERASED
MOST = 50  # people that a search shows
NOWHERE = "@erased.invalid"  # ends the address that stands where one is asked for and nobody is meant


@dataclass(frozen=True, slots=True)
class Person:
    """A row of a table of people, with the words that name them: longest first, as they stand there.

    Of a row that was deleted, what the history remembers: `row` is then made of that, and in no table.
    """

    holding: Holding
    row: Any
    words: tuple[str, ...]

    @property
    def what(self) -> str:
        return called(self.holding)

    @property
    def name(self) -> str:
        """As people call them; where the name is erased or missing, by what is left."""
        name = str(self.row)
        return name if name not in ("", LABEL) or not self.words else self.words[0]

    @property
    def is_gone(self) -> bool:
        """Whether their row was deleted."""
        return bool(self.row._state.adding)

    @property
    def emails(self) -> list[str]:
        return [word for word in self.words if "@" in word]


def subjects() -> list[Holding]:
    """The tables of people in a workspace."""
    return [one for one in all_holdings() if one.identifies and stands_in(model_of(one), tenant=True)]


def model_of(holding: Holding) -> Any:
    return apps.get_model(holding.what)


def search(text: str) -> list[Person]:
    """People whose identifying fields hold the words, accents and case aside, those who are there before those whose row
    was deleted. In the tenant's scope.
    """
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
    folded = [fold(word) for word in words]

    def is_meant(values: Mapping[str, str]) -> bool:
        text = fold(" ".join(values.values()))
        return all(word and word in text for word in folded)

    for holding in subjects() if words else ():
        found += deleted(holding, is_meant)
    return found[:MOST]


def deleted(holding: Holding, is_meant: Callable[[Mapping[str, str]], bool]) -> list[Person]:
    """People whose row was deleted, the last one first, as the entry of that knows them: `is_meant` is asked with their
    identifying values. Those who were erased are nobody any more. In the tenant's scope.
    """
    found = {
        key: values
        for key, values in _as_they_were(holding, LogEntry.objects.all())
        if is_meant(values) and _words(values.values())
    }
    model = model_of(holding)
    there = set(model._default_manager.filter(pk__in=found).values_list("pk", flat=True))
    gone = [(key, values) for key, values in found.items() if UUID(key) not in there]
    return [_deleted(holding, key, values) for key, values in gone[:MOST]]


def _as_they_were(holding: Holding, entries: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """(key, {identifying field: value}) of rows of that table that were deleted."""
    was = {f"was_{name}": KT(f"changes__{name}__0") for name in holding.identifies}
    of_table = entries.filter(
        content_type=ContentType.objects.get_for_model(model_of(holding)), action=LogEntry.Action.DELETE
    )
    found = of_table.annotate(**was).order_by("-timestamp", "-id").values_list("object_pk", *was)
    for key, *values in found.iterator(chunk_size=1000):
        yield key, {name: value or "" for name, value in zip(holding.identifies, values, strict=True)}


def _deleted(holding: Holding, key: str, values: Mapping[str, str]) -> Person:
    return Person(holding, model_of(holding)(pk=UUID(key), **values), _words(values.values()))


def _words(values: Iterable[str]) -> tuple[str, ...]:
    return longest_first(value for value in values if not value.endswith(NOWHERE))


def _is_erased(row: Any) -> bool:
    return str(row) == LABEL


def find(what: str, id: UUID) -> Person | None:
    """The person of that table ("contacts.Contact") and key, whose row may be deleted; None when there is none, or they
    were erased.
    """
    for holding in subjects():
        if holding.what.lower() == what.lower():
            row = model_of(holding)._default_manager.filter(pk=id).first()
            if row is None:
                return _find_deleted(holding, id)
            return None if _is_erased(row) else person_of(holding, row)
    return None


def _find_deleted(holding: Holding, id: UUID) -> Person | None:
    for key, values in _as_they_were(holding, LogEntry.objects.filter(object_pk=str(id))):
        found = _deleted(holding, key, values)
        return found if found.words else None
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
    if person.is_gone:
        has_come_back = any(User.objects.by_email(address) for address in person.emails)
        return (
            _now("Somebody in the team has this address now: what is kept for it is theirs.")
            if has_come_back
            else ""
        )
    if row.pk == by:
        return _now("You can’t erase yourself: another owner can, once you are deactivated.")
    if row.is_active:
        return _now("They may sign in: deactivate them first, on the page of the team.")
    return ""
