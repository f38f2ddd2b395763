"""The base of every table: a UUIDv7 key, and rows that know their tenant (I5)."""

import os
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models

from shared_apps.kit import scope


class WrongTenant(scope.ScopeError):
    """A row loaded in one schema was used in another."""


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562, version 7): new rows stand at the end of their index."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class Row(models.Model):
    """A row remembers the schema that it was read from or saved in; elsewhere it refuses to be used.

    Raises WrongTenant from save, bulk_create, bulk_update, delete, refresh_from_db and from relating a row of another
    schema (tenants/router.py asks at the assignment).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any) -> Self:  # type: ignore[override]
        row = super().from_db(db, field_names, values)
        row._state.schema = scope.current().schema  # type: ignore[attr-defined]
        return row

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        self._must_be_here()
        super().save_base(*args, **kwargs)
        self._state.schema = scope.current().schema  # type: ignore[attr-defined]

    def _prepare_related_fields_for_save(self, operation_name: str, fields: Any = None) -> None:
        """Django's own gate before save, bulk_create and bulk_update."""
        self._must_be_here()
        for field in self._meta.concrete_fields:
            related = self._state.fields_cache.get(field.name) if field.is_relation else None
            if isinstance(related, Row):
                related._must_be_here()
        super()._prepare_related_fields_for_save(operation_name, fields)  # type: ignore[misc]
        if operation_name == "bulk_create":
            self._state.schema = scope.current().schema  # type: ignore[attr-defined]

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self._must_be_here()
        return super().delete(*args, **kwargs)

    def refresh_from_db(  # type: ignore[override]
        self, using: str | None = None, fields: Iterable[str] | None = None, **kwargs: Any
    ) -> None:
        self._must_be_here()
        super().refresh_from_db(using=using, fields=fields, **kwargs)

    def note_change(self, now: datetime) -> None:
        """Whoever has a form of this row open finds it changed from `now` on. Rows that no form looks at so note nothing."""

    @property
    def known_schema(self) -> str | None:
        """The schema that it was read from or saved in; None for one that is new."""
        return getattr(self._state, "schema", None)

    def _must_be_here(self) -> None:
        known = self.known_schema
        if known is not None and known != scope.current().schema:
            raise WrongTenant(f"a {self._meta.label} of {known} was used in {scope.current().schema}")
