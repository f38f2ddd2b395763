"""The database's own walls: three roles, three logins, the schema `ext`, and who may touch which table (I3).

Runs as an administrator, apart from Django's connection; every function may be run again.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from psycopg2 import sql

from shared_apps.history.triggers import READ_ONLY_TABLES
from tenants.schemas.fingerprint import Member, members

OWNER, SHARED, TENANT = "smoall_owner", "smoall_shared", "smoall_tenant"
WEB, WORKER = "smoall_web", "smoall_worker"
UPKEEP = "smoall_upkeep"  # rewrites tables and drops the log after an erasure (physical.py); short lock waits
MEMBER_OF = {WEB: (SHARED, TENANT), WORKER: (SHARED, TENANT, OWNER), UPKEEP: (OWNER,)}
SERVER_ROLES = ("pg_maintain", "pg_checkpoint")  # of PostgreSQL itself; older ones lack one or both
SERVER_FUNCTIONS = ("pg_switch_wal()", "pg_ls_waldir()")
LOCK_TIMEOUT = "500ms"  # of a rewrite: everybody else waits behind its lock
EVERYONE = (OWNER, SHARED, TENANT, *MEMBER_OF)
# What is recorded there is never altered; visits go with their client.
SHARED_APPEND_ONLY = {"operators_signature": "UPDATE, DELETE", "operators_visit": "UPDATE"}
SHARED_READ_ONLY = ("tenants_ledgerhead", "tenants_deployment")  # of the shared schema's tables alone
EXTENSIONS = ("pg_trgm", "unaccent", "btree_gin")
# What a server says for 28P01, a code that psycopg2 gives to no error of a login. One that speaks another language is quoted.
REFUSED = "password authentication failed"
# An administrator who is no superuser reads our tables as their owner.
READS_AS_OWNER = """
    SELECT 1 FROM pg_roles me, pg_roles owner
     WHERE me.rolname = current_user AND NOT me.rolsuper AND owner.rolname = %s AND pg_has_role(owner.oid, 'MEMBER')
"""
SHARING = """
    SELECT DISTINCT d.datname FROM pg_database d, aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
     WHERE r.rolname = %s AND d.datallowconn AND d.datname <> %s ORDER BY 1
"""


def set_up(admin_url: str, database: str, passwords: dict[str, str]) -> None:
    """Make roles, logins, the database and its schemas `public` and `ext`, or bring them to this state.

    `admin_url` is a login that may create roles. Two calls at once wait for each other.
    """
    _as_admin(admin_url, None, [*_roles(passwords), *_upkeep()])
    _make_database(admin_url, database)
    _as_admin(admin_url, database, [*_schemas(database), *_functions()])


@contextmanager
def asking(admin_url: str, database: str) -> Iterator[Any]:
    """The administrator's cursor in a database, for reading alone; None where there is no such database."""
    with closing(psycopg2.connect(admin_url)) as server, server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        is_there = cursor.fetchone() is not None
    if not is_there:
        yield None
        return
    with closing(psycopg2.connect(admin_url, dbname=database)) as inside, inside.cursor() as cursor:
        inside.set_session(readonly=True)
        cursor.execute(READS_AS_OWNER, [OWNER])
        if cursor.fetchone():
            cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OWNER)))
        yield cursor


def neighbours(admin_url: str, database: str) -> list[str]:
    """Other databases of the server into which our roles are let. Roles and passwords are the whole server's."""
    with closing(psycopg2.connect(admin_url)) as admin, admin.cursor() as cursor:
        cursor.execute(SHARING, [OWNER, database])
        return [name for (name,) in cursor.fetchall()]


def opens(admin_url: str, database: str, passwords: dict[str, str]) -> bool:
    """Whether the worker's login opens that database by its password here: else `set_up` would lock others out of it.

    Raises OperationalError where that can't be told: the server was too busy, or let nobody in.
    """
    try:
        psycopg2.connect(admin_url, dbname=database, user=WORKER, password=passwords[WORKER]).close()
    except psycopg2.OperationalError as error:
        if REFUSED not in str(error):
            raise
        return False
    return True


def _as_admin(admin_url: str, database: str | None, statements: Iterable[sql.Composable]) -> None:
    connection = psycopg2.connect(admin_url, **({"dbname": database} if database else {}))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('smoall roles', 0))")
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


