"""Erasing a client: closed at once, destroyed after a delay unless an owner cancels, proven by a certificate (P40).

The saga's steps stand here in their order. What is counted and removed outside the schema stands in stores.py.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps import jobs, mail
from shared_apps.accounts.models import Cause, SignIn, User, fold_email
from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.history.redaction import redact
from shared_apps.history.registry import is_registered
from shared_apps.integrators.models import Link
from shared_apps.jobs.models import Job
from shared_apps.kit import scope, tokens
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import all_holdings
from shared_apps.mail import backend
from shared_apps.mail.models import Message
from tenants import certificate, departure, forgetting, gate, physical, publishing, sagas, stores
from tenants.keys import KeyStore
from tenants.ledger import Entry, Ledger
from tenants.models import (
    CannotAct,
    Departure,
    Domain,
    Erasure,
    Export,
    PoolSchema,
    RetiredName,
    Saga,
    SignUp,
    State,
    Tenant,
    WorkspaceSearch,
    host_url,
)
from tenants.requests import role_of

DELAY = timedelta(hours=12)  # between closing and destruction
LONGEST_DELAY = timedelta(days=90)
# The cancel link works as long as there is something to cancel: an erasure that waits for long, and then fails and waits.
LINK_SECONDS = int((LONGEST_DELAY + timedelta(days=14)).total_seconds())
CLOSABLE = (State.ACTIVE, State.SUSPENDED, State.LEAVING)
ERASE = sagas.Kind("erase", no_return="destroy")
# Mails about what stays with the contact details: who waits for an answer, or was concerned by a breach or an order of a
# court, is so still when the data is gone. Where the contact details go as well, they go with these (forgetting.py).
OUTLIVING = ("requests.answer", "requests.breach", "sharing.order")
NAMELESS = scope.Actor("system", "erasure", "Smoall")  # who destroys: nothing of the asker's name may stay


# --- the verbs --------------------------------------------------------------------------------------------


@sagas.verb("close")
def request(
    id: UUID, *, now: datetime, delay: timedelta = DELAY, with_contacts: bool = False, reason: str = ""
) -> Erasure:
    """Close the workspace now and have it destroyed after `delay`, LONGEST_DELAY at most. The author is the scope's.

    Of a client that leaves the data's last day stays its last day: a delay ends with it, but leaves owners the usual
    hours in which they can stop it (a day late is the latest, P35).
    `reason` stands beside the state until the destruction. Signs everybody out and mails every owner a link that
    cancels. Raises CannotAct when it is closed already.
    """
    assert delay <= LONGEST_DELAY, "its link would be too old before the end"
    with scope.shared():
        tenant = Tenant.locked(id)
        if tenant.state not in CLOSABLE:
            raise CannotAct(_now("This workspace is closed already."))
        leaving = departure.note_erasure(tenant, with_contacts=with_contacts, now=now)
        erasure = _begin(
            tenant,
            with_contacts=with_contacts,
            requested_by=role_of(scope.actor()),
            requested_at=now,
            destroy_at=now + min(delay, max(DELAY, leaving.data_until - now)),
            reason=reason,
            now=now,
        )
        _tell_owners(tenant, erasure)
    return erasure


def carry_out(leaving: Departure, *, with_contacts: bool, now: datetime) -> Erasure:
    """The data's last day is over: close the workspace and have it destroyed now. Both rows are locked (retention.py).

    Raises CannotAct for a workspace that is not leaving.
    """
    tenant = Tenant.locked(leaving.tenant_uuid)
    if not tenant.is_leaving:
        raise CannotAct(_now("This workspace is not leaving."))
    return _begin(
        tenant,
        with_contacts=with_contacts,
        requested_by={"role": "notice"},
        requested_at=leaving.noticed_at,
        destroy_at=now,
        reason="",
        now=now,
    )


def _begin(
    tenant: Tenant,
    *,
    with_contacts: bool,
    requested_by: dict[str, str],
    requested_at: datetime,
    destroy_at: datetime,
    reason: str,
    now: datetime,
) -> Erasure:
    """Close the workspace for everybody, and start the saga. The tenant is locked."""
    erasure = Erasure(
        tenant_uuid=tenant.id,
        client_uuid=tenant.client_id,
        with_contacts=with_contacts,
        requested_by=requested_by,
        requested_at=requested_at,
        closed_at=now,
        destroy_at=destroy_at,
    )
    data = {"erasure": str(erasure.id), "reason_before": tenant.state_reason}
    tenant._enter(State.ERASING, reason=reason, now=now)
    with scope.tenant(tenant.id):
        SignIn.close_all(Cause.ERASED, now)
    with scope.acting(NAMELESS):
        saga = sagas.start("erase", tenant.id, key=f"erase:{erasure.id}", data=data, due_at=destroy_at)
    erasure.saga = saga.pk
    erasure.save(force_insert=True)
    return erasure


@sagas.verb("reopen")
def cancel(erasure: Erasure, *, now: datetime) -> None:
    """Open the workspace again as it was, and tell every owner. Raises CannotAct once the destruction has begun.

    The author is the scope's: an operator, or else an owner.
    """
    with scope.shared():
        tenant = Tenant.locked(erasure.tenant_uuid)
        try:
            stopped = sagas.cancel(Saga.objects.get(key=f"erase:{erasure.id}"))
        except sagas.CannotCancel as error:
            raise CannotAct(_now("It is too late: the destruction has begun.")) from error
        erasure.cancelled_at = now
        erasure.save(update_fields=["cancelled_at"])
        tenant._enter(State(tenant.state_before), reason=stopped.data.get("reason_before", ""), now=now)
        departure.note_cancelled(tenant, now=now)
        if (
            tenant.state == State.RESTORING
            and Departure.objects.with_data().filter(tenant_uuid=tenant.pk).exists()
        ):
            tenant.state_before = State.LEAVING  # closed for a repair still, and leaving
            tenant.save(update_fields=["state_before"])
        mail.cancel(about=tenant.id)
        _tell_stopped(tenant, erasure)


def pending(id: UUID) -> Erasure | None:
    """The erasure that a closed workspace waits for."""
    with scope.shared():
        return Erasure.objects.filter(tenant_uuid=id, cancelled_at=None, destroyed_at=None).first()


def of_cancel_link(token: str) -> Erasure:
    """The erasure that a mailed link may cancel, in the workspace's own scope. Raises tokens.BadToken."""
    named = tokens.read(token, purpose="erasure.cancel", max_age=LINK_SECONDS)
    here = scope.tenant_id()
    found = pending(here) if here else None
    if found is None or str(found.id) != named:
        raise tokens.BadToken("no such erasure")
    return found


