"""The stand-in's subscriptions: trial, renewal, proration, past due, ending. The test clock lets time pass."""

from typing import Any

import pytest
import stripe

from billing.standin.store import DAY
from tests.billing.conftest import LATE, START, Processor, Shop

HOUR = 3600


def test_a_paid_subscription_is_active_and_its_invoice_paid_with_vat(
    processor: Processor, shop: Shop
) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer, 3)
    assert made.status == "active"
    invoice = shop.client.v1.invoices.retrieve(made.latest_invoice, params={"expand": ["payments"]})  # type: ignore[arg-type]
    assert (invoice.subtotal, invoice.total, invoice.amount_paid, invoice.status) == (
        3600,
        4356,
        4356,
        "paid",
    )
    assert invoice.total_taxes[0].amount == 756 and invoice.lines.data[0].taxes[0].taxable_amount == 3600
    assert invoice.parent.subscription_details.subscription == made.id
    payment = invoice.payments.data[0]
    intent = shop.client.v1.payment_intents.retrieve(payment.payment.payment_intent)
    charge = shop.client.v1.charges.retrieve(intent.latest_charge, params={"expand": ["balance_transaction"]})
    assert charge.amount == 4356 and charge.balance_transaction.fee == 90
    assert charge.balance_transaction.net == 4356 - 90
    types = [event["type"] for event in processor.events()]
    for type in (
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "charge.succeeded",
    ):
        assert type in types
    assert processor.drift() == []


def test_a_trial_begins_free_is_announced_and_ends_in_a_payment(processor: Processor, shop: Shop) -> None:
    customer = shop.customer()
    made = shop.subscribe(customer, 2, trial_period_days=30)
    assert made.status == "trialing" and made["items"]["data"][0]["current_period_end"] == START + 30 * DAY
    first = shop.client.v1.invoices.retrieve(made.latest_invoice)
    assert first.total == 0 and first.status == "paid" and first.billing_reason == "subscription_create"
    processor.pass_time(days=27)
    assert len(processor.events("customer.subscription.trial_will_end")) == 1
    processor.attached(customer)
    processor.pass_time(days=3)
    now = shop.client.v1.subscriptions.retrieve(made.id, params={"expand": ["latest_invoice"]})
    assert now.status == "active" and now.latest_invoice.status == "draft"
    processor.pass_time(seconds=HOUR)
    paid = shop.client.v1.invoices.retrieve(now.latest_invoice.id)
    assert paid.status == "paid" and paid.amount_paid == 2904 and paid.billing_reason == "subscription_cycle"
    assert processor.drift() == []


@pytest.mark.parametrize(
    ("wish", "status"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")]
)
def test_a_trial_without_a_means_of_payment_ends_as_was_asked(
    processor: Processor, shop: Shop, wish: Any, status: str
) -> None:
    made = shop.subscribe(
        shop.customer(),
        trial_period_days=30,
        trial_settings={"end_behavior": {"missing_payment_method": wish}},
    )
    processor.pass_time(days=30, seconds=HOUR)
    assert shop.client.v1.subscriptions.retrieve(made.id).status == status
    if status == "paused":
        processor.attached(made.customer)
        assert shop.client.v1.subscriptions.resume(made.id).status == "active"
        assert processor.events("customer.subscription.resumed")
    assert processor.drift() == []


def test_a_decline_at_renewal_is_retried_after_3_5_and_7_days_and_then_unpaid(
    processor: Processor, shop: Shop
) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer)
    processor.attached(customer, LATE)
    processor.pass_time(days=31, seconds=HOUR)
    late = shop.client.v1.subscriptions.retrieve(made.id, params={"expand": ["latest_invoice"]})
    assert late.status == "past_due"
    failed_at, invoice = processor.now, late.latest_invoice
    seen = []
    for _ in range(4):
        invoice = shop.client.v1.invoices.retrieve(invoice.id)
        seen.append((invoice.attempt_count, invoice.next_payment_attempt))
        if invoice.next_payment_attempt:
            processor.pass_time(seconds=invoice.next_payment_attempt - processor.now)
    days = [round((moment - failed_at) / DAY) if moment else None for _, moment in seen]
    assert [count for count, _ in seen] == [1, 2, 3, 4] and days == [3, 8, 15, None]
    assert shop.client.v1.subscriptions.retrieve(made.id).status == "unpaid"
    assert shop.client.v1.customers.retrieve(customer).delinquent is True
    assert len(processor.events("invoice.payment_failed")) == 4
    processor.attached(customer)
    assert shop.client.v1.invoices.pay(invoice.id).status == "paid"
    assert shop.client.v1.subscriptions.retrieve(made.id).status == "active"
    assert shop.client.v1.customers.retrieve(customer).delinquent is False
    assert processor.drift() == []


