"""The website in every language: no cookie until a language is chosen, no foreign request, every page readable."""

import pytest

from tests.browser.conftest import Visitors

PAGES = ("/", "/integrators/", "/security/", "/promises/", "/contact/", "/cookies/", "/terms/", "/privacy/")


@pytest.mark.parametrize(("language", "other", "phone"), [("en", "fr", True), ("fr", "en", False)])
def test_every_page_is_there_in_the_language_asked_for(
    visitor: Visitors, language: str, other: str, phone: bool
) -> None:
    anna = visitor(language, phone=phone)
    for path in PAGES:
        anna.go("", path)
        assert anna.page.locator("html").get_attribute("lang") == language
        anna.look(path.strip("/") or "home", dark=path == "/security/")
    assert anna.context.cookies() == []
    anna.page.locator(
        f"form:has([name=language][value={other}]) button, button[name=language][value={other}]"
    ).locator("visible=true").first.click()
    anna.page.wait_for_load_state()
    assert anna.page.locator("html").get_attribute("lang") == other
    assert [cookie["name"] for cookie in anna.context.cookies()] == ["language"]
    anna.look("other-language")


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
