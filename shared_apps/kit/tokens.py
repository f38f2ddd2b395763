"""Signed links: bound to the realm, a purpose and an age, so that one can't be used elsewhere (I6)."""

from typing import Any

from django.conf import settings
from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from shared_apps.kit import scope


class BadToken(Exception):
    """Altered, expired, or made for another workspace or purpose."""


def sign(payload: Any, *, purpose: str) -> str:
    """A URL-safe token of a JSON payload, for this realm and purpose alone."""
    return signing.dumps(payload, salt=f"{scope.realm()}:{purpose}", compress=True)


def read(token: str, *, purpose: str, max_age: int) -> Any:
    """The payload. `max_age` in seconds. Raises BadToken."""
    try:
        return signing.loads(token, salt=f"{scope.realm()}:{purpose}", max_age=max_age)
    except signing.BadSignature as error:
        raise BadToken(str(error)) from error


def print_of(state: str, *, salt: str) -> str:
    """A short keyed hash of what a link depends on: it dies when that changes, and holds none of it."""
    return _prints(state, salt)[0]


def is_print(given: str, state: str, *, salt: str) -> bool:
    """Whether `given` was made of this state, under the present secret key or one that it replaced."""
    return any(constant_time_compare(given, one) for one in _prints(state, salt))


def _prints(state: str, salt: str) -> list[str]:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [salted_hmac(salt, state, secret=key, algorithm="sha256").hexdigest()[:32] for key in keys]
