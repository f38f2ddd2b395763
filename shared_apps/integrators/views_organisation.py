"""An integrator's own page: the code that clients ask for, and the people who sign in for it."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts import mails
from shared_apps.accounts.access import person_of, requires
from shared_apps.accounts.models import CannotChange, User
from shared_apps.integrators.forms import InviteForm, OrganisationForm
from shared_apps.integrators.mails import in_use
from shared_apps.integrators.models import IdleInvitation, Organisation
from shared_apps.integrators.views import organisation_of
from shared_apps.kit.places import language_name
from shared_apps.kit.refusals import said_on
from shared_apps.kit.text import fold

says_refusals = said_on("organisation:home", CannotChange)


def _colleague(request: HttpRequest, id: UUID) -> User | IdleInvitation:
    """Raises Http404 for somebody of another organisation."""
    organisation = organisation_of(request)
    person = organisation.people().filter(pk=id).first()
    found = person or organisation.idle_invitations.filter(pk=id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@requires("partner.view")
def home(request: HttpRequest) -> HttpResponse:
    organisation = organisation_of(request)
    everybody: list[User | IdleInvitation] = [*organisation.people(), *organisation.idle_invitations.all()]
    people = sorted(everybody, key=lambda person: (not person.is_active, fold(person.name), str(person.id)))
    context = {
        "organisation": organisation,
        "written_in": language_name(organisation.language),
        "people": people,
    }
    return render(request, "integrators/organisation.html", context)


@requires("partner.manage")
def edit(request: HttpRequest) -> HttpResponse:
    """Where its mails go, and in which language."""
    form = OrganisationForm(request.POST or None, instance=organisation_of(request))
    if form.is_valid():
        form.save()
        messages.success(request, _("The details are saved."))
        return redirect("organisation:home")
    return render(request, "integrators/organisation_edit.html", {"form": form})


@requires("partner.manage")
def invite(request: HttpRequest) -> HttpResponse:
    """A colleague gets a mail with a link; until it is used there is no password."""
    form = InviteForm(request.POST or None, initial={"language": get_language()})
    if form.is_valid():
        try:
            invited = organisation_of(request).invite_colleague(
                **form.cleaned_data, by=person_of(request), now=timezone.now()
            )
        except CannotChange as error:
            form.add_error("email", str(error))
        else:
            return _mail(request, invited)
    return render(request, "integrators/invite.html", {"form": form})


def _mail(request: HttpRequest, invited: User | IdleInvitation) -> HttpResponse:
    if isinstance(invited, User):
        mails.invitation(invited, request=request, by=person_of(request))
    else:
        in_use(invited, by=person_of(request))
    messages.success(request, _("%(name)s is invited by mail.") % {"name": invited.name})
    return redirect("organisation:home")


@require_POST
@requires("partner.manage")
@says_refusals
def resend(request: HttpRequest, id: UUID) -> HttpResponse:
    """A new invitation; the link of the one before no longer works."""
    colleague, by, now = _colleague(request, id), person_of(request), timezone.now()
    if isinstance(colleague, IdleInvitation):
        return _mail(request, colleague.renew(by=by, now=now))
    Organisation.count_invitation(by, now)
    colleague.renew_invitation(by=by, now=now)
    return _mail(request, colleague)


@require_POST
@requires("partner.manage")
@says_refusals
def withdraw(request: HttpRequest, id: UUID) -> HttpResponse:
    colleague = _colleague(request, id)
    if isinstance(colleague, IdleInvitation):
        colleague.withdraw()
    else:
        organisation_of(request).withdraw_invitation(colleague, by=person_of(request))
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("organisation:home")


@require_POST
@requires("partner.manage")
@says_refusals
def deactivate(request: HttpRequest, id: UUID) -> HttpResponse:
    """No longer enters; every session ends. Nobody deactivates themselves, so somebody always stays."""
    colleague = _colleague(request, id)
    colleague.deactivate(by=person_of(request), now=timezone.now())
    messages.success(request, _("%(name)s can no longer enter.") % {"name": colleague.name})
    return redirect("organisation:home")


@require_POST
@requires("partner.manage")
@says_refusals
def reactivate(request: HttpRequest, id: UUID) -> HttpResponse:
    colleague = _colleague(request, id)
    colleague.reactivate(by=person_of(request), now=timezone.now())
    messages.success(request, _("%(name)s can enter again.") % {"name": colleague.name})
    return redirect("organisation:home")
