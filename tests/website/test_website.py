"""The website leaves nothing behind: every page in every language, crawled as a visitor would find it."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser

from shared_apps.kit import prices, scope
from shared_apps.legal.documents import of_the_website
from shared_apps.website import site
from tenants import keys

HOST = "smoall.localhost"
LANGUAGES = [code for code, _name in settings.WEBSITE_LANGUAGES]
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|use|image)\b[^>]*?\s(?:src|href|srcset)=["']([^"']+)"""
    r"""|<link\b[^>]*?\shref=["']([^"']+)"""
)
LINKED = re.compile(r"""<a\b[^>]*?\shref=["']([^"'#]+)""")
FILES = (
    "/robots.txt",
    "/sitemap.xml",
    "/.well-known/security.txt",
    "/.well-known/smoall-keys.json",
    "/favicon.ico",
)


@pytest.fixture
def refuse_queries() -> Iterator[None]:
    """Any statement that reaches a database cursor fails the test, but the one that lists sub-processors."""

    def refuse(execute: Callable[..., object], sql: str, *args: object) -> object:
        if sql.startswith("SELECT") and 'FROM "sharing_partner"' in sql:
            return execute(sql, *args)
        raise AssertionError(f"a query on the website: {sql!r}")

    with connection.execute_wrapper(refuse):
        yield


@pytest.fixture
def visitor(db: None, refuse_queries: None, browser: Callable[..., Browser]) -> Browser:
    return browser(HOST)


def crawled(visitor: Browser, language: str, start: str = "/") -> dict[str, HttpResponse]:
    """Every page that links lead to from the home page, with its answer."""
    found: dict[str, HttpResponse] = {}
    waiting = [start, *FILES]
    while waiting:
        path = waiting.pop()
        if path in found or path.startswith(settings.STATIC_URL):
            continue
        found[path] = visitor.get(path, headers={"accept-language": language})
        if is_page(found[path]):
            links = (
                urlsplit(urljoin(f"http://{HOST}{path}", link)) for link in LINKED.findall(text(found[path]))
            )
            waiting += [link.path for link in links if link.netloc == HOST]
    return found


def is_page(answer: HttpResponse) -> bool:
    return answer.status_code == 200 and "html" in answer.headers["Content-Type"]


def text(answer: HttpResponse) -> str:
    return answer.content.decode()


