"""The age file format, version 1, in a stream (C2SP's age.md): a header, then chunks of 64 KiB.

Any age tool opens what is written here, and the other way round. Made of `cryptography`'s primitives: pyrage
takes a passphrase only for a whole text in memory and can't read from the middle, which a ZIP needs
(docs/decisions/0002-archive-format.md). Not here: what is inside, and where keys stand (keys.py).
"""

import base64
import binascii
import hashlib
import hmac
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"age-encryption.org/v1\n"
CHUNK = 64 * 1024  # plain bytes; 16 more when encrypted
TAG = 16
HEADER_LIMIT = 64 * 1024
WORK = 17  # 2^17 rounds of scrypt: 128 MiB of memory, a third of a second
WORK_LIMIT = 18  # what the age tool writes: 256 MiB. More would let a file exhaust the server.


class BadAge(Exception):
    """Not an age file, cut short, or altered; the message says which."""


class CannotOpen(BadAge):
    """The file is not encrypted to this key or passphrase."""


class BadKeyText(ValueError):
    """A text is not an age key: mistyped, or of another kind."""


class Recipient(Protocol):
    """To whom a file is encrypted."""

    def wrap(self, file_key: bytes) -> "Stanza": ...


class Identity(Protocol):
    """What opens a file."""

    def unwrap(self, stanza: "Stanza") -> bytes | None:
        """The file key; None when the stanza is for somebody else."""


@dataclass(frozen=True, slots=True)
class Stanza:
    """A header's entry: the file key, wrapped for one recipient."""

    kind: str
    arguments: tuple[str, ...]
    body: bytes

    def text(self) -> bytes:
        lines = [" ".join(("->", self.kind, *self.arguments))]
        body = _encode(self.body)
        lines += [body[at : at + 64] for at in range(0, len(body) + 1, 64)]  # ends with a line below 64
        return ("\n".join(lines) + "\n").encode()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An "age1…" key."""

    text: str
    raw: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """Raises BadKeyText."""
        return cls(text, _bech32(text, "age"))

    def wrap(self, file_key: bytes) -> Stanza:
        secret = X25519PrivateKey.generate()
        share = secret.public_key().public_bytes_raw()
        shared = secret.exchange(X25519PublicKey.from_public_bytes(self.raw))
        key = _derive(shared, share + self.raw, b"age-encryption.org/v1/X25519")
        return Stanza("X25519", (_encode(share),), _wrap(key, file_key))


@dataclass(frozen=True, slots=True)
class SecretKey:
    """An "AGE-SECRET-KEY-1…" identity."""

    raw: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "SecretKey":
        """Raises BadKeyText, which does not repeat the text."""
        return cls(_bech32(text, "AGE-SECRET-KEY-"))

    def unwrap(self, stanza: Stanza) -> bytes | None:
        if stanza.kind != "X25519":
            return None
        if len(stanza.arguments) != 1 or len(stanza.body) != 32:
            raise BadAge("An X25519 entry of the header is malformed.")
        share = _decode(stanza.arguments[0])
        secret = X25519PrivateKey.from_private_bytes(self.raw)
        try:
            shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError as error:
            raise BadAge("An X25519 entry of the header is malformed.") from error
        salt = share + secret.public_key().public_bytes_raw()
        return _unwrap(_derive(shared, salt, b"age-encryption.org/v1/X25519"), stanza.body)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase: recipient and identity in one. It has to be a file's only recipient."""

    text: str = field(repr=False)
    work: int = WORK  # the logarithm of scrypt's rounds

    def wrap(self, file_key: bytes) -> Stanza:
        salt = os.urandom(16)
        return Stanza("scrypt", (_encode(salt), str(self.work)), _wrap(self._key(salt, self.work), file_key))

    def unwrap(self, stanza: Stanza) -> bytes | None:
        if stanza.kind != "scrypt":
            return None
        if len(stanza.arguments) != 2 or len(stanza.body) != 32:
            raise BadAge("The passphrase's entry of the header is malformed.")
        salt, work = _decode(stanza.arguments[0]), stanza.arguments[1]
        if len(salt) != 16 or not work.isascii() or not work.isdigit() or work.startswith("0"):
            raise BadAge("The passphrase's entry of the header is malformed.")
        if len(work) > 2 or int(work) > WORK_LIMIT:
            raise BadAge(f"The passphrase asks for 2^{work} rounds; at most 2^{WORK_LIMIT} are accepted.")
        return _unwrap(self._key(salt, int(work)), stanza.body)

    def _key(self, salt: bytes, work: int) -> bytes:
        return hashlib.scrypt(
            self.text.encode(),
            salt=b"age-encryption.org/v1/scrypt" + salt,
            n=2**work,
            r=8,
            p=1,
            dklen=32,
            maxmem=128 * 8 * 2**work + 2**20,
        )


