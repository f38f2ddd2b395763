"""Long work and jobs: what waits, runs and has failed, and why; a button begins what failed anew."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext as said  # for texts that stand in rows
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import requires
from shared_apps.clients.models import Client
from shared_apps.jobs import upkeep
from shared_apps.jobs.models import Job
from shared_apps.kit.paging import page_of
from shared_apps.operators.words import STATUS_BADGES, purpose_of, saga_name
from tenants import sagas as machinery
from tenants.models import Saga, Tenant

ROWS = 50


@require_safe
@requires("operators.view")
def sagas(request: HttpRequest) -> HttpResponse:
    """Long work, the newest first."""
    wanted = request.GET.get("status", "")
    rows = Saga.objects.filter(status=wanted) if wanted in Saga.Status.values else Saga.objects.all()
    page = page_of(rows.order_by("-created_at", "-id"), request.GET.get("page"), per_page=ROWS)
    owners = clients_of(one.subject for one in page.object_list)
    context = {
        "page": page,
        "rows": [_row(one, owners) for one in page.object_list],
        "chips": _chips(Saga.objects.all(), "status", Saga.Status.choices),
        "tabs": _tabs(request),
    }
    return render(request, "operators/sagas.html", context)


def _row(saga: Saga, owners: dict[UUID, Client]) -> dict[str, Any]:
    return {
        "saga": saga,
        "name": saga_name(saga.kind),
        "badge": STATUS_BADGES.get(saga.status, ""),
        "client": owners.get(saga.subject),
        "doing": said(saga.doing) if saga.doing else "",
    }


@require_safe
@requires("operators.view")
def jobs(request: HttpRequest) -> HttpResponse:
    """Jobs, the newest first; never their arguments."""
    wanted = request.GET.get("state", "")
    rows = Job.objects.filter(state=wanted) if wanted in Job.State.values else Job.objects.all()
    page = page_of(rows.order_by("-created_at", "-id"), request.GET.get("page"), per_page=ROWS)
    owners = clients_of(one.tenant_uuid for one in page.object_list)
    shown = [
        {
            "job": one,
            "purpose": purpose_of(one),
            "badge": STATUS_BADGES.get(one.state, ""),
            "client": owners.get(one.tenant_uuid),
        }
        for one in page.object_list
    ]
    context = {
        "page": page,
        "rows": shown,
        "chips": _chips(Job.objects.all(), "state", Job.State.choices),
        "tabs": _tabs(request),
    }
    return render(request, "operators/jobs.html", context)


def clients_of(tenants: Iterable[UUID | None]) -> dict[UUID, Client]:
    """Whose workspaces these are; those that are gone are left out."""
    wanted = {tenant for tenant in tenants if tenant}
    found = Tenant.objects.select_related("client").filter(pk__in=wanted) if wanted else []
    return {tenant.pk: tenant.client for tenant in found}


def _chips(rows: QuerySet[Any], field: str, choices: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    counted = dict(rows.order_by().values_list(field).annotate(number=Count("pk")))
    return [
        {"value": value, "label": label, "count": counted[value]}
        for value, label in choices
        if counted.get(value)
    ]


def _tabs(request: HttpRequest) -> list[dict[str, Any]]:
    entries = ((_("Long work"), "operators:work"), (_("Jobs"), "operators:jobs"))
    return [
        {"label": label, "url": reverse(name), "active": request.path == reverse(name)}
        for label, name in entries
    ]


def _saga(id: UUID) -> Saga:
    found = Saga.objects.filter(pk=id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@requires("operators.view")
def saga(request: HttpRequest, id: UUID) -> HttpResponse:
    """One piece of long work: how far it is, what it does, what went wrong."""
    found = _saga(id)
    context = {
        **_row(found, clients_of([found.subject])),
        "progress": progress_of(found),
        "steps": len(machinery.kind(found.kind).steps),
        "now": timezone.now(),
    }
    return render(request, "operators/saga.html", context)


@require_safe
@requires("operators.view")
def progress(request: HttpRequest, id: UUID) -> HttpResponse:
    """For htmx, every second; the whole page is shown anew once it is over."""
    found = _saga(id)
    if found.status in machinery.OVER:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "kit/components/progress.html", progress_of(found))


def progress_of(saga: Saga) -> dict[str, Any]:
    """What the progress component shows."""
    waits = saga.status == Saga.Status.WAITING
    return {
        "label": saga_name(saga.kind),
        "percent": saga.progress,
        "step": said(saga.doing) if saga.doing else _("Waiting for its turn") if waits else "",
        "url": reverse("operators:progress", args=[saga.pk]),
        "done": saga.status == Saga.Status.DONE,
        "failed": _failure(saga),
        "id": "saga",
    }


def _failure(saga: Saga) -> str:
    if saga.status == Saga.Status.CANCELLED:
        return _("It was cancelled.")
    return _("It has failed.") if saga.status == Saga.Status.FAILED else ""


@require_POST
@requires("operators.retry")
def retry(request: HttpRequest, id: UUID) -> HttpResponse:
    """A second click finds it begun already, and says so."""
    try:
        machinery.retry(_saga(id))
    except machinery.CannotRetry:
        messages.info(request, _("It has not failed, or was begun anew already."))
    else:
        messages.success(request, _("It begins anew where it stopped."))
    return redirect("operators:saga", id=id)


@require_POST
@requires("operators.retry")
def retry_job(request: HttpRequest, id: UUID) -> HttpResponse:
    if not Job.objects.filter(pk=id).exists():
        raise Http404
    try:
        upkeep.retry(id, now=timezone.now())
    except upkeep.CannotRetry:
        messages.info(request, _("It has not failed, or was begun anew already."))
    else:
        messages.success(request, _("It begins anew."))
    return redirect("operators:jobs")
