"""A release's tables: built by migrations in a template schema, recorded once, replayed for every new tenant (I8)."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.commands.migrate import Command as Migrate
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from shared_apps.history import triggers
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.legal import walls as legal_walls
from shared_apps.requests import walls as requests_walls
from shared_apps.sharing import walls
from tenants import hosts, roles
from tenants.models import CannotAct, Snapshot, Tenant
from tenants.schemas.fingerprint import differences, fingerprint, lines

TEMPLATE = UUID(int=0)  # never a tenant's
BUILDER = scope.Actor("system", "release", "Smoall")
shared_walls: list[
    Callable[[], list[str]]
] = []  # DDL of modules above this one, made anew with every release
DROPPED_LINES = re.compile(r"(--|\\(un)?restrict |SET |SELECT pg_catalog\.set_config)")


class Differs(Exception):
    """A workspace's tables are not the release's after its migration, which is taken back; the text names where."""


class AlreadyRecorded(CannotAct):
    """Clients have this release with other tables; the sentence says what to do."""


class SchemaExists(Exception):
    """A schema of that name is there already: it is refused, never adopted."""


def build_shared() -> None:
    """Bring the public schema to this release: tables, triggers, grants. In one transaction."""
    with scope.owner(actor=BUILDER):
        _build("public")


def build_template() -> str:
    """Bring the template schema to this release and return its fingerprint. In one transaction, which a refusal undoes.

    What a later release left there, and whatever else doesn't come to what is recorded, is made anew: these are the tables
    that this code's own migrations make. Of the shared tables nothing but the recorded snapshot is read, so it comes before
    `build_shared`. Raises AlreadyRecorded.
    """
    schema = scope.schema_of(TEMPLATE)
    with scope.owner(actor=BUILDER, tenant=TEMPLATE), connection.cursor() as cursor:
        known = _recorded(cursor)
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        found = "" if _is_ahead() else _built(schema)
        if not found or (known and known.fingerprint != found):
            _make_anew(cursor, schema, known)
            found = _built(schema)
        if known and known.fingerprint != found:
            _refuse(found)
        return found


def _recorded(cursor: Any) -> Snapshot | None:
    """This release's, if it is known. The first time there is no table of them yet, later it may lack newer columns."""
    cursor.execute("SELECT to_regclass('public.tenants_snapshot')")
    if cursor.fetchone() == (None,):
        return None
    with scope.shared():
        known = Snapshot.objects.filter(release=settings.SMOALL_RELEASE)
        return known.only("fingerprint", "schema", "ddl", "seeds").first()


def _built(schema: str) -> str:
    _build(schema)
    return fingerprint(schema)


def _make_anew(cursor: Any, schema: str, known: Snapshot | None) -> None:
    """As recorded, which is quick; empty where nothing is, or where this code makes less."""
    cursor.execute(f"DROP SCHEMA {schema} CASCADE")
    if known:
        replay(TEMPLATE, known)
        if _is_ahead():
            cursor.execute(f"DROP SCHEMA {schema} CASCADE")
            known = None
    if not known:
        cursor.execute(f"CREATE SCHEMA {schema}")
    ContentType.objects.clear_cache()


def _is_ahead() -> bool:
    """Whether the schema of the scope in force has had migrations that this code doesn't know."""
    applied = MigrationRecorder(connection).applied_migrations()
    return not set(applied) <= set(MigrationLoader(None).disk_migrations)


def _refuse(found: str) -> None:
    """While a release is being made its tables may change under its number. In production they may not, once a workspace
    has it: which tables this code works on is known by the number alone. Raises AlreadyRecorded.
    """
    with scope.shared():
        release = Tenant.objects.filter(release=settings.SMOALL_RELEASE)
        if settings.SMOALL_IS_PRODUCTION and release.exclude(fingerprint=found).exists():
            raise AlreadyRecorded(
                f"Workspaces have release {settings.SMOALL_RELEASE} with other tables than this code makes: "
                "it needs a release number of its own (config/settings.py), or go back to the code that made them."
            )


