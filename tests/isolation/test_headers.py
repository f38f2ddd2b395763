"""What every answer carries: every address of every host, asked by everybody (P08–P11). The addresses come from the resolver."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import Morsel
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.kit import cookies, headers, scope
from tenants import erasure
from tests.conftest import PASSWORD, TESTER
from tests.isolation import stage
from tests.isolation.addresses import URLCONFS, Address, addresses
from tests.isolation.conftest import APP, OPS
from tests.isolation.test_addresses import HOSTS, Stage, Visitor, path_of, played

__all__ = ["played"]
ASKED_BY = {
    "website": ("anonymous", "owner"),
    "app": ("anonymous", "linked"),
    "ops": ("anonymous", "operator"),
    "tenant": ("anonymous", "owner"),
}


@dataclass(frozen=True)
class Answer:
    """What left, of one request."""

    where: str
    site: str
    path: str
    status: int
    headers: dict[str, str]
    cookies: "dict[str, Morsel[str]]"

    @property
    def kind(self) -> Any:
        return "website" if self.site == "website" else "application"


crawled: list[Answer] = []


@pytest.fixture
def crawl(played: Stage) -> list[Answer]:
    """Made once, for all tests of this file: it is facts alone."""
    if not crawled:
        crawled.extend(_asked(played))
        crawled.extend(_signed_in(played))
        crawled.extend(_closed(played))
        crawled.extend(_elsewhere(played))
    return crawled


def _asked(played: Stage) -> Iterator[Answer]:
    """Each address by GET and by an empty POST, each undone."""
    for site, people in ASKED_BY.items():
        host = HOSTS.get(site, played.acme.host)
        for address in addresses(site):
            for fill in played.objects.fills(address):
                for who in people:
                    for method in ("get", "post"):
                        with stage.undone():
                            yield _ask(site, host, address, fill, played.visitors[who], method)


def _ask(
    site: str, host: str, address: Address, fill: dict[str, Any], visitor: Visitor, method: str
) -> Answer:
    path, body = path_of(address, fill), {"language": "nl"} if address.name == "website:language" else {}
    answer = getattr(visitor.on(host), method)(path, body)
    return _answer(f"{method} {address} by {visitor.who}", site, path, answer)


def _answer(where: str, site: str, path: str, answer: HttpResponse) -> Answer:
    if answer.streaming:
        b"".join(answer.streaming_content)  # type: ignore[arg-type]
    return Answer(
        where, site, path, answer.status_code, dict(answer.headers.items()), dict(answer.cookies.items())
    )


def _signed_in(played: Stage) -> Iterator[Answer]:
    """In and out again: where a session's cookie comes from and goes."""
    browser = Browser(HTTP_HOST=played.acme.host, headers={"user-agent": "Mozilla/5.0 Firefox/140.0"})
    body = {"email": played.acme.owner.email, "password": PASSWORD}
    yield _answer("signing in", "tenant", "/sign-in/", browser.post("/sign-in/", body))
    yield _answer("signing out", "tenant", "/sign-out/", browser.post("/sign-out/"))


def _closed(played: Stage) -> Iterator[Answer]:
    """A workspace that is being erased has addresses of its own."""
    with stage.undone():
        with scope.acting(TESTER):
            erasure.request(played.acme.id, now=timezone.now(), delay=timedelta(hours=12))
        for address in addresses("erasing"):
            for fill in played.objects.fills(address):
                for method in ("get", "post"):
                    with stage.undone():
                        visitor = played.visitors["anonymous"]
                        yield _ask("erasing", played.acme.host, address, fill, visitor, method)


def _elsewhere(played: Stage) -> Iterator[Answer]:
    """Hosts and paths that no URLconf names."""
    for host, site in (
        ("smoall.localhost", "website"), ("www.smoall.localhost", "website"), (APP, "app"), (OPS, "ops"),
        (played.acme.host, "tenant"), ("nobody-here.smoall.localhost", "tenant"), ("evil.test", "tenant"),
    ):  # fmt: skip
        for path in ("/nothing/", "/nothing", "/healthz", "/robots.txt"):
            browser = Browser(HTTP_HOST=host, raise_request_exception=False)
            yield _answer(f"get {path} on {host}", site, path, browser.get(path))


