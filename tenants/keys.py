"""Every key of a deployment, in a folder outside the database and its backups (I13): `<data>/keys/`.

A master key wraps all others: one age key a tenant, the Ed25519 key that signs certificates and archives, the
key of keyed hashes. Destroying a tenant's key makes everything that was encrypted to it unreadable. What is
encrypted and signed with them is elsewhere: archive/, certificate.py, ledger.py.
"""

import base64
import binascii
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SECRET_PREFIX = "AGE-SECRET-KEY-"  # noqa: S105 (how an age identity begins, not one)
PublicKeys = Mapping[str, bytes]  # key id -> the 32 bytes of an Ed25519 public key


class BadKey(Exception):
    """A key can't be made, read or used; the message says which and why."""


class NoKey(BadKey):
    """There is no such key: it never was, or it was destroyed."""


class KeyExists(BadKey):
    """A key is never overwritten: what it locks would be lost."""


class WrongMaster(BadKey):
    """The master key is missing, unreadable, or not the one that wrapped this folder's keys."""


class BadSignature(BadKey):
    """The signature was not made over these bytes by a key in the list."""


@dataclass(frozen=True, slots=True)
class Signature:
    key_id: str  # first 16 hexadecimal digits of the SHA-256 of the public key's 32 bytes
    value: str  # 64 bytes, base64