def _build(schema: str) -> None:
    """Migrate the schema of the scope in force, then make its content types, triggers and grants anew."""
    call_command(Migrate(), verbosity=0, interactive=False, skip_checks=True)
    make_content_types()
    is_tenant = schema != "public"
    above = [statement for statements in shared_walls for statement in statements()]
    made = [
        *history(schema),
        *(
            []
            if is_tenant
            else [*walls.statements(), *legal_walls.statements(), *requests_walls.statements(), *above]
        ),
    ]
    with connection.cursor() as cursor:
        for statement in made:
            cursor.execute(statement)
        for statement in roles.grants(schema):  # of what is there now: its functions too
            cursor.execute(statement)
        for statement in [] if is_tenant else hosts.statements():
            cursor.execute(statement)


def make_content_types() -> None:
    """A row for every model, those of the other kind of schema too: as Django does after each migration."""
    for config in apps.get_app_configs():
        if config.models_module is not None:
            create_contenttypes(config, verbosity=0, interactive=False)


def history(schema: str) -> list[str]:
    """DDL that makes the history's functions and triggers anew."""
    models = triggers.models_with_history(tenant=schema != "public")
    return [triggers.removal(schema, models), *triggers.statements(schema, models)]


def record(found: str = "") -> Snapshot:
    """Record the template as this release's snapshot, unless the same one is recorded already. Raises AlreadyRecorded.

    `found`: what `build_template` said a moment ago.
    """
    found = found or build_template()
    with scope.shared():
        known = Snapshot.objects.filter(release=settings.SMOALL_RELEASE).first()
    if known and known.fingerprint == found:
        return known
    schema = scope.schema_of(TEMPLATE)
    ddl = _dumped(schema)
    with scope.owner(tenant=TEMPLATE):
        tables, seeds = _tables(schema), _seeds(schema)
    with scope.shared():
        snapshot, _ = Snapshot.objects.update_or_create(
            release=settings.SMOALL_RELEASE,
            defaults={"fingerprint": found, "schema": schema, "ddl": ddl, "tables": tables, "seeds": seeds},
        )
    return snapshot


def current() -> Snapshot:
    """This release's snapshot. Raises Snapshot.DoesNotExist before `prepare` ran."""
    return Snapshot.objects.get(release=settings.SMOALL_RELEASE)


def replay(tenant: UUID, snapshot: Snapshot, load: Callable[[Any], None] | None = None) -> None:
    """Make the tenant's schema from the snapshot, in the caller's transaction, with the release's own rows.

    `load(cursor)` fills the tables instead, before the triggers are there: loading writes no history.
    Raises SchemaExists. One DDL statement an execute, as Citus asks.
    """
    schema = scope.schema_of(tenant)
    statements = list(split(snapshot.ddl.replace(snapshot.schema, schema)))
    with scope.owner(tenant=tenant, actor=BUILDER), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema])
        if cursor.fetchone():
            raise SchemaExists(schema)
        for statement in statements:
            if not is_trigger(statement):
                cursor.execute(statement)
        if load:
            load(cursor)
        else:
            _plant(cursor, schema, snapshot.seeds)
        for statement in statements:
            if is_trigger(statement):
                cursor.execute(statement)
        for statement in roles.grants(schema):
            cursor.execute(statement)


def migrate(id: UUID) -> str:
    """Migrate one workspace's schema to this release by its migrations, one by one, and return its fingerprint.

    In the caller's transaction. Where the SQL is recorded, script.py does the same in a twentieth of the time.
    """
    schema = scope.schema_of(id)
    with scope.owner(tenant=id, actor=BUILDER):
        _build(schema)
        return fingerprint(schema)


def bring_forward(tenant: Tenant) -> None:
    """Migrate a schema of an older release to this one, in the caller's transaction, and note it on the row.

    Raises Differs: what its rows say of its migrations may not be so, in a copy for example.
    """
    target, found = current(), migrate(tenant.id)
    if found != target.fingerprint:
        raise Differs(named_differences(tenant.id, target))
    note(tenant, found)


def named_differences(id: UUID, target: Snapshot) -> str:
    """Where a workspace's tables are not the snapshot's, the first ten."""
    with scope.owner(tenant=id):
        found = lines(scope.schema_of(id))
    return "; ".join(differences(shape(target), found)[:10])


