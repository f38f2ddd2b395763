"""I3, I4 at their edges: whatever fails or is forgotten, the answer is an error and never another's rows.

tests/tenants/test_scope.py has the plain cases. Here: settings that fail, every way to send a statement, and rows that are
read bit by bit. What is carried from one workspace into another: test_carried_rows.py; the database's own walls:
test_database_walls.py.
"""

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg2
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, ProgrammingError, connection, transaction

from shared_apps.accounts.models import Session, User
from shared_apps.kit import scope
from shared_apps.kit.rows import WrongTenant, uuid7
from tenants import roles
from tenants.models import Tenant
from tests.conftest import TESTER, Cast
from tests.isolation import stage


def emails() -> set[str]:
    return set(User.objects.values_list("email", flat=True))


def those_of(cast: Cast) -> set[str]:
    return {cast.owner.email, cast.admin.email, cast.colleague.email}


# --- settings that fail -----------------------------------------------------------------------------------------


def wrong(cast: Cast, **changes: Any) -> scope.Scope:
    return scope.Scope(
        **{"kind": "tenant", "schema": cast.tenant.schema_name, "role": roles.TENANT, "tenant": cast.id}
        | changes
    )


def test_a_role_that_is_refused_is_an_error_and_the_statement_behind_it_never_runs(
    acme: Cast, zenith: Cast
) -> None:
    with acme.inside():
        assert emails() == those_of(acme)
        for role in ("smoall_nobody", "pg_read_all_data", "postgres"):
            with pytest.raises(DatabaseError), transaction.atomic():  # noqa: SIM117
                with scope._entered(wrong(zenith, role=role), TESTER):
                    User.objects.create(name="Eve", email="eve@evil.test")
        assert emails() == those_of(acme)
    with zenith.inside():
        assert emails() == those_of(zenith)


def test_after_a_failed_setting_nothing_is_taken_for_set(acme: Cast, zenith: Cast) -> None:
    with acme.inside():
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            scope._entered(wrong(zenith, role="smoall_nobody"), None),
        ):
            emails()
        assert connection.applied is None
        with zenith.inside():
            assert emails() == those_of(zenith)
        assert emails() == those_of(acme)


def test_a_statement_in_a_failed_transaction_is_an_error_in_every_scope(acme: Cast, zenith: Cast) -> None:
    with stage.undone():
        with (
            acme.inside(),
            pytest.raises(DatabaseError),
            scope._entered(wrong(zenith, role="smoall_nobody"), None),
        ):
            emails()
        with pytest.raises(DatabaseError, match="aborted"), zenith.inside():
            emails()


def stage_of(tenant: Tenant) -> AbstractContextManager[scope.Scope]:
    return scope.tenant(tenant.id, actor=TESTER)


def test_a_right_that_is_revoked_closes_the_door_at_the_next_request(committing: None) -> None:
    """The worker's login loses the tenants' role; the shared schema goes on."""
    tenant = stage.workspace("closed-a")
    admin = psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=settings.DATABASES["default"]["NAME"])
    admin.autocommit = True
    try:
        admin.cursor().execute(f"REVOKE {roles.TENANT} FROM {roles.WORKER}")
        for look in (
            emails,
            lambda: User.objects.create(name="x", email="x@x.test"),
            by_server_side_cursor,
            by_copy,
        ):
            with pytest.raises((DatabaseError, psycopg2.Error), match="permission denied"), stage_of(tenant):
                look()
        with scope.shared():
            assert Tenant.objects.filter(pk=tenant.pk).exists()
    finally:
        admin.cursor().execute(f"GRANT {roles.TENANT} TO {roles.WORKER}")
        admin.close()
    with scope.tenant(tenant.id):
        assert emails() == {"owner@closed-a.test"}


def test_a_schema_that_is_dropped_under_an_open_workspace_is_an_error(committing: None) -> None:
    gone, other = stage.workspace("gone-a"), stage.workspace("gone-b")
    with scope.owner(actor=TESTER, tenant=gone.id), connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {gone.schema_name} CASCADE")
    for look in (
        emails,
        lambda: User.objects.create(name="x", email="x@x.test"),
        lambda: User.objects.update(name="x"),
    ):
        with pytest.raises(ProgrammingError, match="does not exist"), scope.tenant(gone.id, actor=TESTER):
            look()
    with scope.tenant(other.id):
        assert emails() == {"owner@gone-b.test"}


