"""An archive that was written, plain and sealed, and what somebody could do to it."""

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pyrage
import pytest

from tenants.archive import (
    ArchiveReader,
    ArchiveWriter,
    BadArchive,
    ManifestFields,
    Report,
    Written,
)
from tenants.keys import KeyStore

NOW = datetime(2026, 11, 23, 5, 10, 12, tzinfo=UTC)
IDENTITY = pyrage.x25519.Identity.generate()
SECRET, PUBLIC = str(IDENTITY), str(IDENTITY.to_public())
FIELDS = ManifestFields(
    release="2026.11",
    fingerprint="f" * 64,
    tenant=UUID(int=7),
    counts={"contacts_contact": 3},
    about={"client": str(UUID(int=8))},
)
CONTENT = {
    "schema.sql": b"CREATE TABLE contacts_contact (id uuid PRIMARY KEY, name text);\n",
    "restore.sql": b"\\i schema.sql\n",
    "rows/contacts_contact.csv": 'id,name\n1,Éric\n2,"a, b"\n3,""\n'.encode(),
    "files/photo é.jpg": Random(3).randbytes(3000),
    "files/empty": b"",
    "shared.json": b'{"company": "CANARY SRL"}',
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    prepared = KeyStore(tmp_path_factory.mktemp("archive") / "keys")
    prepared.prepare()
    return prepared


def write(path: Path, store: KeyStore, recipients: Any, content: dict[str, bytes] = CONTENT) -> Written:
    with path.open("wb") as file, ArchiveWriter(file, recipients, keys=store, made_at=NOW) as writer:
        for name, data in content.items():
            writer.add(name, (data[at : at + 7] for at in range(0, len(data), 7)))
        return writer.close(FIELDS)


@pytest.fixture
def plain(tmp_path: Path, store: KeyStore) -> Path:
    write(tmp_path / "plain.zip", store, None)
    return tmp_path / "plain.zip"


@pytest.fixture
def sealed(tmp_path: Path, store: KeyStore) -> Path:
    write(tmp_path / "sealed.zip.age", store, [PUBLIC])
    return tmp_path / "sealed.zip.age"


def check(path: Path, store: KeyStore, identity: str | None = None) -> Report:
    with ArchiveReader(path, identity) as reader:
        return reader.verify(store.public_keys())


def is_refused(path: Path, store: KeyStore, identity: str | None = None) -> bool:
    try:
        return not check(path, store, identity).is_sound
    except BadArchive:
        return True


def rebuilt(path: Path, change: Callable[[dict[str, bytes]], Any]) -> None:
    """The archive as somebody could pack it again after changing it."""
    with zipfile.ZipFile(path) as zipped:
        parts = {name: zipped.read(name) for name in zipped.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in parts.items():
            zipped.writestr(name, data)
