"""An invoice as XML: Peppol BIS Billing 3.0, in UBL 2.1. The same rows give the same bytes."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from billing.documents import rules, words
from billing.models.invoice import Invoice, InvoiceLine
from billing.seller import Party
from shared_apps.kit.numbers import PREFIXES

CAC, CBC = rules.NAMESPACES["cac"], rules.NAMESPACES["cbc"]
ROOT = {kind: uri for uri, kind in rules.ROOTS.items()}
ENTERPRISE = "0208"  # the Belgian enterprise number, and not 9925, which is the VAT number
# Electronic addresses that are VAT numbers, by country (the code list EAS). Denmark and Sweden use other numbers.
VAT_SCHEMES = {
    "AT": "9914", "BG": "9926", "CY": "9928", "CZ": "9929", "DE": "9930", "EE": "9931", "ES": "9920", "FR": "9957",
    "GB": "9932", "GR": "9933", "HR": "9934", "HU": "9910", "IE": "9935", "IT": "0211", "LT": "9937", "LU": "9938",
    "LV": "9939", "MT": "9943", "NL": "9944", "PL": "9945", "PT": "9946", "RO": "9947", "SI": "9949", "SK": "9950",
}  # fmt: skip
TRANSFER, ONLINE = "30", "68"  # UNCL4461


class BadDocument(Exception):
    """The XML would break a rule of the format; the text names it."""


def is_for(invoice: Invoice) -> bool:
    """Whether the buyer has a number that is an electronic address: nobody else could receive such a file."""
    return bool(endpoint(invoice.buyer_party)[0])


def endpoint(party: Party) -> tuple[str, str]:
    """(scheme, address) on the Peppol network, ("", "") without one."""
    if party.enterprise_number:
        return ENTERPRISE, party.enterprise_number
    prefix = party.vat_number[:2]
    scheme = VAT_SCHEMES.get(PREFIXES.get(prefix, prefix), "")
    return (scheme, party.vat_number) if scheme else ("", "")


def written(invoice: Invoice, lines: Sequence[InvoiceLine]) -> bytes:
    """The file. Raises BadDocument when it breaks a rule: it is checked before anybody sees it."""
    content = draft(invoice, lines)
    if found := rules.broken(content):
        raise BadDocument("; ".join(str(one) for one in found))
    return content


def draft(invoice: Invoice, lines: Sequence[InvoiceLine]) -> bytes:
    """The file, unchecked."""
    kind = "CreditNote" if invoice.is_credit_note else "Invoice"
    root = etree.Element(f"{{{ROOT[kind]}}}{kind}", nsmap={None: ROOT[kind], "cac": CAC, "cbc": CBC})
    _head(root, invoice, kind)
    _party(_a(root, "AccountingSupplierParty"), invoice.seller_party, invoice)
    _party(_a(root, "AccountingCustomerParty"), invoice.buyer_party, invoice)
    _payment(root, invoice)
    _tax(root, invoice)
    total = _a(root, "LegalMonetaryTotal")
    for name, cents in (
        ("LineExtensionAmount", sum(line.net for line in lines)),
        ("TaxExclusiveAmount", invoice.net),
        ("TaxInclusiveAmount", invoice.gross),
        ("PayableRoundingAmount", invoice.rounding),
        ("PayableAmount", invoice.payable),
    ):
        if cents or name != "PayableRoundingAmount":
            _amount(total, name, cents)
    for line in lines:
        _line(root, line, invoice, kind)
    etree.indent(root, space="  ")
    found: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return found


def _head(root: Any, invoice: Invoice, kind: str) -> None:
    _b(root, "CustomizationID", rules.CUSTOMIZATION)
    _b(root, "ProfileID", rules.PROFILE)
    _b(root, "ID", invoice.number)
    _b(root, "IssueDate", invoice.issued_on.isoformat())
    if kind == "Invoice" and invoice.due_on:
        _b(root, "DueDate", invoice.due_on.isoformat())
    _b(root, f"{kind}TypeCode", rules.TYPES[kind])
    if invoice.vat_reason:
        _b(root, "Note", invoice.vat_reason)
    _b(root, "DocumentCurrencyCode", "EUR")
    _b(root, "BuyerReference", invoice.buyer_party.reference)
    _period(root, invoice.period_from, invoice.period_until)
    if invoice.corrects:
        corrected = _a(_a(root, "BillingReference"), "InvoiceDocumentReference")
        _b(corrected, "ID", invoice.corrects.number)
        _b(corrected, "IssueDate", invoice.corrects.issued_on.isoformat())


def _party(parent: Any, party: Party, invoice: Invoice) -> None:
    made = _a(parent, "Party")
    scheme, address = endpoint(party)
    _b(made, "EndpointID", address, schemeID=scheme)
    _b(_a(made, "PartyName"), "Name", party.name)
    where = _a(made, "PostalAddress")
    for name, said in (
        ("StreetName", party.street),
        ("CityName", party.city),
        ("PostalZone", party.postal_code),
    ):
        _b(where, name, said)
    _b(_a(where, "Country"), "IdentificationCode", party.country)
    # Outside the scope of VAT nobody's VAT number may be named (BR-O-02).
    if party.vat_number and invoice.treatment != "outside":
        tax = _a(made, "PartyTaxScheme")
        _b(tax, "CompanyID", party.vat_number)
        _b(_a(tax, "TaxScheme"), "ID", "VAT")
    legal = _a(made, "PartyLegalEntity")
    _b(legal, "RegistrationName", party.name)
    if party.enterprise_number:
        _b(legal, "CompanyID", party.enterprise_number, schemeID=ENTERPRISE)
    if party.email:
        _b(_a(made, "Contact"), "ElectronicMail", party.email)


def _payment(root: Any, invoice: Invoice) -> None:
    said = words.of(invoice.language)
    if invoice.is_credit_note:
        _b(_a(root, "PaymentTerms"), "Note", said["refunded"])
        return
    seller = invoice.seller_party
    means = _a(root, "PaymentMeans")
    _b(means, "PaymentMeansCode", TRANSFER if seller.iban else ONLINE)
    _b(means, "PaymentID", invoice.written_communication)
    if seller.iban:
        account = _a(means, "PayeeFinancialAccount")
        _b(account, "ID", seller.iban)
        _b(account, "Name", seller.name)
        if seller.bic:
            _b(_a(account, "FinancialInstitutionBranch"), "ID", seller.bic)
    due = words.day(invoice.due_on, invoice.language)
    _b(_a(root, "PaymentTerms"), "Note", said["terms"].format(due=due))


def _tax(root: Any, invoice: Invoice) -> None:
    total = _a(root, "TaxTotal")
    _amount(total, "TaxAmount", invoice.vat)
    for share in invoice.shares:
        each = _a(total, "TaxSubtotal")
        _amount(each, "TaxableAmount", share.base)
        _amount(each, "TaxAmount", share.vat)
        category = _a(each, "TaxCategory")
        _category(category, share.category, share.rate, code=share.code, reason=invoice.vat_reason)


def _category(parent: Any, category: str, rate: Decimal, *, code: str = "", reason: str = "") -> None:
    _b(parent, "ID", category)
    if category != "O":
        _b(parent, "Percent", str(rate))
    _b(parent, "TaxExemptionReasonCode", code)
    _b(parent, "TaxExemptionReason", reason)
    _b(_a(parent, "TaxScheme"), "ID", "VAT")


def _line(root: Any, line: InvoiceLine, invoice: Invoice, kind: str) -> None:
    made = _a(root, f"{kind}Line")
    _b(made, "ID", str(line.position))
    _b(
        made,
        "InvoicedQuantity" if kind == "Invoice" else "CreditedQuantity",
        str(line.quantity),
        unitCode="C62",
    )
    _amount(made, "LineExtensionAmount", line.net)
    _period(made, line.period_from, line.period_until)
    if line.discount:
        discount = _a(made, "AllowanceCharge")
        _b(discount, "ChargeIndicator", "false")
        _b(discount, "AllowanceChargeReasonCode", "95")
        _b(discount, "AllowanceChargeReason", words.of(invoice.language)["discount"])
        _amount(discount, "Amount", line.discount)
    item = _a(made, "Item")
    _b(item, "Name", line.text)
    share = invoice.shares[0]  # one treatment an invoice
    _category(_a(item, "ClassifiedTaxCategory"), share.category, share.rate)
    _amount(_a(made, "Price"), "PriceAmount", line.price)


def _period(parent: Any, first: date | None, last: date | None) -> None:
    if first and last:
        period = _a(parent, "InvoicePeriod")
        _b(period, "StartDate", first.isoformat())
        _b(period, "EndDate", last.isoformat())


def _a(parent: Any, name: str) -> Any:
    return etree.SubElement(parent, f"{{{CAC}}}{name}")


def _b(parent: Any, name: str, text: str, **attributes: str) -> None:
    """Nothing for an empty text: no element may be empty. Signs that XML can't hold are left out."""
    text = "".join(sign for sign in text if sign in "\t\n\r" or _is_xml(ord(sign))).strip()
    if text:
        etree.SubElement(parent, f"{{{CBC}}}{name}", attributes).text = text


def _is_xml(code: int) -> bool:
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF


def _amount(parent: Any, name: str, cents: int) -> None:
    _b(parent, name, f"{Decimal(cents) / 100:.2f}", currencyID="EUR")
