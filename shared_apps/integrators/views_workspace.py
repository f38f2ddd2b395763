"""A client's side of its links, on its own host: what would be shown, who sees it, and the end of it.

The pages run in the tenant's scope; the shared rows are about the client of this tenant alone.
"""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import requires
from shared_apps.clients.models import Client
from shared_apps.integrators import mails
from shared_apps.integrators.forms import CodeForm
from shared_apps.integrators.models import ContactDetails, Link
from shared_apps.kit import scope

SHOWN_ENDED = 20


def _client() -> Client:
    """The client of this workspace. Raises Http404 elsewhere."""
    here = scope.tenant_id()
    if here is None:
        raise Http404
    with scope.shared():
        found: Client = Client.objects.get(tenant__id=here)
        return found


@require_safe
@requires("integrators.manage")
def home(request: HttpRequest) -> HttpResponse:
    """The links as they stand, and the form for a code."""
    return _home(request, CodeForm())


def _home(request: HttpRequest, form: CodeForm) -> HttpResponse:
    client = _client()
    with scope.shared():
        links = Link.objects.filter(client=client).select_related("organisation")
        context = {
            "links": list(links.open()),
            "ended": list(links.ended().order_by("-ended_at")[:SHOWN_ENDED]),
            "details": ContactDetails.of(client),
            "form": form,
        }
    return render(request, "integrators/workspace.html", context)


@require_safe
@requires("integrators.manage")
def preview(request: HttpRequest) -> HttpResponse:
    """Who has this code, and exactly what it would see. Nothing is shared yet."""
    client, form = _client(), CodeForm(request.GET)
    with scope.shared():
        is_known = form.is_valid()
    if not is_known:
        return _home(request, form)
    context = {"integrator": form.organisation, "details": ContactDetails.of(client)}
    return render(request, "integrators/workspace_preview.html", context)


@require_POST
@requires("integrators.manage")
def propose(request: HttpRequest) -> HttpResponse:
    """The client's yes; the integrator is asked by mail."""
    client, form = _client(), CodeForm(request.POST)
    with scope.shared():
        if not form.is_valid():
            return redirect("integrator:home")
        link = Link.propose(client_id=client.pk, code=form.cleaned_data["code"], now=timezone.now())
        if not link.is_live:
            mails.proposed(link, request=request)
    messages.success(request, _("%(integrator)s is asked by mail.") % {"integrator": form.organisation.name})
    return redirect("integrator:home")


@require_POST
@requires("integrators.manage", when_suspended=True)
def end(request: HttpRequest, id: UUID) -> HttpResponse:
    """At once: the integrator's next request finds nothing."""
    client = _client()
    with scope.shared():
        links = Link.objects.filter(client=client).select_related("client", "organisation")
        link = links.select_for_update(of=("self",)).filter(pk=id).first()
        if link is None:
            raise Http404
        if link.end(by="client", now=timezone.now()):
            mails.ended_by_client(link, request=request)
    messages.success(
        request, _("%(integrator)s sees nothing of you any more.") % {"integrator": link.organisation.name}
    )
    return redirect("integrator:home")
