"""Check an erasure certificate's form and signature against this deployment's public keys."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from tenants import certificate
from tenants.keys import KeyStore
from tenants.management.client_command import ClientCommand, Refused


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def run(self, *, file: Path, **options: Any) -> dict[str, Any]:
        try:
            verified = certificate.verify(file.read_bytes(), KeyStore.default().public_keys())
        except OSError as error:
            raise Refused(f"{file} can't be read: {error.strerror}.") from error
        except certificate.BadCertificate as error:
            raise Refused(f"Not genuine: {error.reason}") from error
        return {
            "genuine": True,
            "key": verified.key_id,
            "certificate": verified.document,
            "text": certificate.as_text(verified, "en"),
        }

    def say(self, result: dict[str, Any]) -> str:
        return f"{result['text']}\n\nGenuine, signed with key {result['key']}."
