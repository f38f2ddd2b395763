"""Which version of a legal text a client accepted, and when (P43). The texts are in documents.py."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models

from shared_apps import history
from shared_apps.kit.rows import Row
from shared_apps.legal.documents import Document


class CannotChange(TypeError):
    """An acceptance is a fact: it is recorded once and never altered."""


class Acceptance(Row):
    """A client accepted one text. Names the client by its UUID, so that it can't hold up an erasure."""

    client_uuid = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=20)
    version = models.CharField(max_length=20)
    language = models.CharField(max_length=5)
    sha256 = models.CharField(max_length=64)  # of the text that was shown
    accepted_at = models.DateTimeField()

    class Meta:
        ordering = ["-accepted_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["client_uuid", "kind", "version"], name="legal_acceptance_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises CannotChange for a row that exists."""
        if not self._state.adding:
            raise CannotChange
        super().save(*args, **kwargs)

    @classmethod
    def record(cls, document: Document, *, client: UUID, language: str, at: datetime) -> Self:
        """The client's acceptance of this version; the first one stays when there is one already."""
        shown = document.language(language)
        found, _ = cls.objects.get_or_create(
            client_uuid=client,
            kind=document.kind,
            version=document.version,
            defaults={"language": shown, "sha256": document.sha256(shown), "accepted_at": at},
        )
        return found


history.register(Acceptance, label="kind")
