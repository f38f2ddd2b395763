"""Ordering: what an order that is refused or breaks off leaves behind, and that nobody pays for two plans."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone
from stripe.checkout._session_service import SessionService

from billing import customers, gateway, subscriptions
from billing.models import Account, Parting
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.sharing.models import Disclosure
from tenants.models import Departure
from tests.billing.conftest import Processor
from tests.billing.issued import client_of
from tests.billing.life import Life
from tests.billing.paper import HOME
from tests.conftest import TESTER, Cast
from tests.sharing.conftest import make_shared_with


@pytest.fixture
def life(acme: Cast, processor: Processor) -> Life:
    client_of(acme, vat_number="BE0403170701")
    made = Life(acme, processor)
    made.begin(days=2)
    return made


def page(life: Life) -> str:
    with scope.shared(actor=TESTER):
        return subscriptions.order(
            life.cast.tenant.client, plan="small", pace="month", now=life.now,
            success_url="http://acme.smoall.localhost/", cancel_url="http://acme.smoall.localhost/",
        )  # fmt: skip


def theirs(kind: str, **wanted: Any) -> list[Any]:
    listed = getattr(gateway.client().v1, kind).list(params={"limit": 100, **wanted})
    return list(listed.data)


# --- the customer of an order that fails ----------------------------------------------------------------------


def test_a_code_that_is_refused_tells_the_processor_nothing(
    life: Life, browser: Callable[..., Browser]
) -> None:
    owner = browser(life.cast, life.cast.owner)
    owner.post(f"{HOME}order/", {"plan": "small", "pace": "month", "coupon": "NOSUCH"})
    assert theirs("customers") == []


def test_what_the_processor_was_told_stays_true_and_noted_when_the_order_breaks_off(
    life: Life, browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = make_shared_with(hosts=(customers.HOST,))
    with scope.shared(actor=TESTER):
        partner.name = customers.PARTNER
        partner.save()
    owner = browser(life.cast, life.cast.owner)
    form = {"plan": "small", "pace": "month"}

    def late(*_: Any, **__: Any) -> Any:
        raise stripe.APIConnectionError("a time-out")

    with monkeypatch.context() as patch:
        patch.setattr(SessionService, "create", late)
        assert owner.post(f"{HOME}order/", form).headers["Location"] == HOME
    with scope.shared():
        assert Disclosure.objects.filter(client_uuid=life.client).count() == 1
    assert [one.id for one in theirs("customers")] == [life.account.customer_id]
    assert "/pay/" in owner.post(f"{HOME}order/", form).headers["Location"]
    assert len(theirs("customers")) == 1


def crash(life: Life) -> None:
    """The processor said yes, and before we wrote it down we were gone."""
    with scope.shared(actor=TESTER):
        point = transaction.savepoint()
        customers.open(life.cast.tenant.client, now=life.now)
        transaction.savepoint_rollback(point)
        assert Account.of(life.client) is None


def test_after_a_crash_the_same_customer_is_found_with_other_details_too(life: Life) -> None:
    crash(life)
    client = client_of(life.cast, street="Rue Neuve 2")
    with scope.shared(actor=TESTER):
        account = customers.open(client, now=life.now)
    (found,) = theirs("customers")
    assert (found.id, found.address.line1) == (account.customer_id, "Rue Neuve 2")
    assert len(gateway.client().v1.customers.tax_ids.list(found.id).data) == 1 and account.tax_id
    life.tell()
    life.pass_time(days=0.1)
    assert life.account.tax_status == "verified"


def test_the_comparison_gives_a_lost_customer_back_to_its_client(life: Life) -> None:
    crash(life)
    row = life.reconcile()
    assert row.repaired["customers adopted"] == 1 and not row.left and not row.failed
    assert [one.id for one in theirs("customers")] == [life.account.customer_id]
    assert life.account.sent["company"] and life.account.tax_id
    life.order()
    assert life.own.is_live


def test_the_comparison_parts_with_the_customer_of_a_client_who_is_gone(life: Life) -> None:
    gone, today = uuid7(), timezone.localdate()
    with scope.shared(actor=TESTER):
        Departure.objects.create(
            tenant_uuid=uuid7(), client_uuid=gone, noticed_at=timezone.now(), noticed_by={}, data_promised_on=today,
            contacts_promised_on=today, data_on=today, contacts_on=today, data_erased_at=timezone.now(),
            contacts_erased_at=timezone.now(),
        )  # fmt: skip
    for client in (gone, uuid7(), "nobody"):
        gateway.client().v1.customers.create(params={"metadata": {"client": str(client)}})
    row = life.reconcile()
    assert row.repaired["customers parted with"] == 1
    assert row.left == {"customers that nobody here knows": 2}, "who was never here is for people to judge"
    life.work()
    with scope.shared():
        assert not Parting.objects.exists()
    assert len(theirs("customers")) == 2
