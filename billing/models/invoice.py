"""Smoall's own invoices and credit notes: complete in themselves, and unchanged from the moment they are issued.

Everything that is printed is copied into the row, since the contact details may change, and be erased, while the law
keeps the invoice ten years. What was paid stands in money.py, which changes. The database's part is walls.py.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from secrets import randbelow
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from stdnum.be import ogm_vcs

from billing import seller as parties
from billing import vat as taxes
from billing.models.series import Kind, Series, written
from shared_apps.clients.models import Client
from shared_apps.kit.dates import day_of
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold

YEARS = 10  # VAT Code, article 60: counted from the first of January after the year of issue
LANGUAGES = ("en", "fr", "nl", "de")  # that an invoice may be written in
Day = date | None


class CannotIssue(Exception):
    """An invoice or credit note was refused, and no number used; the text is for operators."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line to be invoiced. Cents: `price` for one, `discount` off the whole line; a negative quantity gives back."""

    text: str
    quantity: int
    price: int
    discount: int = 0
    period_from: Day = None
    period_until: Day = None

    @property
    def net(self) -> int:
        return self.quantity * self.price - self.discount


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def of(self, client: UUID) -> Self:
        return self.filter(client_uuid=client)

    def invoices(self) -> Self:
        return self.filter(kind=Kind.INVOICE)

    def credit_notes(self) -> Self:
        return self.filter(kind=Kind.CREDIT_NOTE)

    def issued_between(self, first: date, last: date) -> Self:
        return self.filter(issued_on__gte=first, issued_on__lte=last)


