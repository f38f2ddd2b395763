"""Erasing one person out of a workspace: searching, what would be found, the instruction, and its cancel."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.kit import scope
from tenants import persons, sagas
from tenants.forms_account import ErasePersonForm
from tenants.models import CannotAct, Saga, Tenant
from tenants.persons import Person

RIGHT = "workspace.erase_person"


def _tenant() -> Tenant:
    id = scope.tenant_id()
    with scope.shared():
        found: Tenant = Tenant.objects.select_related("client").get(pk=id)
        return found


@require_safe
@requires(RIGHT)
def search(request: HttpRequest) -> HttpResponse:
    """Whom to erase, by name or address; and what was asked for before."""
    words, by, tenant = request.GET.get("q", "")[:200].strip(), person_of(request), _tenant()
    with scope.shared():
        asked = persons.asked_for(tenant.pk)[:20]
    found = persons.search(words)
    context = {
        "q": words,
        "found": [(one, _url_parts(one), persons.why_not(one, by=by.pk)) for one in found],
        "asked": [_asked(one) for one in asked],
    }
    return render(request, "tenants/persons/search.html", context)


def _url_parts(person: Person) -> dict[str, Any]:
    module, model = person.holding.what.lower().split(".")
    return {"module": module, "model": model, "id": person.row.pk}


def _asked(saga: Saga) -> dict[str, Any]:
    """An instruction, with the person's name for as long as there is one to be shown."""
    person = persons.find(saga.data["what"], UUID(saga.data["row"]))
    is_waiting = saga.status == Saga.Status.WAITING and saga.cursor == 0 and not saga.error
    return {
        "saga": saga,
        "name": person.name if person and saga.status not in (Saga.Status.DONE,) else "",
        "is_waiting": is_waiting,
        "is_cancelled": saga.status == Saga.Status.CANCELLED,
        "is_done": saga.status == Saga.Status.DONE,
        "has_failed": saga.status == Saga.Status.FAILED,
        "is_taken_out": saga.cursor > 0,  # of rows, history and mails, which is one transaction
    }


def _person(module: str, model: str, id: UUID) -> Person:
    found = persons.find(f"{module}.{model}", id)
    if found is None:
        raise Http404
    return found


@require_safe
@requires(RIGHT)
def preview(request: HttpRequest, module: str, model: str, id: UUID) -> HttpResponse:
    """Everything that is found, what stays and why, and the form of the instruction; changes nothing."""
    return _preview(request, _person(module, model, id), None)


def _preview(request: HttpRequest, person: Person, form: ErasePersonForm | None) -> HttpResponse:
    tenant, by = _tenant(), person_of(request)
    with scope.shared():
        waiting = [one for one in persons.asked_for(tenant.pk, person.row.pk) if one.status not in sagas.OVER]
    found = persons.preview(person, tenant)
    context = {
        "person_erased": person,
        "parts": _url_parts(person),
        "preview": found,
        "namesakes": [(one, _url_parts(one)) for one in found.namesakes],
        "refused": persons.why_not(person, by=by.pk),
        "waiting": waiting[0] if waiting else None,
        "form": form or ErasePersonForm(name=person.name, person=by, now=timezone.now()),
    }
    status = 429 if form and form.closed_until else 200
    return render(request, "tenants/persons/preview.html", context, status=status)


@requires(RIGHT, when_suspended=True)
@require_POST
@sensitive_post_parameters("current")
def ask(request: HttpRequest, module: str, model: str, id: UUID) -> HttpResponse:
    """The instruction: it is carried out twelve hours later."""
    person, by, now = _person(module, model, id), person_of(request), timezone.now()
    form = ErasePersonForm(request.POST, name=person.name, person=by, now=now)
    if not form.is_valid():
        return _preview(request, person, form)
    try:
        saga = persons.request(person, tenant_id=_tenant().pk, by=by.pk, now=now)
    except CannotAct as error:
        form.add_error(None, str(error))
        return _preview(request, person, form)
    return redirect("workspace:erase-person-asked", id=saga.pk)


def _own(id: UUID) -> Saga:
    here = _tenant().pk
    with scope.shared():
        found = Saga.objects.filter(kind=persons.ERASE_PERSON.name, subject=here, pk=id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@requires(RIGHT)
def asked(request: HttpRequest, id: UUID) -> HttpResponse:
    """How long an owner can still cancel it; afterwards what became of it."""
    return render(request, "tenants/persons/asked.html", {"asked": _asked(_own(id)), "now": timezone.now()})


@requires(RIGHT, when_suspended=True)
@require_POST
def cancel(request: HttpRequest, id: UUID) -> HttpResponse:
    try:
        persons.cancel(_own(id))
    except CannotAct as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Cancelled: nothing is erased."))
    return redirect("workspace:erase-person-asked", id=id)
