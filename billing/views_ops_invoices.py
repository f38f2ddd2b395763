"""All of Smoall's invoices for operators: searched and filtered, as files for the accountant, and whether the money adds up."""

import re
from datetime import date
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from billing import accountant, ending, ledger, showing, views_ops
from billing.models import Allocation, Dispute, Document, Due, Invoice, Payback, Payment, Payout
from billing.views_ops import PAGES, sees, tabs
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import join
from shared_apps.kit.numbers import compact
from shared_apps.kit.paging import page_of
from shared_apps.kit.text import fold
from shared_apps.kit.uploads import download

MOST = 50  # differences, disputes and payouts on a page
FILTERS: dict[str, Any] = {
    "open": pgettext_lazy("invoices", "Open"),
    "overdue": pgettext_lazy("invoices", "Overdue"),
    "credit_notes": pgettext_lazy("invoices", "Credit notes"),
}
DIFFERENCES: dict[str, Any] = {
    "invoice": _("Invoice: not what the payment operator says is paid and open of it"),
    "paid": _("Invoice: paid otherwise than its payments say"),
    "unknown there": _("Invoice that the payment operator doesn’t know"),
    "payment": _("Payment that is not what it pays"),
    "entry of a payment": _("Payment that the payment operator’s account has otherwise"),
    "entry of a refund": _("Refund that the payment operator’s account has otherwise"),
    "entry of a dispute": _("Dispute that the payment operator’s account has otherwise"),
    "payout": _("Payout that is not the sum of what it sends"),
}
DISPUTES: dict[str, Any] = {
    "needs_response": pgettext_lazy("state of a dispute", "wants an answer"),
    "under_review": pgettext_lazy("state of a dispute", "under review"),
    "won": pgettext_lazy("state of a dispute", "won"),
    "lost": pgettext_lazy("state of a dispute", "lost"),
}
PAYOUTS: dict[str, Any] = {
    "pending": pgettext_lazy("state of a payout", "prepared"),
    "in_transit": pgettext_lazy("state of a payout", "under way"),
    "paid": pgettext_lazy("state of a payout", "arrived"),
    "failed": pgettext_lazy("state of a payout", "failed"),
}
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
IN_MEMORY = 8 * 1024 * 1024  # bytes of a ZIP before it goes to disk
join(PAGES, (_("Invoices"), "invoices-ops:list"), (_("Ledger"), "invoices-ops:ledger"))


class PeriodForm(forms.Form):
    first = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=_("Until, included"), widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("first") and said.get("last"):
            try:
                accountant.check(said["first"], said["last"])
            except accountant.BadPeriod as error:
                self.add_error("last", str(error))
        return said


def _last_quarter(today: date) -> tuple[date, date]:
    """The quarter that is over: what an accountant asks for."""
    month = (today.month - 1) // 3 * 3 + 1
    end = date(today.year, month, 1)
    first = date(end.year - 1, 10, 1) if month == 1 else date(end.year, month - 3, 1)
    return first, date.fromordinal(end.toordinal() - 1)


@require_safe
@sees
def invoices(request: HttpRequest) -> HttpResponse:
    first, last = _last_quarter(day_of(timezone.now()))
    return _page(request, PeriodForm(initial={"first": first, "last": last}))


def _page(request: HttpRequest, form: PeriodForm, status: int = 200) -> HttpResponse:
    today = day_of(timezone.now())
    words, state = request.GET.get("q", "")[:200].replace("\0", "").strip(), request.GET.get("state", "")
    found = _in_state(_matching(Invoice.objects.all(), words), state, today)
    page = page_of(found, request.GET.get("page"))
    context = {
        "tabs": tabs(request) if request.method == "GET" else tabs_at("invoices-ops:list", request),
        "page": page,
        "rows": showing.rows(page.object_list, today),
        "q": words,
        "filters": FILTERS.items(),
        "form": form,
        "troubles": list(Due.objects.exclude(trouble="")[:MOST]),
    }
    return render(request, "billing/ops/invoices.html", context, status=status)


def tabs_at(name: str, request: HttpRequest) -> list[dict[str, Any]]:
    """The tabs with another page's shown as the one: an answer to a form stands under its own address."""
    found = views_ops.tabs(request)
    for (_label, url_name), tab in zip(PAGES, found, strict=True):
        tab["active"] = url_name == name
    return found


def _matching(rows: "QuerySet[Invoice]", words: str) -> "QuerySet[Invoice]":
    """Those with every word in number, buyer's name, VAT number or structured communication."""
    for word in words.split():
        asked = Q(number__icontains=word) | Q(buyer_folded__contains=fold(word))
        if number := compact(word.strip("+")):
            asked |= Q(buyer__vat_number__icontains=number) | Q(communication=number)
        rows = rows.filter(asked)
    return rows


