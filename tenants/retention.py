"""What is due is erased: data after its last day, contact details after theirs, each looked at again under lock (P34–P37).

Run from the schedule and by the command enforce_retention. Nothing is ever due without a departure: neither idleness nor
an unpaid invoice makes one. A wrong clock or a mistake is stopped by a number of erasures a day; what is over it, or
late, is an alarm for people instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, end_of
from tenants import departure, erasure, forgetting
from tenants.models import CannotAct, Category, Departure, Erasure, Saga, State, Tenant

KEEPER = scope.Actor("system", "retention", "Smoall")  # who enforces the days that clients were promised
WINDOW = timedelta(hours=24)
LATE_AFTER = timedelta(days=1)  # P35, P37: never more than a day late
REMINDERS = {Category.DATA: (30, 7, 1), Category.CONTACTS: (30, 7)}  # days before the last day


@dataclass(frozen=True, slots=True)
class Due:
    """One client's data or contact details whose last day is over."""

    departure: UUID
    tenant: UUID
    client: UUID
    category: Category
    last_on: date

    @property
    def since(self) -> datetime:
        """The moment at which the last day ended."""
        return end_of(self.last_on)

    def is_late(self, now: datetime) -> bool:
        return now > self.since + LATE_AFTER


@dataclass(slots=True)
class Outcome:
    """What a run did: begun erasures, those it left because of the number a day, late ones, mails before a day."""

    begun: list[Due] = field(default_factory=list)
    held_back: list[Due] = field(default_factory=list)
    late: list[Due] = field(default_factory=list)
    reminded: int = 0

    @property
    def alarms(self) -> list[str]:
        """A sentence each, in English, naming nobody."""
        said = [
            f"{one.category} of client {one.client}: due since {one.since:%Y-%m-%d %H:%M} UTC"
            for one in self.late
        ]
        if self.held_back:
            said.append(
                f"{len(self.held_back)} erasures are due beyond the {settings.SMOALL_RETENTION_PER_DAY} a day that the "
                "schedule may begin: look at the clock and at list_departures, then run enforce_retention --cap."
            )
        return said


def enforce(now: datetime, *, cap: int | None = None, dry_run: bool = False) -> Outcome:
    """Begin every erasure that is due, one client in one transaction, and mail those whose day comes.

    `cap`: how many this run may begin, whatever was begun before; without it SMOALL_RETENTION_PER_DAY in 24 hours.
    The erasures themselves are sagas: a worker goes on with them.
    """
    outcome = Outcome()
    with scope.shared():
        found = list(due(now))
        room = cap if cap is not None else max(0, settings.SMOALL_RETENTION_PER_DAY - _begun(now))
    for one in found:
        if len(outcome.begun) >= room:
            outcome.held_back.append(one)
        elif dry_run or _begin(one, now=now):
            outcome.begun.append(one)
    outcome.late = [one for one in late(now) if dry_run is False or one not in outcome.begun]
    if not dry_run:
        outcome.reminded = remind(now)
    return outcome


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
        found = [
            _due(one, category) for category in Category for one in Departure.objects.due(category, today)
        ]
    return [one for one in found if one.is_late(now)]


def held_back(now: datetime) -> int:
    """How many erasures are due beyond those that the schedule may begin in a day. In the shared scope."""
    today, room = day_of(now), max(0, settings.SMOALL_RETENTION_PER_DAY - _begun(now))
    closed = Erasure.objects.filter(cancelled_at=None).values("tenant_uuid")
    data = Departure.objects.due(Category.DATA, today).exclude(tenant_uuid__in=closed).count()
    gone = Departure.objects.due(Category.CONTACTS, today).count()
    begun = Saga.objects.filter(kind=forgetting.FORGET.name).exclude(status=Saga.Status.DONE).count()
    return max(0, data + gone - begun - room)


def _due(one: Departure, category: Category) -> Due:
    return Due(one.id, one.tenant_uuid, one.client_uuid, category, one.day(category))


def _begun(now: datetime) -> int:
    """How many erasures the days of departures began in the last 24 hours."""
    since = now - WINDOW
    data = Erasure.objects.filter(requested_by__role="notice", closed_at__gt=since)
    contacts = Saga.objects.filter(
        kind=forgetting.FORGET.name, created_at__gt=since, data__requested_by="notice"
    )
    return data.count() + contacts.count()


def _begin(one: Due, *, now: datetime) -> bool:
    """Look again under lock, and begin. False when it is not due any more: withdrawn, moved, or begun by another."""
    with scope.shared(actor=KEEPER), transaction.atomic():
        try:
            found = departure.locked(one.departure)
            if found.withdrawn_at or found.day(one.category) >= day_of(now):
                return False
            if one.category == Category.DATA:
                return _begin_data(found, now=now)
            return _begin_contacts(found)
        except CannotAct:
            return False


def _begin_data(found: Departure, *, now: datetime) -> bool:
    tenant = Tenant.objects.filter(pk=found.tenant_uuid).first()
    if tenant is None or tenant.state != State.LEAVING:
        return False
    erasure.carry_out(found, with_contacts=found.contacts_on < day_of(now), now=now)
    return True


def _begin_contacts(found: Departure) -> bool:
    if found.data_erased_at is None or found.contacts_erased_at or forgetting.is_under_way(found):
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
        with scope.shared(actor=KEEPER), transaction.atomic():
            sent += _remind(id, category, days, now=now)
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
    """Nobody is reminded on the day on which they said it themselves."""
    found = departure.locked(id)
    if found.withdrawn_at or found.contacts_erased_at or found.day(category) < day_of(now):
        return False
    if any(day_of(said.given_at) == day_of(now) for said in found.instructions.all()):
        return False
    return departure.remind(found, category, days)
