"""The history's pages: what they show, to whom, how they filter and page."""

import csv
import io
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.template import Context, Template
from django.utils import translation
from django.utils.html import strip_tags

from shared_apps.accounts.models import User
from shared_apps.history import display, reading
from shared_apps.history.models import LogEntry
from shared_apps.history.redaction import redact
from shared_apps.kit import scope
from tenant_apps.history.views import visible_modules
from tests.conftest import Cast
from tests.history.pages import add_entries, add_many
from tests.history.shelf import Book, Shelf, Tag
from tests.history.test_every_write import AUTHOR

Open = Callable[..., Any]
NOON = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
BETTY = scope.Actor("user", "author-betty", "Betty")
ROBOT = scope.Actor("job", "tidy", "Tidy up")


def _text(response: Any) -> str:
    main = re.search(r'<ol class="timeline">.*?</ol>', response.content.decode(), re.S)
    return _plain(main.group(0)) if main else ""


def _plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@pytest.fixture
def reader(acme: Cast, browser: Open) -> Any:
    return browser(acme, acme.admin)


def test_the_page_says_who_changed_what_and_how(acme: Cast, reader: Any) -> None:
    with acme.inside():
        acme.colleague.email, acme.colleague.role = "new@acme.test", 2
        acme.colleague.save()
    text = _text(reader.get("/history/"))
    assert "Olga Acme" in text
    assert (
        "Changed · Person Colin Acme E-mail: colin@acme.test → new@acme.test Role: Member → Administrator"
        in text
    )


def test_another_workspace_s_changes_are_nowhere(acme: Cast, zenith: Cast, reader: Any) -> None:
    with zenith.inside():
        zenith.colleague.name = "Canary"
        zenith.colleague.save()
        key = zenith.colleague.pk
    for address in (
        "/history/",
        "/history/?q=canary",
        f"/history/?who={zenith.owner.pk}",
        "/history/export/",
    ):
        body = b"".join(reader.get(address))
        assert b"Canary" not in body
        assert b"Zenith" not in body
    assert reader.get(f"/history/accounts/user/{key}/").status_code == 404


def test_nobody_reads_it_without_signing_in(acme: Cast, browser: Open) -> None:
    for address in ("/history/", "/history/export/", f"/history/accounts/user/{acme.owner.pk}/"):
        assert browser(acme).get(address).status_code in (302, 403)


def test_a_member_reads_only_the_modules_they_may_open(acme: Cast, browser: Open) -> None:
    with acme.inside():
        assert "accounts" in visible_modules(acme.admin)
        assert "accounts" not in visible_modules(acme.colleague)
    member = browser(acme, acme.colleague)
    assert _text(member.get("/history/")) == ""
    assert member.get(f"/history/accounts/user/{acme.owner.pk}/").status_code == 404
    assert member.get("/history/?what=accounts").status_code == 200
    assert len(b"".join(member.get("/history/export/")).splitlines()) == 1


@pytest.fixture
def busy(acme: Cast) -> Cast:
    add_entries(acme.id, 6, at=NOON, author=BETTY)
    add_entries(acme.id, 2, at=NOON - timedelta(days=5), author=ROBOT)
    return acme


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("who=author-betty", {f"Person {n}" for n in range(6)}),
        ("who=tidy", {"Person 0", "Person 1"}),
        ("since=2026-03-10&until=2026-03-10", {f"Person {n}" for n in range(6)}),
        ("until=2026-03-09&who=tidy", {"Person 0", "Person 1"}),
        ("q=PÉRSON+4", {"Person 4"}),
        ("q=erso+5", {"Person 5"}),
        ("q=person&done=2", set()),
        ("q=person&done=1&what=accounts.user", {f"Person {n}" for n in range(6)}),
    ],
)
def test_filters_narrow_what_is_shown(query: str, names: set[str], busy: Cast, reader: Any) -> None:
    response = reader.get(f"/history/?{query}")
    assert response.status_code == 200
    labels = {line.label for action in response.context["page"].actions for line in action.lines}
    assert labels == names


def test_days_are_those_of_brussels(acme: Cast, reader: Any) -> None:
    add_entries(
        acme.id, 1, at=datetime(2026, 3, 9, 23, 30, tzinfo=UTC), author=BETTY
    )  # half past midnight, the 10th
    assert "Person 0" in _text(reader.get("/history/?since=2026-03-10&until=2026-03-10"))
    assert _text(reader.get("/history/?until=2026-03-09")) == ""


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "who=nobody",
        "what=other.thing",
        "done=9",
        "cid=1&at=now",
        "cid=1",
        "q=%00",
        "q=" + "x" * 200,
        "at=2026-01-01T00:00:00",
    ],
)
def test_a_filter_that_can_t_be_read_is_no_error(query: str, busy: Cast, reader: Any) -> None:
    assert reader.get(f"/history/?{query}").status_code == 200


