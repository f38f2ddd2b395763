"""Erasing one person out of a workspace, by its owner: a colleague who was deactivated, or a contact (P40).

What is personal, and which tables are of people, stands in the register of holdings. The instruction waits twelve hours,
its words sealed to the tenant's key; then a saga takes the person out of records, history, mails and files. The rows
themselves stay, without a name, where others point at them.
"""

import base64
import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import CharField, EmailField, JSONField, Model, Q, QuerySet, TextField, URLField
from django.db.models.functions import Cast
from django.utils import timezone, translation
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.history.models import Event, LogEntry
from shared_apps.history.redaction import redact
from shared_apps.history.registry import is_registered
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import Holding, all_holdings, stands_in
from shared_apps.kit.text import fold
from shared_apps.mail import backend
from shared_apps.mail.models import Message
from tenants import sagas
from tenants.holdings import called, rows_about
from tenants.keys import KeyStore
from tenants.models import CannotAct, Departure, Domain, Export, Saga, State, Tenant

ERASE_PERSON = sagas.Kind("erase_person", no_return="redact_everything")
DELAY = timedelta(hours=12)
LABEL = (
    "[erased]"  # what stands where somebody was named; the history's own word for it (history/triggers.py)
)
SHORTEST = 4  # characters of a word that is looked for within longer texts
MOST = 50  # people that a search shows
# Corrected on their own page; redacted by the owner role; made of numbers and roles (requests.py).
LEFT_IN_SHARED = ("clients.Client", "history.LogEntry", "tenants.SignUp", "jobs.Job")
CLOSED = (State.ERASING, State.RESTORING)


# --- who is meant -----------------------------------------------------------------------------------------


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
        found += [_person(holding, row) for row in rows[:MOST] if not _is_erased(row)]
    return found[:MOST]


def _is_erased(row: Any) -> bool:
    return str(row) == LABEL


def find(what: str, id: UUID) -> Person | None:
    """The person of that table ("contacts.Contact") and key; None when there is none, or they were erased."""
    for holding in subjects():
        if holding.what.lower() == what.lower():
            row = model_of(holding)._default_manager.filter(pk=id).first()
            return None if row is None or _is_erased(row) else _person(holding, row)
    return None


def _person(holding: Holding, row: Any) -> Person:
    return Person(holding, row, _longest_first(str(getattr(row, name) or "") for name in holding.identifies))


def _longest_first(words: Iterator[str]) -> tuple[str, ...]:
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


# --- what is found ----------------------------------------------------------------------------------------


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
    letters = _mails_to(person)
    client = tenant.client
    known = {client.contact_email.casefold(), client.contact_name.casefold()}
    return Preview(
        person=person,
        records=[one for one in found if one.holding.what != "mail.Message"],
        mails=len({row.pk for one in found if one.holding.what == "mail.Message" for row, _ in one.rows}
                  | {row.pk for row in letters}),
        entries=len(_entries(person.words, person)),
        files=_files_of(person),
        namesakes=namesakes(person),
        is_contact_person=any(word.casefold() in known for word in person.words),
    )  # fmt: skip


def namesakes(person: Person) -> list[Person]:
    """Others whose own record has one of the words: somebody of the same name, or the same person twice."""
    found = []
    for holding in subjects():
        model, asked = model_of(holding), Q()
        for name in holding.identifies:
            for word in person.words:
                asked |= Q(**{f"{name}__iexact": word})
        if asked:
            rows = model._default_manager.filter(asked)
            if holding.what == person.holding.what:
                rows = rows.exclude(pk=person.row.pk)
            found += [_person(holding, row) for row in rows[:MOST]]
    return found


def occurrences(person: Person) -> list[Found]:
    """Rows of the workspace, others than the person's own, whose personal fields hold one of the words."""
    return [_in_table(holding, person) for holding in all_holdings() if _may_name(holding)]


def _may_name(holding: Holding) -> bool:
    if not holding.personal or ":" in holding.what:
        return False
    return stands_in(model_of(holding), tenant=True) and holding.what != "history.LogEntry"


def _in_table(holding: Holding, person: Person) -> Found:
    model, found = model_of(holding), Found(holding)
    names, asked, texts = [one.name for one in _fields(holding)], Q(), {}
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
        held = [name for name in names if without(getattr(row, name), person.words) != getattr(row, name)]
        if held:
            found.rows.append((row, held))
    return found


def _fields(holding: Holding) -> list[Any]:
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


def _pattern(word: str) -> "re.Pattern[str]":
    parts = r"\s+".join(re.escape(part) for part in word.split())
    return re.compile(rf"(?<!\w){parts}(?!\w)", re.IGNORECASE)