class Invoice(Row):
    """An invoice, or a credit note, whose amounts are positive too. Amounts are euro cents."""

    Kind = Kind

    client_uuid = models.UUIDField(db_index=True)  # no foreign key: it outlives the contact details
    processor_id = models.CharField(max_length=100, unique=True)  # of the payment processor's document
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    year = models.PositiveSmallIntegerField()
    sequence = models.PositiveIntegerField()
    number = models.CharField(_("number"), max_length=20, unique=True)
    issued_at = models.DateTimeField()
    issued_on = models.DateField(_("date of issue"), db_index=True)
    due_on = models.DateField(_("due date"), null=True, blank=True)
    period_from = models.DateField(null=True, blank=True)
    period_until = models.DateField(null=True, blank=True)
    language = models.CharField(max_length=5)
    seller = models.JSONField()  # billing.seller.Party
    buyer = models.JSONField()
    buyer_folded = models.CharField(max_length=200, editable=False)  # its name, for the search
    treatment = models.CharField(max_length=20)  # billing.vat.TREATMENTS
    vat_shares = models.JSONField()  # [billing.vat.Share]
    net = models.BigIntegerField()
    vat = models.BigIntegerField()
    gross = models.BigIntegerField()
    rounding = models.IntegerField(
        default=0
    )  # cents that the processor, who rounds each line's VAT, takes more or less
    payable = models.BigIntegerField()
    line_count = models.PositiveIntegerField()
    communication = models.CharField(max_length=12, null=True, unique=True)
    corrects = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="credit_notes"
    )
    kept_until = models.DateField()  # the last day; stored, so that a changed constant changes no old promise
    digest = models.CharField(max_length=64)  # SHA-256 of all this and of the document's before it

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("a document of Smoall", "invoice")
        verbose_name_plural = pgettext_lazy("documents of Smoall", "invoices")
        ordering = ["-issued_at", "-id"]
        indexes = [models.Index(fields=["client_uuid", "-issued_at"], name="billing_invoice_client")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "year", "sequence"], name="billing_invoice_sequence"),
            models.CheckConstraint(
                condition=Q(gross=models.F("net") + models.F("vat")), name="billing_invoice_gross"
            ),
            models.CheckConstraint(
                condition=Q(
                    payable=models.F("gross") + models.F("rounding"),
                    rounding__gte=-models.F("line_count"),
                    rounding__lte=models.F("line_count"),
                ),
                name="billing_invoice_payable",
            ),
            models.CheckConstraint(
                condition=Q(net__gt=0, vat__gte=0, line_count__gt=0), name="billing_invoice_positive"
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.INVOICE, corrects=None, due_on__isnull=False)
                | Q(kind=Kind.CREDIT_NOTE, corrects__isnull=False, due_on=None),
                name="billing_invoice_kind",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    # --- issuing ----------------------------------------------------------------------------------------

    @classmethod
    def issue(
        cls,
        *,
        client: Client,
        kind: str,
        lines: Sequence[Item],
        treatment: taxes.Treatment,
        period: tuple[Day, Day],
        processor_id: str,
        corrects: "Invoice | None" = None,
        now: datetime,
        due_on: Day = None,
        total: int | None = None,
        reference: str = "",
    ) -> "Invoice":
        """Issue the processor's document under the next number, in the caller's transaction; the same one again gives
        what was issued.

        Locks the series until the transaction ends. `total`: what the processor takes, in cents; it may differ by a cent
        a line, which is printed as rounding. `reference`: the buyer's own, if it gave one. Raises CannotIssue, and then
        nothing is written and no number used.
        """
        if known := cls.objects.filter(processor_id=processor_id).first():
            return known
        _check(kind, lines, corrects)
        series = Series.locked(kind, day_of(now).year)
        if known := cls.objects.filter(processor_id=processor_id).first():  # by who held the lock before us
            return known
        sequence, issued_on = series.take(day_of(now))
        made = cls(
            client_uuid=client.pk,
            processor_id=processor_id,
            kind=kind,
            year=series.year,
            sequence=sequence,
            number=written(kind, series.year, sequence),
            issued_at=now,
            issued_on=issued_on,
            due_on=max(due_on or issued_on, issued_on) if kind == Kind.INVOICE else None,
            period_from=period[0],
            period_until=period[1],
            language=client.language if client.language in LANGUAGES else "en",
            seller=_seller().as_json(),
            buyer=parties.buyer(client, reference=reference).as_json(),
            buyer_folded=fold(client.company)[:200],
            treatment=treatment.name,
            line_count=len(lines),
            communication=_free_communication() if kind == Kind.INVOICE else None,
            corrects=corrects,
            kept_until=date(series.year + YEARS, 12, 31),
        )
        made._count(lines, treatment)
        made._round(total)
        if corrects is not None:
            corrects.must_leave(made.payable)
        rows = [InvoiceLine.of(made, position, item) for position, item in enumerate(lines, start=1)]
        document = Document.ubl_of(made, rows)
        made.digest = digest(made, rows, series.last_digest)
        series.keep(number=sequence, day=issued_on, digest=made.digest)
        made.save(force_insert=True)
        InvoiceLine.objects.bulk_create(rows)
        if document is not None:
            document.save(force_insert=True)
        return made

    def _count(self, lines: Sequence[Item], treatment: taxes.Treatment) -> None:
        """Raises CannotIssue for a total of nothing or less: that is no invoice."""
        day = self.corrects.issued_on if self.corrects else self.issued_on  # the rate of what is taken back
        shares = taxes.shares(((item.net, treatment) for item in lines), day)
        self.vat_shares = [share.as_json() for share in shares]
        self.net = sum(share.base for share in shares)
        self.vat = sum(share.vat for share in shares)
        self.gross = self.net + self.vat
        if self.net <= 0:
            raise CannotIssue(_now("The total is not more than nothing: there is nothing to invoice."))

    def _round(self, total: int | None) -> None:
        """Pay what the processor takes. Raises CannotIssue for a difference that rounding can't explain."""
        self.payable = self.gross if total is None else total
        self.rounding = self.payable - self.gross
        if abs(self.rounding) > self.line_count:
            raise CannotIssue(
                _now("The payment operator’s total is %(theirs)s cents, ours %(ours)s: nothing was issued.")
                % {"theirs": self.payable, "ours": self.gross}
            )

    def must_leave(self, cents: int) -> None:
        """Raises CannotIssue when so much more can't be credited. Locks this invoice for who comes next."""
        type(self).objects.select_for_update().get(pk=self.pk)
        if self.credited + cents > self.payable:
            raise CannotIssue(
                _now("%(number)s: more would be credited than was invoiced.") % {"number": self.number}
            )

    # --- reading ----------------------------------------------------------------------------------------

    @property
    def credited(self) -> int:
        """Cents that its credit notes take back."""
        return sum(self.credit_notes.values_list("payable", flat=True))

    @property
    def is_credit_note(self) -> bool:
        return self.kind == Kind.CREDIT_NOTE

    @property
    def seller_party(self) -> parties.Party:
        return parties.Party.from_json(self.seller)

    @property
    def buyer_party(self) -> parties.Party:
        return parties.Party.from_json(self.buyer)

    @property
    def shares(self) -> list[taxes.Share]:
        return [taxes.Share.from_json(said) for said in self.vat_shares]

    @property
    def written_communication(self) -> str:
        """+++ddd/dddd/ddddd+++"""
        return f"+++{ogm_vcs.format(self.communication)}+++" if self.communication else ""

    @property
    def vat_reason(self) -> str:
        return taxes.reason(taxes.TREATMENTS[self.treatment], self.language)

    def forget(self) -> None:
        """Delete it with its credit notes, lines and files. The database refuses before the last day of keeping."""
        for one in (*self.credit_notes.all(), self):
            one.documents.all().delete()
            one.lines.all().delete()
            one.delete()


