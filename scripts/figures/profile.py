"""Where the time of a piece of work goes: inside Smoall's process, by who spends it and by what the database is told."""

import cProfile
import importlib
import pstats
import re
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.db import connection

ROOM = 6  # lines of each part


def of(called: str, given: dict[str, Any]) -> dict[str, Any]:
    """Profile `module.function` of this package. Shares of its own time, and the statements that took longest."""
    module, _, function = called.partition(".")
    work = getattr(importlib.import_module(f"scripts.figures.{module}"), function)
    told: dict[str, list[float]] = defaultdict(list)

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            told[_kind(str(sql))].append(time.perf_counter() - began)

    profiler = cProfile.Profile()
    with connection.execute_wrapper(note):
        profiler.runcall(work, **given)
    spent: dict[str, float] = defaultdict(float)
    for (file, _, name), (_, _, own, _, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        spent[_who(file, name)] += own
    whole = sum(spent.values())
    return {
        "seconds": whole,
        "who": [[who, own / whole] for who, own in _most(spent)],
        "told": [
            [kind, len(runs), sum(runs)]
            for kind, runs in sorted(told.items(), key=lambda one: -sum(one[1]))[:ROOM]
        ],
    }


def _most(spent: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(spent.items(), key=lambda one: -one[1])[:ROOM]


def _kind(sql: str) -> str:
    """The first words of a statement: CREATE TABLE, ALTER TABLE … ADD CONSTRAINT."""
    words = re.sub(r"\s+", " ", sql.strip()).upper()
    if words.startswith("ALTER TABLE"):
        return f"ALTER TABLE … {'ADD ' if ' ADD ' in words else ''}{'CONSTRAINT' if ' CONSTRAINT ' in words else ''}".strip()
    if words.startswith("CREATE UNIQUE INDEX"):
        return "CREATE INDEX"
    return " ".join(words.split(" ")[: 2 if words.startswith(("CREATE", "DROP", "GRANT", "REVOKE")) else 1])


def _who(file: str, name: str) -> str:
    if "psycopg2" in name or "Cursor." in name or "psycopg2" in file:
        return "waiting for the database"
    if name in ("<built-in method time.sleep>", "<method 'poll' of 'select.poll' objects>"):
        return "waiting"
    if "fsync" in name:
        return "files: fsync"
    for part, who in (
        ("/django/", "Django"), ("/tenants/", "Smoall: tenants"), ("/shared_apps/", "Smoall: shared_apps"),
        ("/tenant_apps/", "Smoall: tenant_apps"), ("/site-packages/", "other libraries"),
    ):  # fmt: skip
        if part in file:
            return who
    return "Python itself"