def _tell_owners(tenant: Tenant, erasure: Erasure) -> None:
    """A mail to each, with the link that cancels."""
    with scope.tenant(tenant.id):
        owners = list(User.objects.owners())
        token = tokens.sign(str(erasure.id), purpose="erasure.cancel")
    link = tenant.url + reverse("erasing:cancel", args=[token], urlconf="config.urls_erasing")
    for owner in owners:
        mail.send(
            purpose="tenants.erasure",
            to=owner.email,
            name=owner.name,
            language=owner.language,
            about=tenant.id,
            template="tenants/mail/erasure_requested",
            key=f"erasure:{erasure.id}:{owner.id}",
            context={
                "company": tenant.client.company,
                "destroy_at": erasure.destroy_at,
                "link": link,
                "with_contacts": erasure.with_contacts,
            },
        )


def _tell_stopped(tenant: Tenant, erasure: Erasure) -> None:
    """Whoever holds a mailed link can stop an erasure: every owner learns that it was done, and by which kind of person."""
    with scope.tenant(tenant.id):
        owners = list(User.objects.owners())
    for owner in owners:
        mail.send(
            purpose="tenants.erasure_stopped",
            to=owner.email,
            name=owner.name,
            language=owner.language,
            about=tenant.id,
            template="tenants/mail/erasure_stopped",
            key=f"erasure-stopped:{erasure.id}:{owner.id}",
            context={
                "company": tenant.client.company,
                "by_operator": scope.actor().kind == "operator",
                "is_suspended": tenant.state == State.SUSPENDED,
                "url": tenant.url,
            },
        )


