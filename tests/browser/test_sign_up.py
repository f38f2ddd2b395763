"""From the website to one's own workspace, on a desktop and on a phone."""

import re
import secrets

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visitors
from tests.browser.visitor import PASSWORD


@pytest.mark.parametrize(("language", "phone"), [("en", False), ("fr", True)])
def test_a_company_opens_its_workspace_from_the_website(
    visitor: Visitors, language: str, phone: bool
) -> None:
    name = f"eclair-{secrets.token_hex(3)}"
    elise = visitor(language, phone=phone)
    page = elise.page
    elise.go("")
    elise.look("website", dark=True)
    page.locator("main a[href*='app.'][href*='/sign-up/']").first.click()
    page.wait_for_url("**/sign-up/")
    elise.look("form", dark=True)
    elise.press("Mail me the link")
    elise.look("form-refused")
    elise.fill(
        company="Éclair & Fils SRL",
        vat_number="BE 0403.170.702",
        name="Élise Éclair",
        email=f"elise@{name}.example",
    )
    elise.fill(subdomain="boulangerie")
    page.keyboard.press("Tab")
    elise.sees("This name is taken.")
    elise.fill(subdomain=name)
    page.keyboard.press("Tab")
    page.locator("[name=terms]").check()
    elise.press("Mail me the link")
    elise.look("vat-refused")
    elise.fill(vat_number="BE 0403.170.701")
    elise.press("Mail me the link")
    page.wait_for_url("**/sign-up/sent/")
    elise.look("sent")
    elise.press("Send it again")
    elise.look("sent-again")
    page.locator("main a[href*='/mails/']").click()
    expect(page.get_by_text(f"elise@{name}.example").first).to_be_visible()
    elise.look("mails")
    page.goto(elise.mailed_link(f"elise@{name}.example", "/sign-up/"))
    elise.look("confirm")
    elise.press("Open the workspace")
    elise.look("progress")
    page.wait_for_url(re.compile(rf"//{name}\..*/enter/"))
    elise.look("enter", dark=True)
    elise.fill(password="short")
    elise.press("Enter", "a workspace, for the first time")
    elise.look("password-refused")
    elise.fill(password=PASSWORD)
    elise.press("Enter", "a workspace, for the first time")
    page.wait_for_url(re.compile(rf"//{name}\.[^/]+/$"))
    elise.look("home", dark=True)
    elise.open("/contacts/")
    elise.look("no-contacts")


def test_a_name_typed_before_the_scripts_are_there_is_checked_all_the_same(visitor: Visitors) -> None:
    elise = visitor()
    late: list[Route] = []
    elise.page.route(re.compile(r"/htmx[^/]*\.js"), lambda route: late.append(route))
    elise.page.goto(elise.world.url("app", "/sign-up/"), wait_until="commit")
    elise.fill(subdomain="boulangerie")
    elise.page.wait_for_timeout(1000)
    assert late, "no script was held back"
    late[0].continue_()
    elise.sees("This name is taken.")
