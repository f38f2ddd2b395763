"""What the console keeps of its own: the last look at the fleet, and what each operator signed.

Clients and their life are tenants'.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import User
from shared_apps.kit.rows import Row
from shared_apps.legal import documents
from shared_apps.legal.documents import Document

GIVEN_UP_AFTER = timedelta(minutes=15)


class Inspection(Row):
    """One look at everything by a worker, which alone may compare schemas with rows (tenants.fleet).

    Only the last finished one is kept: what it says may name a client.
    """

    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)
    problems = models.JSONField(default=list)  # sentences, in English: what check_tenants prints
    total_bytes = models.BigIntegerField(default=0)  # of every workspace's tables and indexes
    largest = models.JSONField(default=list)  # [[client's UUID, bytes], …], the largest first

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M}"

    @classmethod
    def last(cls) -> "Inspection | None":
        """The newest finished one."""
        return cls.objects.exclude(finished_at=None).order_by("-finished_at").first()

    @classmethod
    def running(cls, now: datetime) -> "Inspection | None":
        """One that was asked for and may still finish."""
        return cls.objects.filter(finished_at=None, asked_at__gt=now - GIVEN_UP_AFTER).first()

    def finish(self, *, problems: list[str], sizes: dict[UUID, int], now: datetime) -> None:
        """Note what was seen, and forget every earlier look. `sizes`: bytes by client."""
        by_size = sorted(sizes.items(), key=lambda item: item[1], reverse=True)
        largest: list[list[Any]] = [[str(client), size] for client, size in by_size[:8]]
        self.problems, self.largest, self.total_bytes = problems, largest, sum(sizes.values())
        self.finished_at = now
        self.save()
        Inspection.objects.filter(asked_at__lt=self.asked_at).delete()


class CannotAlter(TypeError):
    """What was signed or seen is a fact: it is recorded once."""


class Signature(Row):
    """An operator signed one version of the confidentiality text (P22). Never altered, never deleted: its own record."""

    # Held by the database alone: Django would ask for this table when a person of a workspace is deleted.
    operator = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="signatures")
    version = models.CharField(_("version"), max_length=20)
    language = models.CharField(_("language"), max_length=5)
    sha256 = models.CharField(_("hash"), max_length=64)  # of the text that was shown
    signed_at = models.DateTimeField(_("signed"))

    class Meta:
        verbose_name = _("signature")
        verbose_name_plural = _("signatures")
        ordering = ["-signed_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["operator", "version"], name="operators_signature_once"),
        ]

    def __str__(self) -> str:
        return self.version

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises CannotAlter for a row that exists."""
        if not self._state.adding:
            raise CannotAlter
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises CannotAlter."""
        raise CannotAlter

    @classmethod
    def sign(cls, document: Document, *, by: User, language: str, now: datetime) -> "Signature":
        """The first one of a version stays."""
        shown = document.language(language)
        values = {"language": shown, "sha256": document.sha256(shown), "signed_at": now}
        return cls.objects.get_or_create(operator=by, version=document.version, defaults=values)[0]

    @classmethod
    def missing(cls, operator: User, *, now: datetime) -> Document | None:
        """The text in force when this operator hasn't signed it; None when they have."""
        current = documents.current("confidentiality", today=timezone.localdate(now))
        is_signed = cls.objects.filter(operator=operator, version=current.version).exists()
        return None if is_signed else current
