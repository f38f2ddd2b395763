"""Doing a job, once: django-q calls `run` with a job's id, at least once and perhaps several times at a time.

A start is counted and committed before the work, so that work which kills its worker is stopped. The work and
its "done" are one transaction, and a lock says that somebody is at it: a second delivery does nothing.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django_q.exceptions import TimeoutException

from shared_apps.jobs import LONGEST, JobFunction, TryAgain, fleet, guard, may_work
from shared_apps.jobs.models import Job
from shared_apps.jobs.names import UnknownName, find
from shared_apps.jobs.queue import ring
from shared_apps.kit import scope

log = logging.getLogger("smoall.jobs")
MOST_STARTS = 3
LONGEST_WAIT = timedelta(hours=4)
UNTIL_MIGRATED = timedelta(minutes=1)
WHILE_UNKNOWN = 6  # attempts, in an hour: so long may old workers stay beside those that know a job
UNKNOWN = "this process knows no job of that name"
ORPHANED_AFTER = timedelta(seconds=30)
LOCK = "job"
_running: ContextVar[UUID | None] = ContextVar("smoall_job", default=None)


def run(job_id: str) -> None:
    """Do the job if it is due and nobody is at it. Records how it ended; raises only when it can't."""
    if not may_work():
        return
    job = _start(UUID(job_id), now=timezone.now())
    if job is None:
        return
    try:
        function = find(job.name)
        if function.saga:
            _run_alone(job, function)
        else:
            _run_in_transaction(job, function)
    except (Exception, TimeoutException) as error:
        _failed(job, error, now=timezone.now())


def report(percent: int) -> None:
    """Show how far the job that calls this is, at once, though its transaction is open."""
    if (job := _running.get()) is not None:
        shown = max(0, min(100, percent))
        guard.execute_aside("UPDATE jobs_job SET progress = %s WHERE id = %s", [shown, job])


def drain(*, now: datetime | None = None) -> int:
    """Do everything that is due, in this process and without the queue. Returns how many were started."""
    started = 0
    while may_work():
        with scope.shared():
            due = Job.objects.filter(state=Job.State.WAITING, run_after__lte=now or timezone.now())
            job = due.order_by("run_after", "pk").first()
            if job is not None and now is not None:
                Job.objects.filter(pk=job.pk).update(run_after=min(job.run_after, timezone.now()))
        if job is None:
            return started
        run(str(job.pk))
        started += 1
    return started


def _start(id: UUID, *, now: datetime) -> Job | None:
    """Count the start and commit; None when there is nothing to do."""
    with scope.shared(), transaction.atomic():
        job = Job.objects.select_for_update(skip_locked=True).filter(pk=id).first()
        if job is None or job.state not in (Job.State.WAITING, Job.State.RUNNING):
            return None
        if job.state == Job.State.WAITING and job.run_after > now:
            return None
        if job.state == Job.State.RUNNING and not is_orphan(job, now):
            return None
        if job.starts >= MOST_STARTS:
            _end(job, Job.State.FAILED, now, error="stopped after three starts")
            return None
        job.starts += 1
        job.state, job.started_at, job.progress = Job.State.RUNNING, now, 0
        job.save(update_fields=["starts", "state", "started_at", "progress"])
    return job


def is_orphan(job: Job, now: datetime) -> bool:
    """Whether a running job's worker died. In a transaction: then nobody else can begin it before that ends.

    Not in the first half minute, in which its worker may still be about to lock it.
    """
    is_fresh = job.started_at is not None and job.started_at > now - ORPHANED_AFTER
    return not is_fresh and guard.lock_here(LOCK, job.pk)


def _run_in_transaction(job: Job, function: JobFunction[Any]) -> None:
    again: TryAgain | None = None
    with scope.shared(), transaction.atomic():
        if not guard.lock_here(LOCK, job.pk) or not _still_mine(job):
            return
        if job.tenant_uuid and not fleet.lock_if_open(job.tenant_uuid):
            if fleet.opens_again(job.tenant_uuid):
                return _put_off(job, function, timezone.now())
            return _end(job, Job.State.CANCELLED, timezone.now(), error="its workspace is gone or closed")
        if job.tenant_uuid and not fleet.has_fitting_tables(job.tenant_uuid):
            return _put_off(job, function, timezone.now())
        with _inside(job), _reporting(job):
            try:
                function.function(*job.args)
            except TryAgain as error:
                again = error
        if again is None:
            _end(job, Job.State.DONE, timezone.now())
        else:
            _wait(job, function, again, now=timezone.now())


