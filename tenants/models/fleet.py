"""What is known of the fleet: ready schemas, the ledger of migrations, and tables that are not as their release made them."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.rows import Row


class PoolSchema(Row):
    """A schema that waits for its client (schemas/pool.py): the row's UUID becomes the tenant's, and the row goes with that.

    Its schema is there once it is ready. A row that is not ready is being made, or was when somebody died.
    """

    release = models.CharField(max_length=30)
    fingerprint = models.CharField(max_length=64)
    is_ready = models.BooleanField(default=False)
    is_discarded = models.BooleanField(default=False)  # nobody may have it: a worker takes it away
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(
                fields=["release", "fingerprint"],
                condition=models.Q(is_ready=True),
                name="tenants_pool_ready",
            )
        ]


class FleetEntry(Row):
    """One line of the fleet's ledger (I9): a workspace and the tables that it is to have, and what became of that."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="fleet_entries")
    release = models.CharField(max_length=30)
    fingerprint = models.CharField(max_length=64)
    from_release = models.CharField(max_length=30)
    wave = models.PositiveSmallIntegerField()  # 0: the canary
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    error = models.TextField(blank=True)  # without values of rows
    attempts = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["wave", "created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "release", "fingerprint"], name="tenants_fleet_entry_once"
            )
        ]
        indexes = [
            models.Index(fields=["release", "fingerprint", "status", "wave"], name="tenants_fleet_status")
        ]


class Drift(Row):
    """A workspace whose tables are not those that its release makes, and where: the last look's findings (schemas/drift.py)."""

    tenant = models.OneToOneField("tenants.Tenant", on_delete=models.CASCADE, related_name="drift")
    differences = models.JSONField()  # sentences, in English: "column contacts_contact.city is missing"
    found_at = models.DateTimeField()

    class Meta:
        ordering = ["found_at", "id"]
