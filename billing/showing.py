"""How an invoice is shown: its state in words, its amounts, what was paid; and its files as downloads."""

from collections.abc import Iterable
from datetime import date, datetime
from io import BytesIO
from typing import Any

from django.http import Http404, HttpResponseBase
from django.utils.translation import pgettext_lazy

from billing.models import Allocation, Dispute, Document, Due, Invoice, Payment, Refund
from shared_apps.kit import uploads

STATES: dict[str, tuple[Any, str]] = {
    "paid": (pgettext_lazy("state of an invoice", "paid"), "positive"),
    "open": (pgettext_lazy("state of an invoice", "open"), ""),
    "overdue": (pgettext_lazy("state of an invoice", "overdue"), "attention"),
    "credited": (pgettext_lazy("state of an invoice", "credited"), ""),
    "credit_note": (pgettext_lazy("a document of Smoall", "credit note"), ""),
}
METHODS: dict[str, Any] = {
    "card": pgettext_lazy("way of paying", "card"),
    "sepa_debit": pgettext_lazy("way of paying", "direct debit"),
    "bancontact": "Bancontact",
}
PAYMENT_STATES: dict[str, tuple[Any, str]] = {
    "succeeded": (pgettext_lazy("state of a payment", "received"), "positive"),
    "pending": (pgettext_lazy("state of a payment", "under way"), "attention"),
    "failed": (pgettext_lazy("state of a payment", "failed"), "danger"),
}
TYPES = {Document.Form.PDF: ("pdf", "application/pdf"), Document.Form.UBL: ("xml", "application/xml")}


def state_of(invoice: Invoice, due: Due | None, today: date) -> str:
    if invoice.is_credit_note:
        return "credit_note"
    if due is None or due.is_open:
        return "overdue" if invoice.due_on and invoice.due_on < today else "open"
    return "credited" if due.status == "void" or not due.paid + due.from_balance else "paid"


def rows(invoices: Iterable[Invoice], today: date) -> list[dict[str, Any]]:
    """For a list. In the shared scope; one query, however many."""
    listed = list(invoices)
    dues = {
        due.processor_id: due
        for due in Due.objects.filter(processor_id__in=[one.processor_id for one in listed])
    }
    return [_row(one, dues.get(one.processor_id), today) for one in listed]


def _row(invoice: Invoice, due: Due | None, today: date) -> dict[str, Any]:
    state = state_of(invoice, due, today)
    label, badge = STATES[state]
    return {
        "invoice": invoice,
        "state": label,
        "badge": badge,
        "cents": -invoice.payable if invoice.is_credit_note else invoice.payable,
        "open": due.remaining if due is not None and due.is_open else 0,
    }


def whole(invoice: Invoice, today: date) -> dict[str, Any]:
    """For its own page. In the shared scope."""
    due = Due.objects.filter(processor_id=invoice.processor_id).first()
    return {
        **_row(invoice, due, today),
        "due": due,
        "lines": list(invoice.lines.all()),
        "shares": invoice.shares,
        "buyer": invoice.buyer_party,
        "credit_notes": list(invoice.credit_notes.all()),
        "corrects": invoice.corrects,
        "payments": [payment_row(one) for one in payments_of(invoice)],
        "has_xml": Document.objects.filter(invoice=invoice, form=Document.Form.UBL).exists(),
    }


def payments_of(invoice: Invoice) -> list[Payment]:
    intents = Allocation.objects.filter(invoice_id=invoice.processor_id).exclude(payment_intent="")
    return list(Payment.objects.filter(payment_intent__in=intents.values("payment_intent")))


def payment_row(payment: Payment) -> dict[str, Any]:
    label, badge = PAYMENT_STATES.get(payment.status, (payment.status, ""))
    id = payment.processor_id
    refunded = sum(one.amount for one in Refund.objects.filter(payment=id) if one.counts)
    disputed = sum(one.amount for one in Dispute.objects.filter(payment=id) if one.counts)
    return {
        "payment": payment,
        "state": label,
        "badge": badge,
        "method": METHODS.get(payment.method, payment.method),
        "refunded": refunded,
        "disputed": disputed,
    }


def download(invoice: Invoice, form: str, *, now: datetime) -> HttpResponseBase:
    """The stored file. In the shared scope. Raises Http404 where there is none."""
    if form == Document.Form.PDF:
        found: Document | None = Document.pdf_of(invoice, now=now)
    else:
        found = Document.objects.filter(invoice=invoice, form=form).first()
    if found is None:
        raise Http404
    ending, content_type = TYPES[Document.Form(form)]
    name = f"smoall-{invoice.number}.{ending}"
    return uploads.download(BytesIO(found.intact()), name=name, content_type=content_type)
