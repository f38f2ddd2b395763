"""What the console keeps of its own: the last look at the fleet. Clients and their life are tenants'."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import models

from shared_apps.kit.rows import Row

GIVEN_UP_AFTER = timedelta(minutes=15)


class Inspection(Row):
    """One look at everything by a worker, which alone may compare schemas with rows (tenants.fleet).

    Only the last finished one is kept: what it says may name a client.
    """

    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)
    problems = models.JSONField(default=list)  # sentences, in English: what check_tenants prints
    total_bytes = models.BigIntegerField(default=0)  # of every workspace's tables and indexes
    largest = models.JSONField(default=list)  # [[client's UUID, bytes], …], the largest first

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M}"

    @classmethod
    def last(cls) -> "Inspection | None":
        """The newest finished one."""
        return cls.objects.exclude(finished_at=None).order_by("-finished_at").first()

    @classmethod
    def running(cls, now: datetime) -> "Inspection | None":
        """One that was asked for and may still finish."""
        return cls.objects.filter(finished_at=None, asked_at__gt=now - GIVEN_UP_AFTER).first()

    def finish(self, *, problems: list[str], sizes: dict[UUID, int], now: datetime) -> None:
        """Note what was seen, and forget every earlier look. `sizes`: bytes by client."""
        by_size = sorted(sizes.items(), key=lambda item: item[1], reverse=True)
        largest: list[list[Any]] = [[str(client), size] for client, size in by_size[:8]]
        self.problems, self.largest, self.total_bytes = problems, largest, sum(sizes.values())
        self.finished_at = now
        self.save()
        Inspection.objects.filter(asked_at__lt=self.asked_at).delete()
