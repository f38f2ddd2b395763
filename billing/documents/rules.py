"""The rules that an electronic invoice must keep: the core of EN 16931 (BR-…) and of Peppol BIS Billing 3.0 (PEPPOL-…).

Written from the published rules, and independent of what writes the file: it reads XML alone. It is no replacement of
the official validation artefacts, of which it holds what a document of Smoall's kind can break.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from lxml import etree

NAMESPACES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
ROOTS = {
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2": "Invoice",
    "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2": "CreditNote",
}
CUSTOMIZATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
TYPES = {"Invoice": "380", "CreditNote": "381"}
CATEGORIES = {"S", "Z", "E", "G", "O", "AE", "K"}
WITHOUT_TAX = CATEGORIES - {"S"}
NEEDS_REASON = {"E", "G", "O", "AE", "K"}
NEEDS_BUYER = {"AE", "K"}
SCHEME = re.compile(r"[0-9]{4}|EM\Z")
DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Broken:
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


class Paper:
    """A document that is looked at, by short paths: "a:B" stands for cac, "b:C" for cbc."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.kind = ROOTS.get(etree.QName(root).namespace or "", "")

    def all(self, path: str, below: Any = None) -> list[Any]:
        full = path.replace("a:", "cac:").replace("b:", "cbc:")
        found: list[Any] = (self.root if below is None else below).xpath(full, namespaces=NAMESPACES)
        return found

    def text(self, path: str, below: Any = None) -> str:
        found = self.all(path, below)
        return (found[0].text or "").strip() if found else ""

    def amount(self, path: str, below: Any = None, default: Decimal | None = None) -> Decimal | None:
        said = self.text(path, below)
        try:
            return Decimal(said) if said else default
        except InvalidOperation:
            return None

    @property
    def lines(self) -> list[Any]:
        return self.all("a:InvoiceLine | a:CreditNoteLine")


