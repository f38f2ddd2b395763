#!/usr/bin/env python3
"""Checks an erasure certificate of Smoall's, without Smoall and without a network. Needs Python 3.8 or later.

    python verify_certificate.py CERTIFICATE.json KEYS.json

KEYS.json is what https://<Smoall's domain>/.well-known/smoall-keys.json answers.
Exit code 0: genuine; 1: not genuine; 2: a file that can't be read.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

FORMAT, VERSION = "smoall-erasure-certificate", 1


class Refused(Exception):
    """The certificate is not genuine, or can't be checked; the message says why."""


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


def confirmed_elsewhere(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the library `cryptography` agrees; True where it is not installed."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return True
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def decode(text: str) -> bytes:
    """Base64 in its one canonical spelling. Raises ValueError."""
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode() != text:
        raise ValueError("this is not canonical base64")
    return value


def read_json(text: str) -> Any:
    """JSON without fractions and without a key that is said twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Refused("An object says one key twice.")
        return found

    def fraction(text: str) -> None:
        raise Refused("It holds a number that is not whole: " + text[:20])

    try:
        return json.loads(text, object_pairs_hook=once, parse_float=fraction, parse_constant=fraction)
    except (ValueError, RecursionError) as error:
        raise Refused(f"It is not JSON: {error}") from error


def read_keys(text: str) -> dict[str, bytes]:
    """Public keys by their id, which has to be the beginning of the key's SHA-256."""
    keys = {}
    try:
        for entry in json.loads(text)["keys"]:
            public = base64.b64decode(entry["public_key"], validate=True)
            if hashlib.sha256(public).hexdigest()[:16] != entry["id"]:
                raise Refused(f"Key {entry['id']} in the list of keys is altered.")
            keys[entry["id"]] = public
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused("This is not a list of Smoall's public keys.") from error
    return keys


def check(text: str, keys_text: str) -> dict[str, Any]:
    """The certificate's document, when it is genuine. Raises Refused."""
    document = read_json(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Refused("This is not an erasure certificate of Smoall's.")
    if document.get("version") != VERSION:
        raise Refused("It was made by a later release of Smoall: use that one's verifier.")
    keys = read_keys(keys_text)
    if document.get("key_id") not in keys:
        raise Refused(f"It was signed by key {document.get('key_id')}, which is not in the list of keys.")
    signed = {name: value for name, value in document.items() if name != "signature"}
    try:
        message = json.dumps(signed, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        signature = decode(str(document.get("signature")))
    except ValueError as error:
        raise Refused("The signature can't be read.") from error
    public = keys[str(document["key_id"])]
    if not is_signed(public, message, signature) or not confirmed_elsewhere(public, message, signature):
        raise Refused("The signature does not fit: the certificate was altered, or another key made it.")
    return document


TEXT = """\
Genuine: signed by key {key_id}.
  certificate   {id}, issued {issued_at}
  issued by     {controller}
  workspace     {tenant}
  client        {client}
  requested     {requested_at} by {requested_by}
  destroyed     {destroyed_at}
  last physical copy gone on {last_physical_copy_on} at the latest"""


def describe(document: dict[str, Any]) -> str:
    """What a genuine certificate says, in short."""
    lines = [TEXT.format(**document), "Erased:"]
    for one in document["stores"]:
        lines.append("  {store}: {what} ({counted_before} before, {counted_after} after)".format(**one))
    lines.append("Kept:" if document["exceptions"] else "Kept: nothing.")
    for one in document["exceptions"]:
        lines.append("  {what}, until {until}: {legal_basis}".format(**one))
    lines.append("Copies taken before:" if document["copies"] else "Copies taken before: none.")
    for one in document["copies"]:
        lines.append("  {taken_at}, {to}, {bytes} bytes, SHA-256 {sha256}".format(**one))
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("Usage: python verify_certificate.py CERTIFICATE.json KEYS.json\n")
        return 2
    texts = []
    for path in arguments:
        try:
            texts.append(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            sys.stderr.write(f"{path} can't be read: {error}\n")
            return 2
    try:
        document = check(*texts)
    except Refused as error:
        sys.stderr.write(f"NOT GENUINE. {error}\n")
        return 1
    sys.stdout.write(describe(document) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
