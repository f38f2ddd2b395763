"""I13: what a server had begun to write when it was killed does not stay in its folder, where no erasure would find it.

PostgreSQL forgets the tables of a transaction that never ended, and keeps their files.
"""

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings

from tests.crash import scenarios
from tests.toys.fixtures import committed, server_dies_at

__all__ = ["committed"]
ROOT = Path(settings.SMOALL_DATA)
OWNED = "SELECT pg_relation_filenode(oid)::text FROM pg_class WHERE pg_relation_filenode(oid) IS NOT NULL"


def unowned() -> list[str]:
    """Files of the database that belong to no table, index or sequence."""
    name = settings.DATABASES["default"]["NAME"]
    with (
        closing(psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=name)) as server,
        server.cursor() as cursor,
    ):
        cursor.execute("SELECT oid::text FROM pg_database WHERE datname = %s", [name])
        folder = ROOT / "postgres" / "cluster" / "base" / cursor.fetchone()[0]
        found = {path.name for path in folder.iterdir() if path.name[0].isdigit()}
        cursor.execute(OWNED)
        owned = {node for (node,) in cursor.fetchall()}
    return sorted(one for one in found if one.split(".")[0].split("_")[0] not in owned)


@pytest.mark.parametrize(
    ("name", "point"), [("restore", "restore:1:after"), ("provision", "provision:1:after")]
)
def test_the_files_of_a_transaction_that_never_ended_are_removed(
    committed: Any, name: str, point: str
) -> None:
    case = scenarios.SCENARIOS[name][1]()
    assert server_dies_at(point, case.go)
    assert unowned() == []
    case.go()
    case.check()
