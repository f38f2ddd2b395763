"""Make a database ready for this release: roles, shared tables, template and snapshot. May be run again."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tenants import keys, roles, snapshot


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SMOALL_ADMIN_URL:
            raise CommandError("No database: set DATABASE_URL, or start the embedded one with scripts/run.")
        roles.set_up(settings.SMOALL_ADMIN_URL, settings.DATABASES["default"]["NAME"], settings.SMOALL_LOGINS)
        keys.KeyStore.default().prepare()
        snapshot.build_shared()
        recorded = snapshot.record()
        self.stdout.write(f"Release {recorded.release} is ready, fingerprint {recorded.fingerprint[:12]}.")
