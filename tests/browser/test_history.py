"""The history: who did what, filtered, beside a record, and as a file."""

import secrets
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitors


def test_every_change_is_there_with_its_author(visitor: Visitors) -> None:
    ingrid, note = visitor("en"), f"Closed on Fridays, says {secrets.token_hex(3)}."
    ingrid.sign_in("Ingrid")
    page = ingrid.page
    ingrid.open("/contacts/?kind=company&relation=supplier")
    page.locator(".row-link").first.click()
    page.wait_for_url("**/contacts/*-*/")
    name = page.locator("h1").inner_text().splitlines()[0].strip()
    ingrid.follow("Edit")
    ingrid.fill(notes=note)
    ingrid.press("Save contact")
    page.wait_for_url(lambda found: not found.endswith("/edit/"))
    newest = page.locator(".timeline-entry").first
    expect(newest).to_contain_text("Ingrid Vandersteppe")
    expect(newest).to_contain_text(note)
    ingrid.look("beside-the-record")

    ingrid.open("/history/")
    expect(page.locator(".timeline-entry").first).to_contain_text(note)
    ingrid.look("all", dark=True)
    page.locator("details:has([name=who]) > summary").click()
    page.locator("[name=who]").select_option(label="Bart Claerhoven")
    ingrid.press("Filter", "history")
    page.wait_for_url("**who=*")
    assert set(page.locator(".timeline-entry strong").all_inner_texts()) >= {"Bart Claerhoven"}
    expect(page.get_by_text("Ingrid Vandersteppe", exact=True).locator("visible=true")).to_have_count(1)
    ingrid.look("by-one-person")
    ingrid.open("/history/?done=2")
    ingrid.look("deleted")
    ingrid.open("/history/?q=zzzzqq")
    ingrid.look("nothing")
    ingrid.open(f"/history/?q={name.split()[0]}")
    with page.expect_download() as caught:
        ingrid.follow("Export as CSV")
    assert name.split()[0] in Path(caught.value.path()).read_text("utf-8-sig")


def test_a_year_can_be_walked_through_on_a_phone(visitor: Visitors) -> None:
    elise = visitor("fr", phone=True)
    elise.sign_in("Élise")
    elise.open("/history/")
    elise.look("newest", dark=True)
    for _each in range(2):
        elise.page.locator("a[href*='before=']").first.click()
        elise.page.wait_for_url("**before=*")
    elise.look("older")
    elise.page.locator("a[href*='/history/contacts/contact/'], a[href*='/contacts/']").first.click()
    elise.page.wait_for_load_state()
    elise.look("its-record")