def note(tenant: Tenant, found: str) -> None:
    """The row says which release its tables are of, and what they look like."""
    with scope.shared(actor=BUILDER):
        tenant.release, tenant.fingerprint = settings.SMOALL_RELEASE, found
        tenant.save(update_fields=["release", "fingerprint"])


def shape(recorded: Snapshot) -> list[str]:
    """The lines of a fingerprint, of a schema as the snapshot makes it: one is made, looked at and taken back."""
    id = uuid7()
    with scope.shared(actor=BUILDER), transaction.atomic():
        replay(id, recorded)
        with scope.owner(tenant=id):
            found = lines(scope.schema_of(id))
        transaction.set_rollback(True)
    return found


def _plant(cursor: Any, schema: str, seeds: dict[str, str]) -> None:
    for table, rows in seeds.items():
        cursor.copy_expert(f"COPY {schema}.{table} FROM STDIN (FORMAT csv, HEADER)", StringIO(rows))
        restart_identity(cursor, schema, table)


def split(ddl: str) -> Iterator[str]:
    """The statements of a dump, one by one. A statement ends with a semicolon at a line's end, outside $-quotes."""
    lines: list[str] = []
    for line in ddl.splitlines():
        lines.append(line)
        statement = "\n".join(lines)
        if line.endswith(";") and not _is_quoted(statement):
            yield statement
            lines = []


def is_trigger(statement: str) -> bool:
    return statement.startswith("CREATE TRIGGER")


def _is_quoted(text: str) -> bool:
    """Whether a $-quoted body is still open at the end of the text."""
    open_tag = ""
    for tag in re.findall(r"\$[A-Za-z_0-9]*\$", text):
        open_tag = "" if tag == open_tag else open_tag or tag
    return bool(open_tag)


def _dumped(schema: str) -> str:
    """The schema's DDL in its final form, by pg_dump, without owners, grants and session settings."""
    place: Any = connection.settings_dict
    command = [
        settings.SMOALL_PG_DUMP,
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        f"--schema={schema}",
        f"--role={roles.OWNER}",
        "--no-password",
        f"--host={place['HOST']}",
        f"--port={place['PORT']}",
        f"--username={place['USER']}",
        place["NAME"],
    ]
    environment = os.environ | {"PGPASSWORD": place["PASSWORD"]}
    dumped = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if dumped.returncode:
        raise RuntimeError(f"pg_dump failed: {dumped.stderr.strip()}")
    kept = [line for line in dumped.stdout.splitlines() if line.strip() and not DROPPED_LINES.match(line)]
    return "\n".join(kept) + "\n"


def _tables(schema: str) -> list[list[Any]]:
    """[table, [columns]] with those that are referred to first, so that rows load in this order."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, array_agg(a.attname ORDER BY a.attnum),
                   ARRAY(SELECT DISTINCT f.confrelid::regclass::text FROM pg_constraint f
                          WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid)
              FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r'
             GROUP BY c.oid, c.relname ORDER BY c.relname
            """,
            [schema],
        )
        waiting = {
            name: (columns, {n.split(".")[-1].strip('"') for n in needs})
            for name, columns, needs in cursor.fetchall()
        }
    ordered: list[list[Any]] = []
    while waiting:
        ready = [name for name, (_, needs) in waiting.items() if not needs & waiting.keys()]
        for name in ready or sorted(waiting)[:1]:  # a circle: its constraints are deferred while loading
            ordered.append([name, waiting.pop(name)[0]])
    return ordered


def _seeds(schema: str) -> dict[str, str]:
    """The rows that the release itself put into the template, as CSV."""
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        for table, _columns in _tables(schema):
            text = StringIO()
            cursor.copy_expert(f"COPY {schema}.{table} TO STDOUT (FORMAT csv, HEADER)", text)
            if text.getvalue().count("\n") > 1:
                found[table] = text.getvalue()
    return found


def restart_identity(cursor: Any, schema: str, table: str) -> None:
    """Let the table's identity column go on after its highest value."""
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [f"{schema}.{table}"])
    if sequence := cursor.fetchone()[0]:
        cursor.execute(
            f"SELECT setval(%s, (SELECT coalesce(max(id), 0) + 1 FROM {schema}.{table}), false)", [sequence]
        )
