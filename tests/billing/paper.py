"""A client and the processor's objects about it, without a processor: what is fetched is what a test puts there."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import stripe
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone, translation

from billing import events
from billing.models import Account, Subscription
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants.models import Tenant
from tests.conftest import TESTER, Cast

APP = "app.smoall.localhost"
EVENTS = "/billing/events/"
HOME = "/workspace/billing/"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


class Paper:
    """What the processor would answer now, by kind and id; `asked` counts the answers."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.asked = 0

    def put(self, thing: dict[str, Any]) -> dict[str, Any]:
        self.objects[thing["object"], thing["id"]] = thing
        return thing

    def fetch(self, kind: str) -> Callable[[Any, str], Any]:
        def found(_client: Any, id: str) -> Any:
            self.asked += 1
            thing = self.objects.get((kind, id))
            if thing is None:
                raise stripe.InvalidRequestError("gone", None, code="resource_missing", http_status=404)
            return stripe.StripeObject.construct_from(thing, None)

        return found


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> Paper:
    made = Paper()
    for kind in list(events.FETCHED):
        monkeypatch.setitem(events.FETCHED, kind, made.fetch(kind))
    return made


@pytest.fixture
def account(acme: Cast) -> Account:
    return make_account(acme, "cus_acme")


def make_account(cast: Cast, customer: str) -> Account:
    with scope.shared(actor=TESTER):
        return Account.objects.create(client_uuid=cast.tenant.client_id, customer_id=customer)


def ordered(
    id: str = "sub_1", customer: str = "cus_acme", status: str = "active", **more: Any
) -> dict[str, Any]:
    """A subscription as the processor gives it."""
    now = int(timezone.now().timestamp())
    quantity, price = more.pop("quantity", 3), more.pop("price", "smoall-small-month-1200")
    item = {
        "id": f"si_{id}",
        "object": "subscription_item",
        "quantity": quantity,
        "current_period_start": now,
        "current_period_end": now + 30 * 86400,
        "price": {
            "id": "price_1",
            "object": "price",
            "lookup_key": price,
            "unit_amount": int(price.rsplit("-", 1)[1]),
            "recurring": {"interval": price.split("-")[2]},
        },
    }
    return {
        "id": id, "object": "subscription", "customer": customer, "status": status, "created": now,
        "items": {"object": "list", "data": [item]}, "trial_end": None, "cancel_at": None, "ended_at": None,
        "discounts": [], "default_payment_method": None, "metadata": {}, **more,
    }  # fmt: skip


def event(id: str, thing: dict[str, Any], type: str = "", *, created: datetime | None = None) -> bytes:
    """The body of a message: what it says beside id and kind is another state, which nobody may believe."""
    about = {"id": thing["id"], "object": thing["object"], "customer": thing.get("customer", thing["id"])}
    return json.dumps(
        {
            "id": id,
            "object": "event",
            "api_version": "2026-10-28.endive",
            "type": type or f"{thing['object']}.updated",
            "created": int((created or timezone.now()).timestamp()),
            "data": {"object": about | {"status": "unpaid", "card": {"last4": "4242"}}},
        }
    ).encode()


def signed(body: bytes, *, secret: str | None = None, at: float | None = None) -> str:
    made: str = stripe.WebhookSignature.generate_signature_header(
        body.decode(), secret or settings.STRIPE_WEBHOOK_SECRET, *([int(at)] if at is not None else [])
    )
    return made


def deliver(body: bytes, signature: str | None = None, **more: Any) -> Any:
    header = signed(body) if signature is None else signature
    return Browser(HTTP_HOST=APP).post(
        EVENTS, body, content_type="application/json", headers={"stripe-signature": header}, **more
    )


def own(cast: Cast) -> Subscription | None:
    with scope.shared():
        return Subscription.of(cast.tenant.client_id)


def tenant_of(cast: Cast) -> Tenant:
    with scope.shared():
        return Tenant.objects.get(pk=cast.id)


def mails(template: str) -> list[Message]:
    with scope.shared():
        found = Message.objects.filter(purpose="billing.standing").order_by("created_at")
        return [one for one in found if template in one.key]
