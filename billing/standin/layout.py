"""The frame of the stand-in's pages, and how they write amounts and days."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from billing.standin.store import Thing

Answer = tuple[int, dict[str, str], bytes]
Say = Callable[..., str]


def html(
    say: Say, title: str, body: str, *, status: int = 200, wide: bool = False, leads: str = ""
) -> Answer:
    page = (
        f'<!doctype html><html lang="{say.__name__}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        '<link rel="stylesheet" href="/style.css"></head><body>'
        f'<header><p class="notice">{say("Stand-in for the payment operator, no money moves")}</p></header>'
        f"<main{' class=wide' if wide else ''}>{body}</main></body></html>"
    )
    policy = f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'{leads}"
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return status, headers, page.encode()


def leads(thing: Thing) -> str:
    """The origins that a form on this page may lead on to: the product's own."""
    found = []
    for name in ("success_url", "return_url"):
        parts = urlsplit(thing.get(name) or "")
        if parts.scheme in ("http", "https") and parts.netloc:
            found.append(f" {parts.scheme}://{parts.netloc}")
    return "".join(found)


def to(address: str) -> Answer:
    return 303, {"Location": address}, b""


def euro(cents: int, say: Say) -> str:
    whole = f"{abs(cents) / 100:,.2f}"
    sign = "−" if cents < 0 else ""
    if say.__name__ == "fr":
        return sign + whole.replace(",", " ").replace(".", ",") + " €"
    return f"{sign}€{whole}"


def day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
