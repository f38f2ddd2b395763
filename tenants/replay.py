"""Erasing again, in a database that was restored from an older state, everybody whom the ledger names (I13).

Each entry that the database has not applied is a saga of the erasure's own destroying steps, without a mail, a
certificate or a line in the ledger of its own. gate.py keeps everything else closed until the last one is applied.
A person who can't be taken out of their workspace keeps that one closed, and no other: the entry is owed.
"""

import logging
from dataclasses import dataclass, field
from time import monotonic, sleep
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts import mails
from shared_apps.accounts.models import User
from shared_apps.jobs import guard
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from tenants import certificate, erasure, forgetting, gate, persons, physical, sagas
from tenants.keys import KeyStore
from tenants.ledger import Entry, Ledger, Recorded
from tenants.models import Departure, Erasure, RetiredName, Saga, State, Tenant
from tenants.schemas import snapshot

log = logging.getLogger("smoall.ledger")
REPLAYER = scope.Actor("system", "replay", "Smoall")
NOBODY = UUID(int=0)
TRY_AGAIN_AFTER = 30.0  # seconds before a worker tries a replay again that failed
DATA = sagas.Kind("replay", no_return="destroy_tables")
CONTACTS = sagas.Kind("replay_contacts", no_return="forget")
PERSON = sagas.Kind("replay_person", no_return="redact_again")
KINDS = {"data": DATA, "contacts": CONTACTS, "person": PERSON}


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: the entries that it applied, those that keep a workspace closed, and what is wrong when the
    whole database stays closed.
    """

    applied: list[Recorded] = field(default_factory=list)
    owed: list[Recorded] = field(default_factory=list)
    why: str = ""


def replay() -> Replayed:
    """Apply every entry that this database has not. One process at a time does it; may be called at any time.

    Raises LedgerBroken when the ledger was cut, lost or altered.
    """
    done = Replayed()
    with guard.held("replay", NOBODY) as taken:
        if not taken:
            return Replayed(why="Another process replays the ledger.")
        tried = set()
        while found := gate.unapplied():
            saga = sagas.run(begin(found[0]).pk)
            if gate.unapplied()[:1] != found[:1]:
                done.applied.append(found[0])
                log.warning("Entry %s of the erasure ledger was carried out again.", found[0].seq)
            elif saga.kind == PERSON.name and saga.status in (Saga.Status.WAITING, Saga.Status.FAILED):
                _owe(found[0], saga)
                tried.add(saga.pk)
            else:
                return Replayed(done.applied, why=f"Entry {found[0].seq} failed: {saga.error or saga.status}")
        for saga in _all_owed():
            if saga.pk not in tried:
                sagas.run(_now(saga).pk)
        seqs = {saga.data["seq"] for saga in _all_owed()}
        done.owed.extend(one for one in Ledger.default().entries() if one.seq in seqs)
    gate.look()
    return done


def begin(recorded: Recorded) -> Saga:
    """The saga that applies this entry, now: the one that an earlier run began, if there is one."""
    entry = recorded.entry
    with scope.shared(actor=REPLAYER):
        saga = sagas.start(
            KINDS[entry.kind].name,
            entry.tenant,
            key=_key(recorded),
            data={"seq": recorded.seq, "client": str(entry.client)},
        )
        return _now(saga)


def _now(saga: Saga) -> Saga:
    """Whoever asks for it doesn't wait for the back-off of an attempt before."""
    with scope.shared(actor=REPLAYER):
        if saga.status == Saga.Status.FAILED:
            return sagas.retry(saga)
        if saga.status == Saga.Status.WAITING and saga.due_at > timezone.now():
            return sagas.hasten(saga, timezone.now())
    return saga


# --- owed: one workspace closed, all others open ------------------------------------------------------------


def owed(tenant: UUID | None = None) -> "QuerySet[Saga]":
    """Work on persons who stand in their workspace again, which is closed until it is done. In the shared scope."""
    found = Saga.objects.filter(kind=PERSON.name, data__has_key="opens")
    return found if tenant is None else found.filter(subject=tenant)


def _all_owed() -> list[Saga]:
    with scope.shared():
        return list(owed().order_by("created_at"))


