"""Django caches content types for the whole process, whatever the schema: tenant B would get A's ids."""

from typing import Any

from django.contrib.contenttypes.models import ContentType, ContentTypeManager
from django.db import connections

from shared_apps.kit import scope

MOST = 200  # schemas remembered before everything is forgotten


class _BySchema(dict[str, Any]):
    """Answers the manager's own look-ups, with the schema in force added to the database's alias."""

    def __getitem__(self, alias: str) -> Any:
        return super().__getitem__(self._here(alias))

    def setdefault(self, alias: str, default: Any = None) -> Any:
        if len(self) > MOST:
            self.clear()
        return super().setdefault(self._here(alias), default)

    def forget_here(self) -> None:
        """What is known of the schema in force."""
        for alias in connections:
            self.pop(self._here(alias), None)

    @staticmethod
    def _here(alias: str) -> str:
        return f"{alias}:{scope.current().schema}"


def keep_apart() -> None:
    ContentType.objects._cache = _BySchema()  # type: ignore[attr-defined]


def enter_in(apps: Any) -> None:
    """The same for the models as a migration sees them, which every workspace's run of it shares.

    What is remembered of the schema in force goes: a run that was taken back made content types which are not there.
    """
    known = apps.all_models["contenttypes"].get("contenttype")
    if known is None:
        return
    for manager in {*known._meta.local_managers, *known._meta.managers}:
        if isinstance(manager, ContentTypeManager):
            kept: Any = manager._cache  # type: ignore[attr-defined]
            if isinstance(kept, _BySchema):
                kept.forget_here()
            else:
                manager._cache = _BySchema()  # type: ignore[attr-defined]
