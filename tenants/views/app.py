"""Pages of `app.<domain>` for people who open a workspace or look for theirs. The verbs are in sign_up.py and opening.py."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext as said  # for texts that stand in rows
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from shared_apps.accounts.access import public
from shared_apps.kit import context, places, prices, scope, tokens
from shared_apps.kit.numbers import format_vat
from shared_apps.legal import documents
from tenants import names
from tenants import sign_up as verbs
from tenants.forms import FindForm, NameForm, SignUpForm, TermsForm, checked, suggestion
from tenants.models import SignUp, host_url
from tenants.opening import Opening, Stage, door, is_free, read
from tenants.sign_up import CannotSignUp, TooManyMails

OWN = "sign_up"  # the session's key: what was asked for in this browser


@require_safe
@public
def home(request: HttpRequest) -> HttpResponse:
    """Doors for whoever is not signed in; integrators go to their pages."""
    if menu := context.page(request)["menu"]:
        return redirect(menu[0]["url"])
    return render(request, "tenants/app/home.html", {"website": host_url("")})


# --- asking ---------------------------------------------------------------------------------------


@public
def sign_up(request: HttpRequest) -> HttpResponse:
    """Company, name of the workspace, first owner. What was typed before in this browser is still there."""
    own = _own(request)
    if request.method != "POST":
        form = SignUpForm(own=own, initial=_initial(own))
        return _form_page(request, form)
    with transaction.atomic():
        own = verbs.previous(own)
        form = SignUpForm(request.POST, own=own)
        if form.is_valid() and (asked := _ask(request, form)):
            request.session[OWN] = str(asked.id)
            return redirect("app:sent")
    if own is None and "subdomain" in form.errors:
        verbs.remind(
            subdomain=form.data.get("subdomain", ""), email=form.data.get("email", ""), now=timezone.now()
        )
    return _form_page(request, form)


def _ask(request: HttpRequest, form: SignUpForm) -> SignUp | None:
    """None when it was refused; the form then says why, and nothing was written."""
    now, language = timezone.now(), get_language() or settings.LANGUAGE_CODE
    terms = documents.current("terms", today=timezone.localdate())
    try:
        with transaction.atomic():
            return verbs.ask(form.answers(), terms=terms, terms_language=language, own=form.own, now=now)
    except names.BadName as error:
        form.add_error("subdomain", str(error))
    except CannotSignUp as error:
        form.add_error(None if isinstance(error, TooManyMails) else "email", str(error))
    return None


def _own(request: HttpRequest) -> SignUp | None:
    asked = request.session.get(OWN)
    return SignUp.objects.filter(pk=asked, confirmed_at=None).first() if asked else None


def _initial(own: SignUp | None) -> dict[str, Any]:
    if own is None:
        return {"language": get_language()}
    return {field: getattr(own, field) for field in verbs.Answers.__slots__}


def _form_page(request: HttpRequest, form: SignUpForm) -> HttpResponse:
    shown = {
        "form": form,
        "website": host_url(""),
        "suggested": request.POST.get("suggested", ""),
        "prices": prices.listed(),
        "trial_days": prices.TRIAL_DAYS,
        **_ending(),
    }
    return render(request, "tenants/sign_up/form.html", shown)


def _ending() -> dict[str, str]:
    """What stands behind a workspace's name in its address."""
    return {"ending": host_url("x").partition("://x")[2]}


@require_POST
@public
def name(request: HttpRequest) -> HttpResponse:
    """For htmx: whether a name is free; after the company was typed, a name made from it. Writes nothing."""
    own, typed, suggested = (
        _own(request),
        request.POST.get("subdomain", ""),
        request.POST.get("suggested", ""),
    )
    made_for = request.headers.get("HX-Trigger-Name")
    taken_up = request.POST.get("take", "")
    has_own_name = typed and typed != suggested
    if taken_up or (made_for == "company" and not has_own_name):
        proposal = taken_up or suggestion(request.POST.get("company", ""), own=own)
        form = SignUpForm(initial={"subdomain": proposal})
        shown = {"form": form, "suggested": proposal, **_status(proposal, own), **_ending()}
        return reswap(render(request, "tenants/sign_up/name.html", shown), "outerHTML")
    # The later of two questions takes the place of the earlier one, so the company's answers for the name too.
    answer = render(
        request, "tenants/sign_up/name_status.html", _status(typed, own, request.POST.get("company", ""))
    )
    return retarget(answer, "#name-status")


