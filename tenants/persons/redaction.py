"""Taking a person out: of records, history and mails of the workspace, and of the shared rows about the client."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.db.models import JSONField, Model, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import ngettext

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.history.models import Event, LogEntry
from shared_apps.history.redaction import redact, redact_values
from shared_apps.history.registry import is_registered
from shared_apps.jobs import guard
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import LOCK as JOB_LOCK
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import all_holdings, stands_in
from shared_apps.kit.text import fold
from shared_apps.mail.models import Message
from tenants import correction, forgetting, sagas
from tenants.holdings import rows_about
from tenants.models import Departure, Domain, Export, Saga, Tenant
from tenants.persons.found import (
    CONTACT,
    cleared,
    entries_with,
    fields_of,
    mails_to,
    may_name,
    names_them,
    namesakes,
    occurrences,
    squeezed,
    without,
)
from tenants.persons.person import LABEL, MOST, Person, model_of

A_MOMENT = timedelta(minutes=1)
# Corrected on their own page; redacted by the owner role; made of numbers and roles (requests.py).
LEFT_IN_SHARED = ("clients.Client", "history.LogEntry", "tenants.SignUp", "jobs.Job")


@dataclass(slots=True)
class _Done:
    records: int = 0
    entries: int = 0
    mails: int = 0
    rewritten_mails: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def redact_workspace(person: Person, tenant_id: UUID, *, now: datetime) -> _Done:
    """Records first: what their change writes into the history goes with the rest of it."""
    done = _Done()
    others = namesakes(person)
    shared_words = {word.casefold() for one in others for word in one.words}
    changed: list[tuple[Any, list[str]]] = []
    for found in occurrences(person):
        for row, names in found.rows:
            _write(row, names, person.words, now)
            changed.append((row, names))
    done.rewritten_mails = [str(row.pk) for row, _names in changed if isinstance(row, Message)]
    done.mails = len(done.rewritten_mails)
    children = _children(person)
    if not person.is_gone:
        done.files = person.row.forget(LABEL, now=now)
    _make_twins_anew(person.words)
    done.records = len(changed) - done.mails + (not person.is_gone)
    alone = [word for word in person.words if word.casefold() not in shared_words]
    with scope.owner(tenant=tenant_id):
        done.entries = redact(type(person.row), person.row.pk, fields=None, values=alone)
        for model, key, fields in children:
            done.entries += redact(model, key, fields=fields)
        for row, names in changed:
            if is_registered(type(row)):
                done.entries += redact(type(row), row.pk, fields=names)
        for model, key, fields, names_ in _left(person.words, others, shared_words):
            done.entries += redact(model, key, fields=fields, values=names_)
    return done


def _make_twins_anew(words: Sequence[str]) -> None:
    """What is made from other columns, a search text or a sorting key, is made again by the rows' own save."""
    for holding in all_holdings():
        if not may_name(holding):
            continue
        model, asked = model_of(holding), Q()
        for name in holding.personal:
            if not model._meta.get_field(name).editable:
                for word in words:
                    asked |= Q(**{f"{name}__icontains": fold(word)})
        for row in model._default_manager.filter(asked) if asked else ():
            row.save()


def _write(row: Any, names: Sequence[str], words: Sequence[str], now: datetime) -> None:
    for name in names:
        setattr(row, name, cleared(row, name, words))
    row.note_change(now)  # else a form that was opened before would write the name again, unasked
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


def _left(
    words: Sequence[str], namesakes: Sequence[Person], shared_words: Collection[str]
) -> list[tuple[type[Model], str, list[str], list[str]]]:
    """Entries that still hold a word within a longer text: [(model, key, fields, names that stand alone)].

    Rows that are gone have entries too. What a namesake's own entries say about themselves stays, and so does their name
    where it stands alone, as an author's.
    """
    left_alone = {(one.holding.what, str(one.row.pk)) for one in namesakes}
    found: dict[tuple[int, str], tuple[set[str], set[str]]] = {}
    for entry in entries_with(words):
        fields, alone = found.setdefault((entry.content_type_id, entry.object_pk), (set(), set()))
        fields |= {
            name for name, sides in entry.changes.items() if any(names_them(side, words) for side in sides)
        }
        for said in (entry.object_repr, entry.actor_name, entry.actor_behalf):
            if without(said, words) != said and said.casefold() not in shared_words:
                alone.add(said)
    listed = []
    for (type_id, key), (fields, alone) in sorted(found.items()):
        model = ContentType.objects.get_for_id(type_id).model_class()
        if model is None or not (fields or alone) or (model._meta.label, key) in left_alone:
            continue
        listed.append((model, key, sorted(fields), sorted(alone)))
    return listed


def forget_mails(person: Person) -> list[tuple[UUID | str, str]]:
    """Mails to the person go, queued ones too; what they refused and what came back from them also."""
    here = scope.tenant_id()
    assert here is not None
    gone = [(here, str(message.pk)) for message in mails_to(person)]
    Message.objects.filter(pk__in=[pk for _folder, pk in gone]).delete()
    for address in person.emails:
        with suppress(ValueError):
            mail.forget(address, is_used=User.objects.by_email(address) is not None)
    return [*gone]


def note(done: _Done, client: Client) -> None:
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


