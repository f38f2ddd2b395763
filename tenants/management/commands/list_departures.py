"""Every client that leaves or has left: when notice was given, what is kept until when, what is erased."""

from typing import Any

from django.core.management.base import CommandParser

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from tenants.management.client_command import ClientCommand
from tenants.models import Departure


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all", action="store_true", dest="with_past", help="withdrawn and forgotten ones too"
        )

    def run(self, *, with_past: bool, **options: Any) -> dict[str, Any]:
        with scope.shared():
            found = list(Departure.objects.all() if with_past else Departure.objects.standing())
            names = dict(
                Client.objects.filter(pk__in=[one.client_uuid for one in found]).values_list("pk", "company")
            )
        return {
            "departures": [
                {
                    "departure": one.id,
                    "tenant": one.tenant_uuid,
                    "client": one.client_uuid,
                    "company": names.get(one.client_uuid, ""),
                    "noticed_at": one.noticed_at,
                    "data_on": one.data_on,
                    "contacts_on": one.contacts_on,
                    "withdrawn_at": one.withdrawn_at,
                    "data_erased_at": one.data_erased_at,
                    "contacts_erased_at": one.contacts_erased_at,
                    "returned_at": one.returned_at,
                }
                for one in found
            ]
        }

    def say(self, result: dict[str, Any]) -> str:
        rows = [
            f"{one['company'] or one['client']!s:<36} notice {one['noticed_at']:%Y-%m-%d}  "
            f"data {_state(one['data_on'], one['data_erased_at'])}  "
            f"contact details {_state(one['contacts_on'], one['contacts_erased_at'])}"
            f"{'  withdrawn' if one['withdrawn_at'] else ''}{'  came back' if one['returned_at'] else ''}"
            for one in result["departures"]
        ]
        return "\n".join(rows) or "Nobody leaves."


def _state(on: Any, erased_at: Any) -> str:
    return f"erased {erased_at:%Y-%m-%d}" if erased_at else f"until {on}"
