"""A figure: two medians of interleaved runs, their ratio, and the target that the ratio is held against."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

Run = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Target:
    """`at least`: so many times theirs is ours. `at most`: ours is so many times theirs, or so much of the unit."""

    kind: Literal["at least", "at most", "at most absolute"]
    value: float

    def is_met(self, ratio: float, ours: float) -> bool:
        if self.kind == "at least":
            return ratio >= self.value
        return (ours if self.kind == "at most absolute" else ratio) <= self.value

    def text(self, unit: str) -> str:
        sign = "≥" if self.kind == "at least" else "≤"
        return f"{sign} {self.value:g}{f' {unit}' if self.kind == 'at most absolute' else '×'}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `ours` and `theirs` are medians in `unit`; `runs` how many made them."""

    row: str  # what --only asks for
    what: str
    against: str
    ours: float
    theirs: float
    target: Target | None = None
    unit: str = "s"
    runs: int = 1
    note: str = ""

    @property
    def ratio(self) -> float:
        """As the target reads it: how many times cheaper, or how many times as dear."""
        above, below = (
            (self.theirs, self.ours)
            if self.target is None or self.target.kind == "at least"
            else (self.ours, self.theirs)
        )
        return above / below if below else float("inf")

    @property
    def is_met(self) -> bool | None:
        return self.target.is_met(self.ratio, self.ours) if self.target else None

    def as_dict(self) -> dict[str, Any]:
        """For --json: a number that is no number there is left out."""
        ratio = self.ratio if self.ratio != float("inf") else None
        said = self.target.text(self.unit) if self.target else ""
        return {**asdict(self), "ratio": ratio, "target": said, "met": self.is_met}

    @classmethod
    def read(cls, told: dict[str, Any]) -> "Figure":
        """What `asdict` made of one."""
        target = Target(**told["target"]) if told["target"] else None
        return cls(**{**told, "target": target})

    @classmethod
    def of(cls, row: str, what: str, against: str, runs: Sequence[Sequence[float]], **more: Any) -> "Figure":
        """From the runs of both sides, as `interleaved` gives them."""
        ours, theirs = runs
        return cls(row, what, against, median(ours), median(theirs), runs=min(len(ours), len(theirs)), **more)


def at_least(times: float) -> Target:
    return Target("at least", times)


def at_most(times: float) -> Target:
    return Target("at most", times)


def at_most_of_unit(value: float) -> Target:
    return Target("at most absolute", value)


def interleaved(*sides: Run, times: int) -> list[list[float]]:
    """A, B, A, B …: what each run returned, one list a side. A busy machine slows all sides alike."""
    found: list[list[float]] = [[] for _ in sides]
    for _ in range(times):
        for runs, side in zip(found, sides, strict=True):
            runs.append(side())
    return found


def in_words(value: float, unit: str) -> str:
    """A time in the unit that people read, anything else with its own."""
    if unit == "s":
        for limit, factor, name in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
            if value < limit:
                return f"{value * factor:.3g} {name}"
        return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


def times_in_words(ratio: float) -> str:
    if ratio == float("inf"):
        return "∞"
    return f"{ratio:,.0f}×".replace(",", " ") if ratio >= 100 else f"{ratio:.3g}×"
