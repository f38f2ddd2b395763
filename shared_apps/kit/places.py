"""Countries and languages as people name them, from the CLDR; and which countries are in the European Union."""

from collections.abc import Callable
from functools import lru_cache

from babel.core import Locale
from django.utils.translation import get_language

from shared_apps.kit.text import fold

Choices = list[tuple[str, str]]

NEIGHBOURS = ("BE", "NL", "LU", "FR", "DE")  # first in every list
EU = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
WRITTEN = ("fr", "nl", "en", "de")  # languages that a document can be written in


def countries() -> Choices:
    """Codes (ISO 3166-1) and names in the active language: the neighbours, then all by name."""
    return list(_countries(get_language() or "en"))


def country_name(code: str) -> str:
    """The name in the active language; the code itself when nobody gave it a name."""
    return str(_locale(get_language() or "en").territories.get(code, code))


def languages() -> Choices:
    """The languages that documents are written in, named in the active language."""
    return [(code, language_name(code)) for code in WRITTEN]


def language_name(code: str) -> str:
    return str(_locale(get_language() or "en").languages.get(code, code))


def is_country(code: str) -> bool:
    return code in _codes()


def named(word: str) -> str:
    """The code of a country written in any of the languages ("Belgique", "België", "be"), "" when unknown."""
    return _by_name().get(fold(word), "")


def language_named(word: str) -> str:
    """The code of a written language named in any of them ("français", "Frans", "FR"), "" when unknown."""
    return _languages_by_name().get(fold(word), "")


@lru_cache(maxsize=16)
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


@lru_cache(maxsize=1)
def _codes() -> frozenset[str]:
    """Two letters, without regions that are no country (EU, UN, EZ) and placeholders (QO, XA, XB, ZZ)."""
    listed = (str(code) for code in _locale("en").territories)
    no_countries = {"EU", "UN", "EZ", "QO", "XA", "XB", "ZZ"}
    return frozenset(code for code in listed if len(code) == 2 and code.isalpha()) - no_countries


@lru_cache(maxsize=16)
def _countries(language: str) -> tuple[tuple[str, str], ...]:
    names = _locale(language).territories
    by_name: Callable[[str], str] = lambda code: fold(names.get(code, code))  # noqa: E731
    others = sorted(_codes() - set(NEIGHBOURS), key=by_name)
    return tuple((code, names.get(code, code)) for code in (*NEIGHBOURS, *others))


@lru_cache(maxsize=1)
def _by_name() -> dict[str, str]:
    found = {fold(code): code for code in _codes()}
    for language in WRITTEN:
        names = _locale(language).territories
        found |= {fold(names.get(code, code)): code for code in _codes() if code in names}
    return found


@lru_cache(maxsize=1)
def _languages_by_name() -> dict[str, str]:
    found = {code: code for code in WRITTEN}
    for language in WRITTEN:
        found |= {fold(_locale(language).languages[code]): code for code in WRITTEN}
    return found
