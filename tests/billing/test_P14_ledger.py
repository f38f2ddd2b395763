"""P14: payments, refunds, disputes and payouts add up with our documents to 0.00, in whatever order the messages come."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Model

from billing import events, gateway, issuing, ledger
from billing.models import (
    Allocation,
    Dispute,
    Due,
    Entry,
    Event,
    Invoice,
    InvoiceLine,
    Kind,
    Payment,
    Payout,
    Refund,
    Series,
)
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from tests.billing.conftest import Processor
from tests.billing.issued import client_of
from tests.billing.life import Life
from tests.conftest import TESTER, Cast

DISPUTED = "4000000000000259"
MONEY: tuple[type[Model], ...] = (Due, Allocation, Payment, Refund, Dispute, Payout, Entry)


@pytest.fixture
def life(acme: Cast, processor: Processor) -> Life:
    client_of(acme, vat_number="BE0403170701")
    made = Life(acme, processor)
    made.begin(days=2)
    made.order()
    return made


def paid_life(life: Life) -> None:
    """Three months with everything: paid, refunded with and without a credit note, disputed, won, lost, upgraded, paid out."""
    client = gateway.client().v1
    life.pass_time(days=3)
    first = invoices()[0]
    client.credit_notes.create(
        params={
            "invoice": first.processor_id,
            "amount": 1210,
            "refund_amount": 1210,
            "reason": "order_change",
        }
    )
    life.tell()
    charge = payments()[0]
    client.refunds.create(params={"charge": charge.processor_id, "amount": 300})
    life.tell()
    life.hire("Nora")
    life.hire("Nils")
    life.new_card(DISPUTED)
    life.pass_time(days=32)
    for dispute, evidence in zip(disputes(), ("winning_evidence", "losing_evidence"), strict=False):
        client.disputes.update(
            dispute.processor_id, params={"evidence": {"uncategorized_text": evidence}, "submit": True}
        )
    life.pass_time(days=31)
    for dispute in [one for one in disputes() if one.status == "needs_response"]:
        client.disputes.close(dispute.processor_id)
    life.pass_time(days=12)
    life.work()
    life.work()


def invoices() -> list[Invoice]:
    with scope.shared():
        return list(Invoice.objects.filter(kind=Kind.INVOICE).order_by("issued_at", "id"))


def payments() -> list[Payment]:
    with scope.shared():
        return list(Payment.objects.filter(status="succeeded").order_by("made_at"))


def disputes() -> list[Dispute]:
    with scope.shared():
        return list(Dispute.objects.order_by("made_at"))


def reconciled() -> ledger.Balance:
    with scope.shared():
        return ledger.reconcile()


def test_P14_a_paid_life_adds_up_to_the_cent(life: Life) -> None:
    paid_life(life)
    found = reconciled()
    assert found.differences == [] and found.difference == 0 and found.is_even
    assert found.invoiced > 0 and found.credited == 1210 and found.refunded == 1510 and found.paid_out > 0
    assert {one.status for one in disputes()} & {"won", "lost"}
    with scope.shared():
        assert not Due.objects.exclude(trouble="").exists()
        assert {one.method for one in Payment.objects.all()} == {"card"}
        assert Payout.objects.count() >= 2 and all(ledger.is_explained(one) for one in Payout.objects.all())
    assert len(invoices()) >= 3
    with scope.shared():
        text = repr([list(model._default_manager.values()) for model in (*MONEY, Invoice, Event)])
    for canary in ("4242424242424242", DISPUTED, "12/34", "fingerprint"):
        assert canary not in text
    with scope.shared():
        texts = set(InvoiceLine.objects.values_list("text", flat=True))
    assert {
        "Smoall Petite équipe, par utilisateur et mois",
        "Correction de la facture 2026-00001",
    } <= texts, texts
    assert all("Smoall" in text or "2026" in text for text in texts), texts
    every_fault_is_seen()
    the_nightly_comparison_repairs_what_was_missed(life)


def test_P14_messages_repeated_and_in_any_order_end_in_the_same_state(life: Life) -> None:
    with scope.shared(actor=TESTER), transaction.atomic():
        point = transaction.savepoint()
        paid_life(life)
        expected = state()
        assert expected["documents"]
        transaction.savepoint_rollback(point)
    life.told.clear()
    everything = life.processor.events()
    for seed in range(2):
        with scope.shared(actor=TESTER):
            point = transaction.savepoint()
            told = everything * 3
            random.Random(seed).shuffle(told)
            for one in told:
                body, header = life.processor.signed(one)
                with transaction.atomic():
                    events.receive(events.verified(body, header), now=life.now)
            drain()
            drain()
            assert state() == expected, seed
            assert ledger.reconcile().is_even
            transaction.savepoint_rollback(point)


def state() -> dict[str, Any]:
    """Every row of money and every document, without keys of ours, and without numbers, which follow the order of issue."""
    found: dict[str, Any] = {}
    for model in MONEY:
        names = [field.attname for field in model._meta.concrete_fields if field.name != "id"]
        found[model.__name__] = sorted(map(repr, model._default_manager.values(*names)))
    documents = Invoice.objects.values_list(
        "processor_id", "kind", "client_uuid", "net", "vat", "payable", "corrects__processor_id", "treatment"
    )
    found["documents"] = sorted(map(repr, documents))
    found["series"] = {one.kind: one.last for one in Series.objects.all()}
    found["events"] = Event.objects.count()
    return found


# --- planted faults: each one is seen -------------------------------------------------------------------------------


def lose_a_payment() -> None:
    Payment.objects.filter(status="succeeded").first().delete()  # type: ignore[union-attr]


def lose_an_invoice_of_the_processor() -> None:
    Due.objects.exclude(paid=0).first().delete()  # type: ignore[union-attr]


def pay_a_cent_less() -> None:
    found = Allocation.objects.filter(status="paid").exclude(amount=0).first()
    assert found
    Allocation.objects.filter(pk=found.pk).update(amount=found.amount - 1)


def owe_a_cent_more() -> None:
    found = Due.objects.exclude(paid=0).first()
    assert found
    Due.objects.filter(pk=found.pk).update(remaining=1)


def pay_out_a_cent_more() -> None:
    found = Payout.objects.first()
    assert found
    Payout.objects.filter(pk=found.pk).update(amount=found.amount + 1)


def lose_an_entry() -> None:
    Entry.objects.filter(source__startswith="ch_").first().delete()  # type: ignore[union-attr]


def refund_a_cent_more() -> None:
    found = Refund.objects.first()
    assert found
    Refund.objects.filter(pk=found.pk).update(amount=found.amount + 1)


FAULTS: tuple[Callable[[], None], ...] = (
    lose_a_payment, lose_an_invoice_of_the_processor, pay_a_cent_less, owe_a_cent_more, pay_out_a_cent_more, lose_an_entry,
    refund_a_cent_more,
)  # fmt: skip


def every_fault_is_seen() -> None:
    for fault in FAULTS:
        with scope.shared(actor=TESTER):
            point = transaction.savepoint()
            fault()
            found = ledger.reconcile()
            transaction.savepoint_rollback(point)
        assert not found.is_even, fault.__name__
    assert reconciled().is_even


def the_nightly_comparison_repairs_what_was_missed(life: Life) -> None:
    with scope.shared(actor=TESTER):
        for model in (Payment, Refund, Dispute, Entry, Payout, Allocation, Due):
            model._default_manager.all().delete()
        assert not ledger.reconcile().is_even
    row = life.reconcile()
    life.work()
    assert not row.failed and row.repaired["charge"] and row.repaired["invoice"]
    assert reconciled().is_even
    assert life.reconcile().left == {}


def test_P14_what_can_not_be_issued_is_noted_and_tried_again(life: Life, settings: Any) -> None:
    vat = settings.SMOALL_SELLER
    settings.SMOALL_SELLER = {**vat, "vat_number": ""}
    life.pass_time(days=3)
    with scope.shared():
        assert not Invoice.objects.exists()
        assert "SMOALL_SELLER_VAT" in Due.objects.exclude(trouble="").get().trouble
        assert ledger.reconcile().difference != 0
        assert ledger.left()["invoices that could not be issued"] == 1
    settings.SMOALL_SELLER = vat
    life.reconcile()
    assert len(invoices()) == 1 and reconciled().difference == 0
    with scope.shared():
        assert issuing.exported(life.cast.tenant)["invoices"][0]["number"] == invoices()[0].number
