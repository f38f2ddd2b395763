"""Two operators, a partner whose policy was read, and an order that was carried out."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pyrage
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone, translation

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.sharing.models import Order, Partner
from tenants import orders
from tests.conftest import TESTER, Cast
from tests.operators.conftest import make_operator

HOST = "api.partner.test"
KEY = pyrage.x25519.Identity.generate()
PURPOSES = {
    "fr": "Encaisse les paiements", "nl": "Int de betalingen", "en": "Takes payments", "de": "Zieht die Zahlungen ein",
}  # fmt: skip
POLICY = "We keep what you give us for a year, and sell nothing."


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def otto(db: None) -> User:
    return make_operator("Otto")


@pytest.fixture
def opal(db: None) -> User:
    return make_operator("Opal")


@pytest.fixture
def shared_with(otto: User) -> Partner:
    return make_shared_with(otto)


def make_shared_with(
    by: User | None = None, *, is_verified: bool = True, hosts: tuple[str, ...] = (HOST,)
) -> Partner:
    with scope.shared(actor=TESTER):
        found = Partner.objects.create(
            name="Pay Inc",
            purposes=PURPOSES,
            categories=["contact", "billing"],
            country="IE",
            hosts=list(hosts),
        )
        if is_verified:
            verify(found, by or make_operator("Vera"))
    return found


def verify(partner: Partner, by: User, *, days: int = 30) -> None:
    now = timezone.now()
    partner.verify(
        policy_url="https://partner.test/privacy",
        text=POLICY,
        valid_until=timezone.localdate(now) + timedelta(days=days),
        by=by,
        now=now,
    )


def facts(**changes: Any) -> dict[str, Any]:
    return {
        "authority": "Tribunal de Bruxelles",
        "reference": "2026/17",
        "extent": "contact",
        "period_from": None,
        "period_until": None,
        "received_on": timezone.localdate(),
        "gag_until": None,
    } | changes


def register(where: Cast, by: User, **changes: Any) -> Order:
    document = SimpleUploadedFile("order.txt", b"It is ordered.")
    with scope.shared(actor=TESTER):
        return Order.register(
            client=where.tenant.client_id, document=document, by=by, now=timezone.now(), **facts(**changes)
        )


def confirm(order: Order, by: User) -> None:
    with scope.shared(actor=TESTER):
        orders.confirm(order, by=by, recipient=str(KEY.to_public()), now=timezone.now())


def made(where: Cast, first: User, second: User, **changes: Any) -> Order:
    """Registered, confirmed and carried out."""
    order = register(where, first, **changes)
    confirm(order, second)
    with scope.acting(TESTER):
        orders.carry_out.function(str(order.pk))
    return again(order)


def again(order: Order) -> Order:
    with scope.shared():
        return Order.objects.get(pk=order.pk)


def yesterday() -> date:
    return timezone.localdate() - timedelta(days=1)
