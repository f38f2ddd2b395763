"""Reading an archive: nothing of it is believed before it was checked against the manifest, and that against its signature."""

import base64
import binascii
import contextlib
import hashlib
import io
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from tenants import canonical, keys
from tenants.archive import age
from tenants.archive.manifest import (
    BLOCK,
    BROKEN,
    INDEX_LIMIT,
    MANIFEST,
    MAX_PARTS,
    SIGNATURE,
    BadArchive,
    BadPart,
    Manifest,
    Part,
    WrongKey,
    refuse_unsafe,
)
from tenants.keys import PublicKeys, Signature


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
