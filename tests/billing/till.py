"""Somebody in front of the stand-in's pages, without a browser: opens them, fills in their forms, follows their answers."""

import http.client
import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode, urlsplit

from billing.standin import HOST
from tests.billing.conftest import Processor


@dataclass
class Seen:
    status: int
    text: str
    leads_to: str
    headers: dict[str, str]


class Till:
    """Answers as they came; redirects among the stand-in's own pages are followed, the one back to the product is given."""

    def __init__(self, processor: Processor, language: str = "en") -> None:
        self.port = processor.world.place.port
        self.language = language

    def open(self, url: str | None, form: dict[str, str] | None = None, **headers: str) -> Seen:
        assert url
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        sent = {"Host": f"{HOST}:{self.port}", "Accept-Language": self.language} | headers
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if form is None:
            connection.request("GET", path, headers=sent)
        else:
            sent |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"http://{HOST}:{self.port}",
            } | headers
            connection.request("POST", path, urlencode(form), sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return Seen(
            answer.status, unescape(text), answer.headers.get("Location", ""), dict(answer.headers.items())
        )

    def follow(self, seen: Seen) -> Seen:
        while seen.status == 303 and seen.leads_to.startswith("/"):
            seen = self.open(seen.leads_to)
        return seen

    def submit(self, url: str | None, **form: str) -> Seen:
        """Fill in the page's form; what came of it."""
        shown = self.open(url)
        assert (shown.status == 200 and "no money moves" in shown.text) or "aucun argent" in shown.text
        if "number" in form or "iban" in form:
            shown = self.open(f"{url}?method={form['method']}")
            for name in form:
                assert re.search(rf'name="{name}"', shown.text), name
        return self.follow(self.open(url, form))

    def pay(self, url: str | None, **form: str) -> str:
        """The address in the product that the page led to."""
        seen = self.submit(
            url,
            **({"expiry": "12/34", "cvc": "123", "name": "Olga"} if form["method"] == "card" else {}) | form,
        )
        return seen.leads_to
