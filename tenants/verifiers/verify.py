#!/usr/bin/env python3
"""Checks an archive of Smoall's, without Smoall and without a network. Needs Python 3.8 or later alone.

    python3 verify.py [ARCHIVE.zip or FOLDER] [--keys KEYS.json]
    python3 verify.py ARCHIVE.zip.age --decrypt-to ARCHIVE.zip [--identity KEYFILE]

Without ARCHIVE: the folder in which this file stands, once unpacked. KEYS.json is what
https://<Smoall's domain>/.well-known/smoall-keys.json answers: it shows that the signature is Smoall's own.
The second form needs the package pyrage (pip install pyrage); the tool age does the same: age -d -o OUT IN.
Exit code 0: as Smoall wrote it; 1: altered, incomplete or not Smoall's; 2: can't be read.
"""

from __future__ import annotations

import argparse
import base64
import getpass
import hashlib
import json
import stat
import sys
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

FORMAT, VERSION = "smoall-archive", 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
SMALL = 128 * 1024 * 1024
BLOCK = 1024 * 1024


class Refused(Exception):
    """The archive as a whole can't be trusted or read; the message says why."""


# --- Ed25519, after RFC 8032 section 6; the same in every verifier -----------------------------------------
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _recover_x(y: int, sign: int) -> int | None:
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def _multiply(scalar: int, point: tuple[int, ...]) -> tuple[int, ...]:
    total: tuple[int, ...] = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _point(encoded: bytes) -> tuple[int, ...] | None:
    y = int.from_bytes(encoded, "little")
    x = _recover_x(y & (1 << 255) - 1, y >> 255)
    y &= (1 << 255) - 1
    return None if x is None else (x, y, 1, x * y % P)


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or ()


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes are the Ed25519 signature of the message by the 32 bytes of a public key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = _multiply(s, BASE), _add(r, _multiply(k, a))
    is_same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return is_same_x and (left[1] * right[2] - right[1] * left[2]) % P == 0


# --- end of Ed25519 ----------------------------------------------------------------------------------------


class Zip:
    """The parts of an archive that is still packed."""

    def __init__(self, path: Path) -> None:
        self.file = zipfile.ZipFile(path)
        entries = self.file.infolist()
        self.entries = {entry.filename: entry for entry in entries}
        if len(self.entries) != len(entries):
            raise Refused("A part is in the archive twice.")

    def names(self) -> set[str]:
        return set(self.entries)

    def open(self, name: str) -> Any:
        entry = self.entries[name]
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise ValueError("it is no plain file")
        return self.file.open(entry)


class Folder:
    """The parts of an archive that was unpacked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> set[str]:
        found = (path for path in self.path.rglob("*") if not path.is_dir() or path.is_symlink())
        return {path.relative_to(self.path).as_posix() for path in found}

    def open(self, name: str) -> BinaryIO:
        path = self.path.joinpath(*name.split("/"))
        if path.is_symlink():
            raise ValueError("it is a link")
        return path.open("rb")


def read_small(parts: Zip | Folder, name: str) -> bytes:
    if name not in parts.names():
        raise Refused(f"There is no {name}: this is not an archive of Smoall's, or not a whole one.")
    try:
        with parts.open(name) as file:
            data: bytes = file.read(SMALL + 1)
    except Exception as error:
        raise Refused(f"{name} is altered: {error}") from error
    if len(data) > SMALL:
        raise Refused(f"{name} is too large.")
    return data


def decode(text: str) -> bytes:
    """Base64 in its one canonical spelling. Raises ValueError."""
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode() != text:
        raise ValueError("this is not canonical base64")
    return value


def read_keys(text: str) -> dict[str, bytes]:
    """Public keys by their id, which has to be the beginning of the key's SHA-256."""
    keys = {}
    try:
        for entry in json.loads(text)["keys"]:
            public = decode(entry["public_key"])
            if hashlib.sha256(public).hexdigest()[:16] != entry["id"]:
                raise Refused(f"Key {entry['id']} in the list of keys is altered.")
            keys[entry["id"]] = public
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused("This is not a list of Smoall's public keys.") from error
    return keys