@pytest.mark.parametrize("cursor", ["x", "~~", "2026-01-01~1~a", "2026-01-01T00:00:00+00:00~1~%00"])
def test_a_wrong_page_leads_to_the_first(cursor: str, busy: Cast, reader: Any) -> None:
    assert reader.get(f"/history/?before={cursor}").status_code == 302


def test_pages_go_on_without_gap_or_repetition(acme: Cast, reader: Any) -> None:
    add_entries(acme.id, 190, at=NOON, author=BETTY, lines=3)
    seen: list[str] = []
    address = "/history/?who=author-betty"
    for _ in range(10):
        page = reader.get(address).context["page"]
        seen += [line.label for action in page.actions for line in reversed(action.lines)]
        if not page.older:
            break
        from urllib.parse import urlencode

        address = "/history/?" + urlencode({"who": "author-betty", "before": page.older})
    assert seen == [f"Person {n}" for n in reversed(range(190))]


def test_an_action_of_many_lines_is_folded_and_opens(acme: Cast, reader: Any) -> None:
    add_entries(acme.id, 230, at=NOON, author=BETTY, lines=230)
    response = reader.get("/history/?who=author-betty")
    (action,) = response.context["page"].actions
    assert (action.total, len(action.lines)) == (230, 5)
    found = re.search(r'href="([^"]*\?cid=[^"]*)"', response.content.decode())
    assert found
    seen: list[str] = []
    address = found.group(1).replace("&amp;", "&")
    while True:
        page = reader.get(address).context["page"]
        seen += [line.label for action in page.actions for line in action.lines]
        if not page.older:
            break
        address = re.sub("&before=.*|$", f"&before={page.older}", address, count=1)
    assert seen == [f"Person {n}" for n in range(230)]


def test_the_number_of_queries_does_not_grow(acme: Cast, reader: Any, statements: Any) -> None:
    reader.get("/history/")
    counts = []
    for more in (3, 60, 300):
        add_entries(acme.id, more, at=NOON + timedelta(days=more), author=BETTY, lines=3)
        with statements() as sent:
            assert reader.get("/history/").status_code == 200
        counts.append(len(sent))
    assert counts[0] == counts[1] == counts[2]


def test_a_hundred_thousand_entries_are_read_quickly(acme: Cast) -> None:
    add_many(acme.id, 100_000)
    with acme.inside():
        started = time.perf_counter()
        first = reading.page(reading.Filters(modules={"accounts"}))
        middle = str(reading.Cursor(first.actions[-1].at - timedelta(days=60), "0", ""))
        assert len(reading.page(reading.Filters(), before=middle).actions) == 25
        assert len(reading.page(reading.Filters(author="author-7"), before=middle).actions) == 25
        people = reading.authors()
        assert len([name for _, _, name in people if name.startswith("Author ")]) == 20
        reading.page(reading.Filters(words="person 4999"))
        assert time.perf_counter() - started < 2.0


def test_the_csv_has_a_line_for_each_changed_field_and_no_formula(acme: Cast, reader: Any) -> None:
    with acme.inside():
        acme.colleague.name, acme.colleague.language = "=cmd|' /C calc'!A0", "nl"
        acme.colleague.save()
    response = reader.get("/history/export/?what=accounts.user&done=1")
    assert response["Content-Type"].startswith("text/csv")
    body = b"".join(response)
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig")), delimiter=";"))
    assert rows[0][:4] == ["Time", "Who", "On behalf of", "Change"]
    found = {row[7]: row for row in rows[1:] if row[6] == str(acme.colleague.pk)}
    assert found["Name"][1:6] == ["Olga Acme", "", "Changed", "Person", "'=cmd|' /C calc'!A0"]
    assert found["Name"][8:] == ["Colin Acme", "'=cmd|' /C calc'!A0"]
    assert found["Language"][8:] == ["English", "Dutch"]


def test_the_export_holds_all_lines(acme: Cast, reader: Any) -> None:
    add_entries(acme.id, 2500, at=NOON, author=BETTY)
    body = b"".join(reader.get("/history/export/?who=author-betty")).decode("utf-8-sig")
    assert len(body.splitlines()) == 2501


def test_a_record_s_page_tells_its_whole_life_and_survives_it(acme: Cast, reader: Any) -> None:
    with acme.inside():
        person = User.objects.create_user(email="temp@acme.test", name="Temp")
        key = person.pk
        person.delete()
    response = reader.get(f"/history/accounts/user/{key}/")
    assert response.status_code == 200
    assert "History of Temp" in response.content.decode()
    assert "Created · Person Temp" in _text(response)
    assert "Deleted · Person Temp" in _text(response)