class InvoiceLine(Row):
    """One line, in cents. `net` is quantity × price less the discount, whatever the total is rounded to."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    text = models.CharField(max_length=500)
    quantity = models.IntegerField()
    price = models.BigIntegerField()
    discount = models.BigIntegerField(default=0)
    net = models.BigIntegerField()
    period_from = models.DateField(null=True, blank=True)
    period_until = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = _("line of an invoice")
        verbose_name_plural = _("lines of invoices")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="billing_line_position"),
            models.CheckConstraint(
                condition=Q(net=models.F("quantity") * models.F("price") - models.F("discount")),
                name="billing_line_net",
            ),
            models.CheckConstraint(condition=Q(price__gte=0, discount__gte=0), name="billing_line_price"),
        ]

    def __str__(self) -> str:
        return self.text

    @classmethod
    def of(cls, invoice: Invoice, position: int, item: Item) -> "InvoiceLine":
        return cls(
            invoice=invoice,
            position=position,
            text=" ".join(item.text.split())[:500],
            quantity=item.quantity,
            price=item.price,
            discount=item.discount,
            net=item.net,
            period_from=item.period_from,
            period_until=item.period_until,
        )


class Document(Row):
    """An invoice as a file, stored once, since what was sent must be what is found ten years later.

    The XML is made with the invoice, and only for buyers who have an address for it. The PDF is made when it is first
    asked for, from rows that don't change.
    """

    class Form(models.TextChoices):
        UBL = "ubl", "UBL"
        PDF = "pdf", "PDF"

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="documents")
    form = models.CharField(max_length=3, choices=Form.choices)
    content = models.BinaryField()
    sha256 = models.CharField("SHA-256", max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = _("invoice as a file")
        verbose_name_plural = _("invoices as files")
        constraints = [models.UniqueConstraint(fields=["invoice", "form"], name="billing_document_form")]

    def __str__(self) -> str:
        return f"{self.invoice.number}.{'xml' if self.form == self.Form.UBL else 'pdf'}"

    @classmethod
    def _of(cls, invoice: Invoice, form: str, content: bytes, now: datetime) -> Self:
        sha256 = hashlib.sha256(content).hexdigest()
        return cls(invoice=invoice, form=form, content=content, sha256=sha256, made_at=now)

    @classmethod
    def ubl_of(cls, invoice: Invoice, lines: Sequence[InvoiceLine]) -> Self | None:
        """Not saved yet. None for a buyer to whom no such invoice can be sent. Raises CannotIssue for one that breaks
        the rules of the format.
        """
        from billing.documents import ubl

        if not ubl.is_for(invoice):
            return None
        try:
            content = ubl.written(invoice, lines)
        except ubl.BadDocument as error:
            raise CannotIssue(str(error)) from error
        return cls._of(invoice, cls.Form.UBL, content, invoice.issued_at)

    @classmethod
    def pdf_of(cls, invoice: Invoice, *, now: datetime) -> Self:
        """The stored one, made now when it is the first time; twice at once is one."""
        from billing.documents import pdf

        known = cls.objects.filter(invoice=invoice, form=cls.Form.PDF).first()
        if known is None:
            xml = cls.objects.filter(invoice=invoice, form=cls.Form.UBL).first()
            content = pdf.rendered(invoice, list(invoice.lines.all()), bytes(xml.content) if xml else None)
            made = cls._of(invoice, cls.Form.PDF, content, now)
            cls.objects.bulk_create([made], ignore_conflicts=True)
            known = cls.objects.get(invoice=invoice, form=cls.Form.PDF)
        return known

    def intact(self) -> bytes:
        """The bytes. Raises ValueError when they aren't those that were stored."""
        content = bytes(self.content)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ValueError(f"{self.pk} is not what was stored")
        return content


