"""What an integrator's people see of clients: contact details and the state of the link, of live links alone (P30).

Whoever is shown is told: each look is noted for the client's page "Who saw our information".
"""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.integrators import mails
from shared_apps.integrators.models import (
    CannotLink,
    ContactDetails,
    Link,
    LinkQuerySet,
    Look,
    Membership,
    Organisation,
)
from shared_apps.kit.paging import page_of

ROWS = 50
SORTS = {
    "company": "client__company_folded",
    "person": "client__contact_name",
    "town": "client__city",
    "since": "accepted_at",
}


def organisation_of(request: HttpRequest) -> Organisation:
    """Whom the signed-in person works for. Raises PermissionDenied for nobody."""
    found = Membership.objects.select_related("organisation").filter(user_id=person_of(request).pk).first()
    if found is None:
        raise PermissionDenied("works for no integrator")
    return found.organisation


def _links(request: HttpRequest) -> LinkQuerySet:
    links: LinkQuerySet = Link.objects.filter(organisation=organisation_of(request))
    return links.select_related("client", "organisation")


def _link(links: LinkQuerySet, id: UUID, *, lock: bool = False) -> Link:
    """Raises Http404 for whatever is not in there: another's, ended, or only proposed.

    Locked, it stays as it was found until the transaction ends.
    """
    rows = links.select_for_update(of=("self",)) if lock else links
    found = rows.filter(pk=id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@requires("partner.view")
def clients(request: HttpRequest) -> HttpResponse:
    """Proposals first, then the linked clients: searched, sorted, in pages."""
    links, words = _links(request), request.GET.get("q", "")[:200].strip()
    sort = request.GET.get("sort", "company")
    order = SORTS.get(sort.removeprefix("-"), SORTS["company"])
    found = links.live().matching(words).order_by(f"-{order}" if sort.startswith("-") else order, "id")
    page = page_of(found, request.GET.get("page"), per_page=ROWS)
    Look.note(page.object_list, by=person_of(request), now=timezone.now())
    context = {
        "proposals": links.proposed().order_by("proposed_at"),
        "page": page,
        "q": words,
        "sort": sort,
        "organisation": organisation_of(request),
    }
    return render(request, "integrators/clients.html", context)


@require_safe
@requires("partner.view")
def client(request: HttpRequest, id: UUID) -> HttpResponse:
    """The card of a linked client."""
    link = _link(_links(request).live(), id)
    Look.note([link], by=person_of(request), now=timezone.now())
    return render(
        request, "integrators/client.html", {"link": link, "details": ContactDetails.of(link.client)}
    )


@require_POST
@requires("partner.manage")
def accept(request: HttpRequest, id: UUID) -> HttpResponse:
    link = _link(_links(request).open(), id, lock=True)
    try:
        link.accept(now=timezone.now())
    except CannotLink as error:
        messages.error(request, str(error))
        return redirect("integrators:clients")
    mails.accepted(link)
    messages.success(request, _("You are linked with %(company)s.") % {"company": link.client.company})
    return redirect("integrators:client", id=id)


@require_POST
@requires("partner.manage")
def decline(request: HttpRequest, id: UUID) -> HttpResponse:
    """A proposal alone: a link that a colleague has accepted meanwhile is ended by `end`."""
    link = _link(_links(request).proposed(), id, lock=True)
    if link.end(by="integrator", now=timezone.now()):
        mails.ended_by_integrator(link)
    messages.success(request, _("You have declined. The client is told by mail."))
    return redirect("integrators:clients")


@require_POST
@requires("partner.manage")
def end(request: HttpRequest, id: UUID) -> HttpResponse:
    link = _link(_links(request).live(), id, lock=True)
    if link.end(by="integrator", now=timezone.now()):
        mails.ended_by_integrator(link)
    messages.success(request, _("The link is ended. The client is told by mail."))
    return redirect("integrators:clients")
