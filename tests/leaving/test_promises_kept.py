"""P34–P37 over 10,000 clients: nothing is erased a second early, nothing more than a day late, and nobody else is touched.

Notices in a winter that has a 29 February, and a schedule that runs every minute to every twenty hours until the summer
of the year after. What is expected is worked out by oracle.py alone. Other years: test_days.py.

All clients: retention.enforce looks for them in their stored rows, at every run; days are moved by departure._move.
One of fifty: the verbs themselves, on rows of Client, Tenant, Departure and Instruction, with mails and jobs, and the
schedule's own beginning of an erasure, under its locks. A few of them have a schema, in which people are signed out; the
others' is left out. What an erasure does once it is begun is test_leave.py's and test_erase.py's matter.
"""

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from shared_apps.accounts.models import SignIn
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants import departure, retention
from tenants.models import CannotAct, Category, Departure, Erasure, Instruction, Saga, State, Tenant
from tests.conftest import TESTER
from tests.leaving import oracle
from tests.leaving.oracle import Expected
from tests.leaving.stage import OLGA, quiet, workspace

__all__ = ["quiet"]
CLIENTS = 10_000
REAL_EVERY = 50  # one of so many goes through the verbs themselves
WITH_SCHEMA = 3
NEIGHBOURS = 60
LONGEST = timedelta(hours=20)
FIRST = date(2023, 11, 20)
HORIZON = FIRST + timedelta(days=500)
NOTICES = 110  # days in which notice is given
ODD_DAYS = ((11, 30), (12, 31), (1, 31), (2, 28), (2, 29), (3, 1))


@dataclass
class Leaver:
    """A client, what is expected of it, and what was done to it."""

    tenant: UUID
    client: UUID
    is_real: bool
    expected: Expected
    row: Departure = field(default_factory=Departure)
    done: dict[str, datetime] = field(default_factory=dict)