class KeyStore:
    """The keys below one folder. Safe between threads and processes: writers hold a lock on the folder."""

    def __init__(self, root: Path, *, master: str | None = None) -> None:
        """`master`: an age identity ("AGE-SECRET-KEY-1…"); None: the folder keeps one, in `master.key`."""
        self.root = root
        self._given = master

    @classmethod
    def default(cls) -> "KeyStore":
        """The deployment's own: SMOALL_DATA/keys; SMOALL_MASTER_KEY or SMOALL_MASTER_KEY_FILE when given."""
        from django.conf import settings

        return _store(Path(settings.SMOALL_DATA) / "keys", master_from(os.environ))

    def prepare(self) -> None:
        """Makes what a first start needs: master key, hash key, signing key. Processes may call it at once.

        Raises WrongMaster, or BadKey when the hash key was lost: a new one would give freed subdomains again.
        """
        with self._locked():
            self._master()
            if not self._hashes.exists():
                if self._current.exists():
                    raise BadKey("The key of keyed hashes is gone: put name.key back.")
                self._write(self._hashes, self._wrap(os.urandom(32)))
            if not self._current.exists():
                self._make_signing_key()

    # --- a tenant's key -----------------------------------------------------------------------------------
    def create(self, tenant: UUID) -> None:
        """Makes the tenant's key. Raises KeyExists when it has one."""
        with self._locked():
            if self._path(tenant).exists():
                raise KeyExists(f"Tenant {tenant} already has a key.")
            self._create(tenant)

    def ensure(self, tenant: UUID) -> None:
        """As `create`, for a step that may run twice: leaves a key that is there as it is."""
        with self._locked():
            if not self._path(tenant).exists():
                self._create(tenant)

    def exists(self, tenant: UUID) -> bool:
        return self._path(tenant).exists()

    def listing(self) -> list[UUID]:
        """The tenants that have a key, in order."""
        found = []
        for path in (self.root / "tenants").glob("*.key"):
            with contextlib.suppress(ValueError):
                found.append(UUID(path.stem))
        return sorted(found)

    def identity(self, tenant: UUID) -> Any:
        """The tenant's pyrage.x25519.Identity; `str` of it is the secret. Raises NoKey, WrongMaster."""
        try:
            wrapped = self._path(tenant).read_bytes()
        except FileNotFoundError as error:
            raise NoKey(f"Tenant {tenant} has no key.") from error
        return pyrage.x25519.Identity.from_str(self._unwrap(wrapped, f"the key of tenant {tenant}").decode())

    def recipient(self, tenant: UUID) -> str:
        """The public half ("age1…"), to encrypt to the tenant. Raises NoKey, WrongMaster."""
        return str(self.identity(tenant).to_public())

    def seal(self, tenant: UUID, secret: bytes) -> bytes:
        """A short secret that has to wait in a row, encrypted to the tenant. Raises NoKey, WrongMaster."""
        return bytes(pyrage.encrypt(secret, [self.identity(tenant).to_public()]))

    def unseal(self, tenant: UUID, sealed: bytes) -> bytes:
        """What `seal` was given. Raises NoKey, WrongMaster; BadKey when sealed to another key, or altered."""
        try:
            return bytes(pyrage.decrypt(sealed, [self.identity(tenant)]))
        except pyrage.DecryptError as error:
            raise BadKey(f"This was not sealed to tenant {tenant}, or it was altered.") from error

    def destroy(self, tenant: UUID) -> None:
        """Destroys the tenant's key, and what a crash left of it; does nothing when there is none.

        The file is overwritten before it is unlinked. A file system that copies on write keeps the old blocks
        for a while; there a master key kept elsewhere is what makes them useless.
        """
        with self._locked():
            path = self._path(tenant)
            _shred(_draft(path))
            _shred(path)

    def renew(self, tenants: Iterable[UUID]) -> None:
        """Destroys every key of the folder and makes new ones: what was locked, signed or hashed with the old is nobody's.

        For a copy that is neutralised. May be done again.
        """
        with self._locked():
            for path in sorted(self.root.rglob("*")):
                if path.is_file() and path.name != ".lock":
                    _shred(path)
        self.__dict__.pop("_hash_key", None)
        self.prepare()
        for tenant in tenants:
            self.ensure(tenant)

    # --- signatures ---------------------------------------------------------------------------------------
    def signing_key_id(self) -> str:
        """The id of the key in use, for a document that names it; the first call ever makes the key."""
        if not self._current.exists():
            self.prepare()
        return self._current.read_text().strip()

    def sign(self, data: bytes, *, key_id: str | None = None) -> Signature:
        """Signs with the key in use or the one named. Raises WrongMaster; NoKey after a rotation."""
        if key_id is None:
            self.signing_key_id()
            with self._locked():  # no rotation between the key's name and its bytes
                return self.sign(data, key_id=self.signing_key_id())
        try:
            wrapped = (self.root / "signing" / f"{key_id}.key").read_bytes()
        except FileNotFoundError as error:
            raise NoKey(f"The signing key {key_id} was rotated away: sign again.") from error
        private = Ed25519PrivateKey.from_private_bytes(self._unwrap(wrapped, "the signing key"))
        return Signature(key_id, _text(private.sign(data)))

    def rotate(self) -> str:
        """A new signing key from now on: its id. The old private half is destroyed, its public half stays."""
        with self._locked():
            before = self._current.read_text().strip() if self._current.exists() else ""
            key_id = self._make_signing_key()
            if before:
                _shred(self.root / "signing" / f"{before}.key")
        return key_id

    def public_keys(self) -> dict[str, bytes]:
        """Every public half that ever signed, by key id, so that old documents stay verifiable."""
        files = sorted((self.root / "signing").glob("*.pub"))
        return {key_id_of(half): half for half in (base64.b64decode(file.read_text()) for file in files)}

    def public_document(self) -> dict[str, Any]:
        """What /.well-known/smoall-keys.json answers, and what the offline verifiers read."""
        current = self._current.read_text().strip() if self._current.exists() else ""
        listed = [
            {"id": key_id, "algorithm": "Ed25519", "public_key": _text(half), "in_use": key_id == current}
            for key_id, half in sorted(self.public_keys().items())
        ]
        return {"keys": listed}

    # --- keyed hashes -------------------------------------------------------------------------------------
    def name_hash(self, label: str) -> str:
        """The hash of a freed subdomain: 64 hexadecimal digits, which name nobody. Case is ignored."""
        return self._hash(b"subdomain", label.strip().lower())

    def deployment(self) -> str:
        """What the database knows this folder by (identity.py): 64 hexadecimal digits that open nothing."""
        return self._hash(b"deployment", "")

    def _hash(self, purpose: bytes, text: str) -> str:
        return hmac.new(self._hash_key, purpose + b"\0" + text.encode(), hashlib.sha256).hexdigest()

    @cached_property
    def _hash_key(self) -> bytes:
        if not self._hashes.exists():
            self.prepare()
        return self._unwrap(self._hashes.read_bytes(), "the key of keyed hashes")

    # --- what is under the lock ---------------------------------------------------------------------------
    def _create(self, tenant: UUID) -> None:
        secret = str(pyrage.x25519.Identity.generate())
        self._write(self._path(tenant), self._wrap(secret.encode()))

    def _make_signing_key(self) -> str:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        key_id = key_id_of(public)
        folder = self.root / "signing"
        # The public half first: a signature must never exist whose public half was lost in a crash.
        self._write(folder / f"{key_id}.pub", f"{_text(public)}\n".encode())
        self._write(folder / f"{key_id}.key", self._wrap(private.private_bytes_raw()))
        self._write(self._current, f"{key_id}\n".encode())
        return key_id

    def _master(self) -> Any:
        """The master identity, made under the lock alone; `master.pub` remembers which one is in use."""
        kept = self.root / "master.key"
        remembered = self.root / "master.pub"
        if self._given is None and not kept.exists():
            if remembered.exists() or self.listing():
                raise WrongMaster("The master key is gone: put master.key back, or give SMOALL_MASTER_KEY.")
            self._write(kept, f"{pyrage.x25519.Identity.generate()}\n".encode())
        identity = _identity(self._given if self._given is not None else kept.read_text())
        public = str(identity.to_public())
        if not remembered.exists():
            self._write(remembered, f"{public}\n".encode())
        elif remembered.read_text().strip() != public:
            raise WrongMaster("This is not the master key that the keys in the folder were made with.")
        return identity

    def _known_master(self) -> Any:
        if (self.root / "master.pub").exists():
            return self._master()
        with self._locked():
            return self._master()

    def _wrap(self, secret: bytes) -> bytes:
        return bytes(pyrage.encrypt(secret, [self._master().to_public()]))

    def _unwrap(self, wrapped: bytes, what: str) -> bytes:
        try:
            return bytes(pyrage.decrypt(wrapped, [self._known_master()]))
        except pyrage.DecryptError as error:
            raise WrongMaster(f"The master key does not open {what}, or the file was altered.") from error

    @property
    def _hashes(self) -> Path:
        return self.root / "name.key"

    @property
    def _current(self) -> Path:
        return self.root / "signing" / "current"

    def _path(self, tenant: UUID) -> Path:
        return self.root / "tenants" / f"{UUID(str(tenant))}.key"

    def _write(self, path: Path, content: bytes) -> None:
        """Whole or not at all, also after a power cut. One writer, by the lock: the draft's name is fixed."""
        draft = _draft(path)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(path.parent)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        for folder in (self.root, self.root / "tenants", self.root / "signing"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
        descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@cache
def _store(root: Path, master: str | None) -> KeyStore:
    return KeyStore(root, master=master)


def master_from(environ: Mapping[str, str]) -> str | None:
    """The master key that the environment gives, by value or by file; None without. Raises WrongMaster."""
    if given := environ.get("SMOALL_MASTER_KEY"):
        return given
    if path := environ.get("SMOALL_MASTER_KEY_FILE"):
        try:
            return Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongMaster(f"SMOALL_MASTER_KEY_FILE can't be read: {path}.") from error
    return None


def key_id_of(public: bytes) -> str:
    """The id of a public key's 32 bytes."""
    return hashlib.sha256(public).hexdigest()[:16]


def parse_public_keys(text: str | bytes) -> dict[str, bytes]:
    """The keys of a smoall-keys.json. An id that is not its key's own is refused. Raises BadKey."""
    try:
        entries = json.loads(text)["keys"]
        listed = [(entry["id"], base64.b64decode(entry["public_key"], validate=True)) for entry in entries]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadKey("This is not a list of Smoall's public keys.") from error
    for id, half in listed:
        if len(half) != 32 or key_id_of(half) != id:
            raise BadKey(f"Key {id} in the list is altered.")
    return dict(listed)


def verify(data: bytes, signature: Signature, public_keys: PublicKeys) -> None:
    """Returns when `signature` was made over `data` by a key in the list; raises BadSignature otherwise."""
    if signature.key_id not in public_keys:
        raise BadSignature(f"It was signed by key {signature.key_id}, which is not in the list of keys.")
    try:
        value = base64.b64decode(signature.value, validate=True)
        if _text(value) != signature.value:  # base64 has spare bits: one signature, one spelling
            raise ValueError("not canonical")
        Ed25519PublicKey.from_public_bytes(public_keys[signature.key_id]).verify(value, data)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadSignature("The signature does not fit: something was altered.") from error


def _identity(text: str) -> Any:
    """The first identity in a text as age-keygen writes it (comments allowed)."""
    line = next((line.strip() for line in text.splitlines() if line.strip().startswith(SECRET_PREFIX)), "")
    try:
        return pyrage.x25519.Identity.from_str(line)
    except pyrage.IdentityError:
        pass
    # Outside the except: the library's message could quote the key.
    raise WrongMaster("The master key is not an age identity (AGE-SECRET-KEY-1…).")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.draft")


def _shred(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(os.fstat(descriptor).st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
