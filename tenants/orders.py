"""Carrying out a court's order (P32): what it names and nothing else, encrypted to the second operator's key, recorded.

Without a confirmed order nothing here runs. The order itself, who registers and who confirms, is shared_apps/sharing.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.jobs import job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, end_of
from shared_apps.sharing import jobs as sharing_jobs
from shared_apps.sharing import mails
from shared_apps.sharing.models import FETCHED_WITHIN, YEARS_KEPT, CannotShare, Order
from tenants import canonical, export, extract, keys
from tenants.archive import BadRecipient, age, parse_recipient
from tenants.keys import KeyStore, PublicKeys, Signature
from tenants.models import CannotAct, State, Tenant

FORMAT, VERSION = "smoall-order-record", 2
READ = (1, 2)  # versions whose records are verified; the first one had no selection


class BadRecord(ValueError):
    """Not a record of Smoall's, or an altered one."""


def confirm(order: Order, *, by: User, recipient: str, now: datetime) -> None:
    """The second operator confirms, and a worker begins. The client is told now, before anything is given, unless that is
    forbidden (the agreement on processing, article 5). Raises CannotShare, BadRecipient.

    A key, never a passphrase: that would have to wait in a row.
    """
    if not isinstance(key := parse_recipient(recipient), age.PublicKey):
        raise BadRecipient("kind", _("Give the public half of an age key: age1…"))
    order.confirm(by=by, recipient=key.text, now=now)
    sharing_jobs.tell(now)
    carry_out.later(str(order.id), key=f"order:{order.id}")


def again(order: Order, *, now: datetime) -> None:
    """Try once more what could not be done. Raises CannotShare for anything else."""
    if order.state != "failed":
        raise CannotShare(_("It has not failed, or was begun anew already."))
    Order.objects.filter(pk=order.pk).update(error="")
    carry_out.later(str(order.id), key=f"order:{order.id}:{now.isoformat()}")


@job(purpose="sharing.order", saga=True)
def carry_out(order_id: str) -> None:
    """Write what the order names, note it, sign the record. Once; nothing has left by that: see `take`."""
    with scope.shared():
        order = Order.objects.get(pk=order_id)
    if order.made_at is not None:
        return
    try:
        size, sha256 = _write(order, now=timezone.now())
    except CannotAct as error:
        with scope.shared():
            Order.objects.filter(pk=order.pk, made_at=None).update(error=str(error)[:200])
        return
    with scope.shared():
        _note(order.pk, size=size, sha256=sha256, now=timezone.now())


