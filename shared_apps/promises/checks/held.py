"""The pages on which a client sees what is held about it (P38) and changes it (P39), made and read as an owner would."""

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import get_urlconf, reverse, set_urlconf
from django.utils import translation
from django.utils.html import conditional_escape
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.accounts.models import Kind, User
from shared_apps.clients.models import Client
from shared_apps.kit.module import OWNER, all_holdings
from shared_apps.promises.checking import Result, Round, check, kept_if
from tenants.views import holdings

WORKSPACE = "config.urls_tenant"
PAGES = 3  # workspaces of a round whose page is made
FIELDS = ("input", "select", "textarea")


@check("P38", title=_("The page about what is held, beside the register"))
def page_shows_the_register(around: Round) -> Result:
    """The page itself, made as an owner gets it, in every language: each thing held, with its reason and its time."""
    held = all_holdings()
    pages = silent = missing = 0
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            for body in _pages(around, holdings.home, "workspace:holdings", code):
                pages += 1
                missing += sum(f'id="{slugify(one.what)}"' not in body for one in held)
                silent += sum(
                    conditional_escape(said) not in body for one in held for said in (one.why, one.kept)
                )
    return kept_if(
        not (missing or silent),
        gettext_noop(
            "Things held: %(held)s; pages looked at: %(pages)s; things missing from one: %(missing)s; without their "
            "reason or time: %(silent)s."
        ),
        held=len(held),
        pages=pages,
        missing=missing,
        silent=silent,
    )


@check("P39", title=_("The page that changes the contact details"))
def details_can_be_changed(around: Round) -> Result:
    """Made as an owner gets it, in every language: a field that can be typed into for each contact detail that is stored."""
    wanted = {one.name for one in Client._meta.concrete_fields if one.editable and not one.primary_key}
    pages = missing = locked = 0
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            for body in _pages(around, holdings.correct, "workspace:holdings-correct", code):
                found = fields_of(body)
                pages += 1
                missing += len(wanted - found.keys())
                locked += sum(not is_open for name, is_open in found.items() if name in wanted)
    return kept_if(
        not (missing or locked),
        gettext_noop(
            "Contact details: %(details)s; pages looked at: %(pages)s; details without a field to change them: %(missing)s; "
            "fields that can’t be typed into: %(locked)s."
        ),
        details=len(wanted),
        pages=pages,
        missing=missing,
        locked=locked,
    )


def fields_of(body: str) -> dict[str, bool]:
    """The fields of a page by their names, and whether one of that name can be typed into or chosen."""
    reader = _Fields()
    reader.feed(body)
    reader.close()
    return reader.found


class _Fields(HTMLParser):
    """By attributes alone: what stands in their values is the client's, whatever words it has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, bool] = {}
        self.around: list[bool] = []  # each fieldset that is open, and whether it locks what stands in it

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "fieldset":
            self.around.append("disabled" in given)
        elif tag in FIELDS and (name := given.get("name")):
            is_locked = "disabled" in given or "readonly" in given or given.get("type") == "hidden"
            is_open = not (is_locked or any(self.around))
            self.found[name] = self.found.get(name, False) or is_open

    def handle_endtag(self, tag: str) -> None:
        if tag == "fieldset" and self.around:
            self.around.pop()


View = Callable[[HttpRequest], HttpResponse]


def _pages(around: Round, view: View, name: str, language: str) -> Iterator[str]:
    """The page in some workspaces of the round."""
    yield from around.in_share(lambda: page_of(view, name, language), only=around.share[:PAGES])


def page_of(view: View, name: str, language: str) -> str:
    """The page of the workspace in force, for an owner who has no row there. Nothing is written."""
    before = get_urlconf()
    request: Any = RequestFactory().get(reverse(name, urlconf=WORKSPACE))
    request.site, request.urlconf, request.session = "tenant", WORKSPACE, {}
    request.user = User(
        name="Smoall", email="owner@smoall.invalid", kind=Kind.PERSON, role=int(OWNER), language=language
    )
    try:
        set_urlconf(WORKSPACE)
        return str(view(request).content.decode())
    finally:
        set_urlconf(before)