def _in_state(rows: "QuerySet[Invoice]", state: str, today: date) -> "QuerySet[Invoice]":
    if state == "credit_notes":
        return rows.filter(kind=Invoice.Kind.CREDIT_NOTE)
    if state in ("open", "overdue"):
        unpaid = Due.objects.filter(
            processor_id=OuterRef("processor_id"), status__in=("open", "uncollectible"), remaining__gt=0
        )
        rows = rows.filter(Exists(unpaid), kind=Invoice.Kind.INVOICE)
        return rows.filter(due_on__lt=today) if state == "overdue" else rows
    return rows


def _invoice(id: UUID) -> Invoice:
    found = Invoice.objects.select_related("corrects").filter(pk=id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@sees
def invoice(request: HttpRequest, id: UUID) -> HttpResponse:
    found = _invoice(id)
    context = {
        **showing.whole(found, day_of(timezone.now())),
        "documents": list(found.documents.defer("content")),
    }
    return render(request, "billing/ops/invoice.html", context)


@require_safe
@sees
def pdf(request: HttpRequest, id: UUID) -> HttpResponseBase:
    return showing.download(_invoice(id), Document.Form.PDF, now=timezone.now())


@require_safe
@sees
def xml(request: HttpRequest, id: UUID) -> HttpResponseBase:
    return showing.download(_invoice(id), Document.Form.UBL, now=timezone.now())


@require_POST
@sees
def export(request: HttpRequest) -> HttpResponseBase:
    """A ZIP for the accountant, finished before the first byte leaves."""
    form = PeriodForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    first, last = form.cleaned_data["first"], form.cleaned_data["last"]
    file: Any = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  the response closes it
    accountant.write(file, first=first, last=last, now=timezone.now())
    file.seek(0)
    answer: FileResponse = download(file, name=f"smoall-{first}-{last}.zip", content_type="application/zip")
    return answer


@require_POST
@sees
def paid_back(request: HttpRequest) -> HttpResponse:
    """A client that left got its money otherwise: the very amount that was shown, and that is owed still."""
    id, cents = request.POST.get("payback", ""), request.POST.get("cents", "")
    with transaction.atomic():
        found = Payback.waiting().filter(pk=id).first() if UUID_TEXT.fullmatch(id) else None
        if found:
            ending.hold(found.client_uuid)
            found = Payback.waiting().select_for_update().filter(pk=id).first()
        if found and (not ending.is_for_people(found) or found.cents != ending.owed_to(found.client_uuid)):
            ending.look_at.later(str(found.client_uuid))
            found = None
        if found is None or str(found.cents) != cents:
            messages.error(request, _now("This has changed meanwhile: look at what is left."))
        else:
            found.mark_paid(now=timezone.now())
            ending.look_at.later(str(found.client_uuid))
            messages.success(request, _now("Noted as paid back."))
    return redirect("invoices-ops:ledger")


def _dispute_state(one: Dispute) -> tuple[Any, str]:
    """In words, with the kind of its badge."""
    kinds = {"won": "positive", "lost": "danger", "needs_response": "attention"}
    return DISPUTES.get(one.status, one.status), kinds.get(one.status, "")


def _paid_by(charge: str) -> Invoice | None:
    """The newest document that a payment pays."""
    intents = Payment.objects.filter(processor_id=charge).exclude(payment_intent="").values("payment_intent")
    paid = Allocation.objects.filter(payment_intent__in=intents).values("invoice_id")
    return Invoice.objects.filter(processor_id__in=paid).first()


def _paybacks() -> list[tuple[Payback, Invoice | None, dict[str, object]]]:
    """Each with the newest document, by which a client that is gone is known still; and what people post who saw to it."""
    return [
        (
            one,
            Invoice.objects.of(one.client_uuid).first(),
            {"payback": one.id, "cents": one.cents} if ending.is_for_people(one) else {},
        )
        for one in Payback.waiting()[:MOST]
    ]


@require_safe
@sees
def ledger_page(request: HttpRequest) -> HttpResponse:
    """Invoiced = paid + open, to the cent; and what differs."""
    found = ledger.reconcile()
    context = {
        "tabs": tabs(request),
        "ledger": found,
        "differences": [(DIFFERENCES.get(one.what, one.what), one) for one in found.differences[:MOST]],
        "invoiced": [(_("Invoices"), found.invoiced), (_("Credit notes"), -found.credited)],
        "invoiced_total": found.invoiced - found.credited,
        "paid": [
            (_("Payments"), found.paid),
            (_("Paid elsewhere"), found.elsewhere),
            (_("Refunds"), -found.refunded),
            (_("Disputed"), -found.disputed),
            (pgettext_lazy("amount", "Open"), found.open),
        ],
        "paid_total": found.invoiced - found.credited - found.difference,
        "disputes": [
            (*_dispute_state(one), one, _paid_by(one.payment)) for one in Dispute.objects.all()[:MOST]
        ],
        "paybacks": _paybacks(),
        "payouts": [(PAYOUTS.get(one.status, one.status), one) for one in Payout.objects.all()[:MOST]],
    }
    return render(request, "billing/ops/ledger.html", context)
