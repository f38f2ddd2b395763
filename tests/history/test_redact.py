"""P36: the owner role takes a person's or client's details out of the history; its use is recorded."""

import pytest
from django.db import connection

from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.history.redaction import redact, redact_values
from shared_apps.kit import scope
from tests.conftest import Cast
from tests.history.shelf import Book, Shelf
from tests.history.test_every_write import AUTHOR

DETAILS = {"contact_name": "Canary Person", "contact_email": "canary@example.test", "phone": "+32 2 canary"}


def _text() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(string_agg(e::text, ' '), '') FROM history_logentry e")
        return str(cursor.fetchone()[0])


def test_P36_a_client_s_details_go_from_its_history_and_the_neighbour_s_stay(acme: Cast) -> None:
    with scope.shared(actor=AUTHOR):
        client = Client.objects.create(company="Canary SRL", city="Namur", **DETAILS)
        other = Client.objects.create(
            company="Other SRL", contact_name="Nora", contact_email="n@x.test", city="Namur"
        )
        Client.objects.filter(pk=client.pk).update(phone="+32 3 canary")
        before = LogEntry.objects.filter(object_pk=str(other.pk)).values().get()
        assert "anary" in _text()
    with scope.owner(actor=AUTHOR):
        assert redact(Client, client.pk, fields=None) == 2
    with scope.shared():
        assert "anary" not in _text()
        assert LogEntry.objects.filter(object_pk=str(other.pk)).values().get() == before
        told = LogEntry.objects.filter(object_pk=str(client.pk)).order_by("-id")
        assert [(e.action, e.actor_name) for e in told][1:] == [(1, "Ann Author"), (0, "Ann Author")]
        record = told[0]
        assert (record.actor_kind, record.actor_id, record.actor_behalf) == (
            "system",
            "redact_history",
            "",  # a workspace's person is not named in the shared schema for having asked
        )
        assert record.additional_data == {"fields": None, "entries": 2}
        assert told[1].changes == {"phone": ["[erased]", "[erased]"]}
        assert told[2].changes["city"] == [None, "[erased]"]


@pytest.mark.usefixtures("library")
def test_some_fields_go_and_the_rest_stays(library: Cast) -> None:
    book = Book.objects.create(title="Canary title", copies=4)
    Book.objects.filter(pk=book.pk).update(title="Second", copies=5)
    with scope.owner(tenant=library.id, actor=AUTHOR):
        redact(Book, book.pk, fields=["title"])
    entries = LogEntry.objects.filter(object_pk=str(book.pk)).order_by("id")[:2]
    assert [entry.object_repr for entry in entries] == ["[erased]", "[erased]"]
    assert entries[1].changes == {"title": ["[erased]", "[erased]"], "copies": ["4", "5"]}
    assert "Canary" not in _text()


@pytest.mark.usefixtures("library")
def test_a_value_goes_wherever_it_stands_alone(library: Cast) -> None:
    shelf, book = (
        Shelf.objects.create(name="Canary Person"),
        Book.objects.create(title="Canary Person's book"),
    )
    with scope.acting(scope.Actor("user", "0190-canary", "Canary Person")):
        Book.objects.filter(pk=book.pk).update(title="Other", code="x")
    with scope.acting(scope.Actor("operator", "0190-op", "Oscar", behalf="Canary Person")):
        Book.objects.filter(pk=book.pk).update(title="Canary Person")
    with scope.owner(tenant=library.id, actor=AUTHOR):
        redact(Shelf, shelf.pk, fields=(), values=["Canary Person", ""])
    found = LogEntry.objects.filter(object_pk=str(book.pk)).order_by("id")
    assert [e.changes["title"] for e in found] == [
        [None, "Canary Person's book"],
        ["Canary Person's book", "Other"],
        ["Other", "[erased]"],
    ]
    assert [e.actor_name for e in found] == ["Olga Acme", "[erased]", "Oscar"]
    assert found[2].actor_behalf == "[erased]"
    assert "code" in found[1].changes


def test_P40_some_values_of_one_row_go_and_nothing_else_does(acme: Cast) -> None:
    with scope.shared(actor=AUTHOR):
        client, other = (
            Client.objects.create(company="Canary", contact_name="Canary", contact_email="c@x.test")
            for _each in range(2)
        )
        Client.objects.filter(pk=client.pk).update(contact_name="Paul")
        before = LogEntry.objects.filter(object_pk=str(other.pk)).values().get()
    with scope.owner(actor=AUTHOR):
        assert (
            redact_values(Client, client.pk, values={"contact_name": ["Canary", "Nobody"], "phone": []}) == 2
        )
        assert redact_values(Client, client.pk, values={"contact_name": ["Nobody"]}) == 0
    with scope.shared():
        made, changed, told = LogEntry.objects.filter(object_pk=str(client.pk)).order_by("id")
        assert changed.changes == {"contact_name": ["[erased]", "Paul"]}
        assert (made.changes["contact_name"], made.changes["company"]) == (
            [None, "[erased]"],
            [None, "Canary"],
        )
        assert (told.actor_id, told.actor_behalf) == ("redact_history", "")
        assert told.additional_data == {"fields": ["contact_name", "phone"], "entries": 2}
        assert LogEntry.objects.filter(object_pk=str(other.pk)).values().get() == before
    with scope.shared(actor=AUTHOR), pytest.raises(scope.ScopeError):
        redact_values(Client, client.pk, values={})


def test_a_person_s_name_goes_as_an_author_too(acme: Cast) -> None:
    with acme.inside(acme.colleague):
        acme.colleague.name = "Canary Colin"
        acme.colleague.save()
        acme.colleague.language = "fr"
        acme.colleague.save()
    with scope.owner(tenant=acme.id, actor=AUTHOR):
        redact(type(acme.colleague), acme.colleague.pk, fields=None)
    with acme.inside():
        text = _text()
        assert "Canary" not in text
        assert "Colin" not in text
        assert "Olga Acme" in text


@pytest.mark.usefixtures("library")
def test_a_name_as_an_author_goes_from_rows_about_some_keys_alone(library: Cast) -> None:
    person = scope.Actor("user", "0190-canary", "Canary Person")
    with scope.acting(person):
        here, there = Shelf.objects.create(name="Here"), Shelf.objects.create(name="There")
        on, off = Book.objects.create(title="On", shelf=here), Book.objects.create(title="Off", shelf=there)
        Book.objects.filter(pk__in=[on.pk, off.pk]).update(copies=7)
    with scope.owner(tenant=library.id, actor=AUTHOR):
        redact(Shelf, person.id, fields=None, about=[here.pk])
    for row, names in (
        (here, {"[erased]"}),
        (on, {"[erased]"}),
        (there, {person.name}),
        (off, {person.name}),
    ):
        entries = LogEntry.objects.filter(object_pk=str(row.pk))
        assert {entry.actor_name for entry in entries} == names, row
    assert LogEntry.objects.filter(object_pk=str(on.pk), changes__has_key="copies").count() == 2


def test_only_the_owner_role_redacts(acme: Cast) -> None:
    with acme.inside(), pytest.raises(scope.ScopeError):
        redact(type(acme.colleague), acme.colleague.pk, fields=None)
