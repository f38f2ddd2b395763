"""Which languages a host speaks, and which of them a request gets.

The application speaks settings.LANGUAGES, whose catalogues are complete. The website speaks settings.WEBSITE_LANGUAGES: of
the catalogues, what a visitor reads. There the path decides (/nl/security/), else the cookie, else the browser's wish.
"""

from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header


def of_website() -> dict[str, str]:
    """Code -> name in the language itself, in the order of the switch."""
    return dict(settings.WEBSITE_LANGUAGES)


def of_path(path: str) -> str:
    """The language that a path of the website begins with, "" for one that leaves it to the visitor."""
    first, slash, _rest = path.removeprefix("/").partition("/")
    return first if slash and first in of_website() else ""


def of_request(request: HttpRequest) -> str:
    """The language for whoever isn't signed in. A request that no host was found for counts as the website's."""
    if getattr(request, "site", "website") != "website":
        return translation.get_language_from_request(request)
    spoken = of_website()
    return of_path(request.path_info) or next(
        (code for code in _wishes(request) if code in spoken), settings.LANGUAGE_CODE
    )


def _wishes(request: HttpRequest) -> Iterator[str]:
    """The cookie's language, then the browser's, the most wanted first, without their countries."""
    yield request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    for wish, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        yield wish.partition("-")[0]
