"""Erasing what deleted rows leave in the database server's own files (I13): dead rows in pages, samples, WAL.

A deleted row stays readable in its page until the table is rewritten, in a sample of the planner's until it is taken
anew, and in the write-ahead log until its segment goes. The work needs a login of its own, smoall_upkeep (roles.py):
none of it runs in a transaction. Where a server does not let us do all of it, the certificate's seven days stand.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

import psycopg2
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg2 import errors

from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import all_holdings
from tenants import certificate, roles, sagas
from tenants.models import Saga
from tenants.router import SchemaRouter

log = logging.getLogger("smoall.physical")
PATIENCE = 20.0  # seconds for which tables that are in use are tried again before a saga's step waits
SAMPLES = ("pg_catalog.pg_statistic", "pg_catalog.pg_statistic_ext_data")
COUNTED = "public.tenants_tenant"  # by an index alone, while the server knows that every row may be seen
STILL_DEAD = re.compile(r"(\d+) dead row versions cannot be removed yet")
CLEARS_SAMPLES = 180000  # the first version of PostgreSQL that lets go of a sample without taking another
# The first that may leave out what VACUUM does besides: looking for the oldest row of the database through the catalog of
# all workspaces' tables, once for each that it rewrites. Autovacuum does that anyway.
LOOKS_AT_ITS_TABLE_ALONE = 160000
# By the two names apart, which the catalog has an index of: pg_stats holds the samples of every workspace.
OF_TABLE = "schemaname = split_part(%s, '.', 1)::name AND tablename = split_part(%s, '.', 2)::name"
CLEAR = f"""
    SELECT pg_clear_attribute_stats(schemaname::text, tablename::text, attname::text, inherited)
      FROM pg_stats WHERE {OF_TABLE}
"""  # noqa: S608  (constants)
SAMPLED_AND_EMPTY = f"""
    SELECT EXISTS (SELECT FROM pg_stats WHERE {OF_TABLE})
       AND pg_relation_size(to_regclass(%s)) = 0
"""  # noqa: S608  (constants)
GIVE_UP = timedelta(
    hours=1
)  # then the certificate is signed with the stated limit, and the last step goes on trying
OLD_SEGMENTS = """
    SELECT count(*) FROM pg_ls_waldir()
     WHERE name ~ '^[0-9A-F]{24}$' AND name < (SELECT redo_wal_file FROM pg_control_checkpoint())
