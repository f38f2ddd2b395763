"""A second factor as people meet it: an app, passkeys of a telephone and of a key, recovery codes, and losing it all."""

import base64
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from shared_apps.accounts.models import factor
from tests.browser.conftest import Visitors
from tests.browser.visitor import PASSWORD, Visitor


def with_device(visitor: Visitor, *, transport: str = "internal", verified: bool = True) -> Any:
    """Chromium's virtual authenticator: the session over which it is told what its person does."""
    talk = visitor.context.new_cdp_session(visitor.page)
    talk.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": transport, "hasUserVerification": True, "isUserVerified": verified,
        "hasResidentKey": False, "automaticPresenceSimulation": True,
    }  # fmt: skip
    talk.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return talk


def sign_out(visitor: Visitor) -> None:
    visitor.page.locator("details.menu > summary", has_text=visitor.say("Account:")).first.click()
    visitor.press("Sign out")
    visitor.page.wait_for_url("**/sign-in/**")


def read_secret(visitor: Visitor) -> bytes:
    return base64.b32decode(visitor.page.locator("main code").inner_text().replace(" ", ""))


def test_an_owner_sets_up_an_app_keeps_codes_and_signs_in_with_both(
    owner: Visitor, workspace: str, tmp_path: Path
) -> None:
    owner.open("/me/")
    owner.look("me")
    owner.follow("Second factor")
    owner.look("nothing-yet", dark=True)
    owner.follow("Set up an app")
    secret = read_secret(owner)
    owner.look("picture", dark=True)
    owner.fill(code="000000")
    owner.press("Switch on")
    owner.look("wrong-code")
    assert read_secret(owner) == secret
    owner.fill(code=factor.code_at(secret, int(time.time()) // factor.STEP))
    owner.press("Switch on")
    owner.sees("Your recovery codes")
    owner.look("codes", dark=True)
    codes = owner.page.locator("pre").inner_text().split()
    assert len(codes) == 10
    with owner.page.expect_download() as download:
        owner.press("Download")
    download.value.save_as(tmp_path / "codes.txt")
    assert (tmp_path / "codes.txt").read_text().split() == codes
    owner.follow("I have kept them")
    sign_out(owner)
    owner.fill(email=f"owner@{workspace}.example", password=PASSWORD)
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url("**/sign-in/second/**")
    expect(owner.page.locator("[name=code]")).to_be_focused()
    owner.look("second", dark=True)
    owner.page.keyboard.type("123456")
    owner.page.keyboard.press("Enter")
    owner.sees("This code is not right, or it was used already.")
    owner.look("second-refused")
    owner.fill(code=codes[0])
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url(lambda found: "/sign-in/" not in found)
    owner.look("in-with-a-recovery-code")
    owner.open("/me/password/")
    owner.look("password-asks-for-the-code")


def test_passkeys_of_a_telephone_and_of_a_key_in_french(
    visitor: Visitors, owner: Visitor, workspace: str
) -> None:
    olga = visitor("fr", phone=True)
    with_device(olga)
    olga.page.goto(olga.world.url(workspace, "/sign-in/"))
    olga.fill(email=f"owner@{workspace}.example", password=PASSWORD)
    olga.page.keyboard.press("Enter")
    olga.page.wait_for_url(lambda found: "/sign-in/" not in found)
    olga.open("/me/")
    olga.page.locator("[name=language]").select_option("fr")
    olga.page.locator("main form button.button-primary").click()
    olga.page.wait_for_load_state()
    olga.open("/me/factors/")
    olga.look("rien-encore")
    olga.follow("Add a passkey")
    olga.look("ajouter")
    olga.page.locator("[name=name]").fill("Téléphone d'Olga")
    olga.press("Make the passkey")
    olga.sees("Your recovery codes")
    olga.look("codes")
    olga.open("/me/factors/")
    olga.look("une-cle", dark=True)
    olga.page.locator("[data-dialog^=rename]").click()
    olga.page.locator("dialog[open] [name=name]").fill("Gsm")
    olga.look("renommer", whole=False)
    olga.page.locator("dialog[open] button.button-primary").click()
    olga.reads("Gsm")
    olga.page.goto(olga.world.url(workspace, "/me/factors/"))
    olga.context.clear_cookies()
    olga.page.goto(olga.world.url(workspace, "/sign-in/"))
    olga.fill(email=f"owner@{workspace}.example", password=PASSWORD)
    olga.page.keyboard.press("Enter")
    olga.page.wait_for_url("**/sign-in/second/**")
    olga.look("second")
    olga.press("Use a passkey")
    olga.page.wait_for_url(lambda found: "/sign-in/" not in found)
    olga.look("dedans")
    olga.open("/me/password/")
    olga.fill(current=PASSWORD, password="six calm otters swim")
    olga.press("Use a passkey")
    olga.page.wait_for_url("**/me/")


def test_a_passkey_without_the_persons_finger_is_not_made_and_says_so(owner: Visitor) -> None:
    with_device(owner, transport="usb", verified=False)
    owner.open("/me/factors/passkeys/add/")
    owner.page.locator("[name=name]").fill("Blue key")
    owner.press("Make the passkey")
    owner.sees("The passkey was not made. Try again when you are ready.")
    owner.look("not-made")


def test_a_new_operator_sets_up_a_second_factor_before_anything_else(visitor: Visitors) -> None:
    name = f"odile-{int(time.time())}"
    odile = visitor("en")
    with_device(odile, transport="usb")
    made = odile.world.command(
        "create_operator", "--email", f"{name}@smoall.example", "--name", "Odile", "--language", "en"
    )
    odile.page.goto(made["url"])
    odile.fill(password=PASSWORD)
    odile.page.locator("main form button.button-primary").click()
    odile.page.wait_for_url("**/me/factors/")
    odile.look("needs-one", dark=True)
    odile.open("/clients/")
    odile.page.wait_for_url("**/me/factors/")
    odile.follow("Add a passkey")
    odile.page.locator("[name=name]").fill("Blue key")
    odile.press("Make the passkey")
    odile.sees("Your recovery codes")
    odile.follow("I have kept them")
    odile.open("/clients/")
    odile.open("/operators/")
    odile.look("operators")
