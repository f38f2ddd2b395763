"""The tables of a workspace as a release makes them."""

from django.db import models
from django.utils import timezone


class Snapshot(models.Model):
    """The tables of a workspace as one release makes them: DDL and seed rows, replayed for a new tenant (I8)."""

    release = models.CharField(max_length=30, primary_key=True)
    fingerprint = models.CharField(max_length=64)
    schema = models.CharField(max_length=34)  # the template's name, replaced by the tenant's when replayed
    ddl = models.TextField()
    tables = models.JSONField()  # [[table, [column, …]], …] in an order that loads
    seeds = models.JSONField()  # {table: CSV}
    # {release: [why its code doesn't run on these tables]}, as `prepare` of that release found it (schemas/releases.py)
    refused_by = models.JSONField(default=dict)
    recorded_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.release
