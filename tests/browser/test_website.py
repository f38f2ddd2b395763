"""The website in every language: no cookie until one is chosen, no foreign request, every page readable, light and still."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Visitors
from tests.browser.visitor import Visitor
from tests.browser.world import DOMAIN, World

NAMES = (
    "",
    "features",
    "prices",
    "integrators",
    "security",
    "promises",
    "contact",
    "cookies",
    "terms",
    "privacy",
    "privacy/1",
    "terms/1",
)
PAGES = tuple(f"/{name}/" if name else "/" for name in NAMES)
MOST_BYTES = 100_000  # of a whole page, with everything that it shows when it is read to its end
SHIFTS = """
    window.shifted = [];
    new PerformanceObserver((list) => window.shifted.push(...list.getEntries().map((each) => each.value)))
        .observe({type: "layout-shift", buffered: true});
"""
READ = """async () => {
    for (let y = 0; y < document.body.scrollHeight; y += 300) {
        scrollTo(0, y); await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 30)));
    }
    await Promise.all([...document.images].map((image) => image.decode()));
    scrollTo(0, 0);
}"""
CANARY, ADDRESS = "203.0.113.77", "127.0.0.77"


@pytest.mark.parametrize(
    ("language", "other", "phone"),
    [("en", "fr", True), ("fr", "en", False), ("nl", "de", True), ("de", "nl", False)],
)
def test_every_page_is_there_in_the_language_asked_for(
    visitor: Visitors, language: str, other: str, phone: bool
) -> None:
    anna = visitor(language, phone=phone)
    for path in PAGES:
        anna.go("", path)
        assert anna.page.locator("html").get_attribute("lang") == language
        anna.page.evaluate(READ)
        anna.look(path.strip("/").replace("/", "-") or "home", dark=language in ("nl", "fr"))
    assert anna.context.cookies() == []
    anna.page.locator(f"form:has([name=language][value={other}]) button").locator("visible=true").click()
    anna.page.wait_for_url(f"**/{other}/terms/1/")
    assert anna.page.locator("html").get_attribute("lang") == other
    assert [cookie["name"] for cookie in anna.context.cookies()] == ["__Host-language"]
    anna.look("other-language")
    anna.go("", "/")
    assert anna.page.locator("html").get_attribute("lang") == other, "the choice is kept"


# --- light and still ---------------------------------------------------------------------------------------


class Traffic:
    """What a page's visit fetched: address, kind and bytes on the wire."""

    def __init__(self, anna: Visitor) -> None:
        self.sizes: dict[str, float] = {}
        self.asked: dict[str, tuple[str, str]] = {}
        session = anna.context.new_cdp_session(anna.page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        session.on("Network.requestWillBeSent", self._ask)
        session.on("Network.loadingFinished", self._finish)

    def _ask(self, event: dict[str, Any]) -> None:
        self.asked[event["requestId"]] = (event["type"], event["request"]["url"])

    def _finish(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = event["encodedDataLength"]

    def kinds(self, kind: str) -> list[str]:
        return [url for each, url in self.asked.values() if each == kind]


@contextmanager
def measured(anna: Visitor) -> Iterator[Traffic]:
    traffic = Traffic(anna)
    yield traffic
    anna.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desk"])
@pytest.mark.parametrize("language", ["fr", "de"])
def test_every_page_is_under_100_kB_and_nothing_on_it_moves(
    visitor: Visitors, language: str, phone: bool
) -> None:
    anna = visitor(language, phone=phone, dark=phone)
    anna.page.add_init_script(SHIFTS)
    for path in PAGES:
        with measured(anna) as traffic:
            anna.go("", f"/{language}{path}")
            anna.page.evaluate(READ)
        most = MOST_BYTES + 10_000 if path == "/promises/" else MOST_BYTES  # forty-four promises on one page
        assert sum(traffic.sizes.values()) < most, (path, traffic.sizes, traffic.asked)
        assert len(traffic.kinds("Stylesheet")) == 1, path
        assert traffic.kinds("Font") == traffic.kinds("Script") == traffic.kinds("XHR") == [], path
        assert all(f"//{DOMAIN}:" in url for _kind, url in traffic.asked.values()), path
        assert anna.page.evaluate("window.shifted") == [], path
    assert anna.page.evaluate("document.fonts.size") == 0
    assert anna.page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_a_shift_and_a_heavy_page_would_be_seen(visitor: Visitors) -> None:
    """The measures, measured: a picture without a size that comes late, on a page that was light."""
    anna = visitor("fr", phone=True)
    anna.page.add_init_script(SHIFTS)
    with measured(anna) as traffic:
        anna.go("", "/fr/contact/")
        anna.page.wait_for_timeout(600)
        anna.page.evaluate(
            """() => new Promise((done) => {
                const late = new Image(); late.onload = done; late.src = "/static/kit/favicon.svg";
                document.querySelector("main").prepend(late);
            })"""
        )
        anna.page.wait_for_timeout(200)
    assert anna.page.evaluate("window.shifted") != [] and sum(traffic.sizes.values()) > 10_000


# --- by keyboard -------------------------------------------------------------------------------------------


def test_the_website_is_walked_by_keyboard(visitor: Visitors) -> None:
    anna = visitor("fr", phone=True)
    anna.go("", "/fr/")
    focused = "document.activeElement.textContent.trim()"
    anna.page.keyboard.press("Tab")
    assert anna.page.evaluate(focused) == anna.say("Skip to the content")
    anna.look("skip", whole=False)
    anna.page.keyboard.press("Enter")
    assert anna.page.evaluate("document.activeElement.id") == "content"
    anna.page.locator(".site-more summary").focus()
    anna.page.keyboard.press("Enter")
    anna.look("menu", dark=True, whole=False)
    anna.page.keyboard.press("Tab")
    assert anna.page.evaluate(focused) == anna.say("Features")
    anna.page.keyboard.press("Enter")
    anna.page.wait_for_url("**/fr/features/")


def test_the_page_can_be_read_at_twice_the_size_of_letters(visitor: Visitors) -> None:
    anna = visitor("de")
    anna.page.set_viewport_size({"width": 640, "height": 400})  # what 200 % leave of a desktop
    for path in PAGES:
        anna.go("", f"/de{path}")
        anna.look(f"large-{path.strip('/').replace('/', '-') or 'home'}", whole=False)


# --- nothing stays -----------------------------------------------------------------------------------------


def test_P12_a_visitors_address_is_in_no_log_and_no_file(world: World) -> None:
    """Asked from an address of its own, with everything that a proxy or browser could add, of pages good and bad."""
    said = {
        "X-Forwarded-For": CANARY, "Forwarded": f"for={CANARY}", "X-Real-IP": CANARY, "User-Agent": f"Qzx/{CANARY}",
        "Referer": f"https://search.example/?q={CANARY}",
    }  # fmt: skip
    for path in (
        *PAGES,
        "/nl/nothing/",
        "/language/",
        "/robots.txt",
        "/sitemap.xml",
        f"/?q={CANARY}",
        f"/{CANARY}/",
    ):
        for host in (f"{DOMAIN}:{world.port}", "evil.test"):
            asking = http.client.HTTPConnection(
                "127.0.0.1", world.port, source_address=(ADDRESS, 0), timeout=60
            )
            asking.request("GET", path, headers={**said, "Host": host})
            asking.getresponse().read()
            asking.close()
    left = [str(path) for path in _files(world.data) if _has(path, CANARY) or _has(path, ADDRESS)]
    assert left == []


def test_P12_an_address_in_a_log_would_be_found(tmp_path: Path) -> None:
    planted = tmp_path / "log" / "web.log"
    planted.parent.mkdir()
    planted.write_text(json.dumps({"from": ADDRESS}))
    assert [path for path in _files(tmp_path) if _has(path, ADDRESS)] == [planted]


def _files(folder: Path) -> Iterator[Path]:
    """Logs, the database's own files and all else in the data folder."""
    yield from (path for path in folder.rglob("*") if path.is_file())


def _has(path: Path, word: str) -> bool:
    try:
        return word.encode() in path.read_bytes()
    except FileNotFoundError:  # the database tidies up while we look
        return False


def test_wrong_addresses_have_pages_that_help(visitor: Visitors) -> None:
    anna = visitor("fr", phone=True)
    for number, (host, path) in enumerate(
        (
            ("", "/nothing/"),
            ("nobody-here", "/"),
            ("app", "/nothing/"),
            ("ops", "/nothing/"),
            ("meca", "/enter/old/"),
        )
    ):
        with anna.expecting(403, 404, 410):
            answer = anna.page.goto(anna.world.url(host, path))
        assert answer and answer.status in (200, 403, 404, 410), path
        anna.look(f"wrong-{number}", dark=number == 0)
    anna.go("app", "/")
    anna.look("app-door", dark=True)
    anna.go("app", "/find/")
    anna.fill(email="elise@boulangerie.example")
    anna.page.locator("main form button.button-primary").click()
    anna.page.wait_for_load_state()
    anna.look("find-sent")
    assert "boulangerie." in anna.mailed_link("elise@boulangerie.example", "//boulangerie.")
