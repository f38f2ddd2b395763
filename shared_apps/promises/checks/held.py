"""The page on which a client sees what is held about it, made and read as an owner would (P38)."""

from typing import Any

from django.conf import settings
from django.test import RequestFactory
from django.urls import get_urlconf, reverse, set_urlconf
from django.utils import translation
from django.utils.html import conditional_escape
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.accounts.models import Kind, User
from shared_apps.kit.module import OWNER, all_holdings
from shared_apps.promises.checking import Result, Round, check, kept_if
from tenants import views_holdings

WORKSPACE = "config.urls_tenant"
PAGES = 3  # workspaces of a round whose page is made


@check("P38", title=_("The page about what is held, beside the register"))
def page_shows_the_register(around: Round) -> Result:
    """The page itself, made as an owner gets it, in every language: each thing held, with its reason and its time."""
    held, workspaces = all_holdings(), around.share[:PAGES]
    pages = silent = missing = 0
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            for body in around.in_share(lambda code=code: page_of(code), only=workspaces):  # type: ignore[misc]
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


def page_of(language: str) -> str:
    """The page of the workspace in force, for an owner who has no row there. Nothing is written."""
    before = get_urlconf()
    request: Any = RequestFactory().get(reverse("workspace:holdings", urlconf=WORKSPACE))
    request.site, request.urlconf, request.session = "tenant", WORKSPACE, {}
    request.user = User(
        name="Smoall", email="owner@smoall.invalid", kind=Kind.PERSON, role=int(OWNER), language=language
    )
    try:
        set_urlconf(WORKSPACE)
        return str(views_holdings.home(request).content.decode())
    finally:
        set_urlconf(before)