def _mails_to(person: Person) -> list[Message]:
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
    return list(_holding(words, asked))


def _holding(words: Sequence[str], also: Q | None = None) -> "QuerySet[Any]":
    asked = also if also is not None else Q(pk__in=[])
    for word in words:
        for name in ("text", "object_repr", "actor_name", "actor_behalf"):
            how = "icontains" if len(word) >= SHORTEST else "iexact"
            asked |= Q(**{f"{name}__{how}": word})
        if len(word) < SHORTEST:
            asked |= Q(text__icontains=json.dumps(word, ensure_ascii=False))
    found: QuerySet[Any] = LogEntry.objects.annotate(text=Cast("changes", TextField()))
    return found.filter(asked)


# --- the instruction --------------------------------------------------------------------------------------


def request(person: Person, *, tenant_id: UUID, by: UUID, now: datetime, delay: timedelta = DELAY) -> Saga:
    """Have the person erased after `delay`, unless an owner cancels it. Twice the same click is one instruction.

    The words are those that the preview was made with. Raises CannotAct.
    """
    refused = why_not(person, by=by)
    if refused:
        raise CannotAct(refused)
    with scope.shared():
        if Tenant.locked(tenant_id).state in CLOSED:
            raise CannotAct(_now("This workspace is closed."))
        before = asked_for(tenant_id, person.row.pk)
        waiting = next((one for one in before if one.status not in sagas.OVER), None)
        if waiting:
            return waiting
        sealed = KeyStore.default().seal(tenant_id, json.dumps(person.words).encode())
        return sagas.start(
            ERASE_PERSON.name,
            tenant_id,
            key=f"erase_person:{person.row.pk}:{len(before)}",
            data={
                "what": person.holding.what,
                "row": str(person.row.pk),
                "sealed": base64.b64encode(sealed).decode(),
            },
            due_at=now + delay,
        )


def asked_for(tenant_id: UUID, row: UUID | None = None) -> list[Saga]:
    """The instructions of a workspace, of one row when it is named; the newest first. In the shared scope."""
    found = Saga.objects.filter(kind=ERASE_PERSON.name, subject=tenant_id).order_by("-created_at")
    return list(found if row is None else found.filter(data__row=str(row)))


def cancel(saga: Saga) -> None:
    """Nothing happens to the person, and the words are forgotten. Raises CannotAct once the erasure has begun."""
    with scope.shared():
        try:
            found = sagas.cancel(saga)
        except sagas.CannotCancel as error:
            raise CannotAct(_now("It is too late: the person was erased, or is being erased.")) from error
        found.data.pop("sealed", None)
        found.save(update_fields=["data", "updated_at"])


# --- the steps --------------------------------------------------------------------------------------------


@ERASE_PERSON.step(_("Taking the person out of records, history and mails"), weight=3)
def redact_everything(saga: Saga) -> None:
    """In one transaction. Raises NotYet while the workspace is closed: its erasure may be cancelled still."""
    tenant = Tenant.locked(saga.subject)
    client = tenant.client
    if tenant.state in CLOSED:
        raise sagas.NotYet(timezone.now() + timedelta(hours=1))
    sealed = base64.b64decode(saga.data["sealed"])
    words = tuple(json.loads(KeyStore.default().unseal(saga.subject, sealed)))
    with scope.tenant(saga.subject):
        person = _named(saga.data["what"], UUID(saga.data["row"]), words)
        if isinstance(person.row, User) and person.row.is_active:
            raise sagas.CannotGoOn("They may sign in again meanwhile: nobody was erased.")
        mail_stems = _forget_mails(person)
        done = _redact(person, saga.subject)
        done.mails += len(mail_stems)
        mail_stems += [(saga.subject, stem) for stem in done.rewritten_mails]
        _note(done, client)
    _redact_shared(person, tenant, mail_stems)
    saga.data |= {"files": done.files, "mails": [[str(folder), stem] for folder, stem in mail_stems]}
    saga.data.pop("sealed")


@ERASE_PERSON.step(_("Removing files"), outside=True)
def remove_files(saga: Saga) -> None:
    with scope.tenant(saga.subject):
        for name in saga.data.get("files", []):
            default_storage.delete(name)
    for folder, stem in saga.data.get("mails", []):
        backend.remove(folder, stem)
    saga.data.pop("files", None)
    saga.data.pop("mails", None)


@dataclass(slots=True)
class _Done:
    records: int = 0
    entries: int = 0
    mails: int = 0
    rewritten_mails: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def _named(what: str, id: UUID, words: Sequence[str]) -> Person:
    """The person of an instruction, with the former words too. A row that was deleted meanwhile has a history still."""
    holding = next(one for one in subjects() if one.what == what)
    row = model_of(holding)._default_manager.filter(pk=id).first()
    person = _person(holding, row) if row else Person(holding, model_of(holding)(pk=id), ())
    return Person(holding, person.row, _with_former(person, words))


