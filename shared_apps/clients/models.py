"""A client company's contact details. Its business data is in its own schema; its workspace in tenants/."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps import history
from shared_apps.kit import numbers, places
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold


class Client(Row):
    """Outlives its tenant: the contact details stay twelve calendar months after a notice (P36)."""

    company = models.CharField(_("company"), max_length=200)
    company_folded = models.CharField(max_length=200, editable=False, db_index=True)
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True)
    street = models.CharField(_("street and number"), max_length=200, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    country = models.CharField(_("country"), max_length=2, default="BE")
    language = models.CharField(_("language"), max_length=5, default="fr")
    contact_name = models.CharField(_("contact person"), max_length=200)
    contact_email = models.EmailField(_("e-mail"))
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["company_folded", "id"]

    def __str__(self) -> str:
        return self.company

    def save(self, *args: object, **kwargs: object) -> None:
        self.company_folded = fold(self.company)[:200]
        super().save(*args, **kwargs)  # type: ignore[arg-type]


history.register(
    Client,
    label="company",
    exclude=("company_folded",),
    shown={
        "vat_number": numbers.format_vat,
        "country": places.country_name,
        "language": places.language_name,
    },
)
