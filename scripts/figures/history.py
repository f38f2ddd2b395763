"""What a recorded entry costs: triggers beside django-auditlog's signals, the time without either taken off."""

from collections.abc import Iterator
from statistics import median

from scripts.figures.bench import Bench
from scripts.figures.figure import Figure, at_least, interleaved

ROW = "history"
SAID = {
    "creations": "History: an entry of a row that is created",
    "changes": "History: an entry of a row that is changed",
    "bulk_create": "History: an entry by bulk_create()",
    "update": "History: an entry by update()",
}


def measure(bench: Bench) -> Iterator[Figure]:
    """Bulk writes are held against creations: the signals record nothing of them."""
    rows, times = (100, 3) if bench.is_quick else (500, 5)
    bench.grow(1)
    bench.grow_stock(1)
    ours, stock = bench.side("ours"), bench.side("stock")
    (id,) = bench.ids(1, 1)
    other = stock.call("in_stock.uuid_of", number=1)
    stock.call("in_stock.make_log", number=1)

    def extra(kind: str, theirs: str) -> tuple[float, float]:
        def one(side: str, kind: str, is_recorded: bool) -> float:
            place = id if side == "ours" else other
            process = ours if side == "ours" else stock
            return float(
                process.call("writing.seconds", kind=kind, tenant=place, rows=rows, is_recorded=is_recorded)
            )

        runs = interleaved(
            lambda: one("ours", kind, True), lambda: one("stock", theirs, True),
            lambda: one("ours", kind, False), lambda: one("stock", theirs, False),
            times=times,
        )  # fmt: skip
        with_us, with_them, bare_us, bare_them = (median(found) for found in runs)
        return max(with_us - bare_us, 1e-9) / rows, max(with_them - bare_them, 1e-9) / rows

    for kind, said in SAID.items():
        against = "changes" if kind == "changes" else "creations"
        mine, theirs = extra(kind, against)
        yield Figure(
            ROW,
            said,
            f"django-auditlog's signals, {rows} {against}",
            mine,
            theirs,
            target=at_least(3),
            runs=times,
        )
