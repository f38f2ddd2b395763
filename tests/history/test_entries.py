"""What an entry says: values as PostgreSQL prints them, names, masks; and what it never says (I7, P12)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import F

from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from tests.conftest import PASSWORD, Cast
from tests.history.shelf import Book, Number, written

MASK = "••••"


@pytest.mark.usefixtures("library")
def test_values_are_kept_as_postgresql_prints_them() -> None:
    book = Book.objects.create(title="Atlas", price=Decimal("12.50"))
    seen = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    with written() as entries:
        Book.objects.filter(pk=book.pk).update(
            price=F("price") * 2,
            lent=True,
            bought_on=date(2026, 2, 28),
            seen_at=seen,
            facts={"a": 1.50},
            copies=3,
        )
    assert entries[0].changes == {
        "price": ["12.50", "25.00"],
        "lent": ["false", "true"],
        "bought_on": [None, "2026-02-28"],
        "seen_at": [None, "2026-03-29T01:30:00+00:00"],
        "facts": ["{}", '{"a": 1.5}'],
        "copies": ["1", "3"],
    }


@pytest.mark.usefixtures("library")
def test_the_session_s_time_zone_does_not_change_what_is_kept() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Tokyo'")
    with written() as entries:
        Book.objects.create(title="Atlas", seen_at=datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
    assert entries[0].changes["seen_at"] == [None, "2026-03-29T01:30:00+00:00"]


@pytest.mark.usefixtures("library")
def test_an_entry_names_its_row_and_says_only_what_changed() -> None:
    book = Book.objects.create(title="Atlas", kind=Book.Kind.NOVEL)
    with written() as entries:
        book.title = "Great atlas"
        book.save()
        book.delete()
    assert [entry.object_repr for entry in entries] == ["Great atlas", "Great atlas"]
    assert entries[0].changes == {"title": ["Atlas", "Great atlas"]}
    assert entries[1].changes["title"] == ["Great atlas", None]
    assert "shelf" not in entries[1].changes, "what was empty is not listed"


@pytest.mark.usefixtures("library")
def test_masked_values_are_nowhere_but_their_change_is() -> None:
    with written() as entries:
        book = Book.objects.create(title="Atlas", code="canary-1")
        Book.objects.filter(pk=book.pk).update(code="canary-2")
        book.delete()
    assert [entry.changes["code"] for entry in entries] == [[None, MASK], [MASK, MASK], [MASK, None]]
    assert "canary" not in _everything()


@pytest.mark.usefixtures("library")
def test_passwords_and_excluded_fields_are_nowhere_and_their_change_alone_is_no_entry() -> None:
    with written() as entries:
        book = Book.objects.create(title="Atlas", password="canary-1", title_folded="canary-2")
        Book.objects.filter(pk=book.pk).update(password="canary-3", title_folded="canary-4")
        book.delete()
    assert [entry.action for entry in entries] == [0, 2]
    assert "canary" not in _everything()


def test_P12_a_person_s_password_hash_is_nowhere_in_the_history(acme: Cast) -> None:
    with acme.inside():
        old = acme.colleague.password
        acme.colleague.set_password("another horse battery")
        acme.colleague.save()
        text = _everything()
        hashes = [old, acme.colleague.password]
        hashes += type(acme.owner).objects.values_list("password", flat=True)
    assert "Colin" in text
    for secret in [*hashes, PASSWORD, "another horse"]:
        assert secret not in text


def test_P12_there_is_no_column_for_an_address(acme: Cast) -> None:
    names = {field.name for field in LogEntry._meta.get_fields()}
    assert not {
        name
        for name in names
        if "addr" in name or "port" in name or "agent" in name or "ip" in name.split("_")
    }
    assert not names & {"actor", "actor_email", "serialized_data"}


@pytest.mark.usefixtures("library")
def test_entries_of_one_transaction_stand_together() -> None:
    with written() as entries:
        one = Book.objects.create(title="I")
        with transaction.atomic():
            Book.objects.create(title="II")
        one.delete()
    assert len({(entry.cid, entry.timestamp) for entry in entries}) == 1
    assert [entry.id for entry in entries] == sorted(entry.id for entry in entries)


@pytest.mark.usefixtures("library")
def test_a_rolled_back_change_leaves_no_entry() -> None:
    with written() as entries, transaction.atomic():
        Book.objects.create(title="Atlas")
        Book.objects.update(copies=9)
        transaction.set_rollback(True)
    assert entries == []


@pytest.mark.usefixtures("library")
def test_a_whole_number_may_be_the_key() -> None:
    with written() as entries:
        number = Number.objects.create(name="seven")
    assert [(e.object_pk, e.changes) for e in entries] == [(str(number.pk), {"name": [None, "seven"]})]


def test_P06_no_signal_of_the_library_is_connected(acme: Cast) -> None:
    from auditlog import receivers, registry
    from django.db.models import signals

    from shared_apps.history.registry import auditlog

    assert auditlog._signals == {}
    assert auditlog._m2m_signals == {}
    assert registry.auditlog.get_models() == [], (
        "auditlog's own registry audits something beside the triggers"
    )
    kinds = (signals.pre_save, signals.post_save, signals.post_delete, signals.m2m_changed)
    for model in apps.get_models():
        for signal in kinds:
            live = [receiver for part in signal._live_receivers(model) for receiver in part]
            assert not [r for r in live if getattr(r, "__module__", "") == receivers.__name__], model


def test_no_foreign_entry_shows_in_another_workspace(acme: Cast, zenith: Cast) -> None:
    with acme.inside():
        acme.colleague.name = "Canary Acme"
        acme.colleague.save()
        assert LogEntry.objects.filter(object_repr="Canary Acme").count() == 1
    with zenith.inside():
        assert "Canary Acme" not in _everything()
    with scope.shared():
        assert "Canary Acme" not in _everything()


def _everything() -> str:
    """The whole history of the schema in force, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(string_agg(e::text, ' '), '') FROM history_logentry e")
        text: Any = cursor.fetchone()[0]
    return str(text)
