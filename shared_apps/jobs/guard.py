"""Locks and reports outside the current transaction, on a database connection of their own.

`held` says that somebody is at work on something, for as long as they are: the database forgets it when the
process dies. The lock belongs to a transaction, not to a session: PgBouncer's transaction mode is safe.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection

from shared_apps.kit import scope

LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"


def lock_here(kind: str, id: UUID) -> bool:
    """Take the lock until the end of the current transaction; False when somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [f"{kind}:{id}"])
        return bool(cursor.fetchone()[0])


@contextmanager
def held(kind: str, id: UUID) -> Iterator[bool]:
    """Hold the lock on a second connection until the block ends; yields False when somebody else has it."""
    with _aside() as other:
        other.set_autocommit(False)
        try:
            with scope._entered(scope.SHARED, None), other.cursor() as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout TO 0")
                cursor.execute(LOCK, [f"{kind}:{id}"])
                taken = bool(cursor.fetchone()[0])
            yield taken
        finally:
            other.rollback()


def execute_aside(sql: str, params: list[Any] | dict[str, Any]) -> None:
    """One statement in the shared schema, committed at once, whatever becomes of the current transaction.

    A row that the current transaction has changed can't be had: after a second it raises OperationalError.
    """
    with _aside() as other, scope._entered(scope.SHARED, None), other.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout TO '1s'; {sql}", params)


@contextmanager
def _aside() -> Iterator[Any]:
    other = connection.copy()
    try:
        yield other
    finally:
        other.close()
