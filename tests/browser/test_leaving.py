"""The way out: a copy that opens without Smoall, a workspace closed and opened again, one destroyed, one restored."""

import json
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pyrage
from playwright.sync_api import expect

from tenants import keys
from tenants.archive import ArchiveReader
from tests.browser.conftest import Visitors
from tests.browser.visitor import PASSWORD, Visitor
from tests.browser.world import ROOT, World

SECRET = "four brown hens count eggs"


def _public_keys(visitor: Visitor, folder: Path) -> Path:
    """Smoall's public keys, as the website tells them."""
    tab = visitor.context.new_page()
    answer = tab.goto(visitor.world.url("", "/.well-known/smoall-keys.json"))
    assert answer
    (folder / "keys.json").write_text(answer.text())
    tab.close()
    return folder / "keys.json"


def _run(*command: object) -> str:
    done = subprocess.run(
        [sys.executable, "-I", *map(str, command)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _add_contact(owner: Visitor, name: str) -> None:
    owner.open("/contacts/new/")
    owner.fill(name=name)
    owner.press("Save contact")
    owner.page.wait_for_url(re.compile(r"/contacts/[0-9a-f-]{36}/$"))


def _take_copy(owner: Visitor, folder: Path) -> Path:
    owner.open("/workspace/exports/")
    owner.look("no-copies", dark=True)
    owner.fill(secret="short", again="short")
    owner.press("Make a copy")
    owner.look("passphrase-refused")
    owner.fill(secret=SECRET, again=SECRET)
    owner.press("Make a copy")
    owner.look("copying")
    button = owner.button("Take the copy")
    expect(button).to_be_visible(timeout=60_000)
    owner.look("copy-ready")
    with owner.page.expect_download() as caught:
        button.click()
    path = folder / caught.value.suggested_filename
    caught.value.save_as(path)
    return path


def test_a_copy_is_taken_once_opens_without_smoall_and_comes_back(
    owner: Visitor, workspace: str, world: World, tmp_path: Path, visitor: Visitors
) -> None:
    _add_contact(owner, "Verrerie du Val-Perdu")
    path = _take_copy(owner, tmp_path)
    known = _public_keys(owner, tmp_path)
    with ArchiveReader(path, SECRET) as reader:
        manifest = reader.manifest(keys.parse_public_keys(known.read_text()))
        assert manifest.counts["contacts_contact"] == 1
    assert b"Val-Perdu" not in path.read_bytes()
    plain = tmp_path / "plain.zip"
    plain.write_bytes(pyrage.passphrase.decrypt(path.read_bytes(), SECRET))
    assert "As Smoall wrote it" in _run(ROOT / "tenants/verifiers/verify.py", plain, "--keys", known)

    owner.press("Take the copy")
    owner.sees("This copy was taken already. Make a new one.")
    owner.look("taken")
    assert owner.page.locator("form[action*='/take/']").count() == 0

    again = f"back-{secrets.token_hex(3)}"
    (tmp_path / "secret").write_text(SECRET)
    world.command("restore_client", str(path), "--subdomain", again, "--key-file", str(tmp_path / "secret"))
    olga = visitor("en", phone=True)
    link = olga.mailed_link(f"owner@{workspace}.example", f"//{again}.")
    olga.page.goto(link)
    olga.look("choose-a-password")
    olga.fill(password=PASSWORD)
    olga.press("Set this password")
    olga.page.wait_for_url(lambda found: "/reset/" not in found)
    if "/sign-in/" in olga.page.url:
        olga.enter(olga.page.url, f"owner@{workspace}.example", PASSWORD)
    olga.open("/contacts/")
    olga.reads("Verrerie du Val-Perdu")
    olga.look("restored")


def test_a_workspace_is_closed_opened_again_and_at_last_destroyed(
    owner: Visitor, workspace: str, world: World, tmp_path: Path, visitor: Visitors
) -> None:
    _add_contact(owner, "Verrerie du Val-Perdu")
    known = _public_keys(owner, tmp_path)
    owner.open("/workspace/erase/")
    owner.look("erase", dark=True)
    owner.fill(typed_name="something", current="wrong password here")
    owner.press("Erase everything")
    owner.look("erase-refused")
    owner.fill(typed_name=workspace, current=PASSWORD)
    with owner.expecting(410, 403, 404, 503):
        owner.press("Erase everything")
        owner.page.wait_for_load_state()
    owner.look("closed", dark=True)

    guest = visitor("fr", phone=True)
    with guest.expecting(410, 403, 404, 503):
        guest.page.goto(guest.world.url(workspace, "/contacts/"))
    guest.look("closed-for-all")
    with guest.expecting(410, 403, 404, 503):
        guest.page.goto(guest.mailed_link(f"owner@{workspace}.example", "/erasure/cancel/"))
    guest.look("keep-it")
    guest.press("Stop the erasure")
    guest.page.wait_for_url("**/sign-in/**")
    guest.enter(guest.page.url, f"owner@{workspace}.example", PASSWORD)
    guest.open("/contacts/")
    guest.reads("Verrerie du Val-Perdu")

    erased = world.command("erase_client", workspace, "--yes", "--delay", "0")
    (tmp_path / "certificate.json").write_text(erased["certificate"])
    said = _run(ROOT / "tenants/verifiers/verify_certificate.py", tmp_path / "certificate.json", known)
    assert said.startswith("Genuine")
    assert json.loads(erased["certificate"])
    guest.go(workspace, "/contacts/", status=404)
    guest.look("destroyed", dark=True)
