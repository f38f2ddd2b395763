"""The operators themselves. All are equal; nobody deactivates themselves, so somebody always stays."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, Max, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts import mails
from shared_apps.accounts.access import person_of, requires
from shared_apps.accounts.models import CannotChange, Kind, Passkey, Totp, User
from shared_apps.kit.module import OWNER
from shared_apps.kit.refusals import said_on
from shared_apps.operators import mails as operator_mails
from shared_apps.operators.forms import InviteForm

says_refusals = said_on("operators:team", CannotChange)


def _operator(id: UUID) -> User:
    found: User | None = User.objects.filter(pk=id, kind=Kind.OPERATOR).first()
    if found is None:
        raise Http404
    return found


@require_safe
@requires("operators.view")
def operators(request: HttpRequest) -> HttpResponse:
    """Everybody, with state and last sign-in; those who may no longer enter at the end."""
    dated = User.objects.filter(kind=Kind.OPERATOR).annotate(last_sign_in=Max("sign_ins__signed_in_at"))
    app, key = Totp.objects.filter(user=OuterRef("pk")), Passkey.objects.filter(user=OuterRef("pk"))
    dated = dated.annotate(has_second=Exists(app) | Exists(key))
    people = sorted(dated.order_by("name_folded", "id"), key=lambda person: not person.is_active)
    return render(request, "operators/team.html", {"people": people})


@requires("operators.team")
def invite(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST or None, initial={"language": get_language()})
    if form.is_valid():
        by = person_of(request)
        try:
            invited = User.invite(**form.cleaned_data, role=OWNER, by=by, now=timezone.now())
        except CannotChange as error:
            form.add_error("email", str(error))
        else:
            return _mail(request, invited)
    return render(request, "operators/invite.html", {"form": form})


def _mail(request: HttpRequest, invited: User) -> HttpResponse:
    by = person_of(request)
    mails.invitation(invited, request=request, by=by)
    operator_mails.invited(invited, by=by.name)
    messages.success(request, _("%(name)s is invited by mail.") % {"name": invited.name})
    return redirect("operators:team")


@require_POST
@requires("operators.team")
@says_refusals
def resend(request: HttpRequest, id: UUID) -> HttpResponse:
    """A new invitation; the link of the one before no longer works."""
    invited = _operator(id)
    invited.renew_invitation(by=person_of(request), now=timezone.now())
    return _mail(request, invited)


@require_POST
@requires("operators.team")
@says_refusals
def withdraw(request: HttpRequest, id: UUID) -> HttpResponse:
    _operator(id).withdraw_invitation(by=person_of(request))
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("operators:team")


@require_POST
@requires("operators.team")
@says_refusals
def reset_factors(request: HttpRequest, id: UUID) -> HttpResponse:
    """For a colleague who lost theirs, or a person of an integrator: they begin anew at the next sign-in."""
    person, now = User.objects.filter(pk=id).first(), timezone.now()
    if person is None:
        raise Http404
    person.reset_factors(by=person_of(request), now=now)
    mails.factor_changed(person, request=request, at=now)
    messages.success(request, _("%(name)s signs in with the password alone now.") % {"name": person.name})
    return redirect("operators:team")


@require_POST
@requires("operators.team")
@says_refusals
def deactivate(request: HttpRequest, id: UUID) -> HttpResponse:
    """No longer enters; every session ends; what they did keeps its author."""
    operator = _operator(id)
    operator.deactivate(by=person_of(request), now=timezone.now())
    messages.success(request, _("%(name)s can no longer enter.") % {"name": operator.name})
    return redirect("operators:team")


@require_POST
@requires("operators.team")
@says_refusals
def reactivate(request: HttpRequest, id: UUID) -> HttpResponse:
    operator = _operator(id)
    by = person_of(request)
    operator.reactivate(by=by, now=timezone.now())
    operator_mails.returned(operator, by=by.name)
    messages.success(request, _("%(name)s can enter again.") % {"name": operator.name})
    return redirect("operators:team")
