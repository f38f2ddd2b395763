"""Figures that are read off the series: export and erasure among a thousand."""

from collections.abc import Iterator
from statistics import median

from scripts.figures.figure import Figure, at_least, at_most, in_words
from scripts.figures.series import SERIES, Size

AMONG = 1000
STEADY = "both divided by plain Django’s request of their minute"


def export(sizes: list[Size]) -> Iterator[Figure]:
    """The fleet of a thousand, or the largest there is."""
    here, one, last = _nearest(sizes, AMONG), sizes[0], sizes[-1]
    what = f"Export one among {here.tenants}: rows and schema"
    shared = in_words(median(here.parts["shared"]), "s")
    note = f"the client’s rows of the shared schema, which pg_dump leaves out: {shared}"
    for name, target in (("pg_dump", 400), ("pg_dump without loops", 50)):
        runs = [here.runs["export"], here.runs[name]]
        yield Figure.of("export", what, f"{SERIES[name]} -Fc", runs, target=at_least(target), note=note)
    if last is not one:
        yield _grown("export", "export", last, one, 1.3)


def erase(sizes: list[Size]) -> Iterator[Figure]:
    here = _nearest(sizes, AMONG)
    for name, what, part, said in (
        ("erase", "Erase one among {}: tables, row, address, in one transaction", "drop", "the DROP within it"),
        ("erase whole", "Erase one among {}: to the signed certificate", "rewrite", "rewriting shared tables and log"),
    ):  # fmt: skip
        yield Figure.of(
            "erase", what.format(here.tenants), "bare DROP SCHEMA CASCADE", [here.runs[name], here.runs["drop"]],
            target=at_most(1.3), note=f"{said}: {in_words(median(here.parts[part]), 's')}",
        )  # fmt: skip


def _grown(row: str, name: str, last: Size, first: Size, most: float) -> Figure:
    """`last` and `first` are compared in units of the control, and shown in seconds of the last one's minute."""
    ours = last.median(name)
    theirs = ours * first.steady(name) / last.steady(name)
    return Figure(
        row,
        f"With {last.tenants} workspaces: {SERIES[name]}",
        f"with {first.tenants}",
        ours,
        theirs,
        target=at_most(most),
        runs=len(last.runs[name]),
        note=STEADY,
    )


def _nearest(sizes: list[Size], tenants: int) -> Size:
    return min(sizes, key=lambda size: abs(size.tenants - tenants))
