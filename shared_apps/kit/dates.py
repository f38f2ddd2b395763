"""Calendar dates in Brussels, in which every period that Smoall promises is counted (I12). Moments are aware datetimes.

A period in months ends with the last hour of the day of the same number, or of the month's last day where that number
is missing: Regulation (EEC, Euratom) No 1182/71, article 3(2)(c). 30 November and three months: the end of February.
"""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BRUSSELS = ZoneInfo("Europe/Brussels")


def day_of(moment: datetime) -> date:
    """The day in Brussels. Raises ValueError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return moment.astimezone(BRUSSELS).date()


def plus_months(day: date, months: int) -> date:
    """The last day of a period of that many calendar months which begins on `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def end_of(day: date) -> datetime:
    """The moment, in UTC, at which the day is over in Brussels; that day may have had 23 or 25 hours."""
    return datetime.combine(day + timedelta(days=1), time(), BRUSSELS).astimezone(UTC)
