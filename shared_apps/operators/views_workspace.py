"""Grants on the client's own host: who of Smoall was here, why and on which pages; approve, end; and the way in.

The pages run in the tenant's scope; the shared rows are those of this workspace alone.
"""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts import sessions as store
from shared_apps.accounts.access import person_of, public, requires
from shared_apps.accounts.models import Cause
from shared_apps.kit import scope
from shared_apps.kit.paging import page_of
from shared_apps.kit.refusals import said_on
from shared_apps.operators.middleware import IN_SESSION
from shared_apps.operators.models import CannotEnter, ConsentRule, Grant
from shared_apps.operators.words import page_name
from tenants.models import Tenant, host_url

ROWS = 100


def _tenant() -> Tenant:
    """The workspace of this host. Raises Http404 elsewhere."""
    here = scope.tenant_id()
    if here is None:
        raise Http404
    with scope.shared():
        found: Tenant = Tenant.objects.get(pk=here)
        return found


def _grant(id: UUID) -> Grant:
    """Raises Http404 for another workspace's."""
    here = _tenant().pk
    with scope.shared():
        found = Grant.objects.filter(pk=id, tenant_uuid=here).first()
    if found is None:
        raise Http404
    return found


says_refusals = said_on("support:home", CannotEnter)


@require_safe
@requires("support.view")
def home(request: HttpRequest) -> HttpResponse:
    """What waits, what is open now, and everything that was."""
    tenant, now = _tenant(), timezone.now()
    with scope.shared():
        found = Grant.objects.filter(tenant_uuid=tenant.pk)
        page = page_of(found, request.GET.get("page"), per_page=ROWS)
        rows = [(one, one.state(now), one.visits.count()) for one in page.object_list]
        asks = ConsentRule.objects.filter(client=tenant.client_id, needs_consent=True).exists()
    context = {
        "page": page,
        "waiting": [one for one, state, _visits in rows if state == "waiting"],
        "live": [(one, visits) for one, state, visits in rows if state == "live"],
        "past": [row for row in rows if row[1] not in ("waiting", "live")],
        "needs_consent": asks,
        "may_manage": person_of(request).may("support.manage"),
    }
    return render(request, "operators/workspace.html", context)


@require_safe
@requires("support.view")
def grant(request: HttpRequest, id: UUID) -> HttpResponse:
    """One grant, and every page that was opened under it."""
    shown = _grant(id)
    with scope.shared():
        page = page_of(shown.visits.all(), request.GET.get("page"), per_page=ROWS)
        visits = [(one, page_name(one.page)) for one in page.object_list]
    context = {
        "grant": shown,
        "state": shown.state(timezone.now()),
        "page": page,
        "visits": visits,
        "may_manage": person_of(request).may("support.manage"),
    }
    return render(request, "operators/workspace_grant.html", context)


@require_POST
@requires("support.manage", when_suspended=True)
@says_refusals
def approve(request: HttpRequest, id: UUID) -> HttpResponse:
    found = _grant(id)
    with scope.shared():
        found.approve(by=person_of(request).name, now=timezone.now())
    messages.success(
        request, _("Smoall’s team may come in until the time shown. You can end it at any moment.")
    )
    return redirect("support:home")


@require_POST
@requires("support.manage", when_suspended=True)
@says_refusals
def refuse(request: HttpRequest, id: UUID) -> HttpResponse:
    found = _grant(id)
    with scope.shared():
        found.refuse(by=person_of(request).name, now=timezone.now())
    messages.success(request, _("Nobody comes in."))
    return redirect("support:home")


@require_POST
@requires("support.view", when_suspended=True)
def end(request: HttpRequest, id: UUID) -> HttpResponse:
    """Counts on the operator's very next request. Whoever sees it may end it."""
    found = _grant(id)
    with scope.shared():
        found.end(by=person_of(request).name, now=timezone.now())
    messages.success(request, _("The access is ended."))
    return redirect("support:home")


@require_POST
@requires("support.manage", when_suspended=True)
def rule(request: HttpRequest) -> HttpResponse:
    """Whether Smoall's team asks first from now on."""
    asks, tenant = request.POST.get("needs_consent") == "on", _tenant()
    with scope.shared():
        ConsentRule.objects.update_or_create(client_id=tenant.client_id, defaults={"needs_consent": asks})
    messages.success(request, _("Saved."))
    return redirect("support:home")


@public(when_suspended=True)
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """From the console into the workspace. Opening the page changes nothing; its button works once."""
    now, here = timezone.now(), scope.tenant_id()
    found = Grant.of_ticket(token, tenant=here, now=now, use=request.method == "POST")
    if found is None:
        return render(request, "operators/visit_over.html", status=404)
    if request.method != "POST":
        return render(request, "operators/enter.html", {"grant": found})
    store.end(request, Cause.SIGNED_OUT, now=now)
    request.session.cycle_key()
    request.session[IN_SESSION] = [str(found.pk), found.sign_in]
    return redirect("/")


@require_POST
@public(when_suspended=True)
def leave(request: HttpRequest) -> HttpResponse:
    """The operator goes; the grant stays until its end."""
    if request.session.get(IN_SESSION):
        request.session.flush()
    return HttpResponseRedirect(host_url("ops") + "/grants/")
