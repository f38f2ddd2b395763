"""Tables that are not as their release made them are found, with what differs; and what looks at schemas stays cheap."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants import fleet
from tenants.models import Drift, Tenant
from tenants.schemas import drift, fingerprint
from tests.conftest import TESTER, Cast, make_workspace
from tests.fleet.conftest import committed, current, later, own_template

__all__ = ["committed", "later", "own_template"]
CHANGES = {
    "ALTER TABLE contacts_contact ADD COLUMN shoe_size integer": "column contacts_contact.shoe_size is too many",
    "ALTER TABLE contacts_contact DROP COLUMN notes": "column contacts_contact.notes is missing",
    "ALTER TABLE contacts_contact ALTER COLUMN notes SET DEFAULT 'x'": "column contacts_contact.notes is another one",
    "CREATE INDEX by_hand ON contacts_contact (notes)": "index by_hand is too many",
    "DROP TRIGGER history ON contacts_contact": "trigger history of contacts_contact is missing",
    "ALTER TABLE contacts_contact ADD CONSTRAINT by_hand CHECK (notes <> 'x')": "constraint contacts_contact.by_hand is too many",
    "CREATE SEQUENCE by_hand": "sequence by_hand is too many",
    "CREATE FUNCTION by_hand() RETURNS integer LANGUAGE sql AS 'SELECT 1'": "function by_hand is too many",
    "CREATE TABLE by_hand (id integer)": "column by_hand.id is too many",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_is_named(acme: Cast, zenith: Cast, change: str) -> None:
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        cursor.execute(change)
    (found,) = drift.look()
    assert (found.tenant, found.differences[0]) == (acme.id, CHANGES[change])
    said = [one for one in fleet.problems() if "tables differ" in one]
    assert len(said) == 1 and "client acme" in said[0] and CHANGES[change] in said[0]


def test_what_is_new_since_the_last_look_is_told_and_what_is_put_right_forgotten(
    acme: Cast, zenith: Cast
) -> None:
    now = timezone.now()
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        cursor.execute("CREATE INDEX by_hand ON contacts_contact (notes)")
    (found,) = drift.look()
    erased = drift.Found(uuid7(), found.release, found.differences)
    assert drift.note([found], now=now) == [found]
    assert drift.note([found, erased], now=now + timedelta(days=1)) == [erased], (
        "known since the night before"
    )
    with scope.shared():
        kept = Drift.objects.get()
        assert (kept.differences, kept.found_at) == (["index by_hand is too many"], now)
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        cursor.execute("DROP INDEX by_hand")
    assert drift.note(list(drift.look()), now=now) == []
    with scope.shared():
        assert not Drift.objects.exists()


def test_rows_that_say_another_fingerprint_than_their_tables_have_are_drift_too(
    acme: Cast, zenith: Cast
) -> None:
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=zenith.id).update(fingerprint="0" * 64)
    (found,) = drift.look()
    assert (found.tenant, found.differences) == (zenith.id, ("only its row's fingerprint differs",))


def test_an_older_release_is_compared_with_its_own_tables(committed: Any, later: Any) -> None:
    """Of the two, none drifts: they are as 0.1.0 made them."""
    assert list(drift.look()) == []


def test_the_look_is_one_statement_a_workspace_over_its_own_objects(
    acme: Cast, zenith: Cast, statements: Callable[[], Any]
) -> None:
    """No sequential scan of a catalog that grows with the fleet."""
    schema = acme.tenant.schema_name
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan TO off")  # tiny catalogs are else read whole
        for statement in (fingerprint.CATALOG, fingerprint.MEMBERS):
            cursor.execute("EXPLAIN " + statement, {"schema": schema})
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan on pg_" not in plan
        cursor.execute("EXPLAIN " + fleet.SIZES, [[schema]])
        plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "Seq Scan on pg_class" not in plan and "Seq Scan on pg_depend" not in plan
    with statements() as sent:
        list(drift.look(only={acme.id}))
    assert len(sent) <= 4


def test_a_connection_is_exchanged_after_a_hundred_workspaces(
    committed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's caches never shrink: about a megabyte a workspace whose tables were all touched."""
    from tenants.postgresql import base

    monkeypatch.setattr(base, "MOST_TOUCHED", 3)
    tenants = [committed[0].id, committed[1].id, make_workspace("third").id, make_workspace("fourth").id]
    backends = []
    connection.close()
    for id in tenants * 2:
        with scope.tenant(id), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backends.append(cursor.fetchone()[0])
            with scope.shared(), connection.cursor() as inner:
                inner.execute("SELECT pg_backend_pid()")
                assert inner.fetchone()[0] == backends[-1], "never within a transaction"
    assert 3 <= len(set(backends)) <= 5
    # Who asks for sizes opens each table too, without entering a workspace.
    monkeypatch.setattr(fleet, "AT_ONCE", 3)
    with scope.shared():
        everybody = list(Tenant.objects.all())
    for _ in range(2):
        with scope.shared(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backends.append(cursor.fetchone()[0])
        assert len(fleet.sizes(everybody)) == len(everybody) >= 4
    assert backends[-1] != backends[-2]
    assert current().fingerprint


def test_sizes_are_those_of_the_tables(acme: Cast) -> None:
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relkind = 'r'", [acme.tenant.schema_name],
        )  # fmt: skip
        assert fleet.sizes([acme.tenant]) == {acme.id: int(cursor.fetchone()[0])}
