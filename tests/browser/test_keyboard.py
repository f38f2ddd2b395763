"""With the keyboard alone: sign in, go, search, walk, open, change, sign out."""

from playwright.sync_api import expect

from tests.browser.conftest import Visitors


def test_a_day_without_a_mouse(visitor: Visitors) -> None:
    sofie = visitor("en")
    page, person = sofie.page, sofie.world.sign_in_of("Sofie")
    page.goto(person["url"])
    expect(page.locator("[name=email]")).to_be_focused()
    page.keyboard.type(person["email"])
    page.keyboard.press("Tab")
    page.keyboard.type(person["password"])
    page.keyboard.press("Enter")
    page.wait_for_url(lambda found: "/sign-in/" not in found)
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    sofie.look("palette", dark=True, whole=False)
    page.keyboard.type("cont")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contacts/**")
    page.keyboard.press("/")
    expect(page.locator("[name=q]")).to_be_focused()
    page.keyboard.type("garage")
    expect(
        page.locator("a[href*='/export/?q=garage']").first
    ).to_be_attached()  # the list found, not the one left
    page.keyboard.press("Tab")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(".row-link").first).to_be_focused()
    sofie.look("first-line", whole=False)
    page.keyboard.press("x")
    expect(page.locator("[data-selected]")).to_have_text("1")
    page.locator(".row-link").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/contacts/*-*/")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    sofie.look("shortcuts", whole=False)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("garage")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=garage**")
    page.locator(".rail-account").focus()
    page.keyboard.press("Enter")
    sofie.look("account-menu", whole=False)
    sofie.button("Sign out").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in/**")
    sofie.look("signed-out")


def test_the_first_tab_leads_past_the_menu(visitor: Visitors) -> None:
    sofie = visitor("fr")
    sofie.sign_in("Sofie")
    sofie.open("/team/")
    sofie.page.keyboard.press("Tab")
    skip = sofie.page.locator(":focus")
    assert (skip.get_attribute("href") or "").startswith("#")
    sofie.look("skip", whole=False)
