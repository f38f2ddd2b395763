"""Who leaves, until when what is kept, and what is late; and what operators do for a client that wrote to them."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from shared_apps.accounts.access import requires
from shared_apps.clients.models import Client
from shared_apps.kit import scope, uploads
from shared_apps.kit.paging import page_of
from shared_apps.kit.text import fold
from shared_apps.operators.forms import MoveForm, NoticeForm, ProofOfClient
from shared_apps.operators.views.clients import client_and_tenant
from shared_apps.operators.words import DEPARTURE_BADGES, DEPARTURE_STATES
from tenants import departure, retention
from tenants.forms_leaving import LABELS
from tenants.models import CannotAct, Category, Departure, Instruction, State

ROWS = 50
LATE_SHOWN = 20
SORTS = {"data": "data_on", "contacts": "contacts_on", "notice": "noticed_at", "company": "company_folded"}
View = Callable[..., HttpResponse]


# --- the list ---------------------------------------------------------------------------------------------


@require_safe
@requires("operators.view")
def departures(request: HttpRequest) -> HttpResponse:
    """Late ones on top; then those of the chosen state, searched, sorted, in pages."""
    now = timezone.now()
    words, state = request.GET.get("q", "")[:200].strip(), request.GET.get("state", "")
    sort = request.GET.get("sort", "data")
    order = SORTS.get(sort.removeprefix("-"), SORTS["data"])
    late = retention.late(now)
    found = _matching(_in_state(_standing(), state, [one.departure for one in late]), words)
    page = page_of(
        found.order_by(f"-{order}" if sort.startswith("-") else order, "id"),
        request.GET.get("page"),
        per_page=ROWS,
    )
    context = {
        "page": page,
        "rows": [_row(one, {each.departure for each in late}) for one in page.object_list],
        "q": words,
        "sort": sort,
        "states": _states(len({one.departure for one in late})),
        "late": _named(late[:LATE_SHOWN]),
        "late_count": len(late),
        "held_back": retention.held_back(now),
        "per_day": settings.SMOALL_RETENTION_PER_DAY,
    }
    return render(request, "operators/departures.html", context)


def _standing() -> QuerySet[Departure]:
    """With the company's name, which stands in another table without a key between them."""
    client = Client.objects.filter(pk=OuterRef("client_uuid"))
    return Departure.objects.standing().annotate(
        company=Subquery(client.values("company")[:1]),
        company_folded=Subquery(client.values("company_folded")[:1]),
    )


def _matching(found: QuerySet[Departure], words: str) -> QuerySet[Departure]:
    for word in fold(words.replace("\0", "")).split():
        named = Client.objects.filter(company_folded__contains=word)
        found = found.filter(client_uuid__in=named.values("pk"))
    return found


def _in_state(found: QuerySet[Departure], state: str, late: list[UUID]) -> QuerySet[Departure]:
    match state:
        case "leaving":
            return found.filter(data_erased_at=None)
        case "erased":
            return found.exclude(data_erased_at=None)
        case "late":
            return found.filter(pk__in=late)
    return found


def _states(late: int) -> list[dict[str, Any]]:
    standing = Departure.objects.standing()
    counted = {
        "leaving": standing.filter(data_erased_at=None).count(),
        "erased": standing.exclude(data_erased_at=None).count(),
        "late": late,
    }
    return [
        {"value": state, "label": label, "count": counted[state]}
        for state, label in DEPARTURE_STATES.items()
        if counted[state]
    ]


def _row(one: Departure, late: set[UUID]) -> dict[str, Any]:
    state = "late" if one.pk in late else "erased" if one.data_erased_at else "leaving"
    return {"leaving": one, "state": DEPARTURE_STATES[state], "badge": DEPARTURE_BADGES[state]}


def _named(late: list[retention.Due]) -> list[dict[str, Any]]:
    companies = dict(Client.objects.filter(pk__in={one.client for one in late}).values_list("pk", "company"))
    return [
        {
            "client": one.client,
            "company": companies.get(one.client, one.client),
            "what": LABELS[one.category],
            "since": one.since,
        }
        for one in late
    ]


