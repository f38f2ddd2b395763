"""Ready schemas that wait for their client (I8): opening a workspace is then a few rows, and nobody waits.

A pool row's UUID becomes the tenant's: its schema has its name for ever, and is used once. The claim is a DELETE in the
transaction that makes the workspace, so whatever undoes that puts the schema back. A schema in the pool has no key: where
there is one, the UUID has been a client's already, in a database newer than this one, and nobody else gets it. Filled at quiet
moments, since making tables flushes every other connection's caches (config/schedule.py says when); at a new release
the schemas come forward with the fleet, or are discarded.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from shared_apps.jobs import guard, job
from shared_apps.kit import scope
from tenants import sagas
from tenants.keys import KeyStore
from tenants.models import PoolSchema, Snapshot, Tenant
from tenants.schemas import releases, script, snapshot
from tenants.schemas.fingerprint import fingerprint

log = logging.getLogger("smoall.fleet")
LOCK, POOL = "pool", UUID(int=0)
DEMAND_OF = timedelta(days=1)
LOCK_TIMEOUT = 500  # milliseconds
# SQLSTATE classes: data, constraints, names and rights that are not as they were.
OF_THE_SCHEMA = ("22", "23", "42")
LEFT_TO_LATER = timedelta(days=1)
AT_ONCE = 50  # schemas that one job makes, so that it ends in time
# One statement: whoever claims at the same moment passes over a row that somebody else holds, and gets the next.
CLAIM = """
    DELETE FROM tenants_poolschema WHERE id = (
        SELECT p.id FROM tenants_poolschema p JOIN tenants_snapshot s
            ON s.release = p.release AND s.fingerprint = p.fingerprint
         WHERE s.release = %s AND p.is_ready AND NOT p.is_discarded
         ORDER BY p.created_at, p.id LIMIT 1 FOR UPDATE OF p SKIP LOCKED)
    RETURNING id, release, fingerprint
"""


# --- claiming ---------------------------------------------------------------------------------------------


def claim() -> PoolSchema | None:
    """A ready schema with this release's tables, taken out of the pool for good unless the caller's transaction is undone.

    In the shared scope. None when there is none: the caller then replays the snapshot.
    """
    while row := _taken():
        if not KeyStore.default().exists(row.id):
            return row
        log.error("ALARM: the pool's schema %s was a client's in a newer database; it is discarded", row.id)
        row.is_ready, row.is_discarded = False, True
        row.save(force_insert=True)
    return None


def _taken() -> PoolSchema | None:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [settings.SMOALL_RELEASE])
        row = cursor.fetchone()
    return PoolSchema(id=row[0], release=row[1], fingerprint=row[2], is_ready=True) if row else None


# --- size -------------------------------------------------------------------------------------------------


def wanted(now: datetime) -> int:
    """How many there should be: as many as workspaces were opened within a day, between the two settings."""
    opened: int = Tenant.objects.filter(created_at__gt=now - DEMAND_OF).count()
    return max(int(settings.SMOALL_POOL_FLOOR), min(opened, int(settings.SMOALL_POOL_CEILING)))


def ready(target: Snapshot) -> "QuerySet[PoolSchema]":
    return PoolSchema.objects.filter(
        release=target.release, fingerprint=target.fingerprint, is_ready=True, is_discarded=False
    )


def stale(target: Snapshot) -> "QuerySet[PoolSchema]":
    """Ready ones with other tables than the target's, but for those of a later release. In the shared scope."""
    others = PoolSchema.objects.filter(is_ready=True, is_discarded=False).exclude(
        release=target.release, fingerprint=target.fingerprint
    )
    return others.exclude(release__in=releases.newer(target.release))


# --- filling ----------------------------------------------------------------------------------------------


@job(purpose="tenants.pool", saga=True, retries=0)
def top_up() -> None:
    """At night: as many as yesterday's demand asks for."""
    tend(timezone.now(), low_water=1.0)


@job(purpose="tenants.pool", saga=True, retries=0)
def refill() -> None:
    """By day: only what keeps the next client from waiting."""
    tend(timezone.now(), low_water=0.5)


def tend(now: datetime, *, low_water: float = 1.0) -> int:
    """Finish what was begun, discard what is of an older release, and fill when below that share of what is wanted.

    Returns how many schemas were made. One at a time over the deployment; a second call does nothing. An old process
    makes none for a day after a later release came: the new ones would only take them away.
    """
    with guard.held(LOCK, POOL) as taken:
        if not taken:
            return 0
        with scope.shared():
            target = Snapshot.objects.filter(release=settings.SMOALL_RELEASE).first()
            if target is None:
                return 0
            unfinished, old = PoolSchema.objects.exclude(is_ready=True, is_discarded=False), stale(target)
            doomed = [(row.id, rows) for rows in (unfinished, old) for row in rows.all()]
        for id, rows in doomed:
            _discard_unless_in_use(id, rows)
        with scope.shared():
            there, goal = ready(target).count(), wanted(now)
            later = Snapshot.objects.filter(release__in=releases.newer(target.release))
            if later.filter(recorded_at__gt=now - LEFT_TO_LATER).exists():
                goal = 0
        missing = goal - there if there < goal * low_water else 0
        made = 0
        for _ in range(min(missing, AT_ONCE)):
            if fill(target) is None:
                break
            made += 1
        return made


