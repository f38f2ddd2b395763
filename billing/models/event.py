"""What the processor told us: that it did, and nothing of what it said (P15)."""

from datetime import datetime

from django.db import connection, models


class Event(models.Model):
    """An event that has had its effect, in the transaction that had it: the same one again has none."""

    id = models.CharField(max_length=100, primary_key=True)  # the processor's
    type = models.CharField(max_length=100)
    created_at = models.DateTimeField()  # there
    received_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.id

    @classmethod
    def take(cls, id: str, type: str, *, created_at: datetime, now: datetime) -> bool:
        """Whether it is new. Another transaction with the same event is waited for: it may still be rolled back."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO billing_event (id, type, created_at, received_at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (id) DO NOTHING RETURNING id",
                [id[:100], type[:100], created_at, now],
            )
            return cursor.fetchone() is not None
