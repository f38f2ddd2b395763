"""What doesn't fit together, as check_tenants prints it. A worker looks: a web process may not compare schemas."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import requires
from shared_apps.operators import jobs
from shared_apps.operators.models import Inspection


@require_safe
@requires("operators.view")
def health(request: HttpRequest) -> HttpResponse:
    running = Inspection.running(timezone.now())
    context = {"look": Inspection.last(), "progress": _progress() if running else None}
    return render(request, "operators/health.html", context)


@require_POST
@requires("operators.inspect")
def inspect(request: HttpRequest) -> HttpResponse:
    """Look again. Twice the same click is one look."""
    jobs.ask_to_inspect(timezone.now())
    return redirect("operators:health")


@require_safe
@requires("operators.view")
def progress(request: HttpRequest) -> HttpResponse:
    """For htmx, every second; the whole page is shown anew once the look is over."""
    if Inspection.running(timezone.now()) is None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "kit/components/progress.html", _progress())


def _progress() -> dict[str, Any]:
    """Nobody knows how long it takes: no percentage."""
    return {
        "label": _("Looking at every workspace"),
        "percent": None,
        "step": _("Rows, schemas, roles, files, keys and the ledger are compared."),
        "url": reverse("operators:health-progress"),
        "id": "look",
    }
