"""Triggers by which the database itself refuses what a module's rules forbid: made anew with every release.

A module says what its walls are in its `walls.py`; tenants/schemas/snapshot.py builds them. The owner role owns them and alone
may go around them. Each function names every table with its schema and has a fixed search_path, as the history's do, for the
same reasons (shared_apps/history/triggers.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Wall:
    """A trigger `name` on a shared table, before these events, that calls `function` (its own name unless another is given).

    `each`: "ROW", "STATEMENT" (for TRUNCATE), or "COMMIT", when it looks at each row after the events, once all is there.
    `always`: in a session that replicates too, where other triggers rest.
    """

    name: str
    events: str
    table: str
    function: str = ""
    each: Literal["ROW", "STATEMENT", "COMMIT"] = "ROW"
    always: bool = False

    def statements(self) -> list[str]:
        on = f"ON public.{self.table}"
        calls = f"EXECUTE FUNCTION public.{self.function or self.name}()"
        if self.each == "COMMIT":  # PostgreSQL replaces no constraint trigger
            made = [
                f"DROP TRIGGER IF EXISTS {self.name} {on}",
                f"CREATE CONSTRAINT TRIGGER {self.name} AFTER {self.events} {on} "
                f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW {calls}",
            ]
        else:
            made = [
                f"CREATE OR REPLACE TRIGGER {self.name} BEFORE {self.events} {on} FOR EACH {self.each} {calls}"
            ]
        return made + (
            [f"ALTER TABLE public.{self.table} ENABLE ALWAYS TRIGGER {self.name}"] if self.always else []
        )


def statements(functions: Sequence[str], walls: Sequence[Wall]) -> list[str]:
    """DDL that makes or renews the walls, one by one. To be run by the owner, in the shared schema."""
    return [*(body.strip() for body in functions), *(one for wall in walls for one in wall.statements())]
