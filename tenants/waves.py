"""Migrating the fleet (I9): a canary, then waves that grow, each workspace in a transaction of its own with its line in
the ledger; it stops when workspaces fail, and goes on where it was. What is replayed in each is script.py's matter.

A killed run leaves every workspace either as it was or migrated and noted: there is nothing between.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from time import sleep
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from shared_apps.jobs import guard, job
from shared_apps.jobs.run import described
from shared_apps.kit import scope, side_by_side
from tenants import pool, sagas, script, snapshot
from tenants.fingerprint import differences, lines
from tenants.models import CannotAct, FleetEntry, Snapshot, Tenant
from tenants.script import Script

log = logging.getLogger("smoall.fleet")
LOCK, FLEET = "fleet", UUID(int=0)
# Below deadlock_timeout's second: a migration that meets a request gives way before the server ends one of them.
LOCK_TIMEOUT = 500  # milliseconds
TRIES = 6  # of one workspace whose tables are in use
BACK_OFF = 0.2  # seconds, doubled each time
IN_USE = {"55P03", "40P01", "40001"}  # lock not available, deadlock, serialization failure
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


@dataclass(slots=True)
class Result:
    """What a run did. `waiting` is how many workspaces still have other tables."""

    done: list[UUID] = field(default_factory=list)
    failed: dict[UUID, str] = field(default_factory=dict)
    waiting: int = 0
    pooled: int = 0

    @property
    def is_whole(self) -> bool:
        return not self.failed and not self.waiting


# --- who lags ---------------------------------------------------------------------------------------------


def behind(target: Snapshot) -> "QuerySet[Tenant]":
    """Workspaces whose tables are not the snapshot's, the oldest first. In the shared scope."""
    found: QuerySet[Tenant] = Tenant.objects.exclude(release=target.release, fingerprint=target.fingerprint)
    return found.order_by("created_at", "id")


def failures(release: str, fingerprint: str) -> "QuerySet[FleetEntry]":
    """Lines of workspaces that could not be brought to those tables, the newest first. In the shared scope."""
    failed = FleetEntry.objects.filter(
        release=release, fingerprint=fingerprint, status=FleetEntry.Status.FAILED
    )
    return failed.order_by("-ended_at", "id")


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
            lagging = list(behind(target))
        ways = scripts(target) if lagging else {}
        result = Result(waiting=len(lagging))
        if lagging:
            result.pooled = pool.renew(target, ways)
        _plan(target, lagging, options)
        _run(target, ways, options, result, told)
        return result


def _plan(target: Snapshot, lagging: list[Tenant], options: Options) -> None:
    """A line for each, and which wave it belongs to; those that failed before come first."""
    with scope.shared(actor=snapshot.BUILDER):
        mine = FleetEntry.objects.filter(release=target.release, fingerprint=target.fingerprint)
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


def _run(target: Snapshot, ways: Ways, options: Options, result: Result, told: Told) -> None:
    with scope.shared():
        waiting = FleetEntry.objects.filter(
            release=target.release, fingerprint=target.fingerprint, status=FleetEntry.Status.WAITING
        )
        todo = list(
            waiting.order_by("wave", "tenant__created_at", "tenant_id").values_list("wave", "tenant_id")
        )
    whole, counting = len(todo), Lock()

    def one(id: UUID) -> str:
        error = move(id, target=target, ways=ways, options=options)
        with counting:
            result.waiting -= not error
            if error:
                result.failed[id] = error
            else:
                result.done.append(id)
        return error

    waves = sorted({wave for wave, _id in todo})
    for wave in waves:
        ids = [id for of, id in todo if of == wave]
        for _id, _error in side_by_side.each(
            one,
            ids,
            threads=options.parallel,
            goes_on=lambda: len(result.failed) < options.stop_after,
        ):
            told(len(result.done) + len(result.failed), whole, f"wave {wave}")
        if result.failed and (wave == waves[0] or len(result.failed) >= options.stop_after):
            log.error("fleet: stopped in wave %s after %s failures", wave, len(result.failed))
            return


def move(id: UUID, *, target: Snapshot, ways: Ways, options: Options) -> str:
    """Migrate one workspace; "" or why it failed, which its line in the ledger says too.

    When its tables are in use it tries again, later each time. A failure leaves the workspace as it was.
    """
    for attempt in range(1, options.tries + 1):
        started = timezone.now()
        try:
            bring(id, target=target, ways=ways, lock_timeout=options.lock_timeout, started=started)
            return ""
        except Exception as error:
            _recover()
            if sqlstate(error) in IN_USE and attempt < options.tries:
                sleep(BACK_OFF * 2 ** (attempt - 1))
                continue
            log.warning("fleet: %s failed: %s", id, described(error))
            return _note_failure(id, target, what_failed(error), started)
    return ""


