"""Jobs about jobs: start interrupted ones again, forget old ones."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django_q.models import Task

from shared_apps.jobs import LONGEST, job
from shared_apps.jobs.models import Job
from shared_apps.jobs.names import UnknownName, find
from shared_apps.jobs.queue import ring
from shared_apps.jobs.run import ORPHANED_AFTER, is_orphan
from shared_apps.kit import scope

UNHEARD_AFTER = timedelta(minutes=15)  # a queue entry is handed out again after one
STILL = timedelta(minutes=10)  # without a sweep: no worker works
KEPT = timedelta(days=7)
KEPT_FAILED = timedelta(days=90)


class CannotRetry(Exception):
    """It has not failed, or nobody knows any more how it is done."""


@job(purpose="jobs.sweep", retries=0)
def sweep() -> None:
    """Wake workers for jobs whose worker died and for jobs that nobody took."""
    wake(now=timezone.now())


def is_tended(now: datetime) -> bool:
    """Whether some worker does what is due: the sweep of every minute has ended within the last minutes. In the shared scope."""
    swept = Job.objects.filter(name=sweep.name, state=Job.State.DONE, finished_at__gt=now - STILL)
    return bool(swept.exists())


def wake(*, now: datetime) -> int:
    """How many jobs a worker was woken for. Several may call it at once."""
    with scope.shared():
        orphans = Job.objects.filter(state=Job.State.RUNNING, started_at__lt=now - ORPHANED_AFTER)
        unheard = Job.objects.filter(state=Job.State.WAITING, run_after__lt=now)
        ids = [*orphans.values_list("pk", flat=True)]
        ids += unheard.filter(rung_at__lt=now - UNHEARD_AFTER).values_list("pk", flat=True)[:500]
    return sum(_wake(id, now) for id in ids)


def _wake(id: UUID, now: datetime) -> bool:
    with scope.shared(), transaction.atomic():
        found = Job.objects.select_for_update(skip_locked=True).filter(pk=id).first()
        if found is None or found.rung_at >= now or found.state not in (Job.State.WAITING, Job.State.RUNNING):
            return False
        if found.state == Job.State.RUNNING and not is_orphan(found, now):
            return False
        try:
            timeout = find(found.name).timeout
        except UnknownName:
            timeout = LONGEST  # who knows it may need that
        Job.objects.filter(pk=found.pk).update(rung_at=now)
        ring(found, timeout)
    return True


@job(purpose="jobs.tidy")
def tidy() -> None:
    forget(now=timezone.now())


def forget(*, now: datetime) -> int:
    """Delete finished jobs: done and cancelled after seven days, failed after ninety. Returns how many."""
    with scope.shared():
        over = (Job.State.DONE, Job.State.CANCELLED)
        ended = Job.objects.filter(state__in=over, finished_at__lt=now - KEPT)
        failed = Job.objects.filter(state=Job.State.FAILED, finished_at__lt=now - KEPT_FAILED)
        Task.objects.filter(stopped__lt=now - KEPT_FAILED).delete()
        return ended.delete()[0] + failed.delete()[0]


def retry(id: UUID, *, now: datetime) -> Job:
    """Begin a failed job anew, with all its attempts. In the shared scope. Raises CannotRetry."""
    found = Job.objects.select_for_update().filter(pk=id, state=Job.State.FAILED).first()
    if found is None:
        raise CannotRetry(str(id))
    try:
        function = find(found.name)
    except UnknownName as error:
        raise CannotRetry(found.name) from error
    found.state, found.starts, found.failures, found.finished_at = Job.State.WAITING, 0, 0, None
    found.run_after = found.rung_at = now
    found.save(update_fields=["state", "starts", "failures", "finished_at", "run_after", "rung_at"])
    ring(found, function.timeout)
    return found
