"""Migrating the fleet (I9): a canary, then waves that grow, each workspace in a transaction of its own with its line in
the ledger; it stops when workspaces fail, and goes on where it was. What is replayed in each is script.py's matter.

A killed run leaves every workspace either as it was or migrated and noted: there is nothing between.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from time import sleep
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from shared_apps.jobs import TryAgain, guard, job
from shared_apps.jobs.models import Job
from shared_apps.kit import scope, side_by_side
from tenants import replay, sagas
from tenants.models import CannotAct, FleetEntry, Snapshot, Tenant
from tenants.schemas import pool, releases, script, snapshot
from tenants.schemas.script import Script, is_in_use, what_failed

log = logging.getLogger("smoall.fleet")
LOCK, FLEET = "fleet", UUID(int=0)
# Below deadlock_timeout's second: a migration that meets a request gives way before the server ends one of them.
LOCK_TIMEOUT = 500  # milliseconds
TRIES = 6  # of one workspace whose tables are in use, one after the other
BACK_OFF = 0.2  # seconds, doubled each time
ROUNDS = 3  # more, of those that are still in use once the others were tried
PAUSE = 5.0  # seconds before such a round, doubled each time
AHEAD = 5  # workspaces that go ahead, one by one, where the canary's tables are in use
IN_A_ROW = 10  # workspaces in use, after which no other is begun: something holds them all, a dump of the whole database
LATE_AFTER = timedelta(hours=1)  # when operators hear of what still waits
GROWTH = 10  # of one wave over the one before
Told = Callable[[int, int, str], None]
Ways = dict[
    tuple[str, str], Script
]  # {(release, fingerprint) of the tables that are there: the way to the target's}


class CannotMigrate(CannotAct):
    """The sentence says why nothing was begun."""


@dataclass(frozen=True, slots=True)
class Options:
    canary: int = 1  # workspaces of the first wave, after which any failure ends the run
    parallel: int = 2  # database connections
    stop_after: int = 1  # failures
    lock_timeout: int = LOCK_TIMEOUT
    tries: int = TRIES
    rounds: int = ROUNDS
    pause: float = PAUSE


@dataclass(slots=True)
class Result:
    """What a run did. `waiting` is how many workspaces still have other tables, those that failed or are busy included, and
    not those that a replay brings forward itself.
    """

    done: list[UUID] = field(default_factory=list)
    failed: dict[UUID, str] = field(default_factory=dict)
    busy: dict[UUID, str] = field(default_factory=dict)  # somebody used their tables each time: no failure
    waiting: int = 0
    pooled: int = 0
    discarded: dict[UUID, str] = field(default_factory=dict)  # schemas of the pool that could not come along

    @property
    def is_whole(self) -> bool:
        return not self.failed and not self.waiting


class InUse(Exception):
    """Somebody used a workspace's tables each time it was tried; it is as it was, and its line waits."""


# --- who lags ---------------------------------------------------------------------------------------------


def behind(target: Snapshot) -> "QuerySet[Tenant]":
    """Workspaces whose tables are not the snapshot's yet, the oldest first. In the shared scope.

    Those of a later release are none of an older process's business.
    """
    found: QuerySet[Tenant] = Tenant.objects.exclude(release=target.release, fingerprint=target.fingerprint)
    return found.exclude(release__in=releases.newer(target.release)).order_by("created_at", "id")


def _owed() -> Any:
    """Workspaces that a replay of the ledger closed: it brings them forward itself, and a run must not stop at them."""
    return replay.owed().values("subject")


def failures(release: str, fingerprint: str) -> "QuerySet[FleetEntry]":
    """Lines of workspaces that could not be brought to those tables, the newest first. In the shared scope."""
    failed = FleetEntry.objects.filter(
        release=release, fingerprint=fingerprint, status=FleetEntry.Status.FAILED
    )
    return failed.order_by("-ended_at", "id")


def stuck(release: str, fingerprint: str) -> "QuerySet[FleetEntry]":
    """Lines that may be begun anew: failures, and those that wait for another try. In the shared scope."""
    unfinished = (FleetEntry.Status.FAILED, FleetEntry.Status.WAITING)
    found = FleetEntry.objects.filter(release=release, fingerprint=fingerprint, status__in=unfinished)
    return found.exclude(status=FleetEntry.Status.WAITING, error="").order_by("-ended_at", "id")


