"""How the figures are shown: on the terminal, as Markdown, as JSON."""

from typing import Any

from scripts.figures.figure import Figure, in_words, times_in_words
from scripts.figures.series import Size

HEAD = ("what", "ours", "against", "theirs", "ratio", "target", "met")


def cells(figure: Figure) -> tuple[str, ...]:
    met = {True: "yes", False: "NO", None: ""}[figure.is_met]
    return (
        figure.what,
        in_words(figure.ours, figure.unit),
        figure.against,
        in_words(figure.theirs, figure.unit),
        times_in_words(figure.ratio),
        figure.target.text(figure.unit) if figure.target else "",
        met,
    )


def terminal(figures: list[Figure]) -> str:
    """Columns as wide as they need to be; a note below its figure."""
    rows = [HEAD, *(cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = []
    for number, row in enumerate(rows):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            lines.append("  ".join("─" * width for width in widths))
        elif note := figures[number - 1].note:
            lines.append(f"    {note}")
    return "\n".join(lines)


def markdown(figures: list[Figure]) -> str:
    titles = ("what", "Smoall", "against", "the other", "ratio", "target", "met")
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for figure in figures:
        row = list(cells(figure))
        if figure.note:
            row[0] += f" ({figure.note})"
        if figure.is_met is False:
            row[-1] = "**no**"
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def as_json(
    figures: list[Figure], sizes: list[Size], profiles: list[dict[str, Any]], **about: Any
) -> dict[str, Any]:
    return {
        **about,
        "figures": [figure.as_dict() for figure in figures],
        "series": {
            str(size.tenants): {name: size.median(name) for name in size.runs} for size in sizes if size.runs
        },
        "profiles": profiles,
    }


def profile(found: dict[str, Any]) -> str:
    """Where the time of one piece of work went."""
    lines = [f"{found['what']}: {in_words(found['seconds'], 's')}"]
    lines += [f"    {share:5.0%}  {who}" for who, share in found["who"]]
    lines += [f"    {in_words(seconds, 's'):>8}  {times} × {kind}" for kind, times, seconds in found["told"]]
    return "\n".join(lines)
