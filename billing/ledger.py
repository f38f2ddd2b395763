"""The money: how the processor's objects become rows of it, and whether all of it adds up to the cent (P14).

Each projection copies what a row needs and nothing else; in whatever order, and however often, they end in the same rows.
`reconcile` reads alone. What it compares comes from two sides: our documents, and what the processor says of each invoice,
each payment and each line of its account.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Sum

from billing import ending, events, gateway
from billing import reconcile as comparison
from billing.events import projects
from billing.gateway import id_of, read, talking
from billing.models import Allocation, Dispute, Due, Entry, Invoice, Kind, Payback, Payment, Payout, Refund
from billing.models.account import client_of
from shared_apps.kit.dates import day_of

PAGE = 100
NOT_PAID_OUT = frozenset(
    {"payout", "payout_cancel", "payout_failure"}
)  # kinds of entries about a payout itself


def fetch(kind: str, id: str, *, now: datetime) -> None:
    """Project another object that this one needs. In the shared scope, in a transaction. Raises gateway.Trouble."""
    events.project(kind, id, now=now)


def moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def _day(seconds: Any) -> date | None:
    found = moment(seconds)
    return day_of(found) if found else None


# --- projections ----------------------------------------------------------------------------------------------


def due(obj: Any, *, client: UUID | None) -> Due:
    """What is open of an invoice of the processor, and what pays it."""
    id = id_of("invoice", obj, "id")
    started, ended = read("invoice", obj, "starting_balance"), read("invoice", obj, "ending_balance")
    for one in read("invoice", obj, "payments.data") or []:
        _allocation(one, id)
    return Due.follow(
        id,
        status=str(read("invoice", obj, "status") or ""),
        client_uuid=client,
        total=read("invoice", obj, "total"),
        paid=read("invoice", obj, "amount_paid"),
        remaining=0 if read("invoice", obj, "status") == "void" else read("invoice", obj, "amount_remaining"),
        credited_before=read("invoice", obj, "pre_payment_credit_notes_amount"),
        credited_after=read("invoice", obj, "post_payment_credit_notes_amount"),
        elsewhere=read("invoice", obj, "amount_paid_off_stripe") or 0,
        from_balance=0 if ended is None else ended - started,
        is_charged=read("invoice", obj, "collection_method") != "send_invoice",
        due_on=_day(read("invoice", obj, "due_date")),
        paid_at=moment(read("invoice", obj, "status_transitions.paid_at")),
    )


def _allocation(one: Any, invoice_id: str) -> None:
    Allocation.follow(
        id_of("invoice_payment", one, "id"),
        status=str(read("invoice_payment", one, "status")),
        invoice_id=invoice_id,
        payment_intent=id_of("invoice_payment", one, "payment.payment_intent"),
        amount=read("invoice_payment", one, "amount_paid") or 0,
    )


@projects("charge")
def charge(obj: Any, *, now: datetime) -> None:
    Payment.follow(
        id_of("charge", obj, "id"),
        status=str(read("charge", obj, "status")),
        client_uuid=client_of(id_of("charge", obj, "customer")),
        payment_intent=id_of("charge", obj, "payment_intent"),
        amount=read("charge", obj, "amount"),
        method=str(read("charge", obj, "payment_method_details.type") or "")[:30],
        made_at=moment(read("charge", obj, "created")),
    )
    _entry_in(read("charge", obj, "balance_transaction"))


@projects("refund")
def refund(obj: Any, *, now: datetime) -> None:
    Refund.follow(
        id_of("refund", obj, "id"),
        status=str(read("refund", obj, "status") or ""),
        payment=id_of("refund", obj, "charge"),
        amount=read("refund", obj, "amount"),
        made_at=moment(read("refund", obj, "created")),
    )
    _entry_in(read("refund", obj, "balance_transaction"))


@projects("dispute")
def dispute(obj: Any, *, now: datetime) -> None:
    Dispute.follow(
        id_of("dispute", obj, "id"),
        status=str(read("dispute", obj, "status")),
        payment=id_of("dispute", obj, "charge"),
        amount=read("dispute", obj, "amount"),
        made_at=moment(read("dispute", obj, "created")),
        answer_until=moment(read("dispute", obj, "evidence_details.due_by")),
    )
    for one in read("dispute", obj, "balance_transactions"):
        _entry_in(one)


@projects("payout")
def payout(obj: Any, *, now: datetime) -> None:
    """With what it sends, which the processor tells only when it is asked for by the payout."""
    found = Payout.follow(
        id_of("payout", obj, "id"),
        status=str(read("payout", obj, "status")),
        amount=read("payout", obj, "amount"),
        made_at=moment(read("payout", obj, "created")),
        arrives_on=_day(read("payout", obj, "arrival_date")),
    )
    if not is_explained(found):
        _explain(found.processor_id)


@projects("balance_transaction")
def entry(obj: Any, *, now: datetime) -> None:
    _entry(obj)


def _entry_in(found: Any) -> None:
    """An entry that came with the object it is about; none yet, or its id alone, when it didn't."""
    if found is not None and not isinstance(found, str):
        _entry(found)


