"""Reconcile rows, schemas, roles, files, queue and keys; name every orphan. Exits with 1 when there is any."""

from typing import Any

from tenants import fleet
from tenants.management.client_command import ClientCommand


class Command(ClientCommand):
    help = __doc__
    needs_open = False

    def run(self, **options: Any) -> dict[str, Any]:
        return {"problems": list(fleet.problems())}

    def say(self, result: dict[str, Any]) -> str:
        return "\n".join(result["problems"]) or "Everything fits together."
