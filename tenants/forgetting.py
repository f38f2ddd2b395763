"""Erasing a client's contact details: at the end of their last day, or when the client says so; its data is gone by then.

The saga waits until the mails that tell of it have left, since afterwards nobody knows where to write. What stays is
what the law makes Smoall keep, the dates of the departure, and the certificate in the ledger: none of them names anybody.
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps import mail
from shared_apps.accounts.models import User, fold_email
from shared_apps.clients.models import Client
from shared_apps.history.redaction import redact
from shared_apps.integrators.models import Link, Look
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import all_holdings
from shared_apps.legal.models import Acceptance
from shared_apps.legal.models import Notice as PolicyNotice
from shared_apps.mail import backend
from shared_apps.mail.models import Message, Refusal, Suppression
from shared_apps.requests.models import Notice, Request
from shared_apps.requests.models.request import FOLDER as LETTERS
from shared_apps.sharing.jobs import given_name
from shared_apps.sharing.models import FETCHED_WITHIN, Disclosure, OrderQuerySet
from tenants import certificate, departure, gate, physical, sagas
from tenants.keys import KeyStore
from tenants.ledger import Entry, Ledger
from tenants.models import PROOFS, CannotAct, Category, Departure, Erasure, Instruction, Saga
from tenants.requests import role_of

FORGET = sagas.Kind("forget", no_return="forget")


@dataclass(frozen=True, slots=True)
class Further:
    """What a module above holds about a client outside its workspace. It joins `further` in its `ready`.

    Each is called in the shared scope. `is_ready`: whether what still needs the contact details is done; it is waited
    for as mails are, an hour at most. `forget` removes the rows, in the transaction that removes all others, in a replay
    too. `keys`: of its rows in whose history people of the workspace stand as authors, which goes with the data already.
    `counted` gives (store, what, number) for the certificate: zero everywhere once forgotten. `follow_up` has others
    delete what they hold, once, after the rows are gone; it waits for nobody and raises nothing. `left` is what they
    hold still, which the certificate names.
    """

    is_ready: Callable[[UUID], bool]
    forget: Callable[[UUID], None]
    keys: Callable[[UUID], list[str]]
    counted: Callable[[UUID], list[tuple[str, str, int]]]
    follow_up: Callable[[UUID], None]
    left: Callable[[UUID, datetime], list[certificate.Kept]]


further: list[Further] = []
WALLED = (PolicyNotice, Disclosure)  # which the database lets no other role delete
NAMELESS = scope.Actor("system", "erasure", "Smoall")  # who destroys: nothing of the asker's name may stay
LONGEST_WAIT = timedelta(hours=1)  # for mails that a server does not take


# --- the verbs --------------------------------------------------------------------------------------------


@sagas.verb("forget_now")
def request(departure_id: UUID, *, now: datetime) -> Saga:
    """The client wants its contact details erased at once, its data being gone. The author is the scope's.

    Twice the same click is one erasure. Raises CannotAct while there is data, which needs them.
    """
    with scope.shared():
        found = departure.locked(departure_id)
        if found.data_erased_at is None:
            raise CannotAct(
                _now("The contact details stay as long as the data: have everything erased instead.")
            )
        if found.returned_at:
            raise CannotAct(_now("The client has a new workspace: have everything erased there instead."))
        if found.contacts_erased_at is None and not is_under_way(found):
            Instruction.objects.create(
                departure=found, kind=Instruction.Kind.NOW, category=Category.CONTACTS, given_at=now,
                given_by=role_of(scope.actor()),
            )  # fmt: skip
        return begin(found, requested_by=role_of(scope.actor()), requested_at=now)


def begin(leaving: Departure, *, requested_by: dict[str, str], requested_at: datetime) -> Saga:
    """Start the saga, once for a departure. In the shared scope."""
    with scope.acting(NAMELESS):
        return sagas.start(
            FORGET.name,
            leaving.tenant_uuid,
            key=departure.forget_key(leaving),
            data={
                "departure": str(leaving.id),
                "client": str(leaving.client_uuid),
                "requested_by": requested_by["role"],
                "requested_at": requested_at.isoformat(),
            },
        )


def is_under_way(leaving: Departure) -> bool:
    """Whether the erasure was begun, failed ones included. In the shared scope."""
    return bool(Saga.objects.filter(key=departure.forget_key(leaving)).exists())


def saga_of(leaving: Departure) -> Saga | None:
    """The erasure that was begun. In the shared scope."""
    return Saga.objects.filter(key=departure.forget_key(leaving)).first()


# --- the steps --------------------------------------------------------------------------------------------


@FORGET.step(_("Counting what is there"))
def take_stock(saga: Saga) -> None:
    saga.data["stores"] = _count(UUID(saga.data["client"]))


@FORGET.step(_("Erasing the contact details"))
def forget(saga: Saga) -> None:
    """Once the certificate of the data is written, and the mails about it have left. Raises NotYet until then.

    For the mails an hour at most.
    """
    client, now = UUID(saga.data["client"]), timezone.now()
    if _is_data_under_way(saga.subject):
        raise sagas.NotYet(now + timedelta(seconds=5))
    waiting = Message.objects.filter(about=client, state=Message.State.QUEUED)
    is_ready = not waiting.exists() and all(one.is_ready(client) for one in further)
    if not is_ready and now < saga.created_at + LONGEST_WAIT:
        raise sagas.NotYet(now + timedelta(seconds=5))
    leaving = departure.locked(UUID(saga.data["departure"]))
    if leaving.data_erased_at is None or leaving.withdrawn_at or leaving.returned_at:
        raise sagas.CannotGoOn("The client's data is there: nothing was erased.")
    forget_client(client)
    leaving.refresh_from_db()
    leaving.contacts_erased_at = now
    leaving.save(update_fields=["contacts_erased_at"])
    saga.data["erased_at"] = now.isoformat()


def _is_data_under_way(tenant: UUID) -> bool:
    """Whether the erasure of the data has its certificate still to write, or to mail."""
    steps = [step.name for step in sagas.kind("erase").steps]
    return Saga.objects.filter(
        kind="erase",
        subject=tenant,
        cursor__lte=steps.index("hand_over"),
        status__in=(Saga.Status.WAITING, Saga.Status.RUNNING),
    ).exists()


@FORGET.step(_("Removing mails and proofs"), outside=True)
def purge(saga: Saga) -> None:
    client = UUID(saga.data["client"])
    purge_files(client)
    for one in further:
        one.follow_up(client)


@FORGET.step(_("Rewriting the shared tables"), outside=True, weight=2)
def rewrite(saga: Saga) -> None:
    """Before the certificate, which states how long a physical copy may stay."""
    physical.enforce(saga, give_up=True)


@FORGET.step(_("Signing the certificate"), outside=True)
def certify(saga: Saga) -> None:
    """Counted again, signed, and kept in the ledger alone, where the client's mailed link finds it."""
    with scope.shared():
        leaving = Departure.objects.get(pk=saga.data["departure"])
    known = Ledger.default().find(leaving.tenant_uuid, "contacts")  # signed before a kill
    text = (
        known.entry.certificate
        if known
        else certificate.issue(_certificate(saga, leaving), KeyStore.default()).text
    )
    gate.record(
        Entry(
            kind="contacts",
            tenant=leaving.tenant_uuid,
            client=leaving.client_uuid,
            requested_at=datetime.fromisoformat(saga.data["requested_at"]),
            erased_at=datetime.fromisoformat(saga.data["erased_at"]),
            certificate=text,
            links=leaving.link_generation,
        )
    )