def _with_former(person: Person, words: Sequence[str]) -> tuple[str, ...]:
    """With the values that the identifying fields had before, as the history knows them."""
    type_ = ContentType.objects.get_for_model(person.row)
    former: set[str] = set()
    for changes in LogEntry.objects.filter(content_type=type_, object_pk=str(person.row.pk)).values_list(
        "changes", flat=True
    ):
        for name in person.holding.identifies:
            former |= {str(value) for value in changes.get(name) or () if value}
    return _longest_first(iter({*words, *person.words, *former}))


def _redact(person: Person, tenant_id: UUID) -> _Done:
    """Records first: what their change writes into the history goes with the rest of it."""
    done = _Done()
    shared_words = {word for one in namesakes(person) for word in one.words}
    changed: list[tuple[Any, list[str]]] = []
    for found in occurrences(person):
        for row, names in found.rows:
            _write(row, names, person.words)
            changed.append((row, names))
    done.rewritten_mails = [str(row.pk) for row, _names in changed if isinstance(row, Message)]
    done.mails = len(done.rewritten_mails)
    children = _children(person)
    if not person.row._state.adding:
        done.files = person.row.forget(LABEL)
    _make_twins_anew(person.words)
    done.records = len(changed) - done.mails + 1
    alone = [word for word in person.words if word not in shared_words]
    left_alone = _rows_of_namesakes(person)
    with scope.owner(tenant=tenant_id):
        done.entries = redact(type(person.row), person.row.pk, fields=None, values=alone)
        for model, key, fields in children:
            done.entries += redact(model, key, fields=fields)
        for row, names in changed:
            if is_registered(type(row)):
                done.entries += redact(type(row), row.pk, fields=names)
        for model, key, fields, names_ in _left(person.words, left_alone):
            done.entries += redact(model, key, fields=fields, values=names_)
    return done


def _make_twins_anew(words: Sequence[str]) -> None:
    """What is made from other columns, a search text or a sorting key, is made again by the rows' own save."""
    for holding in all_holdings():
        if not _may_name(holding):
            continue
        model, asked = model_of(holding), Q()
        for name in holding.personal:
            if not model._meta.get_field(name).editable:
                for word in words:
                    asked |= Q(**{f"{name}__icontains": fold(word)})
        for row in model._default_manager.filter(asked) if asked else ():
            row.save()


def _write(row: Any, names: Sequence[str], words: Sequence[str]) -> None:
    for name in names:
        one = row._meta.get_field(name)
        if isinstance(one, EmailField | URLField):
            setattr(
                row, name, f"{row.pk}@erased.invalid" if isinstance(one, EmailField) and not one.blank else ""
            )
        else:
            text = without(getattr(row, name), words)
            longest = getattr(one, "max_length", None)
            setattr(row, name, text[:longest] if isinstance(text, str) and longest else text)
    _save(row, [name for name in names if getattr(row, name) == LABEL])


def _save(row: Any, alone: Sequence[str]) -> None:
    """With a number behind LABEL where a table wants each name once. Raises IntegrityError for what that doesn't mend."""
    for number in count(2):
        try:
            with transaction.atomic():
                row.save()
            return
        except IntegrityError:
            if not alone or number > MOST:
                raise
            for name in alone:
                setattr(row, name, f"{LABEL} {number}")


def _children(person: Person) -> list[tuple[type[Model], str, list[str]]]:
    """Rows that show their changes with the person's, such as its files: [(model, key, personal fields)]."""
    declared = {holding.what: holding for holding in all_holdings()}
    type_ = ContentType.objects.get_for_model(person.row)
    found = LogEntry.objects.filter(parent_type=type_, parent_pk=str(person.row.pk))
    listed = []
    for content_type, key in sorted(set(found.values_list("content_type_id", "object_pk"))):
        model = ContentType.objects.get_for_id(content_type).model_class()
        holding = declared.get(model._meta.label) if model else None
        if model and holding and holding.personal:
            listed.append((model, key, list(holding.personal)))
    return listed


def _rows_of_namesakes(person: Person) -> set[tuple[str, str]]:
    return {(one.holding.what, str(one.row.pk)) for one in namesakes(person)}


