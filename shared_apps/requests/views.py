"""A client's own requests and their answers, on its workspace's host. The shared rows are about its client alone."""

from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.requests.forms import WriteForm
from shared_apps.requests.models import CannotAnswer, Notice, Request

ROWS = 100
STATES: dict[str, tuple[Any, str]] = {
    "open": (pgettext_lazy("a request", "being answered"), "accent"),
    "extended": (pgettext_lazy("a request", "takes longer"), "attention"),
    "late": (pgettext_lazy("a request", "late"), "danger"),
    "answered": (pgettext_lazy("a request", "answered"), "positive"),
    "closed": (pgettext_lazy("a request", "closed without an answer"), ""),
}


def state_of(request: Request, today: date) -> dict[str, Any]:
    """`state` and `badge`, for the pages of clients and operators."""
    label, badge = STATES["late" if request.is_overdue(today) else request.state]
    return {"request": request, "state": label, "badge": badge}


def _client() -> UUID:
    here = scope.tenant_id()
    if here is None:
        raise Http404
    with scope.shared():
        return Client.objects.values_list("pk", flat=True).get(tenant__id=here)


@require_safe
@requires("requests.view")
def home(request: HttpRequest) -> HttpResponse:
    may_write = person_of(request).may("requests.write")
    return _page(request, WriteForm(initial={"kind": Request.Kind.QUESTION}) if may_write else None)


def _page(request: HttpRequest, form: WriteForm | None) -> HttpResponse:
    client, today = _client(), day_of(timezone.now())
    with scope.shared():
        found = list(Request.objects.filter(client_uuid=client).order_by("-received_on", "-id")[:ROWS])
        told = Notice.objects.filter(client_uuid=client).exclude(told_at=None)
        context = {
            "rows": [state_of(one, today) for one in found],
            "notices": list(told.order_by("-told_at")),
            "form": form,
            "support": settings.SMOALL_SUPPORT,
            "controller": settings.SMOALL_CONTROLLER,
        }
    return render(request, "requests/home.html", context)


@requires("requests.write", when_suspended=True)
@require_POST
def write(request: HttpRequest) -> HttpResponse:
    """It lands in the register where those that come by mail and post stand, with the same clock."""
    form, by, now = WriteForm(request.POST), person_of(request), timezone.now()
    if not form.is_valid():
        return _page(request, form)
    client = _client()
    try:
        with scope.shared():
            Request.register(
                received_on=day_of(now),
                by=None,
                now=now,
                channel=Request.Channel.PAGE,
                client_uuid=client,
                from_name=by.name,
                from_address=by.email,
                language=by.language,
                **form.cleaned_data,
            )
    except CannotAnswer as error:
        form.add_error(None, str(error))
        return _page(request, form)
    messages.success(request, _("It is sent. The answer will stand here, and in a mail to you."))
    return redirect("requests:home")