def redact_shared(person: Person, tenant: Tenant, mail_stems: list[tuple[UUID | str, str]]) -> None:
    """What the shared schema knows of them: as an author, in the outbox, as whoever asked for work. In the shared scope.

    The contact details of the company stay, they are corrected on their own page; but not who was named there before.
    """
    key, client = str(person.row.pk), tenant.client
    kept = client.contact_email.casefold()
    for address in person.emails:
        if address.casefold() == kept:
            continue
        for message in Message.objects.filter(about__in=(client.pk, tenant.id), to_address__iexact=address):
            mail_stems.append((message.about or "shared", str(message.pk)))
            message.delete()
    _redact_former_contact(person, client)
    if _rename_in_shared(person, tenant):
        for watcher in correction.watchers:
            watcher(client.pk)
    if not isinstance(person.row, User):
        return
    for job in _jobs_of(person, tenant):
        job.actor = _unnamed(job.actor or {}, person)
        job.save(update_fields=["actor"])
    for saga in _sagas_of(person, tenant):
        saga.data["actor"] = _unnamed(saga.data["actor"], person)
        saga.save(update_fields=["data"])
        _rename_jobs(saga, key)
    own = [str(tenant.id), str(client.pk)]
    for model in (Domain, Export, Departure):
        name = "tenant_id" if model is Domain else "tenant_uuid"
        rows: QuerySet[Any] = model._default_manager.filter(**{name: tenant.id})  # type: ignore[misc]
        own += [str(one) for one in rows.order_by().values_list("pk", flat=True)]
    own += [own_key for one in forgetting.further for own_key in one.keys(client.pk)]
    with scope.owner():
        redact(User, key, fields=None, about=own, values=_said_on_behalf(person.words, own))


def hold_work(person: Person, tenant: Tenant) -> None:
    """Nothing works in the person's name from here to the end of the transaction: it would write the name again.

    Raises NotYet while something does. In the shared scope.
    """
    if not isinstance(person.row, User):
        return
    live = _jobs_of(person, tenant).filter(state__in=(Job.State.WAITING, Job.State.RUNNING))
    work = [(JOB_LOCK, job.pk) for job in live]
    work += [(sagas.LOCK, saga.pk) for saga in _sagas_of(person, tenant)]
    if not all(guard.lock_here(kind, id) for kind, id in work):
        raise sagas.NotYet(timezone.now() + A_MOMENT)


def _jobs_of(person: Person, tenant: Tenant) -> "QuerySet[Job]":
    """Those that the person asked for, or others on their behalf."""
    asked = Q(actor__id=str(person.row.pk)) | Q(actor__behalf__in=person.words)
    return Job.objects.select_for_update().filter(asked, tenant_uuid=tenant.id).order_by("pk")


def _sagas_of(person: Person, tenant: Tenant) -> "QuerySet[Saga]":
    asked = Q(data__actor__id=str(person.row.pk)) | Q(data__actor__behalf__in=person.words)
    return Saga.objects.select_for_update().filter(asked, subject=tenant.id).order_by("pk")


def _unnamed(actor: dict[str, str], person: Person) -> dict[str, str]:
    name = LABEL if actor.get("id") == str(person.row.pk) else actor.get("name", "")
    return {**actor, "name": name, "behalf": without(actor.get("behalf", ""), person.words)}


def _said_on_behalf(words: Sequence[str], keys: Collection[str]) -> list[str]:
    """What the shared history of these rows says of whom something was done for, where that names the person."""
    said = LogEntry.on_behalf(keys).values_list("actor_behalf", flat=True).distinct()
    return sorted(one for one in said if without(one, words) != one)


def _rename_in_shared(person: Person, tenant: Tenant) -> bool:
    """Shared rows about the client that name somebody, or did: who let an operator in, who gets the invoices.

    Whether any of them is another now. Their objects are left: they hold roles and keys (requests.py), or what a processor
    was told, which follows once its own copy does.
    """
    today, is_changed = day_of(timezone.now()), False
    for holding in all_holdings():
        if holding.whose != "client" or not holding.personal or holding.what in LEFT_IN_SHARED:
            continue
        model: Any = model_of(holding)
        if not stands_in(model, tenant=False):
            continue
        fields = [one.name for one in fields_of(holding) if not isinstance(one, JSONField)]
        for row in rows_about(holding, tenant, today=today):
            new = {name: cleared(row, name, person.words) for name in fields}
            changed = {name: value for name, value in new.items() if value != getattr(row, name)}
            if changed:
                model._default_manager.filter(pk=row.pk).update(**changed)
                is_changed = True
            if is_registered(model):
                _redact_former(row, fields, lambda _name, value: names_them(value, person.words))
    return is_changed


def _redact_former_contact(person: Person, client: Client) -> None:
    """Who the contact person was: the values of theirs that are not in force any more."""
    words = {squeezed(word) for word in person.words}
    _redact_former(
        client,
        CONTACT,
        lambda name, value: squeezed(value) in words and squeezed(value) != squeezed(getattr(client, name)),
    )


def _redact_former(row: Any, fields: Collection[str], is_theirs: Callable[[str, str], bool]) -> None:
    """Out of the history of one shared row, the values of these fields that are the person's: (field, value)."""
    found: dict[str, set[str]] = {}
    type_ = ContentType.objects.get_for_model(row)
    entries = LogEntry.objects.filter(content_type=type_, object_pk=str(row.pk))
    for changes in entries.values_list("changes", flat=True):
        for name in fields:
            theirs = {side for side in changes.get(name, ()) if side and is_theirs(name, side)}
            if theirs:
                found.setdefault(name, set()).update(theirs)
    if found:
        with scope.owner():
            redact_values(type(row), row.pk, values=found)


def _rename_jobs(saga: Saga, key: str) -> None:
    for job in Job.objects.filter(name=sagas.advance.name, args=[str(saga.pk)], actor__id=key):
        job.actor = {**(job.actor or {}), "name": LABEL}
        job.save(update_fields=["actor"])
