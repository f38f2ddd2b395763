"""What is due is erased: data after its last day, contact details after theirs, each looked at again under lock (P34–P37).

Run from the schedule and by the command enforce_retention. Nothing is ever due without a departure: neither idleness nor
an unpaid invoice makes one. A wrong clock or a mistake is stopped by a number of erasures a day; what is over it, or
late, or can't be begun, is an alarm for people instead. One client's trouble never keeps another from being erased.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from shared_apps.jobs.run import described
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, end_of
from tenants import departure, erasure, forgetting
from tenants.models import CannotAct, Category, Departure, Erasure, Saga, State, Tenant

log = logging.getLogger("smoall.retention")
KEEPER = scope.Actor("system", "retention", "Smoall")  # who enforces the days that clients were promised
WINDOW = timedelta(hours=24)
LATE_AFTER = timedelta(days=1)  # P35, P37: never more than a day late
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('tenants.retention', 2))"
REMINDERS = {Category.DATA: (30, 7, 1), Category.CONTACTS: (30, 7)}  # days before the last day


@dataclass(frozen=True, slots=True)
class Due:
    """One client's data or contact details whose last day is over."""

    departure: UUID
    tenant: UUID
    client: UUID
    category: Category
    last_on: date
    said_for: datetime | None = None  # the moment of an erasure at once, which waits for no day

    @property
    def since(self) -> datetime:
        """The moment from which it should be gone: the end of the last day, or what was said."""
        return self.said_for or end_of(self.last_on)

    def is_late(self, now: datetime) -> bool:
        return now > self.since + LATE_AFTER


@dataclass(slots=True)
class Outcome:
    """What a run did: begun erasures, those that it left because of the number a day, those that it could not begin,
    late ones, mails before a day.
    """

    begun: list[Due] = field(default_factory=list)
    held_back: list[Due] = field(default_factory=list)
    failed: list[Due] = field(default_factory=list)
    late: list[Due] = field(default_factory=list)
    reminded: int = 0

    @property
    def alarms(self) -> list[str]:
        """A sentence each, in English, naming nobody."""
        said = [
            f"{one.category} of client {one.client}: due since {one.since:%Y-%m-%d %H:%M} UTC"
            for one in self.late
        ]
        said += [f"{one.category} of client {one.client}: the erasure can't be begun" for one in self.failed]
        if self.held_back:
            said.append(
                f"{len(self.held_back)} erasures are due beyond the {settings.SMOALL_RETENTION_PER_DAY} a day that the "
                "schedule may begin: look at the clock and at list_departures, then run enforce_retention --cap."
            )
        return said


def enforce(now: datetime, *, cap: int | None = None, dry_run: bool = False) -> Outcome:
    """Begin every erasure that is due, one client in one transaction, and mail those whose day comes.

    `cap`: how many this run may begin, whatever was begun before; without it SMOALL_RETENTION_PER_DAY in 24 hours,
    by however many runs at the same moment. The erasures themselves are sagas: a worker goes on with them.
    """
    outcome = Outcome()
    with scope.shared():
        found = list(due(now))
        left = _left(now)
    for one in found:
        if cap is not None and len(outcome.begun) >= cap:
            outcome.held_back.append(one)
        elif dry_run:
            (outcome.begun if cap is not None or len(outcome.begun) < left else outcome.held_back).append(one)
        else:
            _try(one, outcome, now=now, is_counted=cap is None)
    outcome.late = [one for one in late(now) if not dry_run or one not in outcome.begun]
    if not dry_run:
        outcome.reminded = remind(now)
    return outcome


def _try(one: Due, outcome: Outcome, *, now: datetime, is_counted: bool) -> None:
    """Begin it, or note why not. Whatever goes wrong with one client is undone, and the next one's turn comes."""
    try:
        if _begin(one, now=now, is_counted=is_counted):
            outcome.begun.append(one)
    except _NumberReached:
        outcome.held_back.append(one)
    except Exception as error:
        log.error(
            "%s of client %s: the erasure can't be begun: %s", one.category, one.client, described(error)
        )
        outcome.failed.append(one)


def due(now: datetime) -> Iterator[Due]:
    """What is due and not begun, the oldest day first. In the shared scope."""
    today = day_of(now)
    closed = Erasure.objects.filter(cancelled_at=None).values("tenant_uuid")
    leaving = (
        Departure.objects.due(Category.DATA, today).exclude(tenant_uuid__in=closed).order_by("data_on", "pk")
    )
    yield from (_due(one, Category.DATA) for one in leaving)
    gone = Departure.objects.due(Category.CONTACTS, today).order_by("contacts_on", "pk")
    yield from (_due(one, Category.CONTACTS) for one in gone if not forgetting.is_under_way(one))


def late(now: datetime) -> list[Due]:
    """Whatever should have been gone a day ago and is not, begun or not: an erasure that failed is late too."""
    today = day_of(now)
    with scope.shared():
        found = [*_said(now)]
        found += [
            _due(one, category) for category in Category for one in Departure.objects.due(category, today)
        ]
    found.sort(key=lambda one: one.since, reverse=True)
    first = {(one.departure, one.category): one for one in found}  # once each, from the earliest moment
    return [one for one in reversed(first.values()) if one.is_late(now)]


