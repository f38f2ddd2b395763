"""The contact person's page on `app.`: what Smoall still holds after the data is gone, opened by a mailed link.

Opening a link changes nothing, since mail scanners open links too: only buttons do. The author is the contact person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext as said  # for texts that stand in rows
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import public
from shared_apps.clients.models import Client
from shared_apps.integrators.models import ContactDetails, Link
from shared_apps.kit import places, scope, tokens
from shared_apps.kit.dates import day_of
from shared_apps.legal import documents
from shared_apps.legal.models import Acceptance
from shared_apps.mail.models import Message
from tenants import certificate, correction, departure, forgetting, showing
from tenants.departure import Visit
from tenants.forms_leaving import ContactDetailsForm, DayForm, EraseContactsForm
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import CannotAct, Category, Departure, Instruction, Saga, host_url

View = Callable[[HttpRequest, str, Departure, Client], HttpResponse]


@dataclass(frozen=True, slots=True)
class Paper:
    """A document about the client that outlives its contact details. `url_name` takes the link's token and the id."""

    label: str
    on: date
    url_name: str
    id: UUID


papers: list[
    Callable[[UUID], list[Paper]]
] = []  # of modules above, by the client's UUID; in the shared scope


def _papers(leaving: Departure) -> list[Paper]:
    return [paper for source in papers for paper in source(leaving.client_uuid)]


def _read(token: str) -> Visit | None:
    """None for a link that was altered, or leads to nothing."""
    try:
        return departure.read_link(token)
    except tokens.BadToken:
        return None


def _acts(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    """A view of contact details that are there and stay for now, by their contact person; else the page says why not."""

    @wraps(view)
    def wrapped(request: HttpRequest, token: str) -> HttpResponse:
        visit = _read(token)
        if visit is None or visit.is_expired:
            return _no_way(request, token, visit)
        if visit.client is None or departure.is_being_forgotten(visit.departure):
            return redirect("app:contact", token)
        with scope.acting(_person(visit.client)):
            return view(request, token, visit.departure, visit.client)

    return wrapped


def _person(client: Client) -> scope.Actor:
    return scope.Actor("contact", str(client.id), _("the client’s contact person"))


def _no_way(request: HttpRequest, token: str, visit: Visit | None) -> HttpResponse:
    """Too old, or void since the address was corrected: another link is mailed. An altered one: find the mail."""
    page = "tenants/contact/void.html" if visit is None else "tenants/contact/expired.html"
    return render(request, page, {"token": token}, status=410)


# --- seeing -----------------------------------------------------------------------------------------------


@require_safe
@public
def contact(request: HttpRequest, token: str) -> HttpResponse:
    """What is held; while it is being erased, how far that is; afterwards the proof."""
    visit = _read(token)
    if visit is None or visit.is_expired:
        return _no_way(request, token, visit)
    if visit.client is not None and not departure.is_being_forgotten(visit.departure):
        return _details_page(request, token, visit.departure, visit.client)
    shown = _progress(visit.departure, token)
    if shown:
        return render(request, "tenants/contact/erasing.html", {"progress": shown, "token": token})
    shown = {"token": token, "papers": _papers(visit.departure), **_proof(visit.departure)}
    return render(request, "tenants/contact/erased.html", shown)


def _details_page(
    request: HttpRequest,
    token: str,
    leaving: Departure,
    client: Client,
    *,
    day_form: DayForm | None = None,
    erase_form: EraseContactsForm | None = None,
    refused: str = "",
) -> HttpResponse:
    now = timezone.now()
    context = {
        "token": token,
        "client": client,
        "details": ContactDetails.of(client),
        "spoken": places.language_name(client.language),
        "leaving": leaving,
        "picture": showing.in_force(leaving, day_of(now)),
        "day_form": day_form or DayForm(leaving=leaving, category=Category.CONTACTS, today=now),
        "erase_form": erase_form or EraseContactsForm(company=client.company),
        "refused": refused,
        "papers": _papers(leaving),
        **_held(client),
    }
    return render(request, "tenants/contact/details.html", context)


def _held(client: Client) -> dict[str, Any]:
    """What else names the client, as the register of holdings declares it."""
    instructions = list(Instruction.objects.filter(departure__client_uuid=client.pk))
    return {
        "acceptances": [
            (documents.TITLES.get(one.kind, one.kind), one)  # type: ignore[call-overload]
            for one in Acceptance.objects.filter(client_uuid=client.pk)
        ],
        "links": list(Link.objects.filter(client=client).select_related("organisation")),
        "mails": Message.objects.filter(about=client.pk).count(),
        "proofs": sum(1 for one in instructions if one.proof),
        "said": showing.said(instructions),
    }


@require_safe
@public
def progress(request: HttpRequest, token: str) -> HttpResponse:
    """For htmx, every second while the contact details are being erased."""
    visit = _read(token)
    if visit is None or visit.is_expired:
        return _no_way(request, token, visit)
    shown = _progress(visit.departure, token)
    if shown is None:  # over: the whole page shows the proof
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "kit/components/progress.html", shown)


