"""A colleague is invited, enters by the mailed link in another browser, and sees what a member may."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.visitor import PASSWORD, Visitor


def test_a_colleague_enters_by_the_mailed_link_and_meets_the_limits_of_the_role(
    owner: Visitor, visitor: Visitors, workspace: str
) -> None:
    address = f"colin@{workspace}.example"
    owner.open("/team/")
    owner.look("alone", dark=True)
    owner.follow("Invite somebody")
    owner.press("Mail the invitation")
    owner.look("invitation-refused")
    owner.fill(name="Colin Colas", email=address)
    owner.page.locator("[name=language]").select_option("fr")
    owner.press("Mail the invitation")
    owner.reads("Colin Colas")
    owner.look("invited")

    colin = visitor("fr", phone=True)
    colin.page.goto(colin.mailed_link(address, "/invitation/"))
    colin.look("invitation", dark=True)
    colin.fill(password=PASSWORD)
    colin.page.locator("main form button.button-primary").click()
    colin.page.wait_for_url(re.compile(rf"//{workspace}\.[^/]+/$"))
    colin.look("home-of-a-member")
    colin.open("/team/")
    colin.look("team-of-a-member")
    assert colin.link("Invite somebody").count() == 0
    for closed in ("/team/invite/", "/workspace/erase/", "/workspace/exports/"):
        colin.open(closed, status=403)
    colin.look("forbidden", dark=True)
    colin.open("/me/")
    colin.look("me", dark=True)
    colin.open("/me/sessions/")
    colin.look("sessions")

    owner.open("/team/")
    owner.page.get_by_role("link", name="Colin Colas").click()
    owner.look("colleague", dark=True)
    owner.page.locator("[name=role]").select_option("2")
    owner.press("Change the role")
    owner.reads("Administrator")
    colin.open("/team/invite/")
    owner.page.locator("[data-dialog=deactivate]").click()
    owner.look("deactivate", whole=False)
    owner.page.locator("#deactivate").get_by_role("button", name="Deactivate").click()
    expect(owner.page.get_by_text("Deactivated").first).to_be_visible()
    colin.page.goto(colin.here("/team/"))
    colin.page.wait_for_url("**/sign-in/**")
    colin.look("signed-out")


def test_a_forgotten_password_is_set_anew_by_mail(visitor: Visitors, workspace: str, owner: Visitor) -> None:
    address = f"owner@{workspace}.example"
    elsewhere = visitor("fr", phone=True)
    elsewhere.go(workspace, "/sign-in/")
    elsewhere.look("sign-in", dark=True)
    elsewhere.fill(email=address, password="not my password at all")
    elsewhere.press("Sign in")
    elsewhere.look("refused")
    elsewhere.follow("Forgotten password?")
    elsewhere.fill(email=address)
    elsewhere.look("forgot")
    elsewhere.page.locator("main form button.button-primary").click()
    elsewhere.look("forgot-sent")
    link = elsewhere.mailed_link(address, "/reset/")
    elsewhere.page.goto(link)
    elsewhere.look("reset")
    elsewhere.fill(password=f"{PASSWORD} south")
    elsewhere.press("Set this password")
    elsewhere.page.wait_for_url(lambda found: "/reset/" not in found)
    owner.page.goto(owner.here("/team/"))
    owner.page.wait_for_url("**/sign-in/**")
    with elsewhere.expecting(403, 404, 410):
        elsewhere.page.goto(link)
    elsewhere.look("link-used")
