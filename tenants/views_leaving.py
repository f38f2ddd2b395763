"""Leaving, on the workspace's own host: what would happen, the notice, other days, and staying after all."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from shared_apps.accounts.access import requires


@requires("workspace.leave", when_suspended=True)
def leave(request: HttpRequest) -> HttpResponse:
    return render(request, "tenants/leaving/leave.html")
