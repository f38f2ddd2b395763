"""Integrators: the list, a new one with its first person, and who works there with whom."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts import mails
from shared_apps.accounts.access import person_of, requires
from shared_apps.accounts.models import CannotChange, User
from shared_apps.integrators.models import Organisation
from shared_apps.kit import scope
from shared_apps.kit.paging import page_of
from shared_apps.kit.text import fold
from shared_apps.operators.forms import OrganisationForm

SORTS = {"name": "name_folded", "links": "live", "since": "created_at"}
LINKS = 50


@require_safe
@requires("operators.view")
def integrators(request: HttpRequest) -> HttpResponse:
    words, sort = request.GET.get("q", "")[:200].strip(), request.GET.get("sort", "name")
    order = SORTS.get(sort.removeprefix("-"), SORTS["name"])
    is_live = Q(links__accepted_at__isnull=False, links__ended_at=None)
    found = Organisation.objects.annotate(
        live=Count("links", filter=is_live, distinct=True), heads=Count("memberships", distinct=True)
    )
    for word in fold(words).split():
        found = found.filter(Q(name_folded__contains=word) | Q(email__icontains=word))
    page = page_of(
        found.order_by(f"-{order}" if sort.startswith("-") else order, "id"), request.GET.get("page")
    )
    return render(request, "operators/integrators.html", {"page": page, "q": words, "sort": sort})


@requires("operators.integrators")
def create(request: HttpRequest) -> HttpResponse:
    """An organisation and the invitation of its first person: both or neither."""
    form = OrganisationForm(request.POST or None, initial={"language": get_language()})
    if form.is_valid():
        try:
            with transaction.atomic():
                made = _made(request, form)
        except CannotChange as error:
            form.add_error("email", str(error))
        else:
            messages.success(request, _("%(name)s is invited by mail.") % {"name": form.cleaned_data["name"]})
            return redirect("operators:integrator", id=made.pk)
    return render(request, "operators/create_integrator.html", {"form": form})


def _made(request: HttpRequest, form: OrganisationForm) -> Organisation:
    typed = form.cleaned_data
    organisation = Organisation.objects.create(
        name=typed["organisation"], email=typed["office"], language=typed["language"]
    )
    first = organisation.invite(
        name=typed["name"], email=typed["email"], language=typed["language"], now=timezone.now()
    )
    _mail(request, first)
    return organisation


def _mail(request: HttpRequest, invited: User) -> None:
    """The link is one of app.: it opens nothing here."""
    with scope.shared(realm="app"):
        mails.invitation(invited, request=request, by=person_of(request), host="app")


def _organisation(id: UUID) -> Organisation:
    found = Organisation.objects.filter(pk=id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@requires("operators.view")
def integrator(request: HttpRequest, id: UUID) -> HttpResponse:
    organisation = _organisation(id)
    links = organisation.links.select_related("client").order_by("ended_at", "client__company_folded")
    context = {"organisation": organisation, "people": organisation.people(), "links": links[:LINKS]}
    return render(request, "operators/integrator.html", context)


@require_POST
@requires("operators.integrators")
def resend(request: HttpRequest, id: UUID, person: UUID) -> HttpResponse:
    """A new invitation; the link of the one before no longer works."""
    invited = _organisation(id).people().filter(pk=person).first()
    if invited is None:
        raise Http404
    try:
        invited.renew_invitation(by=person_of(request), now=timezone.now())
    except CannotChange as error:
        messages.error(request, str(error))
    else:
        _mail(request, invited)
        messages.success(request, _("%(name)s is invited by mail.") % {"name": invited.name})
    return redirect("operators:integrator", id=id)
