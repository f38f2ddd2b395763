"""Guesses at one account that arrive together are counted one after the other: none slips through uncounted."""

import threading

import pytest
from django.db import connection
from django.utils import timezone

from shared_apps.accounts.models import Throttle
from shared_apps.kit import scope
from tests.conftest import Cast, _cast

pytestmark = pytest.mark.commits


@pytest.fixture
def committed_acme(committing: None) -> Cast:
    return _cast("acme")


@pytest.mark.parametrize("is_known", [False, True])
def test_guesses_at_once_are_all_counted(committed_acme: Cast, is_known: bool) -> None:
    cast, start, tried = committed_acme, threading.Barrier(12), []
    email = cast.colleague.email if is_known else "nobody@acme.test"

    def guess() -> None:
        try:
            start.wait(10)
            with scope.tenant(cast.id):
                now = timezone.now()
                throttle = Throttle.of(email, purpose="sign-in", now=now)
                if not throttle.is_closed(now):
                    tried.append(1)
                    throttle.count(now)
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(tried) == Throttle.FREE
