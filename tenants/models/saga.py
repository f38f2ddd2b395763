"""Long work that goes on where it was (tenants/sagas.py)."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.rows import Row


class Saga(Row):
    """Long work as idempotent steps (sagas.py): `cursor` counts the steps that are done."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    kind = models.CharField(max_length=30)
    subject = models.UUIDField(db_index=True)  # the tenant's UUID; no foreign key: the saga outlives the row
    key = models.CharField(max_length=100, unique=True)  # twice the same click is one saga
    cursor = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)  # starts of the step at the cursor
    data = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING, db_index=True)
    error = models.TextField(blank=True)
    progress = models.PositiveSmallIntegerField(default=0)  # percent
    doing = models.CharField(max_length=200, blank=True)  # the step, for people
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]
