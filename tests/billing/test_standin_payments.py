"""The stand-in's payments: declined, by direct debit, refunded, disputed, credited, paid out to the cent."""

import re
import urllib.parse
import urllib.request
from typing import Any

import pytest
import stripe

from billing.standin.store import DAY
from tests.billing.conftest import DECLINED, GOOD, Processor, Shop
from tests.billing.till import Till

GERMAN, FAILING = "DE89370400440532013000", "DE62370400440532013001"


def paid_invoice(processor: Processor, shop: Shop, quantity: int = 1) -> stripe.Invoice:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer, quantity, expand=["latest_invoice.payments"])
    assert isinstance(made.latest_invoice, stripe.Invoice)
    return made.latest_invoice


def charge_of(shop: Shop, invoice: stripe.Invoice) -> stripe.Charge:
    payment: Any = invoice.payments.data[0].payment.payment_intent  # type: ignore[union-attr]
    intent = shop.client.v1.payment_intents.retrieve(payment, params={"expand": ["latest_charge"]})
    assert isinstance(intent.latest_charge, stripe.Charge)
    return intent.latest_charge


def test_a_declined_card_says_why_and_leaves_the_invoice_open(processor: Processor, shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), payment_behavior="default_incomplete")
    declining = processor.card(DECLINED)
    with pytest.raises(stripe.CardError) as refused:
        shop.client.v1.invoices.pay(made.latest_invoice, params={"payment_method": declining})  # type: ignore[arg-type]
    error: Any = refused.value
    assert (error.http_status, error.code, error.error.decline_code) == (
        402,
        "card_declined",
        "generic_decline",
    )
    charge = shop.client.v1.charges.retrieve(error.error.charge)
    assert charge.status == "failed" and charge.failure_code == "card_declined"
    invoice = shop.client.v1.invoices.retrieve(made.latest_invoice)  # type: ignore[arg-type]
    assert invoice.status == "open" and invoice.attempt_count == 1
    assert processor.events("charge.failed", "payment_intent.payment_failed", "invoice.payment_failed")
    assert processor.drift() == []


@pytest.mark.parametrize(("iban", "ends"), [(GERMAN, "paid"), (FAILING, "open")])
def test_a_direct_debit_is_on_its_way_for_three_days(
    processor: Processor, shop: Shop, iban: str, ends: str
) -> None:
    till = Till(processor)
    session = shop.client.v1.checkout.sessions.create(
        params={"mode": "subscription", "customer": shop.customer(), "success_url": "http://acme.smoall.localhost/done/",
                "line_items": [{"price": shop.monthly, "quantity": 2}]}
    )  # fmt: skip
    assert till.pay(session.url, method="sepa_debit", iban=iban, name="Olga").startswith("http://acme.")
    done = shop.client.v1.checkout.sessions.retrieve(
        session.id, params={"expand": ["subscription", "invoice"]}
    )
    assert (done.status, done.payment_status, done.invoice.status) == ("complete", "unpaid", "open")
    assert done.subscription.status == "incomplete"
    assert processor.events("payment_intent.processing") and processor.events("charge.pending")
    processor.pass_time(days=3)
    invoice = shop.client.v1.invoices.retrieve(done.invoice.id)
    assert invoice.status == ends
    now = shop.client.v1.checkout.sessions.retrieve(session.id)
    succeeded = ends == "paid"
    assert now.payment_status == ("paid" if succeeded else "unpaid")
    assert len(processor.events("checkout.session.async_payment_succeeded")) == succeeded
    assert len(processor.events("checkout.session.async_payment_failed")) == (not succeeded)
    assert processor.drift() == []