class Writer:
    """Encrypts what is written into `target`, with constant memory; `target` stays open.

    `finish` ends the file, and nothing else does: one that an error left without its end opens nowhere, since
    every reader takes it for cut short. So this is no io class, which would end it when it is collected.
    """

    def __init__(self, target: BinaryIO, recipients: Sequence[Recipient]) -> None:
        """Writes the header. Raises ValueError without a recipient, or for a passphrase among others."""
        self._target = target
        self._held = bytearray()
        self._count = 0
        self._is_finished = False
        file_key, nonce = os.urandom(16), os.urandom(16)
        stanzas = [recipient.wrap(file_key) for recipient in recipients]
        if not stanzas or (len(stanzas) > 1 and any(stanza.kind == "scrypt" for stanza in stanzas)):
            raise ValueError("One passphrase, or one or more keys: anything else can't be opened.")
        header = MAGIC + b"".join(stanza.text() for stanza in stanzas) + b"---"
        target.write(header + b" " + _encode(_mac(file_key, header)).encode() + b"\n" + nonce)
        self._cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Takes all of `data`. A full chunk waits for more, since the last one of a file is marked so."""
        if self._is_finished:
            raise ValueError("The file is finished.")
        view = memoryview(data).cast("B")
        at = 0
        while len(self._held) + len(view) - at > CHUNK:
            take = CHUNK - len(self._held)
            self._held += view[at : at + take]
            at += take
            self._send(last=False)
        self._held += view[at:]
        return len(view)

    def finish(self) -> None:
        """Writes the last chunk. Once."""
        if self._is_finished:
            raise ValueError("The file is finished.")
        self._is_finished = True
        self._send(last=True)

    def _send(self, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._count, last=last), bytes(self._held), None))
        self._count += 1
        self._held.clear()


class Reader(io.RawIOBase):
    """An age file's plain bytes, from any place: one chunk in memory, nothing on disk; `source` stays open.

    Each chunk is authenticated before a byte of it is given. Opening checks the last one, so a file that was
    cut short or grew never opens. Raises CannotOpen for another key, BadAge otherwise.
    """

    def __init__(self, source: BinaryIO, identities: Sequence[Identity]) -> None:
        super().__init__()
        self._source = source
        self._at = 0
        self._loaded = -1
        self._chunk = b""
        source.seek(0)
        file_key = _open_header(source, identities)
        nonce = source.read(16)
        self._start = source.tell()
        length = source.seek(0, os.SEEK_END) - self._start
        self._chunks = -(-length // (CHUNK + TAG))
        self._size = length - TAG * self._chunks
        if len(nonce) < 16 or length < TAG or length - (self._chunks - 1) * (CHUNK + TAG) < TAG:
            raise BadAge("The file is cut short.")
        self._cipher = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
        self._seen = bytearray(self._chunks)
        self._load(self._chunks - 1)
        if not self._chunk and self._chunks > 1:
            raise BadAge("The file ends with an empty chunk.")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        if self._at >= self._size:
            return 0
        index, inside = divmod(self._at, CHUNK)
        self._load(index)
        piece = self._chunk[inside : inside + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def check_rest(self) -> None:
        """Authenticates every chunk that was not read yet. Raises BadAge."""
        for index in range(self._chunks):
            if not self._seen[index]:
                self._load(index)

    def _load(self, index: int) -> None:
        if index == self._loaded:
            return
        self._source.seek(self._start + index * (CHUNK + TAG))
        sealed = self._source.read(CHUNK + TAG)
        try:
            self._chunk = self._cipher.decrypt(_nonce(index, last=index == self._chunks - 1), sealed, None)
        except InvalidTag as error:
            raise BadAge(f"The file is altered or cut short {index * CHUNK // 1024} KiB in.") from error
        self._loaded = index
        self._seen[index] = 1


def is_age(source: BinaryIO) -> bool:
    """Whether a seekable file begins as an age file does; its position is kept."""
    before = source.tell()
    source.seek(0)
    found = source.read(len(MAGIC)) == MAGIC
    source.seek(before)
    return found


# --- header -----------------------------------------------------------------------------------------------
def _open_header(source: BinaryIO, identities: Sequence[Identity]) -> bytes:
    header, stanzas, mac = _read_header(source)
    if any(stanza.kind == "scrypt" for stanza in stanzas) and len(stanzas) > 1:
        raise BadAge("The header mixes a passphrase with other recipients.")
    for identity in identities:
        for stanza in stanzas:
            file_key = identity.unwrap(stanza)
            if file_key is not None:
                if not hmac.compare_digest(_mac(file_key, header), mac):
                    raise BadAge("The header is altered.")
                return file_key
    raise CannotOpen("The file is not encrypted to this key or passphrase.")


def _read_header(source: BinaryIO) -> tuple[bytes, list[Stanza], bytes]:
    """The bytes that the MAC covers, the entries, the MAC."""
    if source.read(len(MAGIC)) != MAGIC:
        raise BadAge("This is not an age file.")
    header, stanzas = MAGIC, list[Stanza]()
    while True:
        line = _line(source)
        if line.startswith(b"--- "):
            return header + b"---", stanzas, _decode(line[4:].decode("ascii", "replace"))
        words = line.decode("ascii", "replace").split(" ")
        if words[0] != "->" or len(words) < 2 or not all(word and word.isprintable() for word in words):
            raise BadAge("The header is malformed.")
        body, raw = "", line + b"\n"
        while True:
            part = _line(source)
            raw += part + b"\n"
            body += part.decode("ascii", "replace")
            if len(part) > 64:
                raise BadAge("The header is malformed.")
            if len(part) < 64:
                break
        header += raw
        stanzas.append(Stanza(words[1], tuple(words[2:]), _decode(body)))
        if len(header) > HEADER_LIMIT:
            raise BadAge("The header is too long.")


def _line(source: BinaryIO) -> bytes:
    line = source.readline(4096)
    if not line.endswith(b"\n"):
        raise BadAge("The header is cut short.")
    return line[:-1]


# --- primitives -------------------------------------------------------------------------------------------
def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _derive(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def _mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.new(_derive(file_key, b"", b"header"), header, hashlib.sha256).digest()


def _wrap(key: bytes, file_key: bytes) -> bytes:
    return ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)  # each wrapping key is used once


def _unwrap(key: bytes, body: bytes) -> bytes | None:
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), body, None)
    except InvalidTag:
        return None


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """Base64 without padding, in its one canonical form."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadAge("The header is malformed.") from error
    if _encode(data) != text:
        raise BadAge("The header is malformed.")
    return data


ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _bech32(text: str, prefix: str) -> bytes:
    """The 32 bytes of a key in Bech32 (BIP 173), in the prefix's own case. Raises BadKeyText."""
    found, _, digits = text.rpartition("1")
    lowered = digits.lower() if prefix.isupper() and digits.isupper() else digits
    if found != prefix or not set(lowered) <= set(ALPHABET):
        raise BadKeyText(f"The key does not have the form {prefix}1…")
    values = [ALPHABET.index(digit) for digit in lowered]
    name = prefix.lower()
    expanded = [ord(letter) >> 5 for letter in name] + [0] + [ord(letter) & 31 for letter in name]
    if _polymod(expanded + values) != 1:
        raise BadKeyText("The key is mistyped: its check digits do not fit.")
    bits = int("".join(f"{value:05b}" for value in values[:-6]) or "0", 2)
    spare = len(values[:-6]) * 5 - 256
    if spare != 4 or bits & 15:
        raise BadKeyText("The key does not have the length of an X25519 key.")
    return (bits >> 4).to_bytes(32, "big")


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check
