"""A client and its integrator: proposed by code, accepted, seen, ended; and nothing more is seen."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.visitor import Visitor

CODE = "h4utmar2"


def test_a_link_is_proposed_accepted_seen_and_ended(owner: Visitor, visitor: Visitors) -> None:
    claire = visitor("fr", phone=True)
    claire.sign_in("Claire")
    claire.look("clients", dark=True)
    owner.open("/workspace/")
    owner.look("workspace", dark=True)
    owner.open("/workspace/integrator/")
    owner.look("integrator")
    owner.fill(code="nobody99")
    owner.press("See what would be shown")
    owner.look("unknown-code")
    owner.fill(code=CODE.upper())
    owner.press("See what would be shown")
    owner.look("preview", dark=True)
    owner.press("Propose the link")
    owner.look("proposed")

    claire.open("/clients/")
    claire.look("proposal")
    row = claire.page.locator("tr", has_text="Ateliers Acme SRL").first
    row.get_by_role("button").first.click()
    expect(claire.page.get_by_text("Olga Acme")).to_be_visible()
    claire.look("card", dark=True)
    assert claire.page.locator("main dd").count() <= 9
    address = claire.page.url
    claire.open("/organisation/")
    claire.look("organisation")

    owner.open("/workspace/integrator/")
    owner.look("linked")
    owner.page.locator("[data-dialog$='-end']").click()
    owner.look("end", whole=False)
    owner.page.locator("dialog[open]").get_by_role("button", name="End the link", exact=True).click()
    owner.page.wait_for_load_state()
    owner.look("ended")
    with claire.expecting(404):
        answer = claire.page.goto(address)
    assert answer and answer.status == 404
    claire.look("gone")
    claire.open("/clients/")
    assert claire.page.locator(f"a[href$='{urlsplit(address).path}']").count() == 0


def test_an_integrator_is_no_operator_and_enters_no_workspace(visitor: Visitors) -> None:
    claire = visitor("fr")
    claire.sign_in("Claire")
    claire.look("clients")
    for host, path in (("meca", "/contacts/"), ("ops", "/clients/")):
        claire.page.goto(claire.world.url(host, path))
        claire.page.wait_for_url("**/sign-in/**")
    claire.look("operators-door")
