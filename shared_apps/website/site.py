"""What the website consists of: its pages and their places, and what each cookie is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shared_apps.kit.headers import COOKIES, Cookie


@dataclass(frozen=True, slots=True)
class Page:
    name: str  # of its address: "website:<name>"
    label: Any  # lazily translated
    place: Literal["menu", "foot", ""]
    app: str = "website"  # whose addresses name it: "promises:page" stands in a module above

    @property
    def url_name(self) -> str:
        return f"{self.app}:{self.name}" if self.app == "website" else f"{self.app}:page"

    def entry(self, path: str) -> dict[str, Any]:
        """For a menu; `path` is the page that is shown."""
        url = reverse(self.url_name)
        return {"label": self.label, "url": url, "active": path == url}


PAGES = (
    Page("home", _("Home"), ""),
    Page("integrators", _("For integrators"), "menu"),
    Page("security", _("Security and privacy"), "menu"),
    Page("promises", _("Promises"), "menu", app="promises"),
    Page("contact", _("Contact"), "menu"),
    Page("terms", _("Terms of use"), "foot"),
    Page("privacy", _("Privacy policy"), "foot"),
    Page("cookies", _("Cookies"), "foot"),
)
HOSTS: Mapping[str, Any] = {"website": _("The website"), "application": _("The application")}
COOKIE_USES: Mapping[str, Any] = {
    "language": _("Remembers the language that you chose. It is set only when you choose one."),
    "__Host-session": _(
        "Keeps you signed in and your forms safe. It is a random number that says nothing about you."
    ),
}


def cookie_register() -> list[dict[str, Any]]:
    """Every cookie that may be set, for people. Raises KeyError for one that nobody described."""
    return [
        {
            "name": cookie.name, "where": HOSTS[cookie.host], "use": COOKIE_USES[cookie.name],
            "kept": _lifetime(cookie), "since": cookie.since,
        }
        for cookie in COOKIES
    ]  # fmt: skip


def _lifetime(cookie: Cookie) -> str:
    days = cookie.lifetime // (24 * 3600)
    return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}
