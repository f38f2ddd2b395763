"""The website in every language: no cookie until one is chosen, no foreign request, every page readable, light and still."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared_apps.kit.styles import BUILT
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
    "processing",
    "sub-processors",
    "privacy/1",
    "terms/1",
)
PAGES = tuple(f"/{name}/" if name else "/" for name in NAMES)
# Of a whole page, with everything that it shows when it is read to its end; the first for pages with pictures of the product.
MOST_BYTES, MOST_BYTES_OF_TEXT = 80_000, 26_000
PICTURED = ("/", "/features/")
# What a page says: its texts, and what screen readers and search engines are told.
SAID = """() => {
    const found = new Set([document.title, document.querySelector("meta[name=description]")?.content ?? ""]);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) found.add(walker.currentNode.data.replace(/\\s+/g, " ").trim());
    for (const each of document.querySelectorAll("[aria-label], [alt], [title], [placeholder], [data-label]"))
        for (const name of ["aria-label", "alt", "title", "placeholder", "data-label"]) found.add(each.getAttribute(name) ?? "");
    return [...found].filter((text) => /\\p{L}{2}/u.test(text));
}"""
# Of the window, all shifts of a page together. Google calls 0.1 good; this is a word that takes the next line while its
# sentence is still arriving on a busy machine, which no stylesheet can keep from happening.
MOST_SHIFTED = 0.001
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
WORD = re.compile(r"[^\W\d_]{2,}")
NAMES = {
    "Deutsch", "English", "Français", "Nederlands", "DE", "EN", "FR", "NL", "The Wago Company sprl", "Rue des Anges 65",
    "support@smoall.com", "www.smoall.com", "1320 Beauvechain", "__Host-language", "__Host-session", "Ctrl",
    "Stripe",
}  # fmt: skip
ALIKE = {
    "Assistance", "Contact", "Contacts", "Cookie", "Cookies", "Copies", "Firewall", "Instructions", "Menu", "Partner",
    "Signatures", "Smoall", "Suspension", "Team", "Version", "Versions", "Website", "client", "release",
}  # fmt: skip
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


def test_no_page_says_anything_in_another_language(visitor: Visitors, world: World) -> None:
    """Whatever a page says in English and in one of the others too is a left-over, but for names and words that are alike."""
    world.command("prove_promises", codes=(0, 1))
    others = {language: visitor(language) for language in ("fr", "nl", "de")}
    anna = visitor("en")
    for path in PAGES:
        anna.go("", f"/en{path}")
        english = set(anna.page.evaluate(SAID))
        for language, other in others.items():
            other.go("", f"/{language}{path}")
            said = set(other.page.evaluate(SAID))
            said = {text for text in said if not text.startswith("python verify_promises.py")}
            assert len(said) > 0.9 * len(english), (language, path)
            assert {text for text in said & english if not is_alike(text)} == set(), (language, path)


def is_alike(text: str) -> bool:
    """Whether a text may be the same in two languages: names, code, and words that both have."""
    return text.strip(" ·") in NAMES or {word for word in WORD.findall(text) if word not in ALIKE} == set()


def test_a_left_over_would_be_found() -> None:
    assert is_alike("7. Suspension") and is_alike("Contact · Smoall") and is_alike(", release 0.1.0")
    assert not is_alike("Nobody has looked yet.") and not is_alike("Home")


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
def test_every_page_is_light_and_nothing_on_it_moves(
    visitor: Visitors, world: World, language: str, phone: bool
) -> None:
    world.command("prove_promises", codes=(0, 1))
    anna = visitor(language, phone=phone, dark=phone)
    anna.page.add_init_script(SHIFTS)
    for path in PAGES:
        with measured(anna) as traffic:
            anna.go("", f"/{language}{path}")
            anna.page.evaluate(READ)
        most = MOST_BYTES if path in PICTURED else MOST_BYTES_OF_TEXT
        assert sum(traffic.sizes.values()) < most, (path, traffic.sizes, traffic.asked)
        assert len(traffic.kinds("Stylesheet")) == 1, path
        assert traffic.kinds("Font") == traffic.kinds("Script") == traffic.kinds("XHR") == [], path
        assert all(f"//{DOMAIN}:" in url for _kind, url in traffic.asked.values()), path
        assert sum(anna.page.evaluate("window.shifted")) < MOST_SHIFTED, path
    assert anna.page.evaluate("document.fonts.size") == 0
    assert anna.page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


@pytest.mark.parametrize(("phone", "dark"), [(True, False), (False, True)], ids=["phone", "desk"])
def test_every_page_looks_as_with_the_stylesheet_of_the_application(
    visitor: Visitors, phone: bool, dark: bool
) -> None:
    """The website's own is made by leaving out; what is left out by mistake would be seen here, to the pixel."""
    anna, beata = (visitor("nl", phone=phone, dark=dark) for _each in range(2))
    whole = BUILT.read_text()
    beata.page.route("**/kit/website*.css", lambda route: route.fulfill(body=whole, content_type="text/css"))
    for path in PAGES:
        pictures = []
        for each in (anna, beata):
            each.go("", f"/nl{path}")
            each.page.evaluate(READ)
            pictures.append(each.page.screenshot(full_page=True, animations="disabled"))
        assert pictures[0] == pictures[1], path


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
    assert sum(anna.page.evaluate("window.shifted")) > MOST_SHIFTED and sum(traffic.sizes.values()) > 10_000


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
