"""Django's schema editor, which also writes down the DDL that it sends, while somebody records it (schemas/script.py)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db.backends.postgresql import schema

_written: ContextVar[list[Any] | None] = ContextVar("smoall_written", default=None)


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def execute(self, sql: Any, params: Any = ()) -> None:
        if params is not None:
            sql, params = self.connection.ops.compose_sql(str(sql), params), None
        super().execute(sql, params)
        written = _written.get()
        if written is not None:
            written.append(str(sql))


@contextmanager
def writing_down(into: list[Any]) -> Iterator[None]:
    """Every statement of a schema editor in this thread is appended to the list too."""
    token = _written.set(into)
    try:
        yield
    finally:
        _written.reset(token)


@contextmanager
def not_writing_down() -> Iterator[None]:
    token = _written.set(None)
    try:
        yield
    finally:
        _written.reset(token)
