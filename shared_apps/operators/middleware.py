"""What stands between an operator and their work beside right and password: a signed text, and a grant."""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from shared_apps.accounts.access import access_of
from shared_apps.accounts.middleware import READING
from shared_apps.accounts.models import Kind, User, Visiting
from shared_apps.kit import scope
from shared_apps.kit.module import ADMIN
from shared_apps.operators.models import Grant, Scope, Signature, Visit

IN_SESSION = "grant"  # [its key, the operator's sign-in on the console]
LEAVE = "support:leave"
CLOSED = ("accounts", "team", "workspace", "support", "integrator")  # rooms that no grant opens
DOWNLOADS = ("export", "import-report", "attachment")  # addresses that give out a table or a file
Answer = Callable[[HttpRequest], HttpResponse]


class GrantMiddleware:
    """In a workspace, a session that a grant opened: looked at, recorded and limited at each request (P22).

    Before whatever asks who is signed in. The person is made for the request: no row of the workspace is an operator.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if getattr(request, "site", "") != "tenant" or not request.session.get(IN_SESSION):
            return self.get_response(request)
        now, here = timezone.now(), scope.tenant_id()
        id, sign_in = request.session[IN_SESSION]
        with scope.shared():
            grant = Grant.in_force(id, tenant=here, now=now, sign_in=sign_in)
        if grant is None:
            request.session.flush()
            return render(request, "operators/visit_over.html", status=403)
        request.grant = grant  # type: ignore[attr-defined]
        request._cached_user = visitor(grant)  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Recorded before it is answered, a refusal too; a page that fails shows nothing. Raises PermissionDenied (403)."""
        grant, match = getattr(request, "grant", None), request.resolver_match
        if grant is None or match is None:
            return None
        with scope.shared():
            Visit.objects.create(
                grant=grant, at=timezone.now(), page=match.view_name[:100], address=match.route[:300],
                method=(request.method or "")[:10],
            )  # fmt: skip
        if match.view_name == LEAVE:
            return None
        access = access_of(view)
        is_public = access is None or access.kind == "public"
        if match.app_name in CLOSED or is_public or match.url_name in DOWNLOADS:
            raise PermissionDenied("not under a grant")
        if grant.scope == Scope.READ and request.method not in READING:
            raise PermissionDenied("this grant reads only")
        return None


def visitor(grant: Grant) -> User:
    """Who acts under a grant, for one request. It has no row in the workspace."""
    person = User(
        id=grant.operator_id, name=grant.operator_name, email=grant.operator.email, kind=Kind.OPERATOR,
        language=grant.operator.language, role=int(ADMIN),
    )  # fmt: skip
    assert grant.until is not None
    person.visiting = Visiting(grant.reason, grant.scope == Scope.WRITE, grant.until)
    return person


class ConfidentialityMiddleware:
    """On ops., whoever has not signed the text in force opens it, their own account, and nothing else (P22)."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if getattr(request, "site", "") != "ops":
            return None
        access, match = access_of(view), request.resolver_match
        is_open = access is not None and access.kind == "public"
        if is_open or (match and (match.app_name == "accounts" or match.view_name == "operators:sign")):
            return None
        if isinstance(request.user, User) and Signature.missing(request.user, now=timezone.now()):
            is_htmx = getattr(request, "htmx", False)
            return HttpResponseClientRedirect("/confidentiality/") if is_htmx else redirect("operators:sign")
        return None
