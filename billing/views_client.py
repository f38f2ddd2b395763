"""Plan, people, next amount and means of payment, for whoever manages them in a workspace.

A page is made of our own rows and waits for nobody: what only the processor knows comes in a second request. What is typed
about a card is typed on the processor's pages, to which forms lead (P15, P25).
"""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from billing import catalogue, customers, events, gateway, ordering, standing, subscriptions
from billing.forms import ChangeForm, CouponForm, DetailsForm, OrderForm, PlanForm
from billing.gateway import hosted
from billing.models import Account, Seats, Subscription
from billing.subscriptions import CannotOrder, UnknownCode
from shared_apps.accounts.access import requires
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from tenants.models import Tenant

Answer = Callable[[Exception], HttpResponse]  # to what was refused
SESSION = re.compile(r"cs_[A-Za-z0-9_]{1,200}\Z")
manages = requires("billing.manage", when_suspended=True)


def _here() -> Tenant:
    """The workspace of this host, with its client."""
    id = scope.tenant_id()
    if id is None:
        raise Http404
    with scope.shared():
        found: Tenant = Tenant.objects.select_related("client").prefetch_related("domains").get(pk=id)
        return found


@require_safe
@hosted
@manages
def home(request: HttpRequest) -> HttpResponse:
    tenant = _here()
    return render(request, "billing/home.html", _shown(tenant.client))


def _shown(client: Client, **more: Any) -> dict[str, Any]:
    now = timezone.now()
    with scope.shared():
        own, account = Subscription.of(client.pk), Account.of(client.pk)
        people = Seats.of(client.pk)
        trial = Subscription.trial_of(client.pk)
        stands = standing.of(client.pk, now=now)
        read_only_at = standing.ends_on(trial, now) if trial and trial.trial_end else None
    is_live = own is not None and own.is_live and own.state != "incomplete"
    plan = own.sold if own else None
    return {
        "client": client,
        "own": own,
        "is_live": is_live,
        "plan": plan,
        "account": account,
        "people": people,
        "room": plan.room(people) if plan else "",
        "trial": trial,
        "read_only_at": read_only_at,
        "standing": stands.value,
        "plans": [(one, one.room(people)) for one in catalogue.PLANS],
        "order_form": OrderForm(),
        "coupon_form": CouponForm(),
        "change_form": PlanForm(initial={"plan": own.plan, "pace": own.pace}) if own else None,
        **more,
    }


@require_safe
@manages
def next_amount(request: HttpRequest) -> HttpResponse:
    """For htmx, and as a page of its own without it: what is charged next, as the processor reckons it."""
    client = _here().client
    context: dict[str, Any] = {}
    try:
        with scope.shared():
            context["preview"] = subscriptions.next_amount(client.pk)
    except gateway.Trouble as error:
        context["trouble"] = str(error)
    template = "billing/components/next.html" if getattr(request, "htmx", False) else "billing/next.html"
    return render(request, template, context)


# --- verbs ----------------------------------------------------------------------------------------------------


def _do(
    request: HttpRequest, act: Callable[[], object], done: str = "", refused: Answer | None = None
) -> HttpResponse | None:
    """Act in the shared scope, all or nothing; None when it was done, else `refused`, or back to the page with the reason."""

    def whole() -> None:
        with transaction.atomic():
            act()

    return _try(request, whole, done, refused)


def _try(
    request: HttpRequest, act: Callable[[], object], done: str = "", refused: Answer | None = None
) -> HttpResponse | None:
    """The same for what has transactions of its own, the first of which may have to stay."""
    try:
        with scope.shared():
            act()
    except (gateway.Trouble, CannotOrder, catalogue.UnknownPlan) as error:
        return refused(error) if refused else _back(request, error)
    if done:
        messages.success(request, done)
    return None


def _back(request: HttpRequest, error: Exception) -> HttpResponse:
    messages.error(request, _said(error))
    return redirect("billing:home")


def _typed_again(
    request: HttpRequest, client: Client, error: Exception, **bound: OrderForm | CouponForm
) -> HttpResponse:
    """The page with what was typed and the reason beside it; a message where the form is shown no more."""
    shown = _shown(client, **bound)
    if shown["is_live"] == ("order_form" in bound):  # ordered meanwhile, or ended
        return _back(request, error)
    for form in bound.values():
        form.add_error("coupon" if isinstance(error, UnknownCode) else None, _said(error))
    return render(request, "billing/home.html", shown)


def _said(error: Exception) -> str:
    return _("This plan is not sold.") if isinstance(error, catalogue.UnknownPlan) else str(error)


def _leave_for(
    request: HttpRequest, address: Callable[[], str], refused: Answer | None = None
) -> HttpResponse:
    """To one of the processor's pages."""
    found: list[str] = []
    return _try(request, lambda: found.append(address()), refused=refused) or HttpResponseRedirect(
        found[0], status=303
    )


