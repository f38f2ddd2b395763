"""The promises of a running deployment: looked at by its worker, shown to everybody, verified by a stranger."""

import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.visitor import Visitor
from tests.browser.world import World

# Of what a deployment for development has nothing to show, and what other modules have yet to bring.
UNSEEN = {"https-everywhere", "deployment-is-clean", "looks-are-granted", "requests-are-answered"}


def fetch(anna: Visitor, path: str, to: Path) -> None:
    answer = anna.page.goto(anna.world.url("", path))
    assert answer and answer.status == 200, path
    to.write_bytes(answer.body())


def test_an_operator_looks_now_and_a_stranger_verifies_what_the_website_says(
    visitor: Visitors, world: World, tmp_path: Path
) -> None:
    oscar = visitor("en")
    oscar.sign_in("Oscar")
    oscar.open("/promises/")
    if oscar.button("Look now").is_visible():
        oscar.press("Look now")
    expect(oscar.page.locator(".progress")).to_have_count(0)
    oscar.reads("made for addresses or places: 0.")
    oscar.look("ops", dark=True)
    oscar.open("/promises/p12/")
    oscar.look("ops-one", dark=True)

    anna = visitor("fr", phone=True)
    anna.go("", "/promises/")
    for id in ("P01", "P06", "P12", "P40", "P41"):
        expect(anna.page.locator(f"#{id} .promise-standing")).to_have_text(
            re.compile(anna.say("kept", "a promise"))
        )
    expect(anna.page.locator("#P26 .promise-standing")).to_have_text(
        re.compile(anna.say("not proven yet", "a promise"))
    )
    assert anna.page.locator(".promise-broken, .promise-stale").count() == 1, (
        "the card that counts them: none"
    )
    anna.look("website", dark=True)
    assert anna.context.cookies() == []
    beata = visitor("en")
    beata.go("", "/promises/")
    beata.look("website-desktop", dark=True)

    for name, path in (
        ("p.json", "/promises.json"),
        ("k.json", "/.well-known/smoall-keys.json"),
        ("v.py", "/verify_promises.py"),
    ):
        fetch(anna, path, tmp_path / name)
    command = [sys.executable, "-I", "-S", "v.py", "p.json", "k.json"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
    )
    assert done.returncode == 0 and "Genuine" in done.stdout, done.stdout + done.stderr
    content = bytearray((tmp_path / "p.json").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "p.json").write_bytes(bytes(content))
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
    )
    assert done.returncode == 1 and "Genuine" not in done.stdout + done.stderr


def test_the_command_finds_a_running_deployment_to_keep_what_can_be_seen(world: World) -> None:
    """After whatever the tests before have done to it."""
    found = world.command("prove_promises", "--dry-run")
    assert {one["check"] for one in found["proofs"] if one["result"] != "kept"} <= UNSEEN
    assert {one["promise"] for one in found["without_a_check"]} == {"P28"}
