"""Expand in one release, contract in a later one: this release's code runs on its own tables and on those of the one before.

Whether it does is found out, not believed: `prepare` compares the models with the tables that the older snapshot makes,
and what it finds stands with that snapshot. A workspace whose tables this code can't work on gets the maintenance page
until it is migrated; all others go on. For the tests and the house rules, FINISHED says where each finished release ended.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, router, transaction
from django.db.migrations import (
    AlterModelTable,
    DeleteModel,
    Migration,
    RemoveField,
    RenameField,
    RenameModel,
)
from django.db.migrations.loader import MigrationLoader

from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants.models import Snapshot
from tenants.schemas import snapshot

# {release: {app with tables in workspaces: its last migration}}, the oldest first. A release enters when it is published.
FINISHED: dict[str, dict[str, str]] = {}
# {release: why}: said on purpose, its code doesn't run on the tables before it. Each of its workspaces then shows the
# maintenance page until its own migration is over.
CLOSES: dict[str, str] = {}
INTEGERS = ["smallint", "integer", "bigint"]
PRINTED = {"time": "time without time zone"}
CONTRACTING = (RemoveField, DeleteModel, RenameField, RenameModel, AlterModelTable)

COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           a.attnotnull AND d.oid IS NULL AND a.attidentity = '' AND a.attgenerated = ''
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ANY (ARRAY(
           SELECT objid FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass
              AND refobjid = current_schema()::regnamespace AND classid = 'pg_class'::regclass))
"""


def order(release: str) -> tuple[int, ...]:
    """For comparing releases."""
    return tuple(int(part) for part in release.split(".") if part.isdigit())


def newer(release: str) -> list[str]:
    """Later releases that were recorded here: this process is an old one then, or the code was put back. In the shared scope.

    What they made is not for it to migrate, to note as its own, or to take away.
    """
    known = Snapshot.objects.values_list("release", flat=True)
    return [one for one in known if order(one) > order(release)]


# --- at a request -----------------------------------------------------------------------------------------


def serves(release: str) -> bool:
    """Whether this code may work on the tables of that release. One look-up in memory; asked of the database once."""
    return release == settings.SMOALL_RELEASE or _served(release, settings.SMOALL_RELEASE)


@lru_cache(maxsize=64)
def _served(release: str, code: str) -> bool:
    with scope.shared():
        found = Snapshot.objects.filter(release=release).values_list("refused_by", flat=True).first()
    return found is not None and found.get(code) == []


def forget() -> None:
    """What is known was found out anew: for `prepare`, and for tests."""
    _served.cache_clear()


# --- at `prepare` -----------------------------------------------------------------------------------------


def look() -> dict[str, list[str]]:
    """{older release that workspaces still have: why this code can't work on its tables}; noted for `serves`."""
    with scope.shared():
        older = list(Snapshot.objects.exclude(release=settings.SMOALL_RELEASE).order_by("recorded_at"))
    previous = max(
        (one for one in older if order(one.release) < order(settings.SMOALL_RELEASE)),
        key=lambda one: order(one.release),
        default=None,
    )
    found: dict[str, list[str]] = {}
    for one in older:
        refused = (
            _why_not(one)
            if previous and one.release == previous.release
            else ["Only the tables of this release and of the one before are worked on."]
        )
        found[one.release] = refused
        with scope.shared(actor=snapshot.BUILDER):
            Snapshot.objects.filter(pk=one.pk).update(
                refused_by={**one.refused_by, settings.SMOALL_RELEASE: refused}
            )
    forget()
    return found


def _why_not(recorded: Snapshot) -> list[str]:
    """What is said on purpose; else what is found in a schema that the snapshot makes and that is taken back."""
    if settings.SMOALL_RELEASE in CLOSES:
        return [CLOSES[settings.SMOALL_RELEASE]]
    id = uuid7()
    with scope.shared(actor=snapshot.BUILDER), transaction.atomic():
        snapshot.replay(id, recorded)
        with scope.owner(tenant=id):
            found = list(lacking())
        transaction.set_rollback(True)
    return found


@dataclass(frozen=True, slots=True)
class Column:
    """As it is in a workspace's table. `is_needed`: it must be filled, and nothing fills it by itself."""

    type: str
    is_filled: bool
    is_needed: bool


