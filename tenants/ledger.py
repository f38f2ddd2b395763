"""The erasure ledger: who must stay erased, outside the database, `<data>/ledger/erasures.jsonl`.

One line of canonical JSON an entry, each with the hash of the one before: a line that is altered, removed or
inserted breaks the chain. It names nobody. A restored system replays it before it opens its doors.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal, get_args
from uuid import UUID

from tenants import canonical

logger = logging.getLogger("smoall.ledger")
BEGINNING = "0" * 64
Kind = Literal["data", "contacts", "person"]
KINDS = get_args(Kind)
LABEL = re.compile(r"[a-z_]+\.[A-Za-z]+")  # of a model
DIGEST_LENGTH = 64


class LedgerBroken(Exception):
    """A whole line is altered, missing or out of place; the message says which. Nothing is appended to it."""


class BadEntry(ValueError):
    """The entry could name somebody, or is incomplete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One erasure. Its `key` happens once."""

    kind: Kind  # the workspace's data, the client's contact details, or one person in the workspace
    tenant: UUID
    client: UUID
    requested_at: datetime
    erased_at: datetime
    name_hash: str = ""  # keyed hash of the freed subdomain (KeyStore.name_hash)
    contacts_on: date | None = None  # of data: the last day of the contact details, so that a replay keeps it
    certificate: str = ""  # the certificate's text as it was issued
    links: int = (
        0  # of contact details: the generation of the mailed links that open the proof, others were voided
    )
    model: str = ""  # of a person: the label of their row's table, "contacts.Contact",
    row: UUID | None = None  # and its key, which says nothing once the row has no name
    origins: tuple[UUID, ...] = ()  # and of whose copies their workspace was made, the nearest first

    @property
    def key(self) -> tuple[Any, ...]:
        """Data and contact details go once; a row may be given to another person, who is erased in their turn."""
        once = (self.tenant, self.kind)
        return (*once, self.model, self.row, _moment(self.requested_at)) if self.kind == "person" else once

    def as_values(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "kind": self.kind,
            "tenant": str(self.tenant),
            "client": str(self.client),
            "requested_at": _moment(self.requested_at),
            "erased_at": _moment(self.erased_at),
            "name_hash": self.name_hash,
            "contacts_on": self.contacts_on.isoformat() if self.contacts_on else "",
            "certificate": self.certificate,
        }
        if self.kind == "person":
            values |= {"model": self.model, "row": str(self.row)}
        if self.links:
            values["links"] = self.links
        return values | {"origins": [str(one) for one in self.origins]} if self.origins else values


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry in its place: `hash` covers the entry, `seq` (from 1) and the previous line's hash."""

    seq: int
    previous: str
    hash: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends. Kept elsewhere, it shows that no last line was cut off."""

    seq: int
    hash: str


class Ledger:
    """The ledger in one folder. Writers take turns by a lock on the file; readers may read meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "erasures.jsonl"

    @classmethod
    def default(cls) -> "Ledger":
        """The deployment's own: SMOALL_DATA/ledger. Each request asks for it."""
        from django.conf import settings

        return _below(settings.SMOALL_DATA)

    def append(self, entry: Entry) -> Recorded:
        """Writes the entry to the disk, or finds the one that is there with its key, which stands.

        Mends a last line that a crash cut short. Raises BadEntry, LedgerBroken.
        """
        _refuse(entry)
        with self._locked() as descriptor:
            chain = self._mended(descriptor)
            own = (one for one in chain if one.entry.tenant == entry.tenant)
            if found := next((one for one in own if one.entry.key == entry.key), None):
                return found
            line = _chained(entry, len(chain) + 1, chain[-1].hash if chain else BEGINNING)
            _write(descriptor, line + b"\n")
        return _recorded(line)

    def entries(self) -> list[Recorded]:
        """Every entry in order; a last line that a crash cut short is left out. Raises LedgerBroken."""
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                content = file.read()
            return _parse(self.path, content)[0]
        except FileNotFoundError:
            return []

    def verify_chain(self, expected: Head | None = None) -> Head:
        """The chain's end. Raises LedgerBroken, also when `expected`, an end seen before, is not in it."""
        chain = self.entries()
        if expected is not None:
            _require(chain, expected)
        return end_of(chain)

    def after(self, seen: Head) -> list[Recorded]:
        """The entries that follow an end seen before. Raises LedgerBroken, also when that is not in it."""
        chain = self.entries()
        _require(chain, seen)
        return chain[seen.seq :]

    def contains(self, tenant: UUID, kind: Kind = "data") -> bool:
        """Whether the tenant's data (or its client's contact details) were erased. Raises LedgerBroken."""
        return self.find(tenant, kind) is not None

    def find(self, tenant: UUID, kind: Kind = "data") -> Recorded | None:
        """The entry of an erasure. Raises LedgerBroken."""
        own = (one for one in self.entries() if one.entry.tenant == tenant)
        return next((one for one in own if one.entry.key == (tenant, kind)), None)

    def people(self, tenant: UUID, *, since: datetime | None = None) -> list[Entry]:
        """Whom a workspace had erased, in order, or one that was made of its copies; since a moment, when one is given.

        Raises LedgerBroken.
        """
        found = [one.entry for one in self.entries() if one.entry.kind == "person"]
        own = [one for one in found if tenant in (one.tenant, *one.origins)]
        return [one for one in own if since is None or one.erased_at >= since]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        folder = self.path.parent
        is_new = not self.path.exists()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if is_new:
                _sync(folder)
                _sync(folder.parent)
            yield descriptor
        finally:
            os.close(descriptor)

    def _mended(self, descriptor: int) -> list[Recorded]:
        """The chain, after the file was made to end with its last whole line."""
        content = _read(descriptor)
        chain, whole = _parse(self.path, content)
        if whole < len(content):
            logger.warning("Erasure ledger: the last line was cut short; its rest is kept in erasures.cut.")
            _set_aside(self.path.with_suffix(".cut"), content[whole:] + b"\n")
            os.ftruncate(descriptor, whole)
            os.fsync(descriptor)
        elif content and not content.endswith(b"\n"):
            _write(descriptor, b"\n")
        return chain


