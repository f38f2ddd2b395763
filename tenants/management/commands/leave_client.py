"""Give notice for a client, at its demand: data stays three months, contact details twelve, unless it says otherwise."""

from datetime import date
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.management.base import CommandParser
from django.utils import timezone

from tenants import departure
from tenants.management.client_command import ClientCommand, Refused, day, find


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subdomain")
        parser.add_argument(
            "--received-on",
            type=day,
            metavar="YYYY-MM-DD",
            help="the day on which the client’s notice came in",
        )
        parser.add_argument("--data-on", type=day, metavar="YYYY-MM-DD", help="keep data until this day")
        parser.add_argument("--contacts-on", type=day, metavar="YYYY-MM-DD", help="and contact details")
        parser.add_argument(
            "--proof", type=Path, metavar="FILE", help="what the client wrote: a PDF, a mail, a picture"
        )

    def run(
        self,
        *,
        subdomain: str,
        received_on: date | None,
        data_on: date | None,
        contacts_on: date | None,
        proof: Path | None,
        **options: Any,
    ) -> dict[str, Any]:
        given = departure.give_notice(
            find(subdomain).id,
            now=timezone.now(),
            received_on=received_on,
            data_on=data_on,
            contacts_on=contacts_on,
            proof=_file(proof),
        )
        return {
            "subdomain": subdomain,
            "departure": given.id,
            "data_on": given.data_on,
            "contacts_on": given.contacts_on,
        }

    def say(self, result: dict[str, Any]) -> str:
        return (
            f"{result['subdomain']} leaves: data until the end of {result['data_on']}, "
            f"contact details until the end of {result['contacts_on']}."
        )


def _file(path: Path | None) -> "ContentFile[bytes] | None":
    if path is None:
        return None
    try:
        return ContentFile(path.read_bytes(), name=path.name)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}.") from error