def lacking() -> Iterator[str]:
    """Why this release's models can't work on the tables of the scope in force, a workspace's or the shared: sentences.

    Tables, columns, their types and whether they may be empty. What a migration does beside the models (RunSQL,
    a constraint that it eases) nobody compares: who writes it puts the release into CLOSES where its code relies on it.
    """
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        columns = {(table, name): Column(*rest) for table, name, *rest in cursor.fetchall()}
    tables = {table for table, _column in columns}
    known: dict[str, dict[str, Any]] = {}
    for model in apps.get_models(include_auto_created=True):
        if router.allow_migrate_model("default", model) and model._meta.managed and not model._meta.proxy:
            fields = {str(field.column): field for field in model._meta.local_concrete_fields}
            known.setdefault(model._meta.db_table, {}).update(fields)
    for table in sorted(known):
        if table not in tables:
            yield f"table {table} is not there yet"
            continue
        for name, field in sorted(known[table].items()):
            column = columns.get((table, name))
            if column is None:
                yield f"column {table}.{name} is not there yet"
            elif not _holds(column.type, wanted := _type_of(field)):
                yield f"column {table}.{name} is {column.type}, and this release's code writes {wanted}"
            elif column.is_filled and field.null:
                yield f"column {table}.{name} must be filled, and this release's code may leave it empty"
            elif not (column.is_filled or field.null or field.primary_key):
                yield f"column {table}.{name} may be empty, and this release's code counts on a value"
    for (table, name), column in sorted(columns.items()):
        if column.is_needed and table in known and name not in known[table]:
            yield f"column {table}.{name} must be filled, and this release's code doesn't know it"


def _type_of(field: Any) -> str:
    """A field's type as PostgreSQL prints it."""
    said = str(field.db_type(connection)).replace(", ", ",")
    return re.sub(r"^varchar", "character varying", PRINTED.get(said, said))


def _holds(found: str, wanted: str) -> bool:
    """Whether a column of the one type takes every value of the other: the same, or a wider one of its kind."""
    if found == wanted:
        return True
    if wanted in INTEGERS:
        return found in INTEGERS[INTEGERS.index(wanted) :]
    (kind, *sizes), (kind_there, *sizes_there) = _taken_apart(wanted), _taken_apart(found)
    if kind == "character varying":
        return found in ("text", kind) or (kind_there == kind and bool(sizes) and sizes_there >= sizes)
    if kind == kind_there == "numeric" and sizes and sizes_there:
        (digits, scale), (digits_there, scale_there) = sizes, sizes_there
        return bool(scale_there >= scale and digits_there - scale_there >= digits - scale)
    return False


def _taken_apart(type: str) -> list[Any]:
    """["numeric", 10, 2] of numeric(10,2)."""
    name, _, sizes = type.partition("(")
    return [name, *(int(one) for one in re.findall(r"\d+", sizes))]


# --- for the house rules and the tests --------------------------------------------------------------------


def refused_operations() -> Iterator[str]:
    """What migrations since the last finished release do that an earlier one had to prepare, a sentence each.

    Dropping and renaming is for the release after the one that stopped to use it: its state goes first
    (SeparateDatabaseAndState), its column later. Needs no database.
    """
    if settings.SMOALL_RELEASE in CLOSES:
        return
    finished = _last_finished()
    if finished is None:
        return
    loader = MigrationLoader(None)
    older = {
        node
        for app, name in finished.items()
        if (app, name) in loader.graph.nodes
        for node in loader.graph.forwards_plan((app, name))
    }
    labels = {apps.get_app_config(label).label for label in finished} | _labels()
    for key, migration in sorted(loader.disk_migrations.items()):
        if key[0] in labels and key not in older:
            yield from contractions(migration)


def contractions(migration: Migration) -> Iterator[str]:
    """What it does to tables by its own state. RunSQL, and the database's side of SeparateDatabaseAndState, are how a column
    is dropped a release after its state went, so they pass: whoever writes them sees to it that the release before doesn't
    use what they drop, narrow or forbid.
    """
    for operation in migration.operations:
        if isinstance(operation, CONTRACTING):
            yield (
                f"{migration.app_label}.{migration.name}: {operation.describe()}: the code before may still use it."
            )
    if not migration.atomic:
        yield f"{migration.app_label}.{migration.name} is not atomic: a workspace is migrated in one transaction."


def _last_finished() -> dict[str, str] | None:
    before = [one for one in FINISHED if order(one) < order(settings.SMOALL_RELEASE)]
    return FINISHED[max(before, key=order)] if before else None


def _labels() -> set[str]:
    """Apps with tables in workspaces."""
    names = {entry.rsplit(".apps.", 1)[0] for entry in settings.TENANT_APPS}
    return {config.label for config in apps.get_app_configs() if config.name in names}


def ends(loader: MigrationLoader | None = None) -> dict[str, str]:
    """The last migration of each app with tables in workspaces, as they stand now: the line for FINISHED."""
    graph = (loader or MigrationLoader(None)).graph
    leaves: Iterable[tuple[str, str]] = graph.leaf_nodes()
    return {app: name for app, name in sorted(leaves) if app in _labels()}
