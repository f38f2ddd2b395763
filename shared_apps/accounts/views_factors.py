"""The second factor's pages: the one after the password, and those on which everybody manages their own."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from uuid import UUID

import segno
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts import mails, passkeys
from shared_apps.accounts import sessions as store
from shared_apps.accounts.access import person_of, public, signed_in
from shared_apps.accounts.forms import AppForm, CodeForm, PasskeyForm, PasskeyNameForm, ProofForm
from shared_apps.accounts.models import (
    REQUIRED,
    CannotChange,
    Cause,
    Passkey,
    RecoveryCodes,
    Totp,
    User,
    factor,
    has_second_factor,
)
from shared_apps.accounts.views import back_url
from shared_apps.kit import scope, sealing

View = Callable[..., HttpResponse]
SHOWN = "app_secret"  # in the session, sealed: what the picture on the page says
PROOF_LASTS = timedelta(minutes=10)


@sensitive_post_parameters("code")
@public(when_suspended=True)
def second(request: HttpRequest) -> HttpResponse:
    """After the password: a code of the app, a passkey, or a recovery code."""
    now, back = timezone.now(), back_url(request)
    person = store.awaited(request, now=now)
    if request.user.is_authenticated or person is None:
        return redirect(back if request.user.is_authenticated else "accounts:sign-in")
    form = CodeForm(request.POST or None, person=person, now=now, request=request)
    with scope.acting(person.as_actor()):
        before = _codes_left(person)
        if form.is_valid():
            store.begin(request, person, now=now, by_second=True)
            _warn_of_codes(request, before, _codes_left(person))
            return redirect(back)
        status = 429 if form.closed_until else 200
        context = {"form": form, "holder": person, "next": back}
        return render(request, "accounts/second.html", context, status=status)


def _codes_left(person: User) -> int | None:
    found = RecoveryCodes.objects.filter(user=person).values_list("left", flat=True).first()
    return found


def _warn_of_codes(request: HttpRequest, before: int | None, left: int | None) -> None:
    if left is not None and left != before:
        said = ngettext(
            "You used a recovery code: %(left)s is left. Set up your app or passkey again if you lost it.",
            "You used a recovery code: %(left)s are left. Set up your app or passkey again if you lost it.",
            left,
        )
        messages.warning(request, said % {"left": left})


def recently_proved(view: View) -> View:
    """Only within ten minutes of the sign-in, or of the page that asks again who it is; that page comes first."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        age = timezone.now().timestamp() - request.session.get(store.PROVED, 0.0)
        if not 0 <= age < PROOF_LASTS.total_seconds():
            back = request.path if request.method == "GET" else reverse("accounts:factors")
            return redirect(f"{reverse('accounts:prove')}?{urlencode({'next': back})}")
        return view(request, *args, **kwargs)

    return wrapped


@sensitive_post_parameters("current", "code")
@signed_in(when_suspended=True)
def prove(request: HttpRequest) -> HttpResponse:
    """Password and second factor again, before a second factor changes."""
    now, person = timezone.now(), person_of(request)
    form = ProofForm(request.POST or None, person=person, now=now, request=request)
    if form.is_valid():
        request.session[store.PROVED] = now.timestamp()
        return redirect(back_url(request))
    status = 429 if form.closed_until else 200
    return render(request, "accounts/prove.html", {"form": form, "next": back_url(request)}, status=status)


@require_safe
@signed_in(when_suspended=True)
def factors(request: HttpRequest) -> HttpResponse:
    """What somebody has, and what is missing."""
    person = person_of(request)
    app, keys = Totp.objects.filter(user=person).first(), list(Passkey.objects.filter(user=person))
    context = {
        "app": app,
        "passkeys": keys,
        "codes": RecoveryCodes.objects.filter(user=person).first(),
        "has_second": bool(app or keys),
        "is_required": person.kind in REQUIRED,
        "may_remove": person.kind not in REQUIRED or len(keys) + bool(app) > 1,
    }
    return render(request, "accounts/factors.html", context)