def _status(label: str, own: SignUp | None, company: str = "") -> dict[str, Any]:
    """What stands below the field: that the name is free, or why it isn't and what would be."""
    if not label.strip():
        return {"status": ""}
    try:
        return {"status": "free", "address": host_url(checked(label, own=own))}
    except ValidationError as error:
        other = suggestion(label if names.suggest(label) else company, own=own)
        return {"status": "refused", "reason": error.messages[0], "other": other}


@public
def sent(request: HttpRequest) -> HttpResponse:
    """Check your mail; by POST the mail is sent once more."""
    own = _own(request)
    if own is None:
        return redirect("app:sign-up")
    shown: dict[str, Any] = {"sign_up": own, "address": host_url(own.subdomain), "mails": _mails_url()}
    if request.method == "POST":
        try:
            verbs.mail_confirmation(own, now=timezone.now())
        except CannotSignUp as error:
            shown["refused"] = str(error)
        else:
            shown["again"] = True
    return render(request, "tenants/sign_up/sent.html", shown, status=429 if "refused" in shown else 200)


def _mails_url() -> str:
    """In development mails are shown instead of sent."""
    return "" if settings.SMOALL_IS_PRODUCTION else reverse("mail:list")


# --- the mailed link ------------------------------------------------------------------------------


@public
def opening(request: HttpRequest, token: str) -> HttpResponse:
    """Wherever this sign-up stands. Opening the page changes nothing; its button has the workspace made."""
    found = _read(token, lock=request.method == "POST")
    if found is None:
        return _void(request)
    if request.method == "POST":
        return _confirm(request, found, token)
    stage = found.stage()
    if stage in (Stage.READY, Stage.ENTERED):
        return _to_door(found)
    if stage == Stage.ASKED and found.sign_up and found.sign_up.expires_at <= timezone.now():
        return _void(request)
    return _page_of(request, found, stage, token)


def _page_of(request: HttpRequest, found: Opening, stage: Stage, token: str) -> HttpResponse:
    shown: dict[str, Any] = {
        "token": token,
        "opening": found,
        "sign_up": found.sign_up,
        "website": host_url(""),
    }
    if found.sign_up:
        shown |= {
            "address": host_url(found.sign_up.subdomain),
            "vat": format_vat(found.sign_up.vat_number),
            "country": places.country_name(found.sign_up.country),
        }
    if stage == Stage.RENAMING and found.sign_up:
        proposal = suggestion(found.sign_up.company, own=found.sign_up)
        form = NameForm(own=found.sign_up, initial={"subdomain": proposal})
        return render(request, "tenants/sign_up/rename.html", {**shown, "form": form, **_ending()})
    if stage == Stage.TERMS:
        return render(request, "tenants/sign_up/terms.html", {**shown, "form": TermsForm()})
    if stage == Stage.ASKED:
        return render(request, "tenants/sign_up/confirm.html", shown)
    return render(request, "tenants/sign_up/preparing.html", {**shown, **_progress(found, stage, token)})


def _confirm(request: HttpRequest, found: Opening, token: str) -> HttpResponse:
    if found.sign_up:
        try:
            with scope.acting(verbs.DOOR):
                verbs.confirm(found.sign_up, now=timezone.now())
        except names.BadName:
            pass  # the page offers another name
        except CannotSignUp:
            return _void(request)
        request.session.pop(OWN, None)
    return redirect("app:opening", token)


