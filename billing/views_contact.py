"""What outlives a workspace: its invoices, for whoever has the link that was mailed to the contact person."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing import showing
from billing.models import Document, Invoice
from shared_apps.accounts.access import public
from shared_apps.kit import tokens
from tenants import departure
from tenants.views.contact import Paper


def papers(client: UUID) -> list[Paper]:
    """For tenants.views.contact. In the shared scope."""
    found = Invoice.objects.of(client).values_list("pk", "number", "issued_on")
    return [Paper(number, on, "invoices-contact:pdf", id) for id, number, on in found]


@require_safe
@public
def pdf(request: HttpRequest, token: str, id: UUID) -> HttpResponseBase:
    """One invoice of the client that the link is about."""
    try:
        visit = departure.read_link(token)
    except tokens.BadToken:
        visit = None
    if visit is None or visit.is_expired:
        raise Http404
    found = Invoice.objects.of(visit.departure.client_uuid).filter(pk=id).first()
    if found is None:
        raise Http404
    return showing.download(found, Document.Form.PDF, now=timezone.now())