def test_a_changed_quantity_is_prorated_to_the_second(processor: Processor, shop: Shop) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer, 3)
    item = made["items"]["data"][0]
    whole = item["current_period_end"] - item["current_period_start"]
    processor.pass_time(days=10)
    change: Any = {"items": [{"id": item["id"], "quantity": 5}], "proration_date": processor.now}
    preview = shop.client.v1.invoices.create_preview(
        params={"subscription": made.id, "subscription_details": change}
    )
    rest = whole - 10 * DAY
    unused, remaining = -round(3600 * rest / whole), round(6000 * rest / whole)
    assert [line.amount for line in preview.lines.data] == [unused, remaining, 6000]
    tax = sum(round(amount * 0.21) for amount in (unused, remaining, 6000))  # line by line
    assert preview.id.startswith("upcoming_") and preview.total == unused + remaining + 6000 + tax
    assert shop.client.v1.subscriptions.retrieve(made.id)["items"]["data"][0]["quantity"] == 3, (
        "nothing has changed"
    )
    shop.client.v1.subscriptions.update(made.id, params=change)
    processor.pass_time(seconds=rest + HOUR)
    renewed = shop.client.v1.subscriptions.retrieve(made.id, params={"expand": ["latest_invoice"]})
    lines = renewed.latest_invoice.lines.data
    assert [line.amount for line in lines] == [unused, remaining, 6000]
    assert [line.parent.subscription_item_details.proration for line in lines] == [True, True, False]
    assert renewed.latest_invoice.total == preview.total and renewed.latest_invoice.status == "paid"
    assert processor.drift() == []


def test_a_change_may_be_invoiced_at_once_and_a_credit_goes_to_the_balance(
    processor: Processor, shop: Shop
) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer, 5)
    item = made["items"]["data"][0]["id"]
    change: Any = {"items": [{"id": item, "quantity": 2}], "proration_behavior": "always_invoice"}
    shop.client.v1.subscriptions.update(made.id, params=change)
    owed = shop.client.v1.customers.retrieve(customer).balance
    assert owed == -round(3600 * 1.21)
    processor.pass_time(days=31, seconds=HOUR)
    invoice = shop.client.v1.invoices.list(params={"customer": customer, "limit": 1}).data[0]
    assert (invoice.total, invoice.amount_due, invoice.starting_balance, invoice.ending_balance) == (
        2904,
        0,
        -4356,
        -1452,
    )
    assert processor.drift() == []


def test_from_month_to_year_begins_anew_at_once(processor: Processor, shop: Shop) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer, 2)
    processor.pass_time(days=5)
    change: Any = {"items": [{"id": made["items"]["data"][0]["id"], "price": shop.yearly}]}
    now = shop.client.v1.subscriptions.update(made.id, params=change | {"expand": ["latest_invoice"]})
    assert now.billing_cycle_anchor == processor.now
    amounts = [line.amount for line in now.latest_invoice.lines.data]
    assert amounts[0] < 0 and amounts[1:] == [24000] and now.latest_invoice.status == "paid"
    assert processor.drift() == []


def test_ending_waits_for_the_period_or_is_at_once(processor: Processor, shop: Shop) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer)
    wished = shop.client.v1.subscriptions.update(made.id, params={"cancel_at_period_end": True})
    assert wished.cancel_at == made["items"]["data"][0]["current_period_end"] and wished.status == "active"
    kept = shop.client.v1.subscriptions.update(made.id, params={"cancel_at_period_end": False})
    assert kept.cancel_at is None and kept.canceled_at is None
    shop.client.v1.subscriptions.update(made.id, params={"cancel_at_period_end": True})
    processor.pass_time(days=31)
    assert shop.client.v1.subscriptions.retrieve(made.id).status == "canceled"
    other = shop.subscribe(customer)
    gone = shop.client.v1.subscriptions.cancel(other.id, params={"prorate": True, "invoice_now": True})
    assert gone.status == "canceled" and len(processor.events("customer.subscription.deleted")) == 2
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.subscriptions.update(other.id, params={"cancel_at_period_end": True})
    assert processor.drift() == []


