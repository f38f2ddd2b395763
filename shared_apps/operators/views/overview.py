"""How things stand, on one page: clients by state, their coming and going, sizes, and what has failed."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncMonth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from shared_apps.accounts.access import requires
from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit.dates import day_of
from shared_apps.operators.models import Inspection
from shared_apps.operators.words import saga_name
from shared_apps.requests.models import Breach, Request
from tenants.models import Erasure, Saga, State, Tenant

MONTHS = 12


@require_safe
@requires("operators.view")
def overview(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    states = dict(Tenant.objects.order_by().values_list("state").annotate(number=Count("pk")))
    failed = list(Saga.objects.filter(status=Saga.Status.FAILED)[:5])
    look = Inspection.last()
    points = _coming_and_going(timezone.localdate())
    context = {
        "active": states.get(State.ACTIVE, 0),
        "suspended": states.get(State.SUSPENDED, 0),
        "leaving": states.get(State.LEAVING, 0),
        "erasing": states.get(State.ERASING, 0),
        "failed_jobs": Job.objects.filter(state=Job.State.FAILED).count(),
        "late_requests": Request.objects.overdue(day_of(now)).count() + Breach.objects.overdue(now).count(),
        "open_requests": Request.objects.open().count() + Breach.objects.open().count(),
        "failed": [(saga, saga_name(saga.kind)) for saga in failed],
        "failed_sagas": Saga.objects.filter(status=Saga.Status.FAILED).count(),
        "points": points,
        "is_moving": any(any(numbers) for _month, numbers in points),
        "series": [_("New"), _("Erased")],
        "look": look,
        "largest": largest(look) if look else [],
    }
    return render(request, "operators/overview.html", context)


def _coming_and_going(today: date) -> list[tuple[str, list[int]]]:
    """(month, [new clients, erased ones]) of the last twelve months, the oldest first."""
    first = _months_before(today, MONTHS - 1)
    since = datetime(first.year, first.month, 1, tzinfo=timezone.get_current_timezone())
    new = _by_month(Client.objects.filter(created_at__gte=since), "created_at")
    erased = _by_month(Erasure.objects.filter(destroyed_at__gte=since), "destroyed_at")
    months = [_months_before(today, back) for back in range(MONTHS - 1, -1, -1)]
    return [(formats.date_format(month, "M"), [new.get(month, 0), erased.get(month, 0)]) for month in months]


def _months_before(day: date, months: int) -> date:
    """The first day of the month that many months earlier."""
    whole = day.year * 12 + day.month - 1 - months
    return date(whole // 12, whole % 12 + 1, 1)


def _by_month(rows: QuerySet[Any], field: str) -> dict[date, int]:
    counted = (
        rows.order_by().annotate(month=TruncMonth(field)).values_list("month").annotate(number=Count("pk"))
    )
    return {timezone.localtime(month).date(): number for month, number in counted}


def largest(look: Inspection) -> list[dict[str, Any]]:
    """`id`, `company`, `size` in bytes and `share` of the largest in percent, of workspaces still there."""
    wanted = [(UUID(client), int(size)) for client, size in look.largest]
    found = Client.objects.filter(pk__in=[client for client, _size in wanted]).exclude(tenant=None)
    names = dict(found.values_list("pk", "company"))
    most = max((size for _client, size in wanted), default=0) or 1
    return [
        {"id": client, "company": names[client], "size": size, "share": round(100 * size / most)}
        for client, size in wanted
        if client in names
    ]