def late(target: Snapshot, now: datetime) -> "QuerySet[Tenant]":
    """Workspaces that should have had those tables an hour ago, planned or not, failed or not, the oldest first. In the
    shared scope.

    A run that has begun with one within the hour has its time; one that an old process opened has none who would plan it.
    """
    since = now - LATE_AFTER
    begun = FleetEntry.objects.filter(
        release=target.release, fingerprint=target.fingerprint, created_at__gte=since
    )
    found = (
        behind(target).filter(created_at__lt=since) if target.recorded_at < since else Tenant.objects.none()
    )
    return found.exclude(pk__in=_owed()).exclude(pk__in=begun.values("tenant"))


def scripts(target: Snapshot) -> Ways:
    """The ways that are known, from wherever workspaces and the pool's schemas stand.

    Tables that no recorded release has are migrated by their migrations, each workspace on its own.
    """
    with scope.shared():
        starts = set(behind(target).order_by().values_list("release", "fingerprint").distinct())
        starts |= set(pool.stale(target).order_by().values_list("release", "fingerprint").distinct())
        known = list(Snapshot.objects.filter(release__in={release for release, _print in starts}))
    found: Ways = {}
    for one in known:
        if (one.release, one.fingerprint) in starts:
            recorded = script.record(one)
            if recorded.fingerprint == target.fingerprint:
                found[one.release, one.fingerprint] = recorded
            else:  # the plain way will say what it meets
                log.error("fleet: the SQL from %s does not lead to %s", one.release, target.release)
    return found


# --- the run ----------------------------------------------------------------------------------------------


def migrate(options: Options | None = None, *, told: Told = lambda done, whole, text: None) -> Result:
    """Bring every workspace to this release's snapshot. One run at a time. Raises CannotMigrate.

    The pool's schemas come first: a rehearsal that touches nobody. Then those that failed before and the oldest
    workspaces as the canary, then waves.
    """
    options = options or Options()
    with guard.held(LOCK, FLEET) as taken:
        if not taken:
            raise CannotMigrate("The fleet is being migrated already.")
        with scope.shared():
            target = snapshot.current()
            lagging = list(behind(target).exclude(pk__in=_owed()))
        ways = scripts(target) if lagging else {}
        result = Result()
        if lagging:
            renewed = pool.renew(target, ways, lock_timeout=options.lock_timeout)
            result.pooled, result.discarded = renewed.came, renewed.discarded
        _plan(target, lagging, options)
        _Run(target, ways, options, result, told).go()
        with scope.shared():
            result.waiting = behind(target).exclude(pk__in=_owed()).count()
        return result


def _plan(target: Snapshot, lagging: list[Tenant], options: Options) -> None:
    """A line for each, and which wave it belongs to; those that failed before come first.

    A line that waits though its workspace has the tables, by whatever way they came, is done. `lagging` may be minutes old:
    who was erased since has none.
    """
    with scope.shared(actor=snapshot.BUILDER):
        there = Tenant.standing(tenant.pk for tenant in lagging)
        lagging = [tenant for tenant in lagging if tenant.pk in there]
        mine = FleetEntry.objects.filter(release=target.release, fingerprint=target.fingerprint)
        mine.filter(
            status=FleetEntry.Status.WAITING,
            tenant__release=target.release,
            tenant__fingerprint=target.fingerprint,
        ).update(status=FleetEntry.Status.DONE, error="", ended_at=timezone.now())
        known = {entry.tenant_id: entry for entry in mine.filter(tenant__in=lagging)}
        failed = [t for t in lagging if t.pk in known and known[t.pk].status == FleetEntry.Status.FAILED]
        rest = [t for t in lagging if t not in set(failed)]
        last = mine.filter(status=FleetEntry.Status.DONE).order_by("-wave").values_list("wave", flat=True)
        first = next(iter(last[:1]), -1) + 1
        sizes = _sizes(len(failed) + options.canary, len(lagging))
        waves = [number for number, size in enumerate(sizes, first) for _ in range(size)]
        fresh, moved = [], []
        for tenant, wave in zip([*failed, *rest], waves, strict=True):
            entry = known.get(tenant.pk)
            if entry is None:
                fresh.append(FleetEntry(
                    tenant=tenant, release=target.release, fingerprint=target.fingerprint,
                    from_release=tenant.release, wave=wave,
                ))  # fmt: skip
            else:
                entry.wave, entry.status = wave, FleetEntry.Status.WAITING
                moved.append(entry)
        FleetEntry.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=1000)
        FleetEntry.objects.bulk_update(moved, ["wave", "status"], batch_size=1000)


def _sizes(first: int, whole: int) -> Iterator[int]:
    size = max(1, first)
    while whole > 0:
        yield min(size, whole)
        whole -= size
        size = max(size, 1) * GROWTH


