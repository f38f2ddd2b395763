"""Pages for a browser without a server: rendered here, answered by route, under a strict content policy."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.template import Context, engines
from django.test import RequestFactory
from playwright.sync_api import Browser, Page, Route

from shared_apps.kit.styles import BUILT, build_styles
from tests.chromium import opened

SITE = "http://kit.localhost"
POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
WORKSPACE = {
    "menu": [
        {"label": "Contacts", "url": "/contacts/", "icon": "users", "active": True},
        {"label": "Historique", "url": "/history/", "icon": "clock", "active": False},
    ],
    "account_menu": [
        {"label": "Your account", "url": "/account/", "icon": "user"},
        {"label": "Sign out", "url": "/sign-out/", "icon": "arrow-right-start-on-rectangle", "post": True},
    ],
    "workspace_name": "Acme & Sons",
    "person": SimpleNamespace(name="Olga Acme", email="olga@acme.test"),
    "csrf_token": "token",
}
Answers = dict[str, tuple[int, dict[str, str], str]]


class Stage:
    """A page and what the pretended site answers; `seen` holds posts, `complaints` console errors."""

    def __init__(self, page: Page) -> None:
        self.page, self.answers, self.seen, self.complaints = page, Answers(), list[str](), list[str]()
        page.route("**/*", self._answer)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def show(self, source: str, address: str = "/contacts/", **context: Any) -> Page:
        """Open a page made of this template source; the workspace's context is there unless replaced."""
        template = engines["django"].engine.from_string(source)
        request = RequestFactory().get(address)
        html = template.render(Context({**WORKSPACE, "request": request, **context}))
        self.answers[urlsplit(address).path] = (200, {"Content-Type": "text/html; charset=utf-8"}, html)
        self.page.goto(SITE + address)
        return self.page

    def _answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if route.request.method == "POST":
            self.seen.append(f"{path} {route.request.post_data or ''}")
        if path.startswith("/static/"):
            found = finders.find(path.removeprefix("/static/"))
            kind = TYPES[path[path.rindex(".") :]]
            route.fulfill(path=str(found), content_type=kind) if found else route.fulfill(status=404)
            return
        nothing = (200, {"Content-Type": "text/html"}, "<title>x</title>")
        status, headers, body = self.answers.get(path, nothing)
        route.fulfill(status=status, headers={"Content-Security-Policy": POLICY, **headers}, body=body)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not BUILT.exists():
        build_styles()
    with opened() as browser:
        yield browser


@pytest.fixture
def stage(chromium: Browser) -> Iterator[Callable[..., Stage]]:
    """Makes a Stage; `width` in pixels, `theme` light or dark. At the end nothing may have complained."""
    opened: list[Stage] = []

    def make(width: int = 1280, theme: Any = "light") -> Stage:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce"
        )
        opened.append(Stage(context.new_page()))
        return opened[-1]

    yield make
    for each in opened:
        each.page.context.close()
        assert each.complaints == []
