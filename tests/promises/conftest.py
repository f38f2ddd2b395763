"""A crawl without a web process: the same requests, answered by the application in this one."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone, translation

from shared_apps.promises import crawl
from shared_apps.promises.checking import Result, Round, checks
from tests.toys.fixtures import toys

__all__ = ["toys"]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def answer(label: str, path: str, language: str, *, body: str = "", is_plain: bool = False) -> crawl.Answer:
    """As crawl.get, by Django's own client."""
    host = f"{label}.{settings.SMOALL_DOMAIN}" if label else settings.SMOALL_DOMAIN
    browser = Browser(HTTP_HOST=host, headers={"accept-language": language})
    form = "application/x-www-form-urlencoded"
    secure = not is_plain
    got: Any = (
        browser.post(path, body, content_type=form, secure=secure)
        if body
        else browser.get(path, secure=secure)
    )
    return crawl.Answer(
        "application" if label else "website", path, language, got.status_code,
        {name.lower(): value for name, value in got.headers.items()},
        tuple(cookie.OutputString() for cookie in got.cookies.values()),
        b"".join(got).decode(), is_choice=bool(body), is_plain=is_plain,
    )  # fmt: skip


@pytest.fixture
def crawled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawl, "get", answer)


def looked(name: str) -> Result:
    """What one check sees now."""
    return checks()[name].look(Round(timezone.now()))