def _roles(passwords: dict[str, str]) -> Iterable[sql.Composable]:
    """The runtime roles have no password, so nobody signs in as them; they may log in since Citus's nodes do so."""
    for role in EVERYONE:
        yield sql.SQL(
            "DO $$ BEGIN CREATE ROLE {0} LOGIN NOINHERIT; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        ).format(sql.Identifier(role))
        inherits = sql.SQL("INHERIT" if role == UPKEEP else "NOINHERIT")
        yield sql.SQL("ALTER ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE {}").format(
            sql.Identifier(role), inherits
        )
    for login, roles in MEMBER_OF.items():
        yield sql.SQL("ALTER ROLE {} PASSWORD {}").format(
            sql.Identifier(login), sql.Literal(passwords[login])
        )
        for role in roles:
            yield sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login))


def _upkeep() -> Iterable[sql.Composable]:
    """What the login needs of the server itself, as far as the administrator can give it.

    It inherits its rights, and its lock waits are the role's own: nothing is set in a session, which a pooler
    might hand to somebody else.
    """
    login = sql.Identifier(UPKEEP)
    yield sql.SQL("ALTER ROLE {} SET lock_timeout TO {}").format(login, sql.Literal(LOCK_TIMEOUT))
    for role in SERVER_ROLES:
        yield _if_allowed(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), login))


def _functions() -> Iterable[sql.Composable]:
    """Rights on functions are a database's own."""
    for function in SERVER_FUNCTIONS:
        yield _if_allowed(
            sql.SQL("GRANT EXECUTE ON FUNCTION pg_catalog.{} TO {}").format(
                sql.SQL(function), sql.Identifier(UPKEEP)
            )
        )


def _if_allowed(statement: sql.Composable) -> sql.Composable:
    refused = "insufficient_privilege OR undefined_object OR undefined_function"
    return sql.SQL("DO $$ BEGIN {}; EXCEPTION WHEN {} THEN NULL; END $$").format(statement, sql.SQL(refused))


def _make_database(admin_url: str, database: str) -> None:
    connection = psycopg2.connect(admin_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    except psycopg2.errors.DuplicateDatabase:
        pass  # another process was first
    finally:
        connection.close()


def _schemas(database: str) -> Iterable[sql.Composable]:
    name = sql.Identifier(database)
    owner = sql.Identifier(OWNER)
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name)
    for role in EVERYONE:
        yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(role))
    yield sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(name, owner)
    yield sql.SQL("ALTER SCHEMA public OWNER TO {}").format(owner)
    yield sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    yield sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(SHARED))
    yield sql.SQL("CREATE SCHEMA IF NOT EXISTS ext")
    for extension in EXTENSIONS:
        yield sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA ext").format(sql.Identifier(extension))
    for role in (OWNER, SHARED, TENANT):
        yield sql.SQL("GRANT USAGE ON SCHEMA ext TO {}").format(sql.Identifier(role))


def grants(schema: str, of: Iterable[Member] | None = None) -> list[str]:
    """DDL that opens a schema, or these members of it, to its runtime role: rows, sequences; the history and migrations
    for reading alone. By name: "ALL TABLES IN SCHEMA" looks through every table of every workspace.
    """
    role = SHARED if schema == "public" else TENANT
    named: dict[str, list[str]] = {"table": [], "sequence": [], "function": []}
    for member in members(schema) if of is None else of:
        name = member.name if member.kind == "function" else f'"{member.name}"'
        named[member.kind].append(f"{schema}.{name}")
    statements = [] if of is not None else [f"GRANT USAGE ON SCHEMA {schema} TO {role}"]
    if named["table"]:
        statements.append(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(named['table'])} TO {role}")
    if named["sequence"]:
        statements.append(f"GRANT USAGE, SELECT ON SEQUENCE {', '.join(named['sequence'])} TO {role}")
    if named["function"]:  # a replayed dump comes without privileges
        statements.append(f"REVOKE EXECUTE ON FUNCTION {', '.join(named['function'])} FROM PUBLIC")
    read_only = (*READ_ONLY_TABLES, "django_migrations", "django_content_type")
    for table in (*read_only, *(SHARED_READ_ONLY if schema == "public" else ())):
        statements.append(f"REVOKE INSERT, UPDATE, DELETE ON {schema}.{table} FROM {role}")
    for table, rights in SHARED_APPEND_ONLY.items() if schema == "public" else ():
        statements.append(f"REVOKE {rights} ON {schema}.{table} FROM {role}")
    return [one for one in statements if not one.startswith("REVOKE") or _concerns(one, named)]


def _concerns(statement: str, named: dict[str, list[str]]) -> bool:
    """Whether a revocation is about one of the tables; all others are left as they are."""
    table = statement.partition(" ON ")[2].partition(" FROM ")[0]
    return table.startswith("FUNCTION") or any(one.replace('"', "") == table for one in named["table"])