# --- for a client that wrote ------------------------------------------------------------------------------


@require_safe
@requires("operators.leave")
def proof(request: HttpRequest, id: UUID, instruction: UUID) -> HttpResponseBase:
    """What the client wrote, for saving."""
    found = Instruction.objects.filter(pk=instruction, departure__client_uuid=id).exclude(proof="").first()
    if found is None:
        raise Http404
    ending = next((end for end, kind in uploads.TYPES.items() if kind == found.proof_type), "bin")
    name = f"{found.given_at:%Y-%m-%d}-{found.kind}.{ending}"
    try:
        return uploads.download(found.proof.open("rb"), name=name, content_type=found.proof_type)
    except FileNotFoundError as error:
        raise Http404 from error


def _for_the_client(view: View) -> View:
    """Act as the operator on behalf of the client; a refusal is said on the client's page, where nothing changed."""

    @wraps(view)
    def wrapped(request: HttpRequest, id: UUID, **more: Any) -> HttpResponse:
        behalf = replace(scope.actor(), behalf=_("the client, in writing"))
        try:
            with scope.acting(behalf):
                return view(request, id, **more)
        except CannotAct as error:
            messages.error(request, str(error))
            return redirect("operators:client", id=id)

    return wrapped


def _page(request: HttpRequest, client: Client, form: Any, **more: Any) -> HttpResponse:
    """The form of a verb on a page of its own: where a dialog can't be, and to keep what was typed when it was refused."""
    return render(request, "operators/instruct.html", {"client": client, "form": form, **more})


@requires("operators.leave")
@_for_the_client
def give_notice(request: HttpRequest, id: UUID) -> HttpResponse:
    client, tenant = client_and_tenant(id)
    now = timezone.now()
    if tenant is None or tenant.state not in departure.LEAVABLE:
        raise CannotAct(
            _("Notice was given already.")
            if tenant is not None and tenant.state == State.LEAVING
            else _("This workspace is closed.")
        )
    form = NoticeForm(request.POST or None, request.FILES or None, today=now)
    if request.method == "POST" and form.is_valid():
        departure.give_notice(tenant.pk, now=now, **form.cleaned_data)
        messages.success(request, _("Notice is given for the client, who is told by mail."))
        return redirect("operators:client", id=id)
    return _page(request, client, form, verb="notice", dates=departure.foresee(now))


@requires("operators.leave")
@_for_the_client
def move_day(request: HttpRequest, id: UUID, category: str) -> HttpResponse:
    if category not in Category.values:
        raise Http404
    client, _tenant = client_and_tenant(id)
    leaving, now = _leaving(client), timezone.now()
    form = MoveForm(
        request.POST or None, request.FILES or None, leaving=leaving, category=Category(category), today=now
    )
    if request.method == "POST" and form.is_valid():
        answers = form.cleaned_data
        departure.choose(
            leaving.pk, form.category, answers["on"], seen=answers["seen"], now=now, proof=answers["proof"]
        )
        messages.success(request, _("The day is moved for the client, who is told by mail."))
        return redirect("operators:client", id=id)
    return _page(
        request, client, form, verb="day", leaving=leaving, what=LABELS[Category(category)],
        day=leaving.day(Category(category)),
    )  # fmt: skip


@requires("operators.leave")
@_for_the_client
def withdraw_notice(request: HttpRequest, id: UUID) -> HttpResponse:
    client, tenant = client_and_tenant(id)
    if tenant is None or tenant.state != State.LEAVING:
        raise CannotAct(_("There is no notice to withdraw."))
    form = ProofOfClient(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        departure.withdraw(tenant.pk, now=timezone.now(), proof=form.cleaned_data["proof"])
        messages.success(request, _("The notice is withdrawn for the client, who is told by mail."))
        return redirect("operators:client", id=id)
    return _page(request, client, form, verb="withdraw")


def _leaving(client: Client) -> Departure:
    found = departure.of_client(client.pk)
    if found is None:
        raise CannotAct(_("This client is not leaving."))
    return found
