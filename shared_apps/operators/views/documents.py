"""Legal texts: which versions there are, putting one into force by two operators, and what came of it."""

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps import mail
from shared_apps.accounts.access import person_of, requires
from shared_apps.clients.models import Client
from shared_apps.kit.paging import page_of
from shared_apps.kit.refusals import said_on
from shared_apps.legal import differences, documents
from shared_apps.legal.documents import AUTHENTIC, Document
from shared_apps.legal.models import CannotPublish, Notice, Publication
from shared_apps.mail.models import Message
from shared_apps.operators.forms_legal import ProposeForm
from shared_apps.operators.views.work import progress_of
from tenants import publishing
from tenants.models import Saga

STATES: dict[str, tuple[Any, str]] = {
    "in_force": (pgettext_lazy("a text", "in force"), "positive"),
    "to_come": (pgettext_lazy("a text", "announced"), "accent"),
    "proposed": (pgettext_lazy("a text", "to be confirmed"), "attention"),
    "prepared": (pgettext_lazy("a text", "prepared"), ""),
    "former": (pgettext_lazy("a text", "no longer in force"), ""),
}

says_refusals = said_on("operators:document", CannotPublish, "kind", "version")


def _document(kind: str, version: str) -> Document:
    try:
        return documents.find(kind, version)
    except documents.UnknownDocument:
        raise Http404 from None


def _publication(document: Document) -> Publication | None:
    found = Publication.objects.of(document).select_related("proposed_by", "confirmed_by")
    return found.first()


def _row(document: Document, publication: Publication | None) -> dict[str, Any]:
    label, badge = STATES[_state(document, publication)]
    return {"document": document, "publication": publication, "state": label, "badge": badge}


def _state(document: Document, publication: Publication | None) -> str:
    today = timezone.localdate()
    days = {one.document.version: one.in_force_on for one in documents.editions(document.kind)}
    if document.version not in days:
        return "proposed" if publication else "prepared"
    if days[document.version] > today:
        return "to_come"
    return "in_force" if documents.current(document.kind, today=today) == document else "former"


@require_safe
@requires("operators.view")
def texts(request: HttpRequest) -> HttpResponse:
    """Every version that this release has, text by text."""
    known = {(one.kind, one.version): one for one in Publication.objects.all()}
    groups = [
        {
            "title": title,
            "rows": [_row(one, known.get((one.kind, one.version))) for one in documents.versions(kind)],
        }
        for kind, title in documents.TITLES.items()
    ]
    return render(
        request, "operators/legal/documents.html", {"groups": groups, "altered": Publication.altered()}
    )


@require_safe
@requires("operators.view")
def document(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    """One version: its digests, what it changes, who put it into force and what came of it."""
    found = _document(kind, version)
    publication, before = _publication(found), documents.before(found)
    by = person_of(request)
    context = {
        **_row(found, publication),
        "before": before,
        "may_confirm": publication is not None
        and publication.confirmed_at is None
        and publication.proposed_by_id != by.pk
        and by.was_inside(publication.proposed_at),
        "is_late": publication is not None
        and publication.proposed_by_id != by.pk
        and not by.was_inside(publication.proposed_at),
        **(_compared(found, before) if before else {}),
        **(_result(request, publication) if publication and publication.changes_contacts else {}),
    }
    return render(request, "operators/legal/document.html", context)


def _compared(found: Document, before: Document) -> dict[str, Any]:
    """In the language of whoever reads, else in the authentic one."""
    language = found.language(get_language() or AUTHENTIC)
    if language not in before.digests:
        language = AUTHENTIC
    old, new = before.text(language), found.text(language)
    return {
        "marked": differences.marked(old, new),
        "number": differences.number(old, new),
        "text_language": language,
    }


def _result(request: HttpRequest, publication: Publication) -> dict[str, Any]:
    """How many were told, what became of the mails, and who opted out; how many it will be, before it is confirmed."""
    saga = publishing.saga_of(publication)
    notices = Notice.objects.filter(publication=publication)
    opted_out = mail.opted_out(publication.topic)
    mails = Message.objects.filter(purpose=publishing.PURPOSE, topic=publication.topic)
    counted = dict(mails.order_by().values_list("state").annotate(number=Count("pk")))
    return {
        "told": notices.count(),
        "unmailed": notices.filter(is_mailed=False).count(),
        "untold": publishing.untold(publication).count(),
        "mails": [(Message.State(state).label, number) for state, number in sorted(counted.items())],
        "opted_out": page_of(
            Client.objects.filter(pk__in=opted_out).order_by("company_folded", "id"),
            request.GET.get("page"),
        ),
        "saga": saga,
        "progress": progress_of(saga) if saga and _is_busy(saga) else None,
    }


def _is_busy(saga: Saga) -> bool:
    """Whether a bar says something: not once everybody was told and the day is waited for."""
    return saga.status in (Saga.Status.RUNNING, Saga.Status.FAILED) or (
        saga.status == Saga.Status.WAITING and saga.cursor == 0
    )


@requires("operators.publish")
def propose(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    """The first operator's half: nobody is told of anything yet."""
    found = _document(kind, version)
    form = ProposeForm(request.POST or None, document=found, today=timezone.localdate())
    if form.is_valid():
        try:
            Publication.propose(found, by=person_of(request), now=timezone.now(), **form.answers())
        except CannotPublish as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("It is proposed. Another operator has to confirm it."))
            return redirect("operators:document", kind=kind, version=version)
    return render(
        request,
        "operators/legal/propose.html",
        {"form": form, "document": found, "clients": Client.objects.count()},
    )


def _proposed(kind: str, version: str) -> Publication:
    found = _publication(_document(kind, version))
    if found is None:
        raise Http404
    return found


@require_POST
@requires("operators.publish")
@says_refusals
def confirm(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    """The second half, by somebody else: public from now on, and told to each client where it changes that."""
    found = publishing.confirm(_proposed(kind, version).pk, by=person_of(request), now=timezone.now())
    messages.success(
        request,
        _("It is published, and each client is written to.")
        if found.changes_contacts
        else _("It is published. Nobody gets a mail."),
    )
    return redirect("operators:document", kind=kind, version=version)


@require_POST
@requires("operators.publish")
@says_refusals
def withdraw(request: HttpRequest, kind: str, version: str) -> HttpResponse:
    publishing.withdraw(_proposed(kind, version).pk)
    messages.success(request, _("The proposal is withdrawn. Nobody was told of it."))
    return redirect("operators:document", kind=kind, version=version)


def changes_told_to(client: Client) -> list[dict[str, Any]]:
    """For a client's page: the changes in the use of contact details that it was told of, and whether it opted out."""
    told = Notice.objects.filter(client_uuid=client.pk).select_related("publication")
    return [
        {
            "notice": one,
            "publication": one.publication,
            "is_refused": mail.is_refused(
                "policy", to=client.contact_email, topic=one.publication.topic, about=client.pk
            ),
        }
        for one in told
    ]
