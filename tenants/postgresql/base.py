"""The database wrapper: no statement leaves without its scope (I3).

`SET LOCAL search_path`, `SET LOCAL ROLE` and the author travel in the same message as the statement that
needs them, so that entering a scope costs no round trip and nothing outlives the transaction. Outside a
transaction the message is its own transaction, and the settings end with it. Safe behind PgBouncer in
transaction mode.
"""

from typing import Any

import psycopg2.extensions
from django.db import OperationalError
from django.db.backends.postgresql import base

from shared_apps.kit import scope
from tenants.postgresql.schema import DatabaseSchemaEditor

IN_ERROR = psycopg2.extensions.TRANSACTION_STATUS_INERROR
MOST_TOUCHED = 100  # workspaces: a backend keeps about a megabyte for each whose tables it has all touched
Settings = tuple[str, str, str]  # schema, role, the author as JSON


class ScopedCursor(psycopg2.extensions.cursor):
    """Sends pending settings in front of the next statement."""

    scoped: "DatabaseWrapper"

    def execute(self, query: Any, vars: Any = None) -> None:
        pending = self.scoped.pending()
        if pending is None:
            super().execute(query, vars)
            return
        settings, statement = pending
        with self.scoped.applying(settings):
            super().execute(statement.encode() + b";" + self.mogrify(query, vars))

    def executemany(self, query: Any, vars_list: Any) -> None:
        self._settle()
        super().executemany(query, vars_list)

    def callproc(self, procname: Any, parameters: Any = None) -> Any:
        self._settle()
        return super().callproc(procname, parameters)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        self._settle()
        super().copy_expert(sql, file, size)

    def copy_from(self, *args: Any, **kwargs: Any) -> None:
        raise scope.ScopeError("use copy_expert")

    copy_to = copy_from

    def _settle(self) -> None:
        """Send the settings alone, before something that can't share its message."""
        if self.scoped.get_autocommit():
            raise scope.ScopeError("this needs a transaction: its settings are local to one")
        if pending := self.scoped.pending():
            settings, statement = pending
            with self.scoped.applying(settings):
                super().execute(statement)


class _Applying:
    """Remembers the settings once they were sent in a transaction; forgets everything when sending fails."""

    def __init__(self, wrapper: "DatabaseWrapper", settings: Settings) -> None:
        self.wrapper, self.settings = wrapper, settings

    def __enter__(self) -> None:
        self.wrapper.applied = None

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and not self.wrapper.get_autocommit():
            self.wrapper.applied = self.settings


class DatabaseOperations(base.DatabaseOperations):  # type: ignore[name-defined]
    compiler_module = "tenants.postgresql.compiler"


class DatabaseWrapper(base.DatabaseWrapper):
    """`applied` holds the settings in force in the open transaction, None when that isn't known.

    `touched`: the schemas that this connection's backend has been in. PostgreSQL's caches of their tables never shrink,
    so the connection is exchanged for a fresh one, between two transactions, once there are many.
    """

    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
    applied: Settings | None = None
    author: tuple[scope.Actor | None, str] = (None, "")  # the last one, and what the database is told of them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.touched: set[str] = set()

    def ensure_connection(self) -> None:
        """Asked before each transaction, and before each statement outside of one."""
        if len(self.touched) >= MOST_TOUCHED and not self.in_atomic_block and self._is_idle():
            self.close()
        super().ensure_connection()

    def _is_idle(self) -> bool:
        link = self.connection
        return (
            link is not None and link.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
        )

    @property
    def schema_name(self) -> str:
        """The schema in force, as django-tenants asks for it. Raises NoScope."""
        return scope.current().schema

    def pending(self) -> tuple[Settings, str] | None:
        """The settings that must precede the next statement, and their SQL. Raises NoScope."""
        here, who = scope.current(), scope.actor_or_none()
        if who is not self.author[0]:
            self.author = (who, who.as_json() if who else "")
        wanted = (here.schema, here.role, self.author[1])
        if self.applied == wanted:
            return None
        self.touched.add(here.schema)
        return wanted, self.settings_sql(wanted)

    def settings_sql(self, settings: Settings) -> str:
        schema, role, author = settings
        if schema != "public":
            scope.tenant_of(schema)  # a schema's name reaches SQL: only generated ones do
        quoted = "'" + author.replace("'", "''") + "'"  # JSON of ASCII; standard_conforming_strings is on
        return f"SET LOCAL search_path TO {schema}, ext; SET LOCAL ROLE {role}; SET LOCAL smoall.actor TO {quoted}"

    def applying(self, settings: Settings) -> _Applying:
        return _Applying(self, settings)

    def create_cursor(self, name: str | None = None) -> Any:
        if name:
            if self.get_autocommit():
                raise scope.ScopeError("a server-side cursor needs a transaction")
            with self.create_cursor() as plain:
                plain._settle()
            return super().create_cursor(name)
        cursor = self.connection.cursor(cursor_factory=ScopedCursor)
        cursor.scoped = self
        cursor.tzinfo_factory = self.tzinfo_factory
        return cursor

    def _unscoped(self, sql: str) -> None:
        """Savepoint statements: they read no row and must work in a failed transaction."""
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(sql)

    def check_constraints(self, table_names: Any = None) -> None:
        """Deferred constraints, checked now. They name no row of their own, so no scope is needed."""
        self._unscoped("SET CONSTRAINTS ALL IMMEDIATE")
        self._unscoped("SET CONSTRAINTS ALL DEFERRED")

    def _savepoint(self, sid: str) -> None:
        self._unscoped(self.ops.savepoint_create_sql(sid))

    def _savepoint_commit(self, sid: str) -> None:
        self._unscoped(self.ops.savepoint_commit_sql(sid))

    def _savepoint_rollback(self, sid: str) -> None:
        self.applied = None  # settings made after the savepoint are undone with it
        self._unscoped(self.ops.savepoint_rollback_sql(sid))

    def _commit(self) -> None:
        """Raises OperationalError where PostgreSQL would answer COMMIT with a silent ROLLBACK: nothing was written."""
        self.applied = None
        if self.connection is not None and self.connection.info.transaction_status == IN_ERROR:
            raise OperationalError("a statement of this transaction had failed: nothing was written")
        super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        self.applied = None
        super()._rollback()  # type: ignore[misc]

    def _close(self) -> None:
        self.applied = None
        self.touched, self.author = set(), (None, "")
        super()._close()  # type: ignore[misc]

    def _set_autocommit(self, autocommit: bool) -> None:
        self.applied = None
        super()._set_autocommit(autocommit)  # type: ignore[misc]
