"""Instructions to erase a client, and how far this database has applied the erasure ledger."""

from django.db import models

from shared_apps.kit.rows import Row


class Erasure(Row):
    """An instruction to erase a client, from closing the workspace to the signed certificate."""

    tenant_uuid = models.UUIDField(db_index=True)
    client_uuid = models.UUIDField()
    with_contacts = models.BooleanField(default=False)  # the contact details too, at once
    requested_by = models.JSONField()  # requests.role_of: no name
    requested_at = models.DateTimeField()  # of the instruction, or of the notice whose date has come
    closed_at = models.DateTimeField()
    destroy_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    certificate = models.TextField(blank=True)  # canonical JSON, signed
    saga = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_uuid"],
                condition=models.Q(cancelled_at=None),
                name="tenants_one_erasure_at_a_time",
            )
        ]


class LedgerHead(models.Model):
    """The last entry of the erasure ledger that this database has applied; one row, written by the owner alone (gate.py)."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    seq = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
    applied_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.seq} {self.hash[:12]}"
