"""Short secrets that a row has to hold, unreadable to whoever reads the database alone.

AES-256-GCM under a key that HKDF derives from the deployment's secret key, which is in no database and no backup
of one. A sealed text is bound to its schema and purpose: in another row or workspace it opens nothing.
"""

import base64
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from shared_apps.kit import scope

NONCE = 12  # bytes


class BadSeal(Exception):
    """Sealed for another place or purpose, under another key, or altered."""


def seal(secret: bytes, *, purpose: str) -> str:
    nonce = os.urandom(NONCE)
    return base64.urlsafe_b64encode(
        nonce + _cipher(settings.SECRET_KEY).encrypt(nonce, secret, _bound(purpose))
    ).decode()


def unseal(sealed: str, *, purpose: str) -> bytes:
    """What `seal` was given, in this schema and for this purpose. Raises BadSeal."""
    try:
        raw = base64.urlsafe_b64decode(sealed)
    except ValueError as error:
        raise BadSeal("not a sealed text") from error
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _cipher(key).decrypt(raw[:NONCE], raw[NONCE:], _bound(purpose))
        except (InvalidTag, ValueError):
            continue
    raise BadSeal("sealed elsewhere, under another key, or altered")


def _bound(purpose: str) -> bytes:
    return f"{scope.current().schema}:{purpose}".encode()


@cache
def _cipher(key: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"smoall.kit.sealing")
    return AESGCM(derived.derive(key.encode()))
