"""What holds for every template of the project: the content policy, known icons, errors without context."""

import re
from pathlib import Path

import heroicons
import pytest
from django.template import Context, engines
from django.template.loader import get_template, render_to_string
from django.utils import translation

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("shared_apps", "tenant_apps", "tenants", "billing")
TEMPLATES = sorted(
    path
    for folder in FOLDERS
    for ending in ("html", "svg")
    for path in (ROOT / folder).glob(f"**/templates/**/*.{ending}")
)
KIT = ROOT / "shared_apps/kit/templates"
FORBIDDEN = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "an inline script": re.compile(r"<script\b(?![^>]*\ssrc=)", re.IGNORECASE),
    "an event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "a javascript address": re.compile(r"javascript:", re.IGNORECASE),
    "htmx's own scripting": re.compile(r"\shx-(on|vals\s*=\s*[\"']js)", re.IGNORECASE),
    "something from elsewhere": re.compile(
        r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)\s*=\s*.(?:https?:)?//"
    ),
}
ICON = re.compile(r"{%\s*icon\s+\"([\w-]+)\"")


@pytest.mark.parametrize("what", list(FORBIDDEN))
def test_no_template_holds(what: str) -> None:
    assert [str(path) for path in TEMPLATES if FORBIDDEN[what].search(path.read_text())] == []


def test_every_icon_named_in_a_template_exists() -> None:
    for path in TEMPLATES:
        for name in ICON.findall(path.read_text()):
            heroicons._load_icon("outline", name)


def test_every_template_of_kit_is_whole() -> None:
    for path in KIT.glob("**/*"):
        if path.is_file():
            get_template(str(path.relative_to(KIT)))


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_error_page_needs_no_context(name: str, language: str) -> None:
    with translation.override(language):
        page = render_to_string(name)
    assert f'<html lang="{language}"' in page
    title, heading = re.search(r"<title>(.+?) · Smoall</title>", page), re.search(r"<h1>(.+?)</h1>", page)
    assert title and heading and title[1] == heading[1]


def test_a_title_loses_its_markup_in_the_head_and_keeps_it_in_the_heading() -> None:
    page = engines["django"].engine.from_string(
        '{% extends "kit/card.html" %}{% block title %}Acme <b>&amp; sons</b>{% endblock %}'
    )
    html = page.render(Context())
    assert "<title>Acme &amp; sons · Smoall</title>" in html
    assert "<h1>Acme <b>&amp; sons</b></h1>" in html


def test_a_block_that_is_empty_leaves_no_trace() -> None:
    source = '{% extends "kit/card.html" %}{% block side %}REASON{% endblock %}'
    plain, wide = (
        engines["django"].engine.from_string(source.replace("REASON", reason)).render(Context())
        for reason in (" ", "Why")
    )
    assert "sheet-side" not in plain
    assert '<aside class="sheet-side">Why</aside>' in wide


def test_what_a_card_is_about_is_a_heading() -> None:
    """But in kit/card.html, where the heading of the page stands below."""
    marked = [path for path in TEMPLATES if '<p class="card-tab"' in path.read_text()]
    assert marked == [KIT / "kit/card.html"]


def test_every_table_has_a_caption() -> None:
    table = re.compile(r"<table(?![^>]*role=.presentation)[^>]*>(?!\s*<caption\b)")
    assert [str(path) for path in TEMPLATES if table.search(path.read_text())] == []


def test_an_entry_says_less_where_a_phone_has_no_room() -> None:
    entry = {"label": "Plan and invoices", "short": "Plan", "url": "/billing/", "icon": "credit-card"}
    html = render_to_string("kit/workspace.html", {"menu": [entry]})
    assert '<span class="rail-long">Plan and invoices</span><span class="rail-short">Plan</span>' in html