@pytest.mark.parametrize("start", ["/", "by path"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_P01_every_page_in_every_language_leaves_no_trace(
    visitor: Browser, language: str, start: str
) -> None:
    """No query (the fixture), no cookie, nothing fetched from elsewhere, nothing inline, no form's token."""
    prefix = "/" if start == "/" else f"/{language}/"
    found = crawled(visitor, language if start == "/" else "en", prefix)
    wanted = {f"{prefix}{'' if each.name == 'home' else each.name + '/'}" for each in site.PAGES}
    wanted |= {f"{prefix}{document.kind}/{document.version}/" for document in of_the_website()}
    assert wanted <= found.keys()
    for path, answer in found.items():
        assert answer.status_code in (200, 302) if path == "/favicon.ico" else answer.status_code == 200, path
        assert not answer.cookies and "Set-Cookie" not in answer.headers, path
        assert answer.headers["X-Robots-Tag"] == "noarchive", path
        assert {"Accept-Language", "Cookie"} <= set(answer.headers["Vary"].split(", ")), path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy, path
        if is_page(answer):
            assert f'<html lang="{language}"' in text(answer), path
            assert answer.headers["Content-Language"] == language, path
            assert problems_of(text(answer)) == [], path


def problems_of(page: str) -> list[str]:
    """What a page of the website may not have in it."""
    fetched = [first or second for first, second in FETCHED.findall(page)]
    found = [
        f"fetches {address}"
        for address in fetched
        if not address.startswith(settings.STATIC_URL) and not address.startswith(f"http://{HOST}")
    ]
    inline = r"<style|\sstyle=|\son[a-z]+=|<script|@import|url\(|csrfmiddlewaretoken"
    return found + [f"has {each} in it" for each in re.findall(inline, page)]


@pytest.mark.parametrize(
    "planted",
    [
        '<script src="https://cdn.example/count.js"></script>', '<link href="https://fonts.example/a.css" rel="stylesheet">',
        '<img alt="" src="//pixel.example/1.gif">', '<style>@import "x"</style>', '<p style="color: red">',
        '<input name="csrfmiddlewaretoken">',
    ],
)  # fmt: skip
def test_P01_a_planted_trace_would_be_found(planted: str) -> None:
    assert problems_of(f"<html>{planted}</html>") and problems_of('<link href="/static/kit/app.css">') == []


def test_P01_a_planted_query_would_be_found(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the scope of nothing it can't even be sent."""
    from shared_apps.accounts.models import User

    monkeypatch.setattr("shared_apps.website.site.pictures", lambda language: User.objects.count())
    with pytest.raises((scope.NoScope, AssertionError)):
        visitor.get("/")


def test_each_page_has_a_title_of_its_own(visitor: Browser) -> None:
    pages = [answer for answer in crawled(visitor, "fr").values() if is_page(answer)]
    titles = {re.search(r"<title>(.*?)</title>", text(page), re.S)[1] for page in pages}  # type: ignore[index]
    assert len(titles) >= len(site.PAGES) and all(titles)


def test_views_run_where_no_row_can_be_read(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def look(*args: object) -> dict[str, str]:
        with pytest.raises(scope.NoScope):
            scope.current()
        seen.append(True)
        return {}

    monkeypatch.setattr("shared_apps.website.views._frame", look)
    visitor.get("/security/")
    assert seen == [True]


def test_a_visitor_with_cookies_and_a_foreign_address_gets_the_same_page(visitor: Browser) -> None:
    plain = visitor.get("/", headers={"accept-language": "en"})
    visitor.cookies.load({"__Host-session": "stolen", "_ga": "x", "messages": "y"})
    headers = {
        "accept-language": "en",
        "x-forwarded-for": "203.0.113.9",
        "referer": "https://search.test/?q=me",
    }
    assert visitor.get("/", headers=headers).content == plain.content


# --- the language ------------------------------------------------------------------------------------


def test_choosing_a_language_sets_the_one_cookie_and_goes_to_the_page_in_it(visitor: Browser) -> None:
    answer = visitor.post("/language/", {"language": "nl", "next": "/security/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/nl/security/")
    assert list(answer.cookies) == ["__Host-language"]
    cookie = answer.cookies["__Host-language"]
    assert (cookie.value, cookie["domain"], cookie["samesite"], bool(cookie["httponly"]), bool(cookie["secure"])) == (
        "nl", "", "Lax", True, True,
    )  # fmt: skip
    assert 'lang="nl"' in text(visitor.get("/", headers={"accept-language": "en"}))
    assert 'lang="de"' in text(visitor.get("/de/")), "the path counts more than the cookie"


@pytest.mark.parametrize(
    ("back", "leads_to"),
    [
        ("/de/privacy/1/", "/fr/privacy/1/"), ("/", "/fr/"), ("/language/", "/fr/"), ("/robots.txt", "/fr/"),
        ("//evil.test/", "/fr/"), ("https://evil.test/", "/fr/"), ("\\\\evil.test", "/fr/"),
        ("javascript:alert(1)", "/fr/"), ("/\t/evil.test", "/fr/"), ("", "/fr/"), ("/" + "x" * 600, "/fr/"),
    ],
)  # fmt: skip
def test_the_way_back_is_a_page_of_the_website(visitor: Browser, back: str, leads_to: str) -> None:
    assert visitor.post("/language/", {"language": "fr", "next": back}).headers["Location"] == leads_to


def test_an_unknown_language_sets_nothing(visitor: Browser) -> None:
    answer = visitor.post("/language/", {"language": "tlh", "next": "/"})
    assert answer.status_code == 404 and not answer.cookies
    assert visitor.get("/language/").status_code == 405


def test_the_switch_works_without_a_token_since_there_is_no_session(db: None, refuse_queries: None) -> None:
    strict = Browser(enforce_csrf_checks=True, HTTP_HOST=HOST)
    assert strict.post("/language/", {"language": "en", "next": "/"}).status_code == 302


def test_pages_that_are_only_read_refuse_to_be_posted_to(visitor: Browser) -> None:
    for path in ("/", "/security/", "/terms/", "/robots.txt", "/.well-known/smoall-keys.json"):
        assert visitor.post(path).status_code in (403, 405), path


# --- what it says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document", of_the_website(), ids=lambda document: f"{document.kind}-{document.version}"
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_version_of_a_legal_text_is_shown_whole_with_its_digest(
    visitor: Browser, document: object, language: str
) -> None:
    from shared_apps.legal.documents import Document

    assert isinstance(document, Document)
    page = text(visitor.get(f"/{document.kind}/{document.version}/", headers={"accept-language": language}))
    shown = document.language(language)
    assert document.text(shown) in page and document.sha256(shown) in page


def test_a_version_that_there_is_none_of_is_not_found(visitor: Browser) -> None:
    for path in ("/terms/99/", "/privacy/0/", "/nothing/", "/nl/nothing/", "/it/", "/nl/robots.txt"):
        answer = visitor.get(path)
        assert (
            answer.status_code == 404 and not answer.cookies and answer.headers["X-Robots-Tag"] == "noarchive"
        )


def test_the_contact_page_names_the_controller(visitor: Browser) -> None:
    page = text(visitor.get("/contact/", headers={"accept-language": "fr"}))
    for part in (
        "support@smoall.com",
        "The Wago Company sprl",
        "Rue des Anges 65",
        "1320 Beauvechain",
        "Belgique",
    ):
        assert part in page


# --- for machines --------------------------------------------------------------------------------------


def test_robots_are_shown_everything_and_the_sitemap(visitor: Browser) -> None:
    lines = text(visitor.get("/robots.txt"))
    assert "Disallow" not in lines and f"Sitemap: http://{HOST}/sitemap.xml" in lines


def test_the_sitemap_names_each_page_in_each_language_as_the_page_does_itself(visitor: Browser) -> None:
    listed = re.findall(r"<url><loc>(.*?)</loc>(.*?)</url>", text(visitor.get("/sitemap.xml")))
    assert len(listed) == len(LANGUAGES) * (len(site.PAGES) + len(of_the_website()))
    alternate = re.compile(r'<(?:xhtml:)?link rel="alternate" hreflang="(.*?)" href="(.*?)"')
    for address, others in listed:
        page = text(visitor.get(urlsplit(address).path))
        assert f'<link rel="canonical" href="{address}">' in page
        assert set(alternate.findall(others)) == set(alternate.findall(page))
        assert {code for code, _there in alternate.findall(page)} == {"x-default", *LANGUAGES}


def test_a_page_without_a_language_in_its_address_names_the_one_that_has(visitor: Browser) -> None:
    page = text(visitor.get("/prices/", headers={"accept-language": "de-AT,en;q=0.5"}))
    assert f'<link rel="canonical" href="http://{HOST}/de/prices/">' in page and 'lang="de"' in page


def test_the_public_keys_verify_a_signature(visitor: Browser) -> None:
    signature = keys.KeyStore.default().sign(b"a certificate")
    answer = visitor.get("/.well-known/smoall-keys.json")
    assert answer.headers["Content-Type"] == "application/json"
    keys.verify(b"a certificate", signature, keys.parse_public_keys(answer.content))
    assert "AGE-SECRET-KEY" not in text(answer) and "PRIVATE" not in text(answer)
    assert set(json.loads(answer.content)) == {"keys"}


def test_security_txt_has_what_its_standard_wants(visitor: Browser) -> None:
    fields = dict(line.split(": ", 1) for line in text(visitor.get("/.well-known/security.txt")).splitlines())
    assert fields["Contact"] == "mailto:support@smoall.com"
    assert set(fields["Preferred-Languages"].split(", ")) == set(LANGUAGES)
    assert fields["Canonical"] == f"http://{HOST}/.well-known/security.txt"
    expires = datetime.fromisoformat(fields["Expires"]).date()
    assert timedelta(days=180) < expires - settings.SMOALL_RELEASED_ON < timedelta(days=365)


# --- prices ----------------------------------------------------------------------------------------------


def test_without_plans_no_amount_is_shown(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "sources", [])
    for language in LANGUAGES:
        page = text(visitor.get(f"/{language}/prices/"))
        assert "€" not in page and "EUR" not in page and "30" in page


def test_plans_are_shown_when_there_are_some(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "sources", [lambda: [prices.Price("Workshop", 1250, ("Everything",))]])
    page = text(visitor.get("/fr/prices/"))
    assert (
        "Workshop" in page and "12,50" in page and "Everything" in page and "pas encore en vente" not in page
    )
