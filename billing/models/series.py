"""Numbers without a gap: one counter a kind of document and year, moved by the transaction that issues."""

from datetime import date
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps.kit.rows import Row


class Kind(models.TextChoices):
    INVOICE = "invoice", pgettext_lazy("a document of Smoall", "invoice")
    CREDIT_NOTE = "credit_note", pgettext_lazy("a document of Smoall", "credit note")


PREFIXES = {Kind.INVOICE: "", Kind.CREDIT_NOTE: "C"}


class Series(Row):
    """The database lets `last` grow by one at a time, and a commit keep it only with the document of that number."""

    kind = models.CharField(max_length=20, choices=Kind.choices)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)
    last_on = models.DateField(null=True)  # the day of that document: later numbers have no earlier one
    last_digest = models.CharField(max_length=64, blank=True)  # its digest, which the next one contains

    class Meta:
        verbose_name = _("series of numbers")
        verbose_name_plural = _("series of numbers")
        constraints = [
            models.UniqueConstraint(fields=["kind", "year"], name="billing_series_kind_year"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.year}: {self.last}"

    @classmethod
    def locked(cls, kind: str, year: int) -> Self:
        """The counter, locked until the transaction ends: who comes second waits and goes on from there.

        Made when it is the first of its year; two that make it at once make one.
        """
        cls.objects.bulk_create([cls(kind=kind, year=year)], ignore_conflicts=True)
        return cls.objects.select_for_update().get(kind=kind, year=year)

    def take(self, day: date) -> tuple[int, date]:
        """The next number and its day, not earlier than the last one's. To be written by `keep`."""
        return self.last + 1, max(day, self.last_on or day)

    def keep(self, *, number: int, day: date, digest: str) -> None:
        changes: dict[str, Any] = {"last": number, "last_on": day, "last_digest": digest}
        type(self).objects.filter(pk=self.pk).update(**changes)


def written(kind: str, year: int, number: int) -> str:
    """As it is printed: 2026-00017, and C2026-00003 for a credit note."""
    return f"{PREFIXES[Kind(kind)]}{year}-{number:05d}"
