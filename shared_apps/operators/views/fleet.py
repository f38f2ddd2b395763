"""The fleet: which release's tables workspaces have, how their migration goes, what failed, the pool, and drift.

Numbers come from indexes and lists in pages: the page costs the same with ten workspaces and with thousands.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import requires
from shared_apps.kit.paging import page_of
from shared_apps.operators.models import Inspection
from shared_apps.operators.views.overview import largest
from tenants import fleet as verbs
from tenants.models import Drift, FleetEntry, PoolSchema, Snapshot
from tenants.schemas import pool, waves

ROWS = 25
DRIFTS = 25


@require_safe
@requires("operators.view")
def fleet(request: HttpRequest) -> HttpResponse:
    status = verbs.status()
    stuck = waves.stuck(status.release, status.fingerprint).select_related("tenant__client")
    look = Inspection.last()
    drifts = Drift.objects.select_related("tenant__client").order_by("found_at", "id")
    context = {
        "status": status,
        "standings": [_standing(one) for one in status.standings],
        "waves": _waves(status),
        "failed": waves.failures(status.release, status.fingerprint).count(),
        "page": page_of(stuck, request.GET.get("page"), per_page=ROWS),
        "pool": _pool(),
        "drifts": drifts[:DRIFTS],
        "more_drifts": max(0, drifts.count() - DRIFTS),
        "look": look,
        "largest": largest(look) if look else [],
    }
    return render(request, "operators/fleet.html", context)


def _standing(one: verbs.Standing) -> dict[str, Any]:
    if one.is_current:
        state, badge = _("up to date"), "positive"
    elif one.is_served:
        state, badge = _("to be migrated, works meanwhile"), "accent"
    else:
        state, badge = _("to be migrated, closed meanwhile"), "attention"
    return {"standing": one, "print": one.fingerprint[:12], "state": state, "badge": badge}


def _waves(status: verbs.Status) -> list[dict[str, Any]]:
    """Each wave towards the tables of now, the canary first. One grouped query over an index."""
    rows = (
        FleetEntry.objects.filter(release=status.release, fingerprint=status.fingerprint)
        .order_by("wave", "status")
        .values_list("wave", "status")
        .annotate(number=Count("pk"))
    )
    found: dict[int, dict[str, int]] = {}
    for wave, state, number in rows:
        found.setdefault(wave, dict.fromkeys(FleetEntry.Status.values, 0))[state] = number
    return [
        {
            "name": _("Canary") if wave == 0 else _("Wave %(number)s") % {"number": wave},
            "whole": sum(counts.values()),
            "percent": 100 * counts["done"] // sum(counts.values()),
            **counts,
        }
        for wave, counts in found.items()
    ]


def _pool() -> dict[str, int]:
    wanted = pool.wanted(timezone.now())
    target = Snapshot.objects.defer("ddl", "seeds", "tables").filter(release=verbs.release()).first()
    if target is None:
        return {"ready": 0, "wanted": wanted, "stale": 0, "making": 0}
    return {
        "ready": pool.ready(target).count(),
        "wanted": wanted,
        "stale": pool.stale(target).count(),
        "making": PoolSchema.objects.filter(is_ready=False).count(),
    }


@require_POST
@requires("operators.retry")
def retry_migration(request: HttpRequest, id: UUID) -> HttpResponse:
    """One workspace that failed or was busy, by a worker. A second click finds it begun already, and says so."""
    if not FleetEntry.objects.filter(pk=id).exists():
        raise Http404
    try:
        waves.begin_anew(id, now=timezone.now())
    except waves.CannotMigrate:
        messages.info(request, _("It has not failed, or was begun anew already."))
    else:
        messages.success(request, _("It begins anew."))
    return redirect("operators:fleet")
