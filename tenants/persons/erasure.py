"""The instruction to erase a person, which waits and can be cancelled, and the saga that carries it out."""

import base64
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.mail import backend
from tenants import gate, sagas
from tenants.keys import KeyStore
from tenants.ledger import Entry, Ledger
from tenants.models import CannotAct, Saga, State, Tenant
from tenants.persons.person import LABEL, Person, longest_first, model_of, person_of, subjects, why_not
from tenants.persons.redaction import (
    A_MOMENT,
    forget_mails,
    hold_work,
    note,
    redact_shared,
    redact_workspace,
)
from tenants.schemas import snapshot

ERASE_PERSON = sagas.Kind("erase_person", no_return="redact_everything")
DELAY = timedelta(hours=12)
CLOSED = (State.ERASING, State.RESTORING)


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
    """In one transaction. Raises NotYet while the workspace is closed, as its erasure may be cancelled, or waits for its wave."""
    tenant = Tenant.locked(saga.subject)
    if tenant.state in CLOSED:
        raise sagas.NotYet(timezone.now() + timedelta(hours=1))
    _in_tables_of_this_release(tenant)
    sealed = base64.b64decode(saga.data["sealed"])
    words = tuple(json.loads(KeyStore.default().unseal(saga.subject, sealed)))
    with scope.tenant(saga.subject):
        person = _named(saga.data["what"], UUID(saga.data["row"]), words)
    assert person is not None
    with scope.tenant(saga.subject):
        if why_not(person, by=None):
            raise sagas.CannotGoOn("They may sign in again meanwhile: nobody was erased.")
    # In a database that was put back the ledger has been applied already: these words may find more.
    known = {entry.key for entry in Ledger.default().people(saga.subject)}
    _take_out(person, tenant, saga, is_noted=_entry(saga, tenant).key in known)
    saga.data.pop("sealed")


@ERASE_PERSON.step(_("Noting it in the erasure ledger"), outside=True)
def record(saga: Saga) -> None:
    """At once, so that no database from a backup brings them back: before anybody is told that it is done.

    Nothing of a workspace that was erased meanwhile: its own entry stands for everybody in it.
    """
    with scope.shared():
        tenant = Tenant.objects.filter(pk=saga.subject).first()
        entry = _entry(saga, tenant) if tenant else None
    if entry is not None:
        gate.record(entry)


def _entry(saga: Saga, tenant: Tenant) -> Entry:
    return Entry(
        kind="person",
        tenant=tenant.pk,
        client=tenant.client_id,
        requested_at=saga.created_at,
        erased_at=timezone.now(),
        model=saga.data["what"],
        row=UUID(saga.data["row"]),
        origins=origins_of(tenant.pk),
    )


def origins_of(tenant_id: UUID) -> tuple[UUID, ...]:
    """The workspaces of whose copies this one was made, the nearest first: their copies hold the same rows.

    As the restore noted them, which stays with the workspace. In the shared scope.
    """
    made = Saga.objects.filter(kind="restore", subject=tenant_id).first()
    if made is None or "origin" not in made.data:
        return ()
    return tuple(UUID(one) for one in (made.data["origin"], *made.data.get("before", ())))


@ERASE_PERSON.step(_("Removing files"), outside=True)
def remove_files(saga: Saga) -> None:
    with scope.tenant(saga.subject):
        for name in saga.data.get("files", []):
            default_storage.delete(name)
    for folder, stem in saga.data.get("mails", []):
        backend.remove(folder, stem)
    saga.data.pop("files", None)
    saga.data.pop("mails", None)


# --- again, in a database or a copy that is older than the erasure ------------------------------------------


def redact_again(entry: Entry, saga: Saga) -> Person | None:
    """Take the ledger's person out of the saga's workspace, as their row and its history name them there.

    Returns whom it took out. Does nothing where the workspace, or whoever the row named, is gone. What has to leave the
    disk is noted in the saga, for `remove_files`. In the shared scope, in one transaction with the cursor.
    """
    tenant = Tenant.objects.select_for_update().filter(pk=saga.subject).first()
    if tenant is None:
        return None
    _in_tables_of_this_release(tenant)
    assert entry.row is not None
    with scope.tenant(tenant.pk):
        person = _named(entry.model, entry.row, ())
    if person is None or not person.words or str(person.row) == LABEL:
        person = None
    else:
        _take_out(person, tenant, saga)
    for asked in asked_for(tenant.pk, entry.row):
        if asked.status == Saga.Status.WAITING and _entry(asked, tenant).key == entry.key:
            sagas.hasten(asked, timezone.now())  # nobody can cancel what was done
    return person


def _in_tables_of_this_release(tenant: Tenant) -> None:
    """Else the history's own functions may have other names there, which no comparison of tables tells. Raises NotYet."""
    recorded = snapshot.current()
    if (tenant.release, tenant.fingerprint) != (recorded.release, recorded.fingerprint):
        raise sagas.NotYet(timezone.now() + A_MOMENT)


def _take_out(person: Person, tenant: Tenant, saga: Saga, *, is_noted: bool = False) -> None:
    """Records, history, mails and shared rows; and a note in the workspace's history, unless it has one."""
    client = tenant.client
    hold_work(person, tenant)
    with scope.tenant(tenant.pk):
        mail_stems = forget_mails(person)
        done = redact_workspace(person, tenant.pk, now=timezone.now())
        done.mails += len(mail_stems)
        mail_stems += [(tenant.pk, stem) for stem in done.rewritten_mails]
        if not is_noted:
            note(done, client)
    redact_shared(person, tenant, mail_stems)
    saga.data["files"] = [*saga.data.get("files", ()), *done.files]
    saga.data["mails"] = [*saga.data.get("mails", ()), *([str(folder), stem] for folder, stem in mail_stems)]


def _named(what: str, id: UUID, words: Sequence[str]) -> Person | None:
    """The person of that row, with the former words too; None where the table is not there any more.

    A row that was deleted meanwhile has a history still.
    """
    holding = next((one for one in subjects() if one.what == what), None)
    if holding is None:
        return None
    row = model_of(holding)._default_manager.filter(pk=id).first()
    person = person_of(holding, row) if row else Person(holding, model_of(holding)(pk=id), ())
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
    return longest_first(iter({*words, *person.words, *former}))
