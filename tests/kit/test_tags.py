"""The template tags: what they write for people, for screen readers and into addresses."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, engines
from django.test import RequestFactory
from django.utils import timezone, translation

from shared_apps.kit.templatetags import kit

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def write(source: str, address: str = "/", **context: Any) -> str:
    """What a template with kit's tags writes, on a page at this address."""
    template = engines["django"].engine.from_string("{% load kit %}" + source)
    return str(template.render(Context({"request": RequestFactory().get(address), **context})))


def words(html: object) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", str(html)).replace("\u202f", " ").replace("\xa0", " ").split())


class Form(forms.Form):
    name = forms.CharField()
    email = forms.EmailField(required=False, help_text="For invoices")
    kind = forms.ChoiceField(choices=[("c", "Company"), ("p", "Person")], widget=forms.RadioSelect)
    country = forms.ChoiceField(choices=[("be", "Belgium")])
    notes = forms.CharField(widget=forms.Textarea, required=False)
    since = forms.DateField(required=False, initial=date(2026, 3, 1))
    secret = forms.CharField(widget=forms.PasswordInput)
    logo = forms.FileField(required=False)
    terms = forms.BooleanField()
    token = forms.CharField(widget=forms.HiddenInput, required=False)


ALL = "{% for bound in form %}{% field bound %}{% endfor %}"


def test_every_control_has_its_label() -> None:
    html = write(ALL, form=Form())
    controls = set(re.findall(r'<(?:input|select|textarea)[^>]*\sid="(id_\w+)"', html)) - {"id_token"}
    assert controls == set(re.findall(r'<label[^>]* for="(id_\w+)"', html))


def test_an_invalid_field_is_tied_to_its_help_and_its_error() -> None:
    html = write("{% field form.email %}", form=Form({"email": "x"}))
    assert 'aria-describedby="id_email-error id_email-help"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_email-error"' in html
    assert 'id="id_email-help"' in html


def test_the_summary_of_errors_leads_to_controls_that_exist() -> None:
    form = Form({"email": "x"})
    html = write("{% form_errors form %}" + ALL, form=form)
    targets = re.findall(r'<a href="#(\w+)"', html)
    assert targets == ["id_name", "id_email", "id_kind_0", "id_country", "id_secret", "id_terms"]
    assert all(f'id="{target}"' in html for target in targets)


def test_nothing_is_said_of_a_form_that_was_not_sent_or_is_right() -> None:
    assert write("{% form_errors form %}", form=Form()).strip() == ""


def test_a_date_goes_into_the_browsers_picker_in_every_language() -> None:
    with translation.override("fr"):
        html = write("{% field form.since %}", form=Form())
    assert 'type="date"' in html
    assert 'value="2026-03-01"' in html


def test_what_was_typed_is_escaped() -> None:
    html = write("{% form_errors form %}{% field form.email %}", form=Form({"email": '"><b>'}))
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("address", "url", "direction"),
    [
        ("/?q=a&page=3", "?q=a&amp;sort=name", None),
        ("/?q=a&sort=name", "?q=a&amp;sort=-name", "ascending"),
        ("/?sort=-name", "?sort=name", "descending"),
    ],
)
def test_a_header_sorts_turns_round_and_starts_at_the_first_page(
    address: str, url: str, direction: str | None
) -> None:
    html = write('{% sort_header "name" "Name" %}', address)
    assert f'id="sort-name" href="{url}"' in html  # htmx finds what had the focus again by its id
    assert ("aria-sort" in html) is (direction is not None)
    assert direction is None or f'aria-sort="{direction}"' in html


def test_a_chip_sets_its_filter_and_the_chosen_one_takes_it_away() -> None:
    assert 'href="?q=a&amp;kind=person"' in write('{% chip "kind" "person" "People" %}', "/?q=a&page=2")
    chosen = write('{% chip "kind" "person" "People" 3 %}', "/?q=a&kind=person")
    assert 'href="?q=a"' in chosen
    assert "aria-current" in chosen and 'id="chip-kind-person"' in chosen
    every = write('{% chip "kind" "" "All" %}', "/?q=a")
    assert "aria-current" in every and 'id="chip-kind-all"' in every


def test_a_pager_keeps_the_query_and_names_the_page() -> None:
    page = Paginator(range(95), 10).page(2)
    html = write('{% include "kit/components/pager.html" %}', "/?q=a%26b&page=2", page=page)
    assert "11–20 of 95" in html
    assert 'href="?q=a%26b&amp;page=3" rel="next" id="page-next"' in html
    assert re.search(r'id="page-2" tabindex="-1" aria-current="page"', html) and 'id="page-3"' in html
    assert re.search(r'aria-current="page"><span class="sr-only">Page </span>2<', html)


@pytest.mark.parametrize(
    ("amount", "language", "said"),
    [
        (Decimal("1234.5"), "en", "€1,234.50"),
        (Decimal("-1234.5"), "fr", "−1 234,50 €"),
        (1250, "fr", "12,50 €"),
        (None, "fr", "–"),
    ],
)
def test_money_is_written_as_the_language_writes_it(
    amount: Decimal | int | None, language: str, said: str
) -> None:
    with translation.override(language):
        assert words(kit.money(amount)) == said


