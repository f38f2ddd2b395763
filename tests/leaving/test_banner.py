"""Every page of a workspace that leaves says so, to everybody; what can be done about it is for owners."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from tests.conftest import Cast
from tests.leaving.conftest import LEAVE, notice, page_of, suspend

SENTENCE = "This workspace leaves Smoall."
ADDRESSES = ("/", "/contacts/", "/team/", "/history/", "/workspace/", "/me/")


@pytest.mark.parametrize("address", ADDRESSES)
def test_it_stands_on_every_page_with_the_day_and_the_owners_link(
    olga: Browser, acme: Cast, address: str
) -> None:
    assert SENTENCE not in page_of(olga, address)
    given = notice(acme)
    page = page_of(olga, address)
    assert SENTENCE in page and f'datetime="{given.data_on}"' in page and f'<a href="{LEAVE}">' in page


def test_colleagues_read_the_sentence_and_no_link(acme: Cast, browser: Callable[..., Browser]) -> None:
    notice(acme)
    for person in (acme.admin, acme.colleague):
        page = page_of(browser(acme, person), "/contacts/")
        assert SENTENCE in page and LEAVE not in page


def test_a_neighbour_that_stays_reads_nothing(
    acme: Cast, zenith: Cast, browser: Callable[..., Browser]
) -> None:
    notice(acme)
    assert SENTENCE not in page_of(browser(zenith, zenith.owner), "/contacts/")


def test_it_goes_with_the_notice(olga: Browser, acme: Cast) -> None:
    given = notice(acme)
    olga.post(f"{LEAVE}{given.pk}/withdraw/")
    assert SENTENCE not in page_of(olga, "/contacts/")


def test_suspended_and_leaving_are_both_said(acme: Cast, browser: Callable[..., Browser]) -> None:
    suspend(acme)
    notice(acme)
    page = page_of(browser(acme, acme.owner), "/contacts/")
    assert SENTENCE in page and "This workspace is suspended" in page


def test_the_day_comes_with_the_one_statement_that_finds_the_workspace(
    olga: Browser, acme: Cast, statements: Callable[[], Any]
) -> None:
    def count() -> int:
        with statements() as sent:
            page_of(olga, "/contacts/")
        return len(sent)

    count()
    staying = count()
    notice(acme)
    assert count() == staying
