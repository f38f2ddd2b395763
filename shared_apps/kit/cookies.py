"""The register of cookies: the only ones that Smoall sets, shown on the website and enforced on every answer (P08–P10).

Whoever adds, drops or changes a cookie adds a version of the register, or a check fails. What stands in a cookie
is the business of whoever sets it.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from http.cookies import Morsel
from typing import Any, Literal

from django.conf import settings
from django.core import checks
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from shared_apps.kit import hosts

DAY = 24 * 3600
SAME_SITE: Literal["Lax"] = "Lax"
logger = logging.getLogger("smoall.cookies")


class UnlawfulCookie(RuntimeError):
    """An answer sets a cookie that the register doesn't name, or not as it says; the message names it."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """One line of the register. Always for one host alone, over https, unreadable for scripts."""

    name: str
    purposes: Mapping[hosts.Kind, Any]  # where it is set, and what for there: lazily translated
    lifetime: int  # seconds, at most
    since: int  # the version of the register that brought it
    until: int | None = None  # the version that dropped it

    def set(self, response: HttpResponse, value: str) -> None:
        """Set it as it is registered, for its whole lifetime."""
        response.set_cookie(
            self.name, value, max_age=self.lifetime, secure=True, httponly=True, samesite=SAME_SITE
        )

    def faults(self, morsel: "Morsel[str]") -> list[str]:
        """What about a cookie of this name is not as registered. One that is being taken back may leave out what protects
        a value.
        """
        age = str(morsel["max-age"])
        is_end = age == "0"
        wrong = {
            "Secure": not morsel["secure"],
            "HttpOnly": not morsel["httponly"] and not is_end,
            "SameSite": str(morsel["samesite"]).title() not in (SAME_SITE, "Strict"),
            "Domain": bool(morsel["domain"]),
            "Path": morsel["path"] != "/",
            "lifetime": int(age) > self.lifetime if age.isdigit() else bool(age or morsel["expires"]),
        }
        return [name for name, is_wrong in wrong.items() if is_wrong]

    def mend(self, morsel: "Morsel[str]") -> None:
        """Bring it in line with the register."""
        morsel.update({"secure": True, "httponly": True, "samesite": SAME_SITE, "domain": "", "path": "/"})  # type: ignore[arg-type]
        if "lifetime" in self.faults(morsel):
            morsel.update({"max-age": self.lifetime, "expires": ""})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Version:
    """`digest`: of what it registers, written down when it was published, so that nothing changes in silence."""

    number: int
    published_on: date
    changes: Any  # lazily translated: what is new, for people
    digest: str


LANGUAGE = Cookie(
    settings.LANGUAGE_COOKIE_NAME,
    {
        "website": _("Remembers the language that you chose. It is set only when you choose one."),
        "application": _(
            "Remembers the language that you chose before signing in. It is set only when you choose one."
        ),
    },
    lifetime=365 * DAY,
    since=1,
)
SESSION = Cookie(
    settings.SESSION_COOKIE_NAME,
    {
        "application": _(
            "Keeps you signed in and your forms safe. It is a random number that says nothing about you."
        )
    },
    lifetime=settings.SESSION_COOKIE_AGE,
    since=1,
)
COOKIES = (LANGUAGE, SESSION)
VERSIONS = (
    Version(
        1,
        date(2026, 11, 23),
        _("First version."),
        "9f98b958f8dfecb352f19a8987db9e29beaf6319573bccf08a2b3dd69ff8b825",
    ),
)


def registered(number: int | None = None, cookies: Sequence[Cookie] = COOKIES) -> list[Cookie]:
    """The cookies of a version of the register; of the last one when none is named."""
    number = VERSIONS[-1].number if number is None else number
    return [each for each in cookies if each.since <= number and (each.until is None or number < each.until)]


def digest(number: int, cookies: Sequence[Cookie] = COOKIES) -> str:
    """SHA-256 of what a version of the register allows: names, hosts and lifetimes."""
    facts = sorted((each.name, sorted(each.purposes), each.lifetime) for each in registered(number, cookies))
    return sha256(json.dumps(facts).encode()).hexdigest()


def altered(cookies: Sequence[Cookie] = COOKIES, versions: Sequence[Version] = VERSIONS) -> list[str]:
    """What was changed without a new version of the register: a sentence each."""
    last = versions[-1].number
    found = [
        f"Version {each.number} of the register of cookies was altered: add a version instead."
        for each in versions
        if digest(each.number, cookies) != each.digest
    ]
    found += [
        f"The cookie {each.name} belongs to a version of the register that there is none of."
        for each in cookies
        if max(each.since, each.until or 0) > last
    ]
    return found


def register_is_unaltered(**_: Any) -> list[checks.CheckMessage]:
    return [checks.Error(sentence, id="kit.E001") for sentence in altered()]


# --- enforced ---------------------------------------------------------------------------------------------


class CookiesMiddleware:
    """Outermost, on every host. In production an unregistered cookie is stripped and one with wrong attributes mended, and
    the log names it, never its value; elsewhere either raises UnlawfulCookie.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for sentence in enforce(response, hosts.kind_of(request)):
            if not settings.SMOALL_IS_PRODUCTION:
                raise UnlawfulCookie(sentence)
            logger.warning(sentence)
        return response


def enforce(response: HttpResponseBase, kind: hosts.Kind) -> list[str]:
    """Leave only what the register allows on this kind of host. What was wrong, a sentence each."""
    return [*_strip_raw(response), *_strip(response, kind)]


def _strip_raw(response: HttpResponseBase) -> Iterator[str]:
    """A header written by hand goes whatever it says: it passes by everything that is looked at here."""
    raw = response.headers.pop("Set-Cookie", None)
    if raw is not None:
        yield f"A cookie was set by a header of its own: {str(raw).partition('=')[0].strip()}"


def _strip(response: HttpResponseBase, kind: hosts.Kind) -> Iterator[str]:
    allowed = {each.name: each for each in registered() if kind in each.purposes}
    for name, morsel in list(response.cookies.items()):
        cookie = allowed.get(name)
        if cookie is None:
            del response.cookies[name]
            yield f"The register of cookies does not name this one on the {kind}: {name}"
        elif faults := cookie.faults(morsel):
            cookie.mend(morsel)
            yield f"The cookie {name} was not set as it is registered: {', '.join(faults)}"