def _put_off(job: Job, function: JobFunction[Any], now: datetime) -> None:
    """Its workspace is being brought to this release, or repaired: no failure, and no start that counts."""
    job.state, job.starts = Job.State.WAITING, 0
    job.run_after = job.rung_at = now + UNTIL_MIGRATED
    job.save(update_fields=["state", "starts", "run_after", "rung_at"])
    ring(job, function.timeout)


def _inside(job: Job) -> AbstractContextManager[scope.Scope]:
    author = _author(job)
    return scope.tenant(job.tenant_uuid, actor=author) if job.tenant_uuid else scope.shared(actor=author)


def _run_alone(job: Job, function: JobFunction[Any]) -> None:
    """A saga's job: it commits by itself, so its lock is held beside."""
    with guard.held(LOCK, job.pk) as taken:
        with scope.shared():
            if not taken or not _still_mine(job):
                return
        with scope.acting(_author(job)), _reporting(job):
            function.function(*job.args)
        with scope.shared(), transaction.atomic():
            _end(job, Job.State.DONE, timezone.now())


def _still_mine(job: Job) -> bool:
    """Whether the start that this process counted is the last one."""
    return Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, starts=job.starts).exists()


def _author(job: Job) -> scope.Actor:
    asked = job.actor or {}
    return scope.Actor("job", str(job.pk), job.purpose, behalf=asked.get("behalf") or asked.get("name", ""))


def _failed(job: Job, error: BaseException, *, now: datetime) -> None:
    """After a rollback: note the error and when to try again, or that it is over."""
    log.warning("job %s failed: %s", job.name, described(error))
    if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
        connection.close()
    with scope.shared(), transaction.atomic():
        if not _still_mine(job):
            return
        try:
            function = find(job.name)
        except UnknownName:  # perhaps of a later release, whose workers are there or about to be
            return _try_later(job, UNKNOWN, retries=WHILE_UNKNOWN, timeout=LONGEST, now=now)
        _wait(job, function, error, now=now)


def _wait(job: Job, function: JobFunction[Any], error: BaseException, *, now: datetime) -> None:
    if job.error == UNKNOWN:  # its own attempts begin now
        job.failures = 0
    _try_later(job, described(error), retries=function.retries, timeout=function.timeout, now=now)


def _try_later(job: Job, why: str, *, retries: int, timeout: int, now: datetime) -> None:
    job.failures += 1
    if job.failures > retries:
        return _end(job, Job.State.FAILED, now, error=why)
    job.state, job.error, job.starts = Job.State.WAITING, why, 0
    job.run_after = job.rung_at = now + back_off(job.failures)
    job.save(update_fields=["state", "error", "starts", "failures", "run_after", "rung_at"])
    ring(job, timeout)


def _end(job: Job, state: Job.State, now: datetime, *, error: str = "") -> None:
    job.state, job.finished_at, job.error = state, now, error
    if state == Job.State.DONE:
        job.progress = 100
    job.save(update_fields=["state", "finished_at", "error", "progress", "failures"])


def back_off(failures: int) -> timedelta:
    """One minute, then twice as long each time, four hours at most."""
    return min(timedelta(minutes=2 ** (min(failures, 20) - 1)), LONGEST_WAIT)


def described(error: BaseException) -> str:
    """Class and place of an error, without its values: those may be somebody's. TryAgain's words are ours."""
    if isinstance(error, TryAgain):
        return str(error)[:300]
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} in {last.name}, {Path(last.filename).name}:{last.lineno}"


@contextmanager
def _reporting(job: Job) -> Iterator[None]:
    token = _running.set(job.pk)
    try:
        yield
    finally:
        _running.reset(token)
