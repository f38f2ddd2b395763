"""Sessions, language and access of a request, inside the transaction and scope of the host's middleware."""

import logging
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.middleware import get_user
from django.contrib.sessions import middleware as django_sessions
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from shared_apps.accounts.access import Access, access_of, person_of
from shared_apps.accounts.models import REQUIRED, Cause, User, has_second_factor
from shared_apps.accounts.sessions import BY_SECOND, Nothing, end, store_of
from shared_apps.kit import languages, scope

log = logging.getLogger("smoall.access")
Answer = Callable[[HttpRequest], HttpResponse]
SETTING_UP = ("accounts:factors", "accounts:prove", "accounts:app", "accounts:add-passkey")
READING = ("GET", "HEAD", "OPTIONS")


class SessionMiddleware(django_sessions.SessionMiddleware):
    """Django's, but for the website, which has no session: no cookie is read or set there (P01).

    And a visitor's forms get a token that needs no row: it is the one that Django's CSRF middleware finds and keeps.
    """

    def process_request(self, request: HttpRequest) -> None:
        if _is_website(request):
            request.session = Nothing()
            return
        super().process_request(request)
        if secret := store_of(request).visitors_secret():
            request.META["CSRF_COOKIE"] = secret

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return response if _is_website(request) else super().process_response(request, response)


class LanguageMiddleware:
    """The signed-in person's language; else the website's path, the `language` cookie, the browser's wish."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        person = None if _is_website(request) else get_user(request)
        if isinstance(person, User) and translation.check_for_language(person.language):
            language = person.language
        else:
            language = languages.of_request(request)
        translation.activate(language)
        request.LANGUAGE_CODE = language
        response = self.get_response(request)
        response.headers.setdefault("Content-Language", translation.get_language() or language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


class AccessMiddleware:
    """Denies by default; gives what the request writes its author."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _is_signed_in(request):
            return self.get_response(request)
        with scope.acting(person_of(request).as_actor()):
            return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """None lets the view run. Raises PermissionDenied (403)."""
        access = access_of(view)
        if access is None:
            raise PermissionDenied("the view declares no access")
        if access.kind != "public" and not _is_signed_in(request):
            return _to_sign_in(request)
        if access.kind != "public" and (missing := _without_second(request)):
            return missing
        if access.kind == "requires" and not person_of(request).may(access.right):
            log.warning(
                "refused: %s wants %s", view.__qualname__, access.right
            )  # nobody's name, address or path
            raise PermissionDenied(access.right)
        return _refused_when_suspended(request, access)


def _is_website(request: HttpRequest) -> bool:
    return getattr(request, "site", "website") == "website"


def _is_signed_in(request: HttpRequest) -> bool:
    return not _is_website(request) and isinstance(get_user(request), User)


def _without_second(request: HttpRequest) -> HttpResponse | None:
    """Where those go who must have a second factor and came without: to set one up, or to sign in with it."""
    person = person_of(request)
    if person.visiting or person.kind not in REQUIRED or request.session.get(BY_SECOND):
        return None
    if has_second_factor(
        person
    ):  # set up elsewhere since; that ended every other session, this one among them
        end(request, Cause.REVOKED, now=timezone.now())
        return _to_sign_in(request)
    match = request.resolver_match
    if match and match.view_name in SETTING_UP:
        return None
    url = reverse("accounts:factors")
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", None) else HttpResponseRedirect(url)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page, which leads back to what was asked for. Raises PermissionDenied on the website."""
    if _is_website(request):
        raise PermissionDenied("nobody signs in on the website")
    htmx = getattr(request, "htmx", None)
    asked = request.get_full_path() if request.method in READING else None
    back = htmx.current_url_abs_path if htmx else asked
    url = reverse("accounts:sign-in") + (f"?{urlencode({'next': back})}" if back and back != "/" else "")
    return HttpResponseClientRedirect(url) if htmx else HttpResponseRedirect(url)


def _refused_when_suspended(request: HttpRequest, access: Access) -> HttpResponse | None:
    """Whoever only reads, and what stays open: copies, leaving, erasure, paying, signing in and out."""
    if access.when_suspended or request.method in READING:
        return None
    if getattr(request, "is_read_only", False):
        return render(request, "accounts/suspended.html", status=423)
    if getattr(request, "unpaid_since", None):
        return render(request, "accounts/unpaid.html", status=402)
    return None