def _entry(obj: Any, **more: str) -> None:
    Entry.follow(
        id_of("balance_transaction", obj, "id"),
        kind=str(read("balance_transaction", obj, "type"))[:60],
        source=id_of("balance_transaction", obj, "source"),
        amount=read("balance_transaction", obj, "amount"),
        fee=read("balance_transaction", obj, "fee"),
        net=read("balance_transaction", obj, "net"),
        made_at=moment(read("balance_transaction", obj, "created")),
        available_on=_day(read("balance_transaction", obj, "available_on")),
        **more,
    )


def _explain(payout_id: str) -> None:
    with talking():
        listed = gateway.client().v1.balance_transactions.list(params={"payout": payout_id, "limit": PAGE})
        for one in listed.auto_paging_iter():
            _entry(one, payout=payout_id)


def is_explained(found: Payout) -> bool:
    """Whether its entries are known, and sum up to it."""
    return _sent_by(found.processor_id) == found.amount


def _sent_by(payout_id: str) -> int:
    entries = Entry.objects.filter(payout=payout_id).exclude(kind__in=NOT_PAID_OUT)
    return int(entries.aggregate(total=Sum("net"))["total"] or 0)


# --- does it add up -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that doesn't fit, by the processor's id, in cents."""

    what: str
    id: str
    cents: int


@dataclass(slots=True)
class Balance:
    """The whole of it, in cents: invoiced - credited = paid + elsewhere - refunded - disputed + open."""

    invoiced: int = 0
    credited: int = 0
    paid: int = 0
    elsewhere: int = 0
    refunded: int = 0
    disputed: int = 0
    open: int = 0
    paid_out: int = 0
    fees: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def difference(self) -> int:
        """Nothing when it adds up."""
        left = self.invoiced - self.credited
        return left - (self.paid + self.elsewhere - self.refunded - self.disputed + self.open)

    @property
    def is_even(self) -> bool:
        return self.difference == 0 and not self.differences


def reconcile() -> Balance:
    """Everything, from the first document on. Reads alone. In the shared scope."""
    found = Balance()
    billed, credited = _documents(found)
    refunds, disputes = _taken_back(found)
    paid = _payments(found)
    found.differences += [
        *_invoices(found, billed, credited),
        *_allocations(paid),
        *_entries(),
        *_payouts(found),
    ]
    found.open += sum(refunds.values()) + sum(disputes.values())
    for one in Payback.objects.exclude(paid_at=None).order_by():  # by transfer, to clients that left
        found.elsewhere -= one.cents
        found.open += one.cents
    found.fees = int(Entry.objects.aggregate(total=Sum("fee"))["total"] or 0)
    return found


def _documents(found: Balance) -> tuple[dict[str, int], dict[str, int]]:
    """({processor's invoice: what our document of it says}, {the same: what was credited by notes of its own})."""
    billed: dict[str, int] = defaultdict(int)
    credited: dict[str, int] = defaultdict(int)
    documents = Invoice.objects.order_by().values_list(
        "processor_id", "kind", "payable", "corrects__processor_id"
    )
    for id, kind, cents, corrected in documents.iterator():
        if kind == Kind.INVOICE:
            found.invoiced += cents
            billed[id] += cents
            continue
        found.credited += cents
        if id.startswith("in_"):  # a document below zero: it stands for itself
            billed[id.partition(":")[0]] -= cents  # of several, each after the first has a number
        else:
            credited[corrected] += cents
    return billed, credited


def _taken_back(found: Balance) -> tuple[dict[str, int], dict[str, int]]:
    refunds: dict[str, int] = defaultdict(int)
    disputes: dict[str, int] = defaultdict(int)
    for one in Refund.objects.order_by().iterator():
        if one.counts:
            refunds[one.payment] += one.amount
            found.refunded += one.amount
    for each in Dispute.objects.order_by().iterator():
        if each.counts:
            disputes[each.payment] += each.amount
            found.disputed += each.amount
    return refunds, disputes


def _payments(found: Balance) -> dict[str, int]:
    """{payment intent: what came}."""
    paid: dict[str, int] = defaultdict(int)
    succeeded = Payment.objects.filter(status="succeeded").order_by()
    for id, intent, cents in succeeded.values_list("processor_id", "payment_intent", "amount").iterator():
        paid[intent or id] += cents
        found.paid += cents
    return paid


