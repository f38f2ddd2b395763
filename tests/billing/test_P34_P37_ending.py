"""P34, P37: who leaves gets back what it paid for and will not use, before its details go, once, and is kept by nobody."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import stripe
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.utils import timezone

from billing import customers, ending, events, gateway, ledger, subscriptions
from billing.models import Account, Invoice, Kind, Parting, Payback, Payment, State
from billing.models.money import open_of
from billing.standin import changes
from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.mail.models import Message
from tenants import certificate, departure, forgetting, sagas
from tenants.keys import KeyStore
from tenants.models import Departure, Domain, Saga, Tenant
from tenants.verifiers import verify_certificate
from tests.billing.conftest import LATE
from tests.billing.half_used import YEAR, life, refunds
from tests.billing.life import Life
from tests.conftest import TESTER, Cast
from tests.leaving.conftest import notice
from tests.operators.conftest import OPS, make_operator

__all__ = ["life"]


def destroyed(life: Life) -> Departure:
    """As the destruction leaves the shared rows, with what it asks for."""
    given = notice(life.cast, now=timezone.now() - timedelta(days=130))
    with scope.shared(actor=TESTER):
        Domain.objects.filter(tenant_id=life.cast.id).delete()
        Tenant.objects.filter(pk=life.cast.id).delete()
        departure.note_destroyed(life.cast.id, now=timezone.now())
        given.refresh_from_db()
    return given


def notes(life: Life) -> list[Invoice]:
    with scope.shared():
        return list(Invoice.objects.of(life.client).filter(kind=Kind.CREDIT_NOTE).select_related("corrects"))


def is_even(life: Life) -> bool:
    life.tell()
    with scope.shared():
        return ledger.reconcile().is_even and open_of(life.client) == 0


def waiting() -> list[Payback]:
    with scope.shared():
        return list(Payback.waiting())


def test_P37_half_a_year_goes_back_by_the_card_with_a_credit_note_and_a_mail(life: Life) -> None:
    destroyed(life)
    drain()
    (note,) = notes(life)
    assert refunds(life) == [note.payable] and abs(note.payable - YEAR / 2) < 100
    assert (note.vat, note.treatment) == (note.gross - note.net, "standard") and note.vat > 0
    assert note.corrects and note.buyer["vat_number"] == "BE0403170701"
    assert is_even(life) and life.own.state == State.CANCELED and not waiting()
    assert gateway.client().v1.customers.retrieve(str(life.account.customer_id)).balance == 0
    with scope.shared():
        (told,) = Message.objects.filter(purpose="billing.ending")
    assert told.to_address == "olga@acme.test"
    life.work()
    with scope.shared(actor=TESTER):
        subscriptions.bring_in_line(life.client, now=life.now)
    assert len(refunds(life)) == 1 and len(notes(life)) == 1
    assert life.processor.drift() == []


def test_P37_contact_details_wait_for_it_and_go_after_it(life: Life) -> None:
    given = destroyed(life)
    with scope.shared(actor=TESTER):
        Message.objects.all().delete()  # whose leaving is waited for too
        saga = forgetting.begin(given, requested_by={"role": "notice"}, requested_at=given.noticed_at)
        assert not customers.is_ready(life.client)
        with pytest.raises(sagas.NotYet):
            forgetting.forget(saga)
        drain_but(saga)
        Message.objects.all().delete()
        assert customers.is_ready(life.client) and len(refunds(life)) == 1
        forgetting.take_stock(saga)
        forgetting.forget(saga)
        forgetting.purge(saga)
        assert kept(saga, given) == ["billing.Invoice"], (
            "the record at the processor is gone before it is signed"
        )
        assert not Client.objects.filter(pk=life.client).exists()
        assert not Account.objects.filter(client_uuid=life.client).exists()
    assert len(notes(life)) == 1


def kept(saga: Saga, given: Departure) -> list[str]:
    """What the certificate of the contact details says that there still is; anybody can check it."""
    given.refresh_from_db()
    issued = certificate.issue(forgetting._certificate(saga, given), KeyStore.default())
    assert certificate.verify(issued.text, KeyStore.default().public_keys())
    assert "Kept:" in verify_certificate.describe(dict(issued.document))
    return [one["what"] for one in issued.document["exceptions"]]


def drain_but(saga: Saga) -> None:
    Job.objects.filter(name=sagas.advance.name, args=[str(saga.pk)]).delete()
    drain()


@pytest.mark.parametrize("is_told", [True, False])
def test_P37_nothing_is_given_back_twice_whatever_line_it_dies_at(
    life: Life, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    """Each run dies before it hears the processor's answer to its first write: what we wrote is undone, what it did stands.

    Its own messages of that come before the next run, or they don't.
    """
    destroyed(life)
    with scope.shared(actor=TESTER):
        Job.objects.all().delete()
    request, died = stripe.RequestsClient.request, []

    def dying(self: Any, method: str, url: str, *given: Any, **more: Any) -> Any:
        answer = request(self, method, url, *given, **more)
        if method != "get":
            died.append(url.rpartition("/v1/")[2].partition("/")[0])
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(stripe.RequestsClient, "request", dying)
    for _run in range(6):
        try:
            with scope.shared(actor=TESTER), transaction.atomic():
                ending.settle(life.client, now=life.now)
            break
        except KeyboardInterrupt:
            if is_told:
                life.tell()
    assert died == ["subscriptions", "refunds", "customers"]
    (note,) = notes(life)
    assert refunds(life) == [note.payable] and is_even(life) and not waiting()
    assert gateway.client().v1.customers.retrieve(str(life.account.customer_id)).balance == 0


def test_P37_a_processor_that_is_down_delays_nothing_and_is_asked_again_later(
    life: Life, acme: Cast, browser: Callable[..., Browser]
) -> None:
    with scope.shared(actor=TESTER):
        given, customer = destroyed(life), str(life.account.customer_id)
        api = life.processor.address
        saga = forgetting.begin(given, requested_by={"role": "notice"}, requested_at=given.noticed_at)
        saga.created_at = timezone.now() - timedelta(hours=2)
        Message.objects.all().delete()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gateway, "client", down)
            drain_but(saga)
            forgetting.take_stock(saga)
            forgetting.forget(saga)  # raises nothing
            forgetting.purge(saga)  # nor does this
            drain()
        assert kept(saga, given) == ["billing.Invoice", "processor_record"]
        (named,) = customers.left(life.client, timezone.now())
        assert named.until == day_of(Parting.objects.get().asked_at + timedelta(days=1))
        (late,) = customers.left(life.client, timezone.now() + timedelta(days=2))
        assert late.until is None, "no day is stated that is over"
        assert not Client.objects.filter(pk=life.client).exists() and api
        (left,) = Payback.waiting()
        assert left.cents == 0 and "could not be ended yet" in left.trouble
        assert Parting.objects.get().client_uuid == life.client
        Job.objects.filter(state=Job.State.WAITING).update(run_after=timezone.now())
        drain()
    (note,) = notes(life)
    assert note.buyer["name"] == "Acme SRL" and refunds(life) == [note.payable]
    assert getattr(gateway.client().v1.customers.retrieve(customer), "deleted", False)
    with scope.shared():
        assert not Payback.objects.exists() and not Parting.objects.exists()
    assert is_even(life)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (gateway.Misunderstood("The payment operator refused the request: why"), "refused the request: why"),
        (ValueError("leaves_at"), "It could not be reckoned"),
        (IntegrityError("a wall"), "It could not be reckoned"),
    ],
)
def test_P40_what_it_does_not_understand_keeps_no_record_there(
    life: Life, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise error

    with scope.shared(actor=TESTER):
        destroyed(life)
        Job.objects.all().delete()
        customer = str(life.account.customer_id)
        monkeypatch.setattr(ending, "_end", refused)
        customers.forget(life.client)
        drain()
        (left,) = Payback.waiting()
    assert left.is_refused and said in left.trouble and "leaves_at" not in left.trouble
    assert getattr(gateway.client().v1.customers.retrieve(customer), "deleted", False)


def test_P40_a_record_whose_job_gave_up_is_asked_for_each_hour(life: Life) -> None:
    with scope.shared(actor=TESTER):
        destroyed(life)
        customer = str(life.account.customer_id)
        customers.forget(life.client)
        Job.objects.all().delete()
        customers.look.later()
        drain()
        assert not Parting.objects.exists()
    assert getattr(gateway.client().v1.customers.retrieve(customer), "deleted", False)


def down(*_: Any) -> Any:
    raise gateway.Unreachable("The payment operator does not answer now.")


def test_P37_what_the_processor_refuses_is_a_named_item_until_it_is_paid_otherwise(
    life: Life, browser: Callable[..., Browser]
) -> None:
    otto = make_operator("Otto")
    for one in gateway.client().v1.charges.list().data:
        with life.processor.world.transaction():
            life.processor.world.save(life.processor.world.get("charge", one.id) | {"disputed": True})
    with scope.shared(actor=TESTER):
        destroyed(life)
    drain()
    (left,) = waiting()
    assert refunds(life) == [] and left.cents == notes(life)[0].payable
    with scope.shared():
        assert ending.left() == {"clients that left and wait for money": 1}
    opened = browser(OPS, otto)
    page = opened.get("/billing/invoices/ledger/").content.decode()
    assert "Acme SRL" in page and "Paid back otherwise…" in page
    before, dialog = page.split(f'<dialog class="dialog" id="{left.pk}-paid-back"')
    assert "/paid-back/" not in before and "Smoall will not pay it again." in dialog
    assert f'name="payback" value="{left.pk}"' in dialog and f'name="cents" value="{left.cents}"' in dialog
    address = "/billing/invoices/paid-back/"
    opened.post(address, {"payback": str(left.pk), "cents": str(left.cents + 1)})
    opened.post(address, {"payback": "x", "cents": "1"})
    assert len(waiting()) == 1
    with scope.shared():  # while it is tried again by itself, nobody says that it was paid otherwise
        Payback.objects.update(is_refused=False, trouble=ending.SILENT)
    assert "Paid back otherwise" not in opened.get("/billing/invoices/ledger/").content.decode()
    opened.post(address, {"payback": str(left.pk), "cents": str(left.cents)})
    with scope.shared():  # nor an amount that is another one by now
        Payback.objects.update(is_refused=True, cents=left.cents + 1)
    opened.post(address, {"payback": str(left.pk), "cents": str(left.cents + 1)})
    assert len(waiting()) == 1
    drain()  # each of them has it looked at again
    assert (waiting()[0].cents, waiting()[0].is_refused) == (left.cents, False)
    opened.post(address, {"payback": str(left.pk), "cents": str(left.cents)})
    drain()
    assert not waiting() and is_even(life)
    with scope.shared(actor=TESTER):
        ending.look()
    drain()
    assert refunds(life) == [] and not waiting()


def test_P37_more_than_one_invoice_has_left_is_credited_to_several(life: Life) -> None:
    """A year, and a dearer plan from the middle of it on: what is left of both is more than either."""
    with scope.shared(actor=TESTER):
        at = life.processor.now
        subscriptions.change(life.client, plan="company", pace="year", at=at, now=life.now)
    life.tell()
    destroyed(life)
    drain()
    found = notes(life)
    with scope.shared():
        assert {one.corrects.kind for one in found if one.corrects} == {Kind.INVOICE}
    assert sum(refunds(life)) == sum(one.payable for one in found) > YEAR / 2
    assert is_even(life) and not waiting()


def test_P37_a_change_that_was_not_paid_keeps_nothing_of_the_year_that_was(life: Life) -> None:
    life.new_card(LATE)
    with scope.shared(actor=TESTER):
        subscriptions.change(life.client, plan="company", pace="year", at=life.processor.now, now=life.now)
    life.tell()
    assert life.own.state == State.PAST_DUE
    destroyed(life)
    drain()
    assert abs(sum(refunds(life)) - YEAR / 2) < 100 and not waiting()
    life.tell()
    with scope.shared():
        assert ledger.reconcile().is_even and open_of(life.client) == 0


def test_P37_of_a_period_that_was_waived_nothing_is_given_back(life: Life) -> None:
    life.new_card(LATE)
    life.processor.pass_time(days=185)
    life.tell()
    (renewal,) = gateway.client().v1.invoices.list(params={"status": "open"}).data
    gateway.client().v1.invoices.void_invoice(renewal.id)
    with life.processor.world.transaction():  # as the processor has it, once its last invoice is void
        plan = life.processor.world.find("subscription")[0] | {"status": "active"}
        life.processor.world.save(plan, "customer.subscription.updated")
    life.tell()
    destroyed(life)
    drain()
    assert refunds(life) == [] and is_even(life) and not waiting()


def test_P37_of_a_period_that_is_waived_after_the_end_people_say_what_goes_back(life: Life) -> None:
    life.new_card(LATE)
    life.processor.pass_time(days=185)
    life.tell()
    (renewal,) = gateway.client().v1.invoices.list(params={"status": "open"}).data
    destroyed(life)
    drain()
    assert refunds(life) == []
    gateway.client().v1.invoices.void_invoice(renewal.id)
    life.tell()
    with scope.shared(actor=TESTER):
        ending.settle(life.client, now=life.now)
    (left,) = waiting()
    assert refunds(life) == [] and left.is_refused and left.trouble == ending.WAIVED


def test_P37_a_period_that_was_credited_in_part_is_left_to_people(life: Life, mailoutbox: list[Any]) -> None:
    make_operator("Opal")
    (paid,) = gateway.client().v1.invoices.list(params={"status": "paid"}).data
    given: Any = {"invoice": paid.id, "amount": 6000, "refund_amount": 6000}
    gateway.client().v1.credit_notes.create(params=given)
    life.tell()
    destroyed(life)
    drain()
    assert refunds(life) == [6000] and is_even(life) and not waiting()
    assert any("credited in part" in mail.body for mail in mailoutbox)


def test_P37_what_was_invoiced_with_other_vat_is_told_to_people_once(life: Life) -> None:
    params: Any = {"tax_exempt": "reverse"}
    gateway.client().v1.customers.update(str(life.account.customer_id), params=params)
    destroyed(life)
    drain()
    (left,) = waiting()
    assert left.is_refused and left.trouble == ending.UNISSUED and not notes(life)
    assert sum(refunds(life)) == round(YEAR / 2 / 1.21), "what the processor reckoned, without VAT"
    with scope.shared(actor=TESTER):
        left.mark_paid(now=life.now)
        ending.settle(life.client, now=life.now)
    assert not waiting()


def test_P37_what_went_back_by_hand_of_another_payment_goes_back_no_second_time(life: Life) -> None:
    with scope.shared(actor=TESTER):
        subscriptions.change(life.client, plan="company", pace="year", at=life.processor.now, now=life.now)
    life.tell()
    _newer, older = gateway.client().v1.charges.list().data
    by_hand = {"charge": older.id, "amount": 30000}
    gateway.client().v1.refunds.create(params=by_hand)  # type: ignore[arg-type]  # and no message of it has come
    destroyed(life)
    drain()
    assert sum(refunds(life)) == sum(one.payable for one in notes(life)) > 30000
    assert is_even(life) and not waiting()


def test_P37_the_customer_that_goes_is_settled_and_not_another_of_the_same_client(life: Life) -> None:
    """A second record of a client, left by a crash, has the plan; and our books lost what was paid."""
    other = gateway.client().v1.customers.create(params={"metadata": {"client": str(life.client)}}).id
    with scope.shared(actor=TESTER):
        gone = str(life.account.customer_id)
        Account.objects.filter(client_uuid=life.client).update(customer_id=other)
        Parting.objects.create(customer_id=gone, client_uuid=life.client, asked_at=life.now)
        Payment.objects.all().delete()
        destroyed(life)
        Job.objects.all().delete()
        customers.part.later(gone)
        drain()
    (note,) = notes(life)
    assert refunds(life) == [note.payable] and is_even(life) and not waiting()


def test_P37_a_last_document_that_is_a_draft_still_is_made_final(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "invoices", SimpleNamespace(finalize=lambda world, invoice: invoice))
    destroyed(life)
    drain()
    assert abs(sum(refunds(life)) - YEAR / 2) < 100 and is_even(life) and not waiting()


def test_P36_who_gives_back_and_who_forgets_hold_the_client_before_anything_else(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[tuple[str, str]] = []
    monkeypatch.setattr(events, "hold", lambda *what: held.append(what))
    for verb in (lambda: ending.settle(life.client, now=life.now), lambda: customers.forget(life.client)):
        held.clear()
        with scope.shared(actor=TESTER):
            verb()
        assert held[0] == ("client", str(life.client))


def balance(life: Life) -> int:
    return int(gateway.client().v1.customers.retrieve(str(life.account.customer_id)).balance)


def back_again(life: Life) -> None:
    """It loads its copy into a new workspace."""
    with scope.shared(actor=TESTER):
        life.cast.tenant.save(force_insert=True)
        ending.begin(life.cast.tenant)
    life.work()


def test_P37_who_comes_back_finds_there_what_did_not_go_back_and_nothing_that_did(life: Life) -> None:
    """A dearer plan from the middle on, and one of the two payments can't be refunded."""
    with scope.shared(actor=TESTER):
        subscriptions.change(life.client, plan="company", pace="year", at=life.processor.now, now=life.now)
    life.tell()
    _newer, older = gateway.client().v1.charges.list().data
    with life.processor.world.transaction():
        life.processor.world.save(life.processor.world.get("charge", older.id) | {"disputed": True})
    destroyed(life)
    drain()
    (left,) = waiting()
    assert 0 < left.cents == -balance(life) < notes(life)[0].payable + notes(life)[-1].payable
    gateway.client().v1.customers.update(str(life.account.customer_id), params={"balance": 0})
    back_again(life)
    assert not waiting() and balance(life) == -left.cents


def test_P37_what_is_set_off_against_a_debit_under_way_is_not_lost_when_it_comes(life: Life) -> None:
    life.new_card(LATE)
    with scope.shared(actor=TESTER):
        subscriptions.change(life.client, plan="company", pace="year", at=life.processor.now, now=life.now)
    life.tell()
    (open,) = gateway.client().v1.invoices.list(params={"status": "open"}).data
    destroyed(life)
    drain()
    went = sum(refunds(life))
    with scope.shared():
        assert open_of(life.client) == 0
    assert balance(life) == -open.amount_remaining, "what is not paid may be yet"
    back_again(life)
    assert balance(life) == -open.amount_remaining and sum(refunds(life)) == went
