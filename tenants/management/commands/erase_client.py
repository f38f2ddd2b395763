"""Close a client's workspace and destroy it after a delay (12 hours; 0 destroys now and prints the certificate)."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from shared_apps.kit import scope
from tenants import erasure, sagas
from tenants.ledger import Ledger
from tenants.management.client_command import ClientCommand, Refused, find
from tenants.models import Erasure


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subdomain")
        parser.add_argument("--yes", action="store_true", help="really")
        parser.add_argument("--delay", type=float, default=12, metavar="HOURS")
        parser.add_argument("--with-contacts", action="store_true", help="the contact details too")

    def run(
        self, *, subdomain: str, yes: bool, delay: float, with_contacts: bool, **options: Any
    ) -> dict[str, Any]:
        tenant = find(subdomain)
        if not yes:
            raise Refused(
                f"This destroys everything of {tenant.client.company} ({subdomain}). Add --yes to do it."
            )
        longest = erasure.LONGEST_DELAY // timedelta(hours=1)
        if not 0 <= delay <= longest:
            raise Refused(f"--delay takes hours, from 0 to {longest}.")
        found = erasure.request(
            tenant.id, now=timezone.now(), delay=timedelta(hours=delay), with_contacts=with_contacts
        )
        if delay == 0:
            found = self._destroy(found)
        return {
            "subdomain": subdomain,
            "tenant": found.tenant_uuid,
            "destroy_at": found.destroy_at,
            "destroyed_at": found.destroyed_at,
            "certificate": found.certificate,
        }

    def _destroy(self, found: Erasure) -> Erasure:
        saga = sagas.run(found.saga)  # type: ignore[arg-type]
        with scope.shared():
            found.refresh_from_db()
        if not found.destroyed_at:
            raise Refused(
                f"The erasure stopped at step {saga.cursor}: {saga.error or saga.status}. The worker goes on with it."
            )
        self.progress(100, "Destroyed.")
        if not found.certificate and (recorded := Ledger.default().find(found.tenant_uuid)):
            found.certificate = (
                recorded.entry.certificate
            )  # a worker was quick, and the contact details are gone
        return found

    def say(self, result: dict[str, Any]) -> str:
        if result["destroyed_at"]:
            return result["certificate"]  # type: ignore[no-any-return]
        return f"{result['subdomain']} is closed; destroyed on {result['destroy_at']:%Y-%m-%d %H:%M %Z} unless an owner cancels."
