"""Mail in development: files in the data folder instead of SMTP. views.py shows them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from shared_apps.kit.rows import uuid7

SAFE = re.compile(r"[0-9a-z-]{1,64}\Z")


class FolderBackend(BaseEmailBackend):
    """Writes each mail as `<data>/mails/<client's UUID or "shared">/<UUIDv7>.eml`, whole or not at all."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            write(message)
        return len(email_messages)


def root() -> Path:
    return Path(settings.SMOALL_DATA) / "mails"


def remove(folder: str, stem: str) -> None:
    """Where mails leave by SMTP there is none."""
    (root() / folder / f"{stem}.eml").unlink(missing_ok=True)


def write(message: EmailMessage) -> Path:
    """The same mail again replaces its file. Its folder is readable by this user alone."""
    folder, stem = getattr(message, "folder", "shared"), getattr(message, "stem", "") or str(uuid7())
    if not SAFE.match(folder) or not SAFE.match(stem):
        raise ValueError(f"no place for mails: {folder!r}/{stem!r}")
    (root() / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    target = root() / folder / f"{stem}.eml"
    unfinished = target.with_suffix(f".{os.getpid()}.part")
    written = message.message()
    written["X-Smoall-Purpose"] = getattr(
        message, "purpose", ""
    )  # for the page: what is sent doesn't carry it
    with unfinished.open("wb") as file:
        unfinished.chmod(0o600)
        file.write(written.as_bytes())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(target)
    return target