@pytest.mark.parametrize(("value", "said"), [(1481, "1 481"), (7, "7"), ("5000+", "5000+"), (True, "True")])
def test_a_whole_number_is_written_as_the_language_writes_it(value: object, said: str) -> None:
    with translation.override("fr"):
        assert words(kit.number(value)) == said


def test_money_refuses_a_float() -> None:
    with pytest.raises(TypeError):
        kit.money(12.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("then", "english", "french"),
    [
        (datetime(2026, 11, 23, 8, 5, tzinfo=UTC), "today at 09:05", "aujourd’hui à 09:05"),
        (datetime(2026, 11, 22, 22, 59, tzinfo=UTC), "yesterday at 23:59", "hier à 23:59"),
        (datetime(2026, 3, 1, 12, 0, tzinfo=UTC), "1 March", "1 mars"),
        (datetime(2024, 2, 29, 12, 0, tzinfo=UTC), "29 February 2024", "29 février 2024"),
        (date(2026, 3, 1), "1 March", "1 mars"),
    ],
)
def test_a_moment_is_said_as_people_say_it(then: datetime | date, english: str, french: str) -> None:
    with timezone.override("Europe/Brussels"):
        with translation.override("en"):
            assert words(kit.moment(then, now=NOW)) == english
        with translation.override("fr"):
            assert words(kit.moment(then, now=NOW)) == french


@pytest.mark.parametrize(
    ("tags", "url"),
    [
        ("undo:/contacts/1/restore", "/contacts/1/restore"),
        ("undo://evil.test/", ""),
        ("undo:https://evil.test", ""),
        ("", ""),
    ],
)
def test_an_undo_stays_on_this_host(tags: str, url: str) -> None:
    assert kit.undo_url(SimpleNamespace(extra_tags=tags)) == url


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Élise Dubois", "ÉD"), ("acme", "a"), ("Jean (Jef) Van Damme", "JD"), ("", "·"), ("«»", "·")],
)
def test_initials(name: str, letters: str) -> None:
    assert kit.initials(name) == letters


def test_a_chart_has_its_figures_as_a_table_and_coordinates_in_every_language() -> None:
    with translation.override("fr"):
        html = write(
            '{% bar_chart points "Sales" series=series %}',
            points=[("Jan", [Decimal("10.5"), 4]), ("Feb", [-3, 0])],
            series=["In", "Out"],
        )
    assert not re.search(r'\s(?:x|y|width|height|x1|x2|y1|y2)="[^"]*,', html)
    assert html.count('<rect class="chart-1"') == 3  # two bars and the legend
    assert re.search(r"<caption>Sales</caption>", html)
    assert not re.search(r'height="-', html)


def test_a_chart_counts_people_whole_and_names_every_second_month_where_there_is_no_room() -> None:
    html = write('{% bar_chart points "Clients" %}', points=[("Jan", 1), ("Feb", 0), ("Mar", 1)])
    assert re.findall(r'text-anchor="end">([^<]+)<', html) == ["0", "1"]
    assert re.findall(r'<text class="chart-second"[^>]*>(\w+)<', html) == ["Feb"]


@pytest.mark.parametrize("values", [[], [0], [5, 5, 5], [-1, 2]])
def test_charts_of_little_or_nothing_are_drawn(values: list[int]) -> None:
    points = list(enumerate(values))
    charts = '{% sparkline values "x" %}{% bar_chart points "x" %}'
    assert "<svg" in write(charts, values=values, points=points)


def test_progress_asks_again_until_it_is_done() -> None:
    progress = '"kit/components/progress.html" with label="Export" url="/p/" percent=percent done=done'
    source = "{% include " + progress + " %}"
    assert 'hx-get="/p/"' in write(source, percent=0, done=False)
    assert 'value="0"' in write(source, percent=0, done=False)
    assert "value=" not in write(source, percent=None, done=False)
    assert "hx-get" not in write(source, percent=100, done=True)


def test_progress_is_said_once_at_its_end_and_only_in_what_htmx_asked_for() -> None:
    source = '{% include "kit/components/progress.html" with label="Export" url="/p/" %}'
    asking = RequestFactory().get("/p/")
    asking.htmx = SimpleNamespace(boosted=False)  # type: ignore[attr-defined]
    assert "hx-swap-oob" not in write(source, step="Files", request=asking)
    assert '<div hx-swap-oob="innerHTML:#said">Export. Disk full</div>' in write(
        source, failed="Disk full", request=asking
    )
    whole = write(source, failed="Disk full")
    assert "hx-swap-oob" not in whole and 'role="status"' not in whole


def test_a_strip_of_results_tells_them_apart_by_height_and_says_each_in_words() -> None:
    looks = [("kept", "1/11: kept"), ("unknown", "2/11: could not look"), ("broken", "3/11: broken")]
    drawn = write('{% result_strip looks "Three looks" %}', looks=looks)
    assert re.findall(r'<rect [^>]* height="([0-9.]+)"', drawn) == ["10", "4", "24"]
    assert "<title>3/11: broken</title>" in drawn and 'aria-label="Three looks"' in drawn
    assert write('{% result_strip looks "None" %}', looks=[]).strip() == ""
