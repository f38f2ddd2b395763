"""From notice to certificate: an owner gives notice, moves a day, stays, leaves; what is left is corrected and erased."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
from playwright.sync_api import expect

from config import embedded_postgres
from shared_apps.kit.dates import day_of
from tests.browser.conftest import Visitors
from tests.browser.visitor import PASSWORD, Visitor
from tests.browser.world import ROOT, World

PAST = """
    WITH shift AS (SELECT e.id, e.data_on - %s AS days FROM tenants_departure e JOIN tenants_domain d
                       ON d.tenant_id = e.tenant_uuid WHERE d.domain = %s AND e.withdrawn_at IS NULL)
    UPDATE tenants_departure e SET noticed_at = noticed_at - days * interval '1 day',
           data_promised_on = data_promised_on - days, contacts_promised_on = contacts_promised_on - days,
           data_on = data_on - days, contacts_on = contacts_on - days
      FROM shift WHERE shift.id = e.id"""


def _three_months_later(world: World, workspace: str) -> None:
    """The last day of the data was yesterday, and the schedule looks."""
    yesterday = day_of(datetime.now(UTC)) - timedelta(days=1)
    admin = psycopg2.connect(embedded_postgres.admin_url(world.data), dbname="smoall")
    try:
        with admin, admin.cursor() as cursor:
            cursor.execute(
                "SET session_replication_role = replica"
            )  # no instruction: no entry in the history
            cursor.execute(PAST, [yesterday, workspace])
            assert cursor.rowcount == 1
    finally:
        admin.close()
    assert len(world.command("enforce_retention")["begun"]) == 1


def _in(days: int) -> str:
    """As a date field takes it."""
    return str(day_of(datetime.now(UTC)) + timedelta(days=days))


def _give_notice(owner: Visitor) -> None:
    owner.open("/workspace/leave/")
    owner.fill(current=PASSWORD)
    owner.press("Give notice")
    owner.sees("The days in force")


def test_an_owner_gives_notice_moves_a_day_stays_and_leaves(
    owner: Visitor, workspace: str, visitor: Visitors
) -> None:
    page = owner.page
    owner.open("/workspace/")
    owner.look("workspace")
    owner.follow("Leave Smoall…")
    owner.look("what-would-happen", dark=True)
    page.get_by_text("Other days", exact=True).click()
    owner.fill(data_on=_in(20), current="not my password")
    owner.press("Give notice")
    owner.look("notice-refused")
    expect(page.locator("[name=data_on]")).to_have_value(_in(20))
    owner.fill(data_on="", current=PASSWORD)
    owner.press("Give notice")
    owner.sees("The days in force")
    owner.look("leaving", dark=True)
    owner.open("/contacts/")
    owner.sees("This workspace leaves Smoall.")
    owner.look("banner", dark=True)
    owner.follow("See the dates, or stay")

    data = page.locator("form[action$='/data/']")
    page.locator("details", has=data).locator("summary").click()
    data.locator("[name=on]").fill(_in(20))
    data.locator("[name=current]").fill("not my password")
    data.get_by_role("button", name="Keep until that day").click()
    owner.look("day-refused")
    data.locator("[name=current]").fill(PASSWORD)
    data.get_by_role("button", name="Keep until that day").click()
    owner.reads("Promised with the notice:")
    owner.look("day-moved", dark=True)
    page.get_by_role("button", name="Withdraw the notice…").click()
    owner.look("withdraw", whole=False)
    page.locator("#withdraw").get_by_role("button", name="Withdraw the notice", exact=True).click()
    owner.sees("The notice is withdrawn: everything is as it was before.")
    expect(page.get_by_text("This workspace leaves Smoall.")).to_have_count(0)
    _give_notice(owner)

    _is_seen_by_an_operator(visitor(), visitor("en", phone=True), workspace)


def test_a_phone_reads_the_days_in_french(visitor: Visitors) -> None:
    elise = visitor("fr", phone=True)
    elise.sign_in("Élise")
    elise.open("/workspace/")
    elise.look("workspace")
    elise.open("/workspace/leave/")
    elise.look("what-would-happen", dark=True)
    elise.page.get_by_text(elise.say("Other days"), exact=True).click()
    elise.fill(current="not my password")
    elise.page.locator("[name=contacts_on]").fill(_in(3))
    elise.press("Give notice")
    elise.look("notice-refused")
    nadege = visitor("fr", phone=True)
    nadege.sign_in("Nadège")
    nadege.look("banner")
    nadege.open("/workspace/leave/")
    nadege.look("leaving", dark=True)


def _is_seen_by_an_operator(oscar: Visitor, on_the_way: Visitor, workspace: str) -> None:
    oscar.sign_in("Oscar")
    oscar.look("overview")
    oscar.open("/departures/")
    oscar.look("departures", dark=True)
    oscar.open(f"/clients/?q={workspace}&state=leaving")
    oscar.page.locator(".row-link").first.click()
    oscar.sees("This client leaves.")
    oscar.look("client", dark=True)
    oscar.page.locator("[data-dialog=move-data]").click()
    oscar.look("move-day", whole=False)
    oscar.page.locator("#move-data [name=on]").fill(_in(33))
    oscar.page.locator("#move-data [name=proof]").set_input_files(
        {"name": "letter.pdf", "mimeType": "application/pdf", "buffer": b"no letter at all"}
    )
    oscar.page.locator("#move-data .button-primary").click()
    oscar.page.wait_for_url("**/move-day/data/")
    oscar.look("proof-refused")
    oscar.page.locator("main [name=proof]").set_input_files(
        {"name": "letter.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 please keep it longer"}
    )
    oscar.page.locator("main form .button-primary").click()
    oscar.page.wait_for_url(re.compile(r"/clients/[0-9a-f-]{36}/$"))
    with oscar.page.expect_download() as caught:
        oscar.follow("What the client wrote")
    assert Path(caught.value.path()).read_bytes().startswith(b"%PDF-1.4")
    oscar.look("moved-for-the-client")
    on_the_way.sign_in("Oscar")
    on_the_way.open("/departures/")
    on_the_way.look("departures-phone", dark=True)
    on_the_way.page.locator(".row-link").first.click()
    on_the_way.look("client-phone")


def test_what_is_left_is_corrected_and_erased_by_its_contact_person(
    owner: Visitor, workspace: str, world: World, visitor: Visitors, tmp_path: Path
) -> None:
    address, other = f"owner@{workspace}.example", f"books@{workspace}.example"
    _give_notice(owner)
    _three_months_later(world, workspace)
    olga = visitor("fr", phone=True)
    first = olga.mailed_link(address, "/contact-details/")
    olga.page.goto(first)
    olga.look("contact-details", dark=True)
    olga.follow("Correct", "contact details")
    olga.fill(vat_number="BE 0403.170.702", city="Liège", contact_email=other)
    olga.press("Save")
    olga.look("correct-refused", dark=True)
    olga.fill(vat_number="BE 0403.170.701")
    olga.press("Save")
    olga.look("moved")
    with olga.expecting(410):
        olga.page.goto(first)
    olga.look("expired")
    olga.press("Mail me another link")
    olga.look("sent")

    link = olga.mailed_link(other, "/contact-details/")
    olga.page.goto(link)
    olga.reads("Liège")
    desk = visitor("en", dark=True)
    desk.page.goto(link)
    desk.look("contact-details-desktop")
    desk.page.locator("form[action$='/day/']").locator("xpath=ancestor::details").locator("summary").click()
    desk.page.locator("[name=on]").fill(_in(50))
    desk.press("Keep until that day")
    desk.reads("Promised with the notice:")
    desk.look("another-day")
    desk.fill(typed_name="Something else")
    desk.press("Erase the contact details")
    desk.look("erase-refused")
    desk.fill(typed_name="Ateliers Acme SRL")
    desk.press("Erase the contact details")
    desk.look("erasing")
    expect(desk.page.locator("pre")).to_be_visible()
    desk.look("erased")

    olga.page.goto(link)
    olga.look("erased-phone", dark=True)
    with olga.page.expect_download() as caught:
        olga.follow("Save the certificate")
    caught.value.save_as(tmp_path / "certificate.json")
    assert other not in (tmp_path / "certificate.json").read_text()
    answer = olga.page.goto(world.url("", "/.well-known/smoall-keys.json"))
    assert answer
    (tmp_path / "keys.json").write_text(answer.text())
    said = subprocess.run(
        [sys.executable, "-I", ROOT / "tenants/verifiers/verify_certificate.py", tmp_path / "certificate.json",
         tmp_path / "keys.json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.startswith("Genuine")