def read_manifest(parts: Zip | Folder, keys: dict[str, bytes] | None) -> tuple[dict[str, Any], str]:
    """The manifest and the id of the key that signed it. Without keys: the one in the archive itself."""
    text = read_small(parts, MANIFEST)
    try:
        sealed = json.loads(read_small(parts, SIGNATURE))
        key_id, signature = sealed["key_id"], decode(sealed["signature"])
        enclosed = decode(sealed["public_key"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused("The signature can't be read.") from error
    if keys is None and hashlib.sha256(enclosed).hexdigest()[:16] != key_id:
        raise Refused("The key beside the signature is altered.")
    if keys is not None and key_id not in keys:
        raise Refused(f"It was signed by key {key_id}, which is not one of Smoall's keys.")
    if not is_signed(enclosed if keys is None else keys[key_id], text, signature):
        raise Refused("manifest.json is altered: its signature does not fit.")
    manifest = json.loads(text)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise Refused("This is not an archive of Smoall's.")
    if manifest.get("version") != VERSION:
        raise Refused("It was made by a later release of Smoall: use the verify.py inside it.")
    return manifest, key_id


def wrong_with(parts: Zip | Folder, name: str, expected: dict[str, Any]) -> str:
    """What is wrong with a part; "" when it is as it was written."""
    size, digest = 0, hashlib.sha256()
    try:
        with parts.open(name) as file:
            while size <= expected["bytes"]:
                block = file.read(BLOCK)
                if not block:
                    break
                size += len(block)
                digest.update(block)
    except Exception as error:
        return f"altered ({error})"
    if size != expected["bytes"]:
        found = "more" if size > expected["bytes"] else str(size)
        return f"altered: {expected['bytes']} bytes expected, {found} found"
    return "" if digest.hexdigest() == expected["sha256"] else "altered: its SHA-256 is another one"


def check(path: Path, keys: dict[str, bytes] | None) -> tuple[dict[str, Any], str, list[str]]:
    """The manifest, the signing key's id, and a line for each thing that is wrong. Raises Refused."""
    parts = Folder(path) if path.is_dir() else Zip(path)
    manifest, key_id = read_manifest(parts, keys)
    present, listed = parts.names(), manifest["parts"]
    wrong = [f"{name}: missing" for name in sorted(set(listed) - present)]
    if isinstance(parts, Zip):  # beside an unpacked archive other files may stand
        wrong += [f"{name}: added" for name in sorted(present - set(listed) - {MANIFEST, SIGNATURE})]
    for name in sorted(set(listed) & present):
        fault = wrong_with(parts, name, listed[name])
        wrong += [f"{name}: {fault}"] if fault else []
    return manifest, key_id, wrong


def decrypt(source: Path, target: Path, key_file: Path | None) -> None:
    """Decrypts an age file with pyrage. Raises Refused."""
    try:
        import pyrage
    except ImportError as error:
        raise Refused(f"pyrage is not installed. Use the tool age: age -d -o {target} {source}") from error
    try:
        if key_file is None:
            passphrase = getpass.getpass("Passphrase: ")
            target.write_bytes(pyrage.passphrase.decrypt(source.read_bytes(), passphrase))
            return
        lines = [line for line in key_file.read_text().splitlines() if line.startswith("AGE-SECRET-KEY-")]
        with source.open("rb") as sealed, target.open("wb") as plain:
            pyrage.decrypt_io(sealed, plain, [pyrage.x25519.Identity.from_str(line) for line in lines])
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        if target.exists():
            target.unlink()
        raise Refused(f"It does not open with this key or passphrase, or it is altered: {error}") from error


def describe(manifest: dict[str, Any], key_id: str, is_known: bool) -> str:
    parts, counts = manifest["parts"], manifest["counts"]
    size, rows = sum(part["bytes"] for part in parts.values()), sum(counts.values())
    lines = [
        f"As Smoall wrote it: {len(parts)} parts, {size} bytes, {rows} rows in {len(counts)} tables.",
        f"  workspace {manifest['tenant']}, made at {manifest['made_at']} by release {manifest['release']}",
        f"  signed by key {key_id}" + (", one of the keys that you gave" if is_known else ""),
    ]
    if not is_known:
        lines.append("  Whose key that is was not checked: give --keys for that (see README.txt).")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Checks an archive of Smoall's.")
    parser.add_argument("archive", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--keys", type=Path, help="Smoall's public keys (smoall-keys.json)")
    parser.add_argument("--decrypt-to", type=Path, metavar="FILE", help="decrypt an .age archive into FILE")
    parser.add_argument("--identity", type=Path, metavar="KEYFILE", help="your age key, not a passphrase")
    given = parser.parse_args(arguments)
    path = given.archive
    try:
        keys = read_keys(given.keys.read_text(encoding="utf-8")) if given.keys else None
        if path.is_file():
            with path.open("rb") as file:
                is_sealed = file.read(22) == b"age-encryption.org/v1\n"
            if is_sealed and given.decrypt_to is None:
                raise Refused("It is encrypted. Decrypt it first: give --decrypt-to FILE, or use age -d.")
            if is_sealed:
                decrypt(path, given.decrypt_to, given.identity)
                path = given.decrypt_to
        manifest, key_id, wrong = check(path, keys)
    except OSError as error:
        sys.stderr.write(f"It can't be read: {error}\n")
        return 2
    except (Refused, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        sys.stderr.write(f"NOT SOUND. {error}\n")
        return 1
    if wrong:
        lines = ["NOT SOUND. These parts are not as Smoall wrote them:", *(f"  {line}" for line in wrong), ""]
        sys.stderr.write("\n".join(lines))
        return 1
    sys.stdout.write(describe(manifest, key_id, keys is not None) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
