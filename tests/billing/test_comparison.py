"""The nightly comparison where one object can't be read or written: it is named, and stops no other."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing import events, gateway, reconcile
from billing.models import Subscription
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tests.billing.conftest import Processor
from tests.billing.life import Life
from tests.conftest import TESTER, Cast
from tests.operators.conftest import make_operator


@pytest.fixture
def life(acme: Cast, processor: Processor) -> Life:
    made = Life(acme, processor)
    made.begin()
    made.order()
    with scope.shared(actor=TESTER):  # so that something is to be repaired after what goes wrong
        Subscription.objects.filter(pk=made.own.pk).update(quantity=9)
    return made


@pytest.mark.parametrize(
    "error", [ValueError("not ours"), gateway.Unexpected("customer.name: there is no name")]
)
def test_one_object_that_fails_is_named_and_stops_no_other(
    life: Life, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    make_operator("Vera")
    customer = str(life.account.customer_id)

    def broken(obj: Any, *, now: Any) -> None:
        raise error

    monkeypatch.setitem(events.projections, "customer", [broken])
    with pytest.raises(CommandError, match="with failures: customer 1"):
        call_command("reconcile_billing")
    assert life.own.quantity == 3
    with scope.shared():
        (mail,) = Message.objects.filter(purpose="billing.alarm")
    assert f"customer {customer}: {type(error).__name__}" in mail.body and customer in caplog.text
    with scope.shared():
        assert customer not in str(reconcile.Reconciliation.objects.values().first()), (
            "kept for ever: it names nobody"
        )


def test_a_kind_that_cannot_be_listed_stops_no_other(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> Any:
        raise gateway.Misunderstood("no such list")
        yield

    first = reconcile.Compared("customer", refused, reconcile._account)
    monkeypatch.setattr(reconcile, "compared", [first, *reconcile.compared[1:]])
    row = life.reconcile()
    assert row.failed == "with failures: customer 1" and life.own.quantity == 3


def test_a_processor_that_stops_answering_is_not_asked_for_the_rest(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _each in range(6):
        gateway.client().v1.customers.create(params={})
    asked = []

    def silent(_client: Any, id: str) -> Any:
        asked.append(id)
        raise gateway.Unreachable("down")

    monkeypatch.setitem(events.FETCHED, "customer", silent)
    row = life.reconcile()
    assert len(asked) == reconcile.PATIENCE and row.failed.startswith("Unreachable: down; with failures")
