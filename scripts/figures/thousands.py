"""A large fleet beside one of ten, in turns: two databases of one server, the same work in both."""

from collections.abc import Callable, Iterator
from statistics import median

from scripts.figures.bench import Bench
from scripts.figures.figure import Figure, at_most, interleaved
from scripts.figures.opening import opened_at_once
from scripts.figures.requesting import VIEW
from scripts.figures.series import SERIES
from scripts.figures.side import Side

ROW, FEW = "thousands", 10
NEAR = 1.5  # what "near its cost with ten" is held against
SLOW = {"check": 1, "erase whole": 2, "list": 2}  # runs at most


def measure(bench: Bench) -> Iterator[Figure]:
    bench.grow(bench.most)
    many, few = bench.side("ours"), bench.fleet_side("ten")
    there = int(few.call("in_ours.count"))
    few.call("in_ours.fill", first=there + 1, last=FEW)
    large = _works(bench, many, bench.side("web"), bench.tenants)
    small = _works(bench, few, bench.fleet_side("ten_web"), FEW)
    for name, work in large.items():
        bench.say(f"{bench.tenants} beside {FEW}: {SERIES[name]}")
        other, times = small[name], min(bench.times(7), SLOW.get(name, 7))
        for one in () if name in SLOW else (work, other):
            one()
        runs = interleaved(work, other, times=times)
        what = f"With {bench.tenants} workspaces: {SERIES[name]}"
        yield Figure.of(ROW, what, f"with {FEW}", runs, target=at_most(NEAR))


def _works(bench: Bench, side: Side, web: Side, tenants: int) -> dict[str, Callable[[], float]]:
    (first,) = side.call("in_ours.ids", first=1, last=1)
    hosts = bench.hosts(min(tenants, 200))

    def sign_up() -> int:
        number = bench.another()
        side.call("in_ours.sign_up", number=number)
        return number

    def requests(hosts: list[str]) -> float:
        return float(median(web.call("asking.seconds", path=VIEW, hosts=hosts, times=20)))

    return {
        "claim": lambda: opened_at_once(bench, side, web),
        "sign-up": lambda: float(side.call("in_ours.sign_up", number=bench.another())["seconds"]),
        "request": lambda: requests(hosts[:1]),
        "export": lambda: float(side.call("in_ours.take_out", id=first)["whole"]),
        "drop": lambda: float(side.call("in_ours.drop", id=side.call("in_ours.schema_alone"))),
        "erase": lambda: float(side.call("in_ours.erase", number=sign_up())["destroy"]),
        "erase whole": lambda: float(side.call("in_ours.erase", number=sign_up())["whole"]),
        "status": lambda: float(side.call("in_ours.status")),
        "list": lambda: float(side.call("in_ours.listed")) / tenants,
        "check": lambda: float(side.call("in_ours.checked")) / tenants,
    }