# --- every way to send a statement ------------------------------------------------------------------------------


WHERE = "SELECT current_user || ' ' || current_setting('search_path')"


def place_of(cast: Cast) -> str:
    return f"{roles.TENANT} {cast.tenant.schema_name}, ext"


def by_execute() -> str:
    with connection.cursor() as cursor:
        cursor.execute(WHERE)
        return str(cursor.fetchone()[0])


def by_server_side_cursor() -> str:
    with connection.chunked_cursor() as cursor:
        cursor.execute(WHERE)
        return str(cursor.fetchone()[0])


def by_copy() -> str:
    out = io.StringIO()
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({WHERE}) TO STDOUT", out)
    return out.getvalue().strip()


def by_call() -> str:
    with connection.cursor() as cursor:
        cursor.callproc("concat", ["x"])
        cursor.fetchall()
    return by_execute()


def by_raw() -> str:
    found = User.objects.raw(f"SELECT u.*, ({WHERE}) AS place FROM accounts_user u LIMIT 1")
    return str(found[0].place)


def by_executemany() -> str:
    """It inserts a session each, whose text says where."""
    with connection.cursor() as cursor:
        sql = f"INSERT INTO accounts_session (id, key_hash, realm, data, expires_at) SELECT %s, %s, 'x', ({WHERE}), now()"
        keys = [uuid7(), uuid7()]
        cursor.executemany(sql, [(key, str(key)) for key in keys])
    places = set(Session.objects.filter(pk__in=keys).values_list("data", flat=True))
    assert len(places) == 1
    return str(places.pop())


WAYS: list[Callable[[], str]] = [by_execute, by_server_side_cursor, by_copy, by_call, by_raw, by_executemany]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_to_send_a_statement_carries_the_scope(
    acme: Cast, zenith: Cast, way: Callable[[], str]
) -> None:
    """Alternating, nested, after a savepoint that was undone: each statement is where it should be."""
    for cast in (acme, zenith, acme):
        with cast.inside():
            assert way() == place_of(cast)
    with acme.inside():
        with zenith.inside():
            assert way() == place_of(zenith)
            with stage.undone(), acme.inside():
                assert way() == place_of(acme)
            assert way() == place_of(zenith)
            with transaction.atomic(), acme.inside():
                assert way() == place_of(acme)
            assert way() == place_of(zenith)
        assert way() == place_of(acme)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_to_send_a_statement_is_refused_without_a_scope(db: None, way: Callable[[], str]) -> None:
    with pytest.raises(scope.ScopeError):
        way()
    with scope.nothing(), pytest.raises(scope.ScopeError):
        way()


def test_copying_in_stays_in_the_workspace(acme: Cast, zenith: Cast) -> None:
    key = uuid7()
    with acme.inside(), connection.cursor() as cursor:
        cursor.copy_expert(
            "COPY accounts_session (id, key_hash, realm, data, expires_at) FROM STDIN (FORMAT csv)",
            io.StringIO(f"{key},k,r,d,2030-01-01\n"),
        )
        assert Session.objects.filter(pk=key).exists()
        for refused in (cursor.copy_from, cursor.copy_to):
            with pytest.raises(scope.ScopeError):
                refused(io.StringIO(), "accounts_session")
    with zenith.inside():
        assert not Session.objects.filter(pk=key).exists()


