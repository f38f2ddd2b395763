"""What a database backend keeps after it served many workspaces, each table of each of them read."""

from collections.abc import Iterator

from scripts.figures.bench import Bench
from scripts.figures.figure import Figure, at_most_of_unit

ROW = "memory"


def measure(bench: Bench) -> Iterator[Figure]:
    """One process of the web server, one connection at a time; `most` is the backend that had the most."""
    web, hosts = bench.side("web"), bench.hosts(min(1000, bench.tenants))
    web.call("asking.forget")
    one = web.call("asking.touch", hosts=hosts[:1])
    web.call("asking.forget")
    many = web.call("asking.touch", hosts=hosts)
    yield Figure(
        ROW,
        f"A backend's memory after {len(hosts)} workspaces, every table read",
        "one backend after one workspace",
        many["most"],
        one["most"],
        target=at_most_of_unit(200),
        unit="MiB",
        note=f"{many['backends']} backends, one after the other",
    )
