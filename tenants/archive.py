"""The container of an export: one ZIP of parts, a signed manifest of their hashes, encrypted as an age file.

It takes parts as chunks of bytes and gives them back checked; nothing plain touches the disk, and memory
stays constant both ways. What the parts are, and the database, is export.py's and restore.py's matter. The
format and its reasons: docs/decisions/0002-archive-format.md. verifiers/verify.py checks one without Smoall.
"""

import base64
import binascii
import contextlib
import hashlib
import io
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenants import age, canonical, keys, verifiers
from tenants.keys import KeyStore, PublicKeys, Signature

FORMAT, VERSION = "smoall-archive", 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
BLOCK = 1024 * 1024
MAX_PARTS = 250_000
INDEX_LIMIT = 128 * 1024 * 1024  # bytes of the manifest, and of the ZIP's directory, which are read whole
NAME_LIMIT = 255  # bytes of a part's name in UTF-8
MIN_PASSPHRASE = 15  # characters; whoever has the file may guess for ever, without Smoall to slow it down
MAX_PASSPHRASE = 1000
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


class BadRecipient(ValueError):
    """What somebody gave to encrypt to can't be used. `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str | Promise) -> None:
        super().__init__(message)
        self.code = code


# --- to whom ----------------------------------------------------------------------------------------------
def parse_recipient(text: str) -> age.PublicKey | age.Passphrase:
    """An age public key (age1…), or else a passphrase of 15 to 1,000 characters. Raises BadRecipient."""
    bare = text.strip()
    if bare.upper().startswith(keys.SECRET_PREFIX):
        raise BadRecipient("secret", _("This is a secret key: keep it. Give the public one, age1…"))
    if bare.startswith(("ssh-", "ecdsa-", "-----BEGIN", "age1yubikey1", "age1tag", "age1pq1")):
        raise BadRecipient("kind", _("Keys of this kind are not accepted: give an age key or a passphrase."))
    if bare.lower().startswith("age1") and " " not in bare:
        try:
            return age.PublicKey.parse(bare)
        except age.BadKeyText as error:
            raise BadRecipient("mistyped", _("This age key is mistyped: copy it again.")) from error
    _refuse_weak(text)
    return age.Passphrase(text)


def _refuse_weak(passphrase: str) -> None:
    if len(passphrase) < MIN_PASSPHRASE:
        raise BadRecipient("short", _("Use at least 15 characters: a sentence is easy to remember."))
    if len(passphrase) > MAX_PASSPHRASE:
        raise BadRecipient("long", _("Use at most 1,000 characters."))
    if passphrase != passphrase.strip():
        raise BadRecipient("edges", _("A passphrase may not begin or end with a space."))
    if not passphrase.isprintable():
        raise BadRecipient("unprintable", _("Use characters that can be typed on one line."))
    if len(set(passphrase)) < 6:
        raise BadRecipient("weak", _("Use more different characters: this one is guessed at once."))


# --- the manifest -----------------------------------------------------------------------------------------
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


# --- writing ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Written:
    """The finished file: what the record of an export and the erasure certificate say of it."""

    bytes: int
    sha256: str
    manifest: Manifest


class ArchiveWriter:
    """Streams an archive into `target`, which stays open. Adds README.txt, verify.py, manifest and signature.

        with ArchiveWriter(file, [age.Passphrase(…)], keys=KeyStore.default(), made_at=now) as archive:
            archive.add("rows/contacts.csv", chunks)
            written = archive.close(ManifestFields(…))

    Left without `close`, by an error or not, the file has no end and opens nowhere; without an error, leaving
    it so raises RuntimeError.
    """

    def __init__(
        self,
        target: BinaryIO,
        recipients: Sequence[str | age.Recipient] | None,
        *,
        keys: KeyStore,
        made_at: datetime,
    ) -> None:
        """`recipients`: "age1…" texts, keys, or one passphrase. Raises ValueError for an empty list.

        None writes a plain ZIP: for a folder that is encrypted itself.
        """
        self._keys = keys
        self._made_at = made_at
        self._parts: dict[str, Part] = {}
        self._counter = _Counter(target)
        self._sealed: age.Writer | None = None
        if recipients is not None:
            parsed = [age.PublicKey.parse(each) if isinstance(each, str) else each for each in recipients]
            self._sealed = age.Writer(cast(BinaryIO, self._counter), parsed)
        self._gate = _Gate(self._sealed or self._counter)
        self._zip = zipfile.ZipFile(cast(BinaryIO, self._gate), "w", zipfile.ZIP_DEFLATED)
        self._state = "open"

    def __enter__(self) -> Self:
        self.add_bytes("README.txt", README.encode())
        self.add_bytes("verify.py", verifiers.source("verify.py"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._state == "closed":
            return
        self._gate.shut()
        with contextlib.suppress(*BROKEN):
            self._zip.close()
        if kind is None:
            raise RuntimeError("The archive was left without close(): it is not finished.")

    def add(self, name: str, chunks: Iterable[bytes]) -> Part:
        """Writes one part. Raises BadPart; after an error of the chunks' own, `close` refuses."""
        return self._add(name, chunks, may_be_huge=True)

    def add_bytes(self, name: str, content: bytes) -> Part:
        """Writes one small part."""
        return self._add(name, (content,), may_be_huge=len(content) > 2**31 - 1)

    def close(self, fields: ManifestFields) -> Written:
        """Signs the manifest and ends the file."""
        self._refuse_unless_open()
        key_id = self._keys.signing_key_id()
        manifest = Manifest(
            release=fields.release,
            fingerprint=fields.fingerprint,
            tenant=fields.tenant,
            key_id=key_id,
            counts=fields.counts,
            about=fields.about,
            made_at=self._made_at,
            parts=dict(self._parts),
        )
        text = manifest.text()
        Manifest.parse(text, key_id)  # what couldn't be read again is not written
        signature = self._keys.sign(text, key_id=key_id)
        self._store(MANIFEST, (text,), may_be_huge=False)
        self._store(SIGNATURE, (_signature_text(signature, self._keys.public_keys()),), may_be_huge=False)
        self._zip.close()
        if self._sealed is not None:
            self._sealed.finish()
        self._state = "closed"
        return Written(self._counter.bytes, self._counter.digest.hexdigest(), manifest)

    def _add(self, name: str, chunks: Iterable[bytes], *, may_be_huge: bool) -> Part:
        self._refuse_unless_open()
        refuse_unsafe(name)
        if name in self._parts or name in (MANIFEST, SIGNATURE):
            raise BadPart(f"There is a part named {name!r} already.")
        if len(self._parts) >= MAX_PARTS:
            raise BadPart(f"An archive takes {MAX_PARTS} parts.")
        self._parts[name] = self._store(name, chunks, may_be_huge=may_be_huge)
        return self._parts[name]

    def _store(self, name: str, chunks: Iterable[bytes], *, may_be_huge: bool) -> Part:
        entry = zipfile.ZipInfo(name, self._made_at.astimezone(UTC).timetuple()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (stat.S_IFREG | 0o600) << 16
        size, digest = 0, hashlib.sha256()
        self._state = "broken"  # until the part is whole
        with self._zip.open(entry, "w", force_zip64=may_be_huge) as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self._state = "open"
        return Part(size, digest.hexdigest())

    def _refuse_unless_open(self) -> None:
        if self._state != "open":
            raise RuntimeError(f"The archive is {self._state}.")


class _Counter:
    """Counts and hashes what goes to the file."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self.bytes = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._target.write(data)
        self.digest.update(data)
        self.bytes += len(data)
        return len(data)


class _Gate:
    """Between ZIP and encryption. Shut, it lets nothing through: a collected ZipFile ends its file."""

    def __init__(self, inner: "age.Writer | _Counter") -> None:
        self._inner: age.Writer | _Counter | None = inner

    def write(self, data: bytes) -> int:
        return self._inner.write(data) if self._inner is not None else len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def shut(self) -> None:
        self._inner = None


def _signature_text(signature: Signature, public: PublicKeys) -> bytes:
    document = {
        "algorithm": "Ed25519",
        "signs": MANIFEST,
        "key_id": signature.key_id,
        "signature": signature.value,
        "public_key": base64.b64encode(public[signature.key_id]).decode(),
    }
    return json.dumps(document, indent=1).encode() + b"\n"


# --- reading ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Problem:
    part: str  # "" for the archive as a whole
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. Only with `is_sound` may anything of the archive be used."""

    manifest: Manifest | None
    bytes: int  # of the parts that were sound
    problems: tuple[Problem, ...]

    @property
    def is_sound(self) -> bool:
        return self.manifest is not None and not self.problems


class ArchiveReader:
    """An archive, plain or encrypted, read where it stands, nothing plain on the disk. Use it by `with`."""

    def __init__(self, path: Path, identity: str | age.Identity | None = None) -> None:
        """`identity`: "AGE-SECRET-KEY-1…", else a passphrase. Raises BadArchive, WrongKey, OSError."""
        self._stack = contextlib.ExitStack()
        self._manifest: Manifest | None = None
        self._age: age.Reader | None = None
        try:
            file: BinaryIO = self._stack.enter_context(path.open("rb"))
            self.is_encrypted = age.is_age(file)
            if self.is_encrypted:
                self._age = _unsealed(file, identity)
                file = cast(BinaryIO, self._stack.enter_context(io.BufferedReader(self._age, age.CHUNK)))
            with _as_bad_archive("It is cut short, or not an archive of Smoall's."):
                self._zip = self._stack.enter_context(zipfile.ZipFile(cast(BinaryIO, _Bounded(file))))
            self._entries = {entry.filename: entry for entry in self._zip.infolist()}
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def manifest(self, public_keys: PublicKeys) -> Manifest:
        """The manifest, once its signature by one of the keys is checked. Raises BadArchive."""
        if self._manifest is None:
            text = self._small(MANIFEST)
            signature = _read_signature(self._small(SIGNATURE))
            try:
                keys.verify(text, signature, public_keys)
            except keys.BadSignature as error:
                raise BadArchive(f"The manifest can't be trusted. {error}") from error
            self._manifest = Manifest.parse(text, signature.key_id)
        return self._manifest

    def verify(self, public_keys: PublicKeys, *, progress: Callable[[int], None] | None = None) -> Report:
        """Reads everything and compares: signature, names, sizes, hashes, nothing missing, nothing added.

        What is wrong with the archive is in the report, not raised. `progress` is told of bytes read.
        """
        try:
            manifest = self.manifest(public_keys)
        except BadArchive as error:
            return Report(None, 0, (Problem("", str(error)),))
        problems = list(self._wrong_names(manifest))
        sound = 0
        present = [name for name in manifest.parts if name in self._entries]
        for name in sorted(present, key=lambda name: self._entries[name].header_offset):
            try:
                with self.open(name) as part:
                    while block := part.read(BLOCK):
                        if progress is not None:
                            progress(len(block))
                sound += manifest.parts[name].bytes
            except BadArchive as error:
                problems.append(Problem(name, str(error)))
        if self._age is not None and not problems:
            try:
                self._age.check_rest()
            except age.BadAge as error:
                problems.append(Problem("", str(error)))
        return Report(manifest, sound, tuple(problems))

    def names(self) -> list[str]:
        """The parts that the manifest lists, which has to be read before."""
        return sorted(self._trusted().parts)

    def open(self, name: str) -> BinaryIO:
        """A part for reading, not beyond its size in the manifest, which has to be read before.

        Its end raises BadArchive when size or hash differ: what was read counts only once the end is reached.
        Raises KeyError for a part that is not in the manifest.
        """
        part = self._trusted().parts[name]
        if name not in self._entries:
            raise BadArchive("The part is missing.")
        entry = self._entries[name]
        _refuse_odd(entry, part.bytes)
        with _as_bad_archive("The part is altered."):
            raw = _Checked(self._zip.open(entry), part)
        return cast(BinaryIO, io.BufferedReader(raw, 128 * 1024))

    def read(self, name: str) -> bytes:
        """A small part, whole and checked. Raises as `open`."""
        with self.open(name) as part:
            return part.read()

    def _trusted(self) -> Manifest:
        if self._manifest is None:
            raise RuntimeError("Check the manifest first: nothing else of the archive can be trusted.")
        return self._manifest

    def _wrong_names(self, manifest: Manifest) -> Iterator[Problem]:
        entries = self._zip.infolist()
        if len(entries) != len(self._entries):
            yield Problem("", "A part is in it twice.")
        if len(entries) > MAX_PARTS + 2:
            yield Problem("", "It has too many parts.")
        for name in self._entries:
            try:
                refuse_unsafe(name)
            except BadPart as error:
                yield Problem(name, str(error))
            if name not in manifest.parts and name not in (MANIFEST, SIGNATURE):
                yield Problem(name, "The part was added: the manifest does not list it.")
        for name in manifest.parts:
            if name not in self._entries:
                yield Problem(name, "The part is missing.")

    def _small(self, name: str) -> bytes:
        """A part that is read before anything is trusted."""
        entry = self._entries.get(name)
        if entry is None:
            raise BadArchive(f"It has no {name}: this is not an archive of Smoall's.")
        if entry.file_size > INDEX_LIMIT:
            raise BadArchive(f"{name} is too large.")
        _refuse_odd(entry, entry.file_size)
        with _as_bad_archive(f"{name} is altered."), self._zip.open(entry) as file:
            return file.read(INDEX_LIMIT)


class _Bounded:
    """Lets nobody make ZipFile read a directory of any size into memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(INDEX_LIMIT + 1 if size < 0 else min(size, INDEX_LIMIT + 1))
        if len(data) > INDEX_LIMIT:
            raise zipfile.BadZipFile("The directory is too large.")
        return data


class _Checked(io.RawIOBase):
    """A part that ends with an error unless it is what the manifest says."""

    def __init__(self, inner: Any, part: Part) -> None:
        super().__init__()
        self._inner = inner
        self._part = part
        self._read = 0
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        with _as_bad_archive("The part is altered."):
            data = self._inner.read(len(buffer))
        self._read += len(data)
        self._digest.update(data)
        if self._read > self._part.bytes:
            raise BadArchive("The part is altered: it is longer than the manifest says.")
        if not data and (self._read, self._digest.hexdigest()) != (self._part.bytes, self._part.sha256):
            raise BadArchive("The part is altered: its SHA-256 is not the one in the manifest.")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


def _unsealed(file: BinaryIO, identity: str | age.Identity | None) -> age.Reader:
    if identity is None:
        raise WrongKey("The archive is encrypted: give its passphrase or key.")
    try:
        return age.Reader(file, [_identity(identity) if isinstance(identity, str) else identity])
    except age.CannotOpen as error:
        raise WrongKey(str(error)) from error
    except age.BadAge as error:
        raise BadArchive(str(error)) from error


def _identity(text: str) -> age.Identity:
    if not text.strip().upper().startswith(keys.SECRET_PREFIX):
        return age.Passphrase(text)
    try:
        return age.SecretKey.parse(text.strip())
    except age.BadKeyText as error:
        raise WrongKey(str(error)) from error


def _refuse_odd(entry: zipfile.ZipInfo, size: int) -> None:
    """A part is a plain, deflated or stored file of the size that was announced."""
    mode = stat.S_IFMT(entry.external_attr >> 16)
    if entry.is_dir() or mode not in (0, stat.S_IFREG):
        raise BadArchive("The part is no plain file.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 0x1:
        raise BadArchive("The part is packed in a way that Smoall never uses.")
    if entry.file_size != size:
        raise BadArchive("The part is altered: its size is not the one in the manifest.")


def _read_signature(text: bytes) -> Signature:
    try:
        document = canonical.loads(text)
        base64.b64decode(document["signature"], validate=True)
        return Signature(str(document["key_id"]), str(document["signature"]))
    except (canonical.NotCanonical, binascii.Error, KeyError, TypeError, ValueError) as error:
        raise BadArchive("The manifest's signature can't be read.") from error


@contextlib.contextmanager
def _as_bad_archive(message: str) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise BadArchive(f"{message} ({error})" if str(error) else message) from error


README = """\
YOUR DATA, OUT OF SMOALL                                           (français plus bas)
======================================================================================
This archive holds everything that your workspace held, in formats that need no Smoall:

  rows/            one CSV file a table (UTF-8, comma, first line: names of the columns)
  files/           the files that you stored
  shared.json      what Smoall holds about your company beside the workspace
  schema.sql       the tables, for PostgreSQL 15 or later; triggers.sql: what watches them
  restore.sql      loads everything: unpack, then  psql -f restore.sql  in an empty database
  manifest.json    what is in here: size and SHA-256 of each part, number of rows a table
  manifest.sig     Smoall's signature (Ed25519) of manifest.json
  verify.py        checks that nothing was altered: unpack, then  python3 verify.py

To know that the signature is Smoall's own, give verify.py Smoall's public keys, which stand
at https://<Smoall's address>/.well-known/smoall-keys.json :
  python3 verify.py --keys smoall-keys.json
A workspace of Smoall's can load the archive again as it is, still encrypted.
Keep it as you would keep your accounts: it holds people's data, and once unpacked nothing encrypts it.


VOS DONNÉES, SORTIES DE SMOALL
======================================================================================
Cette archive contient tout ce que contenait votre espace de travail, dans des formats qui se passent
de Smoall :

  rows/            un fichier CSV par table (UTF-8, virgule, première ligne : noms des colonnes)
  files/           les fichiers que vous avez déposés
  shared.json      ce que Smoall conserve sur votre société en dehors de l'espace de travail
  schema.sql       les tables, pour PostgreSQL 15 ou plus récent ; triggers.sql : ce qui les surveille
  restore.sql      charge tout : décompressez, puis  psql -f restore.sql  dans une base vide
  manifest.json    le contenu : taille et SHA-256 de chaque partie, nombre de lignes par table
  manifest.sig     la signature (Ed25519) de manifest.json par Smoall
  verify.py        vérifie que rien n'a été modifié : décompressez, puis  python3 verify.py

Pour savoir que la signature est bien celle de Smoall, donnez à verify.py les clés publiques de Smoall,
publiées à https://<adresse de Smoall>/.well-known/smoall-keys.json :
  python3 verify.py --keys smoall-keys.json
Un espace de travail de Smoall peut recharger l'archive telle quelle, encore chiffrée.
Gardez-la comme vous gardez votre comptabilité : elle contient des données de personnes et n'est plus chiffrée
une fois décompressée.
"""
