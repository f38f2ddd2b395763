"""Migrating a fleet to a release of later, and finding out that there is nothing to do, beside `migrate_schemas`.

Smoall's fleet stands in a database and a folder of its own, since its tables go forward; each run has a copy of it.
"""

from collections.abc import Iterator
from typing import Any

from scripts.figures.bench import Bench
from scripts.figures.figure import Figure, at_least, interleaved
from scripts.figures.side import Side

ROW = "migrate"


def measure(bench: Bench) -> Iterator[Figure]:
    fleet, asked_of = (10, 5) if bench.is_quick else (200, 50)
    stock = bench.side("stock")
    bench.grow_stock(asked_of)
    ours = bench.fleet_side("fleet")
    _fill(bench, ours, asked_of)
    runs = interleaved(
        lambda: float(ours.call("in_ours.status")), lambda: float(stock.call("in_stock.migrate")),
        times=bench.times(5, 2),
    )  # fmt: skip
    yield Figure.of(
        ROW, f"Find out that a fleet of {asked_of} is up to date", "migrate_schemas with nothing to do", runs,
        target=at_least(500),
    )  # fmt: skip
    bench.grow_stock(fleet)
    _fill(bench, ours, fleet)
    yield _migrated(bench, fleet)


def profiled(bench: Bench) -> dict[str, Any]:
    """Where the time of a migration goes, on one connection."""
    _fill(bench, bench.fleet_side("fleet"), 10 if bench.is_quick else 200)
    bench.copy("fleet", "fleet_later")
    side = bench.fleet_side("fleet_later")
    side.call("in_ours.prepare")
    found: dict[str, Any] = side.call("profile.of", called="in_ours.migrate_alone", given={})
    bench.drop("fleet_later")
    return found


def _fill(bench: Bench, ours: Side, to: int) -> None:
    there = int(ours.call("in_ours.count"))
    if there < to:
        bench.say(f"A fleet of {to} to migrate …")
        ours.call("in_ours.fill", first=there + 1, last=to)


def _migrated(bench: Bench, fleet: int) -> Figure:
    """Every workspace's tables are then compared with the release's: the run fails unless all are the same."""
    prepared: list[float] = []

    def ours() -> float:
        bench.copy("fleet", "fleet_later")
        side = bench.fleet_side("fleet_later")
        prepared.append(side.call("in_ours.prepare"))
        took = float(side.call("in_ours.migrate_fleet", expected=fleet))
        bench.drop("fleet_later")
        return took

    def stock(executor: str) -> float:
        bench.copy("stock", "stock_later")
        took = float(bench.side("stock_later").call("in_stock.migrate", executor=executor))
        bench.drop("stock_later")
        return took

    mine, theirs = [ours()], []
    bench.say("migrate_schemas …")
    theirs.append(stock("standard"))
    mine.append(ours())
    what = f"Migrate a fleet of {fleet}; all schemas identical afterwards"
    note = f"on two connections; prepare, once a release, took {prepared[-1]:.1f} s beside it"
    return Figure.of(ROW, what, "migrate_schemas, standard", [mine, theirs], target=at_least(20), note=note)
