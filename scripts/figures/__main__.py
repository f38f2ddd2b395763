"""What scripts/bench runs: sets everything up, measures row by row, prints the table, and removes what it made."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts.figures import (
    among,
    document,
    history,
    memory,
    migrating,
    opening,
    pages,
    requesting,
    series,
    table,
    thousands,
)
from scripts.figures.bench import Bench, CannotMeasure, Failed, remove, scratch
from scripts.figures.figure import Figure
from scripts.figures.series import Size

# Rows that need no large fleet, in their order; then those that are read off the series.
SMALL: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "sign-up": opening.sign_up,
    "replay": opening.replay,
    "migrate": migrating.measure,
    "request": requesting.measure,
    "history": history.measure,
}
READ_OFF: dict[str, Callable[[list[Size]], Iterator[Figure]]] = {
    "export": among.export,
    "erase": among.erase,
}
LATE: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "memory": memory.measure,
    "thousands": thousands.measure,
    "pages": pages.measure,
}
ROWS = (*SMALL, *READ_OFF, *LATE)
PROFILED = 3
PROFILES: dict[str, tuple[str, str]] = {  # a row and what is called to profile it
    "sign-up": ("Sign-up, pool empty", "in_ours.sign_up"),
    "export": ("Export", "in_ours.take_out"),
    "erase": ("Erase, to the certificate", "in_ours.erase"),
    "thousands": ("check_tenants", "in_ours.checked"),
}


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whether the targets are met or not; 1 otherwise, with a sentence."""
    given = _arguments(arguments)
    most = given.tenants or (30 if given.quick else 2000)
    data = given.keep or scratch()
    bench = Bench(data, most=most, is_quick=given.quick, say=_say)
    began = time.monotonic()
    try:
        bench.open()
        figures, sizes = _measured(bench, set(given.only or ROWS))
        profiles = _profiles(bench, set(given.only or ROWS)) if not given.no_profile else []
    except (CannotMeasure, Failed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1
    finally:
        bench.close()
        if not given.keep:
            remove(data)
    about = {
        "machine": f"{platform.system()} {platform.machine()}", "cores": _cores(), "python": platform.python_version(),
        "tenants": most, "quick": given.quick, "seconds": round(time.monotonic() - began),
    }  # fmt: skip
    print(table.terminal(figures))
    for found in profiles:
        print("\n" + table.profile(found))
    if given.json:
        told = table.as_json(figures, sizes, profiles, **about)
        given.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    if given.docs:
        known = bench.state["figures"]
        everything = [Figure.read(one) for row in ROWS for one in known.get(row, [])]
        document.write(everything, sizes, profiles, about)
    missed = sum(figure.is_met is False for figure in figures)
    print(f"\n{len(figures)} figures, {missed} targets missed, {about['seconds']} s.")
    return 0


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small fleets and few runs: a few minutes")
    parser.add_argument(
        "--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}"
    )
    parser.add_argument(
        "--tenants", type=_count, help="workspaces of the largest fleet (2000; 30 with --quick)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="set up there, and take it again next time")
    parser.add_argument(
        "--docs",
        action="store_true",
        help="write table and chart into docs/, with the rows that a kept folder knows",
    )
    parser.add_argument("--no-profile", action="store_true", help="leave out where the time goes")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 20_000:
        raise argparse.ArgumentTypeError("from 1 to 20000")
    return number


def _measured(bench: Bench, rows: set[str]) -> tuple[list[Figure], list[Size]]:
    figures: list[Figure] = []

    def take(name: str, found: list[Figure]) -> None:
        figures.extend(found)
        known = bench.state.get("figures", {}) | {name: [asdict(one) for one in found]}
        bench.note(figures=known)

    for name, measure in SMALL.items():
        if name in rows:
            bench.say(f"Measuring {name} …")
            take(name, list(measure(bench)))
    wanted = {name for row in rows & series.NEEDED.keys() for name in series.NEEDED[row]}
    sizes = _sizes(bench, wanted) if wanted else []
    for name, read in READ_OFF.items():
        if name in rows:
            take(name, list(read(sizes)))
    for name, measure in LATE.items():
        if name in rows:
            bench.say(f"Measuring {name} …")
            if name == "memory":
                bench.grow(min(1000, bench.most))
            take(name, list(measure(bench)))
    return figures, sizes


def _sizes(bench: Bench, wanted: set[str]) -> list[Size]:
    """The sizes of the fleet, from small to large. Those that a kept folder knows are taken as measured then."""
    found = []
    for tenants in series.sizes(bench):
        bench.grow(tenants)
        known = bench.state.get("series", {}).get(str(tenants))
        if known and wanted <= known["runs"].keys():
            found.append(Size(tenants, **known))
            continue
        if bench.tenants > tenants:
            continue
        bench.say(f"Measuring with {tenants} workspaces …")
        size = series.measure(bench, wanted)
        known = {"runs": size.runs, "control": size.control, "parts": size.parts}
        bench.note(series=bench.state.get("series", {}) | {str(tenants): known})
        found.append(size)
    return found


def _profiles(bench: Bench, rows: set[str]) -> list[dict[str, Any]]:
    """Where the time of the slowest goes, the slowest first."""
    found = []
    if "migrate" in rows:
        bench.say("Looking where the time goes: a fleet’s migration …")
        found.append({"what": "Migrate a fleet, on one connection", **migrating.profiled(bench)})
    for row, (what, called) in PROFILES.items():
        if row in rows:
            bench.say(f"Looking where the time goes: {what} …")
            told = bench.side("ours").call("profile.of", called=called, given=_given(bench, called))
            found.append({"what": what, **told})
    return sorted(found, key=lambda one: -float(one["seconds"]))[:PROFILED]


def _given(bench: Bench, called: str) -> dict[str, Any]:
    bench.grow(1)
    if called == "in_ours.erase":
        number = bench.another()
        bench.side("ours").call("in_ours.sign_up", number=number)
        return {"number": number}
    if called == "in_ours.take_out":
        return {"id": bench.ids(1, 1)[0]}
    if called == "in_ours.sign_up":
        return {"number": bench.another(), "is_furnished": False}
    return {}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
