"""Which tables the one schema has: a workspace's."""

from typing import Any

from django.apps import apps
from django.conf import settings


class OneSchema:
    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        name = apps.get_app_config(app_label).name
        return name in {entry.rsplit(".apps.", 1)[0] for entry in settings.TENANT_APPS}
