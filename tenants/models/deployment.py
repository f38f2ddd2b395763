"""Which deployment a database belongs to (P18)."""

from django.db import models


class Deployment(models.Model):
    """One row, written by the owner alone (tenants/identity.py): whose data folder this database goes with."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    identity = models.CharField(max_length=64)  # of the data folder's keys: KeyStore.deployment
    environment = models.CharField(
        max_length=12
    )  # SMOALL_ENV; once "production", only neutralising changes it
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.environment} {self.identity[:12]}"