def test_for_htmx_the_record_s_timeline_comes_alone(acme: Cast, reader: Any) -> None:
    response = reader.get(f"/history/accounts/user/{acme.owner.pk}/", headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert b"<html" not in response.content
    assert b'<ol class="timeline">' in response.content


@pytest.mark.parametrize(
    "address", ["accounts/nothing/1", "nothing/user/1", "accounts/user/unknown", "auth/user/1"]
)
def test_an_unknown_record_is_not_found(address: str, reader: Any) -> None:
    assert reader.get(f"/history/{address}/").status_code == 404


def test_the_tag_shows_a_record_and_its_children(library: Cast, statements: Any) -> None:
    shelf = Shelf.objects.create(name="North")
    Book.objects.create(title="Atlas", shelf=shelf)
    ContentType.objects.get_for_model(Shelf)
    page = Template("{% load history %}{% record_history shelf %}")
    with statements() as sent:
        html = page.render(Context({"shelf": shelf, "person": library.admin}))
    text = _plain(html)
    assert "Created · Shelf North" in text
    assert "Created · Book Atlas" in text
    assert "Shelf: North" in text, "a related row is named"
    assert len(sent) == 4


@pytest.mark.usefixtures("library")
def test_related_rows_are_named_even_after_their_deletion() -> None:
    tag, book = Tag.objects.create(name="Rare"), Book.objects.create(title="Atlas")
    book.tags.add(tag)
    tag.delete()
    entries = list(LogEntry.objects.filter(object_pk=str(book.pk)).order_by("id"))
    changes = [line.changes for line in display.Display(entries).lines()]
    assert [change.field for change in changes[0]] == ["Kind", "Price", "Copies", "Facts", "Lock code"], (
        "no name, no false"
    )
    assert [(c.field, c.old, c.new) for c in (*changes[1], *changes[2])] == [
        ("Tags", "", "Rare"),
        ("Tags", "Rare", ""),
    ]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            {
                "Price": ("12.50", "1250.00"),
                "Lent out": ("no", "yes"),
                "Kind": ("Novel", "Atlas"),
                "Bought": ("", "28 February 2026"),
                "Seen": ("", "29 Mar 2026, 03:30:00"),
            },
        ),
        (
            "fr",
            {
                "Price": ("12,50", "1250,00"),
                "Lent out": ("non", "oui"),
                "Kind": ("Novel", "Atlas"),
                "Bought": ("", "28 février 2026"),
                "Seen": ("", "29 mars 2026, 03:30:00"),
            },
        ),
    ],
)
def test_differences_read_as_people_write_them(language: str, expected: dict[str, Any]) -> None:
    book = Book.objects.create(title="Atlas", price="12.50")
    Book.objects.filter(pk=book.pk).update(
        price=1250,
        lent=True,
        kind="atlas",
        bought_on="2026-02-28",
        seen_at=datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    )
    entry = LogEntry.objects.order_by("-id")[0]
    with translation.override(language):
        (line,) = display.Display([entry]).lines()
        told = {c.field: (strip_tags(str(c.old)), strip_tags(str(c.new))) for c in line.changes}
    assert told == expected


@pytest.mark.usefixtures("library")
def test_values_are_escaped_and_shortened(library: Cast, reader: Any) -> None:
    with library.inside():
        User.objects.filter(pk=library.colleague.pk).update(name="<script>alert(1)</script>", language="x")
        Book.objects.create(title="A" * 200, facts={"long": "b" * 1000})
        entry = LogEntry.objects.order_by("-id")[0]
        (line,) = display.Display([entry]).lines()
        (whole,) = display.Display([entry], full=True).lines()
        assert max(len(str(change.new)) for change in whole.changes) > 1000
        assert max(len(str(change.new)) for change in line.changes) <= display.LONGEST
    body = reader.get("/history/").content.decode()
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert" in body


def test_a_field_that_a_release_dropped_is_still_told(acme: Cast, reader: Any) -> None:
    add_entries(acme.id, 1, at=NOON, author=BETTY)
    with scope.owner(tenant=acme.id):
        LogEntry.objects.filter(actor_id=BETTY.id).update(changes={"fax_number": ["1", "2"]})
    assert "Fax number: 1 → 2" in _text(reader.get("/history/?who=author-betty"))


def test_somebody_acting_for_another_is_shown_with_both_names(acme: Cast, reader: Any) -> None:
    with acme.inside(), scope.acting(scope.Actor("operator", "0190-op", "Oscar", behalf="Olga Acme")):
        User.objects.filter(pk=acme.colleague.pk).update(name="Colin II")
    text = _text(reader.get("/history/?who=0190-op"))
    assert text.startswith("Oscar for Olga Acme Smoall operator")


def test_a_redaction_is_told_without_the_details(acme: Cast, reader: Any) -> None:
    with scope.owner(tenant=acme.id, actor=AUTHOR):
        redact(User, acme.colleague.pk, fields=None)
    text = _text(reader.get("/history/?who=redact_history"))
    assert "Took details out of the history" in text
    assert "Colin" not in text
