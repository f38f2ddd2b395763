"""P13: an invoice as XML keeps the rules of EN 16931 and Peppol, and as PDF it is an archive file with the XML inside."""

import re
import zlib
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from peppol.xsd import validate_xsd

from billing import vat
from billing.documents import pdf, rules, ubl, words
from billing.models import CannotIssue, Document, Invoice, InvoiceLine, Item
from billing.seller import Party
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tests.billing.issued import NOON, client_of, credited, issued
from tests.conftest import TESTER, Cast

PERIOD = (date(2026, 12, 1), date(2026, 12, 31))
LINES = (
    Item("Smoall – par personne", 7, 1900, 1330, *PERIOD),
    Item("Temps non utilisé", -1, 412),
    Item("<b>&amp; \x01\u2028", 1, 1),
)
BUYERS: dict[str, tuple[dict[str, str], vat.Treatment]] = {
    "BE": ({"country": "BE", "vat_number": "BE0403170701", "language": "fr"}, vat.STANDARD),
    "FR": ({"country": "FR", "vat_number": "FR40303265045", "language": "fr"}, vat.REVERSE),
    "DE": (
        {"country": "DE", "vat_number": "DE136695976", "language": "de", "street": "", "city": ""},
        vat.REVERSE,
    ),
    "GR": ({"country": "GR", "vat_number": "EL094259216", "language": "en"}, vat.REVERSE),
    "GB": ({"country": "GB", "vat_number": "GB980780684", "language": "en"}, vat.OUTSIDE),
    "NL, unchecked": ({"country": "NL", "vat_number": "NL004495445B01", "language": "nl"}, vat.STANDARD),
}


def xml_of(made: Invoice) -> bytes:
    with scope.shared():
        return Document.objects.get(invoice=made, form="ubl").intact()


@pytest.mark.parametrize("who", BUYERS)
def test_P13_the_electronic_invoice_keeps_every_rule(acme: Cast, who: str) -> None:
    details, treatment = BUYERS[who]
    made = issued(client_of(acme, **details), *LINES, treatment=treatment, period=PERIOD)
    for document in (made, credited(made, Item("Une personne", 1, 1900))):
        content = xml_of(document)
        assert rules.broken(content) == []
        assert validate_xsd(content) == (True, [])
        with scope.shared():
            assert ubl.written(document, list(document.lines.all())) == content, "the same bytes again"


def test_P13_a_difference_of_rounding_is_said(acme: Cast) -> None:
    made = issued(client_of(acme, vat_number="BE0403170701"), *[Item("x", 1, 2)] * 5, total=15)
    assert (made.gross, made.rounding, made.payable) == (12, 3, 15)
    content = xml_of(made)
    assert rules.broken(content) == [] and b'PayableRoundingAmount currencyID="EUR">0.03<' in content
    assert validate_xsd(content) == (True, [])


def test_P13_without_a_number_there_is_no_address_for_a_file(acme: Cast) -> None:
    made = issued(client_of(acme, vat_number=""))
    with scope.shared(actor=TESTER):
        assert not Document.objects.filter(invoice=made).exists()
        assert b"<Invoice" not in b"".join(streams(Document.pdf_of(made, now=NOON).intact()))


