"""One byte sequence for one JSON value, so that it can be hashed and signed (after RFC 8785).

Objects sorted by key, no space between tokens, UTF-8 unescaped. Narrower than JSON: ASCII keys, whole numbers
below 2^53, no fractions; a text that says one key twice is refused: two readers could read it differently.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

EXACT = 2**53


class NotCanonical(ValueError):
    """The value or text can't be written as, or read from, canonical JSON; the message says why."""


def dumps(value: Any) -> bytes:
    """The canonical UTF-8 bytes of dict, list, tuple, str, int, bool and None. Raises NotCanonical."""
    _check(value)
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("a text holds half a character (a lone surrogate)") from error


def loads(text: str | bytes) -> Any:
    """The value of a JSON text, canonical or not, that `dumps` could have been given. Raises NotCanonical."""
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_int=_exact, parse_float=_fraction, parse_constant=_fraction
        )
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"it is not JSON: {error}") from error


def _check(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, member in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise NotCanonical(f"the key {key!r} is not plain ASCII")
            _check(member)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        for member in value:
            _check(member)
    elif isinstance(value, int):
        if abs(value) >= EXACT:
            raise NotCanonical(f"{value} is too large to be read exactly everywhere")
    elif value is not None and not isinstance(value, str):
        raise NotCanonical(f"a {type(value).__name__} has no place in it")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonical("an object says one key twice")
    return found


def _fraction(text: str) -> NoReturn:
    raise NotCanonical(f"{text[:40]} is not a whole number")


def _exact(text: str) -> int:
    if len(text) > 17 or abs(int(text)) >= EXACT or text == "-0":
        raise NotCanonical(f"{text[:40]} can't be read exactly everywhere")
    return int(text)
