"""Signing in and out, links from mails, and what everybody may change about themselves.

The same pages on app., ops. and workspaces: who may enter is the realm's matter (models.kind_here).
"""

import json
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from shared_apps import mail
from shared_apps.accounts import mails
from shared_apps.accounts import mine as holdings
from shared_apps.accounts import sessions as store
from shared_apps.accounts.access import person_of, public, signed_in
from shared_apps.accounts.forms import (
    ConditionalForm,
    EmailForm,
    EnterForm,
    ForgotForm,
    MeForm,
    PasswordForm,
    SignInForm,
)
from shared_apps.accounts.models import (
    LINK_AGE,
    CannotChange,
    Cause,
    Purpose,
    SignIn,
    Throttle,
    User,
    has_second_factor,
    kind_here,
)
from shared_apps.kit import cookies, scope, tokens
from shared_apps.mail import BadRecipient
from shared_apps.mail.models import Message

DOOR = scope.Actor("system", "accounts", "Smoall")  # who acts before anybody is known
ROWS = 50
SHOWN = 10


def back_url(request: HttpRequest) -> str:
    """The path in `next`, when it stays on this host; else "/"."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    is_ours = wanted.startswith("/") and len(wanted) <= 2000 and url_has_allowed_host_and_scheme(wanted, None)
    return wanted if is_ours else "/"


@sensitive_post_parameters("password")
@public(when_suspended=True)
def sign_in(request: HttpRequest) -> HttpResponse:
    """E-mail and password. Every failure reads the same; too many for one account are answered by 429."""
    if request.user.is_authenticated:
        return redirect(back_url(request))
    now = timezone.now()
    form = SignInForm(request.POST or None, request=request, now=now)
    with scope.acting(DOOR):
        if form.is_valid() and form.person:
            return let_in(request, form.person, back_url(request), now=now)
    answer = render(request, "accounts/sign_in.html", {"form": form, "next": back_url(request)})
    if form.closed_until:
        answer.status_code = 429
        answer.headers["Retry-After"] = str(int((form.closed_until - now).total_seconds()) + 1)
    return answer


def let_in(request: HttpRequest, person: User, back: str, *, now: datetime) -> HttpResponse:
    """Whose password was right: signed in, or on the way to the page that asks for their second factor."""
    if not has_second_factor(person):
        store.begin(request, person, now=now)
        return redirect(back)
    store.await_second(request, person, now=now)
    return redirect(reverse("accounts:second") + (f"?{urlencode({'next': back})}" if back != "/" else ""))


@require_POST
@public(when_suspended=True)
def sign_out(request: HttpRequest) -> HttpResponse:
    store.end(request, Cause.SIGNED_OUT, now=timezone.now())
    answer = redirect("accounts:sign-in")
    answer.headers["Clear-Site-Data"] = '"cache"'  # also what the browser keeps to go back to
    return answer


@public(when_suspended=True)
def forgot(request: HttpRequest) -> HttpResponse:
    """Mails a link. The answer is the same whether the account is known or not, and so is the work."""
    form = ForgotForm(request.POST or None)
    if not form.is_valid():
        return render(request, "accounts/forgot.html", {"form": form})
    now, email = timezone.now(), form.cleaned_data["email"]
    with scope.acting(DOOR):
        throttle = Throttle.of(email, purpose="forgot", now=now)
        if not throttle.is_closed(now):
            throttle.count(now, longest=LINK_AGE[Purpose.RESET])  # so long the last link works
            _mail_link(request, email)
    return render(request, "accounts/forgot_sent.html", {"email": email})


def _mail_link(request: HttpRequest, email: str) -> None:
    """To whoever may enter here; for anybody else the same is done and undone."""
    person = User.objects.by_email(email)
    is_wanted = person is not None and person.is_active and person.kind == kind_here()
    if person is None or not is_wanted:
        person = User(email=email, name=email[:200], kind=kind_here(), entered_at=timezone.now())
        person.set_unusable_password()
    with transaction.atomic():
        try:
            (mails.reset if person.entered_at else mails.invitation)(person, request=request)
        except BadRecipient:
            if is_wanted:
                raise
        if not is_wanted:
            transaction.set_rollback(True)


@sensitive_post_parameters("password")
@public(when_suspended=True)
def reset(request: HttpRequest, token: str) -> HttpResponse:
    """A new password, by a link that works once. Opening the page changes nothing."""
    person = _person_of(request, Purpose.RESET, token)
    if person is None:
        return _void(request)
    form = ConditionalForm(request.POST or None, person=person)
    if not form.is_valid():
        return render(request, "accounts/reset.html", {"form": form, "holder": person})
    now = timezone.now()
    with scope.acting(person.as_actor()):
        form.accept(language=_language(), now=now)
        person.change_password(form.cleaned_data["password"], now=now)
        Throttle.of(person.email, purpose="sign-in", now=now).clear()
    store.end(request, Cause.SIGNED_OUT, now=now)
    messages.success(request, _("Your new password is set. Sign in with it."))
    return redirect("accounts:sign-in")


@sensitive_post_parameters("password")
@public(when_suspended=True)
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """First entry into a new workspace: name and password, then signed in. The link works once."""
    return _enter(request, Purpose.ENTER, token)


@sensitive_post_parameters("password")
@public
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """As `enter`, by the link of an invitation."""
    return _enter(request, Purpose.INVITATION, token)


def _enter(request: HttpRequest, purpose: Purpose, token: str) -> HttpResponse:
    person = _person_of(request, purpose, token)
    if person is None:
        return _void(request)
    form = EnterForm(request.POST or None, person=person, initial={"name": person.name})
    if not form.is_valid():
        return render(
            request, "accounts/enter.html", {"form": form, "holder": person, "purpose": purpose.value}
        )
    now = timezone.now()
    with scope.acting(person.as_actor()):
        form.accept(language=_language(), now=now)
        person.name = form.cleaned_data["name"]
        person.save(update_fields=["name"])
        person.change_password(form.cleaned_data["password"], now=now)
        return let_in(request, person, "/", now=now)


def _language() -> str:
    return get_language() or settings.LANGUAGE_CODE


def _person_of(request: HttpRequest, purpose: Purpose, token: str) -> User | None:
    """Whose link it is, locked when it is about to be used; None for a link that opens nothing here."""
    try:
        return User.of_link(purpose, token, lock=request.method == "POST")
    except tokens.BadToken:
        return None


def _void(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/link_void.html", status=404)


@require_safe
@public
def language(request: HttpRequest, code: str) -> HttpResponse:
    """Remember a language in the one cookie that holds nothing else (P09); no row is written."""
    if code not in dict(settings.LANGUAGES):
        raise Http404
    answer = HttpResponseRedirect(back_url(request))
    cookies.LANGUAGE.set(answer, code)
    return answer


@signed_in
def me(request: HttpRequest) -> HttpResponse:
    """Name, language, and whether general information is wanted."""
    person = User.objects.get(id=person_of(request).id)
    wants = not mail.is_refused("information", to=person.email)
    form = MeForm(request.POST or None, instance=person, initial={"information": wants})
    if form.is_valid():
        form.save()
        if form.cleaned_data["information"]:
            mail.accept("information", to=person.email)
        else:
            mail.refuse("information", to=person.email, now=timezone.now())
        messages.success(request, _("Your details are saved."))
        return redirect("accounts:me")
    return render(request, "accounts/me.html", {"form": form})


@require_safe
@signed_in
def mine(request: HttpRequest) -> HttpResponse:
    """What is held about whoever is signed in: each field, where it is changed or why not, and everything else by number."""
    person = User.objects.get(id=person_of(request).id)
    context = {
        "fields": holdings.fields(person),
        "held": holdings.everything(person),
        "named": list(holdings.named_in(person)),
        "sign_ins": person.sign_ins.all()[:SHOWN],
        "mails": Message.objects.filter(to_address__iexact=person.email)[:SHOWN],
    }
    return render(request, "accounts/mine.html", context)


@require_safe
@signed_in
def mine_download(request: HttpRequest) -> HttpResponse:
    """The same as JSON, with every sign-in and every mail."""
    person = User.objects.get(id=person_of(request).id)
    said = {
        "me": {field.name: field.value for field in holdings.fields(person)},
        "holdings": [
            {"what": one.holding.what, "called": one.called, "why": str(one.holding.why),
             "kept": str(one.holding.kept), "rows": one.rows}
            for one in holdings.everything(person)
        ],
        "named_in": dict(holdings.named_in(person)),
        "sign_ins": list(person.sign_ins.values("device", "signed_in_at", "signed_out_at", "cause")),
        "mails": list(
            Message.objects.filter(to_address__iexact=person.email).values("purpose", "subject", "state", "created_at")
        ),
        "refuses_general_information": mail.is_refused("information", to=person.email),
    }  # fmt: skip
    body = json.dumps(said, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
    headers = {"Content-Disposition": 'attachment; filename="smoall-about-me.json"'}
    return HttpResponse(body, content_type="application/json", headers=headers)


@sensitive_post_parameters("current", "code")
@signed_in
def new_email(request: HttpRequest) -> HttpResponse:
    """Another address to sign in with: it counts once its own mailbox has answered."""
    person, now = User.objects.get(id=person_of(request).id), timezone.now()
    form = EmailForm(request.POST or None, person=person, now=now, request=request)
    if not form.is_valid():
        status = 429 if form.closed_until else 200
        return render(request, "accounts/new_email.html", {"form": form}, status=status)
    if not Throttle.may_mail(form.cleaned_data["email"], purpose="email", now=now):
        form.add_error("email", _("Five mails went to this address within a day. Try again tomorrow."))
        return render(request, "accounts/new_email.html", {"form": form}, status=429)
    mails.new_address(person, form.cleaned_data["email"], request=request)
    messages.success(request, _("A mail is on its way to the new address. Its link makes the change."))
    return redirect("accounts:me")


@signed_in
def email(request: HttpRequest, token: str) -> HttpResponse:
    """The link in that mail: a page with a button, for whoever asked alone. The old address is told.

    A mistyped address is somebody else's mailbox: its link proves the mailbox, and not who opens it.
    """
    person = _person_of(request, Purpose.EMAIL, token)
    if person is None or person.pk != person_of(request).pk:
        return _void(request)
    wanted = person.link_word
    if request.method != "POST":
        return render(request, "accounts/email.html", {"holder": person, "wanted": wanted})
    try:
        with scope.acting(person.as_actor()):
            old = person.change_email(wanted)
            mails.address_changed(person, old, request=request)
    except CannotChange as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("From now on you sign in with the new address."))
    return redirect("accounts:me")


@sensitive_post_parameters("current", "password", "code")
@signed_in(when_suspended=True)
def password(request: HttpRequest) -> HttpResponse:
    """A new password; every other session of this person ends."""
    person, now = person_of(request), timezone.now()
    form = PasswordForm(request.POST or None, person=person, now=now, request=request)
    if not form.is_valid():
        return render(
            request, "accounts/password.html", {"form": form}, status=429 if form.closed_until else 200
        )
    person.change_password(form.cleaned_data["password"], now=now, keep=store.store_of(request).hash)
    update_session_auth_hash(request, person)
    messages.success(request, _("Your password is changed. Every other session was ended."))
    return redirect("accounts:me")


@require_safe
@signed_in
def sessions(request: HttpRequest) -> HttpResponse:
    """Open sessions, and the ledger of every sign-in."""
    ledger = person_of(request).sign_ins.all()
    context = {
        "open": [(row, reverse("accounts:revoke", args=[row.id])) for row in ledger.open()],
        "page": Paginator(ledger, ROWS).get_page(request.GET.get("page")),
        "here": store.store_of(request).hash,
    }
    return render(request, "accounts/sessions.html", context)


@require_POST
@signed_in(when_suspended=True)
def revoke(request: HttpRequest, id: UUID) -> HttpResponse:
    """End one of one's own sessions; another's is not found."""
    sign_in = get_object_or_404(person_of(request).sign_ins, id=id)
    return end_session(request, sign_in) or redirect("accounts:sessions")


def end_session(request: HttpRequest, sign_in: SignIn) -> HttpResponse | None:
    """Revoke a session; when it is the one in use, the way to the sign-in page. Raises CannotChange."""
    now, by = timezone.now(), person_of(request)
    if sign_in.session_hash == store.store_of(request).hash:
        store.end(request, Cause.REVOKED, now=now)
        return redirect("accounts:sign-in")
    sign_in.user.revoke(sign_in, by=by, now=now)
    messages.success(request, _("The session is ended."))
    return None


@require_POST
@signed_in(when_suspended=True)
def revoke_others(request: HttpRequest) -> HttpResponse:
    """End every session but this one."""
    others = person_of(request).sign_ins.exclude(session_hash=store.store_of(request).hash)
    others.close(Cause.REVOKED, now=timezone.now())
    messages.success(request, _("Every other session is ended."))
    return redirect("accounts:sessions")
