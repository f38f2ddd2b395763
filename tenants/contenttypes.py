"""Django caches content types for the whole process, whatever the schema: tenant B would get A's ids."""

from typing import Any

from django.contrib.contenttypes.models import ContentType

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

    @staticmethod
    def _here(alias: str) -> str:
        return f"{alias}:{scope.current().schema}"


def keep_apart() -> None:
    ContentType.objects._cache = _BySchema()  # type: ignore[attr-defined]
