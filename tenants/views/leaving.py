"""Leaving, on the workspace's own host: what would happen, the notice, other days, and staying after all."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from shared_apps.accounts.access import person_of, requires
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from tenants import departure, showing
from tenants.forms_leaving import NoticeForm, OwnersDayForm
from tenants.models import CannotAct, Category, Departure

LEAVE = "workspace:leave"


def _here() -> UUID:
    """The workspace of this host."""
    id = scope.tenant_id()
    if id is None:
        raise Http404
    return id


def _own(id: UUID) -> Departure:
    """A departure of this workspace, also one whose notice was withdrawn. Raises Http404."""
    here = _here()
    with scope.shared():
        found = Departure.objects.filter(pk=id, tenant_uuid=here).first()
    if found is None:
        raise Http404
    return found


@requires("workspace.leave", when_suspended=True)
@sensitive_post_parameters("current")
def leave(request: HttpRequest) -> HttpResponse:
    """What would happen today, and the notice; once it is given, its days and what can be done about them."""
    leaving = departure.of_workspace(_here())
    if leaving is not None:
        if request.method == "POST":  # a second click, or a page from before somebody else's notice
            messages.info(request, _("Notice was given already. These are the days."))
            return redirect(LEAVE)
        return _leaving_page(request, leaving)
    now = timezone.now()
    form = NoticeForm(request.POST or None, person=person_of(request), now=now, today=now)
    if request.method == "POST" and form.is_valid():
        try:
            days = {name: form.cleaned_data[name] for name in ("data_on", "contacts_on")}
            departure.give_notice(_here(), now=now, **days)
        except CannotAct as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, _("Notice is given. The days stand here, and in the mail that you receive.")
            )
            return redirect(LEAVE)
    context = {
        "form": form,
        "picture": showing.foreseen(departure.foresee(now), day_of(now)),
        "dates": departure.foresee(now),
        **_contact(),
    }
    return render(request, "tenants/leaving/notice.html", context, status=429 if form.closed_until else 200)


def _leaving_page(
    request: HttpRequest, leaving: Departure, typed: OwnersDayForm | None = None
) -> HttpResponse:
    """`typed` is a form that was refused: it keeps what was typed."""
    now, by = timezone.now(), person_of(request)
    forms = {
        each: typed
        if typed is not None and typed.category == each
        else OwnersDayForm(person=by, now=now, leaving=leaving, category=each, today=now)
        for each in Category
    }
    with scope.shared():
        instructions = list(leaving.instructions.all())
    context = {
        "leaving": leaving,
        "picture": showing.in_force(leaving, day_of(now)),
        "forms": forms,
        "said": showing.said(instructions),
        "may_erase": by.may("workspace.erase"),
        **_contact(),
    }
    status = 429 if typed is not None and typed.closed_until else 200
    return render(request, "tenants/leaving/leave.html", context, status=status)


def _contact() -> dict[str, Any]:
    """To whom the mails go."""
    here = _here()
    with scope.shared():
        client = Client.objects.get(tenant__id=here)
    return {"contact_email": client.contact_email, "contact_name": client.contact_name}


@requires("workspace.leave", when_suspended=True)
@require_POST
@sensitive_post_parameters("current")
def day(request: HttpRequest, id: UUID, category: str) -> HttpResponse:
    """Another day for the data or the contact details, or the promised one again; with the password."""
    if category not in Category.values:
        raise Http404
    leaving, now = _own(id), timezone.now()
    form = OwnersDayForm(
        request.POST,
        person=person_of(request),
        now=now,
        leaving=leaving,
        category=Category(category),
        today=now,
    )
    is_there = leaving.withdrawn_at is None and leaving.data_erased_at is None
    if is_there and not form.is_valid():
        return _leaving_page(request, leaving, form)
    try:
        if not is_there:
            raise CannotAct(_("The notice was withdrawn meanwhile: this workspace stays."))
        departure.choose(id, form.category, form.cleaned_data["on"], seen=form.cleaned_data["seen"], now=now)
    except CannotAct as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Done. The new days stand here, and in the mail that you receive."))
    return redirect(LEAVE)


@requires("workspace.leave", when_suspended=True)
@require_POST
def withdraw(request: HttpRequest, id: UUID) -> HttpResponse:
    """The workspace stays. A second click says so too."""
    leaving = _own(id)
    try:
        if leaving.withdrawn_at is None:
            departure.withdraw(leaving.tenant_uuid, now=timezone.now())
        elif departure.of_workspace(leaving.tenant_uuid):
            raise CannotAct(_("This page was from before: notice was given once more meanwhile."))
    except CannotAct as error:
        messages.error(request, str(error))
        return redirect(LEAVE)
    messages.success(request, _("The notice is withdrawn: everything is as it was before."))
    return redirect("workspace:home")
