"""The matrix of docs/security/asvs.md is whole and names nothing that isn't there (P21). Whether it is right, people judge."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from scripts.checks import ROOT

MATRIX = (ROOT / "docs" / "security" / "asvs.md").read_text()
# How many requirements of the levels 1 and 2 each section of ASVS 5.0.0 has; they are numbered from 1 on.
SECTIONS = {
    "V1.1": 2, "V1.2": 9, "V1.3": 11, "V1.4": 3, "V1.5": 2, "V2.1": 3, "V2.2": 3, "V2.3": 4, "V2.4": 1,
    "V3.2": 2, "V3.3": 4, "V3.4": 6, "V3.5": 5, "V3.7": 2, "V4.1": 3, "V4.2": 1, "V4.3": 2, "V4.4": 4,
    "V5.1": 1, "V5.2": 3, "V5.3": 2, "V5.4": 3, "V6.1": 3, "V6.2": 12, "V6.3": 4, "V6.4": 4, "V6.5": 5, "V6.6": 3, "V6.8": 4,
    "V7.1": 3, "V7.2": 4, "V7.3": 2, "V7.4": 5, "V7.5": 2, "V7.6": 2, "V8.1": 2, "V8.2": 3, "V8.3": 1, "V8.4": 1,
    "V9.1": 3, "V9.2": 4, "V10.1": 2, "V10.2": 2, "V10.3": 4, "V10.4": 11, "V10.5": 5, "V10.6": 2, "V10.7": 3,
    "V11.1": 2, "V11.2": 3, "V11.3": 3, "V11.4": 4, "V11.5": 1, "V11.6": 1, "V12.1": 3, "V12.2": 2, "V12.3": 4,
    "V13.1": 1, "V13.2": 5, "V13.3": 2, "V13.4": 5, "V14.1": 2, "V14.2": 4, "V14.3": 3, "V15.1": 3, "V15.2": 3, "V15.3": 7,
    "V16.1": 1, "V16.2": 5, "V16.3": 4, "V16.4": 3, "V16.5": 3, "V17.1": 1, "V17.2": 4, "V17.3": 2,
}  # fmt: skip
REQUIREMENTS = [f"{section}.{number}" for section, last in SECTIONS.items() for number in range(1, last + 1)]
STATES = {"met", "partly", "not met", "does not apply"}


def rows(matrix: str = MATRIX) -> list[tuple[list[str], str, str, list[str]]]:
    """Requirements, state, how or why not, and what shows it."""
    found = []
    for line in re.findall(r"^\| (V\d.*) \|$", matrix, re.MULTILINE):
        ids, state, how, shown = (cell.strip() for cell in re.split(r" \|", line))
        found.append((ids.split(", "), state, how, re.findall(r"`([^`]+)`", shown)))
    return found


@cache
def defined_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def faults(matrix: str = MATRIX) -> list[str]:
    found = []
    named = Counter(id for ids, *_rest in rows(matrix) for id in ids)
    found += [f"{id} stands there {named[id]} times" for id in REQUIREMENTS if named[id] != 1]
    found += [f"{id} is no requirement of level 2" for id in named if id not in REQUIREMENTS]
    for ids, state, how, shown in rows(matrix):
        if state not in STATES or not how:
            found.append(f"{ids} says {state!r}, {how!r}")
        if (state == "met" and not shown) or (state == "does not apply" and shown):
            found.append(f"{ids}: {state}, shown by {shown}")
        for name in shown:
            path, _colons, test = name.partition("::")
            if not (ROOT / path).exists() or (test and test not in defined_in(ROOT / path)):
                found.append(f"{ids} names {name}, which is not there")
    return found


def test_P21_every_requirement_of_level_2_stands_in_the_matrix_once_and_names_what_is_there() -> None:
    assert len(REQUIREMENTS) == 253
    assert faults() == []


@pytest.mark.parametrize(
    ("was", "planted"),
    [
        ("| V8.4.1 | met |", "| V8.4.2 | met |"),
        ("| V5.4.3 | not met |", "| V5.4.3 | met |"),
        ("::test_a_link_works_once", "::test_a_link_works_twice"),
        ("| V2.4.1 | partly |", "| V2.4.1 | nearly |"),
        ("`.dockerignore`", "`.nothingignore`"),
    ],
)
def test_P21_a_hole_in_the_matrix_would_be_found(was: str, planted: str) -> None:
    assert was in MATRIX and faults(MATRIX.replace(was, planted))
