"""The nightly comparison: what can't be read or written is named and stops no other; what did not arrive goes again."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing import customers, events, gateway, reconcile
from billing.models import Account, Subscription
from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from shared_apps.promises.checking import Result, Round
from shared_apps.promises.checks.billing import operator_is_told_of_changes
from tenants import correction
from tenants.models import State, Tenant
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


# --- what did not arrive ---------------------------------------------------------------------------------------


def test_P39_a_change_there_waits_for_the_workspace_to_open_and_is_not_lost(life: Life) -> None:
    set_state(life, State.ERASING)
    at_processor = gateway.client().v1.customers
    at_processor.update(
        str(life.account.customer_id), params={"name": "Acme There", "phone": "+32 2 555 00 11"}
    )
    life.tell()
    assert is_told().state == "kept"
    with scope.shared(actor=TESTER):  # a number is checked meanwhile
        account = life.account
        Account.objects.filter(pk=account.pk).update(sent=account.sent | {"treatment": "reverse"})
    life.reconcile()
    life.work()
    assert name_there(life) == "Acme There", "what waits there is not written over"
    set_state(life, State.ACTIVE)
    assert is_told().state == "kept", "nothing of ours is missing there"
    life.reconcile()
    with scope.shared():
        assert Client.objects.get(pk=life.client).company == "Acme There"
    life.work()
    assert name_there(life) == "Acme There" and is_told().state == "kept"


def test_P39_a_correction_that_could_not_be_sent_is_sent_after_the_comparison(life: Life) -> None:
    with scope.shared(actor=TESTER):
        correction.correct(life.cast.id, {"company": "Ours SRL"}, now=timezone.now())
        Job.objects.filter(name=customers.follow.name).update(state=Job.State.FAILED)
    assert is_told().state == "broken"
    life.reconcile()
    life.work()
    assert name_there(life) == "Ours SRL" and is_told().state == "kept"


def set_state(life: Life, state: State) -> None:
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=life.cast.id).update(state=state)


def is_told() -> Result:
    return operator_is_told_of_changes(Round(timezone.now()))


def name_there(life: Life) -> str:
    return str(gateway.client().v1.customers.retrieve(str(life.account.customer_id)).name)
