"""The same work at 1, 10, 100, 1,000 and 2,000 workspaces: what the chart shows, and what several figures are made of.

Between two sizes of the fleet pass minutes, in which a machine may become busier. So each round also runs a piece of
work that knows no fleet (`control`: requests to plain Django), and sizes are compared after division by it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from scripts.figures.bench import Bench
from scripts.figures.opening import opened_at_once
from scripts.figures.requesting import VIEW

SIZES = (1, 10, 100, 1000, 2000)
QUICK_SIZES = (1, 10, 30)
WITHOUT_LOOPS = "-c enable_nestloop=off"
ROTATING = 200  # workspaces that the rotating requests go around
SLOW_AFTER = 500  # workspaces from which on what takes a minute is run once

# What is measured, in the words of the chart; --only reaches them by the rows that they belong to.
SERIES = {
    "claim": "sign-up from the pool",
    "sign-up": "sign-up by replay",
    "request": "request, one workspace",
    "rotating": "request, workspaces in turns",
    "export": "export",
    "pg_dump": "pg_dump -n",
    "pg_dump without loops": "pg_dump -n, nestloop off",
    "erase": "erase: its tables",
    "erase whole": "erase, to the certificate",
    "drop": "bare DROP SCHEMA",
    "status": "fleet_status",
    "list": "list_clients, a workspace",
    "check": "check_tenants, a workspace",
}
NEEDED = {
    "export": {"export", "pg_dump", "pg_dump without loops"},
    "erase": {"erase", "erase whole", "drop", "sign-up"},
    "thousands": set(SERIES) - {"pg_dump", "pg_dump without loops"},
}


@dataclass
class Size:
    """What was measured at one number of workspaces: the runs of each series, and the control's."""

    tenants: int
    runs: dict[str, list[float]] = field(default_factory=dict)
    control: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(
        default_factory=dict
    )  # of an erasure: the DROP itself, the rewriting; of an export: what the shared schema holds

    def median(self, name: str) -> float:
        return median(self.runs[name])

    def steady(self, name: str) -> float:
        """In units of the control, which takes out that the machine was slower for a while."""
        return self.median(name) / median(self.control)


def sizes(bench: Bench) -> list[int]:
    usual = QUICK_SIZES if bench.is_quick else SIZES
    return sorted({size for size in usual if size < bench.most} | {bench.most})


def measure(bench: Bench, wanted: set[str]) -> Size:
    """One size of the fleet, the one that it has now."""
    found = Size(bench.tenants)
    works = {name: work for name, work in _works(bench, found).items() if name in wanted}
    for number in range(bench.times(5)):
        found.control += bench.side("plain").call(
            "asking.seconds", path=VIEW, hosts=bench.hosts(1), times=20
        )[10:]
        for name, work in works.items():
            if _is_due(name, number, bench):
                bench.detail(f"{bench.tenants} workspaces: {SERIES[name]}")
                found.runs.setdefault(name, []).extend(work())
    return found


def _is_due(name: str, number: int, bench: Bench) -> bool:
    if bench.tenants > SLOW_AFTER and name in ("pg_dump", "check", "erase", "pg_dump without loops"):
        return number < (1 if name in ("pg_dump", "check") else 2)
    if name in ("check", "erase whole", "pg_dump without loops"):
        return number < 3
    return True


def _works(bench: Bench, found: Size) -> dict[str, Callable[[], list[float]]]:
    ours, web = bench.side("ours"), bench.side("web")
    (first,) = bench.ids(1, 1)
    victims: list[int] = []
    rotation = _turns(bench)

    def sign_up() -> list[float]:
        victims.append(bench.another())
        return [float(ours.call("in_ours.sign_up", number=victims[-1])["seconds"])]

    def erase() -> list[float]:
        took: dict[str, Any] = ours.call("in_ours.erase", number=victims.pop())
        found.runs.setdefault("erase whole", []).append(took["whole"])
        for step in ("rewrite", "drop"):
            found.parts.setdefault(step, []).append(took[step])
        return [took["destroy"]]

    def take_out() -> list[float]:
        took = ours.call("in_ours.take_out", id=first)
        found.parts.setdefault("shared", []).append(took["shared"])
        return [float(took["whole"])]

    def drop() -> list[float]:
        return [float(ours.call("in_ours.drop", id=ours.call("in_ours.schema_alone")))]

    def requests(hosts: list[str], times: int) -> list[float]:
        took = web.call("asking.seconds", path=VIEW, hosts=hosts, times=times)
        return [median(took)]

    def warm() -> list[float]:
        web.call("asking.seconds", path=VIEW, hosts=bench.hosts(1), times=5)
        return requests(bench.hosts(1), 20)

    def dump(options: str = "") -> list[float]:
        target = bench.data / "one.dump"
        schema = f"t_{first.replace('-', '')}"
        words = ("--format=custom", f"--schema={schema}", f"--file={target}")
        return [bench.run("pg_dump", *words, database="smoall", options=options)]

    return {
        "sign-up": sign_up,
        "drop": drop,
        "erase": erase,
        "request": warm,
        "rotating": lambda: requests(next(rotation), 20),
        "export": take_out,
        "pg_dump without loops": lambda: dump(WITHOUT_LOOPS),
        "pg_dump": dump,
        "claim": lambda: [opened_at_once(bench, ours, web)],
        "status": lambda: [float(ours.call("in_ours.status"))],
        "list": lambda: [float(ours.call("in_ours.listed")) / bench.tenants],
        "check": lambda: [float(ours.call("in_ours.checked")) / bench.tenants],
    }


def _turns(bench: Bench) -> Iterator[list[str]]:
    """Twenty workspaces after the other."""
    hosts = bench.hosts(min(bench.tenants, ROTATING))
    at = 0
    while True:
        yield [hosts[(at + step) % len(hosts)] for step in range(20)]
        at += 20
