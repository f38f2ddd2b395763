"""The whole product as people meet it: a running deployment, Chromium, and visitors with phones and desktops."""

import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.visitor import DESKTOP, PASSWORD, PHONE, Visitor
from tests.browser.world import World, running
from tests.chromium import opened

Visitors = Callable[..., Visitor]
LOCALES = {"fr": "fr-BE", "nl": "nl-BE", "en": "en-GB", "de": "de-BE"}


@pytest.fixture(autouse=True, scope="session")
def django_db_setup() -> None:
    """These tests have a database of their own, behind the pages."""


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with opened() as browser:
        yield browser


@pytest.fixture(scope="package")
def world(chromium: Browser) -> Iterator[World]:
    with running() as started:
        yield started


@pytest.fixture
def album(request: pytest.FixtureRequest) -> Path | None:
    """Where pictures of this test are kept, when SMOALL_SCREENSHOTS names a folder."""
    if not (folder := os.environ.get("SMOALL_SCREENSHOTS")):
        return None
    album = Path(folder) / re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))
    shutil.rmtree(album, ignore_errors=True)
    album.mkdir(parents=True)
    return album


@pytest.fixture
def visitor(
    request: pytest.FixtureRequest, world: World, chromium: Browser, album: Path | None
) -> Iterator[Visitors]:
    """Makes visitors; `visitor("fr", phone=True)`. At the end no page may have complained."""
    visitors: list[Visitor] = []

    def make(language: str = "en", *, phone: bool = False, dark: bool = False) -> Visitor:
        context = chromium.new_context(
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
            has_touch=phone, locale=LOCALES[language], timezone_id="Europe/Brussels",
            color_scheme="dark" if dark else "light", reduced_motion="reduce", accept_downloads=True,
        )  # fmt: skip
        visitors.append(Visitor(world, context, language=language, album=album))
        return visitors[-1]

    yield make
    complaints = [said for each in visitors for said in each.complaints]
    for each in visitors:
        if request.node.stash.get(FAILED, False):
            left = Path(tempfile.mkdtemp(prefix="smoall-failed-")) / "page.png"
            each.page.screenshot(path=left)
            sys.stdout.write(f"{each.page.url} as it was left: {left}\n")
        each.context.close()
    assert complaints == []


@pytest.fixture
def workspace(world: World) -> str:
    """The name of a new workspace whose owner, owner@<name>.example, has PASSWORD. Made by the command."""
    name = f"acme-{secrets.token_hex(3)}"
    made = world.command(
        "provision_client", "--company", "Ateliers Acme SRL", "--subdomain", name, "--language", "en",
        "--name", "Olga Acme", "--email", f"owner@{name}.example",
    )  # fmt: skip
    ENTRIES[name] = made["enter"]
    return name


ENTRIES: dict[str, str] = {}
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def owner(visitor: Visitors, workspace: str) -> Visitor:
    """The owner of `workspace` at a desktop, inside."""
    olga = visitor()
    olga.page.goto(ENTRIES.pop(workspace))
    olga.fill(password=PASSWORD)
    olga.page.locator("[name=terms]").check()
    olga.press("Enter", "a workspace, for the first time")
    olga.page.wait_for_url(lambda found: "/enter/" not in found)
    return olga


def pytest_collection_modifyitems(items: list[Any]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
