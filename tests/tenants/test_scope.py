"""I3, I4, I5: no statement without a scope, and none in another's."""

import contextlib
import threading
from uuid import UUID

import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.rows import WrongTenant, uuid7
from tests.conftest import TESTER, Cast
from tests.toys.fixtures import committed

__all__ = ["committed"]


def test_a_query_without_a_scope_is_refused(db: None) -> None:
    with pytest.raises(scope.NoScope):
        User.objects.count()


def test_a_schema_that_is_gone_is_an_error_and_never_anothers_rows(acme: Cast) -> None:
    with pytest.raises(ProgrammingError), transaction.atomic(), scope.tenant(uuid7()):
        User.objects.count()
    with acme.inside():
        assert User.objects.count() == 3


def test_the_tenant_role_reads_nothing_of_the_shared_schema(acme: Cast) -> None:
    denied = pytest.raises(ProgrammingError, match="permission denied")
    with denied, transaction.atomic(), acme.inside(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM public.clients_client")


def reads_of_the_shared_role(acme: Cast) -> list[str]:
    """Tables of the workspace that the role gets a row of with which Smoall works in the shared tables, and will invoice."""
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [acme.tenant.schema_name])
        tables, found = [name for (name,) in cursor.fetchall()], []
    for table in tables:
        try:
            with transaction.atomic(), scope.shared(), connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {acme.tenant.schema_name}.{table} LIMIT 1")
        except ProgrammingError as error:
            if getattr(error.__cause__, "pgcode", "") != "42501":  # insufficient_privilege
                raise
        else:
            found.append(table)
    assert tables
    return found


def test_P19_the_shared_role_reads_nothing_of_a_tenant(acme: Cast) -> None:
    assert reads_of_the_shared_role(acme) == []


def test_P19_planted_a_right_on_one_table_is_noticed(acme: Cast) -> None:
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA {acme.tenant.schema_name} TO smoall_shared")
        cursor.execute(f"GRANT SELECT ON {acme.tenant.schema_name}.accounts_user TO smoall_shared")
    assert reads_of_the_shared_role(acme) == ["accounts_user"]


def test_leaving_the_shared_door_restores_the_tenant(acme: Cast) -> None:
    with acme.inside():
        with scope.shared():
            assert Client.objects.filter(company="Acme SRL").exists()
        assert {user.email for user in User.objects.all()} == {
            "olga@acme.test",
            "ada@acme.test",
            "colin@acme.test",
        }


def test_a_rolled_back_savepoint_forgets_the_scope_that_was_entered_in_it(acme: Cast, zenith: Cast) -> None:
    with acme.inside():
        assert User.objects.filter(email="olga@acme.test").exists()
        with pytest.raises(WrongTenant), transaction.atomic(), zenith.inside():
            assert User.objects.filter(email="olga@zenith.test").exists() and acme.owner.delete()
        assert User.objects.filter(email="olga@acme.test").exists()
        assert not User.objects.filter(email="olga@zenith.test").exists()


def test_a_row_of_one_workspace_refuses_to_be_saved_deleted_refreshed_or_related_in_another(
    acme: Cast, zenith: Cast
) -> None:
    with zenith.inside():
        for verb in (acme.owner.save, acme.owner.delete, acme.owner.refresh_from_db):
            with pytest.raises(WrongTenant):
                verb()


def test_a_failed_statement_that_was_swallowed_does_not_end_as_a_silent_rollback(
    committed: tuple[Cast, Cast],
) -> None:
    acme, _ = committed

    def write_and_swallow() -> None:
        with acme.inside(), connection.cursor() as cursor:
            User.objects.filter(email="olga@acme.test").update(language="fr")
            with contextlib.suppress(ProgrammingError):
                cursor.execute("SELECT nonsense")

    with pytest.raises(OperationalError, match="nothing was written"):
        write_and_swallow()
    with acme.inside():
        assert User.objects.get(email="olga@acme.test").language == "en"


def test_threads_do_not_share_a_scope(acme: Cast) -> None:
    seen: list[str] = []

    def look() -> None:
        try:
            scope.current()
        except scope.NoScope:
            seen.append("none")

    with acme.inside():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == ["none"]


def test_only_generated_names_reach_sql(db: None) -> None:
    with pytest.raises(scope.ScopeError):
        scope.tenant("t_x; DROP TABLE users")  # type: ignore[arg-type]
    hostile = scope.Scope("tenant", 't_1"; SELECT 1; --', "smoall_tenant", UUID(int=5))
    with pytest.raises(scope.ScopeError), scope._entered(hostile, TESTER):
        User.objects.count()


def test_an_authors_name_may_hold_any_character(acme: Cast) -> None:
    awkward = scope.Actor("user", "1", "O'Neil \\ \"x\" \0 é 'x'; DROP SCHEMA public; --")
    with scope.tenant(acme.id, actor=awkward), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('smoall.actor')::json ->> 'kind'")
        assert cursor.fetchone() == ("user",)
