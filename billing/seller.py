"""Who issues Smoall's invoices, and to whom: both as they are printed, copied into each invoice."""

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from shared_apps.clients.models import Client
from shared_apps.kit.numbers import bic_of, compact


class NotSet(Exception):
    """A setting without which no invoice may be issued is missing; the text is for operators."""


@dataclass(frozen=True, slots=True)
class Party:
    """`vat_number` is compact with its prefix, "" for none. `reference` is what a buyer's accountant files it under."""

    name: str
    street: str
    postal_code: str
    city: str
    country: str
    vat_number: str = ""
    iban: str = ""
    bic: str = ""
    email: str = ""
    reference: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "Party":
        return cls(**said)

    @property
    def enterprise_number(self) -> str:
        """The ten digits of a Belgian company, "" for others."""
        return self.vat_number[2:] if self.vat_number.startswith("BE") else ""


def seller() -> Party:
    """Smoall as its settings name it. Raises NotSet without a VAT number."""
    said: dict[str, str] = settings.SMOALL_SELLER
    if not said["vat_number"]:
        raise NotSet(_("Set SMOALL_SELLER_VAT: without Smoall’s VAT number no invoice may be issued."))
    iban = compact(said["iban"])
    return Party(**{**said, "vat_number": compact(said["vat_number"]), "iban": iban}, bic=bic_of(iban))


def buyer(client: Client, *, reference: str = "") -> Party:
    """The company's name and address as they are now: neither its contact person nor an e-mail address."""
    return Party(
        name=client.company,
        street=client.street,
        postal_code=client.postal_code,
        city=client.city,
        country=client.country,
        vat_number=client.vat_number,
        reference=reference or client.pk.hex[-8:].upper(),
    )