def _invoices(found: Balance, billed: dict[str, int], credited: dict[str, int]) -> Iterator[Difference]:
    """Each invoice: what we say of it, beside what the processor says is paid and open."""
    allocated: dict[str, int] = defaultdict(int)
    for id, cents in Allocation.objects.filter(status="paid").order_by().values_list("invoice_id", "amount"):
        allocated[id] += cents
    known = set()
    for due in Due.objects.order_by().iterator():
        known.add(due.processor_id)
        found.elsewhere += due.elsewhere
        found.open += due.remaining + due.from_balance - due.credited_after
        says = billed.get(due.processor_id, 0) - credited.get(due.processor_id, 0)
        theirs = due.paid + due.remaining + due.from_balance - due.credited_after
        if says != theirs:
            yield Difference("invoice", due.processor_id, says - theirs)
        if allocated[due.processor_id] + due.elsewhere != due.paid:
            yield Difference("paid", due.processor_id, allocated[due.processor_id] + due.elsewhere - due.paid)
    for id in sorted(set(billed) - known):
        yield Difference("unknown there", id, billed[id])


def _allocations(paid: dict[str, int]) -> Iterator[Difference]:
    """Each payment pays invoices, and nothing is left of it."""
    wanted: dict[str, int] = defaultdict(int)
    for intent, cents in (
        Allocation.objects.filter(status="paid").order_by().values_list("payment_intent", "amount")
    ):
        if cents:
            wanted[intent] += cents
    for intent in sorted({*wanted, *paid}):
        if wanted[intent] != paid.get(intent, 0):
            yield Difference("payment", intent, paid.get(intent, 0) - wanted[intent])


def _entries() -> Iterator[Difference]:
    """The processor's account: what it wrote of each payment, refund and dispute."""
    written: dict[str, int] = defaultdict(int)
    for source, cents in Entry.objects.order_by().values_list("source", "amount").iterator():
        written[source] += cents
    for payment in Payment.objects.filter(status="succeeded").order_by().iterator():
        if written[payment.processor_id] != payment.amount:
            yield Difference(
                "entry of a payment", payment.processor_id, written[payment.processor_id] - payment.amount
            )
    taken: list[Refund | Dispute] = [*Refund.objects.order_by(), *Dispute.objects.order_by()]
    for one in taken:
        expected = -one.amount if one.counts else 0
        found = written[one.processor_id]
        if one.status != "pending" and found != expected:
            yield Difference(f"entry of a {type(one).__name__.lower()}", one.processor_id, found - expected)


def _payouts(found: Balance) -> Iterator[Difference]:
    """Each payout is the sum of what it sends."""
    sent: dict[str, int] = defaultdict(int)
    for payout_id, cents in (
        Entry.objects.exclude(payout="")
        .exclude(kind__in=NOT_PAID_OUT)
        .order_by()
        .values_list("payout", "net")
        .iterator()
    ):
        sent[payout_id] += cents
    for one in Payout.objects.exclude(status__in=("failed", "canceled")).order_by().iterator():
        found.paid_out += one.amount
        if sent[one.processor_id] != one.amount:
            yield Difference("payout", one.processor_id, sent[one.processor_id] - one.amount)


# --- the nightly comparison -----------------------------------------------------------------------------------


def left() -> dict[str, int]:
    """For the comparison: what doesn't add up, and what could not be issued."""
    found = reconcile()
    return {
        "cents that don't add up": found.difference,
        "rows of the ledger that differ": len(found.differences),
        "invoices that could not be issued": Due.objects.exclude(trouble="").count(),
    }


def _listed(service: str) -> Iterator[Any]:
    with talking():
        yield from getattr(gateway.client().v1, service).list(params={"limit": PAGE}).auto_paging_iter()


def _row(model: Any) -> Any:
    """What we hold of an object, without our own key."""
    names = [field.attname for field in model._meta.concrete_fields if field.name != "id"]
    return lambda id: model._default_manager.filter(processor_id=id).values(*names).first()


def _document(id: str) -> Any:
    return Invoice.objects.filter(processor_id=id).values("number").first()


def _of_invoice(id: str) -> Any:
    return _row(Due)(id), _document(id)


comparison.compared += [
    comparison.Compared("invoice", partial(_listed, "invoices"), _of_invoice),
    comparison.Compared("credit_note", partial(_listed, "credit_notes"), _document),
    comparison.Compared("charge", partial(_listed, "charges"), _row(Payment)),
    comparison.Compared("refund", partial(_listed, "refunds"), _row(Refund)),
    comparison.Compared("dispute", partial(_listed, "disputes"), _row(Dispute)),
    comparison.Compared("payout", partial(_listed, "payouts"), _row(Payout)),
    comparison.Compared("balance_transaction", partial(_listed, "balance_transactions"), _row(Entry)),
]
comparison.leftovers += [left, ending.left]
