"""Expand in one release, contract in a later one: this release's code on the tables before it, and what is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, migrations, models, router
from django.db.migrations.executor import MigrationExecutor
from django.test import override_settings

from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants.models import Snapshot
from tenants.schemas import releases, snapshot
from tests.conftest import TESTER
from tests.fleet.conftest import LATER, committed, later, own_template

__all__ = ["committed", "later", "own_template"]
ROOT = Path(__file__).resolve().parent.parent.parent


def published() -> list[str]:
    """The releases that the change log says are out."""
    headings = re.findall(r"^## (\S+)(.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    return [name for name, rest in headings if "unreleased" not in rest and name != settings.SMOALL_RELEASE]


def test_every_published_release_says_where_its_migrations_ended() -> None:
    """When one is published, `releases.ends()` is its line in FINISHED: what comes after is judged by it."""
    assert set(published()) <= set(releases.FINISHED)
    assert set(releases.ends()) >= {"accounts", "contacts", "history", "mail"}


def test_no_migration_since_the_last_release_contracts_what_its_code_may_still_use() -> None:
    assert list(releases.refused_operations()) == []


def test_this_releases_code_runs_on_the_tables_of_the_release_before(committed: Any) -> None:
    """They are made by its migrations; the models are compared with them, and each is read there."""
    before = releases._last_finished()
    if before is None or settings.SMOALL_RELEASE in releases.CLOSES:
        before = releases.ends()  # the first release: its own tables
    id = uuid7()
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {scope.schema_of(id)}")
    with scope.owner(tenant=id, actor=TESTER):
        MigrationExecutor(connection).migrate(sorted(before.items()))
        assert list(releases.lacking()) == []
        for model in apps.get_models(include_auto_created=True):
            if router.allow_migrate_model("default", model) and model._meta.managed:
                list(model._default_manager.all())


def test_what_a_later_release_only_adds_is_no_hindrance(later: Snapshot) -> None:
    """Its code doesn't need the column, so it works on both."""
    assert not releases.serves("0.1.0"), "nobody has looked yet"
    assert releases.look() == {"0.1.0": []}
    assert releases.serves("0.1.0") and releases.serves(LATER) and not releases.serves("0.0.1")


NARROWER = {
    r"\n\s+city character varying\(\d+\) NOT NULL,": "",
    r"(\n\s+name) character varying\(\d+\) NOT NULL": r"\1 character varying(20) NOT NULL",
    r"(\n\s+company_id uuid),": r"\1 NOT NULL,",
    r"(\n\s+notes text) NOT NULL,": r"\1,",
}


def test_code_that_needs_another_column_than_is_there_is_not_let_onto_older_tables(
    later: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scope.shared(actor=TESTER):
        older = Snapshot.objects.get(release="0.1.0")
        before, table, rest = older.ddl.partition(f"CREATE TABLE {older.schema}.contacts_contact (")
        for found, instead in NARROWER.items():
            rest, made = re.subn(found, instead, rest, count=1)
            assert made
        Snapshot.objects.filter(pk="0.1.0").update(ddl=before + table + rest)
    try:
        assert releases.look()["0.1.0"] == [
            "column contacts_contact.city is not there yet",
            "column contacts_contact.company_id must be filled, and this release's code may leave it empty",
            "column contacts_contact.name is character varying(20), and this release's code writes character varying(200)",
            "column contacts_contact.notes may be empty, and this release's code counts on a value",
        ]
        assert not releases.serves("0.1.0")
        monkeypatch.setattr(releases, "CLOSES", {LATER: "said on purpose"})
        assert releases.look()["0.1.0"] == ["said on purpose"]
    finally:
        with scope.shared(actor=TESTER):
            Snapshot.objects.filter(pk="0.1.0").update(ddl=older.ddl)


def test_a_column_that_holds_more_is_no_hindrance() -> None:
    wider = {
        "character varying(20)": ["character varying(21)", "character varying", "text"],
        "integer": ["bigint"],
        "numeric(10,2)": ["numeric(10,2)", "numeric(11,3)"],
    }
    narrower = {
        "character varying(20)": ["character varying(19)", "bigint"],
        "text": ["character varying(20)"],
        "bigint": ["integer"],
        "numeric(10,2)": ["numeric(10,3)", "numeric(12,1)", "integer"],
        "uuid": ["text"],
    }
    assert all(releases._holds(one, wanted) for wanted, found in wider.items() for one in found)
    assert not any(releases._holds(one, wanted) for wanted, found in narrower.items() for one in found)


def test_a_column_that_must_be_filled_and_that_nobody_knows_is_a_hindrance(later: Snapshot) -> None:
    id = uuid7()
    with scope.shared(actor=snapshot.BUILDER):
        snapshot.replay(id, later)
        with scope.owner(tenant=id):
            assert list(releases.lacking()) == [
                "column contacts_contact.nickname must be filled, and this release's code doesn't know it"
            ]


def test_only_the_release_before_is_worked_on(own_template: None) -> None:
    with override_settings(SMOALL_RELEASE="0.3.0"), scope.acting(TESTER):
        with scope.shared(actor=TESTER):
            first = Snapshot.objects.get(release="0.1.0")
            second = Snapshot(
                release="0.2.0", fingerprint=first.fingerprint, schema=first.schema, ddl=first.ddl
            )
            second.tables, second.seeds = first.tables, first.seeds
            second.save(force_insert=True)
        found = releases.look()
        assert found["0.2.0"] == [] and "the one before" in found["0.1.0"][0]
        assert releases.serves("0.2.0") and not releases.serves("0.1.0")


class Contracting(migrations.Migration):
    atomic = False
    operations = [
        migrations.RemoveField("contact", "city"),
        migrations.RenameField("contact", "phone", "telephone"),
        migrations.DeleteModel("Tag"),
        migrations.AddField("contact", "shoe_size", models.IntegerField(null=True)),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("contact", "notes")]),
    ]


def test_dropping_and_renaming_in_the_release_that_stops_using_it_is_refused() -> None:
    said = list(releases.contractions(Contracting("0009_contracting", "contacts")))
    assert [one.partition(": ")[2].partition(":")[0] for one in said[:3]] == [
        "Remove field city from contact",
        "Rename field phone on contact to telephone",
        "Delete model Tag",
    ]
    assert said[3].endswith("is migrated in one transaction.") and len(said) == 4


def test_what_stood_before_the_last_release_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        releases, "FINISHED", {"0.0.5": {"accounts": "0001_initial", "history": "0001_initial"}}
    )
    assert list(releases.refused_operations()) == []
    monkeypatch.setattr(
        releases, "contractions", lambda migration: [f"{migration.app_label}.{migration.name}"]
    )
    judged = list(releases.refused_operations())
    assert "accounts.0002_reactivated_at" in judged and "accounts.0001_initial" not in judged
    monkeypatch.setattr(releases, "CLOSES", {settings.SMOALL_RELEASE: "said on purpose"})
    assert list(releases.refused_operations()) == []
