"""The two tables that django-tenants asks of a project."""

from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Workspace(TenantMixin):
    """Saving a new one makes its schema and migrates it, as in any project on django-tenants."""

    uuid = models.UUIDField(unique=True)
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Address(DomainMixin):
    def __str__(self) -> str:
        return str(self.domain)
