"""The legal texts as people meet them: on the website with a phone, in a workspace, and at an operator's desk."""

import pytest

from tests.browser.conftest import ENTRIES, Visitors
from tests.browser.visitor import PASSWORD


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_visitor_reads_every_text_on_a_phone(visitor: Visitors, language: str) -> None:
    vera = visitor(language, phone=True)
    for kind in ("privacy", "terms", "processing"):
        vera.go("", f"/{kind}/")
        vera.look(kind, dark=kind == "processing")
    vera.go("", "/nl/privacy/1/")
    vera.look("privacy-nl")
    vera.go("", "/sub-processors/")
    vera.look("sub-processors", dark=True)
    vera.go("", "/fr/processing/1/text/")
    assert vera.context.cookies() == []


def test_a_text_at_a_desktop(visitor: Visitors) -> None:
    vera = visitor("en")
    vera.go("", "/de/processing/1/")
    vera.look("processing-de", dark=True)


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_an_owner_reads_what_the_company_accepted(visitor: Visitors, phone: bool) -> None:
    someone = visitor("fr", phone=phone)
    someone.sign_in("Philippe")
    someone.open("/workspace/")
    someone.look("workspace")
    someone.follow("Read the texts")
    someone.look("documents", dark=True)
    someone.page.locator("tbody a").first.click()
    someone.look("document", dark=True)


def test_an_operator_sees_the_texts(visitor: Visitors) -> None:
    oscar = visitor("en")
    oscar.sign_in("Oscar")
    oscar.open("/documents/")
    oscar.look("documents", dark=True)
    oscar.open("/documents/privacy/1/")
    oscar.look("document", dark=True)


def test_an_owner_who_comes_by_the_operators_link_accepts_the_terms_there(
    visitor: Visitors, workspace: str
) -> None:
    olga = visitor("fr", phone=True)
    olga.page.goto(ENTRIES.pop(workspace))
    olga.look("enter", dark=True)
    olga.fill(password=PASSWORD)
    olga.press("Enter", "a workspace, for the first time")
    assert "/enter/" in olga.page.url, "the browser itself asks for the box"
    olga.page.locator("[name=terms]").check()
    olga.press("Enter", "a workspace, for the first time")
    olga.page.wait_for_url(lambda found: "/enter/" not in found)
    olga.open("/workspace/documents/")
    olga.look("accepted")
    assert olga.page.get_by_text(olga.say("Nothing is on record yet.")).count() == 0