# --- the steps --------------------------------------------------------------------------------------------


def _erasure(saga: Saga) -> Erasure:
    """The instruction that the saga carries out. Raises CannotGoOn when it is about another workspace."""
    with scope.shared():
        found: Erasure = Erasure.objects.get(pk=saga.data["erasure"])
    if found.tenant_uuid != saga.subject:
        raise sagas.CannotGoOn("The instruction is about another workspace.")
    return found


@ERASE.step(_("Counting what is there"))
def take_stock(saga: Saga) -> None:
    _erasure(saga)
    count_up(saga)


def count_up(saga: Saga) -> None:
    """Note what there is, and the keys of rows that only the tables know: for the steps after them."""
    id, keys = saga.subject, KeyStore.default()
    saga.data["stores"] = stores.count(id)
    saga.data["people"] = []
    if stores.has_schema(id):
        with scope.tenant(id):
            saga.data["people"] = [str(key) for key in User.objects.values_list("pk", flat=True)]
    saga.data["labels"] = list(Domain.objects.filter(tenant_id=id).values_list("domain", flat=True))
    saga.data["name_hash"] = keys.name_hash(saga.data["labels"][0]) if saga.data["labels"] else ""
    saga.data["domains"] = [
        str(key) for key in Domain.objects.filter(tenant_id=id).values_list("pk", flat=True)
    ]


@ERASE.step(_("Destroying the tables"), weight=3)
def destroy(saga: Saga) -> None:
    _wait_for_requests(saga.subject)
    if Tenant.locked(saga.subject).state != State.ERASING or _erasure(saga).cancelled_at:
        raise sagas.CannotGoOn("The workspace is open: nothing was destroyed.")
    destroy_tables(saga)


def destroy_tables(saga: Saga) -> None:
    """The schema and the row that names it, together: no later save or migration meets a ghost."""
    id, keys = saga.subject, KeyStore.default()
    _wait_for_requests(id)
    for label in saga.data["labels"]:
        RetiredName.objects.get_or_create(hash=keys.name_hash(label))
    _forget_searches(id)
    Tenant.objects.filter(pk=id).delete()
    PoolSchema.objects.filter(pk=id).delete()  # where the database is older than the client: a replay
    departure.note_destroyed(id, now=timezone.now())
    with scope.owner(tenant=id), connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {scope.schema_of(id)} CASCADE")
    saga.data["destroyed_at"] = timezone.now().isoformat()
    saga.data.pop("reason_before", None)  # of a suspension: nothing can be stopped any more