# --- what is wanted --------------------------------------------------------------------------------------


def faults(answer: Answer) -> list[str]:
    """Headers that one answer lacks."""
    wanted = {
        "X-Robots-Tag": "noarchive" if answer.kind == "website" else "noindex, nofollow, noarchive",
        "Permissions-Policy": headers.PERMISSIONS,
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        **({"Cache-Control": "no-store"} if answer.kind == "application" else {}),
    }
    return [
        f"{answer.where}: {name} is {answer.headers.get(name)!r}"
        for name, value in wanted.items()
        if answer.headers.get(name) != value
    ]


def test_the_crawl_was_everywhere(crawl: list[Answer]) -> None:
    assert {answer.site for answer in crawl} == set(URLCONFS)
    assert {answer.status // 100 for answer in crawl} >= {2, 3, 4}
    pages = {answer.path for answer in crawl if answer.status == 200}
    assert {"/nl/cookies/", "/sign-in/", "/contacts/", "/team/"} <= pages


def test_every_text_says_its_type_and_its_encoding(crawl: list[Answer]) -> None:
    types = {answer.where: answer.headers.get("Content-Type", "") for answer in crawl if answer.status == 200}
    texts = {where: type for where, type in types.items() if type.startswith("text/")}
    assert texts and [where for where, type in types.items() if not type] == []
    assert [where for where, type in texts.items() if "charset=utf-8" not in type.lower()] == []


def test_no_answer_may_be_read_by_the_pages_of_others(crawl: list[Answer]) -> None:
    assert not settings.WHITENOISE_ALLOW_ALL_ORIGINS
    assert [answer.where for answer in crawl if "Access-Control-Allow-Origin" in answer.headers] == []


def test_P11_every_answer_of_every_host_says_what_may_be_kept_of_it(crawl: list[Answer]) -> None:
    assert [fault for answer in crawl for fault in faults(answer)] == []


@pytest.mark.parametrize(
    "lacking", ["X-Robots-Tag", "Cache-Control", "Permissions-Policy", "Referrer-Policy"]
)
def test_P11_a_header_that_is_lacking_would_be_found(crawl: list[Answer], lacking: str) -> None:
    whole = next(answer for answer in crawl if answer.kind == "application" and answer.status == 200)
    rest = {name: value for name, value in whole.headers.items() if name != lacking}
    planted = Answer(whole.where, whole.site, whole.path, whole.status, rest, {})
    assert faults(whole) == [] and len(faults(planted)) == 1


def test_P11_nothing_hides_the_noindex_from_a_crawler(crawl: list[Answer]) -> None:
    """A blocked page may be listed all the same, since nobody saw that it says noindex."""
    robots = [answer for answer in crawl if answer.path == "/robots.txt" and answer.kind == "application"]
    assert robots and all(answer.status >= 400 for answer in robots)
    permissions = {each.partition("=")[0] for each in headers.PERMISSIONS.split(", ")}
    assert {"geolocation", "camera", "microphone"} <= permissions and "*" not in headers.PERMISSIONS


def test_P09_no_host_sets_a_cookie_but_those_of_the_register(crawl: list[Answer]) -> None:
    allowed = {(kind, each.name): each for each in cookies.registered() for kind in each.purposes}
    for answer in crawl:
        for name, morsel in answer.cookies.items():
            assert (answer.kind, name) in allowed, f"{answer.where} sets {name}"
            assert allowed[answer.kind, name].faults(morsel) == [], f"{answer.where}: {morsel.output()}"
    where = {answer.path for answer in crawl if answer.kind == "website" and answer.cookies}
    assert where == {"/language/"}, "on the website only the choice of a language sets one"


def test_P10_the_register_and_what_the_crawl_sees_differ_by_nothing(crawl: list[Answer]) -> None:
    seen = {(answer.kind, name) for answer in crawl for name in answer.cookies}
    assert seen == {(kind, each.name) for each in cookies.registered() for kind in each.purposes}
