"""Which models have a history, in django-auditlog's terms, its signals off: triggers write the entries."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from auditlog.registry import AuditlogModelRegistry
from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Field, ForeignKey, ManyToManyField, Model

SECRET_NAMES = frozenset({"password", "password_hash"})


@dataclass(frozen=True, slots=True)
class Declaration:
    """What auditlog has no word for: the naming column, the row that shows this one's changes, and how values are written."""

    label: str
    parent: str | None
    shown: Mapping[str, Callable[[str], str]]


auditlog = AuditlogModelRegistry(create=False, update=False, delete=False, access=False, m2m=False)
_declared: dict[type[Model], Declaration] = {}


def add(
    model: type[Model],
    *,
    label: str,
    exclude: Collection[str],
    mask: Collection[str],
    parent: str | None,
    m2m: Collection[str],
    shown: Mapping[str, Callable[[str], str]],
) -> None:
    """See shared_apps.history.register."""
    for name in {label, *exclude, *mask, *m2m, *shown, *([parent] if parent else [])}:
        _field(model, name)
    if label in {*exclude, *mask} or is_secret(_field(model, label)):
        raise ImproperlyConfigured(
            f"{model._meta.label}.{label} names the row in its history: it can't be hidden"
        )
    if parent and not isinstance(_field(model, parent), ForeignKey):
        raise ImproperlyConfigured(f"{model._meta.label}.{parent} is no foreign key")
    for field in model._meta.local_many_to_many:
        if field.name not in {*m2m, *exclude} and _has_automatic_table(field):
            raise ImproperlyConfigured(f"{model._meta.label}.{field.name} must stand in m2m or in exclude")
    secrets = {field.name for field in model._meta.local_concrete_fields if is_secret(field)}
    auditlog.register(
        model,
        exclude_fields=sorted({*exclude} | secrets),
        mask_fields=sorted(mask),
        m2m_fields=set(m2m),
    )
    _declared[model] = Declaration(label, parent, shown)


def declaration(model: type[Model]) -> Declaration:
    """What `register` was told. Raises KeyError for a model without history."""
    return _declared[model]


def is_registered(model: type[Model]) -> bool:
    return model in _declared


def models_with_history(*, tenant: bool) -> list[type[Model]]:
    """The models with a history whose tables stand in a tenant's schema, else in the shared one, by table."""
    listed = set(settings.TENANT_APPS if tenant else settings.SHARED_APPS)
    there = [model for model in _declared if _names(model._meta.app_config) & listed]
    return sorted(there, key=lambda model: model._meta.db_table)


def tracked_fields(model: type[Model]) -> "list[Field[Any, Any]]":
    """The columns of `model`'s own table whose changes are recorded, masked ones included."""
    excluded = set(auditlog.get_model_fields(model)["exclude_fields"])
    return [field for field in model._meta.local_concrete_fields if _is_tracked(field, excluded)]


def masked_fields(model: type[Model]) -> set[str]:
    return set(auditlog.get_model_fields(model)["mask_fields"])


def tracked_relations(model: type[Model]) -> "Iterable[ManyToManyField[Any, Any]]":
    """The many-to-many fields whose automatic table is recorded as changes of `model`'s rows."""
    names = auditlog._registry[model]["m2m_fields"]
    return [field for field in model._meta.local_many_to_many if field.name in names]


def is_secret(field: "Field[Any, Any]") -> bool:
    """Password columns: hashes have no place in a history, whatever was declared."""
    return (
        field.name in SECRET_NAMES or field.name.endswith("_password") or "Password" in type(field).__name__
    )


def _is_tracked(field: "Field[Any, Any]", excluded: set[str]) -> bool:
    return field.name not in excluded and not getattr(field, "generated", False)


def _field(model: type[Model], name: str) -> Any:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        raise ImproperlyConfigured(f"{model._meta.label} has no field {name!r} for its history") from None


def _has_automatic_table(field: "ManyToManyField[Any, Any]") -> bool:
    """Known before the other model is loaded: a `through` of one's own is a name or not auto-created."""
    through = field.remote_field.through
    if through is None:
        return True
    return not isinstance(through, str) and bool(through._meta.auto_created)


def _names(config: AppConfig | None) -> set[str]:
    """How an INSTALLED_APPS entry may name this app; nothing for a model of no installed app."""
    return {config.name, f"{type(config).__module__}.{type(config).__qualname__}"} if config else set()