def _left(
    words: Sequence[str], left_alone: Collection[tuple[str, str]]
) -> list[tuple[type[Model], str, list[str], list[str]]]:
    """Entries that still hold a word within a longer text: [(model, key, fields, names that stand alone)].

    Rows that are gone have entries too. What a namesake's own entries say about themselves stays.
    """
    found: dict[tuple[int, str], tuple[set[str], set[str]]] = {}
    for entry in _holding(words):
        fields, alone = found.setdefault((entry.content_type_id, entry.object_pk), (set(), set()))
        fields |= {name for name, sides in entry.changes.items() if without(sides, words) != sides}
        for said in (entry.object_repr, entry.actor_name, entry.actor_behalf):
            if without(said, words) != said:
                alone.add(said)
    listed = []
    for (type_id, key), (fields, alone) in sorted(found.items()):
        model = ContentType.objects.get_for_id(type_id).model_class()
        if model is None or not (fields or alone) or (model._meta.label, key) in left_alone:
            continue
        listed.append((model, key, sorted(fields), sorted(alone)))
    return listed


def _forget_mails(person: Person) -> list[tuple[UUID | str, str]]:
    """Mails to the person go, queued ones too; what they refused and what came back from them also."""
    here = scope.tenant_id()
    assert here is not None
    gone = [(here, str(message.pk)) for message in _mails_to(person)]
    Message.objects.filter(pk__in=[pk for _folder, pk in gone]).delete()
    for address in person.emails:
        with suppress(ValueError):
            mail.forget(address, is_used=User.objects.by_email(address) is not None)
    return [*gone]


def _note(done: _Done, client: Client) -> None:
    """In the client's own history, with numbers and no name."""
    with translation.override(client.language):
        note = ", ".join(
            (
                ngettext("%(n)s record", "%(n)s records", done.records) % {"n": done.records},
                ngettext("%(n)s change in the history", "%(n)s changes in the history", done.entries)
                % {"n": done.entries},
                ngettext("%(n)s mail", "%(n)s mails", done.mails) % {"n": done.mails},
                ngettext("%(n)s file", "%(n)s files", len(done.files)) % {"n": len(done.files)},
            )
        )
    Event.objects.create(what=Event.What.PERSON_ERASED, note=note[:200])


def _redact_shared(person: Person, tenant: Tenant, mail_stems: list[tuple[UUID | str, str]]) -> None:
    """What the shared schema knows of them: as an author, in the outbox, as whoever asked for work. In the shared scope.

    The contact details of the company stay: they are corrected on their own page.
    """
    key, client = str(person.row.pk), tenant.client
    kept = client.contact_email.casefold()
    for address in person.emails:
        if address.casefold() == kept:
            continue
        for message in Message.objects.filter(about__in=(client.pk, tenant.id), to_address__iexact=address):
            mail_stems.append((message.about or "shared", str(message.pk)))
            message.delete()
    _rename_in_shared(person, tenant)
    if not isinstance(person.row, User):
        return
    for job in Job.objects.filter(tenant_uuid=tenant.id, actor__id=key):
        job.actor = {**(job.actor or {}), "name": LABEL}
        job.save(update_fields=["actor"])
    for saga in Saga.objects.filter(subject=tenant.id, data__actor__id=key):
        Saga.objects.filter(pk=saga.pk).update(
            data={**saga.data, "actor": {**saga.data["actor"], "name": LABEL}}
        )
        _rename_jobs(saga, key)
    own = [str(tenant.id), str(client.pk)]
    for model in (Domain, Export, Departure):
        name = "tenant_id" if model is Domain else "tenant_uuid"
        rows: QuerySet[Any] = model._default_manager.filter(**{name: tenant.id})  # type: ignore[misc]
        own += [str(one) for one in rows.order_by().values_list("pk", flat=True)]
    with scope.owner():
        redact(User, key, fields=None, about=own)


def _rename_in_shared(person: Person, tenant: Tenant) -> None:
    """Shared rows about the client that name somebody: who let an operator in, who asked Smoall something."""
    today = day_of(timezone.now())
    for holding in all_holdings():
        if holding.whose != "client" or not holding.personal or holding.what in LEFT_IN_SHARED:
            continue
        model: Any = model_of(holding)
        if not stands_in(model, tenant=False):
            continue
        fields = [one for one in _fields(holding) if not isinstance(one, JSONField)]
        for row in rows_about(holding, tenant, today=today):
            new = {one.name: without(getattr(row, one.name), person.words) for one in fields}
            changed = {name: value for name, value in new.items() if value != getattr(row, name)}
            if not changed:
                continue
            model._default_manager.filter(pk=row.pk).update(**changed)
            if is_registered(model):
                with scope.owner():
                    redact(model, row.pk, fields=[*changed])


def _rename_jobs(saga: Saga, key: str) -> None:
    for job in Job.objects.filter(name=sagas.advance.name, args=[str(saga.pk)], actor__id=key):
        job.actor = {**(job.actor or {}), "name": LABEL}
        job.save(update_fields=["actor"])
