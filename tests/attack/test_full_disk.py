"""A full disk: nothing half written stays behind, neither a file nor a row."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.kit import scope
from tenant_apps.contacts.models import Attachment, Contact
from tenants import export, sagas
from tenants.models import Export
from tests.conftest import TESTER, Cast
from tests.toys.fixtures import committed

__all__ = ["committed"]


class Full(ContentFile):  # type: ignore[type-arg]
    """Gives a beginning, then the disk is full."""

    def chunks(self, chunk_size: int | None = None) -> Any:
        yield b"a beginning"
        raise OSError(28, "No space left on device")


def kept(acme: Cast) -> list[str]:
    root = Path(settings.MEDIA_ROOT) / str(acme.id)
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_a_file_that_could_not_be_written_leaves_no_beginning(acme: Cast) -> None:
    with acme.inside():
        with pytest.raises(OSError, match="No space"):
            default_storage.save("x/full.txt", Full(b"x"))
        assert not default_storage.exists("x/full.txt")
        name = default_storage.save("x/full.txt", ContentFile(b"first"))
        with pytest.raises(OSError, match="No space"):
            default_storage.save("x/full.txt", Full(b"x"))
        with default_storage.open(name) as file:
            assert file.read() == b"first", "somebody else's file of that name stays"
        default_storage.delete(name)


def test_of_several_files_none_stays_when_the_disk_is_full_at_the_second(
    acme: Cast, browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.inside():
        contact = Contact(name="Éclair", kind="company")
        contact.save()
    before, saves, whole = kept(acme), iter(range(9)), FileSystemStorage._save  # type: ignore[attr-defined]

    def until_full(self: Any, name: str, content: Any) -> Any:
        return whole(self, name, content if next(saves) == 0 else Full(b"x"))

    monkeypatch.setattr(FileSystemStorage, "_save", until_full)
    inside = browser(acme, acme.owner)
    inside.raise_request_exception = False
    files = [SimpleUploadedFile(f"{number}.txt", b"x") for number in range(2)]
    assert inside.post(f"/contacts/{contact.id}/attach/", {"chosen": files}).status_code == 500
    assert kept(acme) == before
    with acme.inside():
        assert not Attachment.objects.filter(contact=contact).exists()


def test_a_copy_that_could_not_be_written_frees_what_it_took(
    committed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, _ = committed
    monkeypatch.setattr(os, "fsync", _full)
    with scope.acting(acme.owner.as_actor()):
        asked = export.request(acme.id, "seven quiet herons fly", now=timezone.now())
    assert asked.saga
    sagas.run(asked.saga)
    folder = export.path_of(asked).parent
    assert list(folder.iterdir()) == []
    with scope.shared(actor=TESTER):
        Export.objects.filter(pk=asked.pk).delete()


def _full(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")