class World:
    def __init__(self, first: date, random: Random) -> None:
        self.first, self.random, self.seen = first, random, Counter[str]()
        self.leavers: dict[UUID, Leaver] = {}  # by departure
        self.touched: set[UUID] = set()
        self.numbers = count()
        self.events: list[tuple[datetime, int, Any]] = []

    # --- what is thrown ---

    def moment(self, day: date) -> datetime:
        """Often within two seconds of midnight in Brussels."""
        if self.random.random() < 0.35:
            return oracle.begins(day) + timedelta(seconds=self.random.choice((-2, -1, 0, 1, 2)))
        return oracle.begins(day) + timedelta(seconds=self.random.randrange(23 * 3600))

    def notice_day(self) -> date:
        if self.random.random() < 0.3:
            month, number = self.random.choice(ODD_DAYS)
            year = self.first.year + (month < 11)
            return oracle.months_after(date(year, month, 1), 0).replace(day=1) + timedelta(
                days=min(number, 31) - 1
            )
        return self.first + timedelta(days=self.random.randrange(NOTICES))

    def wish(self, expected: Expected, now: datetime) -> tuple[str, date | None]:
        """Any day, near the edges of what may be said rather often."""
        today, category = oracle.day_at(now), self.random.choice(("data", "contacts"))
        if self.random.random() < 0.25:
            return category, None
        days = self.random.choice((-1, 0, 1, 2, self.random.randrange(60), self.random.randrange(420), 3700))
        return category, today + timedelta(days=days)

    # --- what is done ---

    def give_notice(self, tenant: UUID, client: UUID, is_real: bool, now: datetime) -> None:
        leaver = Leaver(tenant, client, is_real, Expected(now))
        if is_real:
            with scope.acting(OLGA):
                leaver.row = departure.give_notice(tenant, now=now)
        else:
            dates = departure.foresee(now)
            leaver.row = Departure(
                tenant_uuid=tenant, client_uuid=client, noticed_at=now, noticed_by={"role": "owner"},
                data_on=dates.data_on, data_promised_on=dates.data_on,
                contacts_on=dates.contacts_on, contacts_promised_on=dates.contacts_on,
            )  # fmt: skip
        self.leavers[leaver.row.pk] = leaver
        self.touched.add(leaver.row.pk)
        self.seen["notices"] += 1
        end = oracle.ends(leaver.expected.contacts)
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 3))):
            when = now + (end - now) * self.random.random() * self.random.choice((0.3, 1))
            self.plan(when, ("instruct", leaver))
        if self.random.random() < 0.12:
            self.plan(now + timedelta(days=self.random.randrange(1, 100)), ("withdraw", leaver))

    def plan(self, when: datetime, what: Any) -> None:
        heappush(self.events, (when.replace(microsecond=0), next(self.numbers), what))

    def instruct(self, leaver: Leaver, now: datetime) -> None:
        if "contacts" in leaver.done or leaver.expected.is_withdrawn:
            return
        category, day = self.wish(leaver.expected, now)
        self.seen["instructions"] += 1
        wanted = leaver.expected.may_say(category, day, now)
        if category == "data" and not leaver.is_real and "data" in leaver.done:
            return
        try:
            if leaver.is_real:
                with scope.acting(OLGA):
                    leaver.row = departure.instruct(leaver.row.pk, Category(category), day, now=now)
            else:
                departure._move(leaver.row, Category(category), day, now=now)
        except CannotAct:
            assert not wanted, (leaver, category, day, now)
            self.seen["refused"] += 1
            return
        assert wanted, (leaver, category, day, now)
        leaver.expected.say(category, day)
        self.touched.add(leaver.row.pk)
        self.agree(leaver)

    def agree(self, leaver: Leaver) -> None:
        row, expected = leaver.row, leaver.expected
        assert (row.data_promised_on, row.contacts_promised_on) == (
            expected.data_promised,
            expected.contacts_promised,
        )
        assert (row.data_on, row.contacts_on) == (expected.data, expected.contacts), leaver

    def withdraw(self, leaver: Leaver, now: datetime) -> None:
        if "data" in leaver.done:
            return
        if leaver.is_real:
            with scope.acting(OLGA):
                departure.withdraw(leaver.tenant, now=now)
        leaver.row.withdrawn_at = now
        leaver.expected.is_withdrawn = True
        self.touched.add(leaver.row.pk)
        self.seen["withdrawn"] += 1
        if self.random.random() < 0.5:
            self.plan(now + timedelta(days=self.random.randrange(40)), ("again", leaver))

    def again(self, leaver: Leaver, now: datetime) -> None:
        self.give_notice(leaver.tenant, leaver.client, leaver.is_real, now)

    def flush(self) -> None:
        """What was done to the many since the last run, into their rows."""
        changed = [self.leavers[id].row for id in self.touched if not self.leavers[id].is_real]
        self.touched.clear()
        if changed:
            known = set(
                Departure.objects.filter(pk__in=[row.pk for row in changed]).values_list("pk", flat=True)
            )
            old = [row for row in changed if row.pk in known]
            fields = [
                "data_on",
                "contacts_on",
                "contacts_said_on",
                "withdrawn_at",
                "data_erased_at",
                "contacts_erased_at",
            ]
            Departure.objects.bulk_create(  # before another notice of the same client
                old, update_conflicts=True, unique_fields=["id"], update_fields=fields
            )
            Departure.objects.bulk_create([row for row in changed if row.pk not in known])

    # --- what is checked ---

    def begun(self, leaver: Leaver, category: str, now: datetime) -> None:
        """Not one second early, and at the first run after the day."""
        assert category not in leaver.done and not leaver.expected.is_withdrawn, leaver
        end = oracle.ends(getattr(leaver.expected, category))
        assert now >= end, (leaver, category, now)
        assert now - end <= LONGEST < timedelta(days=1), (leaver, category, now)
        leaver.done[category] = now
        self.seen[f"{category} erased"] += 1
        self.seen["within a minute"] += now - end < timedelta(minutes=1)
        if category == "data":
            leaver.expected.is_data_gone = True
            leaver.row.data_erased_at = now
        else:
            leaver.row.contacts_erased_at = now
        self.touched.add(leaver.row.pk)

    def finish_real(self, now: datetime) -> None:
        """The rows as the sagas that were begun leave them."""
        for erasure in Erasure.objects.filter(destroyed_at=None, cancelled_at=None):
            leaver = next(
                one
                for one in self.leavers.values()
                if one.tenant == erasure.tenant_uuid and not one.row.withdrawn_at
            )
            self.begun(leaver, "data", now)
            if erasure.with_contacts:
                self.begun(leaver, "contacts", now)
                Departure.objects.filter(pk=leaver.row.pk).update(data_erased_at=now, contacts_erased_at=now)
            else:
                departure.note_destroyed(leaver.tenant, now=now)
            Tenant.objects.filter(pk=leaver.tenant).delete()
            Erasure.objects.filter(pk=erasure.pk).update(destroyed_at=now)
        for saga in Saga.objects.filter(kind="forget"):
            leaver = self.leavers[UUID(saga.data["departure"])]
            self.begun(leaver, "contacts", now)
            Departure.objects.filter(pk=leaver.row.pk).update(contacts_erased_at=now)
        Saga.objects.all().delete()


def rows_of(ids: list[UUID], table: str, column: str) -> str:
    with scope.shared(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t WHERE {column} = ANY(%s)",
            [ids],
        )
        return str(cursor.fetchone()[0])


def people_world(number: int, with_schema: int) -> list[tuple[UUID, UUID]]:
    """(tenant, client): rows alone, but for the first ones."""
    made = [workspace() for _ in range(with_schema)]
    clients = [
        Client(company=f"C {n}", company_folded=f"c {n}", contact_name="C", contact_email=f"c{n}@c.test")
        for n in range(number - with_schema)
    ]
    tenants = [
        Tenant(
            id=(id := uuid7()),
            client=client,
            schema_name=scope.schema_of(id),
            release=settings.SMOALL_RELEASE,
            fingerprint="",
        )
        for client in clients
    ]
    with scope.shared(actor=TESTER):
        Client.objects.bulk_create(clients)
        Tenant.objects.bulk_create(tenants)
    return [(tenant.id, tenant.client_id) for tenant in (*made, *tenants)]


