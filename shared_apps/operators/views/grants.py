"""An operator's side of grants: asking for one, entering the workspace by it, ending it."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts import sessions as store
from shared_apps.accounts.access import person_of, requires
from shared_apps.kit import scope
from shared_apps.kit.paging import page_of
from shared_apps.operators import jobs
from shared_apps.operators.forms import GrantForm
from shared_apps.operators.models import CannotEnter, Grant
from shared_apps.operators.views.clients import client_and_tenant
from tenants.models import Tenant

ROWS = 50


@require_safe
@requires("operators.view")
def grants(request: HttpRequest) -> HttpResponse:
    """Every operator's, the newest first."""
    now, found = timezone.now(), Grant.objects.select_related("client")
    page = page_of(found, request.GET.get("page"), per_page=ROWS)
    rows = [(one, one.state(now)) for one in page.object_list]
    return render(request, "operators/grants.html", {"page": page, "rows": rows})


@requires("operators.enter")
def ask(request: HttpRequest, id: UUID) -> HttpResponse:
    """A grant for one client; its owners are told at once, or asked first."""
    client, tenant = client_and_tenant(id)
    if tenant is None:
        raise Http404
    form, now = GrantForm(request.POST or None), timezone.now()
    if form.is_valid():
        try:
            made = Grant.ask(tenant, by=person_of(request), now=now, **form.cleaned_data)
        except CannotEnter as error:
            form.add_error(None, str(error))
        else:
            with scope.tenant(tenant.pk):  # whose outbox it is; nothing is read here
                jobs.tell_of_grant.later(str(made.pk), key=f"grant:{made.pk}")
            said = (
                _("The owners are asked by mail.")
                if made.needs_consent
                else _("The owners are told by mail.")
            )
            messages.success(request, said)
            return redirect("operators:grants")
    return render(request, "operators/ask.html", {"form": form, "client": client})


def _grant(id: UUID) -> Grant:
    found = Grant.objects.filter(pk=id).first()
    if found is None:
        raise Http404
    return found


@require_POST
@requires("operators.enter")
def open_grant(request: HttpRequest, id: UUID) -> HttpResponse:
    """Over to the workspace's own host, by a link that works once."""
    grant = _grant(id)
    try:
        by = person_of(request)
        here = by.sign_ins.open().get(session_hash=store.store_of(request).hash)
        token = grant.ticket_link(by=by, now=timezone.now(), sign_in=here)
    except CannotEnter as error:
        messages.error(request, str(error))
        return redirect("operators:grants")
    tenant = Tenant.objects.prefetch_related("domains").get(pk=grant.tenant_uuid)
    path = reverse("support:enter", urlconf="config.urls_tenant", args=[token])
    return HttpResponseRedirect(tenant.url + path)


@require_POST
@requires("operators.enter")
def end_grant(request: HttpRequest, id: UUID) -> HttpResponse:
    _grant(id).end(by=person_of(request).name, now=timezone.now())
    messages.success(request, _("The access is ended."))
    return redirect("operators:grants")
