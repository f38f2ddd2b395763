"""The one number that a workspace publishes: how many people it has (P19)."""

from datetime import datetime
from uuid import UUID

from django.db import models

from shared_apps.kit.rows import Row


class Seats(Row):
    """Written by the workspace itself (billing/seats.py); billing reads nothing else of it."""

    client_uuid = models.UUIDField(unique=True)
    people = models.PositiveIntegerField(default=1)
    counted_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "seats"

    def __str__(self) -> str:
        return str(self.people)

    @classmethod
    def publish(cls, client: UUID, people: int, *, now: datetime) -> bool:
        """Store the number, one at least; whether it is another one now. In the shared scope."""
        wanted = max(1, people)
        row, is_new = cls.objects.select_for_update().get_or_create(
            client_uuid=client, defaults={"people": wanted, "counted_at": now}
        )
        if is_new:
            return True
        changed = row.people != wanted
        row.people, row.counted_at = wanted, now
        row.save(update_fields=["people", "counted_at"])
        return changed

    @classmethod
    def of(cls, client: UUID) -> int:
        """The number last published; one before any was. In the shared scope."""
        found = cls.objects.filter(client_uuid=client).values_list("people", flat=True).first()
        return found or 1