def _progress(leaving: Departure, token: str) -> dict[str, Any] | None:
    """What the progress component shows; None when it is over."""
    if Ledger.default().contains(leaving.tenant_uuid, "contacts"):
        return None
    saga = forgetting.saga_of(leaving)
    failed = saga is not None and saga.status == Saga.Status.FAILED
    return {
        "label": _("Your contact details are being erased"),
        "percent": saga.progress if saga else 0,
        "step": said(saga.doing) if saga and saga.doing else _("Waiting for its turn"),
        "url": reverse("app:contact-progress", args=[token]),
        "failed": _(
            "Something went wrong on our side: we are looking at it. This page shows when it is done."
        )
        if failed
        else "",
        "id": "forgetting",
    }


def _proof(leaving: Departure) -> dict[str, Any]:
    """The certificate from the ledger, to be read."""
    found = Ledger.default().find(leaving.tenant_uuid, "contacts")
    assert found is not None
    verified = certificate.verify(found.entry.certificate, KeyStore.default().public_keys())
    return {
        "erased_at": found.entry.erased_at,
        "readable": certificate.as_text(verified, get_language() or "en"),
        "keys_url": host_url("") + "/.well-known/smoall-keys.json",
    }


@require_safe
@public
def proof(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """The signed certificate of the data's or the contact details' erasure, for saving; the ledger has both."""
    visit = _read(token)
    if visit is None or visit.is_expired:
        return _no_way(request, token, visit)
    if kind not in ("data", "contacts"):
        raise Http404
    found = Ledger.default().find(visit.departure.tenant_uuid, "data" if kind == "data" else "contacts")
    if found is None:
        raise Http404
    headers = {
        "Content-Disposition": f'attachment; filename="smoall-certificate-{kind}.json"',
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(found.entry.certificate, content_type="application/json", headers=headers)


# --- acting -----------------------------------------------------------------------------------------------


@public
@_acts
def correct(request: HttpRequest, token: str, leaving: Departure, client: Client) -> HttpResponse:
    """Every field. Another e-mail address voids this very link."""
    form = ContactDetailsForm(request.POST or None, client=client)
    if request.method == "POST" and form.is_valid():
        if form.is_stale(client) and not form.is_stored(client):
            form.show_again(client)
        else:
            try:
                has_moved = correction.correct_after(leaving.id, form.answers(), now=timezone.now())
            except CannotAct as error:
                form.add_error(None, str(error))
            else:
                if has_moved:
                    email = form.cleaned_data["contact_email"]
                    return render(request, "tenants/contact/moved.html", {"email": email})
                return redirect("app:contact", token)
    context = {"form": form, "token": token, "client": client}
    return render(request, "tenants/contact/correct.html", context)


@require_POST
@public
@_acts
def day(request: HttpRequest, token: str, leaving: Departure, client: Client) -> HttpResponse:
    """Another day, or the promised one again."""
    now = timezone.now()
    form = DayForm(request.POST, leaving=leaving, category=Category.CONTACTS, today=now)
    if not form.is_valid():
        return _details_page(request, token, leaving, client, day_form=form)
    answers = form.cleaned_data
    try:
        departure.choose(leaving.id, Category.CONTACTS, answers["on"], seen=answers["seen"], now=now)
    except CannotAct as error:
        return _details_page(request, token, leaving, client, refused=str(error))
    return redirect("app:contact", token)


@require_POST
@public
@_acts
def erase(request: HttpRequest, token: str, leaving: Departure, client: Client) -> HttpResponse:
    """At once, with the company's name typed. A second click finds it begun."""
    form = EraseContactsForm(request.POST, company=client.company)
    if not form.is_valid():
        return _details_page(request, token, leaving, client, erase_form=form)
    try:
        forgetting.request(leaving.id, now=timezone.now())
    except CannotAct as error:
        return _details_page(request, token, leaving, client, refused=str(error))
    return redirect("app:contact", token)


@require_POST
@public
def again(request: HttpRequest, token: str) -> HttpResponse:
    """Another link to the address on file. The answer is the same whatever became of it."""
    visit = _read(token)
    if visit is None:
        return _no_way(request, token, visit)
    if visit.client is not None:
        with scope.acting(_person(visit.client)):
            departure.mail_link(visit.departure, now=timezone.now())
    return render(request, "tenants/contact/sent.html", {"mails": _mails_url()})


def _mails_url() -> str:
    """In development mails are shown instead of sent."""
    return "" if settings.SMOALL_IS_PRODUCTION else reverse("mail:list")
