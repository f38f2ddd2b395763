"""The days as a picture: bars in proportion, dates that never overlap on a phone, promises where they differ."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from tenants import showing
from tenants.departure import Dates
from tenants.models import Category, Departure

TODAY = date(2026, 11, 30)
LABEL = 32  # percent that a date takes on a phone, at most; "today" takes 26


@pytest.mark.parametrize("data", [1, 20, 90, 150, 180, 200, 300, 364, 365, 366, 3650])
def test_dates_never_overlap_on_a_phone(data: int) -> None:
    day = TODAY + timedelta(days=data)
    contacts = max(day, TODAY + timedelta(days=365))
    shown = showing.foreseen(Dates(day, contacts), TODAY)
    taken = [(0, 26)] + [
        (mark.x, mark.x + LABEL)
        if mark.anchor == "start"
        else (mark.x - LABEL // 2 + 1, mark.x + LABEL // 2 - 1)
        for mark in shown.marks
    ]
    for (_start, end), (following, _end) in pairwise(taken):
        assert end <= following
    assert taken[-1][1] <= 100


def test_one_day_for_both_is_one_date_and_no_stretch_between() -> None:
    shown = showing.foreseen(Dates(TODAY + timedelta(days=9), TODAY + timedelta(days=9)), TODAY)
    assert len(shown.marks) == 1 and not shown.has_contacts_alone


def test_promised_days_stand_where_they_differ() -> None:
    leaving = Departure(
        data_on=date(2026, 12, 20), data_promised_on=date(2027, 2, 28),
        contacts_on=date(2027, 11, 30), contacts_promised_on=date(2027, 11, 30),
    )  # fmt: skip
    data, contacts = showing.in_force(leaving, TODAY).lanes
    assert data.promised_x and data.x < data.promised_x < contacts.x and contacts.promised_x is None


def test_a_promise_beyond_the_last_day_stands_behind_it_and_one_of_the_past_at_the_start() -> None:
    leaving = Departure(
        data_on=date(2026, 12, 20), data_promised_on=date(2026, 10, 1),
        contacts_on=date(2026, 12, 24), contacts_promised_on=date(2027, 11, 30),
    )  # fmt: skip
    data, contacts = showing.in_force(leaving, TODAY).lanes
    assert data.promised_x == 0 and contacts.promised_x and contacts.promised_x > showing.END


def test_once_the_data_is_gone_one_bar_is_left() -> None:
    leaving = Departure(
        data_on=date(2026, 11, 1), data_promised_on=date(2026, 11, 1), data_erased_at="2026-11-02T00:00Z",
        contacts_on=date(2027, 8, 1), contacts_promised_on=date(2027, 8, 1),
    )  # fmt: skip
    shown = showing.in_force(leaving, TODAY)
    assert [lane.category for lane in shown.lanes] == [Category.CONTACTS] and shown.data_on is None
