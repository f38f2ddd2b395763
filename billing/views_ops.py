"""What operators see of billing: what recurs, who is past due, and whether all of it is what the processor knows."""

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from billing import catalogue, reconcile
from billing.models import Figure, Reconciliation, Subscription
from billing.models.subscription import OWED
from shared_apps.accounts.access import requires
from shared_apps.clients.models import Client
from shared_apps.kit.dates import plus_months
from tenants.models import Tenant

MONTHS = 12
MOST = 100
sees = requires("operators.billing")
PAGES: list[tuple[Any, str]] = [
    (gettext_lazy("Revenue"), "billing-ops:revenue"),
    (gettext_lazy("Past due"), "billing-ops:past-due"),
    (gettext_lazy("Comparison"), "billing-ops:reconciliation"),
]

COMPARED: dict[str, Any] = {
    "customer": gettext_lazy("customers"),
    "subscription": gettext_lazy("subscriptions"),
    "invoice": pgettext_lazy("compared", "invoices"),
    "credit_note": pgettext_lazy("compared", "credit notes"),
    "charge": pgettext_lazy("compared", "payments"),
    "refund": pgettext_lazy("compared", "refunds"),
    "dispute": pgettext_lazy("compared", "disputes"),
    "payout": pgettext_lazy("compared", "payouts"),
    "balance_transaction": gettext_lazy("lines of the account"),
    "aligned": gettext_lazy("plans brought in line"),
    "customers that nobody here knows": gettext_lazy("customers that nobody here knows"),
    "customers that are missing there": gettext_lazy("customers that are missing there"),
    "clients with two plans": gettext_lazy("clients with two plans"),
    "records that should be deleted there by now": gettext_lazy(
        "records that should be deleted there by now"
    ),
    "cents that don't add up": gettext_lazy("cents that don’t add up"),
    "rows of the ledger that differ": gettext_lazy("rows of the ledger that differ"),
    "invoices that could not be issued": gettext_lazy("invoices that could not be issued"),
    "clients that left and wait for money": gettext_lazy("clients that left and wait for money"),
}  # what reconcile.py counts, in words


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The pages of billing. Other parts of it join theirs to `PAGES`."""
    found = [(label, reverse(name)) for label, name in PAGES]
    return [{"label": label, "url": url, "active": request.path == url} for label, url in found]


@require_safe
@sees
def revenue(request: HttpRequest) -> HttpResponse:
    """By month, what recurred at its end, by plan; how many began and ended."""
    months = _months(timezone.localdate())
    names = {one.code: one.name for one in catalogue.PLANS}
    last = [_at_end(month) for month in months]
    codes = list(dict.fromkeys([*names, *(code for at in last for code in at)]))
    labels = [date_format(month, "M") for month in months]
    now = last[-1]
    context = {
        "tabs": tabs(request),
        "recurring": [
            (label, [at[code].cents / 100 if code in at else 0 for code in codes])
            for label, at in zip(labels, last, strict=True)
        ],
        "plans": [str(names.get(code, code)) for code in codes],
        "clients": [
            (label, sum(figure.clients for figure in at.values()))
            for label, at in zip(labels, last, strict=True)
        ],
        "churn": [
            (label, _churn(month, before)) for label, month, before in zip(labels, months, [{}, *last], strict=False)
        ],
        "cents": sum(figure.cents for figure in now.values()),
        "paying": sum(figure.clients for figure in now.values()),
        "people": sum(figure.people for figure in now.values()),
        "trials": _trials(),
        "by_plan": [(names.get(code, code), figure) for code, figure in now.items() if figure.clients],
        "counted_on": max((figure.on for figure in now.values()), default=None),
    }  # fmt: skip
    return render(request, "billing/ops/revenue.html", context)


def _months(today: date) -> list[date]:
    """The first days of the last twelve months, the current one last."""
    first = today.replace(day=1)
    return [plus_months(first, -back) for back in range(MONTHS - 1, -1, -1)]


def _at_end(month: date) -> dict[str, Figure]:
    """{plan: the last figure of that month}."""
    within = Figure.objects.filter(on__gte=month, on__lt=plus_months(month, 1))
    last = within.order_by("-on").values_list("on", flat=True).first()
    return {figure.plan: figure for figure in within.filter(on=last)} if last else {}


def _churn(month: date, before: dict[str, Figure]) -> float:
    """Per cent of the clients at the beginning of the month whose plan ended in it."""
    ended = Figure.objects.filter(on__gte=month, on__lt=plus_months(month, 1)).values_list("ended", flat=True)
    began = sum(figure.clients for figure in before.values())
    return round(100 * sum(ended) / began, 1) if began else 0.0


def _trials() -> int:
    now = timezone.now()
    live = Subscription.objects.live().values("client_uuid")
    return (
        Subscription.objects.filter(processor_id=None, trial_end__gt=now)
        .exclude(client_uuid__in=live)
        .count()
    )


@require_safe
@sees
def past_due(request: HttpRequest) -> HttpResponse:
    """Whose payment is missing, since when, and when the workspace closes for writing; and those that are closed."""
    owed = list(Subscription.objects.filter(state__in=OWED).order_by("read_only_on")[:MOST])
    closed = list(Tenant.objects.exclude(unpaid_since=None).select_related("client")[:MOST])
    clients = Client.objects.in_bulk([own.client_uuid for own in owed])
    context = {
        "tabs": tabs(request),
        "owed": [(own, clients.get(own.client_uuid)) for own in owed],
        "closed": closed,
    }
    return render(request, "billing/ops/past_due.html", context)


@require_safe
@sees
def reconciliation(request: HttpRequest) -> HttpResponse:
    """The last comparisons: what was seen, repaired, and left."""
    found = list(Reconciliation.objects.all()[:30])
    context = {
        "tabs": tabs(request),
        "is_late": not found or found[0].begun_at < timezone.now() - timedelta(days=2),
        "rows": [
            {
                "begun_at": one.begun_at,
                "failed": one.failed,
                **{name: _worded(getattr(one, name)) for name in ("seen", "repaired", "left")},
            }
            for one in found
        ],
    }
    return render(request, "billing/ops/reconciliation.html", context)


def _worded(counted: dict[str, int]) -> list[tuple[Any, int]]:
    return [(COMPARED.get(what, what), number) for what, number in counted.items()]


@require_POST
@sees
def compare(request: HttpRequest) -> HttpResponse:
    """Look now. A worker does it; twice within a minute is once."""
    now = timezone.now()
    reconcile.now_please.later(key=f"{now:%Y-%m-%d %H:%M}")
    messages.success(request, _("The comparison has begun. Its result stands here in a moment."))
    return redirect("billing-ops:reconciliation")
