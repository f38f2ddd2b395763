"""Pages of a workspace with very many rows beside the same pages of one with few, asked for in turns."""

from collections.abc import Iterator
from statistics import median

from scripts.figures.bench import Bench
from scripts.figures.figure import Figure, at_most, interleaved

ROW = "pages"
FEW = 100
PAGES = {
    "home": "/",
    "contacts": "/contacts/",
    "contacts, searched": "/contacts/?q=maison+77",
    "contacts, by city": "/contacts/?sort=city",
    "a contact": "/contacts/{contact}/",
    "history": "/history/",
    "history of a contact": "/history/contacts/contact/{contact}/",
    "team": "/team/",
    "workspace": "/workspace/",
}


def measure(bench: Bench) -> Iterator[Figure]:
    """Two workspaces of their own, which are erased afterwards."""
    many = 5_000 if bench.is_quick else 100_000
    ours, web = bench.side("ours"), bench.side("web")
    made = {}
    for rows in (many, FEW):
        number = bench.another()
        id = ours.call("in_ours.sign_up", number=number)["id"]
        bench.say(f"A workspace with {rows} contacts …")
        ours.call("in_ours.grow_contacts", id=id, rows=rows)
        bench.psql("smoall", f"VACUUM ANALYZE t_{id.replace('-', '')}.contacts_contact")
        bench.psql("smoall", f"VACUUM ANALYZE t_{id.replace('-', '')}.history_logentry")
        host = f"figures-{number}.smoall.localhost"
        made[rows] = (
            number,
            host,
            web.call("asking.sign_in", host=host),
            ours.call("in_ours.first_contact", id=id),
        )
    for name, path in PAGES.items():
        yield _page(bench, name, path, {rows: one[1:] for rows, one in made.items()}, many)
    for number, *_ in made.values():
        ours.call("in_ours.erase", number=number)


def _page(bench: Bench, name: str, path: str, places: dict[int, tuple[str, ...]], many: int) -> Figure:
    web = bench.side("web")

    def asked(rows: int) -> dict[str, object]:
        host, cookie, contact = places[rows]
        return {"path": path.format(contact=contact), "cookie": cookie, "stack": "whole", "host": host}

    def ask(rows: int) -> float:
        given = asked(rows)
        return float(median(web.call("asking.seconds", hosts=[given.pop("host")], times=3, **given)))

    sent = [web.call("asking.statements", **asked(rows)) for rows in (many, FEW)]
    runs = interleaved(lambda: ask(many), lambda: ask(FEW), times=bench.times(9))
    note = f"{sent[0]} statements, {sent[1]} with {FEW}"
    what = f"Page with {many} rows: {name}"
    return Figure.of(ROW, what, f"with {FEW} rows", runs, target=at_most(1.5), note=note)
