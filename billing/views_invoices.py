"""A client's invoices, for whoever may see them in its workspace: list, page, files, and the way to pay.

Paying leads to the processor's own page of the invoice (P15). In a suspended workspace too, since that is how it opens.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from billing import gateway, showing
from billing.gateway import hosted, read, talking
from billing.models import Document, Invoice, Payment
from shared_apps.accounts.access import requires
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.paging import page_of
from tenants.models import Tenant

sees = requires("billing.invoices")
pays = requires("billing.invoices", when_suspended=True)
PAYMENTS = 20  # shown beneath the list


def _client() -> UUID:
    """Whose workspace this is. In the shared scope."""
    id = scope.tenant_id()
    if id is None:
        raise Http404
    with scope.shared():
        found: UUID = Tenant.objects.values_list("client_id", flat=True).get(pk=id)
        return found


def _own(id: UUID) -> Invoice:
    """Raises Http404 for an invoice of somebody else, too."""
    client = _client()
    with scope.shared():
        found = Invoice.objects.of(client).select_related("corrects").filter(pk=id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@sees
def invoices(request: HttpRequest) -> HttpResponse:
    """The newest first; beneath, the last payments."""
    client, today = _client(), day_of(timezone.now())
    with scope.shared():
        page = page_of(Invoice.objects.of(client), request.GET.get("page"))
        rows = showing.rows(page.object_list, today)
        payments = [showing.payment_row(one) for one in Payment.objects.filter(client_uuid=client)[:PAYMENTS]]
        waiting = [row for row in rows if row["open"]]
        context = {
            "page": page,
            "rows": rows,
            "payments": payments,
            "count": page.paginator.count,
            "to_pay": waiting[-1]["invoice"] if waiting else None,  # the oldest
            "open_cents": sum(row["open"] for row in waiting),
        }
        return render(request, "billing/invoices/list.html", context)


@require_safe
@hosted
@sees
def invoice(request: HttpRequest, id: UUID) -> HttpResponse:
    found = _own(id)
    with scope.shared():
        context: dict[str, Any] = showing.whole(found, day_of(timezone.now()))
        return render(request, "billing/invoices/invoice.html", context)


@require_safe
@sees
def pdf(request: HttpRequest, id: UUID) -> HttpResponseBase:
    found = _own(id)
    with scope.shared():
        return showing.download(found, Document.Form.PDF, now=timezone.now())


@require_safe
@sees
def xml(request: HttpRequest, id: UUID) -> HttpResponseBase:
    found = _own(id)
    with scope.shared():
        return showing.download(found, Document.Form.UBL, now=timezone.now())


@require_POST
@hosted
@pays
def pay(request: HttpRequest, id: UUID) -> HttpResponse:
    """To the processor's page of this invoice, whose address is asked for now, since it ends after a while."""
    found = _own(id)
    try:
        with talking():
            theirs = gateway.client().v1.invoices.retrieve(found.processor_id)
            address = str(read("invoice", theirs, "hosted_invoice_url") or "")
    except gateway.Trouble as error:
        messages.error(request, str(error))
        return redirect("invoices:invoice", id=id)
    if not address:
        messages.error(request, _("There is nothing to pay of this invoice."))
        return redirect("invoices:invoice", id=id)
    return HttpResponseRedirect(address, status=303)
