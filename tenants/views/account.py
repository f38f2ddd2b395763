"""Pages about the workspace itself, on its own host: what it is, copies of its data, its end."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from shared_apps.accounts.access import person_of, requires
from shared_apps.kit import scope
from shared_apps.sharing import listing
from shared_apps.sharing.models import Partner
from tenants import departure, erasure, export
from tenants.forms_account import EraseForm, ExportForm, KeyForm
from tenants.models import CannotAct, Export, Saga, State, Tenant


def _here() -> UUID:
    """The workspace of this host."""
    id = scope.tenant_id()
    if id is None:
        raise Http404
    return id


def _tenant() -> Tenant:
    id = _here()
    with scope.shared():
        found: Tenant = Tenant.objects.select_related("client").prefetch_related("domains").get(pk=id)
        return found


@requires("workspace.view")
def home(request: HttpRequest) -> HttpResponse:
    tenant = _tenant()
    by = person_of(request)
    with scope.shared():
        new_partners = listing.new(Partner.objects.open(timezone.localdate()), timezone.localdate())
    context = {
        "new_partners": new_partners,
        "tenant": tenant,
        "client": tenant.client,
        "may_link": by.may("integrators.manage"),
        "may_see_support": by.may("support.view"),
        "may_export": by.may("workspace.export"),
        "may_leave": by.may("workspace.leave"),
        "may_see_looks": by.may("sharing.view"),
        "may_see_holdings": by.may("workspace.holdings"),
        "may_erase": by.may("workspace.erase"),
        "leaving": departure.of_workspace(tenant.pk) if tenant.state == State.LEAVING else None,
    }
    return render(request, "tenants/account/home.html", context)


@requires("workspace.export", when_suspended=True)
@sensitive_post_parameters("secret", "again")
def exports(request: HttpRequest) -> HttpResponse:
    """The copies made so far, and the form for a new one."""
    form = ExportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            export.request(
                _here(),
                form.cleaned_data["secret"],
                now=timezone.now(),
                for_user=person_of(request).pk,
            )
        except CannotAct as error:
            messages.error(request, str(error))
        return redirect("workspace:exports")
    id = _here()
    with scope.shared():
        made = list(Export.objects.filter(tenant_uuid=id)[:50])
    rows = [{"export": one, "progress": _progress(one)} for one in made]
    context = {
        "form": form,
        "key_form": KeyForm(initial={"copies_key": _tenant().copies_key}),
        "rows": rows,
        "now": timezone.now(),
        "is_working": any(row["progress"] for row in rows),
    }
    return render(request, "tenants/account/exports.html", context)


@requires("workspace.export", when_suspended=True)
@require_POST
def keep_key(request: HttpRequest) -> HttpResponse:
    """For whom the copies are that an operator starts."""
    form = KeyForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for error in form.errors["copies_key"]))
    else:
        key = form.cleaned_data["copies_key"]
        export.keep_key(_here(), key)
        said = (
            _("Copies that Smoall starts are encrypted to this key.") if key else _("The key is forgotten.")
        )
        messages.success(request, said)
    return redirect("workspace:exports")


def _progress(made: Export) -> dict[str, Any] | None:
    """What the progress component shows while the copy is made; None when it is ready."""
    if made.ready_at or not made.saga:
        return None
    with scope.shared():
        saga = Saga.objects.filter(pk=made.saga).first()
    if saga is None:
        return None
    has_failed = saga.status == Saga.Status.FAILED
    return {
        "label": _("Copying everything"),
        "percent": saga.progress,
        "step": _(saga.doing) if saga.doing else "",
        "id": f"export-{made.id}",
        "failed": _("It did not work. Nothing is lost; start again, or write to us when it fails once more.")
        if has_failed
        else "",
    }


@requires("workspace.export", when_suspended=True)
def progress(request: HttpRequest, id: UUID) -> HttpResponse:
    made = _own(id)
    shown = _progress(made)
    if shown is None:  # ready: the whole page shows the button
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "kit/components/progress.html", shown | {"url": request.path})


@requires("workspace.export", when_suspended=True)
@require_POST
def take(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """The file, once. A second click says so."""
    made = _own(id)
    try:
        made, file = export.take(made.id, now=timezone.now())
    except CannotAct as error:
        messages.error(request, str(error))
        return redirect("workspace:exports")
    name = f"smoall-{made.created_at:%Y-%m-%d}-{request.get_host().split('.')[0]}.zip.age"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")


def _own(id: UUID) -> Export:
    here = _here()
    with scope.shared():
        found = Export.objects.filter(pk=id, tenant_uuid=here).first()
    if found is None:
        raise Http404
    return found


@requires("workspace.erase", when_suspended=True)
@sensitive_post_parameters("current", "code")
def erase(request: HttpRequest) -> HttpResponse:
    """What will be lost, asked twice: the name and the password. Afterwards the workspace is closed."""
    tenant = _tenant()
    form = EraseForm(
        request.POST or None,
        name=tenant.subdomain,
        person=person_of(request),
        now=timezone.now(),
        request=request,
    )
    if request.method == "POST" and form.is_valid():
        try:
            erasure.request(tenant.id, now=timezone.now(), with_contacts=form.cleaned_data["with_contacts"])
        except CannotAct as error:
            messages.error(request, str(error))
        return redirect("/")
    status = 429 if form.closed_until else 200
    context = {"form": form, "tenant": tenant, "may_leave": person_of(request).may("workspace.leave")}
    return render(request, "tenants/account/erase.html", context, status=status)
