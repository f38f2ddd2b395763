"""What the website consists of: its pages and their places, their addresses in each language, and the pictures it shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.templatetags.static import static
from django.urls import ResolverMatch, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shared_apps.kit import cookies, hosts, languages
from shared_apps.legal import documents

Place = Literal["menu", "foot", ""]


@dataclass(frozen=True, slots=True)
class Page:
    name: str  # of its address: "website:<name>"
    label: Any  # lazily translated
    place: Place
    app: str = "website"  # whose addresses name it, where a module above this one shows the page

    def entry(self, path: str, language: str) -> dict[str, Any]:
        """For a menu; `path` is the page that is shown, `language` what its address begins with."""
        url = address(self.name, language)
        return {"label": self.label, "url": url, "active": path == url}


PAGES = (
    Page("home", _("Home"), ""),
    Page("features", _("Features"), "menu"),
    Page("prices", _("Prices"), "menu"),
    Page("integrators", _("For integrators"), "menu"),
    Page("security", _("Security"), "menu"),
    Page("contact", _("Contact"), "foot"),
    Page("promises", _("Promises"), "foot", app="promises"),
    Page("privacy", _("Privacy policy"), "foot"),
    Page("terms", _("Terms of use"), "foot"),
    Page("processing", _("Data processing agreement"), "foot"),
    Page("sub-processors", _("Sub-processors"), "foot"),
    Page("cookies", _("Cookies"), "foot"),
)


def address(name: str, language: str = "", **arguments: Any) -> str:
    """The path of a page: in a language, or without one for whoever has not chosen any."""
    app = next((page.app for page in PAGES if page.name == name), "website")
    return reverse(f"{app}:{name}", kwargs={**arguments, **({"language": language} if language else {})})


def alternates(match: ResolverMatch | None) -> dict[str, str]:
    """The page that is shown in each language: code -> path. "" names the one that leaves it to the visitor."""
    if match is None or match.namespace not in {page.app for page in PAGES}:
        return {}
    captured: dict[str, Any] = match.captured_kwargs  # type: ignore[attr-defined]
    arguments = {name: value for name, value in captured.items() if name != "language"}
    return {code: address(match.url_name or "", code, **arguments) for code in ("", *languages.of_website())}


def listed() -> Iterator[dict[str, str]]:
    """Every page that a search engine may find, in each language: code -> path. Every version of a text is one."""
    for page in PAGES:
        yield {code: address(page.name, code) for code in ("", *languages.of_website())}
    for document in documents.of_the_website():
        arguments = {"version": document.version}
        yield {
            code: address(f"{document.kind}-version", code, **arguments)
            for code in ("", *languages.of_website())
        }


# --- pictures of the product, made by scripts/pictures.py ------------------------------------------------

WIDE, PHONE = (1280, 800), (390, 700)
PICTURES = {
    **dict.fromkeys(("contacts", "contact", "history"), WIDE),
    **{f"{name}_phone": PHONE for name in ("contacts", "contact", "history")},
}
PICTURED = ("fr", "en")  # what the application speaks; others see it in the last one


@dataclass(frozen=True, slots=True)
class Picture:
    light: str
    dark: str
    width: int
    height: int


def pictures(language: str) -> dict[str, Picture]:
    """By name, in the reader's language when the application speaks it."""
    spoken = language if language in PICTURED else PICTURED[-1]

    def file(name: str, theme: str) -> str:
        return static(f"website/{name.replace('_', '-')}-{spoken}-{theme}.avif")

    return {
        name: Picture(file(name, "light"), file(name, "dark"), width, height)
        for name, (width, height) in PICTURES.items()
    }


# --- the register of cookies, for people -----------------------------------------------------------------

HOSTS: dict[hosts.Kind, Any] = {"website": _("The website"), "application": _("The application")}


def cookie_register() -> list[dict[str, Any]]:
    """Every cookie that may be set, a line for each kind of host and purpose."""
    return [
        {
            "name": cookie.name,
            "where": HOSTS[kind],
            "use": use,
            "kept": _lifetime(cookie),
            "since": cookie.since,
        }
        for cookie in cookies.registered()
        for kind, use in cookie.purposes.items()
    ]


def _lifetime(cookie: cookies.Cookie) -> str:
    days = cookie.lifetime // cookies.DAY
    return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}
