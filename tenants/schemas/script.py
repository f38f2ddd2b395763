"""A release's step from an older one, recorded once and replayed in each workspace (I9).

Recorded by carrying the migrations out in a schema that the older release's snapshot makes, in a transaction that is
taken back: the SQL that Django wrote, the rows that follow a migration, the triggers and rights that changed. Python
(RunPython) is no SQL: it runs anew in each workspace, with that one entered. Which workspaces, and when, is waves.py.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.contenttypes.management import create_contenttypes, inject_rename_contenttypes_operations
from django.db import DatabaseError, connection, transaction
from django.db.migrations import Migration, RunPython, SeparateDatabaseAndState
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from shared_apps.jobs.run import described
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants import contenttypes, roles
from tenants.models import CannotAct, Snapshot
from tenants.postgresql.schema import not_writing_down, writing_down
from tenants.schemas import snapshot
from tenants.schemas.fingerprint import differences, hash_of, lines, members

PLACE = "t_00000000000000000000000000000000"  # stands for the workspace's schema in a recorded statement
IN_USE = {"55P03", "40P01", "40001"}  # lock not available, deadlock, serialization failure
TRIGGER_ON = re.compile(r"\bTRIGGER \S+ .*? ON (?:\S+\.)?\"?(\w+)\"? FOR EACH ", re.DOTALL)


class CannotRecord(CannotAct):
    """The migrations from there to here can't be replayed; the sentence says why."""


@dataclass(frozen=True)
class PythonStep:
    """What a migration does in Python. `apps`: the models as they are before it."""

    name: str
    code: Callable[[Any, Any], None]
    apps: Any


@dataclass(frozen=True)
class Script:
    """From the tables with the fingerprint `start` to those with `fingerprint`. `lines`: what these look like."""

    start: str
    fingerprint: str
    lines: tuple[str, ...]
    steps: tuple[str | PythonStep, ...]

    def text(self) -> Iterator[str]:
        """Its SQL for people, a statement a line; Python is named in a comment."""
        for step in self.steps:
            yield f"{shown(step)};" if isinstance(step, str) else f"-- {shown(step)}"


def shown(step: str | PythonStep) -> str:
    """One step for people."""
    return step.replace(f"{PLACE}.", "") if isinstance(step, str) else f"Python: {step.name}"


# --- recording --------------------------------------------------------------------------------------------


def record(start: Snapshot) -> Script:
    """Carry out every migration after that snapshot's in a schema of its own, and write down what it took.

    Everything is taken back. Raises CannotRecord for a migration that needs more than one transaction.
    """
    id = uuid7()
    schema = scope.schema_of(id)
    with scope.shared(actor=snapshot.BUILDER), transaction.atomic():
        snapshot.replay(id, start)
        with scope.owner(tenant=id, actor=snapshot.BUILDER):
            steps = list(_steps(schema))
            found = tuple(lines(schema))
        transaction.set_rollback(True)
    return Script(start.fingerprint, hash_of(found), found, _placed(steps, schema))


def _placed(steps: Iterable[Any], schema: str) -> tuple[str | PythonStep, ...]:
    return tuple(step.replace(schema, PLACE) if isinstance(step, str) else step for step in steps)


def _steps(schema: str) -> Iterator[str | PythonStep]:
    """In the owner's scope in that schema: what is done, after it was done."""
    steps: list[Any] = []
    state = migrated(steps)
    yield from steps
    yield from _content_types(state)
    yield from _history(schema)
    yield from _grants(schema)


def migrated(steps: list[Any], targets: list[tuple[str, str]] | None = None) -> Any:
    """Migrate the schema of the owner's scope in force, to the end or to these; `steps` then says what it took.

    Returns the models' state afterwards. Raises CannotRecord.
    """
    executor = _Executor(steps)
    wanted = executor.loader.graph.leaf_nodes() if targets is None else targets
    plan = executor.migration_plan(wanted)
    for migration, _backwards in plan:
        if not migration.atomic and migration.operations:
            raise CannotRecord(f"{migration} is not atomic: a workspace is migrated in one transaction.")
    inject_rename_contenttypes_operations(plan=plan, apps=apps, using="default")
    with writing_down(steps):
        return executor.migrate(wanted, plan=plan)


