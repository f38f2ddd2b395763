"""Bringing a deployment to a release: again and again, and workspaces of an older one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import StringIO
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from tenants import fleet, roles
from tenants.models import Deployment, Snapshot, Tenant
from tenants.schemas import snapshot
from tenants.schemas.fingerprint import fingerprint
from tests.conftest import TESTER
from tests.fleet.conftest import LATER, as_it_is, own_template
from tests.toys.fixtures import committed

__all__ = ["committed", "own_template"]
# What the last migrations of an app made, taken back: the tables as an older release left them.
OLDER = (
    "DROP TABLE history_event",
    "DELETE FROM django_migrations WHERE app = 'history' AND name >= '0002'",
)


def prepared() -> str:
    out = StringIO()
    call_command("prepare", stdout=out)
    return out.getvalue()


def test_preparing_twice_changes_nothing(committed: Any) -> None:
    with scope.shared():
        before = Snapshot.objects.get()
    prepared()
    with scope.shared():
        after = Snapshot.objects.get()
    assert (after.fingerprint, after.ddl, after.recorded_at) == (
        before.fingerprint,
        before.ddl,
        before.recorded_at,
    )


def test_a_workspace_of_an_older_release_is_brought_forward_with_its_rows(committed: Any) -> None:
    acme, zenith = committed
    with scope.owner(tenant=acme.id, actor=TESTER), connection.cursor() as cursor:
        for statement in OLDER:
            cursor.execute(statement)
        found = fingerprint(acme.tenant.schema_name)
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=acme.id).update(release="0.0.9", fingerprint=found)
    said = prepared()
    assert "acme is at release" in said
    assert "zenith" not in said
    with scope.shared():
        assert Tenant.objects.get(pk=acme.id).fingerprint == Tenant.objects.get(pk=zenith.id).fingerprint
    with scope.tenant(acme.id):
        assert User.objects.count() == 3
    assert [problem for problem in fleet.problems() if str(acme.id) in problem] == []


def test_in_production_a_release_that_clients_have_does_not_get_other_tables(committed: Any) -> None:
    """While one is being made they may change under its number, and its workspaces come along."""
    with scope.shared(actor=TESTER):
        made = Snapshot.objects.get().fingerprint
        Snapshot.objects.update(fingerprint="0" * 64)
        Tenant.objects.update(fingerprint="0" * 64)
    with override_settings(SMOALL_IS_PRODUCTION=True), pytest.raises(CommandError, match="with other tables"):
        prepared()
    with scope.shared():
        assert Snapshot.objects.get().fingerprint == "0" * 64
    assert "acme is at release" in prepared()
    with scope.shared():
        assert {*Tenant.objects.values_list("fingerprint", flat=True)} == {made}


def of_code(**settings_: Any) -> Any:
    """Production, with the tables of a release of later."""
    later = {"auditlog": None, "contacts": "tests.tenants.later_contacts"}
    return override_settings(SMOALL_IS_PRODUCTION=True, MIGRATION_MODULES=later, **settings_)


@contextmanager
def a_column_that_must_be_filled() -> Iterator[None]:
    """In a shared table: a later release's, which stays there."""
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE clients_client ADD COLUMN later text NOT NULL DEFAULT ''")
        cursor.execute("ALTER TABLE clients_client ALTER COLUMN later DROP DEFAULT")
    try:
        yield
    finally:
        with scope.owner(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE clients_client DROP COLUMN later")


def test_the_code_of_before_is_put_back_after_a_refusal_and_after_a_later_release(
    own_template: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each code's template has the tables that it makes itself, whoever built there before."""
    with scope.shared(actor=TESTER):
        before = snapshot.current()
        snapshot.replay(snapshot.TEMPLATE, before)
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "build_shared", lambda: pytest.fail("the shared tables come after a refusal"))
        with of_code(), pytest.raises(CommandError, match="go back to the code that made them"):
            prepared()
    assert as_it_is(snapshot.TEMPLATE) == before.fingerprint, "nothing is half done"
    with of_code(SMOALL_RELEASE=LATER), scope.acting(TESTER):
        later = snapshot.record()
    assert as_it_is(snapshot.TEMPLATE) == later.fingerprint != before.fingerprint
    err = StringIO()
    with a_column_that_must_be_filled():
        call_command("prepare", stdout=StringIO(), stderr=err)
    assert "The shared tables are those of release 0.2.0" in err.getvalue()
    assert (
        "column clients_client.later must be filled, and this release's code doesn't know it"
        in err.getvalue()
    )
    assert as_it_is(snapshot.TEMPLATE) == before.fingerprint
    with of_code(SMOALL_RELEASE=LATER), scope.acting(TESTER):
        assert snapshot.record().fingerprint == later.fingerprint
    with scope.shared(actor=TESTER):  # nobody has it any more, so that it may be recorded anew
        Snapshot.objects.filter(pk=before.pk).update(fingerprint="0" * 64)
    again = snapshot.record()
    assert (again.fingerprint, again.tables) == (before.fingerprint, before.tables)


# --- on somebody else's server ----------------------------------------------------------------------------


@pytest.fixture
def beside(committed: Any) -> Iterator[Any]:
    """An administrator's cursor; and another database on the server, into which our logins are let."""
    with closing(psycopg2.connect(settings.SMOALL_ADMIN_URL)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute("CREATE DATABASE beside")
        cursor.execute("GRANT CONNECT ON DATABASE beside TO smoall_owner, smoall_worker")
        yield cursor
        cursor.execute("DROP DATABASE beside WITH (FORCE)")


class Reached(Exception):
    """The logins would be changed next."""


def test_after_another_secret_key_the_passwords_by_the_old_ones_open_the_neighbour_too(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a database that was left behind would stop every start; what is no wrong password is said as what it is."""

    def reached(*args: object) -> None:
        raise Reached

    monkeypatch.setattr(roles, "set_up", reached)
    made = settings.SMOALL_LOGINS
    wrong = dict.fromkeys(made, "another")
    with override_settings(SMOALL_LOGINS=wrong, SMOALL_OLD_LOGINS=[wrong, made]), pytest.raises(Reached):
        prepared()
    advice = pytest.raises(CommandError, match="SMOALL_OLD_SECRET_KEYS and run prepare again")
    with override_settings(SMOALL_LOGINS=wrong, SMOALL_OLD_LOGINS=[wrong]), advice:
        prepared()
    beside.execute("REVOKE CONNECT ON DATABASE beside FROM PUBLIC, smoall_worker")
    with pytest.raises(CommandError, match='permission denied for database "beside"'):
        prepared()


def passwords(cursor: Any) -> list[Any]:
    cursor.execute("SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'smoall%' ORDER BY 1")
    return list(cursor.fetchall())


def test_nothing_is_changed_where_the_database_or_the_logins_are_somebody_elses(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logins and their passwords are the whole server's, so this is asked before anything else."""
    prepared()  # a neighbour with the same passwords is no hindrance
    before = passwords(beside)
    with scope.owner():
        ours = Deployment.objects.get().identity
    with override_settings(SMOALL_LOGINS=dict.fromkeys(settings.SMOALL_LOGINS, "another")):
        with pytest.raises(CommandError, match="another database of Smoall, beside, whose logins"):
            prepared()
        try:
            with scope.owner():
                Deployment.objects.update(identity="0" * 64)
            with pytest.raises(CommandError, match="belongs to another deployment"):
                prepared()
        finally:
            with scope.owner():
                Deployment.objects.update(identity=ours)
        url = settings.SMOALL_ADMIN_URL
        with closing(psycopg2.connect(url, dbname="beside")) as strange, strange:
            strange.cursor().execute(
                "CREATE TABLE tenants_tenant (id integer); CREATE TABLE shop (id integer)"
            )
        with monkeypatch.context() as patch:
            patch.setitem(settings.DATABASES["default"], "NAME", "beside")
            with pytest.raises(CommandError, match="tables of something else"):
                prepared()
    assert [name for name, _password in before] and passwords(beside) == before