@require_POST
@hosted
@manages
def order(request: HttpRequest) -> HttpResponse:
    """To the processor's page on which the order is made."""
    tenant, form = _here(), OrderForm(request.POST)
    if not form.is_valid():
        return render(request, "billing/home.html", _shown(tenant.client, order_form=form))
    back = tenant.url + reverse("billing:home")
    done_at = tenant.url + reverse("billing:done") + "?session={CHECKOUT_SESSION_ID}"
    return _leave_for(
        request,
        lambda: ordering.order(
            tenant.client, **form.cleaned_data, success_url=done_at, cancel_url=back, now=timezone.now()
        ),
        lambda error: _typed_again(request, tenant.client, error, order_form=form),
    )


@require_safe
@manages
def done(request: HttpRequest) -> HttpResponse:
    """Back from the processor: what was ordered there is fetched at once, whether its message has come or not."""
    session = request.GET.get("session", "")
    if SESSION.match(session):
        said = _("Thank you: your plan is ordered.")
        refused = _do(request, lambda: events.project("checkout.session", session, now=timezone.now()), said)
        if refused:
            return refused
    return redirect("billing:home")


@manages
def change(request: HttpRequest) -> HttpResponse:
    """Another plan or period: what it costs now is shown before it is ordered."""
    client = _here().client
    if request.method == "POST":
        form = ChangeForm(request.POST)
        if not form.is_valid():
            return redirect("billing:home")
        chosen = form.cleaned_data
        now = timezone.now()
        refused = _do(
            request,
            lambda: subscriptions.change(client.pk, **chosen, now=now),
            _("Your plan is changed."),
        )
        return refused or redirect("billing:home")
    wanted = PlanForm(request.GET)
    if not wanted.is_valid():
        return redirect("billing:home")
    at = int(timezone.now().timestamp())
    shown: dict[str, Any] = {}

    def look() -> None:
        shown["preview"] = subscriptions.preview_change(client.pk, **wanted.cleaned_data, at=at)

    if refused := _do(request, look):
        return refused
    context = _shown(client, **shown, form=ChangeForm(initial={**wanted.cleaned_data, "at": at}))
    chosen_plan = catalogue.plan(wanted.cleaned_data["plan"])
    context |= {"chosen": chosen_plan, "pace": wanted.cleaned_data["pace"], "at": at}
    context["cents"] = chosen_plan.cents(wanted.cleaned_data["pace"])
    context["whole"] = context["cents"] * context["people"]
    return render(request, "billing/change.html", context)


@require_POST
@hosted
@manages
def coupon(request: HttpRequest) -> HttpResponse:
    form, client = CouponForm(request.POST), _here().client
    if not form.is_valid():
        return render(request, "billing/home.html", _shown(client, coupon_form=form))
    code = form.cleaned_data["coupon"]
    refused = _do(
        request,
        lambda: subscriptions.use_coupon(client.pk, code, now=timezone.now()),
        _("The discount holds from now on."),
        lambda error: _typed_again(request, client, error, coupon_form=form),
    )
    return refused or redirect("billing:home")


@require_POST
@manages
def cancel(request: HttpRequest) -> HttpResponse:
    client = _here().client
    done = _("Your plan ends with the period that is paid. Until then everything goes on.")
    return _do(request, lambda: subscriptions.cancel(client.pk, now=timezone.now()), done) or redirect(
        "billing:home"
    )


@require_POST
@manages
def resume(request: HttpRequest) -> HttpResponse:
    client = _here().client
    done = _("Your plan goes on.")
    return _do(request, lambda: subscriptions.resume(client.pk, now=timezone.now()), done) or redirect(
        "billing:home"
    )


@require_POST
@hosted
@manages
def means(request: HttpRequest) -> HttpResponse:
    """To the processor's page on which cards and accounts are changed."""
    tenant = _here()
    back = tenant.url + reverse("billing:home")
    return _leave_for(
        request, lambda: subscriptions.portal(tenant.client, return_url=back, now=timezone.now())
    )


@manages
def details(request: HttpRequest) -> HttpResponse:
    """Where invoices go, and what stands on them; company, address and VAT number are the contact details."""
    client = _here().client
    account = _account_of(client.pk)
    form = DetailsForm(request.POST or None, instance=account)
    if request.method == "POST" and form.is_valid():
        refused = _do(request, lambda: _keep(form, client), _("The billing details are saved."))
        return refused or redirect("billing:home")
    return render(request, "billing/details.html", {"form": form, "client": client, "account": account})


def _account_of(client: UUID) -> Account:
    with scope.shared():
        return Account.of(client) or Account(client_uuid=client)


def _keep(form: DetailsForm, client: Client) -> None:
    """Raises CannotOrder when the details aren't those that the page showed."""
    account = Account.locked(
        client.pk, now=timezone.now()
    )  # somebody may have ordered since the page was made
    if form.is_stale(account):  # also when somebody was erased there: nothing brings them back
        raise CannotOrder(
            _("The billing details were changed while you had them open. Nothing is stored: open them again.")
        )
    account.billing_email, account.reference = (
        form.cleaned_data["billing_email"],
        form.cleaned_data["reference"],
    )
    account.save(update_fields=["billing_email", "reference"])
    customers.details_changed(client.pk)
