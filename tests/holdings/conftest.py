"""The owner's browser, contacts of a workspace, and a person to be erased."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone, translation

from tests.conftest import PASSWORD, Cast

__all__ = ["PASSWORD"]
PAGE = "/workspace/holdings/"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def olga(acme: Cast, browser: Callable[..., Browser]) -> Browser:
    """The owner's browser, signed in."""
    return browser(acme, acme.owner)


@pytest.fixture
def ada(acme: Cast, browser: Callable[..., Browser]) -> Browser:
    """The administrator's."""
    return browser(acme, acme.admin)


def deactivate(cast: Cast) -> None:
    """The colleague leaves the team."""
    with cast.inside():
        cast.colleague.deactivate(by=cast.owner, now=timezone.now())


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.status_code
    return str(answer.content.decode())
