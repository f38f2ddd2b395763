"""The results of looks at the running system: one row a promise's check and moment. Numbers, nobody's details."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.rows import Row

KEPT = timedelta(days=90)


class Proof(Row):
    """What one check saw. `seen` is an English sentence of the program's, with `numbers` for its places."""

    class Result(models.TextChoices):
        KEPT = "kept", _("kept")
        BROKEN = "broken", _("broken")
        UNKNOWN = "unknown", _("could not look")

    promise = models.CharField(max_length=3)
    check_name = models.CharField(max_length=60)
    result = models.CharField(max_length=10, choices=Result)
    at = models.DateTimeField()
    seen = models.CharField(max_length=300)
    numbers = models.JSONField(default=dict, blank=True)
    release = models.CharField(max_length=30)
    milliseconds = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["promise", "check_name", "-at"], name="promises_last_look")]

    def __str__(self) -> str:
        return f"{self.promise} {self.check_name} {self.result}"

    @property
    def said(self) -> str:
        """What was seen, in the reader's language."""
        return seen_text(self.seen, self.numbers)

    @classmethod
    def latest(cls) -> "dict[tuple[str, str], Proof]":
        """The newest proof of each promise's check."""
        newest = cls.objects.order_by("promise", "check_name", "-at", "-id").distinct("promise", "check_name")
        return {(one.promise, one.check_name): one for one in newest}

    @classmethod
    def since(cls, moment: datetime) -> "Iterable[Proof]":
        return cls.objects.filter(at__gte=moment).order_by("at", "id")

    @classmethod
    def tidy(cls, now: datetime) -> None:
        cls.objects.filter(at__lt=now - KEPT).delete()


def seen_text(seen: str, numbers: dict[str, Any]) -> str:
    """A stored sentence in the language in force. One of an earlier release may have lost its place: then as it is."""
    try:
        return _now(seen) % numbers
    except (KeyError, TypeError, ValueError):
        return seen