def digest(invoice: Invoice, lines: Sequence[InvoiceLine], before: str) -> str:
    """SHA-256 of what an invoice says and of the digest before it in its series: a changed one breaks all later ones."""
    said = {
        "before": before,
        "client": str(invoice.client_uuid),
        "corrects": invoice.corrects.number if invoice.corrects else "",
        "lines": [
            [
                line.position, line.text, line.quantity, line.price, line.discount, line.net,
                str(line.period_from), str(line.period_until),
            ]
            for line in lines
        ],
        **{
            name: getattr(invoice, name)
            for name in (
                "processor_id", "kind", "number", "language", "seller", "buyer", "treatment", "vat_shares", "net", "vat",
                "gross", "rounding", "payable", "line_count", "communication",
            )
        },
        **{
            name: str(getattr(invoice, name))
            for name in ("issued_on", "due_on", "period_from", "period_until", "kept_until")
        },
    }  # fmt: skip
    text = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _check(kind: str, lines: Sequence[Item], corrects: Invoice | None) -> None:
    if kind not in Kind.values:
        raise CannotIssue(_now("There is no such kind of document."))
    if (kind == Kind.CREDIT_NOTE) != (corrects is not None):
        raise CannotIssue(_now("A credit note corrects one invoice, and an invoice none."))
    if corrects is not None and corrects.is_credit_note:
        raise CannotIssue(_now("A credit note is not corrected by another one."))
    if not lines:
        raise CannotIssue(_now("An invoice has a line at least."))
    for item in lines:
        is_wrong = item.price < 0 or item.discount < 0 or not item.quantity or not item.text.strip()
        if is_wrong or (item.quantity < 0 and item.discount):
            raise CannotIssue(_now("A line needs a text, a quantity, and a price that is not negative."))


def _seller() -> parties.Party:
    try:
        return parties.seller()
    except parties.NotSet as error:
        raise CannotIssue(str(error)) from error


def _free_communication() -> str:
    """Twelve digits, drawn: neither the number nor the client can be told from them, nor the next one guessed."""
    while True:
        digits = f"{randbelow(10**10):010d}"
        drawn = digits + ogm_vcs.calc_check_digits(digits)
        if not Invoice.objects.filter(communication=drawn).exists():
            return drawn
