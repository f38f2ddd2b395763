"""The website leaves nothing behind: every page in every language, crawled as a visitor would find it."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser

from shared_apps.kit import scope
from shared_apps.kit.headers import COOKIES
from shared_apps.legal.documents import DOCUMENTS
from shared_apps.website import site
from tenants import keys

HOST = "smoall.localhost"
LANGUAGES = [code for code, _name in settings.LANGUAGES]
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


def crawled(visitor: Browser, language: str) -> dict[str, HttpResponse]:
    """Every page that links lead to from the home page, with its answer."""
    found: dict[str, HttpResponse] = {}
    waiting = ["/", *FILES]
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_crawl_finds_every_page_and_no_page_leaves_a_trace(visitor: Browser, language: str) -> None:
    found = crawled(visitor, language)
    assert {
        "/",
        "/integrators/",
        "/security/",
        "/contact/",
        "/cookies/",
        "/terms/",
        "/privacy/",
        "/processing/",
        "/sub-processors/",
        "/terms/1/",
        "/privacy/1/de/",
        "/privacy/1/nl/text/",
    } <= found.keys()
    for path, answer in found.items():
        assert answer.status_code in (200, 302) if path == "/favicon.ico" else answer.status_code == 200, path
        assert not answer.cookies and "Set-Cookie" not in answer.headers, path
        assert answer.headers["X-Robots-Tag"] == "noarchive", path
        assert {"Accept-Language", "Cookie"} <= set(answer.headers["Vary"].split(", ")), path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_fetches_anything_from_elsewhere_or_has_inline_code(visitor: Browser, language: str) -> None:
    for path, answer in crawled(visitor, language).items():
        if not is_page(answer):
            continue
        page = text(answer)
        fetched = [first or second for first, second in FETCHED.findall(page)]
        assert fetched and all(address.startswith(settings.STATIC_URL) for address in fetched), path
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script>|@import|url\(", page), path
        assert "csrfmiddlewaretoken" not in page, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_in_its_language_and_translated(visitor: Browser, language: str) -> None:
    for each in site.PAGES:
        answer = visitor.get(
            f"/{'' if each.name == 'home' else each.name + '/'}", headers={"accept-language": language}
        )
        assert f'<html lang="{language}"' in text(answer) and answer.headers["Content-Language"] == language
    home = text(visitor.get("/", headers={"accept-language": language}))
    assert ("Le fichier de votre entreprise" in home) == (language == "fr")


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


def test_choosing_a_language_sets_the_one_cookie_and_goes_back(visitor: Browser) -> None:
    answer = visitor.post("/language/", {"language": "fr", "next": "/security/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/security/")
    assert set(answer.cookies) == {"language"}
    cookie = answer.cookies["language"]
    assert (cookie.value, cookie["domain"], cookie["samesite"], bool(cookie["httponly"])) == (
        "fr",
        "",
        "Lax",
        True,
    )
    assert 'lang="fr"' in text(visitor.get("/", headers={"accept-language": "en"}))


@pytest.mark.parametrize(
    "back",
    [
        "//evil.test/",
        "https://evil.test/",
        "\\\\evil.test",
        "javascript:alert(1)",
        "/\t/evil.test",
        "",
        "/" + "x" * 600,
    ],
)
def test_the_way_back_stays_on_the_website(visitor: Browser, back: str) -> None:
    assert visitor.post("/language/", {"language": "fr", "next": back}).headers["Location"] == "/"


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


def test_the_register_of_cookies_is_the_programs_own(visitor: Browser) -> None:
    page = text(visitor.get("/cookies/"))
    assert all(f"<code>{cookie.name}</code>" in page for cookie in COOKIES)
    assert page.count('<th scope="row"') == len(COOKIES) == len(site.cookie_register())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: f"{document.kind}-{document.version}")
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
    for path in ("/terms/99/", "/privacy/0/", "/nothing/"):
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
    listed = re.findall(r"<loc>http://smoall\.localhost(.*?)</loc>", text(visitor.get("/sitemap.xml")))
    assert len(listed) == len(site.PAGES) and all(visitor.get(path).status_code == 200 for path in listed)


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
    expires = datetime.strptime(fields["Expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(days=30) < expires - datetime.now(UTC) < timedelta(days=365)