def _recover() -> None:
    """A connection that the server ended is no use to the next workspace."""
    if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


@sagas.verb("migrate")
def bring(id: UUID, *, target: Snapshot, ways: Ways, lock_timeout: int, started: datetime) -> None:
    """Tables, the row that says what they are, and the line in the ledger: together or not at all."""
    with scope.shared(actor=snapshot.BUILDER):
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout TO {int(lock_timeout)}")
        tenant = Tenant.objects.select_for_update().filter(pk=id).first()
        if tenant is None:  # erased meanwhile, and its line with it
            return
        if (tenant.release, tenant.fingerprint) != (target.release, target.fingerprint):
            way = ways.get((tenant.release, tenant.fingerprint))
            found = script.replay(way, id) if way else snapshot.migrate(id)
            if found != target.fingerprint:
                raise script.Differs(_where(id, target))
            snapshot.note(tenant, found)
        FleetEntry.objects.filter(_line(id, target)).update(
            status=FleetEntry.Status.DONE, error="", started_at=started, ended_at=timezone.now(),
            attempts=_one_more(id, target),
        )  # fmt: skip


def _where(id: UUID, target: Snapshot) -> str:
    with scope.owner(tenant=id):
        found = lines(scope.schema_of(id))
    return "; ".join(differences(snapshot.shape(target), found)[:10])


def _line(id: UUID, target: Snapshot) -> Q:
    return Q(tenant_id=id, release=target.release, fingerprint=target.fingerprint)


def _one_more(id: UUID, target: Snapshot) -> int:
    known = FleetEntry.objects.filter(_line(id, target)).values_list("attempts", flat=True).first()
    return (known or 0) + 1


def _note_failure(id: UUID, target: Snapshot, error: str, started: datetime) -> str:
    with scope.shared(actor=snapshot.BUILDER):
        FleetEntry.objects.filter(_line(id, target)).update(
            status=FleetEntry.Status.FAILED, error=error, started_at=started, ended_at=timezone.now(),
            attempts=_one_more(id, target),
        )  # fmt: skip
    return error


def sqlstate(error: BaseException) -> str:
    return getattr(error.__cause__, "pgcode", None) or "" if isinstance(error, DatabaseError) else ""


def what_failed(error: BaseException) -> str:
    """For operators: what the server said of itself, never the values of a client's rows, which stand in its details."""
    if isinstance(error, script.Differs):
        return f"The tables differ: {error}"
    where = "".join(f" At: {note[:300]}" for note in getattr(error, "__notes__", [])[:1])
    cause: Any = error.__cause__ if isinstance(error, DatabaseError) else None
    said = getattr(getattr(cause, "diag", None), "message_primary", None)
    if said and not sqlstate(error).startswith(("22", "23")):  # data exceptions and violations name values
        return f"{said} ({sqlstate(error)}).{where}"
    return f"{described(error)}{f' ({sqlstate(error)})' if sqlstate(error) else ''}.{where}"


# --- one again --------------------------------------------------------------------------------------------


@job(purpose="tenants.fleet", saga=True, retries=0)
def migrate_one(tenant_id: str) -> None:
    """What the operators' button asks for."""
    with scope.shared():
        target = snapshot.current()
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        known = Snapshot.objects.filter(release=tenant.release).first() if tenant else None
    if tenant is None or (tenant.release, tenant.fingerprint) == (target.release, target.fingerprint):
        return
    ways: Ways = {}
    if known and known.fingerprint == tenant.fingerprint:
        ways = {(known.release, known.fingerprint): script.record(known)}
    move(tenant.pk, target=target, ways=ways, options=Options())


def begin_anew(id: UUID, *, now: datetime) -> None:
    """Have a failed workspace migrated again by a worker. In the shared scope. Raises CannotMigrate."""
    entry = FleetEntry.objects.select_for_update().filter(pk=id).first()
    if entry is None or entry.status != FleetEntry.Status.FAILED:
        raise CannotMigrate("It has not failed, or was begun anew already.")
    entry.status = FleetEntry.Status.WAITING
    entry.save(update_fields=["status"])
    migrate_one.later(str(entry.tenant_id), key=f"fleet:{entry.pk}:{entry.attempts}", at=now)
