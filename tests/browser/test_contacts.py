"""A day with the address book: made, doubted, found, changed by two at once, tagged, filed, put away, brought in."""

import csv
import re
import secrets
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.visitor import Visitor

CASES = re.compile(r"/contacts/[0-9a-f-]{36}/$")


def _keep(visitor: Visitor) -> None:
    visitor.press("Save contact")
    visitor.page.wait_for_url(CASES)


def test_a_contact_is_made_found_changed_by_two_at_once_filed_and_deleted(visitor: Visitors) -> None:
    mark = secrets.token_hex(2)
    name = f"Zinguerie Vandenhaute {mark}"
    ingrid, celine = visitor("en"), visitor("fr", phone=True)
    ingrid.sign_in("Ingrid")
    page = ingrid.page
    ingrid.look("home")
    ingrid.open("/contacts/")
    ingrid.look("list", dark=True)

    ingrid.follow("New contact")
    ingrid.look("new", dark=True)
    ingrid.fill(
        name=name, vat_number="BE 0403.170.702", iban="BE68 5390 0754 7035", email="info@zinguerie.example"
    )
    ingrid.press("Save contact")
    ingrid.sees("The check digits of this VAT number don’t fit: a digit is probably wrong.")
    ingrid.look("refused")
    ingrid.fill(
        vat_number="BE 0403.170.701", iban="BE68 5390 0754 7034", city="Liège", new_tags=f"Zinc {mark}"
    )
    page.locator("[name=is_customer]").check()
    _keep(ingrid)
    ingrid.look("record", dark=True)
    case = page.url

    ingrid.open("/contacts/new/")
    ingrid.fill(name=name.upper())
    page.keyboard.press("Tab")
    ingrid.sees("Is it here already?")
    ingrid.look("duplicate")
    page.once("dialog", lambda dialog: dialog.accept())
    ingrid.open("/contacts/")
    ingrid.fill(q=f"zingerie vandenaute {mark}")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name=name)).to_be_visible()
    ingrid.look("found-with-slips")

    celine.sign_in("Céline")
    celine.look("home")
    celine.page.goto(f"{case}edit/")
    page.goto(f"{case}edit/")
    ingrid.fill(phone="+32 4 012 34 56")
    _keep(ingrid)
    celine.look("edit", dark=True)
    celine.fill(phone="+32 4 099 99 99", notes="Demander Jean.")
    with celine.expecting(409):
        celine.press("Save contact")
        celine.sees("Changed meanwhile")
    celine.look("changed-meanwhile")
    _keep(celine)
    celine.look("record")
    celine.reads("Demander Jean.")

    page.goto(case)
    page.locator("input[type=file]").set_input_files(
        [{"name": "Offre signée.txt", "mimeType": "text/plain", "buffer": b"Oui."}]
    )
    ingrid.press("Add the files")
    expect(page.get_by_role("link", name="Offre signée.txt")).to_be_visible()
    with page.expect_download() as caught:
        page.get_by_role("link", name="Offre signée.txt").click()
    assert Path(caught.value.path()).read_bytes() == b"Oui."
    ingrid.look("filed")
    ingrid.press("Archive", "contact")
    ingrid.sees("Archived", "contact")
    ingrid.look("archived")
    ingrid.press("Undo")
    expect(ingrid.button("Archive", "contact")).to_be_visible()

    page.locator("[data-dialog=delete]").click()
    dialog = page.locator("dialog#delete")
    expect(dialog.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
    ingrid.look("delete", whole=False)
    dialog.locator("[name=typed_name]").fill(name)
    dialog.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url("**/contacts/")
    ingrid.look("deleted")
    with ingrid.expecting(404):
        page.goto(case)
    ingrid.look("gone")


def test_several_contacts_are_tagged_and_archived_at_once(visitor: Visitors) -> None:
    bart = visitor("en")
    bart.sign_in("Bart")
    bart.open("/contacts/?kind=company&sort=-changed")
    boxes = bart.page.locator("tbody .select")
    boxes.nth(0).check()
    boxes.nth(3).click(modifiers=["Shift"])
    expect(bart.page.locator("[data-selected]")).to_have_text("4")
    bart.look("chosen", whole=False)
    bart.press("Archive", "contacts")
    bart.look("archived")
    with bart.page.expect_navigation():
        bart.press("Undo")
    bart.open("/contacts/?page=3")
    bart.look("third-page")
    for place in ("#page-2", "#chip-kind-company", "#sort-city"):  # each is replaced, and keeps the focus
        bart.page.locator(place).press("Enter")
        expect(bart.page.locator(place)).to_be_focused()
    expect(bart.page.locator("#said")).to_have_text(re.compile(r"^\d+ contacts$"))
    bart.open("/contacts/tags/")
    bart.look("tags", dark=True)
    bart.page.get_by_role("link", name="Wallonie").first.click()
    bart.look("tagged")


FILE = (
    "Nom;E-mail;N° TVA;Ville\nToitures Belvaux {0};info@belvaux.example;{1};Huy\nGarage Remy {0};;;Dinant\n"
)


def test_a_file_with_a_wrong_line_is_corrected_and_brought_in(visitor: Visitors) -> None:
    mark = secrets.token_hex(2)
    celine = visitor("fr", phone=True)
    celine.sign_in("Céline")
    page = celine.page
    celine.open("/contacts/")
    celine.look("list")
    celine.menu("Import contacts")
    celine.look("choose", dark=True)
    base = secrets.randbelow(900_000) + 19_000_000
    check = 97 - base % 97
    for number, is_right in ((f"BE{base}{check - 1 or 97:02d}", False), (f"BE{base}{check:02d}", True)):
        page.locator("input[type=file]").set_input_files(
            [
                {
                    "name": "clients.csv",
                    "mimeType": "text/csv",
                    "buffer": FILE.format(mark, number).encode("cp1252"),
                }
            ]
        )
        celine.press("Read the file")
        page.wait_for_url("**/columns/")
        celine.look("columns")
        celine.press("Check the file")
        page.wait_for_url(re.compile(r"/import/[0-9a-f-]{36}/$"))
        celine.look("right" if is_right else "refused")
        if not is_right:
            with page.expect_download() as caught:
                celine.follow("Download these lines with the reasons")
            assert "Toitures Belvaux" in Path(caught.value.path()).read_text("utf-8-sig")
            celine.follow("Choose a corrected file")
    page.locator("#commit button.button-primary").click()
    page.wait_for_url("**/contacts/?*")
    celine.reads(f"Toitures Belvaux {mark}")
    celine.look("imported")


def test_the_list_is_exported_as_it_is_filtered(visitor: Visitors) -> None:
    loic = visitor("fr")
    loic.sign_in("Loïc")
    loic.open("/contacts/?relation=supplier&q=metaal")
    with loic.page.expect_download() as caught:
        loic.follow("CSV with semicolons")
    rows = list(csv.DictReader(Path(caught.value.path()).read_text("utf-8-sig").splitlines(), delimiter=";"))
    assert rows and all(row[loic.say("Supplier")] == "1" for row in rows)
    loic.look("filtered")
    loic.open("/contacts/?archived=1")
    loic.look("archived")
    loic.open("/contacts/?q=xqzwk")
    loic.look("nothing-found")
