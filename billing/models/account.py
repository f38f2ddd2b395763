"""A client as the processor knows it: its customer there, and what was told of the contact details."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.clients.models import Client
from shared_apps.kit.rows import Row

# What goes to the processor of the contact details, and comes back when it is changed there.
TOLD = ("company", "vat_number", "street", "postal_code", "city", "country", "contact_email", "phone")

PROMISED = timedelta(days=1)  # for the processor's record to be gone, once the client is (P40)


class TaxStatus(models.TextChoices):
    """The processor's words; `none` where there is no number."""

    NONE = "none", _("no number")
    PENDING = "pending", _("being checked")
    VERIFIED = "verified", _("checked")
    UNVERIFIED = "unverified", _("could not be confirmed")
    UNAVAILABLE = "unavailable", _("can’t be checked now")


class Account(Row):
    """Made with the first order: before it the processor knows nothing of the client.

    `sent` is what the processor has of the contact details, as far as we know: what differs there from it was changed
    there, what differs here was changed here (billing/customers.py).
    """

    client_uuid = models.UUIDField(unique=True)
    customer_id = models.CharField(max_length=100, unique=True, null=True, blank=True)
    billing_email = models.EmailField(_("e-mail for invoices"), blank=True)
    reference = models.CharField(_("your reference"), max_length=100, blank=True)
    tax_id = models.CharField(max_length=100, blank=True)  # the processor's key of the number
    tax_number = models.CharField(_("VAT number"), max_length=30, blank=True)
    tax_status = models.CharField(
        _("state of the VAT number"), max_length=20, choices=TaxStatus, default=TaxStatus.NONE
    )
    pay_method = models.CharField(
        _("means of payment"), max_length=40, blank=True
    )  # its kind: never a detail (P15)
    sent = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    synced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("billing account")
        verbose_name_plural = _("billing accounts")

    def __str__(self) -> str:
        return self.customer_id or str(self.client_uuid)

    @classmethod
    def of(cls, client: UUID) -> "Account | None":
        return cls.objects.filter(client_uuid=client).first()

    @classmethod
    def locked(cls, client: UUID, *, now: datetime) -> Self:
        """Made when it isn't there, and held until the transaction ends. In the shared scope."""
        cls.objects.bulk_create([cls(client_uuid=client, created_at=now)], ignore_conflicts=True)
        return cls.objects.select_for_update().get(client_uuid=client)

    def email_for(self, client: Client) -> str:
        """Where invoices go."""
        return self.billing_email or client.contact_email

    def told(self, client: Client) -> dict[str, str]:
        """What the processor should have of this client."""
        details = {name: str(getattr(client, name)) for name in TOLD}
        return details | {"contact_email": self.email_for(client)}


class Parting(Row):
    """A customer whose record the processor has to delete: kept until it did, by the processor's key and ours."""

    customer_id = models.CharField(max_length=100, unique=True)
    client_uuid = models.UUIDField(
        null=True
    )  # whose last document and money come through it; it names nobody
    asked_at = models.DateTimeField()

    class Meta:
        verbose_name = _("record to be deleted at the payment operator")
        verbose_name_plural = _("records to be deleted at the payment operator")

    def __str__(self) -> str:
        return self.customer_id

    @classmethod
    def late(cls, *, now: datetime) -> "models.QuerySet[Parting]":
        """Those that should be gone by now."""
        return cls.objects.filter(asked_at__lt=now - PROMISED)


def client_of(customer: str) -> UUID | None:
    """Whose customer of the processor it is, also when the contact details are gone and its record there is not."""
    for model in (Account, Parting) if customer else ():
        found = (
            model._default_manager.filter(customer_id=customer).values_list("client_uuid", flat=True).first()
        )
        if found:
            return UUID(str(found))
    return None


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """What stands in `after` and stood otherwise in `before`."""
    return {name: str(value) for name, value in after.items() if str(before.get(name, "")) != str(value)}
