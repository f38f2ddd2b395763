"""Ordering: what an order that is refused or breaks off leaves behind, and that nobody pays for two plans."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone
from stripe.checkout._session_service import SessionService

from billing import customers, ending, gateway, ledger, ordering, twice
from billing.models import Account, Due, Invoice, Kind, Parting, Payback, State, Subscription
from billing.models.money import open_of
from billing.subscriptions import CannotOrder
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.sharing.models import Disclosure
from tenants.models import Departure, Domain, Tenant
from tests.billing.conftest import GOOD, Processor
from tests.billing.issued import client_of
from tests.billing.life import Life
from tests.billing.paper import HOME
from tests.billing.till import Till
from tests.conftest import TESTER, Cast
from tests.operators.conftest import make_operator
from tests.sharing.conftest import make_shared_with

CARD = {"method": "card", "number": GOOD}
DEBIT = {"method": "sepa_debit", "iban": "BE62510007547061", "name": "Olga"}


@pytest.fixture
def life(acme: Cast, processor: Processor) -> Life:
    client_of(acme, vat_number="BE0403170701")
    made = Life(acme, processor)
    made.begin(days=2)
    return made


def page(life: Life) -> str:
    with scope.shared(actor=TESTER):
        return ordering.order(
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
    page = owner.post(f"{HOME}order/", {"plan": "company", "pace": "year", "coupon": "NOSUCH"})
    assert theirs("customers") == []
    form = page.context["order_form"]
    assert form["coupon"].errors and {one: form[one].value() for one in form.fields} == {
        "plan": "company", "pace": "year", "coupon": "NOSUCH",
    }  # fmt: skip


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
        assert owner.post(f"{HOME}order/", form).context["order_form"].non_field_errors()
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


# --- two pay pages --------------------------------------------------------------------------------------------


def test_a_second_pay_page_closes_the_first(life: Life) -> None:
    first, second = page(life), page(life)
    assert (
        not Till(life.processor).open(first, CARD | {"expiry": "12/34", "cvc": "123", "name": "O"}).leads_to
    )
    Till(life.processor).pay(second, **CARD)
    life.tell()
    assert len(theirs("subscriptions")) == 1 and life.own.is_live


def test_nothing_is_ordered_beside_a_page_that_was_paid_and_of_which_no_message_came(life: Life) -> None:
    Till(life.processor).pay(page(life), **CARD)
    with pytest.raises(CannotOrder):
        page(life)
    life.tell()
    with pytest.raises(CannotOrder):
        page(life)
    assert len(theirs("subscriptions")) == 1


def paid_twice(life: Life, monkeypatch: pytest.MonkeyPatch, second: dict[str, str]) -> tuple[str, str]:
    """Two pages that were opened and paid within a moment; the keys of both plans."""
    monkeypatch.setattr(ordering, "_close_pages", lambda customer: None)
    life.processor.pass_time(days=3)  # nothing is left of the trial
    pages = page(life), page(life)
    for url, form in zip(pages, (CARD, second), strict=True):
        Till(life.processor).pay(url, **form)
        life.processor.pass_time(seconds=5)
    later, first = theirs("subscriptions")
    return first.id, later.id


def alarms(mailoutbox: list[Any]) -> list[str]:
    """What operators were mailed."""
    return [one.body for one in mailoutbox if "vera@smoall.test" in one.to[0]]


def test_of_two_plans_the_later_ends_at_once_and_is_given_back_once(
    life: Life, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
) -> None:
    make_operator("Vera")
    first, later = paid_twice(life, monkeypatch, CARD)
    for _again in range(3):
        life.tell()
        life.work()
        life.told.clear()
    assert [one.id for one in theirs("subscriptions")] == [first]
    (refund,) = theirs("refunds")
    (note,) = theirs("credit_notes")
    assert refund.amount == note.total == 4356
    (alarm,) = alarms(mailoutbox)
    assert later in alarm and "4356 cents" in alarm
    own = life.own
    assert (own.processor_id, own.state) == (first, State.ACTIVE)
    with scope.shared():
        assert Subscription.objects.get(processor_id=later).state == State.CANCELED
        assert Invoice.objects.get(kind=Kind.CREDIT_NOTE).payable == 4356
        assert ledger.reconcile().is_even
    row = life.reconcile()
    assert not row.left and not row.failed and len(alarms(mailoutbox)) == 1
    assert life.processor.drift() == []
    with scope.shared(actor=TESTER):
        ended = {"state": State.CANCELED, "ended_at": life.now + timedelta(days=9)}
        Subscription.objects.filter(processor_id=first).update(**ended)
    assert life.own.processor_id == first, "what it had last is what ended last"


def test_a_direct_debit_for_a_second_plan_is_given_back_when_it_comes(
    life: Life, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
) -> None:
    make_operator("Vera")
    _first, later = paid_twice(life, monkeypatch, DEBIT)
    world = life.processor.world
    with world.transaction():  # the processor begins a plan while the bank has yet to say yes
        world.save(world.get("subscription", later) | {"status": "active"}, "customer.subscription.updated")
    life.tell()
    life.work()
    assert not theirs("refunds") and len(theirs("subscriptions")) == 1
    life.processor.pass_time(days=4)
    for _each in range(2):
        life.tell()
        life.work()
    (refund,) = theirs("refunds")
    assert refund.amount == 4356
    assert [" 0 cents" in one for one in alarms(mailoutbox)] == [True, False]
    with scope.shared():
        assert ledger.reconcile().is_even


def gone(life: Life) -> None:
    """Its workspace is destroyed; what was asked for is forgotten, so that the test says when it is looked at."""
    with scope.shared(actor=TESTER):
        Domain.objects.filter(tenant_id=life.cast.id).delete()
        Tenant.objects.filter(pk=life.cast.id).delete()
        Job.objects.all().delete()


def settled(life: Life, under_way: int = 0) -> list[Payback]:
    with scope.shared(actor=TESTER):
        ending.settle(life.client, now=life.now)
    life.tell()
    with scope.shared():
        assert ledger.reconcile().is_even and open_of(life.client) == under_way
        return list(Payback.waiting())


def test_who_leaves_with_two_plans_gets_the_later_back_whole_and_nothing_twice(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid_twice(life, monkeypatch, CARD)
    life.tell()
    gone(life)
    life.processor.pass_time(days=2)
    assert settled(life) == []
    life.work()
    assert settled(life) == []
    assert 4356 * 1.9 < sum(one.amount for one in theirs("refunds")) < 4356 * 2
    with scope.shared():
        corrected = {one.corrects_id for one in Invoice.objects.credit_notes()}
        assert corrected == {one.pk for one in Invoice.objects.invoices()}


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_direct_debit_for_a_second_plan_that_comes_when_the_client_is_gone(
    life: Life, monkeypatch: pytest.MonkeyPatch, is_forgotten: bool
) -> None:
    _first, later = paid_twice(life, monkeypatch, DEBIT)
    world = life.processor.world
    with world.transaction():
        world.save(world.get("subscription", later) | {"status": "active"}, "customer.subscription.updated")
    life.tell()
    life.work()  # it ended at once, and the bank has yet to say yes
    gone(life)
    (waits,) = settled(life, under_way=4356)
    assert waits.trouble == twice.UNDER_WAY and not waits.cents
    assert 4356 * 0.9 < sum(one.amount for one in theirs("refunds")) <= 4356, (
        "the first plan's waits for no bank"
    )
    if is_forgotten:
        with scope.shared(actor=TESTER):
            assert not ending.is_ready(life.client)
            customers.forget(life.client)
        life.work()
        with scope.shared():
            assert Payback.waiting().get().trouble == twice.UNDER_WAY
            ending.settle(life.client, now=life.now)
            assert Payback.waiting().get().trouble == ending.LATE, "somebody looks"
        return
    life.processor.pass_time(days=4)
    life.tell()
    assert settled(life) == []
    assert sum(one.amount for one in theirs("refunds")) > 4356 * 1.9
    with scope.shared():
        assert not Due.objects.exclude(trouble="").exists()


def test_a_second_plan_that_was_used_or_made_by_hand_is_left_to_people(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, later = paid_twice(life, monkeypatch, CARD)
    with monkeypatch.context() as patch:
        patch.setattr("billing.twice.FRESH", timedelta(0))
        life.tell()
        life.work()
    gateway.client().v1.subscriptions.update(later, params={"metadata": {"client": ""}})
    life.tell()
    life.work()
    assert {one.id for one in theirs("subscriptions")} == {first, later} and not theirs("refunds")
    assert life.reconcile().left == {"clients with two plans": 1}
