"""Withdraw a client's notice, at its demand: nothing is erased, the workspace is as it was."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from tenants import departure
from tenants.management.client_command import ClientCommand, find


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subdomain")

    def run(self, *, subdomain: str, **options: Any) -> dict[str, Any]:
        tenant = find(subdomain)
        departure.withdraw(tenant.id, now=timezone.now())
        return {"subdomain": subdomain, "state": find(subdomain).state}

    def say(self, result: dict[str, Any]) -> str:
        return f"{result['subdomain']} stays, and is {result['state']}."
