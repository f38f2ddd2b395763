"""The signed list of an archive's parts, the names that a part may have, and what is wrong with an archive."""

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tenants import canonical
from tenants.archive import age

FORMAT, VERSION = "smoall-archive", 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
BLOCK = 1024 * 1024
MAX_PARTS = 250_000
INDEX_LIMIT = 128 * 1024 * 1024  # bytes of the manifest, and of the ZIP's directory, which are read whole
NAME_LIMIT = 255  # bytes of a part's name in UTF-8
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    age.BadAge,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    OSError,
    KeyError,
    IndexError,
)


class BadArchive(Exception):
    """Not an archive of Smoall's, cut short, altered, or not to be trusted; the message says which."""


class WrongKey(BadArchive):
    """The archive is not encrypted to this key or passphrase, or it is encrypted and none was given."""


class BadPart(ValueError):
    """A part's name is unsafe or used twice, or the archive takes no more parts."""


@dataclass(frozen=True, slots=True)
class Part:
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFields:
    """What the exporter knows of its archive."""

    release: str
    fingerprint: str  # of the tenant's schema
    tenant: UUID
    counts: Mapping[str, int]  # rows by table
    about: Mapping[str, Any] = field(default_factory=dict)  # further JSON values without fractions


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(ManifestFields):
    made_at: datetime
    parts: Mapping[str, Part]
    key_id: str  # who signed it

    def text(self) -> bytes:
        """The part `manifest.json`: what is signed, to the byte."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "release": self.release,
            "fingerprint": self.fingerprint,
            "tenant": str(self.tenant),
            "counts": dict(self.counts),
            "about": dict(self.about),
            "made_at": self.made_at.astimezone(UTC).isoformat(timespec="seconds"),
            "parts": {name: asdict(part) for name, part in self.parts.items()},
        }
        return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def parse(cls, text: bytes, key_id: str) -> "Manifest":
        """Raises BadArchive."""
        try:
            document = canonical.loads(text)
            if document["format"] != FORMAT:
                raise BadArchive("This is not an archive of Smoall's.")
            if document["version"] != VERSION:
                raise BadArchive("It was made by a later release of Smoall.")
            return cls(
                release=document["release"],
                fingerprint=document["fingerprint"],
                tenant=UUID(document["tenant"]),
                made_at=datetime.fromisoformat(document["made_at"]),
                counts=dict(document["counts"]),
                about=dict(document["about"]),
                key_id=key_id,
                parts={name: Part(**part) for name, part in document["parts"].items()},
            )
        except (canonical.NotCanonical, KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadArchive("The manifest can't be read.") from error


def refuse_unsafe(name: str) -> None:
    """Raises BadPart unless the name is a relative path that stays below its folder on every system."""
    steps = name.split("/")
    if not name or len(name.encode("utf-8", "replace")) > NAME_LIMIT:
        raise BadPart(f"A part's name has 1 to {NAME_LIMIT} bytes: {name[:80]!r}.")
    if any(step in ("", ".", "..") for step in steps) or "\\" in name or (len(name) > 1 and name[1] == ":"):
        raise BadPart(f"A part's name may not lead elsewhere: {name!r}.")
    if any(ord(letter) < 32 or ord(letter) == 127 or 0xD800 <= ord(letter) < 0xE000 for letter in name):
        raise BadPart(f"A part's name holds an unprintable character: {name!r}.")