def _write(order: Order, *, now: datetime) -> tuple[int, str]:
    """The encrypted file in its place; its size and hash. Beside it first: done again after a crash. Raises CannotAct."""
    with scope.shared():
        place = Path(default_storage.path(sharing_jobs.given_name(order)))
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place.with_suffix(".part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            give(order, file, now=now)
            file.flush()
            os.fsync(file.fileno())
        digest = hashlib.sha256()
        with draft.open("rb") as file_again:
            while block := file_again.read(1024 * 1024):
                digest.update(block)
        size = draft.stat().st_size
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    draft.replace(place)
    return size, digest.hexdigest()


def give(order: Order, target: BinaryIO, *, now: datetime) -> None:
    """What the order names, encrypted to its recipient, into `target`. Raises CannotAct: nothing leaves unconfirmed."""
    with scope.shared():
        held = Order.objects.filter(pk=order.pk).exclude(confirmed_at=None).first()
        if held is None or held.made_at or held.confirmed_by_id in (None, held.registered_by_id):
            raise CannotAct(_("Two operators have to confirm an order before anything is given."))
        found = Client.objects.filter(pk=held.client_uuid).first()
        tenant = Tenant.objects.filter(client_id=held.client_uuid).first()
        if found is None:
            raise CannotAct(_("Smoall holds nothing about this client any more."))
    recipients = [age.PublicKey.parse(held.recipient)]
    if held.extent == Order.Scope.CONTACTS:
        with scope.shared():
            text = json.dumps(contacts(held, found), cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
        writer = age.Writer(target, recipients)
        writer.write(text.encode())
        writer.finish()
    elif tenant is None or tenant.state == State.RESTORING:
        raise CannotAct(_("This workspace does not exist any more."))
    elif held.extent == Order.Scope.EVERYTHING:
        export.write(tenant.id, target, recipients, now=now)
    else:
        extract.write(held, target, recipients, tenant=tenant.id)


def contacts(order: Order, client: Client) -> dict[str, Any]:
    """The contact details as they are; with a period, their changes on its days too."""
    given: dict[str, Any] = {
        "order": {"authority": order.authority, "reference": order.reference},
        "contact_details": {
            field.name: getattr(client, field.attname)
            for field in client._meta.concrete_fields
            if field.editable or field.name == "id"
        },
    }
    if order.period_from and order.period_until:
        changes = LogEntry.objects.filter(
            content_type__app_label="clients",
            content_type__model="client",
            object_pk=str(client.pk),
            timestamp__gte=end_of(order.period_from - timedelta(days=1)),
            timestamp__lt=end_of(order.period_until),
        )
        given["changes"] = list(changes.order_by("id").values("timestamp", "changes"))
    return given


def _note(id: UUID, *, size: int, sha256: str, now: datetime) -> None:
    """In one transaction: what was made, and the record."""
    with transaction.atomic():
        order = Order.objects.select_for_update(of=("self",)).get(pk=id)
        if order.made_at is not None:
            return
        order.made_at, order.size, order.sha256, order.error = now, size, sha256, ""
        order.record = signed(order, KeyStore.default())
        order.save(update_fields=["made_at", "size", "sha256", "error", "record"])


def take(id: UUID, *, by: User, now: datetime) -> tuple[Order, IO[bytes]]:
    """Hand the encrypted file to who confirmed, once: it leaves the disk as soon as it is open. Raises CannotShare.

    Not before the mail to the client has left, where it may be told.
    """
    order = Order.objects.select_for_update(of=("self",)).get(pk=id)
    if order.made_at is None:
        raise CannotShare(_("Nothing was made for this order yet."))
    if by.pk != order.confirmed_by_id:
        raise CannotShare(
            _("Only who confirmed the order can fetch what is given: it is encrypted to their key.")
        )
    if not is_client_told(order, now=now):
        raise CannotShare(_("The client is told first: its mail has not left yet. Try again in a moment."))
    name = sharing_jobs.given_name(order)
    if order.taken_at or not default_storage.exists(name):
        raise CannotShare(_("It was fetched already, or nobody fetched it within seven days."))
    order.taken_at = now
    order.save(update_fields=["taken_at"])
    file: Any = default_storage.open(name)
    transaction.on_commit(_remover(name))
    return order, file


def is_client_told(order: Order, *, now: datetime) -> bool:
    """Whether the client need not be waited for: its mail left, or it may not be told, or nobody is left to be told."""
    if order.is_secret(day_of(now)) or not Client.objects.filter(pk=order.client_uuid).exists():
        return True
    return mails.has_left(order)


def _remover(name: str) -> Callable[[], None]:
    def remove() -> None:
        with scope.shared():
            default_storage.delete(name)

    return remove


# --- the record -------------------------------------------------------------------------------------------


def signed(order: Order, store: KeyStore) -> str:
    """The record of an order that was carried out: canonical JSON with its signature. Operators by their keys alone."""
    assert order.confirmed_at is not None and order.made_at is not None
    period = (
        [order.period_from.isoformat(), order.period_until.isoformat()]
        if order.period_from and order.period_until
        else None
    )
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "controller": settings.SMOALL_CONTROLLER,
        "id": str(order.id),
        "client": str(order.client_uuid),
        "authority": order.authority,
        "reference": order.reference,
        "received_on": order.received_on.isoformat(),
        "document_sha256": order.document_sha256,
        "extent": order.extent,
        "selection": _selected(order),
        "period": period,
        "secret_until": order.gag_until.isoformat() if order.gag_until else None,
        "registered_by": str(order.registered_by_id),
        "registered_at": _moment(order.registered_at),
        "confirmed_by": str(order.confirmed_by_id),
        "confirmed_at": _moment(order.confirmed_at),
        "recipient": order.recipient,
        "made_at": _moment(order.made_at),
        "bytes": order.size,
        "sha256": order.sha256,
        "release": settings.SMOALL_RELEASE,
        "key_id": store.signing_key_id(),
    }
    signature = store.sign(canonical.dumps(document), key_id=document["key_id"])
    return canonical.dumps(document | {"signature": signature.value}).decode()


def verify(text: str, public_keys: PublicKeys) -> dict[str, Any]:
    """The record's facts, once its form and signature were found right. Raises BadRecord."""
    try:
        document = canonical.loads(text)
        if (
            not isinstance(document, dict)
            or document.get("format") != FORMAT
            or document.get("version") not in READ
        ):
            raise BadRecord("This is not a record of an order of Smoall's.")
        facts = {name: value for name, value in document.items() if name != "signature"}
        keys.verify(
            canonical.dumps(facts),
            Signature(str(document.get("key_id")), str(document.get("signature"))),
            public_keys,
        )
    except canonical.NotCanonical as error:
        raise BadRecord(f"It can't be read: {error}.") from error
    except keys.BadSignature as error:
        raise BadRecord(str(error)) from error
    return facts


def _selected(order: Order) -> dict[str, Any] | None:
    """A record names nobody: of a person the digest of the words, which whoever holds the order can make again."""
    selection: dict[str, Any] | None = order.selection
    if not selection or "person" not in selection:
        return selection
    return {"person_sha256": hashlib.sha256(canonical.dumps(selection["person"])).hexdigest()}


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- what time brings -------------------------------------------------------------------------------------


@job(purpose="sharing.tend")
def tidy() -> None:
    expire(timezone.now())


def expire(now: datetime) -> None:
    """What nobody fetched in time goes; an order goes with its document after ten years. In the shared scope."""
    for order in Order.objects.filter(made_at__lt=now - FETCHED_WITHIN, taken_at=None):
        default_storage.delete(sharing_jobs.given_name(order))
    for order in Order.objects.filter(registered_at__lt=now - timedelta(days=365 * YEARS_KEPT)):
        if order.kept_until < day_of(now):
            with suppress(FileNotFoundError):
                default_storage.delete(order.document.name or "")
            with scope.owner():
                Order.objects.filter(pk=order.pk).delete()
