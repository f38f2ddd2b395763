"""Which app's tables stand in which kind of schema: SHARED_APPS in public, TENANT_APPS in every tenant's.

And which models' that are, and which rows may be related: those of one schema (I5).
"""

from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import models

from shared_apps.kit import scope
from shared_apps.kit.rows import Row, WrongTenant

WITHOUT_TABLES = {"auth"}  # Django's users and permissions: Smoall has its own


class SchemaRouter:
    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        if app_label in WITHOUT_TABLES:
            return False
        here = scope.current()
        listed = settings.TENANT_APPS if here.tenant else settings.SHARED_APPS
        return apps.get_app_config(app_label).name in {_app_name(entry) for entry in listed}

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> None:
        """Asked when a row is assigned to another or added to its many-to-many field. Raises WrongTenant."""
        schemas = {row.known_schema for row in (obj1, obj2) if isinstance(row, Row)} - {None}
        if len(schemas) > 1:
            raise WrongTenant(f"a {obj1._meta.label} and a {obj2._meta.label} of two schemas were related")


def models_of(*, shared: bool) -> tuple[type[models.Model], ...]:
    """The models whose tables stand in the shared schema, or in every workspace's; those of many-to-many fields too."""
    router = SchemaRouter()
    with scope._entered(scope.SHARED if shared else scope.Scope("tenant", "", "", UUID(int=0)), None):
        return tuple(
            model
            for model in apps.get_models(include_auto_created=True)
            if not (model._meta.proxy or model._meta.swapped)
            and router.allow_migrate("default", model._meta.app_label)
        )


def _app_name(entry: str) -> str:
    """The package of an INSTALLED_APPS entry, which may name an AppConfig."""
    return entry.rsplit(".apps.", 1)[0]
