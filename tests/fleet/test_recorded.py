"""I9: tables after the recorded SQL are, to the last default and right, those after plain migrations."""

import os
import subprocess
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import override_settings

from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenant_apps.contacts.models import Contact
from tenants import roles
from tenants.models import Snapshot, Tenant
from tenants.schemas import releases, script, snapshot, waves
from tenants.schemas.fingerprint import differences, fingerprint, hash_of, lines
from tests.conftest import TESTER, make_workspace
from tests.fleet.conftest import again, as_it_is, committed, current, later, own_template

__all__ = ["committed", "later", "own_template"]
EVERYTHING = os.environ.get("FLEET_TESTS") == "full"


def dumped(id: UUID) -> str:
    """The schema and the rights on it as pg_dump writes them, the schema's own name taken out."""
    place: Any = connection.settings_dict
    done = subprocess.run(
        [
            settings.SMOALL_PG_DUMP, "--schema-only", "--no-owner", f"--schema={scope.schema_of(id)}",
            f"--role={roles.OWNER}", f"--host={place['HOST']}", f"--port={place['PORT']}",
            f"--username={place['USER']}", place["NAME"],
        ],
        capture_output=True, text=True, check=True, env={"PGPASSWORD": place["PASSWORD"]},
    )  # fmt: skip
    kept = (line for line in done.stdout.splitlines() if line.strip() and not line.startswith(("--", "\\")))
    return "\n".join(kept).replace(scope.schema_of(id), "t")


def steps_of_history() -> list[tuple[str, str]]:
    """Every migration that changes a workspace's tables, in the order in which they were made for."""
    executor = MigrationExecutor(connection)
    labels = set(releases.ends())
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    return [(one.app_label, one.name) for one, _backwards in plan if one.app_label in labels]


def as_of(id: UUID, name: str) -> Snapshot:
    """The schema as it stands, as a release would have recorded it."""
    schema = scope.schema_of(id)
    with scope.owner(tenant=id):
        found, tables, seeds = fingerprint(schema), snapshot._tables(schema), snapshot._seeds(schema)
    return Snapshot(
        release=name,
        fingerprint=found,
        schema=schema,
        ddl=snapshot._dumped(schema),
        tables=tables,
        seeds=seeds,
    )


def test_step_by_step_the_whole_history_replayed_gives_the_tables_of_plain_migrations(committed: Any) -> None:
    """Three schemas walk it: one by Django's migrations, one recorded, one by what was recorded there."""
    plain, recorded, replayed = (uuid7() for _ in range(3))
    with scope.owner(), connection.cursor() as cursor:
        for id in (plain, recorded, replayed):
            cursor.execute(f"CREATE SCHEMA {scope.schema_of(id)}")
    with scope.owner(tenant=plain):
        walk = steps_of_history()
    assert len(walk) >= 11, "all that there are"
    for step in walk:
        steps: list[Any] = []
        with scope.owner(tenant=plain, actor=snapshot.BUILDER):
            MigrationExecutor(connection).migrate([step])
        with scope.owner(tenant=recorded, actor=snapshot.BUILDER):
            script.migrated(steps, [step])
            found = tuple(lines(scope.schema_of(recorded)))
        way = script.Script("", hash_of(found), found, script._placed(steps, scope.schema_of(recorded)))
        with scope.shared(actor=snapshot.BUILDER):
            script.replay(way, replayed)
        assert differences(lines_of(plain), lines_of(replayed)) == [], step
        assert dumped(replayed) == dumped(plain), step
    ends = [rows_of_release(id) for id in (plain, replayed)]
    assert ends[0][0] == ends[1][0]


def test_from_a_release_of_the_past_the_recorded_way_leads_to_todays_tables(committed: Any) -> None:
    """Its triggers, rights and rows too. From every point of the history with FLEET_TESTS=full."""
    past = uuid7()
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {scope.schema_of(past)}")
    with scope.owner(tenant=past, actor=snapshot.BUILDER):
        walk = steps_of_history()
    chosen = walk[:-1] if EVERYTHING else walk[:1]
    for step in chosen:
        with scope.owner(tenant=past, actor=snapshot.BUILDER):
            MigrationExecutor(connection).migrate([step])
        leads_to_today(as_of(past, ".".join(step)))


def leads_to_today(start: Snapshot) -> None:
    way = script.record(start)
    recorded, plain = uuid7(), uuid7()
    with scope.shared(actor=snapshot.BUILDER):
        for id in (recorded, plain):
            snapshot.replay(id, start)
        script.replay(way, recorded)
        snapshot.migrate(plain)
    assert differences(lines_of(plain), lines_of(recorded)) == [], start.release
    assert as_it_is(recorded) == as_it_is(plain) == current().fingerprint, start.release
    assert dumped(recorded) == dumped(plain), start.release
    assert rows_of_release(recorded) == rows_of_release(plain), start.release
    drop(recorded, plain)


def drop(*ids: UUID) -> None:
    with scope.owner(), connection.cursor() as cursor:
        for id in ids:
            cursor.execute(f"DROP SCHEMA IF EXISTS {scope.schema_of(id)} CASCADE")


