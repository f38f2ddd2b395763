"""Copies of a workspace that its owners took."""

from django.db import models
from django.utils import timezone

from shared_apps.kit.rows import Row


class Export(Row):
    """One copy of a tenant's data, encrypted to its recipient; kept until taken once or expired."""

    tenant_uuid = models.UUIDField(db_index=True)
    requested_by = models.JSONField()  # requests.role_of: no name
    recipient = models.CharField(
        max_length=20
    )  # "passphrase", "age" or "folder": how it is encrypted, never the secret
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    size = models.BigIntegerField(default=0)  # bytes
    sha256 = models.CharField(max_length=64, blank=True)
    saga = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