def test_outside_a_transaction_the_settings_end_with_the_statement(committing: None) -> None:
    tenant = stage.workspace("auto-a")
    here = scope.Scope("tenant", tenant.schema_name, roles.TENANT, tenant.id)
    assert connection.get_autocommit()
    with scope._entered(here, TESTER):
        assert by_execute() == f"{roles.TENANT} {tenant.schema_name}, ext"
        assert emails() == {"owner@auto-a.test"}
        for way in (by_server_side_cursor, by_copy, by_call, by_executemany):
            with pytest.raises(scope.ScopeError, match="transaction"):
                way()
    with pytest.raises(scope.NoScope):
        by_execute()
    with connection.connection.cursor() as bare:
        bare.execute(f"{WHERE}, current_setting('smoall.actor', true)")
        assert bare.fetchone() == (f'{roles.WORKER} "$user", public', "")
    nobody = scope.Scope("tenant", tenant.schema_name, "smoall_nobody", tenant.id)
    with pytest.raises(DatabaseError), scope._entered(nobody, None):
        emails()


def test_tasks_and_their_threads_keep_to_themselves(committing: None) -> None:
    """Sixteen tasks over two workspaces, by the one thread that Django shares and by threads of their own."""
    made = [stage.workspace("tasks-a"), stage.workspace("tasks-b")]

    def look(number: int) -> set[str]:
        with scope.tenant(made[number % 2].id, actor=TESTER):
            User.objects.update(language="fr")
            return emails()

    def apart(number: int) -> set[str]:
        try:
            return look(number)
        finally:
            connection.close()

    async def all_of_them() -> list[set[str]]:
        shared = [sync_to_async(apart)(number) for number in range(16)]
        own = [sync_to_async(apart, thread_sensitive=False)(number) for number in range(16)]
        return list(await asyncio.gather(*shared, *own))

    found = asyncio.run(all_of_them())
    assert found == [{f"owner@tasks-{'ab'[number % 2]}.test"} for number in range(16)] * 2
    with pytest.raises(scope.NoScope):
        scope.current()


def test_a_coroutine_cannot_open_a_workspace_on_the_loops_own_thread(committing: None) -> None:
    tenant = stage.workspace("loop-a")

    async def enter() -> None:
        with scope.tenant(tenant.id):
            pass

    async def ask() -> int:
        return int(await User.objects.acount())

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(enter())
    with pytest.raises(scope.NoScope):
        asyncio.run(ask())


# --- rows that are read bit by bit ------------------------------------------------------------------------------


def test_an_iterator_that_is_carried_into_another_workspace_raises(acme: Cast, zenith: Cast) -> None:
    with acme.inside():
        for rows in (
            User.objects.iterator(chunk_size=2),
            User.objects.values_list("email").iterator(chunk_size=2),
        ):
            next(rows)
            with zenith.inside(), pytest.raises(scope.ScopeError, match="another scope"):
                next(rows)
        assert {user.email for user in User.objects.iterator(chunk_size=1)} == those_of(acme)


def test_an_iterator_that_outlives_its_workspace_raises(acme: Cast) -> None:
    with acme.inside():
        rows = User.objects.iterator(chunk_size=2)
        next(rows)
    with pytest.raises(scope.NoScope):
        next(rows)


def test_a_generator_that_enters_a_workspace_itself_keeps_to_it(acme: Cast, zenith: Cast) -> None:
    """A scope is the thread's: a generator that suspends inside one leaves it open, so it must be used up inside."""

    def people(cast: Cast) -> Iterator[str]:
        with cast.inside():
            yield from sorted(emails())

    assert set(people(acme)) == those_of(acme)
    assert set(people(zenith)) == those_of(zenith)
    with pytest.raises(scope.NoScope):
        scope.current()


def test_a_queryset_reads_the_workspace_in_which_it_is_evaluated_and_keeps_what_it_read(
    acme: Cast, zenith: Cast
) -> None:
    """By design a queryset is a question: it is asked where it is evaluated, and never anywhere else."""
    with acme.inside():
        lazy, read = User.objects.order_by("email"), User.objects.order_by("email")
        assert {user.email for user in read} == those_of(acme)
    with zenith.inside():
        assert {user.email for user in lazy} == those_of(zenith)
        for user in read:  # what was read stays acme's, and can't be used here
            with pytest.raises(WrongTenant):
                user.save()
        assert {user.email for user in read.all()} == those_of(zenith)
        assert User.objects.filter(pk__in=read.values("pk")).count() == 3, (
            "a subquery is part of the question"
        )
    with pytest.raises(scope.NoScope):
        list(User.objects.all())