def _owe(recorded: Recorded, saga: Saga) -> None:
    """Close the person's workspace and move on: the saga is tried again from the schedule, and opens it.

    It has the state of one that is being restored: nobody enters, nothing is copied, mailed or shown of it. Closed
    and passed over together or not at all. Tells every operator.
    """
    with scope.shared(actor=REPLAYER), transaction.atomic():
        tenant = Tenant.objects.select_for_update().filter(pk=saga.subject).first()
        before = owed(saga.subject).first()
        opens = before.data["opens"] if before else _close(tenant) if tenant else ""
        saga.data["opens"] = opens
        sagas.remember(saga)
        _applied(recorded)
        alarm(
            f"{saga.subject}: somebody who was erased stands there again (entry {recorded.seq} of the ledger), so it is "
            f"closed until they are taken out. {saga.error}",
            once=recorded.seq,
        )


def _close(tenant: Tenant) -> str:
    """Returns the state that it goes back to; "" where a restore is at it, which opens it."""
    if tenant.state == State.RESTORING:
        return ""
    if tenant.state == State.ERASING:  # closed already; should its erasure be cancelled, it stays closed
        opens, tenant.state_before = tenant.state_before, State.RESTORING
        tenant.save(update_fields=["state_before"])
        return opens
    opens = tenant.state
    tenant._enter(State.RESTORING, reason=tenant.state_reason, now=timezone.now())
    return opens


def _open(saga: Saga) -> None:
    """Unless another person stands there still."""
    opens = saga.data.pop("opens")
    tenant = Tenant.objects.select_for_update().filter(pk=saga.subject).first()
    if tenant is None or not opens or owed(saga.subject).exclude(pk=saga.pk).exists():
        return
    if tenant.state == State.RESTORING:
        tenant._enter(State(opens), reason=tenant.state_reason, now=timezone.now())
    elif tenant.state_before == State.RESTORING:
        tenant.state_before = opens
        tenant.save(update_fields=["state_before"])


def alarm(text: str, *, once: object) -> None:
    """To the log, and by mail to every operator: what to do about it is for people. In the shared scope."""
    log.error("ALARM: workspace %s", text)
    mails.alarm(
        [text], purpose="tenants.replay", template="tenants/mail/replay", page="operators:work", once=once
    )


# --- for workers ------------------------------------------------------------------------------------------

_failed_at = float("-inf")


def may_work() -> bool:
    """Whether a worker may take a job. When the database lags behind, replay the ledger first."""
    global _failed_at
    if (found := gate.look()).is_open:
        return True
    if found.state == "behind" and monotonic() - _failed_at > TRY_AGAIN_AFTER:
        try:
            if why := replay().why:
                log.error("The replay of the erasure ledger stopped. %s", why)
        except (DatabaseError, OSError) as error:
            log.error("The replay of the erasure ledger stopped: %s", type(error).__name__)
        if gate.look().is_open:
            return True
        _failed_at = monotonic()
    sleep(0.2)
    return False


# --- the steps: data --------------------------------------------------------------------------------------

DATA.step(_("Counting what is there"))(erasure.count_up)
DATA.step(_("Destroying the tables"), weight=3)(erasure.destroy_tables)
DATA.step(_("Removing files, copies, jobs and mails"), outside=True, weight=2)(erasure.purge)
DATA.step(_("Destroying the key"), outside=True)(erasure.destroy_key)
DATA.step(_("Removing traces in the shared tables"))(erasure.erase_shared)


@DATA.step(_("Noting that the ledger’s entry was applied"))
def note_data(saga: Saga) -> None:
    recorded = _entry(saga)
    entry = recorded.entry
    if entry.name_hash:
        RetiredName.objects.get_or_create(hash=entry.name_hash)
    issued = (
        certificate.verify(entry.certificate, KeyStore.default().public_keys()) if entry.certificate else None
    )
    asked, _made = Erasure.objects.get_or_create(
        tenant_uuid=entry.tenant,
        cancelled_at=None,
        defaults={
            "client_uuid": entry.client,
            "requested_by": {"role": issued.certificate.requested_by if issued else ""},
            "requested_at": entry.requested_at,
            "closed_at": entry.erased_at,
            "destroy_at": entry.erased_at,
        },
    )
    if not asked.destroyed_at:
        asked.destroyed_at, asked.certificate = entry.erased_at, entry.certificate
        asked.save(update_fields=["destroyed_at", "certificate"])
    _departed(entry, by=asked.requested_by)
    _applied(recorded)


