"""The website in every language: no cookie until one is chosen, no foreign request, every page readable, light and still."""

import http.client
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from shared_apps.kit.styles import BUILT
from tests.browser.conftest import Visitors
from tests.browser.visitor import PATIENCE, Visitor
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
    for (let y = 0; y < document.body.scrollHeight; y += innerHeight / 2) {
        scrollTo(0, y); await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
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


@dataclass
class Read:
    """A page read to its end: its words, what its visit fetched, how far its parts moved."""

    said: set[str]
    traffic: "Traffic"
    shifted: float


SCREENS: dict[str, dict[str, bool]] = {  # each kind of screen in one language
    "en": {"phone": True}, "fr": {}, "nl": {"phone": True, "dark": True}, "de": {"dark": True},
}  # fmt: skip
OTHERS = {"en": "fr", "fr": "en", "nl": "de", "de": "nl"}
Reader = Callable[[Visitor], dict[str, Read]]


@pytest.fixture(scope="module")
def proven(world: World) -> None:
    """The page of promises shows results."""
    world.command("prove_promises", codes=(0, 1))


@pytest.fixture(scope="module")
def reader(proven: None) -> Reader:
    """Reads every page in the visitor's language, once a language."""
    found: dict[str, dict[str, Read]] = {}

    def read(anna: Visitor) -> dict[str, Read]:
        if anna.language not in found:
            anna.page.add_init_script(SHIFTS)
            found[anna.language] = {path: _read(anna, path) for path in PAGES}
        return found[anna.language]

    return read


def _read(anna: Visitor, path: str) -> Read:
    with measured(anna) as traffic:
        anna.go("", path)
        anna.page.evaluate(READ)
    found = Read(set(anna.page.evaluate(SAID)), traffic, sum(anna.page.evaluate("window.shifted")))
    assert anna.page.locator("html").get_attribute("lang") == anna.language
    anna.look(path.strip("/").replace("/", "-") or "home")
    return found


@pytest.mark.parametrize("language", SCREENS)
def test_every_page_is_there_in_the_language_asked_for(
    visitor: Visitors, reader: Reader, language: str
) -> None:
    """Light, still, and all of it ours."""
    anna, other = visitor(language, **SCREENS[language]), OTHERS[language]
    for path, page in reader(anna).items():
        sizes, asked = page.traffic.sizes, page.traffic.asked
        most = MOST_BYTES if path in PICTURED else MOST_BYTES_OF_TEXT
        assert sum(sizes.values()) < most, (path, sizes, asked)
        assert len(page.traffic.kinds("Stylesheet")) == 1, path
        assert page.traffic.kinds("Font") == page.traffic.kinds("Script") == page.traffic.kinds("XHR") == []
        assert all(f"//{DOMAIN}:" in url for _kind, url in asked.values()), path
        assert page.shifted < MOST_SHIFTED, path
    assert anna.page.evaluate("[document.fonts.size, localStorage.length, sessionStorage.length]") == [
        0,
        0,
        0,
    ]
    assert anna.context.cookies() == []
    anna.page.locator(f"form:has([name=language][value={other}]) button").locator("visible=true").click()
    anna.page.wait_for_url(f"**/{other}/terms/1/")
    assert anna.page.locator("html").get_attribute("lang") == other
    assert [cookie["name"] for cookie in anna.context.cookies()] == ["__Host-language"]
    anna.look("other-language")
    anna.go("", "/")
    assert anna.page.locator("html").get_attribute("lang") == other, "the choice is kept"


def test_no_page_says_anything_in_another_language(visitor: Visitors, reader: Reader) -> None:
    """Whatever a page says in English and in one of the others too is a left-over, but for names and words that are alike."""
    pages = {language: reader(visitor(language, **screen)) for language, screen in SCREENS.items()}
    for path in PAGES:
        english = pages["en"][path].said
        for language in ("fr", "nl", "de"):
            said = {
                text
                for text in pages[language][path].said
                if not text.startswith("python verify_promises.py")
            }
            assert len(said) > 0.9 * len(english), (language, path)
            assert {text for text in said & english if not is_alike(text)} == set(), (language, path)


def is_alike(text: str) -> bool:
    """Whether a text may be the same in two languages: names, code, and words that both have."""
    return text.strip(" ·") in NAMES or {word for word in WORD.findall(text) if word not in ALIKE} == set()


def test_a_left_over_would_be_found() -> None:
    assert is_alike("7. Suspension") and is_alike("Contact · Smoall") and is_alike(", release 0.1.0")
    assert not is_alike("Nobody has looked yet.") and not is_alike("Home")


class Traffic:
    """What a page's visit fetched: address, kind and bytes on the wire."""

    def __init__(self, anna: Visitor) -> None:
        self.began = monotonic()
        self.sizes: dict[str, float] = {}
        self.asked: dict[str, tuple[str, str]] = {}
        self.session = anna.context.new_cdp_session(anna.page)
        self.session.send("Network.enable")
        self.session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        self.session.on("Network.requestWillBeSent", self._ask)
        self.session.on("Network.loadingFinished", self._finish)

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
    while unfinished := {url for each, (_kind, url) in traffic.asked.items() if each not in traffic.sizes}:
        anna.page.wait_for_timeout(20)
        assert monotonic() - traffic.began < PATIENCE / 1000, unfinished
    traffic.session.detach()


@pytest.mark.parametrize(("phone", "dark"), [(True, False), (False, True)], ids=["phone", "desk"])
def test_every_page_looks_as_with_the_stylesheet_of_the_application(
    visitor: Visitors, phone: bool, dark: bool
) -> None:
    """The website's own is made by leaving out; what is left out by mistake would be seen here, to the pixel."""
    anna, whole = visitor("nl", phone=phone, dark=dark), BUILT.read_text()
    anna.page.route("**/*.css?whole", lambda route: route.fulfill(body=whole, content_type="text/css"))
    for path in PAGES:
        anna.go("", path)
        pictures = [_picture(anna, path)]
        anna.page.evaluate(
            """() => new Promise((done) => {
                const sheet = document.querySelector("link[rel=stylesheet]");
                sheet.onload = done; sheet.href += "?whole";
            })"""
        )
        pictures.append(_picture(anna, path))
        assert pictures[0] == pictures[1], path


def _picture(anna: Visitor, path: str) -> bytes:
    if path in PICTURED:  # pictures come when they are scrolled to
        anna.page.evaluate(READ)
    return anna.page.screenshot(full_page=True, animations="disabled")


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
        anna.picture(f"large-{path.strip('/').replace('/', '-') or 'home'}", whole=False)
        anna.fits()


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
