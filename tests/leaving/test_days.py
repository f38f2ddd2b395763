"""I12: days in Brussels and a departure's days, under anything that dates and instructions may be."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared_apps.kit.dates import day_of, end_of, plus_months
from tenants import departure
from tenants.models import CannotAct, Category, Departure
from tests.leaving import oracle

DAYS = st.dates(date(1997, 1, 1), date(2400, 12, 31))  # since when the clocks change as they do
CHANGES = st.integers(1997, 2400).flatmap(
    lambda year: st.sampled_from([oracle.last_sunday(year, 3), oracle.last_sunday(year, 10)])
)
MONTH_ENDS = DAYS.map(lambda day: day.replace(day=1) - timedelta(days=1)).filter(lambda day: day.year >= 1997)
ODD_DAYS = DAYS | CHANGES | MONTH_ENDS
SECONDS = st.integers(-7300, 7300) | st.sampled_from([-1, 0, 1])


@given(ODD_DAYS, st.integers(0, 130))
@settings(max_examples=3000, deadline=None)
def test_P35_a_period_ends_on_the_day_of_the_same_number_or_the_months_last(day: date, months: int) -> None:
    found = plus_months(day, months)
    assert found == oracle.months_after(day, months)
    assert found.day == day.day or (found + timedelta(days=1)).day == 1


@given(ODD_DAYS, st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=1000, deadline=None)
def test_a_longer_period_and_a_later_day_never_end_earlier(day: date, months: int, more: int) -> None:
    assert plus_months(day, months) <= plus_months(day, months + more)
    assert plus_months(day, months) <= plus_months(day + timedelta(days=1), months)


@given(ODD_DAYS, SECONDS)
@settings(max_examples=3000, deadline=None)
def test_a_day_ends_when_it_is_over_in_brussels_to_the_second(day: date, seconds: int) -> None:
    end = end_of(day)
    assert end == oracle.ends(day) and end.utcoffset() == timedelta(0)
    moment = end + timedelta(seconds=seconds)
    assert day_of(moment) == oracle.day_at(moment)
    assert (day_of(moment) <= day) == (moment < end)


@given(ODD_DAYS)
@settings(max_examples=1000, deadline=None)
def test_a_day_has_24_hours_but_on_the_two_changes(day: date) -> None:
    hours = (end_of(day) - end_of(day - timedelta(days=1))) / timedelta(hours=1)
    spring, autumn = oracle.last_sunday(day.year, 3), oracle.last_sunday(day.year, 10)
    assert hours == {spring: 23, autumn: 25}.get(day, 24)


def test_a_moment_without_a_time_zone_has_no_day() -> None:
    with pytest.raises(ValueError, match="time zone"):
        day_of(datetime(2026, 1, 1))  # noqa: DTZ001


@given(ODD_DAYS, SECONDS)
@settings(max_examples=1000, deadline=None)
def test_P35_P36_what_a_notice_promises(day: date, seconds: int) -> None:
    now = oracle.ends(day) + timedelta(seconds=seconds)
    dates = departure.foresee(now)
    assert dates.data_on == oracle.months_after(oracle.day_at(now), 3)
    assert dates.contacts_on == oracle.months_after(oracle.day_at(now), 12)
    assert dates.data_until - now >= timedelta(days=88), "February is short"


class Days(RuleBasedStateMachine):
    """One departure, and any instructions, each after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2024, 2, 29, 23, 30, tzinfo=UTC)
        self.row = Departure(noticed_at=self.now)
        dates = departure.foresee(self.now)
        self.row.data_on = self.row.data_promised_on = dates.data_on
        self.row.contacts_on = self.row.contacts_promised_on = dates.contacts_on
        self.promised = (dates.data_on, dates.contacts_on)
        self.expected = oracle.Expected(self.now)
        self.row.save = lambda **named: None  # type: ignore[method-assign]  # its days are the matter here

    @rule(hours=st.integers(0, 2000))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(category=st.sampled_from(["data", "contacts"]), days=st.integers(-3, 800) | st.integers(3600, 3700))
    def another_day(self, category: str, days: int) -> None:
        self.say(category, oracle.day_at(self.now) + timedelta(days=days))

    @rule(category=st.sampled_from(["data", "contacts"]))
    def the_promised_day(self, category: str) -> None:
        self.say(category, None)

    @precondition(lambda self: not self.expected.is_data_gone)
    @rule()
    def data_is_erased(self) -> None:
        """At once, or on its day: the data's day is not ahead any more."""
        today = oracle.day_at(self.now)
        self.row.data_on = min(self.row.data_on, today)
        self.row.contacts_on = departure._contacts_day(self.row)
        self.expected.data, self.expected.is_data_gone = min(self.expected.data, today), True

    def say(self, category: str, day: date | None) -> None:
        if category == "data" and self.expected.is_data_gone:
            return
        before = self.days()
        wanted = self.expected.may_say(category, day, self.now)
        try:
            departure._move(self.row, Category(category), day, now=self.now)
        except CannotAct:
            assert not wanted and self.days() == before
            return
        assert wanted
        self.expected.say(category, day)

    def days(self) -> tuple[Any, ...]:
        return self.row.data_on, self.row.contacts_on, self.row.contacts_said_on

    @invariant()
    def contact_details_outlive_the_data(self) -> None:
        assert self.row.contacts_on >= self.row.data_on

    @invariant()
    def the_promised_days_never_change(self) -> None:
        assert (self.row.data_promised_on, self.row.contacts_promised_on) == self.promised

    @invariant()
    def the_days_are_what_was_said(self) -> None:
        assert (self.row.data_on, self.row.contacts_on) == (self.expected.data, self.expected.contacts)


Days.TestCase.settings = settings(max_examples=300, stateful_step_count=20, deadline=None)
TestP37InstructionsMoveTheDaysAndNothingElse = Days.TestCase
