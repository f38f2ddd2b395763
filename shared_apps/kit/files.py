"""Where files stand: below the UUID of the tenant in force, and nowhere without one."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

from shared_apps.kit import scope


class TenantStorage(FileSystemStorage):
    """`<data>/files/<tenant uuid>/…`; files of the shared schema stand below "shared". Served by views alone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            location=settings.MEDIA_ROOT,
            base_url=None,
            file_permissions_mode=0o600,
            directory_permissions_mode=0o700,
            **kwargs,
        )

    @property
    def base_location(self) -> str:
        return str(folder())

    @property
    def location(self) -> str:
        return str(folder())

    def _save(self, name: str, content: Any) -> str:
        """A file that could not be written to its end, on a full disk for one, leaves no beginning behind."""
        was_there = self.exists(name)
        try:
            return str(super()._save(name, content))  # type: ignore[misc]
        except BaseException:
            if not was_there:
                self.delete(name)
            raise


def folder() -> Path:
    """The folder of the tenant in force. Raises NoScope."""
    here = scope.tenant_id()
    return Path(settings.MEDIA_ROOT) / (str(here) if here else "shared")


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Hashed names. A page that names a file which was not collected still renders, with the plain name."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
