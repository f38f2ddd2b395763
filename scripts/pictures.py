"""Takes the pictures of the README, into docs/pictures/, and those of the website, small and in every language and colour
of the application, into its static files. Run by hand after the look changed:

scripts/run --data /tmp/pictures --ready-file /tmp/ready.json      (in another terminal)
.venv/bin/python -m scripts.pictures /tmp/ready.json
"""

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"
WEBSITE = ROOT / "shared_apps" / "website" / "static" / "website"
DESKTOP, PHONE = (1280, 800), (390, 844)
COLOURS = 128  # of a palette: what keeps a picture small
QUALITY = 48  # of the website's, in AVIF
MOST_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Picture:
    """What to show: who is signed in (the beginning of the name), and how to get there from the host's own page."""

    name: str
    who: str
    path: str
    size: tuple[int, int] = DESKTOP
    theme: Literal["light", "dark"] = "light"
    then: Callable[[Page], Any] = lambda page: None


def _first_line(page: Page) -> None:
    page.locator(".row-link").first.click()
    page.wait_for_url("**/contacts/*-*/")


def _palette(page: Page) -> None:
    page.keyboard.press("Control+k")


PICTURES = (
    Picture("home", "Ingrid", "/"),
    Picture("home-fr", "Céline", "/"),
    Picture("contacts", "Ingrid", "/contacts/"),
    Picture("contacts-dark", "Ingrid", "/contacts/", theme="dark"),
    Picture("contacts-phone", "Loïc", "/contacts/", size=PHONE),
    Picture("contact", "Ingrid", "/contacts/?kind=company&sort=-changed", then=_first_line),
    Picture("contact-fr", "Céline", "/contacts/?kind=company&sort=-changed", then=_first_line),
    Picture("history", "Bart", "/history/"),
    Picture("history-phone", "Élise", "/history/", size=PHONE, theme="dark"),
    Picture("palette", "Bart", "/contacts/", then=_palette),
    Picture("integrator", "Claire", "/clients/"),
    Picture("operators", "Oscar", "/"),
)


# What the website shows: the same page by somebody who reads French and somebody who reads English.
READERS = {"fr": "Céline", "en": "Ingrid"}
SHOWN: tuple[tuple[str, str, tuple[int, int], Callable[[Page], Any]], ...] = (
    ("contacts", "/contacts/", DESKTOP, lambda page: None),
    ("contacts-phone", "/contacts/", (390, 700), lambda page: None),
    ("contact", "/contacts/?q=Usinage+Delvigny", DESKTOP, _first_line),
    ("contact-phone", "/contacts/?q=Usinage+Delvigny", (390, 700), _first_line),
    ("history", "/history/", DESKTOP, lambda page: None),
    ("history-phone", "/history/", (390, 700), lambda page: None),
)


def main(arguments: Sequence[str]) -> int:
    """Take them all; 1 without Chromium or with a picture that got too big."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if len(arguments) != 1 or program is None:
        print("Usage: python -m scripts.pictures READY_FILE   (and Chromium installed)", file=sys.stderr)
        return 1
    people = json.loads(Path(arguments[0]).read_text())["sign_ins"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        sizes = [_keep(picture, _taken(browser, picture, people)) for picture in PICTURES]
        sizes += [_show(browser, people, *shown) for shown in SHOWN]
        browser.close()
    return int(max(sizes) > MOST_BYTES)


def _taken(browser: Browser, picture: Picture, people: list[dict[str, str]]) -> Image.Image:
    """Sign in, go there, look."""
    person = next(each for each in people if each["who"].startswith(picture.who))
    width, height = picture.size
    viewport = ViewportSize(width=width, height=height)
    context = browser.new_context(viewport=viewport, color_scheme=picture.theme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(person["url"])
    page.locator("[name=email]").fill(person["email"])
    page.locator("[name=password]").fill(person["password"])
    page.locator("main form button.button-primary").click()
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    page.goto(person["url"].replace("/sign-in/", picture.path))
    picture.then(page)
    page.wait_for_load_state("networkidle")
    drawn = Image.open(BytesIO(page.screenshot(caret="initial"))).convert("RGB")
    context.close()
    return drawn


def _keep(picture: Picture, drawn: Image.Image) -> int:
    """For the README. Returns its bytes."""
    target = FOLDER / f"{picture.name}.png"
    drawn.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    return _said(target)


def _show(
    browser: Browser, people: list[dict[str, str]], name: str, path: str, size: tuple[int, int],
    then: Callable[[Page], Any],
) -> int:  # fmt: skip
    """For the website, in each language and in both colours. Returns the bytes of the biggest."""
    WEBSITE.mkdir(parents=True, exist_ok=True)
    sizes = []
    for language, who in READERS.items():
        for theme in ("light", "dark"):
            drawn = _taken(browser, Picture(name, who, path, size, theme, then), people)
            target = WEBSITE / f"{name}-{language}-{theme}.avif"
            drawn.save(target, "AVIF", quality=QUALITY, speed=0, subsampling="4:4:4")
            sizes.append(_said(target))
    return max(sizes)


def _said(target: Path) -> int:
    size = target.stat().st_size
    print(f"{target.relative_to(ROOT)}  {size // 1000} kB")
    return size


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
