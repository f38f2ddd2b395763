#!/usr/bin/env python3
"""Checks what Smoall publishes about its promises, without Smoall's help. Needs Python 3.8 or later.

    python verify_promises.py PROMISES.json KEYS.json [--key ID] [--max-age HOURS] [--at MOMENT] [--language fr]

PROMISES.json is what https://<Smoall's domain>/promises.json answers, KEYS.json what
https://<Smoall's domain>/.well-known/smoall-keys.json answers; an address may be given in place of either file.
--key: only this key counts, whose id you noted before: else whoever gave you both files could have made both.
A document that is older than --max-age (26 hours) proves nothing about today. --at judges it as of another moment.

Exit code 0: genuine, recent, and no promise is broken; 1: not so, and the text says why; 2: something can't be read.
What a genuine document shows is that Smoall said this, then. Beside each promise stands what that does not prove.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

FORMAT, VERSION = "smoall-promises", 1
GOOD_FOR = timedelta(hours=24)  # a look that is older proves nothing
AHEAD = timedelta(minutes=10)  # by which clocks may differ
MOST_BYTES = 4_000_000


class Refused(Exception):
    """The document is not genuine, or can't be checked; the message says why."""


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


def check(text: str, keys_text: str, only: str = "") -> dict[str, Any]:
    """The document, once its signature fits. Raises Refused."""
    keys = read_keys(keys_text)
    document = read_json(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Refused("These are no promises of Smoall's.")
    if document.get("version") != VERSION:
        raise Refused("It was made by a later release of Smoall: fetch its verify_promises.py.")
    key_id = str(document.get("key_id"))
    if only and key_id != only:
        raise Refused(f"It was signed by key {key_id}, not by {only}.")
    if key_id not in keys:
        raise Refused(f"It was signed by key {key_id}, which is not in the list of keys.")
    signed = {name: value for name, value in document.items() if name != "signature"}
    try:
        message = json.dumps(signed, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        signature = decode(str(document.get("signature")))
    except ValueError as error:
        raise Refused("The signature can't be read.") from error
    public = keys[key_id]
    if not is_signed(public, message, signature) or not confirmed_elsewhere(public, message, signature):
        raise Refused("The signature does not fit: the document was altered, or another key made it.")
    return document


def standing(promise: dict[str, Any], now: datetime) -> str:
    """kept, broken, stale, unproven, later or tested, as Smoall's own page says it at that moment."""
    looks = [one["last"] for one in promise["checks"]]
    found = [look for look in looks if look]
    if any(look["result"] == "broken" for look in found):
        return "broken"
    if promise["arrives_with"]:
        return "later"
    if not looks:
        return "tested"
    if len(found) < len(looks) or any(look["result"] != "kept" for look in found):
        return "unproven"
    if any(not now - GOOD_FOR <= datetime.fromisoformat(look["at"]) <= now + AHEAD for look in found):
        return "stale"
    return "kept"


def wrong_with(document: dict[str, Any], now: datetime, max_age: timedelta) -> list[str]:
    """Why a genuine document is no good news at that moment."""
    made = datetime.fromisoformat(document["generated_at"])
    found = []
    if made > now + AHEAD:
        found.append(f"It says that it was made at {document['generated_at']}, which is yet to come.")
    if made < now - max_age:
        found.append(
            f"It is old: it was made at {document['generated_at']} and proves nothing about {now:%Y-%m-%d %H:%M}."
        )
    broken = [one["id"] for one in document["promises"] if standing(one, now) == "broken"]
    if broken:
        found.append("Broken, says Smoall itself: " + ", ".join(broken) + ".")
    ids = [one["id"] for one in document["promises"]]
    if ids != [f"P{number:02d}" for number in range(1, len(ids) + 1)] or len(ids) < 44:
        found.append("Promises are missing.")
    return found


def describe(document: dict[str, Any], now: datetime, language: str) -> str:
    """One line a promise, and what each of its looks saw."""
    lines = [
        f"Genuine: signed by key {document['key_id']}, made at {document['generated_at']}",
        f"  by release {document['release']} of {document['website']}",
        "",
    ]
    for one in document["promises"]:
        text = one["sentence"].get(language) or one["sentence"]["en"]
        lines.append(f"{standing(one, now):9}{one['id']}  {text}")
        for each in one["checks"]:
            if each["last"]:
                seen = each["last"]["seen"].get(language) or each["last"]["seen"]["en"]
                lines.append(f"               {each['last']['at']}  {seen}")
    return "\n".join(lines)


def fetched(place: str) -> str:
    """The text of a file, or of an address. Raises OSError."""
    if place.startswith(("https://", "http://")):
        with urllib.request.urlopen(place, timeout=30) as answer:  # noqa: S310 (nothing but http and https)
            data: bytes = answer.read(MOST_BYTES + 1)
    else:
        data = Path(place).read_bytes()
    if len(data) > MOST_BYTES:
        raise OSError("it is too large")
    return data.decode("utf-8")


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)  # noqa: UP017 (Python 3.8)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Checks what Smoall publishes about its promises.")
    parser.add_argument("promises", help="promises.json, a file or an address")
    parser.add_argument("keys", help="smoall-keys.json, a file or an address")
    parser.add_argument("--key", default="", metavar="ID", help="only this key counts")
    parser.add_argument("--max-age", type=float, default=26.0, metavar="HOURS")
    parser.add_argument(
        "--at", type=moment, metavar="MOMENT", help="judge it as of then, as in 2027-03-01T12:00+01:00"
    )
    parser.add_argument("--language", default="en")
    given = parser.parse_args(arguments)
    now = given.at or datetime.now(timezone.utc)  # noqa: UP017 (Python 3.8)
    texts = []
    for place in (given.promises, given.keys):
        try:
            texts.append(fetched(place))
        except (OSError, UnicodeDecodeError, ValueError) as error:
            sys.stderr.write(f"{place} can't be read: {error}\n")
            return 2
    try:
        document = check(texts[0], texts[1], only=given.key)
        wrong = wrong_with(document, now, timedelta(hours=given.max_age))
        text = describe(document, now, given.language)
    except Refused as error:
        sys.stderr.write(f"NOT GENUINE. {error}\n")
        return 1
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        sys.stderr.write(f"It is signed, but can't be read: {error}\n")
        return 1
    sys.stdout.write(text + "\n")
    for fault in wrong:
        sys.stderr.write(f"NO GOOD NEWS. {fault}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
