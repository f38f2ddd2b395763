"""The chart of cost against the number of workspaces: one SVG in the product's colours, readable light and dark."""

from html import escape
from math import log10

from scripts.figures.figure import in_words
from scripts.figures.series import SERIES, Size

WIDTH, HEIGHT = 960, 560
LEFT, RIGHT, TOP, BOTTOM = 64, 284, 54, 46
LABEL = 17  # pixels between two names at the right
# Smoall's own in its colours; what it is compared with in grey, dashed.
CLASSES = {
    "export": "accent", "request": "positive", "rotating": "positive soft", "sign-up": "attention",
    "erase": "danger", "erase whole": "danger soft", "list": "accent soft", "check": "attention soft",
    "pg_dump": "other", "pg_dump without loops": "other", "drop": "other", "claim": "positive", "status": "accent soft",
}  # fmt: skip
# The tokens of shared_apps/kit/styles/app.css.
STYLE = """
svg { --paper: oklch(0.985 0.004 92); --ink: oklch(0.25 0.022 225); --muted: oklch(0.46 0.02 225);
  --hairline: oklch(0.885 0.01 92); --accent: oklch(0.42 0.078 205); --attention: oklch(0.47 0.098 65);
  --danger: oklch(0.48 0.165 27); --positive: oklch(0.44 0.098 150);
  font: 12.5px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
@media (prefers-color-scheme: dark) { svg { --paper: oklch(0.205 0.012 225); --ink: oklch(0.93 0.008 92);
  --muted: oklch(0.74 0.014 215); --hairline: oklch(0.325 0.014 225); --accent: oklch(0.79 0.085 195);
  --attention: oklch(0.83 0.12 80); --danger: oklch(0.78 0.115 25); --positive: oklch(0.82 0.115 152); } }
.paper { fill: var(--paper); } text { fill: var(--ink); } .muted { fill: var(--muted); }
.title { font-size: 16px; font-weight: 600; } .grid { stroke: var(--hairline); }
.accent { --it: var(--accent); } .attention { --it: var(--attention); } .danger { --it: var(--danger); }
.positive { --it: var(--positive); } .other { --it: var(--muted); } .dot, .name { fill: var(--it); }
.line { fill: none; stroke: var(--it); stroke-width: 2.25; stroke-linejoin: round; }
.line.soft { stroke-width: 1.5; stroke-dasharray: 1.5 3; stroke-linecap: round; }
.line.other { stroke-width: 1.5; stroke-dasharray: 6 4; }
"""


def svg(sizes: list[Size]) -> str:
    """Both axes by powers of ten: what stays flat is flat, what grows with the fleet climbs."""
    lines = {
        name: [(size.tenants, size.median(name)) for size in sizes if size.runs.get(name)] for name in SERIES
    }
    lines = {name: points for name, points in lines.items() if len(points) > 1}
    values = [value for points in lines.values() for _, value in points] or [1e-3, 1.0]
    low, high = _power(min(values), down=True), _power(max(values), down=False)
    first, last = sizes[0].tenants, max(sizes[-1].tenants, sizes[0].tenants + 1)

    def x(tenants: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * log10(tenants / first) / log10(last / first)

    def y(seconds: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - log10(seconds)) / (high - low)

    title = "What it costs, by the number of workspaces in the database"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">',
        f"<title>{title}</title><style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="10"/>',
        f'<text class="title" x="{LEFT}" y="30">{title}</text>',
    ]
    for power in range(low, high + 1):
        at = y(10.0**power)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        label = in_words(10.0**power, "s")
        parts.append(f'<text class="muted" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    for size in sizes:
        at, label = x(size.tenants), f"{size.tenants:,}".replace(",", " ")
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(
            f'<text class="muted" x="{at:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{label}</text>'
        )
    ends = []
    for name, points in lines.items():
        kind = CLASSES.get(name, "accent")
        path = " ".join(f"{x(tenants):.1f},{y(value):.1f}" for tenants, value in points)
        parts.append(f'<polyline class="line {kind}" points="{path}"/>')
        for tenants, value in points:
            said = escape(f"{SERIES[name]}, {tenants}: {in_words(value, 's')}")
            parts.append(
                f'<circle class="dot {kind}" cx="{x(tenants):.1f}" cy="{y(value):.1f}" r="3"><title>{said}</title></circle>'
            )
        ends.append((y(points[-1][1]), name, points[-1][1]))
    for at, (_, name, value) in zip(_apart([end[0] for end in sorted(ends)]), sorted(ends), strict=True):
        said = escape(f"{SERIES[name]} · {in_words(value, 's')}")
        kind = CLASSES.get(name, "accent")
        parts.append(f'<text class="name {kind}" x="{WIDTH - RIGHT + 12}" y="{at + 4:.1f}">{said}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _power(value: float, *, down: bool) -> int:
    whole = int(log10(value) // 1)
    return whole if down or 10.0**whole == value else whole + 1


def _apart(places: list[float]) -> list[float]:
    """Places from above to below, none nearer than a line's height to the next."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + LABEL) if found else place)
    over = found[-1] - (HEIGHT - BOTTOM) if found else 0.0
    if over <= 0:
        return found
    for index in range(len(found) - 1, -1, -1):
        most = HEIGHT - BOTTOM if index == len(found) - 1 else found[index + 1] - LABEL
        found[index] = min(found[index], most)
    return found
