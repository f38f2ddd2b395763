"""An operator in a client's workspace, by a grant: asked for, approved, used, watched, ended."""

from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.visitor import Visitor


def ask(oscar: Visitor, workspace: str) -> None:
    oscar.open(f"/clients/?q={workspace}")
    oscar.page.locator(".row-link").first.click()
    oscar.follow("Ask for access…")


def test_an_operator_asks_enters_and_is_ended_by_the_client(
    visitor: Visitors, owner: Visitor, workspace: str
) -> None:
    oscar = visitor("en")
    oscar.sign_in("Oscar")
    ask(oscar, workspace)
    oscar.press("Ask for access")
    oscar.look("ask-refused")
    oscar.fill(reason="The import of Tuesday stops at line 12")
    oscar.press("Ask for access")
    oscar.sees("The owners are told by mail.")
    oscar.look("grants", dark=True)
    oscar.page.locator("td.end button.button-primary").first.click()
    oscar.page.wait_for_url("**/workspace/support/enter/**")
    oscar.look("enter", dark=True)
    oscar.press("Enter", "a client's workspace")
    oscar.page.wait_for_url(lambda found: "/enter/" not in found)
    oscar.look("inside", dark=True)
    oscar.open("/contacts/")
    oscar.open("/contacts/export/", status=403)
    oscar.open("/team/", status=403)
    owner.open("/workspace/")
    owner.follow("Smoall’s team in this workspace")
    owner.sees("In force now")
    owner.look("in-force", dark=True)
    owner.page.locator("a", has_text="See").first.click()
    owner.reads("/contacts/")
    owner.look("what-was-opened", dark=True)
    owner.press("End it now")
    owner.sees("The access is ended.")
    owner.look("ended")
    oscar.open("/contacts/", status=403)
    oscar.sees("This access is over")
    oscar.look("over")


def test_a_client_that_is_asked_first_lets_in_on_a_phone(
    visitor: Visitors, owner: Visitor, workspace: str
) -> None:
    owner.page.set_viewport_size({"width": 390, "height": 844})
    owner.open("/workspace/support/")
    owner.look("nobody-yet")
    owner.page.locator("#needs_consent").check()
    owner.press("Save")
    owner.page.wait_for_load_state()
    expect(owner.page.locator("#needs_consent")).to_be_checked()
    oscar = visitor("en", phone=True)
    oscar.sign_in("Oscar")
    ask(oscar, workspace)
    oscar.look("ask")
    oscar.fill(reason="You asked us to look at a number")
    oscar.press("Ask for access")
    oscar.sees("The owners are asked by mail.")
    oscar.look("waits")
    owner.page.goto(owner.mailed_link(f"owner@{workspace}.example", "/workspace/support/"))
    owner.look("asked")
    owner.press("Let them in")
    owner.sees("In force now")
    oscar.open("/grants/")
    oscar.page.locator("td.end button.button-primary").first.click()
    oscar.press("Enter", "a client's workspace")
    oscar.page.wait_for_url(lambda found: "/enter/" not in found)
    oscar.look("inside")
    oscar.press("Leave", "a workspace")
    oscar.page.wait_for_url("**/grants/")


def test_a_new_version_of_confidentiality_is_read_on_the_console(visitor: Visitors) -> None:
    oscar = visitor("en")
    oscar.sign_in("Oscar")
    oscar.open("/confidentiality/")
    oscar.look("confidentiality", dark=True)
