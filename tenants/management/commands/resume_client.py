"""End a client's suspension."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from shared_apps.kit import scope
from tenants.management.client_command import ClientCommand, find
from tenants.models import Tenant


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subdomain")

    def run(self, *, subdomain: str, **options: Any) -> dict[str, Any]:
        with scope.shared():
            tenant = Tenant.locked(find(subdomain).id)
            tenant.resume(now=timezone.now())
        return {"subdomain": subdomain, "state": tenant.state}

    def say(self, result: dict[str, Any]) -> str:
        return f"{result['subdomain']} is active again."
