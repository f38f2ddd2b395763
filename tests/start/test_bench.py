"""scripts/bench: its cheapest row from beginning to end, and what figures and chart say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts.figures import among, chart, table
from scripts.figures.figure import Figure, at_least, at_most, at_most_of_unit, in_words, interleaved
from scripts.figures.series import Size

ROOT = Path(__file__).resolve().parent.parent.parent


def bench(*words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "scripts.figures", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_the_cheapest_row_is_measured_and_written_as_json(tmp_path: Path) -> None:
    done = bench("--quick", "--tenants", "1", "--only", "replay", "--json", str(tmp_path / "found.json"))
    assert done.returncode == 0, done.stderr
    assert "psql running the same DDL" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    (figure,) = found["figures"]
    assert figure["row"] == "replay"
    assert 0 < figure["ours"] < 30
    assert figure["target"] == "≤ 1.15×"
    assert figure["met"] is (figure["ratio"] <= 1.15)
    assert found["tenants"] == 1


def test_a_folder_that_is_somebodys_own_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    done = bench("--quick", "--only", "replay", "--keep", str(tmp_path))
    assert done.returncode == 1
    assert "name another folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("words", [("--only", "weather"), ("--tenants", "0"), ("--tenants", "many")])
def test_what_cannot_be_measured_is_refused(words: tuple[str, ...]) -> None:
    done = bench(*words)
    assert done.returncode == 2
    assert "usage: scripts/bench" in done.stderr


def test_runs_are_interleaved() -> None:
    order: list[str] = []

    def run(name: str) -> float:
        order.append(name)
        return float(len(order))

    assert interleaved(lambda: run("a"), lambda: run("b"), times=3) == [[1, 3, 5], [2, 4, 6]]
    assert order == ["a", "b"] * 3


def test_a_target_is_met_or_not() -> None:
    def figure(target: object, ours: float, theirs: float) -> Figure:
        return Figure("row", "what", "against", ours, theirs, target=target)  # type: ignore[arg-type]

    assert figure(at_least(5), 0.2, 1.0).is_met
    assert not figure(at_least(5.1), 0.2, 1.0).is_met
    assert figure(at_most(1.1), 1.1, 1.0).is_met
    assert not figure(at_most(1.1), 1.2, 1.0).is_met
    assert figure(at_most_of_unit(200), 199, 1).is_met
    assert figure(None, 1, 2).is_met is None
    assert [in_words(value, "s") for value in (2e-5, 0.0123, 1.5, 250.0)] == [
        "20 µs",
        "12.3 ms",
        "1.5 s",
        "250 s",
    ]


SHARED = {"shared": [0.01]}


def test_a_busier_minute_makes_nothing_look_dearer() -> None:
    one = Size(1, {"export": [0.02], "pg_dump": [1.0], "pg_dump without loops": [1.0]}, [0.001], SHARED)
    many = Size(2000, {"export": [0.06], "pg_dump": [1.0], "pg_dump without loops": [1.0]}, [0.003], SHARED)
    *_, grown = among.export([one, many])
    assert grown.ratio == pytest.approx(1.0)


def test_the_chart_is_an_image_with_its_numbers_in_words(tmp_path: Path) -> None:
    sizes = [
        Size(tenants, {"export": [0.02], "pg_dump": [tenants / 50]}, [0.001]) for tenants in (1, 10, 100)
    ]
    drawn = chart.svg(sizes)
    titles = [node.text for node in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}title")]  # noqa: S314
    assert "export, 100: 20 ms" in titles
    assert "prefers-color-scheme: dark" in drawn
    figures = [Figure("export", "Export", "pg_dump", 0.02, 2.0, target=at_least(400), note="noted")]
    assert "| **no** |" in table.markdown(figures)
    assert "noted" in table.terminal(figures)
