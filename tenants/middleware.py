"""The outermost room of a request: which host, whose schema, one transaction (I3).

Outside sessions, so that everything a request writes, its session included, is committed or rolled back together.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from shared_apps.jobs import upkeep
from shared_apps.kit import languages, scope
from tenants import gate, hosts
from tenants.models import State, host_url
from tenants.schemas import releases

LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
SHARED_HOSTS = {"app": "config.urls_app", "ops": "config.urls_ops"}
Found = tuple[UUID, str, str, str, str, bool, str, bool, date | None, datetime | None]
RESOLVE = f"SELECT * FROM public.{hosts.FUNCTION}(%s)"  # noqa: S608  (a constant)


class _Closed(OperationalError):
    """The server had closed the connection since the last request."""


class HostMiddleware:
    """Sets `request.site` (website, app, ops, tenant), the URLconf and the scope. Answers itself where nobody may enter."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return HttpResponse("ok", content_type="text/plain; charset=utf-8")
        if request.path == "/internal/ready":
            return _ready()
        if request.path == "/internal/known-host":
            if not gate.look().is_open:
                return HttpResponse(status=503)
            return HttpResponse(status=200 if _is_known(request.GET.get("domain", "")) else 404)
        label = _label(request)
        if label == "":
            return self._website(request)
        if not gate.look().is_open:
            return _checking(request)
        if label in SHARED_HOSTS:
            _place(request, label, SHARED_HOSTS[label])
            with scope.shared(realm=label):
                return self._answer(request)
        return self._tenant(request, label)

    def _website(self, request: HttpRequest) -> HttpResponse:
        if gate.is_known_closed():
            return _checking(request)
        _place(request, "website", "config.urls_website")
        with scope.nothing():
            return self.get_response(request)

    def _tenant(self, request: HttpRequest, label: str | None) -> HttpResponse:
        """Looking the workspace up is the connection's health check too, which so costs no statement of its own."""
        _place(request, "tenant", "config.urls_tenant")
        connection.health_check_done = True  # type: ignore[attr-defined]
        try:
            return self._in_workspace(request, label)
        except _Closed:  # nothing was done yet
            connection.close()
            if not gate.look().is_open:  # another connection may lead to another state of the database
                return _checking(request)
            return self._in_workspace(request, label)

    def _in_workspace(self, request: HttpRequest, label: str | None) -> HttpResponse:
        with transaction.atomic():
            found = _resolve(label)
            if found is None:
                return _state_page(request, "unknown", 404)
            id, state, reason, release, company, is_primary, primary, is_read_only, data_on, unpaid_since = (
                found
            )
            if not is_primary:
                return HttpResponsePermanentRedirect(host_url(primary) + request.get_full_path())
            request.workspace_name, request.workspace_state = company, state  # type: ignore[attr-defined]
            request.workspace_reason = reason  # type: ignore[attr-defined]
            request.is_read_only = is_read_only  # type: ignore[attr-defined]
            request.unpaid_since = unpaid_since  # type: ignore[attr-defined]
            request.leaving_until = data_on if state == State.LEAVING else None  # type: ignore[attr-defined]
            if state == State.RESTORING:
                return _state_page(request, "restoring", 503)
            if not releases.serves(release):
                return _state_page(request, "maintenance", 503)
            if state == State.ERASING:
                request.urlconf = "config.urls_erasing"
            with scope.tenant(id):
                return self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        """Django turns exceptions into answers before they come here: a failed answer undoes what it wrote."""
        response = self.get_response(request)
        if response.status_code >= 500:
            transaction.set_rollback(True)
        return response


def _ready() -> HttpResponse:
    """For whoever watches the deployment, from inside (the proxy lets nobody else ask): 503 says what is missing.

    `/healthz` says only that this process answers.
    """
    try:
        if not gate.look().is_open:
            return HttpResponse("closed: see the log\n", "text/plain; charset=utf-8", 503)
        with scope.shared():
            if not upkeep.is_tended(timezone.now()):
                return HttpResponse("no worker works\n", "text/plain; charset=utf-8", 503)
    except DatabaseError:
        return HttpResponse("the database does not answer\n", "text/plain; charset=utf-8", 503)
    return HttpResponse("ready\n", "text/plain; charset=utf-8")


def _checking(request: HttpRequest) -> HttpResponse:
    """On every host, while somebody who was erased may stand in the database again."""
    _place(request, "website", "config.urls_website")
    return _state_page(request, "checking", 503)


def _place(request: HttpRequest, site: str, urlconf: str) -> None:
    """`request.site`: which of the four kinds of host this is."""
    request.site = site  # type: ignore[assignment]
    request.urlconf = urlconf


def _label(request: HttpRequest) -> str | None:
    """ "" for the website, the first label of a host below the domain, None for one that can't be a workspace.

    Raises DisallowedHost for a host outside the domain.
    """
    return _label_of(request.get_host().rsplit(":", 1)[0])


def _label_of(host: str) -> str | None:
    host = host.lower().rstrip(".")
    if host == settings.SMOALL_DOMAIN:
        return ""
    label = host.removesuffix(f".{settings.SMOALL_DOMAIN}")
    if label == host:
        raise DisallowedHost(f"not below the domain: {host!r}")
    return "" if label == "www" else label if LABEL.match(label) else None


def _is_known(host: str) -> bool:
    """Whether a certificate may be ordered for the host: the proxy in front asks before it does so."""
    try:
        label = _label_of(host)
    except DisallowedHost:
        return False
    if label == "" or label in SHARED_HOSTS:
        return True
    with transaction.atomic():
        return _resolve(label) is not None


def _resolve(label: str | None) -> Found | None:
    """One statement: the tenant of a label, and a lock that keeps it from being destroyed while we answer.

    Raises _Closed, the first statement of its request.
    """
    if label is None:
        return None
    try:
        with scope._entered(scope.SHARED, None), connection.cursor() as cursor:
            cursor.execute(RESOLVE, [label])
            row = cursor.fetchone()
    except (OperationalError, InterfaceError) as error:
        if connection.connection is None or connection.connection.closed:
            raise _Closed from error
        raise
    return row[:10] if row else None


def _state_page(request: HttpRequest, state: str, status: int) -> HttpResponse:
    """A page about the workspace itself; reads nothing of it."""
    with translation.override(languages.of_request(request)), scope.nothing():
        if state == "checking":
            response = render(request, "kit/checking.html", status=status)
        else:
            response = render(request, "kit/state.html", _state_texts()[state], status=status)
    if status == 503:
        response.headers["Retry-After"] = "30"
    return response


def _state_texts() -> dict[str, dict[str, str]]:
    return {
        "unknown": {
            "title": _("There is no workspace here"),
            "picture": "door",
            "text": _("Check the address, or have the addresses of your workspaces mailed to you."),
            "action_label": _("Find my workspaces"),
            "action_url": host_url("app") + "/find/",
        },
        "restoring": {
            "title": _("This workspace is being restored"),
            "picture": "restoring",
            "text": _("It opens by itself when everything is in place."),
        },
        "maintenance": {
            "title": _("This workspace is being updated"),
            "picture": "torn",
            "text": _("It is back in a few minutes. Nothing is lost."),
        },
    }