@require_safe
@public
def progress(request: HttpRequest, token: str) -> HttpResponse:
    """For htmx, every second while the workspace is being made; then sends the browser to its door."""
    found = _read(token)
    stage = found.stage() if found else None
    if found is None or stage not in (Stage.PREPARING, Stage.STUCK):
        return HttpResponseClientRedirect(reverse("app:opening", args=[token]))
    return render(request, "kit/components/progress.html", _progress(found, stage, token))


def _progress(found: Opening, stage: Stage, token: str) -> dict[str, Any]:
    """What the progress component shows."""
    saga, step = found.saga, ""
    if saga:
        step = said(saga.doing) if saga.doing else _("Waiting for its turn")
    if found.is_slow(timezone.now()):
        step = _(
            "This takes longer than usual. You may close this page: a mail comes when the workspace is ready."
        )
    failed = (
        _(
            "Something went wrong on our side. Nothing is lost: we are looking at it, "
            "and a mail comes when the workspace is ready."
        )
        if stage == Stage.STUCK
        else ""
    )
    return {
        "label": _("Your workspace is being made"), "percent": saga.progress if saga else 0, "step": step,
        "url": reverse("app:progress", args=[token]), "failed": failed, "id": "opening",
    }  # fmt: skip


@require_POST
@public
def rename(request: HttpRequest, token: str) -> HttpResponse:
    """Another name for a workspace whose name was taken meanwhile."""
    found = _read(token, lock=True)
    if found is None:
        return _void(request)
    if found.sign_up is None or is_free(found.sign_up):
        return redirect("app:opening", token)
    form = NameForm(request.POST, own=found.sign_up)
    if form.is_valid():
        try:
            verbs.rename(found.sign_up, form.cleaned_data["subdomain"], now=timezone.now())
            return redirect("app:opening", token)
        except names.BadName as error:
            form.add_error("subdomain", str(error))
    shown = {"form": form, "token": token, "sign_up": found.sign_up, **_ending()}
    return render(request, "tenants/sign_up/rename.html", shown)


@require_POST
@public
def terms(request: HttpRequest, token: str) -> HttpResponse:
    """The terms, accepted before the first entry into a workspace that an operator made."""
    found = _read(token)
    if found is None:
        return _void(request)
    form = TermsForm(request.POST)
    if found.tenant and found.owner and found.stage() == Stage.TERMS:
        if not form.is_valid():
            shown = {"form": form, "token": token, "opening": found, "website": host_url("")}
            return render(request, "tenants/sign_up/terms.html", shown)
        current = documents.current("terms", today=timezone.localdate())
        with scope.acting(found.owner.as_actor()):
            verbs.accept_terms(found.tenant, current, language=get_language() or "fr", now=timezone.now())
    return redirect("app:opening", token)


def _read(token: str, *, lock: bool = False) -> Opening | None:
    try:
        return read(token, lock=lock)
    except tokens.BadToken:
        return None


def _to_door(found: Opening) -> HttpResponse:
    assert found.tenant and found.owner
    return HttpResponseRedirect(door(found.tenant, found.owner))


def _void(request: HttpRequest) -> HttpResponse:
    return render(request, "tenants/sign_up/void.html", status=410)


# --- finding one's workspaces ---------------------------------------------------------------------


@public
def find(request: HttpRequest) -> HttpResponse:
    """The same answer whatever is known about an address; the list goes to the address itself."""
    form = FindForm(request.POST or None)
    if not form.is_valid():
        return render(request, "tenants/app/find.html", {"form": form})
    email = form.cleaned_data["email"]
    try:
        with scope.acting(verbs.DOOR):
            verbs.search(email, language=get_language() or settings.LANGUAGE_CODE, now=timezone.now())
    except TooManyMails as error:
        form.add_error(None, str(error))
        return render(request, "tenants/app/find.html", {"form": form}, status=429)
    return render(request, "tenants/app/find_sent.html", {"email": email, "mails": _mails_url()})
