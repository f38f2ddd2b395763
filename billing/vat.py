"""Which VAT is on one of Smoall's invoices, and how much: Belgium 21 %, other EU businesses none, outside the EU none.

Smoall sells one thing, a service by electronic means from Belgium, without VAT in its prices. A treatment names its
category as invoices in XML do (UNCL5305): S standard, AE reverse charge, O outside the scope of VAT.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from shared_apps.kit.numbers import PREFIXES
from shared_apps.kit.places import EU

RATES = ((date(1996, 1, 1), Decimal("21.00")),)  # Royal Decree no. 20, article 1: the first day of each
CENT = Decimal(1)


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one invoice is taxed. `code` is the reason of the code list VATEX where there is no VAT."""

    name: str
    category: str
    code: str = ""

    def rate(self, day: date) -> Decimal:
        """In per cent, as of that day."""
        if self.category != "S":
            return Decimal("0.00")
        return max((first, rate) for first, rate in RATES if first <= day)[1]


STANDARD = Treatment("standard", "S")
REVERSE = Treatment("reverse", "AE", "VATEX-EU-AE")
OUTSIDE = Treatment("outside", "O", "VATEX-EU-O")
TREATMENTS: Mapping[str, Treatment] = {one.name: one for one in (STANDARD, REVERSE, OUTSIDE)}

# The sentence that the law asks for where there is no VAT: Royal Decree no. 1, article 5, and Directive 2006/112/EC.
REASONS: Mapping[str, Mapping[str, str]] = {
    "reverse": {
        "en": "Reverse charge: VAT to be accounted for by the customer, article 196 of Directive 2006/112/EC",
        "fr": "Autoliquidation : TVA due par le preneur, article 196 de la directive 2006/112/CE",
        "nl": "Btw verlegd: btw verschuldigd door de afnemer, artikel 196 van Richtlijn 2006/112/EG",
        "de": ("Steuerschuldnerschaft des Leistungsempfängers: Artikel 196 der Richtlinie 2006/112/EG"),
    },
    "outside": {
        "en": "Service outside the scope of Belgian VAT, article 21 of the Belgian VAT Code",
        "fr": "Service hors du champ de la TVA belge, article 21 du Code de la TVA belge",
        "nl": "Dienst buiten het toepassingsgebied van de Belgische btw, artikel 21 van het Belgische Btw-Wetboek",
        "de": "Nicht in Belgien steuerbare Leistung, Artikel 21 des belgischen Mehrwertsteuergesetzbuchs",
    },
}


def treatment_of(*, country: str, vat_number: str, is_checked: bool) -> Treatment:
    """The treatment of a buyer in that country (ISO 3166).

    `is_checked`: the payment processor asked the VAT register of the European Union for this very number, and it was
    there. A number that nobody could check counts as none, and the buyer as a consumer, who pays Belgian VAT: Smoall
    stays below the threshold of article 59c of the directive (docs/decisions/0021-invoices.md).
    """
    if country == "BE":
        return STANDARD
    if country not in EU:
        return OUTSIDE
    prefix = vat_number[:2]
    is_of_country = PREFIXES.get(prefix, prefix) == country
    return REVERSE if vat_number and is_checked and is_of_country else STANDARD


def reason(treatment: Treatment, language: str) -> str:
    """Why there is no VAT, in the invoice's language, "" where there is."""
    said = REASONS.get(treatment.name)
    return said.get(language, said["en"]) if said else ""


@dataclass(frozen=True, slots=True)
class Share:
    """The part of an invoice with one category and rate. Cents."""

    category: str
    rate: Decimal
    base: int
    vat: int
    code: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "category": self.category,
            "rate": str(self.rate),
            "base": self.base,
            "vat": self.vat,
            "code": self.code,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Share":
        return cls(said["category"], Decimal(said["rate"]), said["base"], said["vat"], said["code"])


def vat_on(base: int, rate: Decimal) -> int:
    """VAT in cents on a total in cents, half a cent away from zero."""
    return int((base * rate / 100).quantize(CENT, ROUND_HALF_UP))


def shares(nets: Iterable[tuple[int, Treatment]], day: date) -> list[Share]:
    """The breakdown of net amounts in cents: one share a category and rate, rounded on its total and never per line."""
    bases: dict[tuple[str, Decimal, str], int] = {}
    for net, treatment in nets:
        key = (treatment.category, treatment.rate(day), treatment.code)
        bases[key] = bases.get(key, 0) + net
    return [
        Share(category, rate, base, vat_on(base, rate), code)
        for (category, rate, code), base in sorted(bases.items())
    ]
