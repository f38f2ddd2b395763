"""Write a client's export into a folder, encrypted to the client's own key, a passphrase file or an age key.

Only encrypted files are written. Without --recipient or --passphrase-file the archive opens with the key that this
deployment keeps for the client, and stops opening when that key is destroyed.
"""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from shared_apps.history.models import Event
from shared_apps.kit import scope
from tenants import export
from tenants.archive import parse_recipient
from tenants.archive.age import PublicKey, Recipient
from tenants.keys import KeyStore
from tenants.management.client_command import ClientCommand, Refused, find
from tenants.models import Export, Tenant
from tenants.requests import role_of


class Command(ClientCommand):
    help = __doc__
    needs_grant = True

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subdomain")
        parser.add_argument("--to", type=Path, required=True, metavar="DIR")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--recipient", metavar="age1…")
        how.add_argument("--passphrase-file", type=Path)

    def run(
        self,
        *,
        subdomain: str,
        to: Path,
        recipient: str | None,
        passphrase_file: Path | None,
        grant: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        tenant, now = find(subdomain), timezone.now()
        self.permit(tenant, grant)
        encrypted_to = self._recipient(tenant, recipient, passphrase_file)
        if not to.is_dir():
            raise Refused(f"{to} is not a folder.")
        place = to / f"smoall-{subdomain}-{tenant.id}-{now:%Y%m%dT%H%M%S}.zip.age"
        draft = place.with_suffix(".part")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                written = export.write(
                    tenant.id,
                    file,
                    [encrypted_to],
                    now=now,
                    progress=lambda p, doing: self.progress(p, str(doing)),
                )
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
        except OSError as error:
            raise Refused(f"{place} can't be written: {error.strerror}.") from error
        finally:
            draft.unlink(missing_ok=True)
        with scope.shared():
            made = Export.objects.create(
                tenant_uuid=tenant.id,
                requested_by=role_of(scope.actor()),
                recipient="folder",
                created_at=now,
                expires_at=now,
                ready_at=now,
                taken_at=now,
                size=written.bytes,
                sha256=written.sha256,
            )
            with scope.tenant(tenant.id):
                export.note(Event.What.COPY_TAKEN, made)
        return {
            "file": str(place),
            "bytes": written.bytes,
            "sha256": written.sha256,
            "counts": dict(written.manifest.counts),
        }

    def _recipient(self, tenant: Tenant, recipient: str | None, passphrase_file: Path | None) -> Recipient:
        if recipient:
            return parse_recipient(recipient)
        if passphrase_file:
            return parse_recipient(_first_line(passphrase_file))
        return PublicKey.parse(KeyStore.default().recipient(tenant.id))

    def say(self, result: dict[str, Any]) -> str:
        return f"{result['file']}  ({result['bytes']} bytes, {sum(result['counts'].values())} rows)"


def _first_line(path: Path) -> str:
    """Raises Refused."""
    try:
        return path.read_text().splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise Refused(f"{path} holds no passphrase.") from error
