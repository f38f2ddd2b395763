"""Django's compilers, with one thing more: rows that are read bit by bit (`iterator()`) stay in their scope.

A server-side cursor goes on giving the rows of the schema that it was opened in. In another scope they would
be taken for rows of that one.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.backends.postgresql import compiler
from django.db.models.sql.constants import GET_ITERATOR_CHUNK_SIZE, MULTI

from shared_apps.kit import scope

SQLAggregateCompiler = compiler.SQLAggregateCompiler
SQLDeleteCompiler = compiler.SQLDeleteCompiler
SQLInsertCompiler = compiler.SQLInsertCompiler
SQLUpdateCompiler = compiler.SQLUpdateCompiler


class SQLCompiler(compiler.SQLCompiler):
    def execute_sql(
        self, result_type: Any = MULTI, chunked_fetch: bool = False, chunk_size: int = GET_ITERATOR_CHUNK_SIZE
    ) -> Any:
        """As Django's. In chunks, its rows raise ScopeError once another scope is in force."""
        result = super().execute_sql(result_type, chunked_fetch, chunk_size)
        if not chunked_fetch or result_type != MULTI:
            return result
        here = scope.current()
        return (_kept(block, here) for block in result)


def _kept(rows: Iterable[Any], here: scope.Scope) -> Iterator[Any]:
    for row in rows:
        if scope.current() != here:
            raise scope.ScopeError(
                "the rows of an iterator were asked for in another scope than it was begun in"
            )
        yield row
