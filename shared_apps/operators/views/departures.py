"""Who leaves, until when what is kept, and what is late."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from shared_apps.accounts.access import requires


@require_safe
@requires("operators.view")
def departures(request: HttpRequest) -> HttpResponse:
    return render(request, "operators/departures.html")
