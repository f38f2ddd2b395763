"""Signed links: bound to the realm, a purpose and an age, so that one can't be used elsewhere (I6)."""

from typing import Any

from django.core import signing

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
