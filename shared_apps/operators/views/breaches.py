"""The register of breaches of security: facts, the authority's 72 hours, and the clients concerned, who are told once each."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.clients.models import Client
from shared_apps.kit.paging import page_of
from shared_apps.kit.refusals import said_on
from shared_apps.mail.models import Message
from shared_apps.operators.forms_requests import (
    AuthorityForm,
    BreachForm,
    ConcernForm,
    NotAuthorityForm,
    NoticeForm,
    SupplementForm,
)
from shared_apps.operators.views.requests import tabs
from shared_apps.requests import mails
from shared_apps.requests.models import Breach, CannotNote
from shared_apps.sharing.models import CATEGORIES

SHOWN = 200  # clients concerned
STATES: dict[str, tuple[Any, str]] = {
    "late": (pgettext_lazy("a breach", "authority not told in time"), "danger"),
    "open": (pgettext_lazy("a breach", "authority to be told"), "attention"),
    "told": (pgettext_lazy("a breach", "authority told"), "positive"),
    "not": (pgettext_lazy("a breach", "no risk for anybody"), ""),
}


def _row(breach: Breach) -> dict[str, Any]:
    now = timezone.now()
    state = "late" if breach.is_overdue(now) else "open" if breach.is_open else (
        "told" if breach.authority_notified_at else "not"
    )  # fmt: skip
    return {"breach": breach, "state": STATES[state][0], "badge": STATES[state][1]}


def _breach(id: UUID) -> Breach:
    found = Breach.objects.select_related("registered_by").filter(pk=id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@requires("operators.view")
def breaches(request: HttpRequest) -> HttpResponse:
    page = page_of(Breach.objects.all(), request.GET.get("page"))
    context = {
        "page": page,
        "rows": [_row(one) for one in page.object_list],
        "tabs": tabs("operators:breaches"),
    }
    return render(request, "operators/requests/breaches.html", context)


@requires("operators.breaches")
def register(request: HttpRequest) -> HttpResponse:
    form = BreachForm(request.POST or None)
    if form.is_valid():
        facts = dict(form.cleaned_data)
        clients, everybody = facts.pop("clients"), facts.pop("everybody")
        if everybody:
            clients = list(Client.objects.values_list("pk", flat=True))
        try:
            made = Breach.register(clients=clients, by=person_of(request), now=timezone.now(), **facts)
        except CannotNote as error:
            form.add_error("found_at", str(error))
        else:
            messages.success(request, _("The breach is registered. The 72 hours run."))
            return redirect("operators:breach", id=made.pk)
    return render(request, "operators/requests/register_breach.html", {"form": form})


@require_safe
@requires("operators.view")
def breach(request: HttpRequest, id: UUID) -> HttpResponse:
    return _page(request, _breach(id))


def _page(request: HttpRequest, found: Breach, **forms: Any) -> HttpResponse:
    now = timezone.now()
    concerned = list(found.concerned.all()[:SHOWN])
    names = dict(
        Client.objects.filter(pk__in=[one.client_uuid for one in concerned]).values_list("pk", "company")
    )
    states = Message.states(one.mail_key for one in concerned if one.told_at is None)
    context = {
        **_row(found),
        "categories": [CATEGORIES.get(code, code) for code in found.categories],
        "concerned": [
            (one, names.get(one.client_uuid, ""), states.get(one.mail_key, "")) for one in concerned
        ],
        "number": found.concerned.count(),
        "untold": mails.untold(found).count(),
        "hours_left": int((found.authority_due_at - now).total_seconds() // 3600),
        "texts": _texts(found.notices),
        "supplements": [(one, _texts(one.texts)) for one in found.supplements.select_related("by")],
        "authority_form": AuthorityForm(now=now),
        "not_form": NotAuthorityForm(),
        "notice_form": NoticeForm(),
        "concern_form": ConcernForm(),
        "supplement_form": SupplementForm(auto_id="more_%s"),
    } | forms
    return render(request, "operators/requests/breach.html", context)


def _preview(request: HttpRequest, found: Breach, form: NoticeForm | None) -> HttpResponse:
    """What goes to how many, in each language; `form` carries a text that isn't kept yet."""
    waiting = dict(mails.untold(found).order_by().values_list("language").annotate(Count("pk")))
    context = {
        "breach": found,
        "mails": [
            (name, waiting.get(code, 0), found.notices.get(code, "")) for code, name in settings.LANGUAGES
        ],
        "untold": sum(waiting.values()),
        "form": form,
    }
    return render(request, "operators/requests/notify_breach.html", context)


