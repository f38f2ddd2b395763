"""Judicial orders: one operator registers, another confirms, fetches what is given and keeps the signed record."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.clients.models import Client
from shared_apps.kit import uploads
from shared_apps.kit.paging import page_of
from shared_apps.kit.refusals import said_on
from shared_apps.mail.models import Message
from shared_apps.operators.forms_sharing import ConfirmForm, OrderForm, ProlongForm
from shared_apps.operators.views.sharing import tabs
from shared_apps.sharing.models import CannotShare, Order
from tenants import extract
from tenants import orders as carrying_out
from tenants.archive import BadRecipient

STATES: dict[str, tuple[Any, str]] = {
    "registered": (pgettext_lazy("an order", "to be confirmed"), "attention"),
    "confirmed": (pgettext_lazy("an order", "being carried out"), "accent"),
    "failed": (pgettext_lazy("an order", "could not be carried out"), "danger"),
    "made": (pgettext_lazy("an order", "to be fetched"), "accent"),
    "taken": (pgettext_lazy("an order", "carried out"), "positive"),
}

says_refusals = said_on("operators:order", CannotShare, "id")


def _order(id: UUID) -> Order:
    found = Order.objects.select_related("registered_by", "confirmed_by").filter(pk=id).first()
    if found is None:
        raise Http404
    return found


def _row(order: Order, companies: dict[UUID, str]) -> dict[str, Any]:
    label, badge = STATES[order.state]
    return {"order": order, "state": label, "badge": badge, "company": companies.get(order.client_uuid, "")}


def _companies(orders: Any) -> dict[UUID, str]:
    """Names of the clients whose contact details are there still."""
    wanted = [one.client_uuid for one in orders]
    return dict(Client.objects.filter(pk__in=wanted).values_list("pk", "company"))


@require_safe
@requires("operators.view")
def orders(request: HttpRequest) -> HttpResponse:
    page = page_of(Order.objects.all(), request.GET.get("page"))
    companies = _companies(page.object_list)
    context = {
        "page": page,
        "rows": [_row(one, companies) for one in page.object_list],
        "tabs": tabs("operators:orders"),
    }
    return render(request, "operators/sharing/orders.html", context)


@requires("operators.orders")
def register(request: HttpRequest) -> HttpResponse:
    """The first half: what the order says, and its document. Nothing is given yet."""
    form = OrderForm(
        request.POST or None, request.FILES or None, initial={"client": request.GET.get("client", "")[:200]}
    )
    if form.is_valid():
        facts = dict(form.cleaned_data)
        client, document = facts.pop("client"), facts.pop("document")
        try:
            made = Order.register(
                client=client.pk, document=document, by=person_of(request), now=timezone.now(), **facts
            )
        except CannotShare as error:
            form.add_error(None, str(error))
        except ValidationError as error:
            form.add_error("document", error)
        else:
            messages.success(request, _("The order is registered. Another operator has to confirm it."))
            return redirect("operators:order", id=made.pk)
    return render(request, "operators/sharing/register_order.html", {"form": form})


@require_safe
@requires("operators.view")
def order(request: HttpRequest, id: UUID) -> HttpResponse:
    return _page(request, _order(id), ConfirmForm())


def _page(request: HttpRequest, found: Order, form: ConfirmForm) -> HttpResponse:
    by, today = person_of(request), timezone.localdate()
    context = {
        **_row(found, _companies([found])),
        "form": form,
        "prolong": ProlongForm(),
        "selected": extract.describe(found),
        "may_confirm": found.confirmed_at is None
        and by.pk != found.registered_by_id
        and by.was_inside(found.registered_at),
        "is_late": by.pk != found.registered_by_id and not by.was_inside(found.registered_at),
        "may_take": found.state == "made" and by.pk == found.confirmed_by_id,
        "is_told": carrying_out.is_client_told(found, now=timezone.now()),
        "is_secret": found.is_secret(today),
        "mail_state": Message.states([found.mail_key]).get(found.mail_key, ""),
    }
    return render(request, "operators/sharing/order.html", context)


@require_POST
@requires("operators.orders")
@says_refusals
def confirm(request: HttpRequest, id: UUID) -> HttpResponse:
    """The second half, by somebody else: from now on a worker carries it out."""
    found, form = _order(id), ConfirmForm(request.POST)
    if form.is_valid():
        try:
            carrying_out.confirm(
                found, by=person_of(request), recipient=form.cleaned_data["recipient"], now=timezone.now()
            )
        except BadRecipient as error:
            form.add_error("recipient", str(error))
        else:
            messages.success(request, _("The order is confirmed and is being carried out."))
            return redirect("operators:order", id=id)
    return _page(request, found, form)


@require_POST
@requires("operators.orders")
@says_refusals
def retry(request: HttpRequest, id: UUID) -> HttpResponse:
    carrying_out.again(_order(id), now=timezone.now())
    messages.success(request, _("It begins anew."))
    return redirect("operators:order", id=id)


@require_POST
@requires("operators.orders")
@says_refusals
def prolong(request: HttpRequest, id: UUID) -> HttpResponse:
    """The authority forbids for longer to tell the client."""
    found, form = _order(id), ProlongForm(request.POST)
    if not form.is_valid():
        raise CannotShare(_("Give a day."))
    found.prolong(form.cleaned_data["until"], by=person_of(request), now=timezone.now())
    messages.success(request, _("The client is not told before that day is over."))
    return redirect("operators:order", id=id)


@require_POST
@requires("operators.orders")
@says_refusals
def take(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """What is given, encrypted, to whoever confirmed, once."""
    _order(id)
    found, file = carrying_out.take(id, by=person_of(request), now=timezone.now())
    return uploads.download(
        file, name=f"smoall-order-{found.id}.age", content_type="application/octet-stream"
    )


@require_safe
@requires("operators.orders")
def document(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """The order as it was received."""
    found = _order(id)
    try:
        file = found.document.open("rb")
    except FileNotFoundError:
        raise Http404 from None
    ending = uploads.ending_of(found.document_type)
    return uploads.download(file, name=f"order-{found.id}.{ending}", content_type=found.document_type)


@require_safe
@requires("operators.orders")
def record(request: HttpRequest, id: UUID) -> HttpResponse:
    """The signed record: canonical JSON, which the published keys verify."""
    found = _order(id)
    if not found.record:
        raise Http404
    return HttpResponse(
        found.record,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="smoall-order-{found.id}.json"'},
    )
