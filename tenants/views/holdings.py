""" "What Smoall holds about you" (P38), its download, and the contact details that are changed there (P39)."""

import json
from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.clients.models import Client
from shared_apps.history import reading
from shared_apps.kit import places, scope
from shared_apps.kit.dates import day_of
from shared_apps.legal import documents
from shared_apps.legal.models import Acceptance
from tenants import correction, holdings
from tenants.forms_leaving import ContactDetailsForm
from tenants.holdings import Held
from tenants.models import CannotAct, Tenant, host_url

SHOWN = 5  # changes of the contact details


def _tenant() -> Tenant:
    id = scope.tenant_id()
    with scope.shared():
        found: Tenant = Tenant.objects.select_related("client").prefetch_related("domains").get(pk=id)
        return found


@require_safe
@requires("workspace.holdings")
def home(request: HttpRequest) -> HttpResponse:
    """Everything that the register declares: about this client with its number, then what is about nobody here."""
    tenant, today = _tenant(), day_of(timezone.now())
    held, by = holdings.everything(tenant, today=today), person_of(request)
    with scope.shared():
        shared = holdings.shared_with(tenant.client)
        accepted = list(Acceptance.objects.filter(client_uuid=tenant.client_id))
        changes = reading.of_record(tenant.client, size=SHOWN)
    context = {
        "tenant": tenant,
        "details": facts(tenant.client),
        "sections": sections(held),
        "others": [one for one in held if one.rows is None],
        "shared": shared[:10],
        "shared_more": len(shared) - 10,
        "accepted": [(documents.TITLES.get(one.kind, one.kind), one) for one in accepted],  # type: ignore[call-overload]
        "history": changes,
        "may_correct": by.may("workspace.correct"),
        "may_export": by.may("workspace.export"),
        "may_leave": by.may("workspace.leave"),
        "may_erase": by.may("workspace.erase"),
        "may_erase_person": by.may("workspace.erase_person"),
        "website": host_url(""),
    }
    return render(request, "tenants/holdings/home.html", context)


def sections(held: list[Held]) -> list[dict[str, Any]]:
    """What is about the client, by category, in the order of the privacy policy."""
    found = []
    for category, label in holdings.CATEGORIES.items():
        rows = [one for one in held if one.rows is not None and one.holding.category == category]
        rows.sort(key=lambda one: list(holdings.WHOSE).index(one.holding.whose))
        if rows:
            found.append({"category": category, "label": label, "rows": rows})
    return found


def facts(client: Client) -> list[tuple[Any, str]]:
    """Each contact detail under the name that its form gives it, as people read it."""
    form = ContactDetailsForm(client=client)
    shown = {**form.initial, "country": places.country_name(client.country)}
    shown["language"] = dict(settings.LANGUAGES).get(client.language, client.language)
    return [(form.fields[name].label, str(shown[name])) for name in ContactDetailsForm.FIELDS]


@require_safe
@requires("workspace.holdings")
def download(request: HttpRequest) -> HttpResponse:
    """The page as JSON: the same register, numbers, values and receivers."""
    tenant, now = _tenant(), timezone.now()
    body = json.dumps(_as_json(tenant, day_of(now)) | {"at": now.isoformat()}, ensure_ascii=False, indent=1)
    headers = {"Content-Disposition": f'attachment; filename="smoall-holdings-{tenant.subdomain}.json"'}
    return HttpResponse(body, content_type="application/json", headers=headers)


def _as_json(tenant: Tenant, today: date) -> dict[str, Any]:
    client = tenant.client
    with scope.shared():
        shared = holdings.shared_with(client)
    return {
        "controller": settings.SMOALL_CONTROLLER,
        "contact_details": {name: getattr(client, name) for name in ContactDetailsForm.FIELDS},
        "holdings": [
            {
                "what": one.holding.what,
                "called": one.called,
                "whose": one.holding.whose,
                "category": one.holding.category,
                "why": str(one.holding.why),
                "where": one.where,
                "kept": str(one.holding.kept),
                "leaves": one.leaves,
                "erased": one.goes,
                "rows": one.rows,
            }
            for one in holdings.everything(tenant, today=today)
        ],
        "shared_with": [
            {"who": one.who, "what": one.what, "times": one.times, "last": one.last.isoformat()}
            for one in shared
        ],
    }


@requires("workspace.correct", when_suspended=True)
def correct(request: HttpRequest) -> HttpResponse:
    """Every field, with the validation of the sign-up. What somebody else changed meanwhile is not written over."""
    id = scope.tenant_id()
    assert id is not None
    try:
        with transaction.atomic():
            return _correct(request, id)
    except CannotAct as error:
        messages.error(request, str(error))
        return redirect("workspace:holdings")


def _correct(request: HttpRequest, id: UUID) -> HttpResponse:
    """On sending the row is held from the comparison to the end. Raises CannotAct."""
    with scope.shared():
        client = correction.locked(id) if request.method == "POST" else Client.objects.get(tenant__id=id)
    form = ContactDetailsForm(request.POST or None, client=client)
    if form.is_valid():
        if not form.is_stale(client) or form.is_stored(client):
            has_moved = correction.correct(id, form.answers(), now=timezone.now())
            messages.success(
                request,
                _("The contact details are changed. The old e-mail address is told.")
                if has_moved
                else _("The contact details are changed."),
            )
            return redirect("workspace:holdings")
        form.show_again(client)
    return render(request, "tenants/holdings/correct.html", {"form": form, "client": client})