def _texts(texts: dict[str, str]) -> list[tuple[str, str]]:
    return [(dict(settings.LANGUAGES).get(code, code), text) for code, text in texts.items()]


def _on_their_way(request: HttpRequest, id: UUID, told: int) -> HttpResponse:
    said = ngettext("%(told)s mail is on its way.", "%(told)s mails are on their way.", told)
    messages.success(request, said % {"told": told})
    return redirect("operators:breach", id=id)


says_refusals = said_on("operators:breach", CannotNote, "id")


@require_POST
@requires("operators.breaches")
@says_refusals
def tell_authority(request: HttpRequest, id: UUID) -> HttpResponse:
    found, now = _breach(id), timezone.now()
    form = AuthorityForm(request.POST, now=now)
    if not form.is_valid():
        return _page(request, found, authority_form=form)
    found.tell_authority(now=now, **form.cleaned_data)
    messages.success(request, _("It is noted that the authority was told."))
    return redirect("operators:breach", id=id)


@require_POST
@requires("operators.breaches")
@says_refusals
def not_authority(request: HttpRequest, id: UUID) -> HttpResponse:
    found, form = _breach(id), NotAuthorityForm(request.POST)
    if not form.is_valid():
        return _page(request, found, not_form=form)
    found.do_not_tell_authority(form.cleaned_data["because"])
    messages.success(request, _("It is noted why the authority is not told."))
    return redirect("operators:breach", id=id)


@require_POST
@requires("operators.breaches")
@says_refusals
def notify(request: HttpRequest, id: UUID) -> HttpResponse:
    """The text in every language; once it was seen with how many it goes to, one mail to each client concerned. Confirmed
    twice, nobody gets a second one.
    """
    found, form = _breach(id), NoticeForm(request.POST)
    is_new = not found.notices
    if is_new:
        if not form.is_valid() or "change" in request.POST:
            return _page(request, found, notice_form=form)
        found.notices = form.notices()
    if "confirmed" not in request.POST:
        return _preview(request, found, form if is_new else None)
    if is_new:
        found.save(update_fields=["notices"])
    told = mails.breach(found, now=timezone.now())
    mails.supplements(found)  # of those who are told later than the others
    return _on_their_way(request, id, told)


@require_POST
@requires("operators.breaches")
@says_refusals
def concern(request: HttpRequest, id: UUID) -> HttpResponse:
    """Clients found concerned later: named here, and mailed by the same button as the others."""
    found, form = _breach(id), ConcernForm(request.POST)
    if not form.is_valid():
        return _page(request, found, concern_form=form)
    found.concern(form.cleaned_data["clients"])
    messages.success(request, _("They are named among the clients concerned, and not told yet."))
    return redirect("operators:breach", id=id)


@require_POST
@requires("operators.breaches")
@says_refusals
def supplement(request: HttpRequest, id: UUID) -> HttpResponse:
    """What became known since, mailed once to each client concerned; who was named meanwhile is told of the breach first."""
    found, form, now = _breach(id), SupplementForm(request.POST, auto_id="more_%s"), timezone.now()
    if not form.is_valid():
        return _page(request, found, supplement_form=form)
    with transaction.atomic():
        found.supplement(form.notices(), by=person_of(request), now=now)
        mails.breach(found, now=now)
        told = mails.supplements(found)
    return _on_their_way(request, id, told)
