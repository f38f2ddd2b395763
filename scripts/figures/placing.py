"""What the other two sides have in the place of Smoall's HostMiddleware: they tell the apps where they are.

Smoall's rows and sessions ask the scope for the schema in force. Here it is only said, never sent to the database:
what switches the schema is django-tenants, or nothing.
"""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from shared_apps.kit import scope

Answer = Callable[[HttpRequest], HttpResponse]
ONLY = UUID(int=1)  # the workspace of the plain side


class Stock:
    """Stands after django-tenants' own middleware, which has set `request.tenant` and the connection's schema."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = request.tenant  # type: ignore[attr-defined]
        _place(request, found.name)
        with scope._entered(scope.Scope("tenant", found.schema_name, "", found.uuid), None):
            return self.get_response(request)


class Plain:
    """One workspace for every host."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        _place(request, "Plain")
        with scope._entered(scope.Scope("tenant", "public", "", ONLY), None):
            return self.get_response(request)


def _place(request: HttpRequest, name: str) -> None:
    request.site, request.urlconf = "tenant", "config.urls_tenant"  # type: ignore[assignment]
    request.workspace_name, request.workspace_state = name, "active"  # type: ignore[attr-defined]
    request.workspace_reason, request.is_read_only = "", False  # type: ignore[attr-defined]
    request.leaving_until = None  # type: ignore[attr-defined]
