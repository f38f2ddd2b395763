"""What the frames of pages need from accounts: account menu, languages of a card, this host's frame."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shared_apps.accounts.models import User

FRAMES = {"tenant": "kit/workspace.html", "app": "kit/console.html", "ops": "kit/console.html"}


def page(request: HttpRequest) -> dict[str, Any]:
    """`frame`; `account_menu` for the signed in, `languages` for visitors. Empty on the website."""
    frame = FRAMES.get(getattr(request, "site", ""))
    if frame is None:
        return {}
    try:
        if isinstance(getattr(request, "user", None), User):
            if request.user.visiting:  # type: ignore[union-attr]
                return {"frame": frame, "account_menu": [], "visit_end_url": reverse("support:leave")}
            return {"frame": frame, "account_menu": _menu(request)}
        return {"frame": frame, "languages": _languages(request)}
    except NoReverseMatch:  # a page about the workspace itself, where accounts isn't mounted
        return {"frame": frame}


def _menu(request: HttpRequest) -> list[dict[str, Any]]:
    entries = (
        ("accounts:me", _("My account"), "user-circle"),
        ("accounts:sessions", _("My sessions"), "key"),
    )
    menu: list[dict[str, Any]] = [
        {"label": label, "url": reverse(name), "icon": icon, "active": request.path == reverse(name)}
        for name, label, icon in entries
    ]
    out = {
        "label": _("Sign out"),
        "url": reverse("accounts:sign-out"),
        "icon": "arrow-right-start-on-rectangle",
    }
    return [*menu, {**out, "post": True}]


def _languages(request: HttpRequest) -> list[dict[str, Any]]:
    back = request.get_full_path() if request.method == "GET" else request.path
    return [
        {
            "code": code,
            "label": label,
            "url": f"{reverse('accounts:language', args=[code])}?{urlencode({'next': back})}",
            "active": code == get_language(),
        }
        for code, label in settings.LANGUAGES
    ]