"""
ELSEWHERE = """
    SELECT current_setting('archive_mode') <> 'off'
        OR EXISTS (SELECT FROM pg_replication_slots) OR EXISTS (SELECT FROM pg_stat_replication)
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was reached. `busy`: it may be tried again. `why`: what a server does not let us do, for the log."""

    is_gone: bool = False  # no page, sample or log segment of this server holds an erased row any more
    busy: bool = False
    why: str = ""


def drop_traces(patience: float = PATIENCE) -> Outcome:
    """Rewrite the shared tables that may have held what was erased, take new samples, drop the log up to here.

    Must be called outside a transaction. May be called again, and by several at a time.
    """
    if connection.in_atomic_block:
        return Outcome(why="inside a transaction nothing is rewritten")
    try:
        with _server() as server:
            left = _rewrite_all(server, [*tables(), *SAMPLES], patience)
            if left:
                return Outcome(busy=True, why=f"in use: {', '.join(left)}")
            with suppress(errors.LockNotAvailable):  # a rewritten table has none of that knowledge
                _vacuum(server, COUNTED)
            if kept := _kept_samples(server):
                return Outcome(why=f"this version keeps the samples of empty tables: {', '.join(kept)}")
            return _drop_log(server)
    except psycopg2.Error as error:
        if _is_refusal(error):
            return Outcome(why=f"{type(error).__name__}: not allowed on this server")
        raise


def rewrite(names: list[str], patience: float = PATIENCE) -> str:
    """Rewrite these tables and drop the log up to here; why it could not be done, or "". Outside a transaction."""
    try:
        with _server() as server:
            if left := _rewrite_all(server, [*names, *SAMPLES], patience):
                return f"in use: {', '.join(left)}"
            return _drop_log(server).why
    except psycopg2.Error as error:
        if _is_refusal(error):
            return f"{type(error).__name__}: not allowed on this server"
        raise


def tables() -> list[str]:
    """The shared tables that hold, or held, rows about clients and people: those of the holdings, by name."""
    router, found = SchemaRouter(), set()
    with scope._entered(scope.SHARED, None):
        for holding in all_holdings():
            if holding.what.count(".") != 1 or ":" in holding.what:
                continue
            if holding.whose == "smoall" and holding.erased in ("kept", "public"):
                continue  # Smoall's own: names nobody
            model = apps.get_model(holding.what)
            if router.allow_migrate("default", model._meta.app_label):
                found.add(f"public.{model._meta.db_table}")
    return sorted(found)


# --- in a saga --------------------------------------------------------------------------------------------


def enforce(saga: Saga, *, give_up: bool = False) -> None:
    """A step: drop the traces, and note the day in `saga.data["gone_on"]` once nothing is left on this server.

    Waits (NotYet) while tables are in use; with `give_up` no longer than GIVE_UP. For `outside` steps.
    """
    outcome = drop_traces()
    now = timezone.now()
    if outcome.busy:
        since = saga.data.setdefault("rewriting_since", now.isoformat())
        waited = now - datetime.fromisoformat(since)
        if not (give_up and waited > GIVE_UP):
            sagas.remember(saga)
            raise sagas.NotYet(now + timedelta(seconds=10))
    if outcome.is_gone:
        saga.data["gone_on"] = day_of(now).isoformat()
    else:
        log.warning("Traces of an erasure stay on the server for now: %s.", outcome.why)
    saga.data.pop("rewriting_since", None)


def last_copy_on(saga: Saga, destroyed_on: date) -> date:
    """What the certificate states: the day on which the last physical copy is gone.

    The server's own day when it is proven, and then as long as whoever runs the deployment keeps copies of the
    server's files; the stated limit otherwise.
    """
    limit = destroyed_on + timedelta(days=certificate.PHYSICAL_DAYS)
    if not saga.data.get("gone_on"):
        return limit
    gone_on = date.fromisoformat(saga.data["gone_on"])
    return min(limit, gone_on + timedelta(days=settings.SMOALL_COPIES_DAYS))


# --- the server -------------------------------------------------------------------------------------------


@contextmanager
def _server() -> Iterator[Any]:
    place: Any = connection.settings_dict
    with closing(
        psycopg2.connect(
            host=place["HOST"],
            port=place["PORT"],
            dbname=place["NAME"],
            user=roles.UPKEEP,
            password=settings.SMOALL_LOGINS[roles.UPKEEP],
            connect_timeout=5,
            application_name="smoall-upkeep",
        )
    ) as server:
        server.autocommit = True
        yield server


def _rewrite_all(server: Any, names: list[str], patience: float) -> list[str]:
    """Rewrite each table; the names of those that stayed in use for as long as we had patience."""
    until = monotonic() + patience
    while names := [name for name in names if not _rewrite(server, name)]:
        if monotonic() > until:
            return names
        server.cursor().execute("SELECT pg_sleep(0.2)")
    return []


def _rewrite(server: Any, table: str) -> bool:
    """One table and its samples. False when it is in use, or when somebody may still read what was deleted.

    The samples are let go of first: of a table without rows no new ones are taken, and the old ones would stay.
    """
    del server.notices[:]
    sampled = [] if table in SAMPLES else ["ANALYZE"]
    try:
        if sampled and server.server_version >= CLEARS_SAMPLES:
            server.cursor().execute(CLEAR, [table, table])
        _vacuum(server, table, "FULL", "VERBOSE", *sampled)
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        return False
    said = "".join(server.notices)
    dead = [int(count) for count in STILL_DEAD.findall(said)]
    if not dead:
        raise psycopg2.errors.InsufficientPrivilege(f"{table} was not rewritten")
    return not any(dead)


def _vacuum(server: Any, table: str, *options: str) -> None:
    if server.server_version >= LOOKS_AT_ITS_TABLE_ALONE:
        options += ("SKIP_DATABASE_STATS",)
    listed = f"({', '.join(options)}) " if options else ""
    server.cursor().execute(f"VACUUM {listed}{table}")


def _kept_samples(server: Any) -> list[str]:
    """Tables whose last rows are gone, but not the samples of them."""
    kept = []
    for table in tables():
        with server.cursor() as cursor:
            cursor.execute(SAMPLED_AND_EMPTY, [table, table, table])
            if cursor.fetchone()[0]:
                kept.append(table)
    return kept


def _drop_log(server: Any) -> Outcome:
    """Begin another segment of the write-ahead log and let a checkpoint remove those before it."""
    with server.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT pg_switch_wal()")
            cursor.execute("CHECKPOINT")
            cursor.execute(OLD_SEGMENTS)
            if cursor.fetchone()[0] == 0:
                break
        else:
            return Outcome(why="the server keeps old segments of its log")
        cursor.execute(ELSEWHERE)
        if cursor.fetchone()[0]:
            return Outcome(why="the server has a replica or an archive")
    return Outcome(is_gone=True)


def _is_refusal(error: psycopg2.Error) -> bool:
    """Whether the server refuses what we ask for, for good: no such login, right or function."""
    refusals = (errors.InsufficientPrivilege, errors.UndefinedFunction, errors.FeatureNotSupported)
    return isinstance(error, refusals) or (error.pgcode is None and "authentication failed" in str(error))
