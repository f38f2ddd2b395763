"""What happened when, and by whom: the demo's deeds are done now, and dated afterwards as what they stand for.

The history's entries come from triggers, which know no other moment than the transaction's. Nobody but the owner of
the tables can move one, and only those of the demo that made them, in the same transaction, are moved.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.kit.dates import BRUSSELS

LENGTH = 395  # days: a year to look at, after a first month in which a spreadsheet was brought in
NEWEST = "SELECT coalesce(max(id), 0) FROM history_logentry"
MOVE = """
    UPDATE history_logentry e SET "timestamp" = d.at, cid = d.cid
      FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[]) d(first, last, at, cid)
     WHERE e.id BETWEEN d.first AND d.last
"""


@dataclass
class Calendar:
    """Working days of the `length` days that end yesterday; `opens` and `closes` are hours."""

    today: date
    opens: int
    closes: int
    works_on_saturday: bool = False
    length: int = LENGTH
    days: list[date] = field(init=False)

    def __post_init__(self) -> None:
        past = (self.today - timedelta(days=back) for back in range(self.length, 0, -1))
        self.days = [day for day in past if day.weekday() < (6 if self.works_on_saturday else 5)]

    def moment(self, chance: random.Random, *, first: float = 0, last: float = 1) -> datetime:
        """Some working moment, between two parts of the calendar (0 its beginning, 1 its end)."""
        place = chance.uniform(first, last) * (len(self.days) - 1)
        return self.at(self.days[round(place)], chance)

    def at(self, day: date, chance: random.Random) -> datetime:
        seconds = chance.randint(self.opens * 3600, self.closes * 3600 - 1)
        local = datetime.combine(day, time(), BRUSSELS) + timedelta(seconds=seconds)
        return local.astimezone(UTC)

    def start(self, chance: random.Random) -> datetime:
        return self.at(self.days[0], chance)


@dataclass
class Diary:
    """Deeds of one schema. `write` does one at once; `plan` keeps it until `act` does all in their order."""

    moved: list[tuple[int, int, datetime]] = field(default_factory=list)
    planned: list[tuple[datetime, int, User, Callable[[datetime, User], object]]] = field(
        default_factory=list
    )

    def plan(self, at: datetime, by: User, deed: Callable[[datetime, User], object]) -> None:
        """`deed(at, by)` is to happen then."""
        self.planned.append((at, len(self.planned), by, deed))

    def act(self) -> None:
        """Do what was planned, the oldest first."""
        for at, _number, by, deed in sorted(self.planned, key=lambda each: each[:2]):
            with self.write(at, by.as_actor()):
                deed(at, by)
        self.planned.clear()

    @contextmanager
    def write(self, at: datetime, by: scope.Actor) -> Iterator[datetime]:
        """What is done inside is `by`'s, and will be dated `at`."""
        with scope.acting(by):
            before = _newest()
            yield at
            if (after := _newest()) > before:
                self.moved.append((before + 1, after, at))

    def date(self) -> None:
        """Give the entries their moments, each deed an action of its own. As the tables' owner."""
        first, last, at = zip(*self.moved, strict=True) if self.moved else ((), (), ())
        numbers = [f"demo-{number}" for number in range(len(first))]
        with scope.owner(tenant=scope.tenant_id()), connection.cursor() as cursor:
            cursor.execute(MOVE, [list(first), list(last), list(at), numbers])
        self.moved.clear()


def _newest() -> int:
    with connection.cursor() as cursor:
        cursor.execute(NEWEST)
        found: int = cursor.fetchone()[0]
    return found