def _departed(entry: Entry, *, by: dict[str, str]) -> None:
    """The contact details keep their last day, though this database may never have known of the notice."""
    last = entry.contacts_on or day_of(entry.erased_at)
    found = Departure.objects.filter(tenant_uuid=entry.tenant, withdrawn_at=None).first() or Departure(
        tenant_uuid=entry.tenant,
        client_uuid=entry.client,
        origin=Departure.Origin.ERASURE,
        noticed_at=entry.requested_at,
        noticed_by=by,
        data_promised_on=day_of(entry.erased_at),
        contacts_promised_on=last,
        data_on=day_of(entry.erased_at),
    )
    found.data_erased_at, found.data_on = entry.erased_at, min(found.data_on, day_of(entry.erased_at))
    found.contacts_on = max(last, found.data_on)
    found.save()


# --- the steps: contact details ---------------------------------------------------------------------------


@CONTACTS.step(_("Erasing the contact details"))
def forget(saga: Saga) -> None:
    forgetting.forget_client(UUID(saga.data["client"]))


@CONTACTS.step(_("Removing mails and proofs"), outside=True)
def purge(saga: Saga) -> None:
    forgetting.purge_files(UUID(saga.data["client"]))


@CONTACTS.step(_("Noting that the ledger’s entry was applied"))
def note_contacts(saga: Saga) -> None:
    recorded = _entry(saga)
    gone = Departure.objects.filter(tenant_uuid=recorded.entry.tenant, withdrawn_at=None)
    gone.update(
        contacts_erased_at=recorded.entry.erased_at,
        link_generation=Greatest(
            "link_generation", recorded.entry.links
        ),  # this database may be older than a correction
    )
    _applied(recorded)


# --- the steps: one person --------------------------------------------------------------------------------


@PERSON.step(_("Taking the person out of records, history and mails"), weight=3)
def redact_again(saga: Saga) -> None:
    """In tables of this release: who replays is the first to open what an older one left.

    Nothing where a later entry takes the whole workspace.
    """
    if Ledger.default().contains(saga.subject):
        return
    tenant = Tenant.objects.select_for_update().filter(pk=saga.subject).first()
    recorded = snapshot.current()
    if tenant and (tenant.release, tenant.fingerprint) != (recorded.release, recorded.fingerprint):
        snapshot.bring_forward(tenant)
    entry = _person(saga)
    persons.redact_again(entry, saga)
    if tenant and entry.model == User._meta.label:
        with scope.tenant(tenant.pk):
            is_kept = User.objects.owners().exists()
        if not is_kept:
            alarm(
                f"{tenant.pk}: whoever was erased again was its last owner, so nobody can look after it.",
                once=f"owner {saga.pk}",
            )


PERSON.step(_("Removing files"), outside=True)(persons.remove_files)


@PERSON.step(_("Noting that the ledger’s entry was applied"))
def note_person(saga: Saga) -> None:
    """An entry that was owed is behind the head already: with it its workspace opens."""
    if "opens" in saga.data:
        _open(saga)
    else:
        _applied(_entry(saga))


# --- the steps: data and contact details ------------------------------------------------------------------


@DATA.step(_("Rewriting the shared tables"), outside=True, weight=2)
@CONTACTS.step(_("Rewriting the shared tables"), outside=True, weight=2)
def rewrite(saga: Saga) -> None:
    """After the doors are open again: a restored database may be in use for long, and nothing is readable any more."""
    physical.enforce(saga)


def _key(recorded: Recorded) -> str:
    return f"replay:{recorded.seq}:{recorded.hash[:32]}"


def _person(saga: Saga) -> Entry:
    if "opens" in saga.data:
        own = [one for one in Ledger.default().entries() if saga.key == _key(one)]
        if not own:
            raise sagas.CannotGoOn("Its line of the erasure ledger is gone: the ledger has to come back.")
        return own[0].entry
    return _entry(saga).entry


def _entry(saga: Saga) -> Recorded:
    found = gate.unapplied()
    if not found or found[0].seq != saga.data["seq"]:
        raise sagas.CannotGoOn(f"Entry {saga.data['seq']} is not the next one.")
    return found[0]


def _applied(recorded: Recorded) -> None:
    with scope.owner():
        gate.advance(recorded)
