"""Charts as SVG made on the server, their figures in a table for screen readers; in `{% load kit %}`."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, log10

from django import template
from django.utils.formats import get_format

register = template.Library()

Number = int | float | Decimal
WIDTH, LEFT, BOTTOM, TOP = 480, 44, 22, 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in the SVG's own units; `colour` is 1 to 6."""

    x: str
    y: str
    width: str
    height: str
    colour: int
    text: str


def _at(value: float) -> str:
    """A coordinate: always a point, whatever the language writes."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _step(span: float, is_whole: bool, lines: int = 4) -> float:
    """A round distance between grid lines: 1, 2, 2.5 or 5 times a power of ten; `is_whole` asks for a whole one."""
    rough = span / lines or 1
    power = 10.0 ** floor(log10(rough))
    steps = (factor * power for factor in (1, 2, 2.5, 5, 10))
    return next(step for step in steps if step >= rough and (step.is_integer() or not is_whole))


def _scale(values: Sequence[float], is_whole: bool) -> tuple[float, float, float]:
    """Lowest line, highest line and the step between; zero is always in."""
    low, high = min(0.0, *values), max(0.0, *values)
    step = _step(high - low or 4, is_whole)
    return floor(low / step) * step, (ceil(high / step) or (1 if low == 0 else 0)) * step, step


SIZES = ((1_000_000, "M"), (1_000, "k"))


def _short(value: float) -> str:
    """1500 as 1.5k, in French 1,5k: axis labels need few characters."""
    size, sign = next(((size, sign) for size, sign in SIZES if abs(value) >= size), (1, ""))
    return f"{value / size:g}{sign}".replace("-", "−").replace(".", get_format("DECIMAL_SEPARATOR"))


Points = Sequence[tuple[object, Number | Sequence[Number]]]


def _groups(points: Points) -> list[tuple[str, list[Number]]]:
    return [
        (str(label), [value] if isinstance(value, (int, float, Decimal)) else list(value))
        for label, value in points
    ]


@register.inclusion_tag("kit/components/bar_chart.html")
def bar_chart(points: Points, title: str, series: Sequence[str] = (), height: int = 180) -> dict[str, object]:
    """Bars for `points`: (label, number) pairs, or (label, numbers) with their names in `series`, up to six.

    `title` says what is shown, for those who cannot see it. Height in pixels at full width.
    """
    groups = _groups(points)
    numbers_shown = [number for _, numbers in groups for number in numbers]
    is_whole = all(isinstance(number, int) for number in numbers_shown)  # of people there is no half
    low, high, step = _scale([float(number) for number in numbers_shown] or [0.0], is_whole)
    room, wide = height - BOTTOM - TOP, WIDTH - LEFT

    def y(value: float) -> float:
        return TOP + room * (high - value) / (high - low)

    across = wide / max(1, len(groups))
    bars, ticks = [], []
    every = ceil(len(groups) / 12) or 1
    for position, (label, numbers) in enumerate(groups):
        thin = min(40.0, across * 0.7 / max(1, len(numbers)))
        start = LEFT + across * (position + 0.5) - thin * len(numbers) / 2
        for index, number in enumerate(numbers):
            top, foot = y(max(0.0, float(number))), y(min(0.0, float(number)))
            bars.append(
                Bar(
                    _at(start + thin * index + 0.5),
                    _at(top),
                    _at(max(1.0, thin - 1)),
                    _at(max(0.0, foot - top)),
                    index % 6 + 1,
                    f"{label}: {number}",
                )
            )
        if position % every == 0:
            ticks.append({"x": _at(LEFT + across * (position + 0.5)), "label": label})
    lines = [low + step * index for index in range(round((high - low) / step) + 1)]
    return {
        "title": title,
        "series": list(enumerate(series, start=1)),
        "groups": groups,
        "bars": bars,
        "ticks": ticks,
        "grid": [{"y": _at(y(line)), "text_y": _at(y(line) + 3.5), "label": _short(line)} for line in lines],
        "width": WIDTH,
        "height": height,
        "left": LEFT,
        "label_x": LEFT - 8,
        "base": _at(y(0)),
        "label_y": height - 5,
    }


@register.inclusion_tag("kit/components/sparkline.html")
def sparkline(values: Sequence[Number], title: str, width: int = 160, height: int = 32) -> dict[str, object]:
    """A small line without axes. `title` says in words what it shows: "Contacts a month, from 3 to 12"."""
    numbers = [float(value) for value in values]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
    across, span = (width - 6) / max(1, len(numbers) - 1), high - low or 1
    places = [(3 + across * i, 3 + (height - 6) * (high - n) / span) for i, n in enumerate(numbers)]
    line = " ".join(f"{_at(x)},{_at(y)}" for x, y in places)
    ends = (places[0][0], places[-1][0], places[-1][1]) if places else (0.0, 0.0, 0.0)
    return {
        "title": title,
        "width": width,
        "height": height,
        "line": line,
        "floor": height,
        "first_x": _at(ends[0]),
        "last_x": _at(ends[1]),
        "last_y": _at(ends[2]),
        "is_empty": not places,
    }


STRIP_HEIGHT = 24
STRIP_STEPS = {
    "kept": (10, "chart-kept"),
    "unknown": (4, "chart-unknown"),
    "broken": (STRIP_HEIGHT, "chart-broken"),
}


@register.inclusion_tag("kit/components/result_strip.html")
def result_strip(looks: Sequence[tuple[str, str]], title: str, width: int = 240) -> dict[str, object]:
    """One small bar for each of `looks`, oldest first: ("kept", "unknown" or "broken", what stands there in words).

    Told apart by height as well as by colour: what is broken towers above the rest.
    """
    across = min(8.0, width / max(1, len(looks)))
    bars = []
    for position, (result, text) in enumerate(looks):
        tall, style = STRIP_STEPS[result]
        bars.append(
            {
                "x": _at(across * position),
                "y": _at(STRIP_HEIGHT - tall),
                "width": _at(max(1.0, across - 1.5)),
                "height": _at(tall),
                "style": style,
                "text": text,
            }
        )
    return {"bars": bars, "title": title, "width": width, "height": STRIP_HEIGHT}