def end_of(chain: Sequence[Recorded]) -> Head:
    """Where it ends."""
    return Head(chain[-1].seq, chain[-1].hash) if chain else Head(0, BEGINNING)


def holds(chain: Sequence[Recorded], seen: Head) -> bool:
    """Whether an end seen before is in the chain."""
    return seen == end_of(chain[seen.seq - 1 : seen.seq])


def _require(chain: Sequence[Recorded], seen: Head) -> None:
    if not holds(chain, seen):
        raise LedgerBroken(f"Line {seen.seq} is gone or another one: the ledger was cut or replaced.")


class _Kept:
    """The whole lines that this process verified of a file. The file is longer every day, and each line takes its time."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.chain: list[Recorded] = []
        self.size, self.sum = 0, hashlib.sha256()  # of their bytes

    def begins(self, path: Path, content: bytes) -> bool:
        """Whether the content begins with these very bytes: then nothing in them was altered."""
        if self.path != path or len(content) < self.size:
            return False
        return hashlib.sha256(memoryview(content)[: self.size]).digest() == self.sum.digest()

    def follow(self, lines: list[bytes]) -> None:
        """Verify these lines and keep them too. Raises LedgerBroken, and then keeps none."""
        more: list[Recorded] = []
        end = end_of(self.chain)
        for line in lines:
            try:
                more.append(_following(end, line))
            except LedgerBroken as error:
                raise LedgerBroken(f"Line {end.seq + 1} of the erasure ledger is broken: {error}.") from error
            end = end_of(more)
        self.chain += more
        for line in lines:
            self.sum.update(line + b"\n")
            self.size += len(line) + 1


_kept = _Kept()
_keeping = Lock()


@cache
def _below(data: str | Path) -> Ledger:
    return Ledger(Path(data) / "ledger")


def _parse(path: Path, content: bytes) -> tuple[list[Recorded], int]:
    """The chain, and how many bytes of the content it takes: fewer when the last line was cut short.

    What was verified before is not parsed again while its bytes are the same: the chain goes on from there. A file that
    is shorter or begins otherwise is read as if for the first time.
    """
    global _kept
    with _keeping:
        kept = _kept if _kept.begins(path, content) else _Kept(path)
        *lines, rest = content[kept.size :].split(b"\n")
        kept.follow(lines)
        _kept, chain = kept, [*kept.chain]
    try:
        chain += [_following(end_of(chain), rest)] if rest else []
    except LedgerBroken:
        return chain, len(content) - len(rest)
    return chain, len(content)


def _following(end: Head, line: bytes) -> Recorded:
    recorded = _recorded(line)
    if (recorded.seq, recorded.previous) != (end.seq + 1, end.hash):
        raise LedgerBroken("it does not follow the line before")
    return recorded


def _recorded(line: bytes) -> Recorded:
    try:
        values: dict[str, Any] = canonical.loads(line)
        sealed = {name: value for name, value in values.items() if name != "hash"}
        is_sound = values["hash"] == _hash(sealed) and canonical.dumps(values) == line
        entry = Entry(
            kind=values["kind"],
            tenant=UUID(values["tenant"]),
            client=UUID(values["client"]),
            requested_at=datetime.fromisoformat(values["requested_at"]),
            erased_at=datetime.fromisoformat(values["erased_at"]),
            name_hash=values["name_hash"],
            contacts_on=date.fromisoformat(values["contacts_on"]) if values["contacts_on"] else None,
            certificate=values["certificate"],
            links=int(values.get("links", 0)),
            model=values.get("model", ""),
            row=UUID(values["row"]) if "row" in values else None,
            origins=tuple(UUID(one) for one in values.get("origins", ())),
        )
        is_sound = is_sound and entry.kind in KINDS  # of a later release: nobody here knows whom it means
        recorded = Recorded(values["seq"], values["previous"], values["hash"], entry)
    except (canonical.NotCanonical, KeyError, TypeError, ValueError, AttributeError) as error:
        raise LedgerBroken("it can't be read") from error
    if not is_sound:
        raise LedgerBroken("it was altered")
    return recorded


def _chained(entry: Entry, seq: int, previous: str) -> bytes:
    values = {"seq": seq, "previous": previous, **entry.as_values()}
    values["hash"] = _hash(values)
    return canonical.dumps(values)


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical.dumps(values)).hexdigest()


def _refuse(entry: Entry) -> None:
    if entry.kind not in KINDS:
        raise BadEntry(f"{entry.kind!r} is not a kind of erasure.")
    names_row = bool(LABEL.fullmatch(entry.model)) and entry.row is not None
    names_none = entry.model == "" and entry.row is None and not entry.origins
    if not (names_row if entry.kind == "person" else names_none):
        raise BadEntry("A person is named by a model's label and a key, and nothing else is.")
    if entry.requested_at.tzinfo is None or entry.erased_at.tzinfo is None:
        raise BadEntry("A moment has no time zone.")
    if entry.name_hash and (len(entry.name_hash) != DIGEST_LENGTH or not _is_hex(entry.name_hash)):
        raise BadEntry("The subdomain has to be hashed: the ledger names nobody.")
    if "@" in entry.certificate:
        raise BadEntry("The certificate holds an e-mail address: the ledger names nobody.")


def _is_hex(text: str) -> bool:
    return set(text) <= set("0123456789abcdef")


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds")


def _read(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)


def _set_aside(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        _write(descriptor, data)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