def test_a_coupon_takes_off_its_part_before_tax(processor: Processor, shop: Shop) -> None:
    coupon = shop.client.v1.coupons.create(params={"percent_off": 25, "duration": "once"})
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer, 3, discounts=[{"coupon": coupon.id}], expand=["latest_invoice"])
    assert (made.latest_invoice.total_discount_amounts[0].amount, made.latest_invoice.total) == (900, 3267)
    processor.pass_time(days=31, seconds=HOUR)
    assert shop.client.v1.invoices.list(params={"customer": customer}).data[0].total == 4356, "once"
    assert processor.drift() == []


@pytest.mark.parametrize(("exempt", "reason"), [("reverse", "reverse_charge"), ("exempt", "customer_exempt")])
def test_no_tax_where_the_customer_owes_none(
    processor: Processor, shop: Shop, exempt: Any, reason: str
) -> None:
    customer = shop.customer(tax_exempt=exempt)
    processor.attached(customer)
    made = shop.subscribe(customer, 1, expand=["latest_invoice"])
    assert (
        made.latest_invoice.total == 1200 and made.latest_invoice.total_taxes[0].taxability_reason == reason
    )
    assert processor.drift() == []


def test_the_first_payment_may_fail(processor: Processor, shop: Shop) -> None:
    customer = shop.customer()
    processor.attached(customer, LATE)
    with pytest.raises(stripe.CardError) as refused:
        shop.subscribe(customer, payment_behavior="error_if_incomplete")
    assert refused.value.code == "card_declined"
    made = shop.subscribe(customer)
    assert made.status == "incomplete"
    processor.pass_time(days=1)
    assert shop.client.v1.subscriptions.retrieve(made.id).status == "incomplete_expired"
    assert shop.client.v1.invoices.retrieve(made.latest_invoice).status == "void"
    assert processor.drift() == []


def test_a_preview_of_an_ending_subscription_shows_what_waits_or_nothing(
    processor: Processor, shop: Shop
) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer, 3)
    shop.client.v1.subscriptions.update(made.id, params={"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.invoices.create_preview(params={"subscription": made.id})
    assert refused.value.code == "invoice_upcoming_none"
    processor.pass_time(days=1)
    item = made["items"]["data"][0]["id"]
    shop.client.v1.subscription_items.update(item, params={"quantity": 4})
    assert len(shop.client.v1.invoices.create_preview(params={"subscription": made.id}).lines.data) == 2
    new: Any = {
        "customer": customer,
        "subscription_details": {"items": [{"price": shop.yearly, "quantity": 2}]},
    }
    assert shop.client.v1.invoices.create_preview(params=new).total == 24000
    assert len(shop.client.v1.subscriptions.list(params={"customer": customer}).data) == 1, "nothing was made"
    assert processor.drift() == []


def test_a_deleted_customer_leaves_invoices_and_payments(processor: Processor, shop: Shop) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer)
    assert shop.client.v1.customers.delete(customer).deleted
    assert shop.client.v1.subscriptions.retrieve(made.id).status == "canceled"
    assert shop.client.v1.invoices.retrieve(made.latest_invoice).status == "paid"  # type: ignore[arg-type]
    assert getattr(shop.client.v1.customers.retrieve(customer), "deleted", False)
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.customers.update(customer, params={"name": "Again"})
    assert shop.client.v1.customers.list().data == []
    processor.pass_time(days=40)
    assert processor.drift() == []


def test_what_fails_by_itself_holds_up_nothing_else(
    processor: Processor, shop: Shop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from billing.standin import clock

    made = [shop.subscribe(shop.customer(), trial_period_days=30) for _ in range(2)]
    happens = clock.HAPPENS["subscription"]

    def fails(world: Any, thing: Any) -> None:
        if thing["id"] == made[0].id:
            world.save(thing | {"status": "canceled"})
            raise ZeroDivisionError
        happens(world, thing)

    monkeypatch.setitem(clock.HAPPENS, "subscription", fails)
    clock.run(processor.world, processor.now + 30 * DAY + HOUR, forgiving=True)
    states = [shop.client.v1.subscriptions.retrieve(one.id).status for one in made]
    assert states == ["trialing", "past_due"] and "ZeroDivisionError" in capfd.readouterr().err
