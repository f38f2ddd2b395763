"""I3: the database's own walls, table by table from its catalog, and what each login can do with a bare connection."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.db import connection

from shared_apps.history.triggers import READ_ONLY_TABLES
from shared_apps.kit import scope
from tenants import hosts, roles
from tests.conftest import Cast
from tests.isolation import catalog

READ_ONLY = {*READ_ONLY_TABLES, *roles.SHARED_READ_ONLY, "django_migrations", "django_content_type"}

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
GRANTS = """
    SELECT r.rolname, n.nspname, c.relname, array_agg(p ORDER BY p) FILTER (WHERE has_table_privilege(r.oid, c.oid, p))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_roles r, unnest(%s::text[]) p
     WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND (n.nspname = 'public' OR n.nspname ~ '^t_[0-9a-f]{32}$')
       AND r.rolname = ANY(%s)
     GROUP BY 1, 2, 3
"""


def asked(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return cursor.fetchall()  # type: ignore[no-any-return]


def test_every_table_is_open_to_the_role_of_its_schema_alone_and_the_history_to_reading(
    acme: Cast, zenith: Cast
) -> None:
    rows = asked(GRANTS, list(PRIVILEGES), [roles.SHARED, roles.TENANT, roles.WEB, roles.WORKER])
    seen = set()
    for role, schema, table, granted in rows:
        is_own = role == (roles.SHARED if schema == "public" else roles.TENANT)
        may_write = is_own and table not in READ_ONLY
        expected = ["DELETE", "INSERT", "SELECT", "UPDATE"] if may_write else ["SELECT"] if is_own else None
        if is_own and schema == "public" and table in roles.SHARED_APPEND_ONLY:
            expected = sorted(set(expected or ()) - set(roles.SHARED_APPEND_ONLY[table].split(", ")))
        assert granted == expected, f"{role} has {granted} on {schema}.{table}"
        seen.add((schema, table))
    assert seen == {(schema, table) for schema in catalog.schemas() for table in catalog.tables(schema)}


def test_no_runtime_role_has_more_than_rows(acme: Cast) -> None:
    """No column grants, no function but the one that finds a host's workspace, no schemas or temporary tables of its own,
    no membership that grows.
    """
    runtime = [roles.SHARED, roles.TENANT, roles.WEB, roles.WORKER]
    assert asked("""
        SELECT r.rolname, p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, pg_roles r
         WHERE (n.nspname = 'public' OR n.nspname LIKE 't\\_%%') AND r.rolname = ANY(%s)
           AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
    """, runtime) == [(roles.SHARED, f"{hosts.FUNCTION}(text)")]  # fmt: skip
    assert asked("""
        SELECT r.rolname, n.nspname, p FROM pg_namespace n, pg_roles r, unnest(ARRAY['CREATE', 'USAGE']) p
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND r.rolname = ANY(%s)
           AND has_schema_privilege(r.oid, n.oid, p) AND NOT (p = 'USAGE' AND CASE
                WHEN n.nspname = 'ext' THEN r.rolname IN (%s, %s) WHEN n.nspname = 'public' THEN r.rolname = %s
                WHEN n.nspname LIKE 't\\_%%' THEN r.rolname = %s ELSE false END)
    """, runtime, roles.SHARED, roles.TENANT, roles.SHARED, roles.TENANT) == []  # fmt: skip
    assert asked("""
        SELECT r.rolname, p FROM pg_roles r, unnest(ARRAY['CREATE', 'TEMP']) p
         WHERE r.rolname = ANY(%s) AND has_database_privilege(r.oid, current_database(), p)
    """, runtime) == []  # fmt: skip
    assert asked("""
        SELECT rolname FROM pg_roles WHERE rolname LIKE 'smoall\\_%%' AND (rolsuper OR rolcreaterole OR rolcreatedb
            OR rolbypassrls OR rolreplication OR (rolinherit AND rolname <> %s))
    """, roles.UPKEEP) == []  # fmt: skip
    assert (
        asked("SELECT attrelid::regclass FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid > 16383")
        == []
    )
    members = asked("""
        SELECT m.member::regrole::text, m.roleid::regrole::text, m.admin_option FROM pg_auth_members m
         WHERE m.member::regrole::text LIKE 'smoall\\_%%' ORDER BY 1, 2
    """)  # fmt: skip
    expected = roles.MEMBER_OF | {roles.UPKEEP: (*roles.MEMBER_OF[roles.UPKEEP], *roles.SERVER_ROLES)}
    assert members == [(login, role, False) for login in sorted(expected) for role in sorted(expected[login])]


@pytest.fixture
def login(acme: Cast) -> Iterator[Callable[[str], Any]]:
    """`login(role)` is a bare connection of a login, as one who stole its password would have it."""
    place, opened = settings.DATABASES["default"], []

    def connect(role: str) -> Any:
        made = psycopg2.connect(
            host=place["HOST"],
            port=place["PORT"],
            dbname=place["NAME"],
            user=role,
            password=settings.SMOALL_LOGINS[role],
        )
        made.autocommit = True
        opened.append(made)
        return made.cursor()

    yield connect
    for made in opened:
        made.close()


def refused(cursor: Any, sql: str) -> bool:
    try:
        cursor.execute(sql)
    except psycopg2.errors.InsufficientPrivilege:
        return True
    return False


def every_table() -> list[str]:
    return [f"{schema}.{table}" for schema in catalog.schemas() for table in catalog.tables(schema)]


def test_the_webs_login_reads_nothing_as_itself_and_never_becomes_the_owner(
    login: Callable[[str], Any],
) -> None:
    cursor = login(roles.WEB)
    for table in every_table():
        assert refused(cursor, f"SELECT 1 FROM {table} LIMIT 1"), table
    for role in (roles.OWNER, roles.WORKER, "postgres"):
        assert refused(cursor, f"SET ROLE {role}"), role
        assert refused(cursor, f"SET SESSION AUTHORIZATION {role}"), role
        assert refused(cursor, f"GRANT {role} TO {roles.WEB}"), role
    for made in ("TABLE public.x (i int)", "SCHEMA x", "TEMP TABLE x (i int)", "ROLE x"):
        assert refused(cursor, f"CREATE {made}"), made
    assert refused(cursor, "COPY (SELECT 1) TO PROGRAM 'id'")


def test_the_webs_login_reaches_one_kind_of_schema_at_a_time(login: Callable[[str], Any]) -> None:
    cursor = login(roles.WEB)
    for role in (roles.SHARED, roles.TENANT):
        cursor.execute(f"SET ROLE {role}")
        for table in every_table():
            is_own = table.startswith("public.") == (role == roles.SHARED)
            assert refused(cursor, f"SELECT 1 FROM {table} LIMIT 1") is not is_own, (role, table)
            name = table.split(".")[1]
            is_written = (
                is_own and name not in READ_ONLY and "DELETE" not in roles.SHARED_APPEND_ONLY.get(name, "")
            )
            for sql in (
                f"DELETE FROM {table} WHERE false",
                f"TRUNCATE {table}",
                f"ALTER TABLE {table} DISABLE TRIGGER USER",
            ):
                assert refused(cursor, sql) is not (is_written and sql.startswith("DELETE")), (role, sql)
        assert refused(cursor, f"SET ROLE {roles.OWNER}")
        cursor.execute("RESET ROLE")


def test_the_workers_login_can_become_each_of_the_three(login: Callable[[str], Any]) -> None:
    cursor = login(roles.WORKER)
    for table in every_table():
        assert refused(cursor, f"SELECT 1 FROM {table} LIMIT 1"), table
    for role in (roles.SHARED, roles.TENANT, roles.OWNER):
        cursor.execute(f"SET ROLE {role}")
        cursor.execute("RESET ROLE")
    assert refused(cursor, "SET ROLE postgres")
