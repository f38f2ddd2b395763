"""What stands between an operator and their work beside right and password: the signed confidentiality text."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from shared_apps.accounts.access import access_of
from shared_apps.accounts.models import User
from shared_apps.operators.models import Signature

Answer = Callable[[HttpRequest], HttpResponse]


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
