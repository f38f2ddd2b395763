"""Every pair of colours that the design system sets on one another, in both themes, against WCAG 2.2 AA."""

import itertools
import re
from math import cos, radians, sin

import pytest

from shared_apps.kit.styles import SOURCE

Colour = tuple[float, float, float]

TOKEN = re.compile(
    r"--([\w-]+): light-dark\(oklch\(([\d.]+) ([\d.]+) ([\d.]+)\), oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)\);"
)
GROUNDS = ("desk", "paper", "raised")
KINDS = ("accent", "attention", "danger", "positive")
TEXT = [
    *itertools.product(("ink", "muted", *KINDS, "accent-strong"), GROUNDS),
    *((kind, f"{kind}-soft") for kind in KINDS),
    *(("ink", f"{kind}-soft") for kind in KINDS),
    *(("muted", f"{kind}-soft") for kind in KINDS),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-danger", "danger"),
    ("on-danger", "danger-strong"),
]
SIGNS = [
    *itertools.product(("edge", "accent", "danger"), GROUNDS),
    *((f"chart-{number}", "raised") for number in range(1, 7)),
]
# Machado, Oliveira, Fernandes 2009: full protanopia and deuteranopia, on linear RGB.
BLINDNESS = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}


def linear(lightness: float, chroma: float, hue: float) -> Colour:
    """OKLCH to linear sRGB (CSS Color 4), cut to what a screen shows."""
    a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    return tuple(min(1.0, max(0.0, part)) for part in (red, green, blue))  # type: ignore[return-value]


def lab(colour: Colour) -> Colour:
    """Linear sRGB to OKLab, where distance is close to what eyes see."""
    red, green, blue = (max(0.0, part) for part in colour)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def contrast(first: Colour, second: Colour) -> float:
    light, dark = sorted((0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def palette(mode: str) -> dict[str, Colour]:
    values = {name: [float(part) for part in parts] for name, *parts in TOKEN.findall(SOURCE.read_text())}
    return {name: linear(*(parts[:3] if mode == "light" else parts[3:])) for name, parts in values.items()}


def test_every_colour_token_is_a_pair_that_this_test_reads() -> None:
    written = set(re.findall(r"^  --([\w-]+): light-dark\(", SOURCE.read_text(), re.MULTILINE))
    assert written == set(palette("light"))
    assert {name for pair in TEXT + SIGNS for name in pair} | {"hairline"} == written


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_reach_four_and_a_half_to_one(mode: str) -> None:
    colours = palette(mode)
    short = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in TEXT}
    assert {pair: ratio for pair, ratio in short.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_edges_of_controls_and_chart_colours_reach_three_to_one(mode: str) -> None:
    colours = palette(mode)
    short = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in SIGNS}
    assert {pair: ratio for pair, ratio in short.items() if ratio < 3} == {}


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("sight", list(BLINDNESS))
def test_chart_colours_are_told_apart_by_every_eye(mode: str, sight: str) -> None:
    colours = palette(mode)
    seen = {}
    for number in range(1, 7):
        colour, rows = colours[f"chart-{number}"], BLINDNESS[sight]
        mixed = (sum(part * weight for part, weight in zip(colour, row, strict=True)) for row in rows)
        seen[number] = lab(tuple(mixed))  # type: ignore[arg-type]
    near = {
        (one, two): round(sum((a - b) ** 2 for a, b in zip(seen[one], seen[two], strict=True)) ** 0.5, 3)
        for one, two in itertools.combinations(seen, 2)
    }
    assert {pair: distance for pair, distance in near.items() if distance < 0.08} == {}