class _Executor(MigrationExecutor):
    """Django's, which also writes into `steps` which migrations it recorded and where Python ran."""

    def __init__(self, steps: list[Any]) -> None:
        super().__init__(connection)
        self.steps = steps
        self.recorder = _Recorder(steps)

    def apply_migration(
        self, state: Any, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> Any:
        watched: Any = copy(migration)
        watched.operations = [self._watched(operation, migration) for operation in migration.operations]
        return super().apply_migration(state, watched, fake=fake, fake_initial=fake_initial)

    def _watched(self, operation: Any, migration: Migration) -> Any:
        """A copy of the operation: migrations are classes that the whole process shares."""
        if isinstance(operation, SeparateDatabaseAndState):
            split = copy(operation)
            split.database_operations = [
                self._watched(one, migration) for one in operation.database_operations
            ]
            return split
        if not isinstance(operation, RunPython):
            return operation
        name = f"{migration.app_label}.{migration.name} {getattr(operation.code, '__name__', '')}".strip()
        watched = copy(operation)
        watched.code = self._noted(name, operation.code)
        return watched

    def _noted(self, name: str, code: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def run(models: Any, editor: Any) -> None:
            step = PythonStep(name, code, models)
            self.steps.append(step)
            with not_writing_down():
                _run(step)

        return run


class _Recorder(MigrationRecorder):
    def __init__(self, steps: list[Any]) -> None:
        super().__init__(connection)
        self.steps = steps

    def record_applied(self, app: str, name: str) -> None:
        super().record_applied(app, name)
        self.steps.append(
            f"INSERT INTO django_migrations (app, name, applied) SELECT '{app}', '{name}', now()"
            f" WHERE NOT EXISTS (SELECT 1 FROM django_migrations WHERE app = '{app}' AND name = '{name}')"
        )


def _content_types(state: Any) -> list[str]:
    """As Django does after migrations, for the models as those leave them; then for those of the code, as snapshots do.

    Rows by their natural key: their numbers are each schema's own.
    """
    before = _known_types()
    state.clear_delayed_apps_cache()
    for config in apps.get_app_configs():
        create_contenttypes(config, verbosity=0, interactive=False, apps=state.apps)
    snapshot.make_content_types()
    return [
        f"INSERT INTO django_content_type (app_label, model) VALUES ('{app}', '{model}') ON CONFLICT DO NOTHING"
        for app, model in sorted(_known_types() - before)
    ]


def _known_types() -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_label, model FROM django_content_type")
        return set(cursor.fetchall())


def _history(schema: str) -> list[str]:
    """The triggers are made anew as a whole; only those that became other ones need it in a workspace."""
    kinds = ("trigger", "function")
    before = {line for line in lines(schema) if line.startswith(kinds)}
    removal, *statements = snapshot.history(schema)
    with connection.cursor() as cursor:
        cursor.execute(removal)
        for statement in statements:
            cursor.execute(statement)
    after = {line for line in lines(schema) if line.startswith(kinds)}
    changed = before ^ after
    tables = {found.group(1) for line in changed if (found := TRIGGER_ON.search(line))}
    has_functions = any(line.startswith("function") for line in changed)
    needed = [removal] if {line for line in before - after if line.startswith("trigger")} else []
    for statement in statements:
        on = TRIGGER_ON.search(statement) if statement.startswith("CREATE OR REPLACE TRIGGER") else None
        if on.group(1) in tables if on else has_functions:
            needed.append(statement)
    return needed


def _grants(schema: str) -> list[str]:
    before = {(one.kind, one.name): one.rights for one in members(schema)}
    statements = roles.grants(schema)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    changed = [one for one in members(schema) if before.get((one.kind, one.name)) != one.rights]
    return roles.grants(schema, changed) if changed else []


# --- replaying --------------------------------------------------------------------------------------------


def replay(script: Script, tenant: UUID) -> str:
    """Bring a workspace's tables forward, in the caller's transaction; returns their fingerprint.

    One DDL statement an execute, as Citus asks. Raises snapshot.Differs, whatever the database raises, and what the migrations'
    own Python does, with the step as a note: that is the release's own, no client's.
    """
    schema = scope.schema_of(tenant)
    with scope.owner(tenant=tenant, actor=snapshot.BUILDER):
        with connection.cursor() as cursor:
            for step in script.steps:
                try:
                    if isinstance(step, PythonStep):
                        _run(step)
                    else:
                        cursor.execute(step.replace(PLACE, schema))
                except Exception as error:
                    error.add_note(shown(step))
                    raise
        found = lines(schema)
    if hash_of(found) != script.fingerprint:
        raise snapshot.Differs("; ".join(differences(script.lines, found)[:10]))
    return script.fingerprint


def _run(step: PythonStep) -> None:
    """As in a migration; what it wrote is checked now, since no later statement may alter a table whose checks wait."""
    contenttypes.enter_in(step.apps)
    with connection.schema_editor(atomic=False) as editor:
        step.code(step.apps, editor)
    connection.check_constraints()


# --- what went wrong --------------------------------------------------------------------------------------


def is_in_use(error: BaseException) -> bool:
    """Whether somebody else's transaction stood in the way: the same again, later, may do."""
    return sqlstate(error) in IN_USE


def sqlstate(error: BaseException) -> str:
    return getattr(error.__cause__, "pgcode", None) or "" if isinstance(error, DatabaseError) else ""


def what_failed(error: BaseException) -> str:
    """For operators: what the server said of itself, never the values of a client's rows, which stand in its details."""
    if isinstance(error, snapshot.Differs):
        return f"The tables differ: {error}"
    where = "".join(f" At: {note[:300]}" for note in getattr(error, "__notes__", [])[:1])
    cause: Any = error.__cause__ if isinstance(error, DatabaseError) else None
    said = getattr(getattr(cause, "diag", None), "message_primary", None)
    if said and not sqlstate(error).startswith(("22", "23")):  # data exceptions and violations name values
        return f"{said} ({sqlstate(error)}).{where}"
    return f"{described(error)}{f' ({sqlstate(error)})' if sqlstate(error) else ''}.{where}"