def lines_of(id: UUID) -> list[str]:
    with scope.owner(tenant=id):
        return lines(scope.schema_of(id))


def rows_of_release(id: UUID) -> tuple[set[Any], set[Any]]:
    """What the release itself puts there: migrations and content types by name."""
    with scope.owner(tenant=id), connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        migrations = cursor.fetchall()
        cursor.execute("SELECT app_label, model FROM django_content_type")
        assert len(migrations) == len(set(migrations))
        return set(migrations), set(cursor.fetchall())


def test_a_release_with_rows_tables_rules_and_python_is_the_same_by_both_ways(later: Snapshot) -> None:
    with override_settings(SMOALL_RELEASE="0.1.0"):
        recorded, plain = make_workspace("recorded"), make_workspace("plain")
    for tenant in (recorded, plain):
        with scope.tenant(tenant.id, actor=TESTER):
            Contact.objects.create(kind="company", name="Garage Peeters", city="Liège")
            Contact.objects.create(kind="person", first_name="Éric", last_name="D’Or")
    ways = waves.scripts(later)
    options = waves.Options(tries=1)
    assert waves.move(recorded.id, target=later, ways=ways, options=options) == ""
    assert waves.move(plain.id, target=later, ways={}, options=options) == ""
    assert dumped(recorded.id) == dumped(plain.id)
    assert rows_of_release(recorded.id) == rows_of_release(plain.id)
    assert as_it_is(recorded.id) == later.fingerprint
    assert (again(recorded).release, again(recorded).fingerprint) == (later.release, later.fingerprint)
    for tenant in (recorded, plain):
        with scope.tenant(tenant.id), connection.cursor() as cursor:
            cursor.execute("SELECT name, nickname FROM contacts_contact ORDER BY name")
            assert cursor.fetchall() == [("Garage Peeters", "GARAGE PEETERS"), ("Éric D’Or", "")]
            assert LogEntry.objects.filter(actor_name="Smoall").count() == 0, "the column has no history yet"
            cursor.execute("INSERT INTO contacts_visit SELECT gen_random_uuid(), id FROM contacts_contact")


def test_python_of_a_migration_runs_with_its_workspace_entered_and_with_its_content_types(
    later: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of its own schema, and as they stand: of a run that was taken back nothing is remembered."""
    with override_settings(SMOALL_RELEASE="0.1.0"):
        tenants = [make_workspace("one"), make_workspace("two")]
    entered: list[UUID | None] = []
    kinds: list[int] = []
    failing = [tenants[1].id]
    from tests.tenants.later_contacts import __name__ as package

    def fill_(apps: Any, editor: Any) -> None:
        contenttype = apps.get_model("contenttypes", "ContentType").objects
        kind = contenttype.get_for_model(apps.get_model("contacts", "Contact"))
        assert contenttype.filter(pk=kind.pk, model="contact").exists(), "it is there"
        entered.append(scope.tenant_id())
        kinds.append(kind.pk)
        if scope.tenant_id() in failing:
            raise ValueError("once")

    module = __import__(f"{package}.0002_nickname", fromlist=["fill"])
    fill = next(op for op in module.Migration.operations if hasattr(op, "code"))
    monkeypatch.setattr(fill, "code", fill_)
    with scope.owner(tenant=tenants[1].id), connection.cursor() as cursor:
        # It gets another number.
        cursor.execute("DELETE FROM django_content_type WHERE app_label = 'contacts'")
    ways = waves.scripts(later)
    del entered[:], kinds[:]
    assert waves.move(tenants[0].id, target=later, ways=ways, options=waves.Options()) == ""
    assert "ValueError" in waves.move(tenants[1].id, target=later, ways=ways, options=waves.Options())
    failing.clear()
    assert waves.move(tenants[1].id, target=later, ways=ways, options=waves.Options()) == ""
    assert entered == [tenants[0].id, tenants[1].id, tenants[1].id]
    assert len(set(kinds)) == 3, "the sequence goes on after what was taken back"


def test_a_workspace_whose_tables_were_altered_by_hand_is_left_as_it_is_and_the_difference_named(
    later: Snapshot,
) -> None:
    with override_settings(SMOALL_RELEASE="0.1.0"):
        tenant = make_workspace("altered")
    with scope.owner(tenant=tenant.id), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contacts_contact ADD COLUMN shoe_size integer")
    before = as_it_is(tenant.id)
    said = waves.move(tenant.id, target=later, ways=waves.scripts(later), options=waves.Options())
    assert said == "The tables differ: column contacts_contact.shoe_size is too many"
    assert as_it_is(tenant.id) == before and again(tenant).release == "0.1.0"


def test_nothing_of_a_recording_stays(later: Snapshot) -> None:
    with scope.owner(), connection.cursor() as cursor:
        count = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 't\\_%%'"
        cursor.execute(count)
        before = cursor.fetchone()
    with scope.shared():
        Tenant.objects.first()
    assert waves.scripts(later)
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(count)
        assert cursor.fetchone() == before
