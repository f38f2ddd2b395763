"""Rows of any model, made from its fields alone, so that tomorrow's models are tested tomorrow."""

import hashlib
import itertools
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.history import registry
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7

_numbers = itertools.count(1)

# What a model's own rules ask for beyond its fields: its label, and the values to build it with.
RULES: dict[str, Callable[[], dict[str, Any]]] = {
    "accounts.User": lambda: {"kind": "person" if scope.tenant_id() else "operator"},
    "sharing.Partner": lambda: {"categories": ["contact"]},
    "sharing.Verification": lambda: {
        "sha256": hashlib.sha256(b"policy").hexdigest(),
        "text": "policy",
        "verified_on": timezone.localdate(),
        "valid_until": timezone.localdate(),
    },
    "sharing.Disclosure": lambda: {"categories": ["contact"]},
    "sharing.Order": lambda: {"registered_at": timezone.now()},
    "legal.Publication": lambda: {
        "proposed_by": saved(User),
        "proposed_at": timezone.now(),
        "explanation": "proposed",
    },
}


def build(model: type[models.Model]) -> Any:
    """An unsaved row with what is required, different from every other one. Rows that it needs are saved."""
    values: dict[str, Any] = {}
    label = registry.declaration(model).label if registry.is_registered(model) else ""
    for field in model._meta.concrete_fields:
        is_optional = field.has_default() or field.null or (field.blank and field.name != label)
        if is_optional or isinstance(field, models.AutoField):
            continue
        values[field.name] = saved(field.related_model) if field.is_relation else value_for(field)  # type: ignore[arg-type]
    return model(**values | RULES.get(model._meta.label, dict)())


def saved(model: type[models.Model]) -> Any:
    row = build(model)
    row.save()
    return row


def value_for(field: Any) -> Any:
    """A valid value that no earlier call gave, as far as the type allows."""
    n = next(_numbers)
    if field.choices:
        return field.flatchoices[n % len(field.flatchoices)][0]
    if isinstance(field, models.EmailField):
        return f"person{n}@example.test"
    if isinstance(field, models.CharField | models.TextField):
        return f"w{n}"[: field.max_length or None]
    makers: dict[type[Any], Callable[[], Any]] = {
        models.UUIDField: uuid7,
        models.BooleanField: lambda: bool(n % 2),
        models.DecimalField: lambda: Decimal(n) / 100,
        models.FloatField: lambda: n / 8,
        models.IntegerField: lambda: n % 30000,
        models.DateTimeField: lambda: timezone.now() + timedelta(seconds=n),
        models.DateField: lambda: date(2026, 1, 1) + timedelta(days=n),
        models.DurationField: lambda: timedelta(seconds=n),
        models.JSONField: lambda: {"n": n},
        models.BinaryField: lambda: bytes([n % 256]),
        models.FileField: lambda: f"file-{n}",
    }
    for type_, maker in makers.items():
        if isinstance(field, type_):
            return maker()
    raise NotImplementedError(f"no value is known for {field}: add its type here")


def changeable(model: type[models.Model]) -> Any:
    """A tracked, visible field whose value may be anything of its type: text if there is any."""
    hidden = registry.masked_fields(model)
    fields = [f for f in registry.tracked_fields(model) if not (f.primary_key or f.choices)]
    fields = [f for f in fields if f.name not in hidden and not getattr(f, "auto_now", False)]
    own = [f for f in fields if not f.is_relation]
    texts = [f for f in own if type(f) in (models.CharField, models.TextField)]
    plain = [f for f in own if not f.unique and not isinstance(f, models.BooleanField)]
    texts.sort(key=lambda field: field.name != registry.declaration(model).label)
    found = [f for f in texts if not f.unique] or plain or texts or [f for f in fields if f.is_relation]
    assert found, f"{model._meta.label} tracks no field that a test could change"
    return found[0]


def new_value(field: Any) -> Any:
    """A value for the attribute of that field; the row that a relation needs is saved."""
    return saved(field.related_model).pk if field.is_relation else value_for(field)