def _said(now: datetime) -> Iterator[Due]:
    """What was begun, or wanted at once, and is not done to the end: the days of the latter are months ahead."""
    asked = Erasure.objects.filter(cancelled_at=None, destroy_at__lt=now)
    for one in asked.filter(destroyed_at=None):
        yield from _of(Category.DATA, one.destroy_at, tenant_uuid=one.tenant_uuid)
    standing = Departure.objects.standing().values("tenant_uuid")
    for one in asked.filter(with_contacts=True, tenant_uuid__in=standing).exclude(destroyed_at=None):
        yield from _of(Category.CONTACTS, one.destroy_at, tenant_uuid=one.tenant_uuid)
    for saga in Saga.objects.filter(kind=forgetting.FORGET.name).exclude(status=Saga.Status.DONE):
        yield from _of(Category.CONTACTS, saga.created_at, pk=saga.data["departure"])


def _of(category: Category, moment: datetime, **which: Any) -> Iterator[Due]:
    for one in Departure.objects.filter(withdrawn_at=None, **which):
        yield replace(_due(one, category), said_for=moment)


def held_back(now: datetime) -> int:
    """How many erasures are due beyond those that the schedule may begin in a day. In the shared scope."""
    return max(0, sum(1 for _ in due(now)) - _left(now))


def _due(one: Departure, category: Category) -> Due:
    return Due(one.id, one.tenant_uuid, one.client_uuid, category, one.day(category))


def _left(now: datetime) -> int:
    """How many erasures may still be begun, of the number in 24 hours."""
    since = now - WINDOW
    data = Erasure.objects.filter(requested_by__role="notice", closed_at__gt=since)
    together = Erasure.objects.filter(requested_by__role="notice", with_contacts=True).values("tenant_uuid")
    contacts = Saga.objects.filter(
        kind=forgetting.FORGET.name, created_at__gt=since, data__requested_by="notice"
    ).exclude(subject__in=together)  # begun with the data, and counted there
    return max(0, settings.SMOALL_RETENTION_PER_DAY - data.count() - contacts.count())


class _NumberReached(Exception):
    """No more may be begun today."""


def _begin(one: Due, *, now: datetime, is_counted: bool) -> bool:
    """Look again under lock, and begin. False when it is not due any more: withdrawn, moved, or begun by another.

    Raises _NumberReached; of two runs at once the second waits, and counts what the first did.
    """
    with scope.shared(actor=KEEPER), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(LOCK)
        try:
            found = departure.locked(one.departure)
            if found.withdrawn_at or found.day(one.category) >= day_of(now):
                return False
            if is_counted and _left(now) == 0:
                raise _NumberReached
            if one.category == Category.DATA:
                return _begin_data(found, now=now)
            return _begin_contacts(found)
        except CannotAct:
            return False


def _begin_data(found: Departure, *, now: datetime) -> bool:
    tenant = Tenant.objects.filter(pk=found.tenant_uuid).first()
    if tenant is None or not tenant.is_leaving:
        return False
    erasure.carry_out(found, with_contacts=found.contacts_on < day_of(now), now=now)
    return True


def _begin_contacts(found: Departure) -> bool:
    if found.data_erased_at is None or found.contacts_erased_at or found.returned_at:
        return False
    if forgetting.is_under_way(found):
        return False
    forgetting.begin(found, requested_by={"role": "notice"}, requested_at=found.noticed_at)
    return True


# --- mails before a day -----------------------------------------------------------------------------------


def remind(now: datetime) -> int:
    """Mail each client whose day comes, once for each of REMINDERS; the nearest only, after an interruption."""
    sent = 0
    with scope.shared():
        coming = list(_coming(day_of(now)))
    for id, category, days in coming:
        try:
            with scope.shared(actor=KEEPER), transaction.atomic():
                sent += _remind(id, category, days, now=now)
        except Exception as error:
            log.error("The reminder of departure %s can't be written: %s", id, described(error))
    return sent


def _coming(today: date) -> Iterator[tuple[UUID, Category, int]]:
    for category, stages in REMINDERS.items():
        until = today + timedelta(days=max(stages))
        for one in Departure.objects.standing().filter(**_last_day(category, today, until)):
            if (one.data_erased_at is None) == (category == Category.DATA):
                yield one.id, category, _stage(stages, (one.day(category) - today).days)


def _last_day(category: Category, first: date, last: date) -> dict[str, Any]:
    return {f"{category}_on__gte": first, f"{category}_on__lte": last}


def _stage(stages: tuple[int, ...], days: int) -> int:
    """The nearest of the announced numbers of days that has been reached."""
    return min(stage for stage in stages if days <= stage)


def _remind(id: UUID, category: Category, days: int, *, now: datetime) -> bool:
    """Nobody is reminded on the day on which they said it themselves, nor of what is being erased already."""
    found = departure.locked(id)
    if found.withdrawn_at or found.contacts_erased_at or found.returned_at:
        return False
    if found.day(category) < day_of(now):
        return False
    if (found.data_erased_at is None) != (category == Category.DATA) or _is_being_erased(found, category):
        return False
    if any(day_of(said.given_at) == day_of(now) for said in found.instructions.all()):
        return False
    return departure.remind(found, category, days)


def _is_being_erased(found: Departure, category: Category) -> bool:
    if category == Category.CONTACTS:
        return departure.is_being_forgotten(found)
    return not Tenant.objects.filter(pk=found.tenant_uuid, state=State.LEAVING).exists()
