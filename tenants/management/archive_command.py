"""What commands that open an archive share: its file, and the key or passphrase to it."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from tenants.keys import BadKey, KeyStore
from tenants.management.client_command import ClientCommand, Refused

OF_A_CLIENT = re.compile(r"-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-")


class ArchiveCommand(ClientCommand):
    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--key-file", type=Path, help="a file with the passphrase or the age secret key")

    def secret(self, file: Path, key_file: Path | None) -> str | None:
        """What opens the archive: the given one, else the key kept for the client that its name tells."""
        if key_file:
            try:
                return key_file.read_text().strip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise Refused(f"{key_file} can't be read.") from error
        named: Any = OF_A_CLIENT.search(file.name)
        try:
            return str(KeyStore.default().identity(UUID(named[1]))) if named else None
        except BadKey:
            return None