def _wait_for_requests(id: UUID) -> None:
    """Those that still answer from it hold the lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(id)])


def _forget_searches(id: UUID) -> None:
    """Somebody looked for the workspaces of one of its people a moment ago: the asker's address stands in the shared
    schema until the mail is forgotten, and nothing else there says whose it is.
    """
    if not stores.has_schema(id):
        return
    with scope.tenant(id):
        people = set(User.objects.values_list("email_folded", flat=True))
    for search in WorkspaceSearch.objects.all():
        if fold_email(search.email) in people:
            search.delete()
    for message in Message.objects.filter(purpose="sign_up.find"):
        if fold_email(message.to_address) in people:
            backend.remove("shared", str(message.pk))
            message.delete()


@ERASE.step(_("Removing files, copies, jobs and mails"), outside=True, weight=2)
def purge(saga: Saga) -> None:
    stores.purge(saga.subject)


@ERASE.step(_("Destroying the key"), outside=True)
def destroy_key(saga: Saga) -> None:
    KeyStore.default().destroy(saga.subject)


@ERASE.step(_("Removing traces in the shared tables"))
def erase_shared(saga: Saga) -> None:
    """Rows that name the tenant, and what the shared history knows of its people and addresses. A replay names the client."""
    id = saga.subject
    saga.data["copies"] = [
        {
            "taken_at": (export.taken_at or export.created_at).isoformat(),
            "to": export.requested_by["role"],
            "bytes": export.size,
            "sha256": export.sha256,
        }
        for export in Export.objects.filter(tenant_uuid=id).exclude(taken_at=None)
    ]
    exports = [str(key) for key in Export.objects.filter(tenant_uuid=id).values_list("pk", flat=True)]
    Export.objects.filter(tenant_uuid=id).delete()
    SignUp.objects.filter(subdomain__in=saga.data.pop("labels")).delete()
    others = _other_sagas(saga)
    keys = [str(key) for key in others.values_list("pk", flat=True)]
    jobs.drop(Job.objects.filter(name=sagas.advance.name, args__in=[[key] for key in keys]))
    Saga.objects.filter(pk__in=keys).delete()
    jobs.purge(id)
    client = UUID(saga.data["client"]) if "client" in saga.data else _erasure(saga).client_uuid
    Link.end_all(client, now=timezone.now())
    publishing.take_back(client)
    waiting = Message.objects.filter(about=client, state=Message.State.QUEUED)
    waiting.exclude(purpose__in=OUTLIVING).delete()
    domains = saga.data.pop("domains")
    departures = [str(key) for key in Departure.objects.filter(tenant_uuid=id).values_list("pk", flat=True)]
    # A copy that was restored, or the original of one, has the same people: what they did there stays theirs.
    own = [str(id), str(client), *domains, *exports, *departures]
    own += [key for one in forgetting.further for key in one.keys(client)]
    forgetting.redact_rows(User, saga.data.pop("people"), about=own)
    forgetting.redact_rows(Domain, domains)
    forgetting.redact_rows(Export, exports)
    with scope.owner():
        redact(Tenant, id, fields=None, about=own, values=_named_by_jobs(own))
    _forget_names([id, client])


def _named_by_jobs(keys: list[str]) -> list[str]:
    """For whom work changed these rows, as earlier releases noted it. Operators stay named."""
    found = LogEntry.on_behalf(keys).filter(actor_kind="job").values_list("actor_behalf", flat=True)
    return sorted({*found} - {*User.objects.values_list("name", flat=True)})


def _forget_names(about: list[UUID]) -> None:
    """Names of the workspace's people in shared rows that stay as long as the contact details."""
    for holding in all_holdings():
        if not holding.of_workspace:
            continue
        model: Any = apps.get_model(holding.what)
        rows = model._default_manager.filter(**{f"{holding.about}__in": about})
        keys = [str(key) for key in rows.order_by().values_list("pk", flat=True)]
        rows.update(**dict.fromkeys(holding.of_workspace, ""))
        with scope.owner():
            for key in keys if is_registered(model) else ():
                redact(model, key, fields=holding.of_workspace)


def _other_sagas(saga: Saga) -> Any:
    """The client's other long work; but an erasure that is past its destruction ends by itself, in a replay too."""
    past = next(index for index, step in enumerate(ERASE.steps) if step.function is destroy)
    others = Saga.objects.filter(subject=saga.subject).exclude(pk=saga.pk)
    return others.exclude(
        kind=ERASE.name, cursor__gt=past, status__in=(Saga.Status.RUNNING, Saga.Status.WAITING)
    )


@ERASE.step(_("Rewriting the shared tables"), outside=True, weight=2)
def rewrite(saga: Saga) -> None:
    """Before the certificate, which states how long a physical copy may stay."""
    physical.enforce(saga, give_up=True)