@FORGET.step(_("Rewriting the shared tables once more"), outside=True)
def rewrite_again(saga: Saga) -> None:
    """When the tables were in use for too long before."""
    if not saga.data.get("gone_on"):
        physical.enforce(saga)


# --- what goes, for a replay too --------------------------------------------------------------------------


def forget_client(client: UUID) -> None:
    """Remove a client's contact details from the shared tables and their history.

    Dates and numbers of its departure and its erasures stay; from then on the ledger alone has the certificates.
    """
    _forget_searches(client)
    _forget_addresses(client)
    Request.forget_client(client, now=timezone.now())  # while the row says who the contact person is
    for one in further:
        one.forget(client)
    said = Instruction.objects.filter(departure__client_uuid=client)
    rows: list[tuple[type[Model], list[str]]] = []
    about: tuple[tuple[type[Model], str], ...] = (
        (Link, "client_id"),
        (Acceptance, "client_uuid"),
        (PolicyNotice, "client_uuid"),
        (Disclosure, "client_uuid"),
        (Look, "client_id"),
        (Notice, "client_uuid"),
        (Client, "pk"),
    )
    for model, field in about:
        found = model._default_manager.filter(**{field: client})
        rows.append((model, [str(key) for key in found.values_list("pk", flat=True)]))
        with scope.owner() if model in WALLED else nullcontext():
            found.delete()
    for told in said:
        told.proof, told.proof_type, told.given_by = "", "", {"role": told.given_by["role"]}
        told.save(update_fields=["proof", "proof_type", "given_by"])
    for leaving in Departure.objects.filter(client_uuid=client):
        leaving.noticed_by = {"role": leaving.noticed_by["role"]}
        leaving.save(update_fields=["noticed_by"])
    for done in Erasure.objects.filter(client_uuid=client):
        done.certificate, done.requested_by = "", {"role": done.requested_by["role"]}
        done.save(update_fields=["certificate", "requested_by"])
    Message.objects.filter(about=client).delete()
    for model, keys in rows:
        redact_rows(model, keys)


def _forget_searches(client: UUID) -> None:
    """Its contact person looked for workspaces a moment ago: that mail names the company, and nothing says so but
    the address it went to.
    """
    found = Client.objects.filter(pk=client).first()
    if found is None:
        return
    for message in Message.objects.filter(purpose="sign_up.find"):
        if fold_email(message.to_address) == fold_email(found.contact_email):
            backend.remove("shared", str(message.pk))
            message.delete()