def test_P13_a_file_that_breaks_a_rule_is_not_issued(acme: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(acme, vat_number="BE0403170701")
    monkeypatch.setattr(ubl, "VAT_SCHEMES", {})
    monkeypatch.setattr(ubl.rules, "CUSTOMIZATION", "another")
    monkeypatch.setattr(rules, "broken", lambda content: [rules.Broken("BR-01", "said")])
    with pytest.raises(CannotIssue, match="BR-01"):
        issued(client)
    with scope.shared():
        assert not Invoice.objects.exists()


# --- sabotage: each fault is found by its rule ------------------------------------------------------------------


def text(path: str, new: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        found = rules.Paper(root).all(path)
        assert found, path
        found[0].text = new

    return change


def without(path: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        found = rules.Paper(root).all(path)
        assert found, path
        for one in found:
            one.getparent().remove(one)

    return change


def attribute(path: str, name: str, new: str) -> Callable[[Any], None]:
    return lambda root: rules.Paper(root).all(path)[0].set(name, new)


def twice(path: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        found = rules.Paper(root).all(path)[0]
        found.addnext(etree.fromstring(etree.tostring(found)))

    return change


SELLER, BUYER = "a:AccountingSupplierParty/a:Party", "a:AccountingCustomerParty/a:Party"
LINE = "a:InvoiceLine"
SABOTAGE: list[tuple[str, str, Callable[[Any], None]]] = [
    ("BE", "BR-01", text("b:CustomizationID", "urn:cen.eu:en16931:2017")),
    ("BE", "PEPPOL-EN16931-R007", without("b:ProfileID")),
    ("BE", "BR-02", without("b:ID")),
    ("BE", "BR-03", without("b:IssueDate")),
    ("BE", "PEPPOL-EN16931-F001", text("b:IssueDate", "01/12/2026")),
    ("BE", "PEPPOL-EN16931-F001", text("b:DueDate", "2026-02-30")),
    ("BE", "BR-04", text("b:InvoiceTypeCode", "381")),
    ("BE", "BR-05", text("b:DocumentCurrencyCode", "USD")),
    ("FR", "PEPPOL-EN16931-R002", twice("b:Note")),
    ("BE", "PEPPOL-EN16931-R003", without("b:BuyerReference")),
    ("BE", "PEPPOL-EN16931-R008", text(f"{BUYER}/a:PostalAddress/b:CityName", " ")),
    ("BE", "PEPPOL-EN16931-R010", without(f"{BUYER}/b:EndpointID")),
    ("BE", "PEPPOL-EN16931-R020", without(f"{SELLER}/b:EndpointID")),
    ("BE", "PEPPOL-COMMON-R043", text(f"{BUYER}/b:EndpointID", "0403170702")),
    ("BE", "PEPPOL-COMMON-R043", text(f"{BUYER}/b:EndpointID", "BE0403170701")),
    ("BE", "BR-62", attribute(f"{BUYER}/b:EndpointID", "schemeID", "BE:CBE")),
    ("BE", "BR-06", without(f"{SELLER}/a:PartyLegalEntity/b:RegistrationName")),
    ("BE", "BR-07", without(f"{BUYER}/a:PartyLegalEntity/b:RegistrationName")),
    ("BE", "BR-10", without(f"{BUYER}/a:PostalAddress")),
    ("BE", "BR-11", without(f"{BUYER}/a:PostalAddress/a:Country")),
    ("BE", "BR-CO-09", text(f"{BUYER}/a:PartyTaxScheme/b:CompanyID", "0403170701")),
    ("BE", "BR-16", without(LINE)),
    ("BE", "BR-21", without(f"{LINE}/b:ID")),
    ("BE", "BR-21", text(f"{LINE}[2]/b:ID", "1")),
    ("BE", "BR-22", without(f"{LINE}/b:InvoicedQuantity")),
    ("BE", "BR-23", lambda root: rules.Paper(root).all("//b:InvoicedQuantity")[0].attrib.clear()),
    ("BE", "BR-24", without(f"{LINE}/b:LineExtensionAmount")),
    ("BE", "BR-25", without(f"{LINE}/a:Item/b:Name")),
    ("BE", "BR-26", without(f"{LINE}/a:Price/b:PriceAmount")),
    ("BE", "BR-27", text(f"{LINE}/a:Price/b:PriceAmount", "-19.00")),
    ("BE", "BR-42", without("//b:AllowanceChargeReason | //b:AllowanceChargeReasonCode")),
    ("BE", "BR-CO-04", without(f"{LINE}/a:Item/a:ClassifiedTaxCategory")),
    ("BE", "PEPPOL-EN16931-R120", text(f"{LINE}/b:LineExtensionAmount", "133.00")),
    ("BE", "PEPPOL-EN16931-R051", attribute("a:TaxTotal/b:TaxAmount", "currencyID", "USD")),
    ("BE", "BR-DEC", text(f"{LINE}/b:LineExtensionAmount", "119.700001")),
    ("BE", "BR-DEC", text(f"{LINE}/b:LineExtensionAmount", "much")),
    ("BE", "BR-12", without("a:LegalMonetaryTotal/b:LineExtensionAmount")),
    ("BE", "BR-15", without("a:LegalMonetaryTotal/b:PayableAmount")),
    ("BE", "BR-CO-10", text("a:LegalMonetaryTotal/b:LineExtensionAmount", "1.00")),
    ("BE", "BR-CO-13", text("a:LegalMonetaryTotal/b:TaxExclusiveAmount", "1.00")),
    ("BE", "BR-CO-15", text("a:LegalMonetaryTotal/b:TaxInclusiveAmount", "1.00")),
    ("BE", "BR-CO-16", text("a:LegalMonetaryTotal/b:PayableAmount", "1.00")),
    ("BE", "BR-CO-14", text("a:TaxTotal/b:TaxAmount", "24.28")),
    ("BE", "BR-CO-17", text("a:TaxTotal/a:TaxSubtotal/b:TaxAmount", "24.28")),
    ("BE", "BR-CO-18", without("a:TaxTotal/a:TaxSubtotal")),
    ("BE", "BR-S-08", text("a:TaxTotal/a:TaxSubtotal/b:TaxableAmount", "115.60")),
    ("BE", "BR-S-01", text(f"{LINE}/a:Item/a:ClassifiedTaxCategory/b:Percent", "6.00")),
    ("BE", "BR-S-02", without(f"{SELLER}/a:PartyTaxScheme")),
    ("BE", "BR-S-05", text("a:TaxTotal//b:Percent", "0.00")),
    ("BE", "BR-48", without("a:TaxTotal//b:Percent")),
    ("BE", "BR-CL-17", text("a:TaxTotal//a:TaxCategory/b:ID", "AA")),
    ("BE", "BR-61", without("a:PaymentMeans/a:PayeeFinancialAccount")),
    ("BE", "BR-CO-25", without("b:DueDate | a:PaymentTerms")),
    ("BE", "BR-29", text("a:InvoicePeriod/b:EndDate", "2026-11-01")),
    ("FR", "BR-AE-02", without(f"{BUYER}/a:PartyTaxScheme")),
    ("FR", "BR-AE-05", text("a:TaxTotal//b:Percent", "21.00")),
    ("FR", "BR-AE-10", without("//b:TaxExemptionReason | //b:TaxExemptionReasonCode")),
    ("GB", "BR-O-10", without("//b:TaxExemptionReason | //b:TaxExemptionReasonCode")),
    ("GB", "BR-O-02", lambda root: _name_vat(root)),
    ("credit note", "BR-55", without("a:BillingReference")),
    ("credit note", "BR-04", text("b:CreditNoteTypeCode", "380")),
    ("credit note", "BR-CO-25", without("a:PaymentTerms")),
]


def _name_vat(root: Any) -> None:
    party = rules.Paper(root).all(SELLER)[0]
    scheme = etree.SubElement(party, f"{{{ubl.CAC}}}PartyTaxScheme")
    etree.SubElement(scheme, f"{{{ubl.CBC}}}CompanyID").text = "BE0999999922"
    etree.SubElement(etree.SubElement(scheme, f"{{{ubl.CAC}}}TaxScheme"), f"{{{ubl.CBC}}}ID").text = "VAT"


@pytest.fixture
def papers(acme: Cast) -> dict[str, bytes]:
    """One of each kind that the sabotage begins with."""
    found = {}
    for who in ("BE", "FR", "GB"):
        details, treatment = BUYERS[who]
        made = issued(client_of(acme, **details), *LINES, treatment=treatment, period=PERIOD)
        found[who] = xml_of(made)
        if who == "BE":
            found["credit note"] = xml_of(credited(made, Item("Une personne", 1, 1900)))
    return found


def test_P13_each_sabotaged_file_is_refused_by_its_rule(papers: dict[str, bytes]) -> None:
    missed = []
    for who, rule, change in SABOTAGE:
        root = etree.fromstring(papers[who])
        change(root)
        found = {one.rule for one in rules.broken(etree.tostring(root))}
        if rule not in found:
            missed.append((who, rule, found))
    assert missed == []
    assert {rule for _who, rule, _change in SABOTAGE} > {"BR-CO-10", "BR-AE-10", "PEPPOL-EN16931-R120"}


@pytest.mark.parametrize(
    "content", [b"", b"<x/>", b"<Invoice/>", b"\xff\xfe", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"]
)
def test_P13_what_is_no_invoice_is_refused(content: bytes) -> None:
    assert [one.rule for one in rules.broken(content)] == ["XML"]


# --- VAT on totals ------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 99_999), st.booleans()), min_size=1, max_size=30),
    st.sampled_from(sorted(vat.TREATMENTS)),
)
def test_P13_whatever_the_lines_are_the_totals_keep_the_rules(
    drawn: list[tuple[int, int, bool]], treatment: str
) -> None:
    """Without a database: the same steps as in `issue`, on rows that are never saved."""
    items = [Item("x", count, price, discount=min(price, 7) if off else 0) for count, price, off in drawn]
    made = Invoice(
        kind="invoice", number="2026-00001", issued_on=NOON.date(), issued_at=NOON, due_on=NOON.date(), language="en",
        treatment=treatment, line_count=len(items), communication="010806817183",
        seller=Party("Seller", "", "", "", "BE", "BE0999999922", "BE68539007547034").as_json(),
        buyer=Party("Buyer", "", "", "", "DE", "DE136695976", reference="1").as_json(),
    )  # fmt: skip
    try:
        made._count(items, vat.TREATMENTS[treatment])
    except CannotIssue:
        assert sum(item.net for item in items) <= 0
        return
    made._round(None)
    [share] = made.shares
    exact = made.net * share.rate / 100
    assert abs(made.vat - exact) <= vat.Decimal("0.5") and made.net == sum(item.net for item in items)
    lines = [InvoiceLine.of(made, number, item) for number, item in enumerate(items, start=1)]
    assert rules.broken(ubl.draft(made, lines)) == []


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=20), st.randoms())
def test_P13_the_order_of_lines_and_their_split_change_no_vat(nets: list[int], chance: Any) -> None:
    whole = vat.shares([(sum(nets), vat.STANDARD)], NOON.date())
    shuffled = list(nets)
    chance.shuffle(shuffled)
    assert vat.shares([(net, vat.STANDARD) for net in shuffled], NOON.date()) == whole


# --- PDF --------------------------------------------------------------------------------------------------------------


def streams(content: bytes) -> list[bytes]:
    """The streams of a PDF, unpacked."""
    found = []
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            found.append(zlib.decompress(match.group(1)))
        except zlib.error:
            found.append(match.group(1))
    return found


@pytest.mark.parametrize("language", ["fr", "nl", "en", "de"])
def test_P13_the_pdf_is_an_archive_file_with_the_xml_inside(acme: Cast, language: str) -> None:
    made = issued(client_of(acme, vat_number="BE0403170701", language=language), *LINES, period=PERIOD)
    with scope.shared(actor=TESTER):
        stored = Document.pdf_of(made, now=NOON)
        content, lines = stored.intact(), list(made.lines.all())
        assert Document.pdf_of(made, now=NOON).pk == stored.pk
    xml = xml_of(made)
    assert pdf.rendered(made, lines, xml) == content, "the same bytes again"
    parts = streams(content)
    assert xml in parts
    metadata = next(part for part in parts if b"pdfaid" in part).decode()
    assert (
        "<pdfaid:part>3</pdfaid:part>" in metadata
        and "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    )
    assert "pdfuaid:part" in metadata and words.of(language)["invoice"] in metadata
    whole = content + b"".join(parts)
    assert b"/OutputIntents" in whole and b"/AFRelationship/Alternative" in whole.replace(b" ", b"")
    assert b"/Encrypt" not in whole and b"/JavaScript" not in whole and b"/URI" not in whole
    assert len(content) < 100_000


def test_P13_names_that_no_font_has_and_markup_do_no_harm(acme: Cast) -> None:
    client = client_of(
        acme, company="#panic() $x$ 株式会社 😀 \\ <b> @a *x* _y_ \u202e\x07", vat_number="BE0403170701"
    )
    made = issued(client, Item('#import "x" // [ ] "quoted" \\', 1, 100))
    with scope.shared(actor=TESTER):
        assert Document.pdf_of(made, now=NOON).intact().startswith(b"%PDF-")


def test_P13_a_stored_file_that_changed_is_noticed(acme: Cast) -> None:
    made = issued(client_of(acme, vat_number="BE0403170701"))
    with scope.shared():
        found = Document.objects.get(invoice=made, form="ubl")
    found.content = bytes(found.content) + b" "
    with pytest.raises(ValueError, match="not what was stored"):
        found.intact()


def test_P13_the_bank_code_holds_the_amount_and_the_communication(acme: Cast) -> None:
    made = issued(client_of(acme))
    assert pdf._qr(made).startswith("<svg")
    made.seller = {**made.seller, "iban": ""}
    assert pdf._qr(made) == ""


def test_P13_structured_communications_tell_nothing(acme: Cast) -> None:
    client = client_of(acme)
    drawn = {issued(client, processor_id=f"in_{uuid7().hex}").communication for _each in range(20)}
    assert len(drawn) == 20
