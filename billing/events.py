"""What the processor tells us: whether it is really its word, once, in any order, and what follows from it.

    @projects("invoice")
    def invoice(obj, *, now): ...

An event only says that something happened to an object. The object is fetched again, as it is now, so that the order in
which events come changes nothing; while that is done, nobody else projects the same object. Field by field, by
`gateway.read`: neither the event nor the object is kept (P15). The Event row is written in the same transaction, so that
an event that was had its effect, and one whose effect failed comes again.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import stripe
from django.conf import settings
from django.db import connection
from django.utils import timezone

from billing import gateway
from billing.gateway import talking
from billing.models import Event
from shared_apps.jobs import job
from shared_apps.kit import scope

log = logging.getLogger("smoall.billing")
STRIPE = scope.Actor("system", "billing", "Stripe")
MOST_BYTES = 256 * 1024  # of an event
KEPT = timedelta(days=180)  # after which no processor sends an event again


class Projection(Protocol):
    def __call__(self, obj: Any, *, now: datetime) -> None: ...


projections: dict[str, list[Projection]] = {}


def projects(kind: str) -> Callable[[Projection], Projection]:
    """Mark a function that writes what we need of an object of this kind. Several of a kind run in the order they came."""

    def mark(function: Projection) -> Projection:
        listed = projections.setdefault(kind, [])
        if function not in listed:
            listed.append(function)
        return function

    return mark


class Forged(Exception):
    """Not the processor's word: no signature, a wrong one, or one too old."""


class Malformed(Exception):
    """Signed, and yet no event."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is read of an event: whose it is, and what it is about."""

    id: str
    type: str
    created_at: datetime
    kind: str
    object: str
    customer: str


# How each kind of object is fetched as it is now.
FETCHED: dict[str, Callable[[Any, str], Any]] = {
    "customer": lambda stripe, id: stripe.customers.retrieve(id),
    "subscription": lambda stripe, id: stripe.subscriptions.retrieve(
        id, params={"expand": ["discounts.source.coupon"]}
    ),
    "checkout.session": lambda stripe, id: stripe.checkout.sessions.retrieve(id),
    "invoice": lambda stripe, id: stripe.invoices.retrieve(
        id, params={"expand": ["payments", "lines.data.pricing.price_details.price"]}
    ),
    "credit_note": lambda stripe, id: stripe.credit_notes.retrieve(id),
    "charge": lambda stripe, id: stripe.charges.retrieve(id, params={"expand": ["balance_transaction"]}),
    "refund": lambda stripe, id: stripe.refunds.retrieve(id, params={"expand": ["balance_transaction"]}),
    "dispute": lambda stripe, id: stripe.disputes.retrieve(id),
    "payout": lambda stripe, id: stripe.payouts.retrieve(id),
    "balance_transaction": lambda stripe, id: stripe.balance_transactions.retrieve(id),
}


def verified(body: bytes, signature: str) -> Told:
    """What a signed body says. Raises Forged, Malformed, gateway.NotConfigured."""
    gateway.client()
    try:
        stripe.WebhookSignature.verify_header(
            body.decode(), signature, settings.STRIPE_WEBHOOK_SECRET, gateway.TOLERANCE
        )
    except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
        raise Forged from error
    try:
        event = json.loads(body)
        about = event["data"]["object"]
        customer = about.get("customer")
        return Told(
            id=str(event["id"])[:100],
            type=str(event["type"])[:100],
            created_at=datetime.fromtimestamp(int(event["created"]), UTC),
            kind=str(about.get("object", "")),
            object=str(about.get("id", "")),
            customer=customer if isinstance(customer, str) else "",
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
        raise Malformed from error


def receive(told: Told, *, now: datetime) -> bool:
    """Have its effect, once. False for an event that had it already. In the shared scope, in a transaction.

    Raises gateway.Trouble when the object can't be fetched: the transaction has to be rolled back, and it comes again.
    """
    if not Event.take(told.id, told.type, created_at=told.created_at, now=now):
        return False
    kind, id = told.kind, told.object
    if kind == "tax_id":  # one that was taken away can't be fetched: whoever had it can
        kind, id = "customer", told.customer
    if kind in projections and kind in FETCHED and id:
        project(kind, id, now=now)
    return True


def project(kind: str, id: str, *, now: datetime) -> None:
    """Fetch an object as it is now and write what we need of it. In the shared scope, in a transaction."""
    hold(kind, id)
    try:
        with talking():
            found = FETCHED[kind](gateway.client().v1, id)
    except gateway.Missing:
        log.info("A %s of the processor is gone.", kind)
        return
    if getattr(found, "deleted", False):  # a customer whose record we had deleted (customers.part)
        return
    apply(kind, found, now=now)


def hold(kind: str, id: str) -> None:
    """Keep an object to oneself until the transaction ends: of two at once the second fetches after the first has written.

    Before any row of it is locked, so that nobody waits for the other the wrong way round.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", [f"{kind}:{id}"])


def apply(kind: str, found: Any, *, now: datetime) -> None:
    """Every projection of an object that was fetched."""
    with scope.acting(STRIPE):
        for projection in projections.get(kind, []):
            projection(found, now=now)


@job(purpose="billing.reconcile")
def tidy() -> None:
    """Forget which events came long ago."""
    Event.objects.filter(received_at__lt=timezone.now() - KEPT).delete()
