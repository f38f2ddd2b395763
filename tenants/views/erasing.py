"""What remains to be seen of a workspace that is being erased."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from shared_apps.accounts.access import public
from shared_apps.kit import scope, tokens
from tenants import erasure
from tenants.models import CannotAct, host_url


@public
def closed(request: HttpRequest) -> HttpResponse:
    here = scope.tenant_id()
    found = erasure.pending(here) if here else None
    return render(
        request, "tenants/erasing/closed.html", {"erasure": found, "app_url": host_url("app")}, status=410
    )


@public
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """The mailed link shows a button; only the button stops the erasure."""
    try:
        found = erasure.of_cancel_link(token)
        if request.method != "POST":
            return render(request, "tenants/erasing/cancel.html", {"erasure": found})
        with scope.acting(
            scope.Actor("system", "erasure", "Smoall", behalf=_("an owner, by the mailed link"))
        ):
            erasure.cancel(found, now=timezone.now())
    except (tokens.BadToken, CannotAct) as error:
        reason = (
            str(error) if isinstance(error, CannotAct) else _("This link does not stop anything any more.")
        )
        return render(
            request,
            "tenants/erasing/closed.html",
            {"refused": reason, "app_url": host_url("app")},
            status=410,
        )
    return HttpResponseRedirect("/sign-in/")
