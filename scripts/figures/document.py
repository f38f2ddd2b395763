"""docs/performance.md and its chart: the measured part stands between two marks, what is written by hand around it."""

from typing import Any

from scripts.figures import chart, table
from scripts.figures.figure import Figure
from scripts.figures.series import Size
from scripts.figures.side import ROOT

PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "pictures" / "performance.svg"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


def write(
    figures: list[Figure], sizes: list[Size], profiles: list[dict[str, Any]], about: dict[str, Any]
) -> None:
    """Put table, profile and chart in their places; the page must be there with both marks."""
    if len(sizes) > 1:
        CHART.write_text(chart.svg(sizes))
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{measured(figures, profiles, about)}\n{END}{after}")


def measured(figures: list[Figure], profiles: list[dict[str, Any]], about: dict[str, Any]) -> str:
    missed = sum(figure.is_met is False for figure in figures)
    judged = sum(figure.is_met is not None for figure in figures)
    said = (
        f"{about['cores']} cores, Python {about['python']}, fsync on, up to {about['tenants']} workspaces, "
        f"{about['seconds'] // 60} minutes: {judged - missed} of {judged} targets met."
    )
    told = "\n\n".join(f"```\n{table.profile(one)}\n```" for one in profiles)
    parts = [said, table.markdown(figures)]
    if told:
        parts += ["Where the time of the three slowest goes:", told]
    return "\n\n".join(parts)
