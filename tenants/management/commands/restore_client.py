"""Load an export into a new workspace. Verified first; nothing is left behind when it is refused."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from shared_apps.kit import scope
from tenants import restore, sagas
from tenants.archive import BadArchive
from tenants.management.archive_command import ArchiveCommand
from tenants.management.client_command import Refused
from tenants.models import Saga, Tenant


class Command(ArchiveCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        super().add_own_arguments(parser)
        parser.add_argument("--subdomain", required=True)

    def run(self, *, file: Path, key_file: Path | None, subdomain: str, **options: Any) -> dict[str, Any]:
        secret = self.secret(file, key_file)
        try:
            restore.opened(file, secret).__exit__(None, None, None)
        except BadArchive as error:
            raise Refused(f"{file.name}: {error}") from error
        saga = sagas.run(restore.request(file, secret, subdomain=subdomain).pk)
        if saga.status != Saga.Status.DONE:
            raise Refused(
                saga.error or f"The restore stands at step {saga.cursor}; the worker goes on with it."
            )
        with scope.shared():
            tenant = Tenant.objects.prefetch_related("domains").get(pk=saga.subject)
            url = tenant.url
        return {"subdomain": subdomain, "tenant": tenant.id, "url": url, "state": tenant.state}

    def say(self, result: dict[str, Any]) -> str:
        return f"Restored: {result['url']}. Its owners were mailed how to enter."
