"""Opening a workspace: from the snapshot beside django-tenants' create_schema, and beside psql with the same DDL."""

from collections.abc import Iterator

from scripts.figures.bench import Bench
from scripts.figures.figure import Figure, at_least, at_most, interleaved
from scripts.figures.side import Side


def sign_up(bench: Bench) -> Iterator[Figure]:
    ours, stock = bench.side("ours"), bench.side("stock")
    bench.grow(1)
    bench.grow_stock(1)

    def replayed() -> float:
        return float(ours.call("in_ours.sign_up", number=bench.another())["seconds"])

    def migrated() -> float:
        return float(stock.call("in_stock.sign_up", number=bench.another()))

    mine, claimed, opened, theirs = interleaved(
        replayed, lambda: float(ours.call("in_ours.claim")),
        lambda: opened_at_once(bench, ours, bench.side("web")), migrated,
        times=bench.times(5, 2),
    )  # fmt: skip
    for what, runs, target in (
        ("Sign-up: a ready schema is claimed", claimed, at_least(500)),
        ("Sign-up: from the click to the first page of the own workspace", opened, None),
        ("Sign-up, pool empty: schema, rows, address", mine, at_least(5.5)),
    ):
        yield Figure.of("sign-up", what, "create_schema and migrate", [runs, theirs], target=target)


def opened_at_once(bench: Bench, ours: Side, web: Side) -> float:
    """Seconds from the confirming click to the first page of the own workspace, out of the pool, by the pages themselves."""
    ours.call("in_ours.fill_pool", number=1)
    made = web.call("asking.open_workspace", number=bench.another())
    ours.call("in_ours.settle", sign_up=made["sign_up"])
    return float(made["seconds"])


def replay(bench: Bench) -> Iterator[Figure]:
    """psql's own start is taken off its time."""
    ours = bench.side("ours")
    bench.grow(1)

    def limit() -> float:
        id = ours.call("in_ours.another_id")
        text = ours.call("in_ours.script", schema_id=id)
        words = ("-X", "-q", "-v", "ON_ERROR_STOP=1")
        took = bench.run("psql", *words, database="smoall", stdin=text)
        empty = bench.run("psql", *words, database="smoall", stdin="SELECT 1")
        ours.call("in_ours.drop", id=id)
        return took - empty

    runs = interleaved(lambda: float(ours.call("in_ours.replay")), limit, times=bench.times(9, 4))
    yield Figure.of(
        "replay", "Replay's distance from the limit", "psql running the same DDL", runs, target=at_most(1.15)
    )
