"""Triggers by which the database itself refuses what a module's rules forbid: made anew with every release.

A module says what its walls are in its `walls.py`; tenants/snapshot.py builds them. The owner role owns them and alone may
go around them. Each function names every table with its schema and has a fixed search_path, as the history's do, for the
same reasons (shared_apps/history/triggers.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wall:
    """A trigger `name` on a shared table, before these events, that calls `function` (its own name unless another is given)."""

    name: str
    events: str
    table: str
    function: str = ""

    def statement(self) -> str:
        return (
            f"CREATE OR REPLACE TRIGGER {self.name} BEFORE {self.events} ON public.{self.table} "
            f"FOR EACH ROW EXECUTE FUNCTION public.{self.function or self.name}()"
        )


def statements(functions: Sequence[str], walls: Sequence[Wall]) -> list[str]:
    """DDL that makes or renews the walls, one by one. To be run by the owner, in the shared schema."""
    return [*(body.strip() for body in functions), *(wall.statement() for wall in walls)]
