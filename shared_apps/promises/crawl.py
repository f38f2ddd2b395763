"""What a stranger gets from the web process, over HTTP: every page of the website in every language, and the doors.

Nothing is sent but a language, and at one address the choice of one. No page here writes a row for a visitor.
"""

import http.client
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.urls import reverse

from shared_apps.kit.languages import of_website as languages_of_website
from shared_apps.website import site

SECONDS = 10
MOST_BYTES = 2_000_000
FILES = (
    "/robots.txt",
    "/sitemap.xml",
    "/.well-known/security.txt",
    "/.well-known/smoall-keys.json",
    "/promises.json",
)
DOORS = {"app": ("/", "/sign-in/", "/sign-up/", "/find/"), "ops": ("/sign-in/",)}


@dataclass(frozen=True, slots=True)
class Answer:
    host: Literal["website", "application"]
    path: str
    language: str
    status: int
    headers: dict[str, str] = field(repr=False)  # names in lower case; without Set-Cookie
    cookies: tuple[str, ...] = ()  # each Set-Cookie as it came
    body: str = field(default="", repr=False)
    is_choice: bool = False  # of a language: the one answer of the website that may set a cookie
    is_plain: bool = False  # asked for as if it had come without https

    @property
    def is_page(self) -> bool:
        return "html" in self.headers.get("content-type", "")


def everything(workspaces: Iterable[str]) -> list[Answer]:
    """Empty when the web process can't be reached."""
    with suppress(OSError, http.client.HTTPException):
        return list(_ask(workspaces))
    return []


def _ask(workspaces: Iterable[str]) -> Iterator[Answer]:
    urls = "config.urls_website"
    pages = [site.address(each.name) for each in site.PAGES]
    first, *_others = languages = list(languages_of_website())
    for language in languages:
        for path in pages:
            yield get("", path, language)
    for path in FILES:
        yield get("", path, first)
    choice = urlencode({"language": first, "next": "/"})
    yield get("", reverse("website:language", urlconf=urls), first, body=choice)
    for label, doors in [*DOORS.items(), *((name, ("/", "/sign-in/")) for name in workspaces)]:
        for path in doors:
            yield get(label, path, first)
    for label in ("", "app", "ops"):
        yield get(label, "/", first, is_plain=True)


def get(label: str, path: str, language: str, *, body: str = "", is_plain: bool = False) -> Answer:
    """One answer; no redirect is followed. Raises OSError, HTTPException."""
    place = urlsplit(settings.SMOALL_WEB)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=SECONDS)
    headers = {
        "Host": f"{label}.{settings.SMOALL_DOMAIN}" if label else settings.SMOALL_DOMAIN,
        "Accept-Language": language,
        "X-Forwarded-Proto": "http"
        if is_plain
        else "https",  # the proxy in front says so of what came by https
        "User-Agent": "smoall-promises",
    }
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request("POST" if body else "GET", path, body=body or None, headers=headers)
        answer = connection.getresponse()
        text = answer.read(MOST_BYTES).decode("utf-8", "replace")
        sent: Sequence[tuple[str, str]] = answer.getheaders()
    finally:
        connection.close()
    return Answer(
        "application" if label else "website",
        path,
        language,
        answer.status,
        {name.lower(): value for name, value in sent if name.lower() != "set-cookie"},
        tuple(value for name, value in sent if name.lower() == "set-cookie"),
        text,
        is_choice=bool(body),
        is_plain=is_plain,
    )
