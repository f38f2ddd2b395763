"""The website's own stylesheet: all that its pages wear and no more, so that they stay light."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.kit import scope, styles
from shared_apps.promises import document
from shared_apps.website import site
from tests.conftest import TESTER
from tests.promises.test_page import publish
from tests.sharing.conftest import make_shared_with

HOST = "smoall.localhost"
MOST_BYTES = 32_000


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The application's and the website's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(styles, "BUILT", tmp_path_factory.mktemp("styles") / "app.css")
        built = styles.build_styles()
        yield built.read_text(), styles.website_of(built).read_text()


def styled(sheet: str) -> set[str]:
    return {name.replace("\\", "") for name in re.findall(r"\.((?:[A-Za-z]|\\.)(?:[\w-]|\\.)*)", sheet)}


@pytest.fixture
def pages(db: None, browser: Callable[..., Browser]) -> Iterator[dict[str, str]]:
    """Every page of the website by its address, with promises that stand in every way, and a partner."""
    publish(at=timezone.now(), P12="broken", P11="unknown")
    partner = make_shared_with()
    with scope.shared(actor=TESTER):
        partner.categories = ["data"]
        partner.save()
    visitor = browser(HOST)
    found = [page["de"] for page in site.listed()] + [site.address(page.name, "fr") for page in site.PAGES]
    yield {path: visitor.get(path).content.decode() for path in found}
    document._known = None


def test_whatever_a_page_of_the_website_wears_is_in_its_stylesheet(
    sheets: tuple[str, str], pages: dict[str, str]
) -> None:
    application, website = map(styled, sheets)
    for path, page in pages.items():
        assert 'href="/static/kit/website.css"' in page and "app.css" not in page, path
        classes = {name for worn in re.findall(r'class="([^"]*)"', page) for name in worn.split()}
        assert classes & application - website == set(), path


def test_it_is_light_and_holds_nothing_of_the_application(sheets: tuple[str, str]) -> None:
    _application, website = sheets
    assert len(website.encode()) < MOST_BYTES
    assert not styled(website) & {"drawer", "console-nav", "toast", "input", "dialog", "palette"}


def test_a_rule_stays_when_one_of_its_selectors_can_apply() -> None:
    classes = styles.Classes('<p class="card{% if a %} card-{{ b }}{% endif %} big">')
    css = """
        .card { a: b; } .card-danger > .icon { a: b; } /* .big { c: d; } */ .input, .big:not(.small) { a: b; }
        @media (width < 40rem) { .input { a: b; } } @media print { .card p { a: b; } table { c: d; } }
    """
    kept = styles.worn(css, classes)
    assert ".card {" in kept and ".big:not(.small)" in kept and "table" in kept and "print" in kept
    assert "icon" not in kept and "40rem" not in kept and "c: d; } */" not in kept


def test_both_stay_as_they_were_when_the_source_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(styles, "BUILT", tmp_path / "app.css")
    monkeypatch.setattr(styles, "SOURCE", tmp_path / "broken.css")
    (tmp_path / "broken.css").write_text("@layer components { .button { color: ")
    (tmp_path / "website.css").write_text("old")
    with pytest.raises(styles.StylesFailed):
        styles.build_styles()
    assert (tmp_path / "website.css").read_text() == "old"
