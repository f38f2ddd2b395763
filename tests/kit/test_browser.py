"""The components in a real browser: accessible in both themes at three sizes, and alive."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django import forms
from django.core.paginator import Paginator
from django.template.loader import render_to_string
from playwright.sync_api import expect

from tests.kit.conftest import Stage

pytestmark = pytest.mark.browser
Stages = Callable[..., Stage]

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAGES = {path.stem: path.read_text() for path in sorted(Path(__file__).parent.glob("pages/*.html"))}
# Notes what joins the region of messages once the page is there.
JOINED = """document.addEventListener("DOMContentLoaded", () => {
  const region = document.getElementById("toasts");
  window.joined = [];
  if (region) new MutationObserver((seen) => seen.forEach(({ addedNodes }) => addedNodes.forEach(
    (node) => joined.push(node.querySelector(".toast-text").textContent)
  ))).observe(region, { childList: true });
});"""
LIST, FORM, TOASTING = PAGES["list"], PAGES["form"], PAGES["toasting"]


class Form(forms.Form):
    name = forms.CharField()
    secret = forms.CharField(widget=forms.PasswordInput, help_text="Twelve letters")
    kind = forms.ChoiceField(choices=[("c", "Company"), ("p", "Person")], widget=forms.RadioSelect)
    notes = forms.CharField(widget=forms.Textarea, required=False)
    since = forms.DateField(required=False)
    logo = forms.FileField(required=False)
    terms = forms.BooleanField()


def context(**more: Any) -> dict[str, Any]:
    return {
        "page": Paginator(["Anna", "Bert", "Cleo", "Dora"], 3).page(1),
        "due": Decimal("12.5"),
        "values": [1, 3, 5],
        "points": [("Jan", [1, 2]), ("Feb", [3, 4])],
        "names": ["In", "Out"],
        "form": Form({}),
        "then": datetime(2026, 1, 1, tzinfo=UTC),
        "changes": [{"field": "City", "old": "Gent", "new": "Brugge"}],
        "many": [{"name": "do", "value": "archive", "label": "Archive"}],
        **more,
    }


@pytest.mark.parametrize("name", list(PAGES))
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark"), (800, "light")])
def test_a_page_is_accessible_and_never_wider_than_its_window(
    stage: Stages, name: str, width: int, theme: str
) -> None:
    page = stage(width, theme).show(PAGES[name], **context())
    found = Axe().run(page, options=WCAG).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_opens_is_accessible(stage: Stages) -> None:
    page = stage().show(LIST, **context())
    for keys, place in (("?", "#shortcuts"), ("Control+k", "#palette")):
        page.keyboard.press(keys)
        expect(page.locator(place)).to_be_visible()
        assert Axe().run(page, options=WCAG).response["violations"] == []
        page.keyboard.press("Escape")


def test_keys_walk_through_a_list_and_leave_typed_words_alone(stage: Stages) -> None:
    page = stage().show(LIST, **context())
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Bert")).to_be_focused()
    page.keyboard.press("k")
    expect(page.get_by_role("link", name="Anna")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("j?k/")
    expect(page.locator("[name=q]")).to_have_value("j?k/")


def test_single_keys_can_be_switched_off(stage: Stages) -> None:
    page = stage().show(LIST, **context())
    page.keyboard.press("?")
    page.locator("[data-single-keys]").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()


def test_the_palette_forgives_accents_and_goes(stage: Stages) -> None:
    page = stage().show(LIST, **context())
    page.keyboard.press("Control+k")
    page.keyboard.type("hïsto")
    page.keyboard.press("Enter")
    page.wait_for_url("**/history/")


def test_the_selection_bar_counts_and_sends_what_is_chosen(stage: Stages) -> None:
    scene = stage()
    page = scene.show(LIST, **context())
    bar = page.locator(".selection-bar")
    expect(bar).to_be_hidden()
    page.get_by_label("Select Anna").check()
    page.get_by_label("Select Cleo").click(modifiers=["Shift"])
    expect(bar).to_contain_text("3")
    page.get_by_label("Select Bert").uncheck()
    bar.get_by_role("button", name="Archive").click()
    page.wait_for_url("**/many/")
    assert scene.seen == ["/many/ id=Anna&id=Cleo&do=archive"]


def test_a_typed_name_opens_the_button(stage: Stages) -> None:
    page = stage().show(LIST, **context())
    page.get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Delete", exact=True).click()
    button = page.locator("#delete").get_by_role("button", name="Delete")
    expect(button).to_be_disabled()
    page.get_by_label("Type Acme & Sons to confirm").fill("Acme & Son")
    expect(button).to_be_disabled()
    page.get_by_label("Type Acme & Sons to confirm").fill("Acme & Sons")
    expect(button).to_be_enabled()
    page.keyboard.press("Escape")
    expect(page.locator("#delete")).to_be_hidden()


def test_a_menu_closes_by_escape_and_gives_the_focus_back(stage: Stages) -> None:
    page = stage().show(LIST, **context())
    page.get_by_text("More", exact=True).focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Import")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Import")).to_be_hidden()
    expect(page.locator("summary", has_text="More")).to_be_focused()


def test_tabs_of_a_console_that_find_no_room_stand_in_its_menu(stage: Stages) -> None:
    menu = [{"label": f"Entry {n}", "url": f"/{n}/", "active": n == 11} for n in range(12)]
    page = stage(1000).show(PAGES["console"], **context(menu=menu))
    expect(page.get_by_role("link", name="Entry 11")).to_be_visible()  # where we are
    expect(page.get_by_role("link", name="Entry 10")).to_be_hidden()
    page.locator(".console-more > summary").click()
    assert Axe().run(page, options=WCAG).response["violations"] == []
    page.set_viewport_size({"width": 2000, "height": 900})
    expect(page.locator(".console-more")).to_be_hidden()
    assert page.locator(".console-nav > .tab").all_inner_texts() == [each["label"] for each in menu]


def test_a_form_is_sent_once_with_its_button(stage: Stages) -> None:
    scene = stage()
    page = scene.show(FORM, **context(form=Form()))
    page.locator("#id_name").fill("Anna")
    page.locator("[name=do]").evaluate("(button) => { button.click(); button.click(); button.click(); }")
    page.wait_for_url("**/save/")
    assert len(scene.seen) == 1
    assert "do=save" in scene.seen[0]


def test_typed_words_are_not_left_without_a_question(stage: Stages) -> None:
    scene = stage()
    page, asked = scene.show(FORM, **context(form=Form())), list[str]()
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.locator("#id_name").press_sequentially("A")
    page.goto("http://kit.localhost/elsewhere/")
    assert asked == ["beforeunload"]


def test_errors_take_the_focus_and_lead_to_their_field(stage: Stages) -> None:
    page = stage().show(FORM, **context())
    expect(page.locator("[data-errors]")).to_be_focused()
    page.locator("[data-errors] a").first.click()
    expect(page.locator("#id_name")).to_be_focused()


def test_a_password_can_be_shown(stage: Stages) -> None:
    page = stage().show(FORM, **context(form=Form()))
    page.get_by_role("button", name="Show password").click()
    expect(page.locator("#id_secret")).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide password").click()
    expect(page.locator("#id_secret")).to_have_attribute("type", "password")


def test_an_answer_can_ask_for_a_toast_whose_undo_posts_with_the_token(stage: Stages) -> None:
    scene = stage()
    toast = '{"toast": {"text": "<b>Archived</b>", "kind": "positive", "undo": "/restore/"}}'
    scene.answers["/toast/"] = (200, {"HX-Trigger": toast, "Content-Type": "text/html"}, "")
    scene.page.add_init_script(JOINED)
    page = scene.show(TOASTING, messages=["Welcome"])
    expect(page.locator(".toast-accent")).to_contain_text("Welcome")
    assert page.evaluate("joined") == ["Welcome"]  # after the page was there: only that is said aloud
    page.get_by_role("button", name="Archive").click()
    expect(page.locator(".toast-positive")).to_contain_text("<b>Archived</b>")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url("**/restore/")
    assert scene.seen == ["/restore/ csrfmiddlewaretoken=token"]


def test_a_server_that_fails_is_said(stage: Stages) -> None:
    scene = stage()
    scene.answers["/toast/"] = (500, {"Content-Type": "text/html"}, "")
    page = scene.show(TOASTING)
    page.get_by_role("button", name="Archive").click()
    expect(page.locator(".toast-danger")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".toast")).to_have_count(0)
    assert all("500" in said for said in scene.complaints)
    scene.complaints.clear()


def test_progress_follows_the_work_to_its_end(stage: Stages) -> None:
    scene = stage()
    ready = {"label": "Export", "done": True, "step": "Ready"}
    asking = SimpleNamespace(htmx=SimpleNamespace(boosted=False))
    done = render_to_string("kit/components/progress.html", {**ready, "request": asking})
    scene.answers["/progress/"] = (200, {"Content-Type": "text/html"}, done)
    page = scene.show(
        '{% extends "kit/workspace.html" %}{% block content %}'
        '{% include "kit/components/progress.html" with label="Export" percent=10 url="/progress/" %}'
        "{% endblock %}"
    )
    expect(page.locator(".progress-done")).to_contain_text("Ready")
    expect(page.get_by_role("status")).to_have_text("Export. Ready")


def test_a_chosen_theme_stays_on_the_device_without_a_cookie(stage: Stages) -> None:
    page = stage().show(LIST, **context())
    page.locator(".rail-account").click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.context.cookies() == []
