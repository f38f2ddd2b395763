"""Timed jobs: when each is due, and asking for it exactly once however many workers look.

Each timed job has one Job row, which a due time puts back to waiting; the row's lock makes one of several
workers do so. A run that still goes on when the next is due is not doubled. The list is config/schedule.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from shared_apps.jobs import JobFunction
from shared_apps.jobs.models import Job
from shared_apps.jobs.names import find
from shared_apps.jobs.queue import ring
from shared_apps.kit import scope
from shared_apps.kit.dates import BRUSSELS
from shared_apps.kit.module import known_purpose

ENDED = (Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED)
KEY = "timed"


@dataclass(frozen=True, slots=True)
class Timed:
    """A job of the shared scope without arguments, every so many seconds or daily at a time in Brussels."""

    job: str  # the dotted name of a @job function
    every: int = 0  # seconds
    at: time | None = None

    def __post_init__(self) -> None:
        if bool(self.every) == bool(self.at is not None):
            raise ValueError(f"{self.job}: give either `every` or `at`")

    def last_due(self, now: datetime) -> datetime:
        """The latest moment, not after `now`, at which it should have started."""
        if self.at is None:
            return datetime.fromtimestamp(int(now.timestamp()) // self.every * self.every, UTC)
        local = now.astimezone(BRUSSELS)
        due = datetime.combine(local.date(), self.at, BRUSSELS)
        if due > local:
            due = datetime.combine(local.date() - timedelta(days=1), self.at, BRUSSELS)
        return due.astimezone(UTC)


@cache
def everything() -> Sequence[Timed]:
    """The deployment's timed jobs (settings.SMOALL_TIMED_JOBS names the list)."""
    found: Sequence[Timed] = import_string(settings.SMOALL_TIMED_JOBS)
    return found


def tick(*, now: datetime, jobs: Sequence[Timed] | None = None) -> list[str]:
    """Ask for what is due; returns the names. Several may call it at once, at any time, and may be killed."""
    asked = []
    due = {timed.job: timed.last_due(now) for timed in (everything() if jobs is None else jobs)}
    with scope.shared():
        rows = {row.name: row for row in Job.objects.filter(key=KEY, tenant_uuid=None, name__in=due)}
        for name, moment in due.items():
            row = rows.get(name)
            if row is None or (row.state in ENDED and row.run_after < moment):
                function = find(name)
                if _ask(function, moment):
                    asked.append(name)
    return asked


def _ask(function: JobFunction[Any], moment: datetime) -> bool:
    """Put its row to waiting and wake a worker; False when another did so or it is still running."""
    known_purpose(function.purpose)
    fresh = Job(name=function.name, purpose=function.purpose, key=KEY, run_after=moment, rung_at=moment)
    fresh.state = Job.State.DONE  # until the lines below, in the same transaction
    fresh.run_after = moment - timedelta(microseconds=1)
    Job.objects.bulk_create([fresh], ignore_conflicts=True)
    row = (
        Job.objects.select_for_update(skip_locked=True)
        .filter(tenant_uuid=None, name=function.name, key=KEY, state__in=ENDED, run_after__lt=moment)
        .first()
    )
    if row is None:
        return False
    row.state, row.run_after, row.rung_at = Job.State.WAITING, moment, moment
    row.starts = row.failures = row.progress = 0
    row.finished_at = None
    row.save()
    ring(row, function.timeout)
    return True
