"""The outbox: each mail that was asked for, in the schema of whoever asked."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.rows import Row


class Message(Row):
    """One mail to one person. Its text, which may hold a link that opens doors, goes with its sending."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENT = "sent", _("sent")
        CANCELLED = "cancelled", _("cancelled")
        FAILED = "failed", _("failed")

    purpose = models.CharField(max_length=60)
    to_address = models.EmailField()
    to_name = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=5)
    subject = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    headers = models.JSONField(default=dict, blank=True)
    key = models.CharField(max_length=200, unique=True)  # the same key twice is one mail
    about = models.UUIDField(null=True, blank=True, db_index=True)  # a client, in the shared outbox
    wanted = models.CharField(max_length=150, blank=True)  # the dotted name of a @mail.check
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.purpose} ({self.state})"
