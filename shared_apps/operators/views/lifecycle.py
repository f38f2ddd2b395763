"""What operators do to a client: make, suspend, resume, ask for a copy, erase. The verbs are tenants'."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shared_apps.accounts.access import requires
from shared_apps.accounts.models import fold_email
from shared_apps.kit import scope
from shared_apps.kit.refusals import said_on
from shared_apps.operators import erasures, jobs
from shared_apps.operators.forms import EraseForm, ProvisionForm
from shared_apps.operators.views.clients import client_and_tenant
from shared_apps.operators.words import one_line
from tenants import erasure, export, names, sign_up
from tenants.models import CannotAct, Saga, SignUp, Tenant, host_url

SAME_CLICK = timedelta(minutes=2)  # within which the same form again is the same wish

says_refusals = said_on("operators:client", CannotAct, "id")


def _workspace(id: UUID) -> Tenant:
    """The client's workspace. Raises Http404 for an unknown client, CannotAct when its data is erased."""
    _client, tenant = client_and_tenant(id)
    if tenant is None:
        raise CannotAct(_("This workspace does not exist any more."))
    return tenant


@requires("operators.provision")
def provision(request: HttpRequest) -> HttpResponse:
    """A company and its first owner; then the page of the work, until the workspace is there."""
    form = ProvisionForm(request.POST or None, initial={"language": get_language(), "country": "BE"})
    now = timezone.now()
    if request.method == "POST":
        if form.is_valid():
            try:
                saga = sign_up.open_for(form.answers(), now=now)
            except names.BadName as error:
                form.add_error("subdomain", str(error))
            else:
                return redirect("operators:saga", id=saga.pk)
        if before := _same_wish(form, now):
            return before
    context = {"form": form, "ending": host_url("x").partition("://x")[2]}
    return render(request, "operators/provision.html", context)


def _same_wish(form: ProvisionForm, now: datetime) -> HttpResponse | None:
    """Where the first of two clicks led: the second finds the name taken, by itself."""
    label, email = names.as_label(form.data.get("subdomain", "")), fold_email(form.data.get("email", ""))
    recent = {"created_at__gt": now - SAME_CLICK}
    asked = SignUp.objects.filter(subdomain=label, confirmed_at__isnull=False, **recent).first()
    if asked and fold_email(asked.email) == email:
        saga = Saga.objects.filter(key=f"provision:{asked.id}").first()
        return redirect("operators:saga", id=saga.pk) if saga else None
    made = Tenant.objects.select_related("client").filter(domains__domain=label, **recent).first()
    if made and fold_email(made.client.contact_email) == email:
        return redirect("operators:client", id=made.client_id)
    return None


@require_POST
@requires("operators.suspend")
@says_refusals
def suspend(request: HttpRequest, id: UUID) -> HttpResponse:
    """With a reason, which the client reads."""
    tenant, reason = _workspace(id), one_line(request.POST.get("reason", ""))
    if not reason:
        raise CannotAct(_("Say why: the client reads it."))
    Tenant.locked(tenant.pk).suspend(reason=reason, now=timezone.now())
    messages.success(request, _("The workspace is suspended. Everybody was signed out."))
    return redirect("operators:client", id=id)


@require_POST
@requires("operators.suspend")
@says_refusals
def resume(request: HttpRequest, id: UUID) -> HttpResponse:
    Tenant.locked(_workspace(id).pk).resume(now=timezone.now())
    messages.success(request, _("The workspace is active again."))
    return redirect("operators:client", id=id)


@require_POST
@requires("operators.copy")
@says_refusals
def start_copy(request: HttpRequest, id: UUID) -> HttpResponse:
    """A copy that only the owners can open and take. Where they keep no key, they are asked to; once a day."""
    tenant, now = _workspace(id), timezone.now()
    if tenant.state not in erasure.CLOSABLE:
        raise CannotAct(_("This workspace is closed: nobody can take a copy now."))
    if export.start_for_owners(tenant.pk, now=now):
        messages.success(request, _("The copy is being made. Every owner is told by mail when it is ready."))
        return redirect("operators:client", id=id)
    with scope.tenant(tenant.pk):  # whose outbox it is; nothing is read here
        asked = jobs.ask_for_copy.later(key=f"copy:{timezone.localdate(now)}")
    if asked.created_at < now:
        messages.info(request, _("The owners were asked today already."))
    else:
        messages.success(request, _("Every owner is asked by mail to take a copy."))
    return redirect("operators:client", id=id)


@requires("operators.erase")
@says_refusals
def erase(request: HttpRequest, id: UUID) -> HttpResponse:
    """What will be lost, the typed name, the reason; within the day's number."""
    tenant, now = _workspace(id), timezone.now()
    if tenant.state not in erasure.CLOSABLE:
        raise CannotAct(_("This workspace is closed already."))
    form = EraseForm(request.POST or None, name=tenant.subdomain)
    if request.method == "POST" and form.is_valid():
        wanted: dict[str, Any] = {key: form.cleaned_data[key] for key in ("reason", "with_contacts")}
        erasures.request(tenant.pk, now=now, **wanted)
        messages.success(request, _("The workspace is closed. Every owner is told by mail, and can stop it."))
        return redirect("operators:client", id=id)
    context = {
        "form": form,
        "tenant": tenant,
        "client": tenant.client,
        "refusal": erasures.refusal(now),
        "left": erasures.left(now),
    }
    return render(request, "operators/erase.html", context)


@require_POST
@requires("operators.erase")
@says_refusals
def cancel_erasure(request: HttpRequest, id: UUID) -> HttpResponse:
    erasures.cancel(_workspace(id).pk, now=timezone.now())
    messages.success(request, _("The erasure is cancelled. The workspace is as it was."))
    return redirect("operators:client", id=id)
