"""What is found about a person: rows, entries of the history, mails and files that name them. Changes nothing."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, EmailField, JSONField, Q, QuerySet, TextField, URLField
from django.db.models.functions import Cast

from shared_apps.history.models import LogEntry
from shared_apps.kit.module import Holding, all_holdings, stands_in
from shared_apps.mail.models import Message
from tenants.holdings import called
from tenants.models import Tenant
from tenants.persons.person import LABEL, MOST, NOWHERE, Person, deleted, model_of, person_of, subjects

SHORTEST = 4  # characters of a word that is looked for within longer texts
CONTACT = ("contact_name", "contact_email", "phone")  # whom a client named to Smoall
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+")


@dataclass(slots=True)
class Found:
    """One table with rows that name the person: the rows, and the fields of each that do."""

    holding: Holding
    rows: list[tuple[Any, list[str]]] = field(default_factory=list)

    @property
    def what(self) -> str:
        return called(self.holding)

    @property
    def labels(self) -> list[str]:
        return [_shown(row) for row, _fields in self.rows[:5]]

    @property
    def more(self) -> int:
        return max(0, len(self.rows) - 5)


def _shown(row: Any) -> str:
    return str(row)[:80] or "–"


@dataclass(slots=True)
class Preview:
    """Everything that is found about a person in a workspace."""

    person: Person
    records: list[Found]
    mails: int
    entries: int  # of the history: of them, by them, or naming them
    files: list[str]  # names of files that go with them
    namesakes: list[Person]  # other records of people with the same words: they stay
    is_contact_person: bool


def preview(person: Person, tenant: Tenant) -> Preview:
    """What an erasure would reach now. Changes nothing. In the tenant's scope."""
    found = [one for one in occurrences(person) if one.rows]
    letters = mails_to(person)
    client = tenant.client
    known = {squeezed(getattr(client, name)) for name in CONTACT}
    return Preview(
        person=person,
        records=[one for one in found if one.holding.what != "mail.Message"],
        mails=len({row.pk for one in found if one.holding.what == "mail.Message" for row, _ in one.rows}
                  | {row.pk for row in letters}),
        entries=len(_entries(person.words, person)),
        files=_files_of(person),
        namesakes=namesakes(person),
        is_contact_person=any(squeezed(word) in known for word in person.words),
    )  # fmt: skip


def namesakes(person: Person) -> list[Person]:
    """Others whose own record has one of the words: somebody of the same name, or the same person twice. A deleted one too."""
    found, words = [], {word.casefold() for word in person.words}
    for holding in subjects():
        model, asked = model_of(holding), Q()
        for name in holding.identifies:
            for word in person.words:
                asked |= Q(**{f"{name}__iexact": word})
        if asked:
            rows = model._default_manager.filter(asked)
            if holding.what == person.holding.what:
                rows = rows.exclude(pk=person.row.pk)
            found += [person_of(holding, row) for row in rows[:MOST]]
        gone = deleted(holding, lambda values: any(value.casefold() in words for value in values.values()))
        found += [one for one in gone if one.row.pk != person.row.pk]
    return found


def occurrences(person: Person) -> list[Found]:
    """Rows of the workspace, others than the person's own, whose personal fields hold one of the words."""
    return [_in_table(holding, person) for holding in all_holdings() if may_name(holding)]


def may_name(holding: Holding) -> bool:
    if not holding.personal or ":" in holding.what:
        return False
    return stands_in(model_of(holding), tenant=True) and holding.what != "history.LogEntry"


def _in_table(holding: Holding, person: Person) -> Found:
    model, found = model_of(holding), Found(holding)
    names, asked, texts = [one.name for one in fields_of(holding)], Q(), {}
    for name in names:
        texts[f"text_{name}"] = Cast(name, TextField())
        for word in person.words:
            asked |= Q(**{f"text_{name}__icontains": word})
    if not asked:
        return found
    rows = model._default_manager.annotate(**texts).filter(asked)
    if holding.what == person.holding.what:
        rows = rows.exclude(pk=person.row.pk)
    for row in rows:
        held = [name for name in names if names_them(getattr(row, name), person.words)]
        if held:
            found.rows.append((row, held))
    return found


