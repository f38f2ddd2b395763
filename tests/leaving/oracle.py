"""What the promises say, worked out again without the code under test: months, Brussels' clock, and a client's instructions.

A period in months ends with the last hour of the day of the same number, or of the month's last day (Regulation 1182/71,
article 3(2)(c)). Brussels is an hour ahead of UTC, two between one o'clock UTC on the last Sundays of March and October.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta


def months_after(day: date, months: int) -> date:
    year, month, number = day.year, day.month, day.day
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    while True:
        try:
            return date(year, month, number)
        except ValueError:
            number -= 1


def last_sunday(year: int, month: int) -> date:
    day = date(year, month, 31)
    while day.isoweekday() != 7:
        day -= timedelta(days=1)
    return day


def begins(day: date) -> datetime:
    """The moment at which a day begins in Brussels: before the change of the clock that it may bring."""
    is_summer = last_sunday(day.year, 3) < day <= last_sunday(day.year, 10)
    return datetime.combine(day, time(), UTC) - timedelta(hours=2 if is_summer else 1)


def ends(day: date) -> datetime:
    return begins(day + timedelta(days=1))


def day_at(moment: datetime) -> date:
    """The day in Brussels."""
    day = moment.astimezone(UTC).date()
    return day + timedelta(days=1) if moment >= ends(day) else day


@dataclass
class Expected:
    """One notice as the policy has it: what each instruction may do, and which days are then in force."""

    noticed_at: datetime
    data_promised: date = field(init=False)
    contacts_promised: date = field(init=False)
    data: date = field(init=False)
    contacts_said: date | None = None
    is_withdrawn: bool = False
    is_data_gone: bool = False

    def __post_init__(self) -> None:
        self.data_promised = self.data = months_after(day_at(self.noticed_at), 3)
        self.contacts_promised = months_after(day_at(self.noticed_at), 12)

    @property
    def contacts(self) -> date:
        return max(self.contacts_said or self.contacts_promised, self.data)

    def may_say(self, category: str, day: date | None, now: datetime) -> bool:
        if self.is_withdrawn or (category == "data" and self.is_data_gone):
            return False
        today, last = day_at(now), months_after(day_at(self.noticed_at), 120)
        earliest = today + timedelta(days=1) if category == "data" else today
        if day is None:
            again = self.data_promised if category == "data" else max(self.contacts_promised, self.data)
            return again == getattr(self, category) or again >= earliest
        return earliest <= day <= last

    def say(self, category: str, day: date | None) -> None:
        if category == "data":
            self.data = day or self.data_promised
        else:
            self.contacts_said = day