def _forget_addresses(client: UUID) -> None:
    """What the contact person refused, and that mails came back: kept where the address is somebody else's here too."""
    found = Client.objects.filter(pk=client).first()
    address = found.contact_email if found else ""
    others = Client.objects.exclude(pk=client).filter(contact_email__iexact=address)
    is_used = bool(address) and (others.exists() or User.objects.by_email(address) is not None)
    mail.forget(address, about=client, is_used=is_used)


def purge_files(client: UUID) -> None:
    """Mails in development, and the proofs that operators attached. May be done again."""
    mail.purge(client)
    for folder in (f"{PROOFS}/{client}", f"{LETTERS}/{client}"):
        with scope.shared(), suppress(FileNotFoundError):
            for name in default_storage.listdir(folder)[1]:
                default_storage.delete(f"{folder}/{name}")
            default_storage.delete(folder)


def redact_rows(model: type[Model], keys: list[str], *, about: list[str] | None = None) -> None:
    """Take every value out of these rows' entries, and their name where they were the author: of rows `about` these keys."""
    with scope.owner():
        for key in keys:
            redact(model, key, fields=None, about=about)


# --- the certificate --------------------------------------------------------------------------------------


def kept_by_law(client: UUID, *, now: datetime) -> list[certificate.Kept]:
    """What the register says that the law makes Smoall keep, where it holds any of it about this client (P36)."""
    found = []
    with scope.shared():
        for holding in all_holdings():
            if holding.law_until is None:
                continue
            model = apps.get_model(holding.what)
            rows = model._default_manager.filter(client_uuid=client)
            if isinstance(rows, OrderQuerySet):  # a certificate must not tell what a court forbids to tell
                rows = rows.speakable(day_of(now))
            if rows.exists():
                found.append(certificate.Kept(holding.what, holding.law, holding.law_until(rows)))
            if isinstance(rows, OrderQuerySet) and (until := _fetched_until(rows)):
                found.append(certificate.Kept("files:orders", holding.law, until))
    return found


def _fetched_until(orders: OrderQuerySet) -> date | None:
    """Until when what was made for these orders is there, encrypted, where nobody fetched it yet (decision 0032).

    The schedule comes by each hour.
    """
    longest = FETCHED_WITHIN + timedelta(hours=1)
    waiting = [one.made_at for one in orders.filter(taken_at=None) if default_storage.exists(given_name(one))]
    return max((day_of(made_at + longest) for made_at in waiting if made_at), default=None)


def _count(client: UUID) -> list[dict[str, Any]]:
    """[{store, what, count}] of what is held about a client outside its workspace. Zero everywhere once erased."""
    said = Instruction.objects.filter(departure__client_uuid=client).exclude(proof="")
    counted = (
        ("shared", "clients_client", Client.objects.filter(pk=client)),
        ("shared", "legal_acceptance", Acceptance.objects.filter(client_uuid=client)),
        ("shared", "legal_notice", PolicyNotice.objects.filter(client_uuid=client)),
        ("shared", "integrators_link", Link.objects.filter(client_id=client)),
        ("shared", "integrators_look", Look.objects.filter(client_id=client)),
        ("shared", "sharing_disclosure", Disclosure.objects.filter(client_uuid=client)),
        ("shared", "requests_request", Request.objects.filter(client_uuid=client, names_removed_at=None)),
        ("shared", "requests_notice", Notice.objects.filter(client_uuid=client)),
        ("outbox", "mails", Message.objects.filter(about=client)),
        ("shared", "mail_refusal", Refusal.objects.filter(about=client)),
        ("shared", "mail_suppression", Suppression.objects.filter(about=client)),
        ("files", "proofs", said),
    )
    found = [(store, what, rows.count()) for store, what, rows in counted]
    for one in further:
        found += one.counted(client)
    return [{"store": store, "what": what, "count": count} for store, what, count in found]


def _certificate(saga: Saga, leaving: Departure) -> certificate.Certificate:
    with scope.shared():
        left = {(one["store"], one["what"]): one["count"] for one in _count(leaving.client_uuid)}
        elsewhere = [kept for one in further for kept in one.left(leaving.client_uuid, timezone.now())]
    erased_at = datetime.fromisoformat(saga.data["erased_at"])
    requested_at = datetime.fromisoformat(saga.data["requested_at"])
    assert leaving.data_erased_at is not None
    return certificate.Certificate(
        id=saga.pk,
        controller=settings.SMOALL_CONTROLLER,
        tenant=leaving.tenant_uuid,
        client=leaving.client_uuid,
        requested_by=saga.data["requested_by"],
        requested_at=requested_at,
        closed_at=max(requested_at, leaving.data_erased_at),
        destroyed_at=erased_at,
        issued_at=timezone.now(),
        stores=[
            certificate.Store(one["store"], one["what"], one["count"], left[one["store"], one["what"]])
            for one in saga.data["stores"]
        ],
        exceptions=[*kept_by_law(leaving.client_uuid, now=erased_at), *elsewhere],
        copies=(),
        last_physical_copy_on=physical.last_copy_on(saga, day_of(erased_at)),
        release=settings.SMOALL_RELEASE,
    )
