"""The register of requests: what people ask about their data by mail, by post or on their page, and the month for the answer."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.clients.models import Client
from shared_apps.kit import uploads
from shared_apps.kit.dates import day_of
from shared_apps.kit.paging import page_of
from shared_apps.kit.refusals import said_on
from shared_apps.operators.forms_requests import AnswerForm, ExtendForm, RequestForm
from shared_apps.requests import mails
from shared_apps.requests.models import Breach, CannotAnswer, Request
from shared_apps.requests.views import state_of


def tabs(active: str) -> list[dict[str, Any]]:
    """Both registers, each with what is late."""
    now = timezone.now()
    late = {
        "operators:requests": Request.objects.overdue(day_of(now)).count(),
        "operators:breaches": Breach.objects.overdue(now).count(),
    }
    names = {"operators:requests": _("Requests"), "operators:breaches": _("Breaches of security")}
    return [
        {
            "label": f"{label} ({_('%(number)s late') % {'number': late[name]}})" if late[name] else label,
            "url": reverse(name),
            "active": name == active,
        }
        for name, label in names.items()
    ]


def _companies(requests: Any) -> dict[UUID, str]:
    """Names of the clients whose contact details are there still."""
    wanted = [one.client_uuid for one in requests if one.client_uuid]
    return dict(Client.objects.filter(pk__in=wanted).values_list("pk", "company"))


def _request(id: UUID) -> Request:
    found = Request.objects.select_related("registered_by", "answered_by").filter(pk=id).first()
    if found is None:
        raise Http404
    return found


def _row(request: Request, companies: dict[UUID, str]) -> dict[str, Any]:
    row = state_of(request, day_of(timezone.now()))
    company = companies.get(request.client_uuid, "") if request.client_uuid else ""
    return {**row, "asked": row.pop("request"), "company": company}


@require_safe
@requires("operators.view")
def requests(request: HttpRequest) -> HttpResponse:
    """Open ones first, by their last day."""
    state = request.GET.get("state", "")
    found = Request.objects.all() if state == "all" else Request.objects.open()
    page = page_of(
        found.order_by("due_on" if state != "all" else "-received_on", "id"), request.GET.get("page")
    )
    companies = _companies(page.object_list)
    context = {
        "page": page,
        "rows": [_row(one, companies) for one in page.object_list],
        "tabs": tabs("operators:requests"),
        "state": state,
        "open_count": Request.objects.open().count(),
    }
    return render(request, "operators/requests/requests.html", context)


@requires("operators.requests")
def register(request: HttpRequest) -> HttpResponse:
    """One that came by mail or post: its month runs from the day it came, whenever it is written down."""
    now = timezone.now()
    form = RequestForm(request.POST or None, request.FILES or None, initial={"received_on": day_of(now)})
    if form.is_valid():
        said = dict(form.cleaned_data)
        client, scan = said.pop("client"), said.pop("scan")
        try:
            made = Request.register(
                by=person_of(request), now=now, scan=scan, client_uuid=client.pk if client else None, **said
            )
        except CannotAnswer as error:
            form.add_error("received_on", str(error))
        except ValidationError as error:
            form.add_error("scan", error)
        else:
            messages.success(request, _("The request is registered."))
            return redirect("operators:request", id=made.pk)
    return render(request, "operators/requests/register_request.html", {"form": form})


@require_safe
@requires("operators.view")
def request_(request: HttpRequest, id: UUID) -> HttpResponse:
    return _page(request, _request(id))


def _page(
    request: HttpRequest, found: Request, answer: AnswerForm | None = None, extend: ExtendForm | None = None
) -> HttpResponse:
    today = day_of(timezone.now())
    context = {
        **_row(found, _companies([found])),
        "answer_form": answer or AnswerForm(),
        "extend_form": extend or ExtendForm(),
        "may_extend": found.state == "open" and not found.is_overdue(today),
        "days_left": (found.due_on - today).days,
        "has_failed": mails.has_failed(found),
    }
    return render(request, "operators/requests/request.html", context)


says_refusals = said_on("operators:request", CannotAnswer, "id")


@require_POST
@requires("operators.requests")
@says_refusals
def answer(request: HttpRequest, id: UUID) -> HttpResponse:
    """The answer: by mail where there is an address, and on the client's page."""
    found, form = _request(id), AnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, found, answer=form)
    found.give_answer(form.cleaned_data["answer"], by=person_of(request), now=timezone.now())
    _say(request, mails.answered(found), _("The answer is mailed."))
    return redirect("operators:request", id=id)


@require_POST
@requires("operators.requests")
@says_refusals
def extend(request: HttpRequest, id: UUID) -> HttpResponse:
    """Two months more, with the reason, which is told at once."""
    found, form = _request(id), ExtendForm(request.POST)
    if not form.is_valid():
        return _page(request, found, extend=form)
    found.extend(form.cleaned_data["because"], now=timezone.now())
    _say(request, mails.extended(found), _("The reason and the new day are mailed."))
    return redirect("operators:request", id=id)


def _say(request: HttpRequest, is_mailed: bool, done: str) -> None:
    if is_mailed:
        messages.success(request, done)
    else:
        messages.warning(request, _("It is noted. There is no e-mail address: write a letter."))


@require_safe
@requires("operators.requests")
def scan(request: HttpRequest, id: UUID) -> HttpResponseBase:
    found = _request(id)
    if not found.scan:
        raise Http404
    try:
        file = found.scan.open("rb")
    except FileNotFoundError:
        raise Http404 from None
    ending = uploads.ending_of(found.scan_type)
    return uploads.download(file, name=f"request-{found.id}.{ending}", content_type=found.scan_type)