@ERASE.step(_("Signing the certificate"), outside=True)
def certify(saga: Saga) -> None:
    """Counted again, signed, written into the ledger outside the database, kept beside the erasure."""
    erasure, keys = _erasure(saga), KeyStore.default()
    destroyed_at = datetime.fromisoformat(saga.data["destroyed_at"])
    if not erasure.certificate:
        known = Ledger.default().find(erasure.tenant_uuid)  # a database from a backup may not know of its own
        erasure.certificate = (
            known.entry.certificate if known else certificate.issue(_certificate(saga, erasure), keys).text
        )
        erasure.destroyed_at = destroyed_at
        with scope.shared():
            erasure.save(update_fields=["certificate", "destroyed_at"])
    gate.record(
        Entry(
            kind="data",
            tenant=erasure.tenant_uuid,
            client=erasure.client_uuid,
            requested_at=erasure.requested_at,
            erased_at=destroyed_at,
            name_hash=saga.data["name_hash"],
            contacts_on=_departure(erasure).contacts_on,
            certificate=erasure.certificate,
        )
    )


@ERASE.step(_("Sending the certificate"))
def tell(saga: Saga) -> None:
    erasure = _erasure(saga)
    client = Client.objects.filter(pk=erasure.client_uuid).first()
    if client is None:
        return
    leaving = _departure(erasure)
    mail.send(
        purpose="tenants.certificate",
        to=client.contact_email,
        name=client.contact_name,
        language=client.language,
        about=client.pk,
        template="tenants/mail/erased",
        key=f"erased:{erasure.id}",
        context={
            "company": client.company,
            "certificate": erasure.certificate,
            "with_contacts": erasure.with_contacts,
            "contacts_on": leaving.contacts_on,
            "contact_url": departure.contact_link(leaving, client),
            "readable": certificate.as_text(_verified(erasure), client.language),
            "keys_url": host_url("") + "/.well-known/smoall-keys.json",
        },
    )


@ERASE.step(_("Handing the contact details over"))
def hand_over(saga: Saga) -> None:
    """When asked for: they go by the way of all contact details, once the certificate has left."""
    erasure = _erasure(saga)
    if erasure.with_contacts:
        forgetting.begin(
            _departure(erasure), requested_by=erasure.requested_by, requested_at=erasure.requested_at
        )


@ERASE.step(_("Rewriting the shared tables once more"), outside=True)
def rewrite_again(saga: Saga) -> None:
    """When the tables were in use for too long before."""
    if not saga.data.get("gone_on"):
        physical.enforce(saga)


def _departure(erasure: Erasure) -> Departure:
    with scope.shared():
        return Departure.objects.get(tenant_uuid=erasure.tenant_uuid, withdrawn_at=None)


def _certificate(saga: Saga, erasure: Erasure) -> certificate.Certificate:
    left = {(one["store"], one["what"]): one["count"] for one in stores.count(saga.subject)}
    destroyed_at = datetime.fromisoformat(saga.data["destroyed_at"])
    kept = forgetting.kept_by_law(erasure.client_uuid, now=destroyed_at)
    if not erasure.with_contacts:
        until = _departure(erasure).contacts_on
        kept = [certificate.Kept("contact_details", "Privacy policy, section 6", until), *kept]
    return certificate.Certificate(
        id=erasure.id,
        controller=settings.SMOALL_CONTROLLER,
        tenant=erasure.tenant_uuid,
        client=erasure.client_uuid,
        requested_by=erasure.requested_by["role"],
        requested_at=erasure.requested_at,
        closed_at=erasure.closed_at,
        destroyed_at=destroyed_at,
        issued_at=timezone.now(),
        stores=[
            certificate.Store(
                one["store"], one["what"], one["count"], left.get((one["store"], one["what"]), 0)
            )
            for one in saga.data["stores"]
        ],
        exceptions=kept,
        copies=[_copy(one) for one in saga.data["copies"]],
        last_physical_copy_on=physical.last_copy_on(saga, day_of(destroyed_at)),
        release=settings.SMOALL_RELEASE,
    )


def _verified(erasure: Erasure) -> certificate.Verified:
    return certificate.verify(erasure.certificate, KeyStore.default().public_keys())


def _copy(one: dict[str, Any]) -> certificate.Copy:
    return certificate.Copy(datetime.fromisoformat(one["taken_at"]), one["to"], one["bytes"], one["sha256"])