def fields_of(holding: Holding) -> list[Any]:
    """The personal fields in which somebody may be named: texts that people write. Twins follow their originals.

    In a table of people their own identifying fields are left alone: they name that row's person.
    """
    fields = [model_of(holding)._meta.get_field(name) for name in holding.personal]
    return [
        one
        for one in fields
        if isinstance(one, CharField | TextField | JSONField)
        and one.editable
        and not one.choices
        and one.name not in holding.identifies
        and not (holding.identifies and one.name in ("first_name", "last_name"))
    ]


def without(value: Any, words: Sequence[str]) -> Any:
    """The value with LABEL wherever one of the words stands, within lists and objects too; case aside, whole words."""
    if isinstance(value, str):
        for word in words:
            if value.strip().casefold() == word.casefold():
                return LABEL
            if len(word) >= SHORTEST:
                value = _pattern(word).sub(LABEL, value)
        return value
    if isinstance(value, list):
        return [without(one, words) for one in value]
    if isinstance(value, dict):
        return {key: without(one, words) for key, one in value.items()}
    return value


def names_them(value: Any, words: Sequence[str]) -> bool:
    """Whether a field's value names the person.

    An e-mail address is no text in which a name is looked for: that of a company called Peeters, or of a namesake, is
    theirs. It counts where it is one of the words as a whole.
    """
    if isinstance(value, str) and ADDRESS.fullmatch(value.strip()):
        return any(value.strip().casefold() == word.casefold() for word in words)
    return bool(without(value, words) != value)


def cleared(row: Any, name: str, words: Sequence[str]) -> Any:
    """What a field of a row is to hold, in whatever schema, so that it does not name the person any more."""
    field, value = row._meta.get_field(name), getattr(row, name)
    if not names_them(value, words):
        return value
    if isinstance(field, EmailField) and not field.blank:
        return f"{row.pk}{NOWHERE}"
    if isinstance(field, EmailField | URLField):
        return ""
    text, longest = without(value, words), getattr(field, "max_length", None)
    return text[:longest] if isinstance(text, str) and longest else text


def squeezed(text: str) -> str:
    """For comparing names, addresses and numbers as wholes, however they are spaced."""
    return "".join(text.split()).casefold()


def _pattern(word: str) -> "re.Pattern[str]":
    parts = r"\s+".join(re.escape(part) for part in word.split())
    return re.compile(rf"(?<!\w){parts}(?!\w)", re.IGNORECASE)


def mails_to(person: Person) -> list[Message]:
    asked = Q()
    for address in person.emails:
        asked |= Q(to_address__iexact=address)
    return list(Message.objects.filter(asked)) if asked else []


def _files_of(person: Person) -> list[str]:
    """Names, for people, of the files that are kept with the person's own row."""
    names: list[str] = []
    for relation in person.row._meta.related_objects:
        model = relation.related_model
        if any(one.get_internal_type() == "FileField" for one in model._meta.concrete_fields):
            names += [
                str(one) for one in model._default_manager.filter(**{relation.field.name: person.row.pk})
            ]
    return names


def _entries(words: Sequence[str], person: Person) -> "list[Any]":
    """Entries of the history that are the person's, were made by them, or hold one of the words. In the schema in force."""
    type_ = ContentType.objects.get_for_model(person.row)
    asked = Q(content_type_id=type_.pk, object_pk=str(person.row.pk)) | Q(actor_id=str(person.row.pk))
    return list(entries_with(words, asked))


def entries_with(words: Sequence[str], also: Q | None = None) -> "QuerySet[Any]":
    asked = also if also is not None else Q(pk__in=[])
    for word in words:
        for name in ("text", "object_repr", "actor_name", "actor_behalf"):
            how = "icontains" if len(word) >= SHORTEST else "iexact"
            asked |= Q(**{f"{name}__{how}": word})
        if len(word) < SHORTEST:
            asked |= Q(text__icontains=json.dumps(word, ensure_ascii=False))
    found: QuerySet[Any] = LogEntry.objects.annotate(text=Cast("changes", TextField()))
    return found.filter(asked)
