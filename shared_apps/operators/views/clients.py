"""Clients: the list, and the page of one. Sizes come from the catalog, and only for the rows that are shown."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from shared_apps.accounts.access import requires
from shared_apps.clients.models import Client
from shared_apps.history import reading
from shared_apps.history.display import Line, field_name, field_of
from shared_apps.integrators.models import ContactDetails, Link
from shared_apps.kit.dates import day_of
from shared_apps.kit.numbers import compact
from shared_apps.kit.paging import page_of
from shared_apps.kit.text import fold
from shared_apps.operators import erasures
from shared_apps.operators.forms import MoveForm, NoticeForm, ProofOfClient
from shared_apps.operators.views.documents import changes_told_to
from shared_apps.operators.words import ASKERS, ERASED, STATE_BADGES, STATES, STATUS_BADGES, saga_name
from tenants import departure, fleet, showing
from tenants.forms_leaving import LABELS
from tenants.models import Category, Departure, Domain, Erasure, Export, Instruction, Saga, State, Tenant

ROWS = 50
SHOWN = 10  # sagas, copies and changes on a client's page
SORTS = {
    "company": "company_folded",
    "since": "created_at",
    "state": "tenant__state",
    "release": "tenant__release",
}


def client_and_tenant(id: UUID) -> tuple[Client, Tenant | None]:
    """Raises Http404. Without a tenant, its data is erased."""
    found = Client.objects.select_related("tenant").prefetch_related("tenant__domains").filter(pk=id).first()
    if found is None:
        raise Http404
    return found, tenant_of(found)


def tenant_of(client: Client) -> Tenant | None:
    tenant: Tenant | None = getattr(client, "tenant", None)
    return tenant


@require_safe
@requires("operators.view")
def clients(request: HttpRequest) -> HttpResponse:
    """Searched, filtered by state, sorted, in pages."""
    words, state = request.GET.get("q", "")[:200].strip(), request.GET.get("state", "")
    sort = request.GET.get("sort", "company")
    order = SORTS.get(sort.removeprefix("-"), SORTS["company"])
    found = matching(_in_state(Client.objects.all(), state), words)
    found = found.select_related("tenant").prefetch_related("tenant__domains")
    page = page_of(
        found.order_by(f"-{order}" if sort.startswith("-") else order, "id"),
        request.GET.get("page"),
        per_page=ROWS,
    )
    context = {"page": page, "rows": _rows(page.object_list), "q": words, "sort": sort, "states": _states()}
    return render(request, "operators/clients.html", context)


def matching(clients: QuerySet[Client], words: str) -> QuerySet[Client]:
    """Those with every word in company, contact person, address, VAT number or workspace name."""
    for word in words.replace("\0", "").split():
        label = Domain.objects.filter(tenant__client=OuterRef("pk"), domain__contains=word.lower())
        asked = Q(company_folded__contains=fold(word)) | Q(contact_name__icontains=word)
        asked |= Q(contact_email__icontains=word) | Q(Exists(label))
        if number := compact(word):
            asked |= Q(vat_number__contains=number)
        clients = clients.filter(asked)
    return clients


def _in_state(clients: QuerySet[Client], state: str) -> QuerySet[Client]:
    if state == ERASED:
        return clients.filter(tenant=None)
    return clients.filter(tenant__state=state) if state in STATES else clients


def _states() -> list[dict[str, Any]]:
    """The chips: each state that somebody is in."""
    counted = dict(Tenant.objects.order_by().values_list("state").annotate(number=Count("pk")))
    counted[ERASED] = Client.objects.filter(tenant=None).count()
    return [
        {"value": state, "label": label, "count": counted[state]}
        for state, label in STATES.items()
        if counted.get(state)
    ]


def _rows(clients: Any) -> list[dict[str, Any]]:
    shown = [(client, tenant_of(client)) for client in clients]
    tenants = [tenant for _client, tenant in shown if tenant]
    sizes = fleet.sizes(tenants) if tenants else {}
    return [
        {
            "client": client,
            "tenant": tenant,
            "size": sizes.get(tenant.id) if tenant else None,
            **state_of(tenant),
        }
        for client, tenant in shown
    ]


def state_of(tenant: Tenant | None) -> dict[str, Any]:
    """`state` in words and `badge`, its colour."""
    state = tenant.state if tenant else ERASED
    return {"state": STATES[state], "badge": STATE_BADGES.get(state, "")}


@require_safe
@requires("operators.view")
def client(request: HttpRequest, id: UUID) -> HttpResponse:
    """One client: contact details, workspace, what is and was done with it."""
    found, tenant = client_and_tenant(id)
    asked = list(Erasure.objects.filter(client_uuid=id).order_by("-requested_at"))
    pending = next((one for one in asked if not one.cancelled_at and not one.destroyed_at), None)
    subjects = {one.tenant_uuid for one in asked} | ({tenant.pk} if tenant else set())
    now = timezone.now()
    context = {
        "client": found,
        "details": ContactDetails.of(found),
        "tenant": tenant,
        "size": fleet.sizes([tenant]).get(tenant.pk) if tenant else None,
        "links": Link.objects.filter(client=found).select_related("organisation"),
        "erasures": [(one, ASKERS.get(one.requested_by["role"], "")) for one in asked],
        "pending": pending,
        "may_cancel": pending is not None and pending.requested_by["role"] == "operator",
        "may_erase": tenant is not None and pending is None,
        "refusal": erasures.refusal(now),
        "exports": _exports(tenant) if tenant else [],
        "sagas": [
            (one, saga_name(one.kind), STATUS_BADGES.get(one.status, ""))
            for one in Saga.objects.filter(subject__in=subjects)[:SHOWN]
        ],
        "policy_changes": changes_told_to(found),
        "history": _history(found, tenant),
        "now": now,
        **_departure(found, tenant, now),
        **state_of(tenant),
    }
    return render(request, "operators/client.html", context)


def _departure(client: Client, tenant: Tenant | None, now: datetime) -> dict[str, Any]:
    """The departure that stands, what was said about this one and earlier ones, and what an operator may do for the client."""
    leaving, today = departure.of_client(client.pk), day_of(now)
    if leaving is None:
        may_notice = tenant is not None and tenant.state in departure.LEAVABLE
        said = showing.said(Instruction.objects.filter(departure__client_uuid=client.pk))
        form = NoticeForm(today=now, auto_id="notice_%s") if may_notice else None
        return {"leaving": None, "said": said, "notice_form": form, "dates": departure.foresee(now)}
    is_open = tenant is not None and tenant.state == State.LEAVING
    may_move = tenant is not None and tenant.is_leaving  # closed for a repair too
    movable = [
        each
        for each in Category
        if (may_move if each == Category.DATA else leaving.contacts_erased_at is None)
    ]
    held = [Category.CONTACTS] if leaving.data_erased_at else list(Category)
    return {
        "leaving": leaving,
        "picture": showing.in_force(leaving, today),
        "late": [LABELS[each] for each in held if leaving.day(each) < today],
        "move_forms": [MoveForm(leaving=leaving, category=each, today=now) for each in movable],
        "withdraw_form": ProofOfClient(auto_id="withdraw_%s") if is_open else None,
        "said": showing.said(Instruction.objects.filter(departure__client_uuid=client.pk)),
    }


def _exports(tenant: Tenant) -> list[tuple[Export, Any]]:
    """Copies as facts: when, how big, whether taken. Never their bytes."""
    made = Export.objects.filter(tenant_uuid=tenant.pk)[:SHOWN]
    return [(one, ASKERS.get(one.requested_by["role"], "")) for one in made]


def _history(client: Client, tenant: Tenant | None) -> reading.Page:
    """The newest changes of the shared rows: client, workspace and departure; what was done at once stands together."""
    actions = list(reading.of_record(client, size=SHOWN).actions)
    for action in reading.of_record(tenant, size=SHOWN).actions if tenant else []:
        lines = [_about_workspace(line, tenant) for line in action.lines]
        actions.append(replace(action, lines=lines))
    newest = Departure.objects.filter(client_uuid=client.pk).order_by("-noticed_at").first()
    for action in reading.of_record(newest, size=SHOWN).actions if newest else []:
        actions.append(replace(action, lines=[_about_departure(line) for line in action.lines]))
    together: dict[tuple[str, str], reading.Action] = {}
    for action in actions:
        if found := together.get((action.cid, action.author)):
            lines = [*found.lines, *action.lines]
            action = replace(found, lines=lines, total=found.total + action.total)
        together[action.cid, action.author] = action
    newest_first = sorted(together.values(), key=lambda action: action.at, reverse=True)
    return reading.Page(newest_first[:SHOWN], "")


def _about_workspace(line: Line, tenant: Tenant | None) -> Line:
    """A workspace is called by its address, not by its schema; what only machines compare is left out."""
    words = {"state": _("State"), "state_reason": _("Reason"), "release": _("Release"), "client": _("Client")}
    said = {field_name(field_of(Tenant, name), name): word for name, word in words.items()}
    changes = [replace(one, field=said[one.field]) for one in line.changes if one.field in said]
    return replace(line, what=_("Workspace"), label=tenant.subdomain if tenant else "", changes=changes)


def _about_departure(line: Line) -> Line:
    """Without the keys that only machines compare, and with an instruction's kind in words."""
    fields = [(Departure, "tenant_uuid"), (Departure, "client_uuid"), (Departure, "origin")]
    hidden = {
        field_name(field_of(model, name), name)
        for model, name in [*fields, (Instruction, "departure"), (Instruction, "kind")]
    }
    words = {**dict(Departure.Origin.choices), **dict(Instruction.Kind.choices)}
    changes = [one for one in line.changes if one.field not in hidden]
    return replace(line, label=str(words.get(line.label, line.label)), changes=changes)
