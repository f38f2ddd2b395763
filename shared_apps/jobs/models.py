"""The record of background work: who asked for it, in whose schema it runs, and how it ended.

In the shared schema alone. The queue (django-q's) only wakes a worker; this row decides whether anything
happens. run.py does the work.
"""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.rows import Row


class Job(Row):
    """One piece of work. `args` is a JSON list without personal details: rows are named by their keys."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    tenant_uuid = models.UUIDField(null=True, blank=True)  # None: the shared schema
    actor = models.JSONField(null=True, blank=True)  # the Actor that asked; None: no person, the clock
    purpose = models.CharField(max_length=60)
    name = models.CharField(max_length=150)  # the function's dotted name
    args = models.JSONField(default=list)
    key = models.CharField(max_length=200, blank=True)  # the same key twice is one job
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    starts = models.PositiveSmallIntegerField(default=0)  # since the last orderly end: counts killed workers
    failures = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)  # class and place, never a value
    progress = models.PositiveSmallIntegerField(default=0)  # percent
    created_at = models.DateTimeField(default=timezone.now)
    run_after = models.DateTimeField(default=timezone.now)
    rung_at = models.DateTimeField(default=timezone.now)  # when a worker was last woken for it
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["state", "run_after"], name="jobs_state_run_after"),
            models.Index(fields=["tenant_uuid"], name="jobs_tenant"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_uuid", "name", "key"],
                condition=~models.Q(key=""),
                nulls_distinct=False,
                name="jobs_one_per_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"