def fill(target: Snapshot) -> UUID | None:
    """Make one. The row stands first, so that what a killed maker began is known. None when it came out wrong."""
    with scope.shared(actor=snapshot.BUILDER):
        row = PoolSchema.objects.create(release=target.release, fingerprint=target.fingerprint)
    found = make(row.id, target)
    if found != target.fingerprint:
        log.error("ALARM: a schema made from the snapshot of %s has other tables", target.release)
        discard(row.id)
        return None
    return row.id


@sagas.verb("fill")
def make(id: UUID, target: Snapshot) -> str:
    """The tables of a pool row and the note that it is ready, together; returns their fingerprint."""
    with scope.shared(actor=snapshot.BUILDER):
        snapshot.replay(id, target)
        with scope.owner(tenant=id):
            found = fingerprint(scope.schema_of(id))
        PoolSchema.objects.filter(pk=id).update(is_ready=found == target.fingerprint)
    return found


@sagas.verb("discard")
def discard(
    id: UUID, among: "QuerySet[PoolSchema] | None" = None, *, lock_timeout: int = LOCK_TIMEOUT
) -> None:
    """Schema and row go together. Does nothing to one that was claimed, be it this moment. A key is never touched.

    `among`: the rows that are to go; one that is none of them any more, since it came forward for example, stays.
    `lock_timeout`: milliseconds; raises what script.is_in_use knows when somebody's transaction lasts longer.
    """
    with scope.shared(actor=snapshot.BUILDER):
        _wait_at_most(lock_timeout)
        rows = PoolSchema.objects.all() if among is None else among.all()
        row = rows.select_for_update().filter(pk=id).first()
        if row is None or Tenant.objects.filter(pk=id).exists():
            return
        with scope.owner(tenant=id), connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {scope.schema_of(id)} CASCADE")
        row.delete()


def _discard_unless_in_use(id: UUID, among: "QuerySet[PoolSchema]", lock_timeout: int = LOCK_TIMEOUT) -> None:
    """One in use, by a dump for example, is left to the next `tend`: a DROP that waited would have everybody wait."""
    try:
        discard(id, among, lock_timeout=lock_timeout)
    except DatabaseError as error:
        if not script.is_in_use(error):
            raise
        log.info("the pool's schema %s is in use, and goes later", id)


def _wait_at_most(lock_timeout: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout TO {int(lock_timeout)}")


def empty() -> None:
    """Discard every schema, ready or not: in a copy, which gives none away."""
    with scope.shared():
        ids = list(PoolSchema.objects.values_list("pk", flat=True))
    for id in ids:
        discard(id)


# --- a new release ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Renewed:
    """What became of ready schemas of an older release. Those in use stay as they are, for `tend`."""

    came: int = 0
    discarded: dict[UUID, str] = field(default_factory=dict)  # and why each could not come


def renew(target: Snapshot, ways: dict[tuple[str, str], script.Script], *, lock_timeout: int) -> Renewed:
    """Bring every ready schema forward by the recorded SQL; one that can't come is discarded. `lock_timeout`: milliseconds.

    The way was found in a schema as its release makes it, so one in which it can't be carried out was altered since: that
    stops no release. Raises what is the server's own trouble.
    """
    with scope.shared():
        old = stale(target)
        rows = list(old)
    renewed = Renewed()
    for row in rows:
        way = ways.get((row.release, row.fingerprint))
        if way is None:
            _discard_unless_in_use(row.id, old, lock_timeout)
            continue
        try:
            renewed.came += _come_forward(row, target, way, lock_timeout)
        except Exception as error:
            if script.is_in_use(error):
                continue
            if not _is_altered(error):
                raise
            renewed.discarded[row.id] = script.what_failed(error)
            log.error("ALARM: the pool's schema %s is discarded: %s", row.id, renewed.discarded[row.id])
            _discard_unless_in_use(row.id, old, lock_timeout)
    return renewed


def _is_altered(error: Exception) -> bool:
    """Whether the schema itself is the reason, and not the server: a full disk, too many locks, a lost connection."""
    return isinstance(error, snapshot.Differs) or script.sqlstate(error).startswith(OF_THE_SCHEMA)


def _come_forward(known: PoolSchema, target: Snapshot, way: script.Script, lock_timeout: int) -> bool:
    """False for one that somebody has in hand, or that isn't as it was when it was read."""
    with scope.shared(actor=snapshot.BUILDER), transaction.atomic():
        _wait_at_most(lock_timeout)
        as_known = PoolSchema.objects.filter(
            pk=known.pk,
            release=known.release,
            fingerprint=known.fingerprint,
            is_ready=True,
            is_discarded=False,
        )
        row: Any = as_known.select_for_update(skip_locked=True).first()
        if row is None:
            return False
        row.fingerprint, row.release = script.replay(way, row.id), target.release
        row.save(update_fields=["release", "fingerprint"])
    return True
