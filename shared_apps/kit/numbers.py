"""VAT numbers, bank accounts and phone numbers: checked, stored compactly, shown as people write them."""

import re

import schwifty
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from schwifty.exceptions import InvalidChecksumDigits, SchwiftyException
from stdnum import get_cc_module
from stdnum.be import vat as belgian
from stdnum.eu import vat as european
from stdnum.exceptions import InvalidChecksum
from stdnum.exceptions import ValidationError as WrongNumber

from shared_apps.kit.places import EU, country_name

PREFIXES = {"EL": "GR", "XI": "GB"}  # prefixes of VAT numbers that are no country codes
WRITTEN_PREFIXES = {"GR": "EL"}
LONGEST = 34  # an IBAN's; no VAT number has as many. Their check digits are sums with the whole number
SEPARATORS = re.compile(r"[\s.\-/_·]+")
PHONE = re.compile(r"[0-9A-Za-zÀ-ÿ +().,;:/\-–#*&]+\Z")


def compact(text: str) -> str:
    """Without what people put between digits, in capitals."""
    return SEPARATORS.sub("", text).upper()


def clean_vat(text: str, country: str) -> str:
    """The compact number with its prefix ("BE0403170701"); "" for nothing.

    A number without prefix is of `country`. Numbers of the European Union are checked by their own rules, others
    where python-stdnum knows them, else kept as typed. Raises ValidationError with a sentence that helps.
    """
    compact = SEPARATORS.sub("", text).upper()
    if not compact:
        return ""
    if len(compact) > LONGEST:
        raise ValidationError(_vat_help(country or "BE"), code="vat")
    prefix = PREFIXES.get(compact[:2], compact[:2])
    if prefix in EU or (prefix == "GB" and compact.startswith("XI")):
        return _clean_european_vat(compact, prefix)
    country = country or "BE"
    if country in EU:
        return _clean_european_vat(WRITTEN_PREFIXES.get(country, country) + compact, country)
    return _clean_foreign_vat(compact, country)


def _clean_european_vat(number: str, country: str) -> str:
    try:
        return str(european.validate(number))
    except InvalidChecksum:
        raise ValidationError(
            _("The check digits of this VAT number don’t fit: a digit is probably wrong."), code="vat"
        ) from None
    except WrongNumber:
        raise ValidationError(_vat_help(country), code="vat") from None


def _clean_foreign_vat(number: str, country: str) -> str:
    module = get_cc_module(country, "vat")
    try:
        return str(module.validate(number)) if module else number[:20]
    except WrongNumber:
        raise ValidationError(_vat_help(country), code="vat") from None


def _vat_help(country: str) -> str:
    if country == "BE":
        return _("A Belgian VAT number has ten digits and begins with 0 or 1, such as BE 0403.170.701.")
    return _("This isn’t how a VAT number of this country looks: %(country)s.") % {
        "country": country_name(country)
    }


def format_vat(number: str) -> str:
    """BE 0403.170.701; others with a space after the prefix."""
    if number.startswith("BE") and belgian.is_valid(number[2:]):
        return f"BE {number[2:6]}.{number[6:9]}.{number[9:]}"
    return f"{number[:2]} {number[2:]}" if number[:2].isalpha() else number


def clean_iban(text: str) -> str:
    """The compact account number, "" for nothing. Raises ValidationError with a sentence that helps."""
    number = compact(text)[: LONGEST + 1]  # no IBAN is longer, so what is cut is refused
    if not number:
        return ""
    try:
        return str(schwifty.IBAN(number).compact)
    except SchwiftyException as error:
        if isinstance(error, InvalidChecksumDigits):
            raise ValidationError(
                _("The check digits of this account number don’t fit: a digit is probably wrong."),
                code="iban",
            ) from None
        raise ValidationError(
            _("This isn’t an IBAN: it begins with two letters and two digits, such as BE68 5390 0754 7034."),
            code="iban",
        ) from None


def format_iban(number: str) -> str:
    return " ".join(number[place : place + 4] for place in range(0, len(number), 4))


def bic_of(iban: str) -> str:
    """The bank's code as the account number tells it, "" where it doesn't."""
    if not iban:
        return ""
    try:
        return str(schwifty.IBAN(iban).bic or "")
    except SchwiftyException:
        return ""


def clean_phone(text: str) -> str:
    """As typed, with single spaces. Raises ValidationError for what no phone number can be."""
    text = " ".join(text.split())
    if text and (not PHONE.match(text) or len(digits(text)) < 3):
        raise ValidationError(_("This doesn’t look like a phone number."), code="phone")
    return text


def digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdecimal() and sign.isascii())


def phone_digits(text: str) -> list[str]:
    """The digits as people may search them: whole, and as dialled within the country when it is Belgian."""
    whole = digits(text)
    if not whole:
        return []
    bare = whole.removeprefix("00") if whole.startswith("00") else whole
    return [bare, f"0{bare[2:].lstrip('0')}"] if bare.startswith("32") and len(bare) > 9 else [bare]
