"""check_tenants names the file that no row names, and the row whose file is gone."""

import os
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from shared_apps.kit import files
from tenant_apps.contacts.models import Attachment, Contact
from tenants import fleet
from tests.conftest import Cast
from tests.toys.fixtures import committed

__all__ = ["committed"]


def said(acme: Cast) -> list[str]:
    return [one.partition("): ")[2] for one in fleet.problems() if str(acme.id) in one and " file " in one]


def test_files_and_rows_are_reconciled(committed: Any) -> None:
    acme, _ = committed
    with acme.inside():
        contact = Contact(name="Kept", kind="company")
        contact.save()
        kept = Attachment.attach(contact, ContentFile(b"x", "a.txt"), by=acme.owner, now=timezone.now())
        root, name = files.folder(), kept.file.name or ""
    try:
        assert said(acme) == []
        lost = root / "contacts" / "attachments" / "nobody"
        lost.write_bytes(b"x")
        assert said(acme) == [], "its transaction may be open still"
        os.utime(lost, (0, 0))
        assert said(acme) == ["no row names its file contacts/attachments/nobody"]
        lost.unlink()
        (root / name).unlink()
        assert said(acme) == [f"its file {name} is gone"]
    finally:
        with acme.inside():
            contact.delete()
