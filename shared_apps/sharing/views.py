"""The client's page "Who saw our information". Runs in the tenant's scope; the shared rows are about its client alone."""

from collections import Counter
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from shared_apps import sharing
from shared_apps.accounts.access import requires
from shared_apps.clients.models import Client
from shared_apps.kit import scope

ROWS = 50
KINDS: dict[str, Any] = {
    "integrator": _("Integrators"),
    "operator": _("People of Smoall"),
    "partner": _("Partners"),
    "order": _("Courts"),
}


@require_safe
@requires("sharing.view")
def home(request: HttpRequest) -> HttpResponse:
    """Everybody outside the team who saw or got something, the newest first."""
    here = scope.tenant_id()
    if here is None:
        raise Http404
    with scope.shared():
        client = Client.objects.get(tenant__id=here)
        everything = sharing.entries(client.pk)
    counted, kind = Counter[str](entry.kind for entry in everything), request.GET.get("kind", "")
    wanted = [entry for entry in everything if kind not in KINDS or entry.kind == kind]
    context = {
        "page": Paginator(wanted, ROWS).get_page(request.GET.get("page")),
        "chips": [
            {"value": value, "label": label, "count": counted[value]}
            for value, label in KINDS.items()
            if counted[value]
        ],
        "total": len(everything),
    }
    return render(request, "sharing/workspace.html", context)
