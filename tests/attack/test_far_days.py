"""Days that nobody means: refused in a sentence, never an error, a court's silence for ever or a job that can't end."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.sharing.models import CannotShare, Order
from tests.conftest import TESTER, Cast
from tests.operators.conftest import OPS, opal
from tests.sharing.conftest import register

__all__ = ["opal"]


@pytest.mark.parametrize(
    "days",
    [
        {"gag_until": date(9999, 12, 31)},
        {"period_from": date(1, 1, 1), "period_until": date(2026, 1, 1)},
        {"period_from": date(2026, 1, 1), "period_until": date(9999, 12, 31)},
    ],
    ids=str,
)
def test_an_order_of_far_days_is_refused_in_a_sentence(
    opal: User, acme: Cast, browser: Callable[..., Browser], days: dict[str, Any]
) -> None:
    typed = {
        "client": "acme", "authority": "A", "reference": "R", "received_on": timezone.localdate(), "extent": "contact",
        "document": SimpleUploadedFile("a.pdf", b"%PDF-1"), **days,
    }  # fmt: skip
    answer = browser(OPS, opal).post("/sharing/orders/new/", typed)
    assert answer.status_code == 200
    assert "ten years" in answer.content.decode()
    with scope.shared():
        assert not Order.objects.exists()


def test_a_silence_is_never_prolonged_for_ever(opal: User, acme: Cast) -> None:
    now = timezone.now()
    order = register(acme, opal)
    with scope.shared(actor=TESTER):
        order.prolong(now.date() + timedelta(days=3600), by=opal, now=now)
        with pytest.raises(CannotShare, match="ten years"):
            order.prolong(date(9999, 12, 31), by=opal, now=now)


@pytest.mark.parametrize(
    "asked",
    [
        {"until": "9999-12-31"},
        {"since": "0001-01-01"},
        {"cid": "1", "at": "9999-12-31T23:59:59+00:00"},
        {"cid": "1", "at": "0001-01-01T00:00:00+00:00"},
        {"cid": "1", "at": "2026-02-30T00:00:00+00:00"},
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["/history/", "/history/export/"])
def test_the_history_is_asked_for_any_day(
    acme: Cast, browser: Callable[..., Browser], place: str, asked: dict[str, str]
) -> None:
    answer = browser(acme, acme.owner).get(place, asked)
    assert answer.status_code == 200
    assert b"".join(answer) is not None