@pytest.fixture
def _light(quiet: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No reminders, and nobody to sign out where there is no schema."""
    close_all = SignIn.close_all

    def close(cause: Any, now: datetime) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('accounts_signin')")
            return close_all(cause, now) if cursor.fetchone()[0] else 0

    monkeypatch.setattr(SignIn, "close_all", close)
    monkeypatch.setattr(retention, "REMINDERS", {})


@override_settings(SMOALL_RETENTION_PER_DAY=10**6)
@pytest.mark.usefixtures("_light")
def test_P37_of_ten_thousand_nothing_goes_early_and_nothing_more_than_a_day_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, random = monotonic(), Random("ten thousand departures")
    world = World(FIRST, random)
    real = people_world(CLIENTS // REAL_EVERY + NEIGHBOURS, WITH_SCHEMA)
    leavers, neighbours = real[:-NEIGHBOURS], [tenant for tenant, _client in real[-NEIGHBOURS:]]
    with scope.shared(actor=TESTER):  # unpaid, suspended, idle: no reason to erase anything, ten years on
        Tenant.objects.filter(pk__in=neighbours[::2]).update(
            state=State.SUSPENDED, is_read_only=True, state_reason="not paid"
        )
        monkeypatch.setattr(Departure, "save", _saved_unless_bulk(world, Departure.save))
    before = rows_of(neighbours, "tenants_tenant", "id")
    for number in range(CLIENTS):
        is_real = number % REAL_EVERY == 0
        tenant, client = leavers[number // REAL_EVERY] if is_real else (uuid7(), uuid7())
        world.plan(world.moment(world.notice_day()), ("notice", tenant, client, is_real))
    real_begin = retention._begin

    def begin(one: retention.Due, *, now: datetime, is_counted: bool) -> bool:
        leaver = world.leavers[one.departure]
        if leaver.is_real:
            return real_begin(one, now=now, is_counted=is_counted)
        world.begun(leaver, one.category, now)
        if one.category == Category.DATA and leaver.row.contacts_on < oracle.day_at(now):
            world.begun(leaver, "contacts", now)
        return True

    monkeypatch.setattr(retention, "_begin", begin)
    now, runs = oracle.begins(world.first) - timedelta(days=3), 0
    over = oracle.ends(HORIZON) + LONGEST
    while now < over:
        last, now = now, now + timedelta(seconds=random.randrange(60, int(LONGEST.total_seconds())))
        if random.random() < 0.3:  # a second before a day is over, or at that very moment
            end = oracle.ends(oracle.day_at(now)) - timedelta(seconds=random.choice((0, 1)))
            now = end if end - last <= LONGEST else now
        while world.events and world.events[0][0] <= now:
            when, _number, (what, *more) = heappop(world.events)
            getattr(world, {"notice": "give_notice"}.get(what, what))(*more, when)
        with scope.shared(actor=TESTER):
            world.flush()
        outcome = retention.enforce(now)
        assert outcome.alarms == [], outcome.alarms
        if outcome.begun:
            with scope.shared(actor=TESTER):
                world.finish_real(now)
                world.flush()
        runs += 1
    with scope.shared():
        rows = Departure.objects.in_bulk(list(world.leavers))
    for id, leaver in world.leavers.items():
        leaver.row = rows[id]
        world.agree(leaver)
        if leaver.expected.is_withdrawn:
            assert not leaver.done and not leaver.row.data_erased_at
        elif leaver.expected.contacts <= HORIZON:
            assert set(leaver.done) == {"data", "contacts"}, leaver
    assert rows_of(neighbours, "tenants_tenant", "id") == before
    assert world.seen["notices"] >= CLIENTS and world.seen["within a minute"] > 50
    with scope.shared():
        kept = Instruction.objects.filter(
            departure__in=[id for id, one in world.leavers.items() if one.is_real]
        ).count()
    assert kept > len(leavers)
    sys.stdout.write(f"\n{dict(world.seen)}, {runs} runs, {monotonic() - began:.0f} s\n")


def _saved_unless_bulk(world: World, save: Any) -> Any:
    """departure._move on a row of the many: stored with the next run, with all others."""

    def saved(row: Departure, *args: Any, **named: Any) -> None:
        leaver = world.leavers.get(row.pk)
        if leaver is None or leaver.is_real:
            save(row, *args, **named)

    return saved


@pytest.mark.usefixtures("_light")
def test_P34_ten_years_unpaid_idle_and_suspended_nothing_is_due() -> None:
    people = [tenant for tenant, _client in people_world(40, 1)]
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk__in=people[::2]).update(
            state=State.SUSPENDED, is_read_only=True, state_reason="not paid"
        )
    before = rows_of(people, "tenants_tenant", "id")
    for year in range(2027, 2038):
        outcome = retention.enforce(oracle.begins(date(year, 3, 1)))
        assert (outcome.begun, outcome.alarms) == ([], [])
    assert rows_of(people, "tenants_tenant", "id") == before
