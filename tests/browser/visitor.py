"""Somebody at a browser, who finds things by their words and notices what is wrong with a page."""

import base64
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_FILE_PATH
from django.utils import translation
from django.utils.translation import gettext, pgettext
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Locator, Request, expect

from shared_apps.accounts.models import factor
from tests.browser.world import DOMAIN, World

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = AXE_FILE_PATH.read_text(encoding="utf-8")
FAULTS = """async (options) => (await axe.run(document, options)).violations.map(
    (each) => [each.id, each.nodes.slice(0, 5).map((node) => node.html)])"""
PASSWORD = "seven quiet herons fly"
USED: dict[bytes, int] = {}  # the last step of each app whose code was typed
# The cookies of those of the demo who signed in: each code is good once, and the next one is half a minute away.
INSIDE: dict[str, Any] = {}
PATIENCE = 60_000  # milliseconds: others may use the machine too
expect.set_options(timeout=PATIENCE)

# What htmx says of a request that ends with its page: somebody was quicker than the answer. A status is told otherwise.
LEFT_BEHIND = ("htmx:afterRequest", "htmx:sendAbort", "htmx:sendError")


class Visitor:
    """`complaints` collects what no page may do: console errors and warnings, requests to other origins."""

    def __init__(self, world: World, context: BrowserContext, *, language: str, album: Path | None) -> None:
        self.world, self.context, self.language, self.album = world, context, language, album
        self.complaints: list[str] = []
        self.expected: tuple[int, ...] = ()
        self.abroad: set[str] = set()  # hosts of others that people are led to by a click
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        context.on("request", self._watch)
        context.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))

    def _watch(self, request: Request) -> None:
        host = urlsplit(request.url).hostname or ""
        is_ours = host == DOMAIN or host.endswith(f".{DOMAIN}") or host in self.abroad
        if not is_ours and not request.url.startswith(("data:", "blob:")):
            self.complaints.append(f"{self.page.url} asked {request.url}")

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type not in ("error", "warning") or said.text.startswith(LEFT_BEHIND):
            return
        status = re.search(r"status of (\d{3})", said.text)
        if not (status and int(status[1]) in self.expected):
            place = said.location
            self.complaints.append(f"{self.page.url}: {said.text} ({place['url']}:{place['lineNumber']})")

    @contextmanager
    def expecting(self, *statuses: int) -> Iterator[None]:
        """Answers with these statuses are no complaint meanwhile."""
        self.expected = statuses
        yield
        self.page.wait_for_timeout(50)
        self.expected = ()

    # --- words ----------------------------------------------------------------------------------------------

    def say(self, text: str, context: str = "", **values: Any) -> str:
        """An English text of the product in the visitor's language, with its values."""
        with translation.override(self.language):
            said = pgettext(context, text) if context else gettext(text)
        return said % values if values else said

    # --- going and doing --------------------------------------------------------------------------------------

    def go(self, label: str, path: str = "/", status: int = 200) -> None:
        """Open an address on a host and look at its status."""
        with self.expecting(status):
            answer = self.page.goto(self.world.url(label, path))
        assert answer and answer.status == status, f"{path} answered {answer and answer.status}"

    def here(self, path: str) -> str:
        """The address of a path on the host we are at."""
        found = urlsplit(self.page.url)
        return f"{found.scheme}://{found.netloc}{path}"

    def open(self, path: str, status: int = 200) -> None:
        """Open another address on the same host."""
        with self.expecting(status):
            answer = self.page.goto(self.here(path))
        assert answer and answer.status == status, f"{path} answered {answer and answer.status}"

    def button(self, text: str, context: str = "", **values: Any) -> Locator:
        """The button of the page's own content with these words."""
        return self.page.get_by_role("button", name=self.say(text, context, **values), exact=True).first

    def link(self, text: str, context: str = "", **values: Any) -> Locator:
        return self.page.get_by_role("link", name=self.say(text, context, **values), exact=True).first

    def press(self, text: str, context: str = "", **values: Any) -> None:
        self.button(text, context, **values).click()

    def follow(self, text: str, context: str = "", **values: Any) -> None:
        self.link(text, context, **values).click()

    def fill(self, **fields: str) -> None:
        """Type into fields by their names."""
        for name, value in fields.items():
            self.page.locator(f"[name={name}]:visible").first.fill(value)

    def menu(self, text: str, context: str = "") -> None:
        """Press an entry of the menu "More"."""
        self.page.locator("main details.menu > summary").first.click()
        self.follow(text, context)

    def sees(self, text: str, context: str = "", **values: Any) -> None:
        """Wait for words of the product."""
        expect(self.page.get_by_text(self.say(text, context, **values)).first).to_be_visible()

    def reads(self, text: str) -> None:
        """Wait for words as they are."""
        self.page.get_by_text(text).locator("visible=true").first.wait_for()

    def sign_in(self, name: str) -> None:
        """As one of the demo's people; in a session of theirs that is still open, if there is one."""
        person = self.world.sign_in_of(name)
        if name in INSIDE:
            self.context.add_cookies(INSIDE[name])
            self.page.goto(person["url"])
            if "/sign-in/" not in self.page.url:
                return
        self.enter(person["url"], person["email"], person["password"])
        if "app_secret" in person:
            self.give_code(base64.b32decode(person["app_secret"]))
        INSIDE[name] = self.context.cookies()

    def give_code(self, secret: bytes) -> None:
        """The second factor. A code is good once, so after somebody else's sign-in it is a later one."""
        self.page.wait_for_url("**/sign-in/second/**")
        while (step := USED.get(secret, 0) + 1) > time.time() // factor.STEP + factor.DRIFT:
            self.page.wait_for_timeout(500)
        USED[secret] = step = max(step, int(time.time()) // factor.STEP)
        self.fill(code=factor.code_at(secret, step))
        self.press("Sign in")
        self.page.wait_for_url(lambda found: "/sign-in/" not in found)

    def enter(self, url: str, email: str, password: str) -> None:
        self.page.goto(url)
        self.fill(email=email, password=password)
        self.press("Sign in")
        self.page.wait_for_url(lambda found: not found.partition("?")[0].endswith("/sign-in/"))

    def mailed_link(self, to: str, wanted: str) -> str:
        """The newest mailed link to this address whose path holds `wanted`. Waits for the mail."""
        box = self.context.new_page()
        try:
            for _each in range(100):
                box.goto(self.world.url("app", "/mails/"))
                for mail in _addresses(box.locator("tbody tr", has_text=to).locator("a"))[:3]:
                    box.goto(mail)
                    if links := [link for link in _addresses(box.locator("main a")) if wanted in link]:
                        return links[0]
                box.wait_for_timeout(200)
        finally:
            box.close()
        raise AssertionError(f"no mail to {to} with {wanted}")

    # --- looking ----------------------------------------------------------------------------------------------

    def look(self, name: str, *, dark: bool = False, whole: bool = True, phone: bool = False) -> None:
        """Refuse a page that is too wide or that somebody can't use; keep a picture of it or of the window if asked.

        `phone`: as wide as one, too.
        """
        self._look(name, whole)
        if phone:
            self.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
            self._look(f"{name}-phone", whole)
            self.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        if dark:
            self.page.emulate_media(color_scheme="dark")
            self._look(f"{name}-dark", whole)
            self.page.emulate_media(color_scheme="light")

    def _look(self, name: str, whole: bool) -> None:
        self.page.wait_for_load_state()
        self.picture(name, whole=whole)
        self.fits()
        rules = {"type": "rule", "values": ["color-contrast"]} if name.endswith("-dark") else WCAG
        self.evaluate(f"window.axe || (() => {{{AXE}}})()")
        faults = self.evaluate(FAULTS, {"runOnly": rules, "resultTypes": ["violations"]})
        assert faults == [], f"{self.page.url} ({name}): {faults}"

    def evaluate(self, script: str, value: object = None) -> Any:
        """What the page says to a script; when it makes place for the next one meanwhile, what that says."""
        while True:
            try:
                return self.page.evaluate(script, value)
            except Error as error:
                if "context was destroyed" not in error.message:
                    raise
                self.page.wait_for_load_state()

    def fits(self) -> None:
        """Nothing is wider than the window."""
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert self.evaluate(wide) <= 0, f"{self.page.url} is wider than its window"

    def picture(self, name: str, *, whole: bool = True) -> None:
        """In the album, when somebody wants to look."""
        if self.album:
            number = len(list(self.album.glob("*.png"))) + 1
            self.page.screenshot(
                path=self.album / f"{number:02d}-{name}.png", full_page=whole, caret="initial"
            )


def _addresses(links: Locator) -> list[str]:
    found: list[str] = links.evaluate_all("(all) => all.map((link) => link.href)")
    return found