def test_refunds_are_parts_of_a_charge_and_never_more(processor: Processor, shop: Shop) -> None:
    charge = charge_of(shop, paid_invoice(processor, shop))
    refund = shop.client.v1.refunds.create(
        params={"charge": charge.id, "amount": 500, "expand": ["balance_transaction"]}
    )
    assert refund.status == "succeeded" and refund.balance_transaction.net == -500
    with pytest.raises(stripe.InvalidRequestError, match="greater than"):
        shop.client.v1.refunds.create(params={"charge": charge.id, "amount": 5000})
    shop.client.v1.refunds.create(params={"payment_intent": charge.payment_intent})
    whole = shop.client.v1.charges.retrieve(charge.id)
    assert whole.refunded and whole.amount_refunded == 1452
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.refunds.create(params={"charge": charge.id})
    assert refused.value.code == "charge_already_refunded"
    assert len(processor.events("charge.refunded")) == 2 == len(processor.events("refund.created"))
    assert processor.drift() == []


@pytest.mark.parametrize(
    ("evidence", "ends"), [("winning_evidence", "won"), ("losing_evidence", "lost"), (None, "lost")]
)
def test_a_dispute_takes_the_money_and_its_end_decides(
    processor: Processor, shop: Shop, evidence: str, ends: str
) -> None:
    customer = shop.customer()
    processor.attached(customer, "4000000000000259")
    shop.subscribe(customer, 1)
    processor.pass_time(seconds=60)
    dispute = shop.client.v1.disputes.list().data[0]
    assert dispute.status == "needs_response" and dispute.balance_transactions[0].net == -1452 - 2000
    if evidence:
        shop.client.v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": evidence}})
    processor.pass_time(days=10)
    assert shop.client.v1.disputes.retrieve(dispute.id).status == ends
    assert bool(processor.events("charge.dispute.funds_reinstated")) == (ends == "won")
    assert len(processor.events("charge.dispute.closed")) == 1
    assert processor.drift() == []


def test_payouts_hold_what_was_available_to_the_cent(processor: Processor, shop: Shop) -> None:
    charges = [charge_of(shop, paid_invoice(processor, shop, number)) for number in (1, 2, 3)]
    shop.client.v1.refunds.create(params={"charge": charges[0].id})
    processor.pass_time(days=7)
    payouts = shop.client.v1.payouts.list().data
    assert [payout.status for payout in payouts] == ["paid"]
    entries = shop.client.v1.balance_transactions.list(params={"payout": payouts[0].id, "limit": 100}).data
    assert sum(entry.net for entry in entries) == 0, "what went in and what went out"
    into = [entry for entry in entries if entry.type != "payout"]
    assert sum(entry.net for entry in into) == payouts[0].amount
    assert sum(entry.amount for entry in into) == 1452 * (2 + 3), "one was refunded"
    assert sum(entry.fee for entry in into) == sum(round(1452 * n * 0.015) + 25 for n in (1, 2, 3))
    balance = shop.client.v1.balance.retrieve()
    assert balance.available[0].amount == balance.pending[0].amount == 0
    assert processor.drift() == []


def test_credit_notes_lower_what_is_due_or_give_it_back(processor: Processor, shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), 2, payment_behavior="default_incomplete")
    open_one = shop.client.v1.invoices.retrieve(made.latest_invoice)  # type: ignore[arg-type]
    line = open_one.lines.data[0].id
    note = shop.client.v1.credit_notes.create(
        params={
            "invoice": open_one.id,
            "lines": [{"type": "invoice_line_item", "invoice_line_item": line, "quantity": 1}],
        }
    )
    assert (note.subtotal, note.total, note.type) == (1200, 1452, "pre_payment")
    assert note.number == f"{open_one.number}-CN-01"
    assert shop.client.v1.invoices.retrieve(open_one.id).amount_due == 1452

    paid = paid_invoice(processor, shop)
    with pytest.raises(stripe.InvalidRequestError, match="must equal"):
        shop.client.v1.credit_notes.create(params={"invoice": paid.id, "amount": 1452})
    back = shop.client.v1.credit_notes.create(
        params={"invoice": paid.id, "amount": 726, "refund_amount": 726}
    )
    assert (back.subtotal, back.total_taxes[0].amount, back.type) == (600, 126, "post_payment")
    assert back.refunds[0].amount_refunded == 726
    kept = shop.client.v1.credit_notes.create(
        params={"invoice": paid.id, "amount": 726, "credit_amount": 726}
    )
    assert (
        kept.customer_balance_transaction and shop.client.v1.customers.retrieve(kept.customer).balance == -726
    )
    with pytest.raises(stripe.InvalidRequestError, match="exceeds"):
        shop.client.v1.credit_notes.create(params={"invoice": paid.id, "amount": 1, "credit_amount": 1})
    assert processor.drift() == []