@sensitive_post_parameters("code")
@signed_in(when_suspended=True)
@recently_proved
def app(request: HttpRequest) -> HttpResponse:
    """A secret to scan or type, and the first code as the proof that it arrived."""
    person, now = person_of(request), timezone.now()
    if Totp.objects.filter(user=person).exists():
        return redirect("accounts:factors")
    secret = _shown_secret(request, person)
    form = AppForm(request.POST or None)
    if form.is_valid():
        is_first = not has_second_factor(person)
        try:
            Totp.set_up(person, secret, form.cleaned_data["code"], now=now)
        except CannotChange as error:
            form.add_error("code", str(error))
        else:
            request.session.pop(SHOWN, None)
            return _added(request, person, is_first=is_first)
    issuer = " ".join(
        filter(None, ("Smoall", getattr(request, "workspace_name", "") or request.get_host().split(".")[0]))
    )
    uri = factor.uri(secret, issuer=issuer, account=person.email)
    context = {"form": form, "picture": _picture(uri), "secret": factor.as_words(secret), "uri": uri}
    return render(request, "accounts/app.html", context)


def _shown_secret(request: HttpRequest, person: User) -> bytes:
    """The same one until it is set up, so that a mistyped code costs no second scan."""
    purpose = f"accounts.totp.shown:{person.pk}"
    if kept := request.session.get(SHOWN):
        try:
            return sealing.unseal(kept, purpose=purpose)
        except sealing.BadSeal:
            pass
    secret = factor.new_secret()
    request.session[SHOWN] = sealing.seal(secret, purpose=purpose)
    return secret


def _picture(uri: str) -> SafeString:
    """Black on white in both themes: cameras expect it."""
    drawn = segno.make(uri, error="m", micro=False)
    return mark_safe(
        drawn.svg_inline(scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None)
    )


def _added(request: HttpRequest, person: User, *, is_first: bool) -> HttpResponse:
    """One more factor. With the first one every other session ends, and the recovery codes are shown."""
    now = timezone.now()
    request.session[store.BY_SECOND] = True
    mails.factor_changed(person, request=request, at=now)
    if not is_first:
        messages.success(request, _("Your second factor is set up."))
        return redirect("accounts:factors")
    person.sign_ins.exclude(session_hash=store.store_of(request).hash).close(Cause.REVOKED, now=now)
    return _show_codes(request, person, is_first=True)


def _show_codes(request: HttpRequest, person: User, *, is_first: bool) -> HttpResponse:
    """In this answer alone: they are kept nowhere."""
    made = RecoveryCodes.renew(person, now=timezone.now())
    answer = render(request, "accounts/codes.html", {"made": made, "is_first": is_first})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_POST
@signed_in(when_suspended=True)
@recently_proved
def remove_app(request: HttpRequest) -> HttpResponse:
    return _remove(request, get_object_or_404(Totp, user=person_of(request)))


@require_POST
@signed_in(when_suspended=True)
@recently_proved
def remove_passkey(request: HttpRequest, id: UUID) -> HttpResponse:
    return _remove(request, get_object_or_404(Passkey, user=person_of(request), pk=id))


def _remove(request: HttpRequest, one: Totp | Passkey) -> HttpResponse:
    person = person_of(request)
    try:
        factor.remove(one, person=person)
    except CannotChange as error:
        messages.error(request, str(error))
        return redirect("accounts:factors")
    mails.factor_changed(person, request=request, at=timezone.now())
    messages.success(request, _("It is removed, and opens nothing any more."))
    return redirect("accounts:factors")


@require_POST
@signed_in(when_suspended=True)
@recently_proved
def codes(request: HttpRequest) -> HttpResponse:
    """Ten new recovery codes; the ones before are void."""
    person = person_of(request)
    if not has_second_factor(person):
        return redirect("accounts:factors")
    mails.factor_changed(person, request=request, at=timezone.now())
    return _show_codes(request, person, is_first=False)


@signed_in(when_suspended=True)
@recently_proved
def add_passkey(request: HttpRequest) -> HttpResponse:
    """The browser makes the key, the page sends its public half."""
    person, now = person_of(request), timezone.now()
    form = PasskeyForm(request.POST or None)
    if form.is_valid():
        is_first = not has_second_factor(person)
        try:
            said = form.cleaned_data
            passkeys.add(request, person, said["credential"], name=said["name"], now=now)
        except CannotChange as error:
            form.add_error(None, str(error))
        else:
            return _added(request, person, is_first=is_first)
    context = {"form": form, "options": passkeys.creation_options(request, person)}
    return render(request, "accounts/add_passkey.html", context)


@require_POST
@signed_in(when_suspended=True)
def rename_passkey(request: HttpRequest, id: UUID) -> HttpResponse:
    key = get_object_or_404(Passkey, user=person_of(request), pk=id)
    form = PasskeyNameForm(request.POST, instance=key)
    if form.is_valid():
        key.rename(form.cleaned_data["name"])
    else:
        messages.error(request, _("Give the passkey a name of sixty characters at most."))
    return redirect("accounts:factors")
