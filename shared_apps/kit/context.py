"""What every page template may use: the menu of this host, who is signed in, the workspace's name."""

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from shared_apps.kit.module import modules


def page(request: HttpRequest) -> dict[str, Any]:
    """`menu`, `person`, `workspace_name`, `site`. Pages without a signed-in person get an empty menu."""
    site = getattr(request, "site", "")
    person = getattr(request, "user", None) if site in ("app", "ops", "tenant") else None
    menu = _menu(request, person) if person is not None and person.is_authenticated else []
    return {
        "site": site,
        "person": person if person is not None and person.is_authenticated else None,
        "workspace_name": getattr(request, "workspace_name", ""),
        "is_suspended": getattr(request, "is_read_only", False),
        "suspended_because": getattr(request, "workspace_reason", ""),
        "leaving_until": getattr(request, "leaving_until", None),
        "leave_url": _leave_url(request, person),
        "unpaid_since": getattr(request, "unpaid_since", None),
        "pay_url": _pay_url(request, person),
        "menu": menu,
        "search_url": next((entry["url"] for entry in menu if entry["searches"]), ""),
    }


def _leave_url(request: HttpRequest, person: Any) -> str:
    """Where a notice stands, for those who may give and withdraw it; "" for others, and without one."""
    if getattr(request, "leaving_until", None) is None or person is None or not person.is_authenticated:
        return ""
    return reverse("workspace:leave") if person.may("workspace.leave") else ""


def _pay_url(request: HttpRequest, person: Any) -> str:
    """Where an unpaid workspace is paid, for those who may; "" for others, and where nothing is unpaid."""
    if getattr(request, "unpaid_since", None) is None or person is None or not person.is_authenticated:
        return ""
    try:
        return reverse("billing:home") if person.may("billing.manage") else ""
    except NoReverseMatch:  # while it is being erased
        return ""


def _menu(request: HttpRequest, person: Any) -> list[dict[str, Any]]:
    """The entries of modules that are mounted on this host and that the person may open."""
    found: list[dict[str, Any]] = []
    entries = [menu for module in modules() for menu in (module.menu, *module.console) if menu]
    for menu in sorted(entries, key=lambda menu: menu.order):
        try:
            url = reverse(menu.url)
        except NoReverseMatch:  # mounted on another host
            continue
        if not menu.right or person.may(menu.right):
            active = request.path.startswith(url) if url != "/" else request.path == "/"
            if active:  # a page below two entries belongs to the nearer one
                nearest = max((entry["url"] for entry in found if entry["active"]), key=len, default="")
                active = len(url) > len(nearest)
                found = [{**entry, "active": entry["active"] and not active} for entry in found]
            found.append(
                {
                    "label": menu.label,
                    "short": menu.short,
                    "url": url,
                    "icon": menu.icon,
                    "active": active,
                    "searches": menu.searches,
                }
            )
    return found
