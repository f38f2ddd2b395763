"""Addresses that are not mailed: how many, and mailing one of them again. They are keyed hashes, so nobody can list them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from shared_apps import mail
from shared_apps.accounts.access import requires
from shared_apps.mail.models import Suppression
from shared_apps.operators.forms import LiftForm


@require_http_methods(["GET", "HEAD", "POST"])
@requires("operators.mails")
def mails(request: HttpRequest) -> HttpResponse:
    """The numbers; posting an address mails it again, from here and, by a job, from every workspace."""
    form = LiftForm(request.POST or None)
    if form.is_valid():
        if mail.lift(form.cleaned_data["email"]):
            messages.success(request, _("This address is mailed again."))
        else:
            messages.success(
                request, _("Smoall itself mails this address. Workspaces do so within a minute.")
            )
        return redirect("operators:mails")
    counted = [
        (label, Suppression.objects.filter(reason=reason).count())
        for reason, label in Suppression.Reason.choices
    ]
    context = {"form": form, "counted": counted, "in_workspaces": Suppression.number_in_workspaces()}
    return render(request, "operators/mails.html", context)