class _Run:
    """One run over the lines that wait."""

    def __init__(self, target: Snapshot, ways: Ways, options: Options, result: Result, told: Told) -> None:
        self.target, self.ways, self.options, self.result, self.told = target, ways, options, result, told
        self.counting = Lock()
        self.in_a_row = 0  # in use, with none that came through between
        with scope.shared():
            waiting = FleetEntry.objects.filter(
                release=target.release, fingerprint=target.fingerprint, status=FleetEntry.Status.WAITING
            )
            found = waiting.exclude(tenant__in=_owed()).order_by("wave", "tenant__created_at", "tenant_id")
            self.todo = list(found.values_list("wave", "tenant_id"))
        self.whole = len(self.todo)

    def go(self) -> None:
        if self.todo and self._canary():
            self._waves()
            self._again()
            self._waves()  # what was not begun before, when the others came free
        if self.result.failed:
            log.error("fleet: stopped after %s failures", len(self.result.failed))

    def _canary(self) -> bool:
        """Whether the first wave went well: any failure in it ends the run, whatever the options say.

        Where all its tables are in use, the next workspaces go ahead in its place, a few; then it is tried again.
        """
        wave, result = self._wave(), self.result
        for _ in range(AHEAD):
            if result.done or result.failed or not self.todo or not self._may_go_on():
                break
            _later, ahead = self.todo.pop(0)
            with scope.shared(actor=snapshot.BUILDER):
                FleetEntry.objects.filter(_line(ahead, self.target)).update(wave=wave)
            self._do([ahead], f"wave {wave}")
        if not result.done and not result.failed:
            self._again()
        return bool(result.done) and not result.failed

    def _waves(self) -> None:
        while self.todo and self._may_go_on():
            self._wave()

    def _wave(self) -> int:
        """The next one; returns its number. Whoever was not begun stays to be done."""
        wave = self.todo[0][0]
        ids = [id for of, id in self.todo if of == wave]
        self._do(ids, f"wave {wave}")
        tried = {*self.result.done, *self.result.failed, *self.result.busy}
        self.todo = [(of, id) for of, id in self.todo if id not in tried]
        return wave

    def _again(self) -> None:
        """Those whose tables were in use, after longer and longer pauses; then they are left, and named as busy."""
        for turn in range(self.options.rounds):
            if not self.result.busy or self._fails():
                return
            sleep(self.options.pause * 2**turn)
            self.in_a_row = 0
            self._do(list(self.result.busy), "in use before")

    def _may_go_on(self) -> bool:
        return not self._fails() and self.in_a_row < IN_A_ROW

    def _fails(self) -> bool:
        return len(self.result.failed) >= self.options.stop_after

    def _do(self, ids: list[UUID], text: str) -> None:
        for _id, _none in side_by_side.each(
            self._one, ids, threads=self.options.parallel, goes_on=self._may_go_on
        ):
            self.told(len(self.result.done) + len(self.result.failed), self.whole, text)

    def _one(self, id: UUID) -> None:
        try:
            error = move(id, target=self.target, ways=self.ways, options=self.options)
        except InUse as busy:
            with self.counting:
                self.result.busy[id] = str(busy)
                self.in_a_row += 1
            return
        with self.counting:
            self.result.busy.pop(id, None)
            if error:
                self.result.failed[id] = error
            else:
                self.result.done.append(id)
                self.in_a_row = 0


def move(id: UUID, *, target: Snapshot, ways: Ways, options: Options) -> str:
    """Migrate one workspace; "" or why it failed, which its line in the ledger says too.

    When its tables are in use it tries again, later each time, and raises InUse in the end. Either way the workspace
    is left as it was.
    """
    for attempt in range(1, options.tries + 1):
        started = timezone.now()
        try:
            bring(id, target=target, ways=ways, lock_timeout=options.lock_timeout, started=started)
            return ""
        except Exception as error:
            _recover()
            why = what_failed(error)
            if not is_in_use(error):
                log.warning("fleet: %s failed: %s", id, why)
                return _note(FleetEntry.Status.FAILED, id, target, why, started)
            if attempt == options.tries:
                log.info("fleet: %s is in use: %s", id, why)
                raise InUse(_note(FleetEntry.Status.WAITING, id, target, why, started)) from error
            sleep(BACK_OFF * 2 ** (attempt - 1))
    return ""


def _recover() -> None:
    """A connection that the server ended is no use to the next workspace."""
    if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


