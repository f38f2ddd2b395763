"""The legal texts on the workspace's own host: what was accepted, what is asked to be, and who may get something (P43)."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.legal import differences, documents
from shared_apps.legal.documents import AUTHENTIC, Document
from shared_apps.legal.models import Acceptance
from shared_apps.sharing import listing
from shared_apps.sharing.models import Partner
from tenants import contract

SHOWN = ("terms", "processing", "privacy")


def _client() -> UUID:
    """Of the workspace of this host."""
    here = scope.tenant_id()
    if here is None:
        raise Http404
    with scope.shared():
        found: UUID = Client.objects.values_list("pk", flat=True).get(tenant__id=here)
        return found


@require_safe
@requires("workspace.view", when_suspended=True)
def overview(request: HttpRequest) -> HttpResponse:
    """Everything that the contract says, in one place."""
    client, today = _client(), timezone.localdate()
    with scope.shared():
        accepted = contract.accepted(client)
        asked = contract.asked(client)
        partners = list(Partner.objects.open(today))
    context = {
        "accepted": accepted,
        "asked": [_shown(one.document) | {"in_force_on": one.in_force_on} for one in asked],
        "may_accept": person_of(request).may("workspace.accept"),
        "texts": [_in_force(kind, today) for kind in SHOWN],
        "partners": listing.shown(partners),
        "new_partners": listing.new(partners, today),
        "today": today,
    }
    return render(request, "tenants/account/documents.html", context)


def _in_force(kind: str, today: Any) -> dict[str, Any]:
    current = documents.current(kind, today=today)
    since = next(one.in_force_on for one in documents.editions(kind) if one.document == current)
    return _shown(current) | {"in_force_on": since}


def _shown(document: Document) -> dict[str, Any]:
    """`document`, the language it is read in here, and the version before where there is one to compare with."""
    language = document.language(get_language() or AUTHENTIC)
    return {
        "document": document,
        "text_language": language,
        "sha256": document.sha256(language),
        "before": documents.before(document),
    }


@require_safe
@requires("workspace.view", when_suspended=True)
def document(request: HttpRequest, kind: str, version: str, language: str) -> HttpResponse:
    """One version in one language: accepted, in force, or asked for. And when this client accepted it."""
    found = _published(kind, version)
    if language not in found.digests:
        raise Http404
    client = _client()
    with scope.shared():
        accepted = Acceptance.objects.by(client).filter(kind=kind, version=version).first()
    context = {
        "document": found, "text": found.text(language), "text_language": language, "sha256": found.sha256(language),
        "authentic": AUTHENTIC, "accepted": accepted,
        "accepted_language": contract.language_name(accepted.language) if accepted else "", "before": documents.before(found),
    }  # fmt: skip
    return render(request, "tenants/account/document.html", context)


@require_safe
@requires("workspace.view", when_suspended=True)
def changes(request: HttpRequest, kind: str, version: str, language: str) -> HttpResponse:
    """What a version changes, word by word."""
    found = _published(kind, version)
    before = documents.before(found)
    if before is None or language not in found.digests or language not in before.digests:
        raise Http404
    old, new = before.text(language), found.text(language)
    context = {
        "document": found, "before": before, "text_language": language,
        "marked": differences.marked(old, new), "number": differences.number(old, new),
    }  # fmt: skip
    return render(request, "tenants/account/document_changes.html", context)


def _published(kind: str, version: str) -> Document:
    """Raises Http404: unknown, not a client's to read, or prepared and not published."""
    if kind in SHOWN:
        for edition in documents.editions(kind):
            if edition.document.version == version:
                return edition.document
    raise Http404


@require_POST
@requires("workspace.accept", when_suspended=True)
def accept(request: HttpRequest) -> HttpResponse:
    """An owner accepts, for the client, the very versions that stood on the page."""
    client = _client()
    with scope.shared(actor=person_of(request).as_actor()):
        wanted = [one.document for one in contract.asked(client)]
        shown = [one for one in wanted if one.topic in request.POST.getlist("topic")]
        contract.accept(client, shown, language=get_language() or AUTHENTIC, now=timezone.now())
    if shown:
        messages.success(request, _("Accepted. The version and the moment are on record here."))
    else:
        messages.info(request, _("There was nothing left to accept."))
    return redirect("workspace:documents")
