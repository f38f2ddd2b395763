"""What Smoall's accountant gets of a period: two tables that open in a spreadsheet, and every document as PDF and XML."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO

from django.utils.translation import gettext as _

from billing.models import Document, Invoice
from shared_apps.kit import sheets
from shared_apps.kit.numbers import format_vat

BATCH = 200
MOST_DAYS = 3 * 366


class BadPeriod(ValueError):
    """The days make no period; the text is for people."""


def check(first: date, last: date) -> None:
    """Raises BadPeriod."""
    if last < first:
        raise BadPeriod(_("The last day comes before the first."))
    if (last - first).days > MOST_DAYS:
        raise BadPeriod(_("Three years at most at once."))


def write(out: IO[bytes], *, first: date, last: date, now: datetime) -> int:
    """A ZIP file with the documents issued from `first` to `last`, both included; how many. In the shared scope.

    PDF files that nobody asked for yet are made now. Raises BadPeriod, and ValueError for a file that is not what was
    stored.
    """
    check(first, last)
    count = 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for invoice in _documents(first, last):
            count += 1
            folder = f"{invoice.issued_on:%Y-%m}"
            archive.writestr(f"{folder}/{invoice.number}.pdf", Document.pdf_of(invoice, now=now).intact())
            xml = Document.objects.filter(invoice=invoice, form=Document.Form.UBL).first()
            if xml is not None:
                archive.writestr(f"{folder}/{invoice.number}.xml", xml.intact())
        archive.writestr("documents.csv", _table(DOCUMENTS, document_rows(first, last)))
        archive.writestr("vat.csv", _table(VAT, vat_rows(first, last)))
    return count


def _documents(first: date, last: date) -> Iterator[Invoice]:
    found = Invoice.objects.issued_between(first, last).select_related("corrects")
    yield from found.order_by("issued_on", "kind", "sequence").iterator(chunk_size=BATCH)


DOCUMENTS = (
    "number", "kind", "date", "due", "corrects", "client", "country", "vat_number", "treatment", "category", "rate",
    "net", "vat", "total", "rounding", "payable", "communication", "period_from", "period_until",
)  # fmt: skip
VAT = ("category", "rate", "documents", "net", "vat")


def document_rows(first: date, last: date) -> Iterator[list[object]]:
    """One line a document; credit notes are negative, so that columns can be summed."""
    for one in _documents(first, last):
        sign, buyer, share = (-1 if one.is_credit_note else 1), one.buyer_party, one.shares[0]
        yield [
            one.number, one.kind, one.issued_on, one.due_on, one.corrects.number if one.corrects else "", buyer.name,
            buyer.country, format_vat(buyer.vat_number) if buyer.vat_number else "", one.treatment, share.category, share.rate,
            *(euros(sign * cents) for cents in (one.net, one.vat, one.gross, one.rounding, one.payable)),
            one.written_communication.strip("+"), one.period_from, one.period_until,
        ]  # fmt: skip


def vat_rows(first: date, last: date) -> Iterator[list[object]]:
    """Totals by category and rate, credit notes taken off: what the VAT return asks for."""
    sums: dict[tuple[str, Decimal], list[int]] = {}
    for one in _documents(first, last):
        sign = -1 if one.is_credit_note else 1
        for share in one.shares:
            found = sums.setdefault((share.category, share.rate), [0, 0, 0])
            for place, cents in enumerate((1, sign * share.base, sign * share.vat)):
                found[place] += cents
    for (category, rate), (count, net, tax) in sorted(sums.items()):
        yield [category, rate, count, euros(net), euros(tax)]


def euros(cents: int) -> Decimal:
    return (Decimal(cents) / 100).quantize(Decimal("0.01"))


def _table(header: Sequence[str], rows: Iterator[list[object]]) -> str:
    out = io.StringIO()
    out.write("\ufeff" + sheets.written(header))
    for row in rows:
        # An amount below zero is a number: only texts are guarded against being run as formulas.
        texts = [
            sheets.safe(cell) if isinstance(cell, str) else "" if cell is None else str(cell) for cell in row
        ]
        out.write(";".join(_quoted(text) for text in texts) + "\r\n")
    return out.getvalue()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ';"\r\n') else text