Rule = Callable[[Paper], Iterator[Broken]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    RULES.append(function)
    return function


def broken(content: bytes) -> list[Broken]:
    """Every rule that the document breaks; none for one that may be sent. XML that can't be read breaks one too."""
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        return [Broken("XML", str(error))]
    paper = Paper(root)
    if paper.kind != etree.QName(root).localname:
        return [Broken("XML", "neither an invoice nor a credit note of UBL 2")]
    return [found for each in RULES for found in each(paper)]


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


# --- form -----------------------------------------------------------------------------------------------------


@rule
def nothing_is_empty(paper: Paper) -> Iterator[Broken]:
    for element in paper.root.iter():
        if isinstance(element.tag, str) and not len(element) and not (element.text or "").strip():
            yield Broken("PEPPOL-EN16931-R008", f"{etree.QName(element).localname} is empty")


@rule
def it_says_what_it_is(paper: Paper) -> Iterator[Broken]:
    for number, path, wanted in (
        ("BR-01", "b:CustomizationID", {CUSTOMIZATION}),
        ("PEPPOL-EN16931-R007", "b:ProfileID", {PROFILE}),
        ("BR-04", f"b:{paper.kind}TypeCode", {TYPES[paper.kind]}),
        ("BR-05", "b:DocumentCurrencyCode", {"EUR"}),
    ):
        if paper.text(path) not in wanted:
            yield Broken(number, f"{path[2:]} is {paper.text(path)!r}")
    if not paper.text("b:ID"):
        yield Broken("BR-02", "no number")
    if not paper.text("b:IssueDate"):
        yield Broken("BR-03", "no day of issue")
    if len(paper.all("b:Note")) > 1:
        yield Broken("PEPPOL-EN16931-R002", "more than one note")
    if not (paper.text("b:BuyerReference") or paper.text("a:OrderReference/b:ID")):
        yield Broken("PEPPOL-EN16931-R003", "neither the buyer's reference nor an order")
    if paper.kind == "CreditNote" and not paper.text("a:BillingReference/a:InvoiceDocumentReference/b:ID"):
        yield Broken("BR-55", "a credit note names what it corrects")


@rule
def days_are_days(paper: Paper) -> Iterator[Broken]:
    for path in ("//b:IssueDate", "//b:DueDate", "//b:StartDate", "//b:EndDate", "//b:TaxPointDate"):
        for element in paper.all(path):
            try:
                is_day = bool(DAY.match(element.text or "")) and bool(date.fromisoformat(element.text))
            except ValueError:
                is_day = False
            if not is_day:
                yield Broken("PEPPOL-EN16931-F001", f"{element.text!r} is no day")
    for period in paper.all("//a:InvoicePeriod"):
        first, last = paper.text("b:StartDate", period), paper.text("b:EndDate", period)
        if first and last and last < first:
            yield Broken("BR-29", "a period ends before it begins")


@rule
def amounts_are_in_cents_and_euros(paper: Paper) -> Iterator[Broken]:
    for element in paper.root.iter():
        name = etree.QName(element).localname if isinstance(element.tag, str) else ""
        if not name.endswith("Amount"):
            continue
        if element.get("currencyID") != "EUR":
            yield Broken("PEPPOL-EN16931-R051", f"{name} is not in euro")
        try:
            value = Decimal(element.text or "")
        except InvalidOperation:
            yield Broken("BR-DEC", f"{name} is no number")
            continue
        if name != "PriceAmount" and value != rounded(value):
            yield Broken("BR-DEC", f"{name} has more than two decimals")


# --- parties --------------------------------------------------------------------------------------------------


@rule
def both_parties_are_named(paper: Paper) -> Iterator[Broken]:
    for who, name_rule, address_rule, country_rule, end_rule in (
        ("Supplier", "BR-06", "BR-08", "BR-09", "PEPPOL-EN16931-R020"),
        ("Customer", "BR-07", "BR-10", "BR-11", "PEPPOL-EN16931-R010"),
    ):
        party = f"a:Accounting{who}Party/a:Party"
        if not paper.text(f"{party}/a:PartyLegalEntity/b:RegistrationName"):
            yield Broken(name_rule, f"{who}: no name")
        if not paper.all(f"{party}/a:PostalAddress"):
            yield Broken(address_rule, f"{who}: no address")
        if not re.fullmatch(
            "[A-Z]{2}", paper.text(f"{party}/a:PostalAddress/a:Country/b:IdentificationCode")
        ):
            yield Broken(country_rule, f"{who}: no country")
        yield from _endpoint(paper, f"{party}/b:EndpointID", end_rule)
        for number in paper.all(f"{party}/a:PartyTaxScheme[a:TaxScheme/b:ID='VAT']/b:CompanyID"):
            if not re.match("[A-Z]{2}", number.text or ""):
                yield Broken("BR-CO-09", f"{who}: a VAT number begins with its country")
        for number in paper.all(f"{party}/a:PartyLegalEntity/b:CompanyID[@schemeID='0208']"):
            if not is_enterprise_number(number.text or ""):
                yield Broken("PEPPOL-COMMON-R043", f"{who}: not an enterprise number")
    seller = "a:AccountingSupplierParty/a:Party"
    if not (
        paper.text(f"{seller}/a:PartyTaxScheme/b:CompanyID")
        or paper.text(f"{seller}/a:PartyLegalEntity/b:CompanyID")
    ):
        yield Broken("BR-CO-26", "the seller has no number")


def _endpoint(paper: Paper, path: str, number: str) -> Iterator[Broken]:
    found = paper.all(path)
    if not found:
        yield Broken(number, "no electronic address")
        return
    scheme, value = found[0].get("schemeID") or "", (found[0].text or "").strip()
    if not SCHEME.match(scheme):
        yield Broken("BR-62", f"{scheme!r} is no scheme of electronic addresses")
    if scheme == "0208" and not is_enterprise_number(value):
        yield Broken("PEPPOL-COMMON-R043", f"{value!r} is no Belgian enterprise number")


def is_enterprise_number(text: str) -> bool:
    """Ten digits that begin with 0 or 1; the last two are 97 less the first eight modulo 97."""
    return bool(re.fullmatch("[01][0-9]{9}", text)) and 97 - int(text[:8]) % 97 == int(text[8:])


# --- lines ----------------------------------------------------------------------------------------------------


@rule
def lines_are_complete(paper: Paper) -> Iterator[Broken]:
    if not paper.lines:
        yield Broken("BR-16", "no line")
    quantity = "b:InvoicedQuantity | b:CreditedQuantity"
    for line in paper.lines:
        name = paper.text("b:ID", line)
        for number, path in (
            ("BR-21", "b:ID"),
            ("BR-22", quantity),
            ("BR-24", "b:LineExtensionAmount"),
            ("BR-25", "a:Item/b:Name"),
            ("BR-26", "a:Price/b:PriceAmount"),
            ("BR-CO-04", "a:Item/a:ClassifiedTaxCategory/b:ID"),
        ):
            if not paper.text(path, line):
                yield Broken(number, f"line {name}: {path} is missing")
        if any(not each.get("unitCode") for each in paper.all(quantity, line)):
            yield Broken("BR-23", f"line {name}: no unit")
        price = paper.amount("a:Price/b:PriceAmount", line)
        if price is not None and price < 0:
            yield Broken("BR-27", f"line {name}: a negative price")
        yield from _line_net(paper, line, quantity, price, name)
    names = [paper.text("b:ID", line) for line in paper.lines]
    if len(names) != len(set(names)):
        yield Broken("BR-21", "two lines have the same number")


def _line_net(paper: Paper, line: Any, quantity: str, price: Decimal | None, name: str) -> Iterator[Broken]:
    count, net = paper.amount(quantity, line), paper.amount("b:LineExtensionAmount", line)
    per = paper.amount("a:Price/b:BaseQuantity", line, Decimal(1))
    if count is None or net is None or price is None or not per:
        return
    expected = rounded(count * price / per) + _allowances(paper, line)
    if net != expected:
        yield Broken("PEPPOL-EN16931-R120", f"line {name}: {net} instead of {expected}")
    for each in paper.all("a:AllowanceCharge", line):
        if not (
            paper.text("b:AllowanceChargeReason", each) or paper.text("b:AllowanceChargeReasonCode", each)
        ):
            yield Broken("BR-42", f"line {name}: a discount without a reason")


def _allowances(paper: Paper, below: Any) -> Decimal:
    """Charges less allowances."""
    total = Decimal(0)
    for each in paper.all("a:AllowanceCharge", below):
        amount = paper.amount("b:Amount", each, Decimal(0)) or Decimal(0)
        total += amount if paper.text("b:ChargeIndicator", each) == "true" else -amount
    return total


# --- totals ---------------------------------------------------------------------------------------------------


@rule
def totals_are_sums(paper: Paper) -> Iterator[Broken]:
    total = "a:LegalMonetaryTotal/b:"
    said = {
        name: paper.amount(f"{total}{name}")
        for name in ("LineExtensionAmount", "TaxExclusiveAmount", "TaxInclusiveAmount", "PayableAmount")
    }
    for number, name in (
        ("BR-12", "LineExtensionAmount"),
        ("BR-13", "TaxExclusiveAmount"),
        ("BR-14", "TaxInclusiveAmount"),
        ("BR-15", "PayableAmount"),
    ):
        if said[name] is None:
            yield Broken(number, f"{name} is missing")
            return
    lines = sum(
        (paper.amount("b:LineExtensionAmount", line, Decimal(0)) or Decimal(0) for line in paper.lines),
        Decimal(0),
    )
    tax = paper.amount("a:TaxTotal/b:TaxAmount", default=Decimal(0)) or Decimal(0)
    prepaid = paper.amount(f"{total}PrepaidAmount", default=Decimal(0)) or Decimal(0)
    rounding = paper.amount(f"{total}PayableRoundingAmount", default=Decimal(0)) or Decimal(0)
    for number, name, expected in (
        ("BR-CO-10", "LineExtensionAmount", lines),
        ("BR-CO-13", "TaxExclusiveAmount", lines + _allowances(paper, paper.root)),
        ("BR-CO-15", "TaxInclusiveAmount", (said["TaxExclusiveAmount"] or 0) + tax),
        ("BR-CO-16", "PayableAmount", (said["TaxInclusiveAmount"] or 0) - prepaid + rounding),
    ):
        if said[name] != expected:
            yield Broken(number, f"{name} is {said[name]} instead of {expected}")
    payable = said["PayableAmount"] or Decimal(0)
    if payable > 0 and not (paper.text("b:DueDate") or paper.text("a:PaymentTerms/b:Note")):
        yield Broken("BR-CO-25", "neither a due day nor terms")


@rule
def tax_is_broken_down(paper: Paper) -> Iterator[Broken]:
    shares = paper.all("a:TaxTotal/a:TaxSubtotal")
    if not shares:
        yield Broken("BR-CO-18", "no breakdown of VAT")
    total = paper.amount("a:TaxTotal/b:TaxAmount")
    summed = sum((paper.amount("b:TaxAmount", each, Decimal(0)) or Decimal(0) for each in shares), Decimal(0))
    if total != summed:
        yield Broken("BR-CO-14", f"VAT is {total} instead of {summed}")
    bases: dict[tuple[str, str], Decimal] = {}
    for line in paper.lines:
        key = _category(paper, "a:Item/a:ClassifiedTaxCategory", line)
        net = paper.amount("b:LineExtensionAmount", line, Decimal(0)) or Decimal(0)
        bases[key] = bases.get(key, Decimal(0)) + net
    seen = [_category(paper, "a:TaxCategory", each) for each in shares]
    if sorted(seen) != sorted(bases):
        yield Broken("BR-S-01", f"the breakdown is of {sorted(seen)}, the lines are of {sorted(bases)}")
    if len({category for category, _rate in seen}) > 1 and any(category == "O" for category, _rate in seen):
        yield Broken("BR-O-11", "outside the scope of VAT stands alone")
    for each, key in zip(shares, seen, strict=True):
        yield from _share(paper, each, key, bases.get(key))


def _category(paper: Paper, path: str, below: Any) -> tuple[str, str]:
    rate = paper.amount(f"{path}/b:Percent", below)
    return paper.text(f"{path}/b:ID", below), "" if rate is None else str(rate.normalize())


def _share(paper: Paper, share: Any, key: tuple[str, str], lines: Decimal | None) -> Iterator[Broken]:
    category, _rate = key
    base = paper.amount("b:TaxableAmount", share, Decimal(0)) or Decimal(0)
    tax = paper.amount("b:TaxAmount", share, Decimal(0)) or Decimal(0)
    rate = paper.amount("a:TaxCategory/b:Percent", share)
    has_reason = bool(
        paper.text("a:TaxCategory/b:TaxExemptionReason", share)
        or paper.text("a:TaxCategory/b:TaxExemptionReasonCode", share)
    )
    if category not in CATEGORIES:
        yield Broken("BR-CL-17", f"{category!r} is no category of VAT")
        return
    if lines is not None and base != lines:
        yield Broken(f"BR-{category}-08", f"the base is {base} instead of {lines}")
    if tax != rounded(base * (rate or 0) / 100):
        yield Broken("BR-CO-17", f"VAT of {base} at {rate} % is {tax}")
    if category == "O" and rate is not None:
        yield Broken("BR-O-05", "outside the scope of VAT there is no rate")
    if category != "O" and rate is None:
        yield Broken("BR-48", "no rate")
    if (category == "S" and rate == 0) or (category in WITHOUT_TAX and rate not in (None, Decimal(0))):
        yield Broken(f"BR-{category}-05", f"a rate of {rate}")
    if category in NEEDS_REASON and not has_reason:
        yield Broken(f"BR-{category}-10", "no reason why there is no VAT")
    if category not in NEEDS_REASON and has_reason:
        yield Broken(f"BR-{category}-10", "a reason why there is no VAT, and there is some")
    yield from _numbers_for(paper, category)


def _numbers_for(paper: Paper, category: str) -> Iterator[Broken]:
    vat = "a:PartyTaxScheme[a:TaxScheme/b:ID='VAT']/b:CompanyID"
    seller = paper.text(f"a:AccountingSupplierParty/a:Party/{vat}")
    buyer = paper.text(f"a:AccountingCustomerParty/a:Party/{vat}")
    if category == "O":
        if seller or buyer:
            yield Broken("BR-O-02", "outside the scope of VAT no VAT number is named")
    elif not seller:
        yield Broken(f"BR-{category}-02", "the seller's VAT number is missing")
    if category in NEEDS_BUYER and not buyer:
        yield Broken(f"BR-{category}-02", "the buyer's VAT number is missing")


@rule
def a_transfer_names_an_account(paper: Paper) -> Iterator[Broken]:
    for means in paper.all("a:PaymentMeans"):
        code = paper.text("b:PaymentMeansCode", means)
        if not code:
            yield Broken("BR-49", "no means of payment")
        if code in ("30", "58") and not paper.text("a:PayeeFinancialAccount/b:ID", means):
            yield Broken("BR-61", "a transfer without an account")