def test_an_invoice_by_hand_is_written_voided_and_given_up(processor: Processor, shop: Shop) -> None:
    customer = shop.customer()
    client = shop.client.v1
    client.invoice_items.create(
        params={"customer": customer, "amount": 5000, "currency": "eur", "description": "Setup"}
    )
    draft = client.invoices.create(
        params={"customer": customer, "pending_invoice_items_behavior": "include", "default_tax_rates": [shop.vat],
                "collection_method": "send_invoice", "days_until_due": 14}
    )  # fmt: skip
    assert draft.status == "draft" and draft.total == 6050 and draft.number is None
    final = client.invoices.finalize_invoice(draft.id)
    assert final.status == "open" and final.due_date == processor.now + 14 * DAY and final.number
    with pytest.raises(stripe.InvalidRequestError):
        client.invoices.delete(draft.id)
    assert client.invoices.mark_uncollectible(draft.id).status == "uncollectible"
    assert client.invoices.void_invoice(draft.id).status == "void"
    with pytest.raises(stripe.InvalidRequestError):
        client.invoices.pay(draft.id)
    assert processor.drift() == []


# --- tax ids ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "status"),
    [("BE0123456749", "verified"), ("NL111111111B01", "unverified"), ("DE222222222", "pending")],
)
def test_a_tax_id_is_checked_a_moment_later(
    processor: Processor, shop: Shop, value: str, status: str
) -> None:
    customer = shop.customer()
    made = shop.client.v1.customers.tax_ids.create(customer, params={"type": "eu_vat", "value": value})
    assert made.verification.status == "pending"
    processor.pass_time(seconds=5)
    checked = shop.client.v1.customers.tax_ids.retrieve(customer, made.id)
    assert checked.verification.status == status
    assert bool(processor.events("customer.tax_id.updated")) == (status != "pending")
    shop.client.v1.customers.tax_ids.delete(customer, made.id)
    assert shop.client.v1.customers.tax_ids.list(customer).data == []
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.customers.tax_ids.create(customer, params={"type": "eu_vat", "value": "BE123"})
    assert refused.value.code == "tax_id_invalid"
    assert processor.drift() == []


def test_no_number_of_a_card_is_kept_or_given(processor: Processor, shop: Shop) -> None:
    """Neither a whole number nor a security code: the file and every answer are searched."""
    canary = "4000007777776664"
    till = Till(processor)
    session = shop.client.v1.checkout.sessions.create(
        params={
            "mode": "setup",
            "currency": "eur",
            "customer": shop.customer(),
            "success_url": "http://acme.smoall.localhost/",
        }
    )
    till.pay(session.url, method="card", number=canary, expiry="11/39", cvc="7319", name="Olga")
    kept = shop.client.v1.customers.payment_methods.list(session.customer).data  # type: ignore[arg-type]
    assert kept[0].card.last4 == canary[-4:], "as the processor does; billing may not read it"
    folder = processor.world.place.folder
    everything = b"".join(path.read_bytes() for path in folder.iterdir())
    assert canary.encode() not in everything and not re.search(
        rb"(?<![0-9a-fA-F])7319(?![0-9a-fA-F])", everything
    )
    assert urllib.parse.quote(canary) not in str(list(processor.everything()))
    assert GOOD not in str(list(processor.everything()))
