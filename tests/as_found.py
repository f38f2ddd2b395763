"""What a test finds it leaves: files of the data folder, schemas and rows of the database, the erasure ledger and its head.

Rows by their keys: a test that changes a row which was there before puts it right itself. The ledger's file and the
head in the database go back together, since they must agree; a retired name is a row, so it is free again.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from billing import walls
from shared_apps.kit import scope
from tenants import gate
from tenants.ledger import Head
from tenants.models import LedgerHead

# The server's own, what the run begins with, and keys that are made once and kept in memory.
LEFT_ALONE = {"postgres", "static", "secret.key", "secrets.json", "keys"}
KEYS_OF_TENANTS = "keys/tenants"
KEPT_TABLES = {"django_migrations", "django_content_type", "tenants_snapshot", "tenants_ledgerhead"}
PRIMARY_KEYS = """
    SELECT n.nspname || '.' || c.relname, a.attname
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indrelid AND c.relkind = 'r'
      JOIN pg_namespace n ON n.oid = c.relnamespace AND (n.nspname = 'public' OR n.nspname LIKE 't\\_%')
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
     WHERE i.indisprimary
"""
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%'"


class Files:
    """The data folder: everything that clients have there, and the ledger, to the byte."""

    def __init__(self) -> None:
        self.root = Path(settings.SMOALL_DATA)
        self.found = {path: self._content(path) for path in self._walk()}

    def put_back(self) -> None:
        """Remove what was made, write again what was changed or removed."""
        for path in list(self._walk()):
            if path not in self.found and path.exists():  # a folder takes its own along
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path, content in self.found.items():
            if self._content(path) == content:
                continue
            if content is None:
                path.mkdir(mode=0o700, parents=True)
                continue
            path.write_bytes(content)
            path.chmod(0o600)

    def _walk(self) -> Iterator[Path]:
        """Folders before what is in them."""
        tops = [top for top in self.root.iterdir() if top.name not in LEFT_ALONE]
        for top in [*tops, self.root / KEYS_OF_TENANTS]:
            if top.exists():
                yield top
                yield from sorted(top.rglob("*")) if top.is_dir() else ()

    @staticmethod
    def _content(path: Path) -> bytes | None:
        """None of a folder, and of nothing."""
        return path.read_bytes() if path.is_file() else None


class Database:
    """Every schema, the key of every row in them, and the head. Read and put back as the owner."""

    def __init__(self) -> None:
        with scope.owner():
            self.schemas, self.rows, self.head = _schemas(), _rows(), gate.head()

    def put_back(self) -> None:
        """Remove what was made. Fails when something that was there is gone: that can't be mended."""
        with scope.owner(actor=scope.Actor("system", "tests", "Tests")), connection.cursor() as cursor:
            for schema in _schemas() - self.schemas:
                cursor.execute(f"DROP SCHEMA {schema} CASCADE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            with _without_walls(cursor, {table for table, keys in self._made().items() if keys}):
                while made := {table: keys for table, keys in self._made().items() if keys}:
                    for table, keys in made.items():  # the history grows by it: another turn
                        cursor.execute(
                            f"DELETE FROM {table} WHERE {_key(table)}::text = ANY(%s)", [sorted(keys)]
                        )
            LedgerHead.objects.all().delete()
            if self.head != Head(0, gate.BEGINNING):
                LedgerHead.objects.create(pk=1, seq=self.head.seq, hash=self.head.hash)
            now = _rows()
        gate.GATE.look_again()
        lost = {table: keys - now.get(table, set()) for table, keys in self.rows.items()}
        assert not any(lost.values()), {table: keys for table, keys in lost.items() if keys}

    def _made(self) -> dict[str, set[str]]:
        return {table: keys - self.rows.get(table, set()) for table, keys in _rows().items()}


@contextmanager
def _without_walls(cursor: Any, tables: set[str]) -> Iterator[None]:
    """Invoices are deleted by nobody, not even the owner: a test takes their walls away, and builds them again."""
    found = [(f"public.{wall.table}", wall.name) for wall in walls.WALLS]
    if not tables & {table for table, _name in found}:
        yield
        return
    for table, name in found:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    yield
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table, name in found:
        cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def _schemas() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(SCHEMAS)
        return {name for (name,) in cursor.fetchall()}


_keys: dict[str, str] = {}  # a table's primary key never changes


def _key(table: str) -> str:
    return _keys[table]


def _rows() -> dict[str, set[str]]:
    """{schema.table: its keys}, by two statements."""
    with connection.cursor() as cursor:
        cursor.execute(PRIMARY_KEYS)
        found = dict(cursor.fetchall())
        _keys.update(found)
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{table}', coalesce(array_agg({key}::text), ARRAY[]::text[]) FROM {table}"
                for table, key in found.items()
                if table.split(".")[1] not in KEPT_TABLES
            )
        )
        return {table: set(keys) for table, keys in cursor.fetchall()}
