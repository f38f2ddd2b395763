"""An invoice on paper: PDF/A-3 that a screen reader can read (PDF/UA-1), with the electronic invoice inside.

The page is invoice.typ; what is written on it goes there as JSON, so that nothing a client typed is ever markup. Fonts are
those of the typesetter: the same rows give the same bytes, on every machine with the same version of it.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import typst
from segno import helpers

from billing.documents import words
from billing.models.invoice import Invoice, InvoiceLine
from billing.seller import Party
from shared_apps.kit.numbers import format_iban, format_vat

PAGE = Path(__file__).parent / "invoice.typ"
STANDARDS = ["a-3a", "ua-1"]
UNKNOWN = "\u25a1"  # what stands for a sign that the fonts don't have


def rendered(invoice: Invoice, lines: Sequence[InvoiceLine], xml: bytes | None) -> bytes:
    """The PDF file; `xml` is attached when there is one."""
    found = compiled(invoice, lines, xml, format="pdf", pdf_standards=STANDARDS)
    assert isinstance(found, bytes)
    return found


def compiled(
    invoice: Invoice, lines: Sequence[InvoiceLine], xml: bytes | None, **options: Any
) -> bytes | list[bytes]:
    """The pages in another format of the typesetter: PNG for who wants to look at them."""
    day = datetime.combine(invoice.issued_on, time(), UTC)
    inputs = {
        "said": json.dumps(_printable(said(invoice, lines)), ensure_ascii=False),
        "qr": _qr(invoice),
        "xml": xml.decode() if xml else "",
    }
    found: bytes | list[bytes] = typst.compile(
        PAGE.read_bytes(),
        root=PAGE.parent,
        font_paths=fonts(),
        ignore_system_fonts=True,
        sys_inputs=inputs,
        timestamp=day,
        **options,
    )
    return found


def said(invoice: Invoice, lines: Sequence[InvoiceLine]) -> dict[str, Any]:
    """Everything that is printed, written out in the invoice's language."""
    language = invoice.language
    word = dict(words.of(language))
    is_credit = invoice.is_credit_note
    title = word["credit_note" if is_credit else "invoice"]
    return {
        "language": language,
        "title": title,
        "number": invoice.number,
        "issued": invoice.issued_on.isoformat(),
        "word": word,
        "seller": _party(invoice.seller_party, language),
        "buyer": _party(invoice.buyer_party, language),
        "buyer_label": word["credited_to" if is_credit else "to"],
        "facts": [[label, value] for label, value in _facts(invoice, word) if value],
        "lines": [_line(line, language, word) for line in lines],
        "net": words.money(invoice.net, language),
        "shares": [
            {
                "rate": f"{words.number(share.rate, language)} %",
                "base": words.money(share.base, language),
                "vat": words.money(share.vat, language),
            }
            for share in invoice.shares
        ],
        "gross_label": word["gross_credited" if is_credit else "gross"],
        "gross": words.money(invoice.payable, language),
        "rounding": words.money(invoice.rounding, language) if invoice.rounding else "",
        "reason": invoice.vat_reason,
        "communication": invoice.written_communication,
        "is_credit": is_credit,
    }


def _facts(invoice: Invoice, word: dict[str, str]) -> list[tuple[str, str]]:
    def shown(day: object) -> str:
        return words.short_day(day, invoice.language) if day else ""

    period = f"{shown(invoice.period_from)} – {shown(invoice.period_until)}" if invoice.period_from else ""
    return [
        (word["date"], shown(invoice.issued_on)),
        (word["due"], shown(invoice.due_on)),
        (word["period"], period),
        (word["corrects"], invoice.corrects.number if invoice.corrects else ""),
        (word["client_number"], invoice.buyer_party.reference),
    ]


def _party(party: Party, language: str) -> dict[str, str]:
    return {
        "name": party.name,
        "street": party.street,
        "city": f"{party.postal_code} {party.city}".strip(),
        "country": words.country(party.country, language),
        "vat": format_vat(party.vat_number) if party.vat_number else "",
        "iban": format_iban(party.iban),
        "bic": party.bic,
        "email": party.email,
    }


def _line(line: InvoiceLine, language: str, word: dict[str, str]) -> dict[str, str]:
    period = ""
    if line.period_from and line.period_until:
        first, last = (words.short_day(day, language) for day in (line.period_from, line.period_until))
        period = f"{first} – {last}"
    discount = f"{word['discount']} −{words.money(line.discount, language)}" if line.discount else ""
    return {
        "text": line.text,
        "note": "  ·  ".join(part for part in (period, discount) if part),
        "quantity": words.number(line.quantity, language),
        "price": words.money(line.price, language),
        "net": words.money(line.net, language),
    }


def _qr(invoice: Invoice) -> str:
    """The code that a bank's app reads (EPC069-12), as SVG; "" where no transfer is offered.

    The structured communication is no ISO 11649 reference: it goes into the text.
    """
    seller = invoice.seller_party
    if invoice.is_credit_note or not seller.iban:
        return ""
    code = helpers.make_epc_qr(
        name=seller.name[:70],
        iban=seller.iban,
        amount=Decimal(invoice.payable) / 100,
        text=invoice.written_communication,
        bic=seller.bic or None,
        encoding="utf-8",
    )
    drawn = BytesIO()
    code.save(drawn, kind="svg", border=0, xmldecl=False, svgns=True, omitsize=False, nl=False)
    return drawn.getvalue().decode()


@cache
def fonts() -> Any:
    """Those inside the typesetter and no others, so that a machine's own change nothing."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)


def _printable(value: Any) -> Any:
    """The same with signs that no font has replaced: the file would be refused as PDF/A. The XML holds them all."""
    if isinstance(value, str):
        return "".join(sign if _has_glyph(sign) else UNKNOWN for sign in value)
    if isinstance(value, dict):
        return {key: _printable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_printable(one) for one in value]
    return value


def _has_glyph(sign: str) -> bool:
    """Latin, Greek and Cyrillic letters and the punctuation of Europe: what Libertinus Serif has."""
    code = ord(sign)
    return (
        0x20 <= code < 0x7F
        or 0xA0 <= code < 0x250
        or 0x386 <= code < 0x3CF
        or 0x400 <= code < 0x460
        or 0x1E80 <= code < 0x1EF3
        or sign in "–—‘’‚“”„†‡•…‰‹›€−×\u202f\u2009\u00a0№™"
    )
