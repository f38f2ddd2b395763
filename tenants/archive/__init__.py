"""The container of an export: one ZIP of parts, a signed manifest of their hashes, encrypted as an age file.

It takes parts as chunks of bytes and gives them back checked; nothing plain touches the disk, and memory
stays constant both ways. What the parts are, and the database, is export.py's and restore.py's matter. The
format and its reasons: docs/decisions/0002-archive-format.md. verifiers/verify.py checks one without Smoall.
age.py is the encryption; manifest, writer, reader and recipient are a file each.
"""

from tenants.archive.manifest import (
    BadArchive,
    BadPart,
    Manifest,
    ManifestFields,
    Part,
    WrongKey,
    refuse_unsafe,
)
from tenants.archive.reader import ArchiveReader, Problem, Report
from tenants.archive.recipient import BadRecipient, parse_recipient
from tenants.archive.writer import ArchiveWriter, Written

__all__ = [
    "ArchiveReader", "ArchiveWriter", "BadArchive", "BadPart", "BadRecipient", "Manifest", "ManifestFields", "Part", "Problem",
    "Report", "Written", "WrongKey", "parse_recipient", "refuse_unsafe",
]  # fmt: skip
