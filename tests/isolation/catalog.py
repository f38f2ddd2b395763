"""What the database's own catalog knows: its tables, and a checksum of each, so that new ones enter by themselves."""

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, models

from shared_apps.kit import scope
from tenants import router

CHECKSUM = "SELECT %s, coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t {}"


def models_of(*, tenant: bool) -> list[type[models.Model]]:
    """Every concrete model with a table in that kind of schema, those of many-to-many fields too."""
    return list(router.models_of(shared=not tenant))


def tables(schema: str) -> list[str]:
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema])
        return [name for (name,) in cursor.fetchall()]


def schemas() -> list[str]:
    """`public` and every tenant's, the template's too."""
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname = 'public' OR nspname LIKE 't\\_%%' ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


@cache
def known_tables(schema: str) -> tuple[str, ...]:
    """As `tables`, asked once a run."""
    return tuple(tables(schema))


def checksums(schema: str, *, but: Iterable[str] = ()) -> dict[str, str]:
    """{table: checksum of all its rows}, by one statement."""
    names = [name for name in known_tables(schema) if name not in set(but)]
    return _checksums([(name, f"{schema}.{name}", "") for name in names])


def shared_checksums(tenant: UUID, client: UUID) -> dict[str, str]:
    """{table: checksum of its rows that name this client or workspace anywhere}, for every table of `public`."""
    names = f"WHERE t::text LIKE '%%{tenant}%%' OR t::text LIKE '%%{client}%%'"
    left_out = {"history_logentry"}  # it grows by who looks at a client too; only the triggers write it
    return _checksums(
        [(name, f"public.{name}", names) for name in known_tables("public") if name not in left_out]
    )


def _checksums(wanted: list[tuple[str, str, str]]) -> dict[str, str]:
    sql = " UNION ALL ".join(CHECKSUM.format(table, where) for _name, table, where in wanted)
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(sql, [name for name, _table, _where in wanted])
        return dict(cursor.fetchall())


def holding(word: str, *, but: Iterable[str] = ()) -> list[str]:
    """ "schema.table: row" for every row of every table of every schema that holds the word anywhere, as text."""
    found: list[str] = []
    with scope.owner(), connection.cursor() as cursor:
        for schema in schemas():
            for table in tables(schema):
                if f"{schema}.{table}" in set(but):
                    continue
                cursor.execute(
                    f"SELECT t::text FROM {schema}.{table} t WHERE t::text ILIKE %s", [f"%{word}%"]
                )
                found += [f"{schema}.{table}: {row[:900]}" for (row,) in cursor.fetchall()]
    return found


def value(sql: str, *params: Any) -> Any:
    """The first column of the first row, as the owner."""
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        row = cursor.fetchone()
        return row[0] if row else None