@sagas.verb("migrate")
def bring(id: UUID, *, target: Snapshot, ways: Ways, lock_timeout: int, started: datetime) -> None:
    """Tables, the row that says what they are, and the line in the ledger: together or not at all.

    One that a later release has meanwhile stays as it is: an old process has nothing to do there.
    """
    with scope.shared(actor=snapshot.BUILDER):
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout TO {int(lock_timeout)}")
        tenant = Tenant.objects.select_for_update().filter(pk=id).first()
        if tenant is None:  # erased meanwhile, and its line with it
            return
        is_there = (tenant.release, tenant.fingerprint) == (target.release, target.fingerprint)
        if not is_there and releases.order(tenant.release) <= releases.order(target.release):
            way = ways.get((tenant.release, tenant.fingerprint))
            found = script.replay(way, id) if way else snapshot.migrate(id)
            if found != target.fingerprint:
                raise snapshot.Differs(snapshot.named_differences(id, target))
            snapshot.note(tenant, found)
        FleetEntry.objects.filter(_line(id, target)).update(
            status=FleetEntry.Status.DONE, error="", started_at=started, ended_at=timezone.now(),
            attempts=_one_more(id, target),
        )  # fmt: skip


def _line(id: UUID, target: Snapshot) -> Q:
    return Q(tenant_id=id, release=target.release, fingerprint=target.fingerprint)


def _one_more(id: UUID, target: Snapshot) -> int:
    known = FleetEntry.objects.filter(_line(id, target)).values_list("attempts", flat=True).first()
    return (known or 0) + 1


def _note(status: FleetEntry.Status, id: UUID, target: Snapshot, error: str, started: datetime) -> str:
    """A line that somebody else brought to its end meanwhile stays done."""
    with scope.shared(actor=snapshot.BUILDER):
        FleetEntry.objects.filter(_line(id, target)).exclude(status=FleetEntry.Status.DONE).update(
            status=status, error=error, started_at=started, ended_at=timezone.now(),
            attempts=_one_more(id, target),
        )  # fmt: skip
    return error


# --- going on by itself -----------------------------------------------------------------------------------


@job(purpose="tenants.fleet", saga=True, retries=30)
def go_on() -> None:
    """Another run over what waits, later each time, for days; it ends when nothing waits or something failed."""
    try:
        result = migrate(Options(parallel=1, rounds=0))
    except CannotMigrate as refusal:
        raise TryAgain(str(refusal)) from refusal
    if result.waiting and not result.failed:
        raise TryAgain(f"{result.waiting} workspaces still wait")


def go_on_with_few(target: Snapshot, now: datetime) -> None:
    """So few as `prepare` would do itself are gone on with, unless one failed: then somebody has to look. In the shared scope."""
    few = 0 < behind(target).exclude(pk__in=_owed()).count() <= settings.SMOALL_FLEET_AT_START
    if few and not failures(target.release, target.fingerprint).exists():
        ask_to_go_on(now)


def ask_to_go_on(now: datetime) -> None:
    """Have a worker go on with what waits, unless one will already. In the shared scope."""
    if not _will_be_done(Job.objects.filter(name=go_on.name)):
        go_on.later(at=now)


# --- one again --------------------------------------------------------------------------------------------


@job(purpose="tenants.fleet", saga=True)
def migrate_one(tenant_id: str) -> None:
    """What the operators' button asks for. While its tables are in use it is tried again, later each time."""
    with scope.shared():
        target = snapshot.current()
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        known = Snapshot.objects.filter(release=tenant.release).first() if tenant else None
    if tenant is None:
        return
    ways: Ways = {}
    if known and known.fingerprint == tenant.fingerprint and known != target:
        ways = {(known.release, known.fingerprint): script.record(known)}
    try:
        move(tenant.pk, target=target, ways=ways, options=Options())
    except InUse as busy:
        raise TryAgain("its tables are in use") from busy


def begin_anew(id: UUID, *, now: datetime) -> None:
    """Have a workspace that failed, or waits for another try, migrated by a worker. In the shared scope.

    Raises CannotMigrate. Its line waits from now on: whoever comes first, the worker or the next run, takes it up.
    """
    entry = FleetEntry.objects.select_for_update().filter(pk=id).first()
    if (
        entry is None
        or not stuck(entry.release, entry.fingerprint).filter(pk=id).exists()
        or _is_asked(entry)
    ):
        raise CannotMigrate("It has not failed, or was begun anew already.")
    entry.status = FleetEntry.Status.WAITING
    entry.save(update_fields=["status"])
    migrate_one.later(str(entry.tenant_id), at=now)


def _is_asked(entry: FleetEntry) -> bool:
    """Whether a worker is at it, or will be."""
    return _will_be_done(Job.objects.filter(name=migrate_one.name, args=[str(entry.tenant_id)]))


def _will_be_done(asked: "QuerySet[Job]") -> bool:
    return asked.filter(state__in=(Job.State.WAITING, Job.State.RUNNING)).exists()
