"""Check every part of an export against its signed manifest."""

from pathlib import Path
from typing import Any

from tenants import restore
from tenants.archive import BadArchive
from tenants.management.archive_command import ArchiveCommand
from tenants.management.client_command import Refused


class Command(ArchiveCommand):
    help = __doc__

    def run(self, *, file: Path, key_file: Path | None, **options: Any) -> dict[str, Any]:
        try:
            with restore.opened(file, self.secret(file, key_file)) as reader:
                report = restore.check(reader)
        except (BadArchive, restore.CannotRestore) as error:
            raise Refused(f"{file.name}: {error}") from error
        manifest = report.manifest
        assert manifest is not None
        return {
            "sound": True,
            "tenant": manifest.tenant,
            "release": manifest.release,
            "made_at": manifest.made_at,
            "parts": len(manifest.parts),
            "bytes": report.bytes,
            "counts": dict(manifest.counts),
        }

    def say(self, result: dict[str, Any]) -> str:
        return (
            f"Sound: {result['parts']} parts, {sum(result['counts'].values())} rows, {result['bytes']} bytes, "
            f"made by release {result['release']} on {result['made_at']:%Y-%m-%d %H:%M %Z}."
        )
