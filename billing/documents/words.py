"""What is printed on an invoice, in the four languages that a client may have.

Not gettext: these words are part of a legal document, which is kept as it was, in the client's language and not in a
reader's; Dutch and German are here complete, while the application's catalogues of them are not.
"""

from decimal import Decimal

from babel.core import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "invoice": "Invoice",
        "credit_note": "Credit note",
        "date": "Date",
        "due": "Due",
        "period": "Period",
        "corrects": "Corrects invoice",
        "client_number": "Your reference",
        "vat_number": "VAT",
        "to": "Invoiced to",
        "credited_to": "Credited to",
        "what": "What",
        "quantity": "Quantity",
        "price": "Unit price",
        "amount": "Amount",
        "discount": "Discount",
        "net": "Total without VAT",
        "rounding": "Rounding",
        "vat": "VAT",
        "on": "on",
        "gross": "Total",
        "gross_credited": "Total credited",
        "pay": "How to pay",
        "pay_online": (
            "This amount is taken by the means of payment that you chose, or paid by the "
            "link on your page of invoices."
        ),
        "pay_transfer": "Or by bank transfer, with this structured communication:",
        "refunded": "This amount is refunded to you, or set off against what is open.",
        "account": "Account",
        "communication": "Communication",
        "electronic": "The electronic invoice (Peppol BIS Billing 3.0) is attached to this file.",
        "page": "Page",
        "scan": "Scan to pay",
        "line_month": "{plan}, per user and month",
        "line_year": "{plan}, per user and year",
        "line_unused": "{count} × {plan}, time not used",
        "line_rest": "{count} × {plan}, rest of the period",
        "line_correction": "Correction of invoice {number}",
        "terms": "Payable on {due} at the latest.",
    },
    "fr": {
        "invoice": "Facture",
        "credit_note": "Note de crédit",
        "date": "Date",
        "due": "Échéance",
        "period": "Période",
        "corrects": "Corrige la facture",
        "client_number": "Votre référence",
        "vat_number": "TVA",
        "to": "Facturé à",
        "credited_to": "Crédité à",
        "what": "Description",
        "quantity": "Quantité",
        "price": "Prix unitaire",
        "amount": "Montant",
        "discount": "Remise",
        "net": "Total hors TVA",
        "rounding": "Arrondi",
        "vat": "TVA",
        "on": "sur",
        "gross": "Total",
        "gross_credited": "Total crédité",
        "pay": "Comment payer",
        "pay_online": (
            "Ce montant est prélevé par le moyen de paiement que vous avez choisi, ou payé "
            "par le lien de votre page de factures."
        ),
        "pay_transfer": "Ou par virement, avec cette communication structurée :",
        "refunded": "Ce montant vous est remboursé, ou déduit de ce qui reste dû.",
        "account": "Compte",
        "communication": "Communication",
        "electronic": "La facture électronique (Peppol BIS Billing 3.0) est jointe à ce fichier.",
        "page": "Page",
        "scan": "Scannez pour payer",
        "line_month": "{plan}, par utilisateur et mois",
        "line_year": "{plan}, par utilisateur et an",
        "line_unused": "{count} × {plan}, temps non utilisé",
        "line_rest": "{count} × {plan}, reste de la période",
        "line_correction": "Correction de la facture {number}",
        "terms": "Payable au plus tard le {due}.",
    },
    "nl": {
        "invoice": "Factuur",
        "credit_note": "Creditnota",
        "date": "Datum",
        "due": "Vervaldatum",
        "period": "Periode",
        "corrects": "Verbetert factuur",
        "client_number": "Uw referentie",
        "vat_number": "Btw",
        "to": "Gefactureerd aan",
        "credited_to": "Gecrediteerd aan",
        "what": "Omschrijving",
        "quantity": "Aantal",
        "price": "Eenheidsprijs",
        "amount": "Bedrag",
        "discount": "Korting",
        "net": "Totaal zonder btw",
        "rounding": "Afronding",
        "vat": "Btw",
        "on": "op",
        "gross": "Totaal",
        "gross_credited": "Totaal gecrediteerd",
        "pay": "Hoe u betaalt",
        "pay_online": (
            "Dit bedrag wordt geïnd met het betaalmiddel dat u hebt gekozen, of betaald via "
            "de link op uw pagina met facturen."
        ),
        "pay_transfer": "Of per overschrijving, met deze gestructureerde mededeling:",
        "refunded": "Dit bedrag wordt u terugbetaald, of verrekend met wat openstaat.",
        "account": "Rekening",
        "communication": "Mededeling",
        "electronic": "De elektronische factuur (Peppol BIS Billing 3.0) zit als bijlage in dit bestand.",
        "page": "Pagina",
        "scan": "Scan om te betalen",
        "line_month": "{plan}, per gebruiker en maand",
        "line_year": "{plan}, per gebruiker en jaar",
        "line_unused": "{count} × {plan}, niet-gebruikte tijd",
        "line_rest": "{count} × {plan}, rest van de periode",
        "line_correction": "Verbetering van factuur {number}",
        "terms": "Te betalen uiterlijk op {due}.",
    },
    "de": {
        "invoice": "Rechnung",
        "credit_note": "Gutschrift",
        "date": "Datum",
        "due": "Fällig",
        "period": "Zeitraum",
        "corrects": "Berichtigt Rechnung",
        "client_number": "Ihre Referenz",
        "vat_number": "USt-IdNr.",
        "to": "Rechnung an",
        "credited_to": "Gutschrift an",
        "what": "Beschreibung",
        "quantity": "Menge",
        "price": "Einzelpreis",
        "amount": "Betrag",
        "discount": "Rabatt",
        "net": "Summe ohne MwSt.",
        "rounding": "Rundung",
        "vat": "MwSt.",
        "on": "auf",
        "gross": "Gesamtbetrag",
        "gross_credited": "Gutgeschriebener Betrag",
        "pay": "So zahlen Sie",
        "pay_online": (
            "Dieser Betrag wird mit dem von Ihnen gewählten Zahlungsmittel eingezogen oder "
            "über den Link auf Ihrer Rechnungsseite bezahlt."
        ),
        "pay_transfer": "Oder per Überweisung, mit dieser strukturierten Mitteilung:",
        "refunded": "Dieser Betrag wird Ihnen erstattet oder mit offenen Beträgen verrechnet.",
        "account": "Konto",
        "communication": "Mitteilung",
        "electronic": "Die elektronische Rechnung (Peppol BIS Billing 3.0) ist dieser Datei beigefügt.",
        "page": "Seite",
        "scan": "Scannen zum Bezahlen",
        "line_month": "{plan}, pro Benutzer und Monat",
        "line_year": "{plan}, pro Benutzer und Jahr",
        "line_unused": "{count} × {plan}, nicht genutzte Zeit",
        "line_rest": "{count} × {plan}, Rest des Zeitraums",
        "line_correction": "Berichtigung der Rechnung {number}",
        "terms": "Zahlbar bis spätestens {due}.",
    },
}
MINUS = "\u2212"  # as wide as a digit
LOCALES = {"en": "en_GB", "fr": "fr_BE", "nl": "nl_BE", "de": "de_BE"}


def of(language: str) -> dict[str, str]:
    return WORDS.get(language, WORDS["en"])


def money(cents: int, language: str) -> str:
    shown = format_currency(_euros(cents), "EUR", locale=LOCALES.get(language, "en_GB"))
    return str(shown).replace("-", MINUS)


def number(value: object, language: str) -> str:
    shown = format_decimal(value, locale=LOCALES.get(language, "en_GB"))  # type: ignore[arg-type]
    return str(shown).replace("-", MINUS)


def day(value: object, language: str) -> str:
    return str(format_date(value, format="long", locale=LOCALES.get(language, "en_GB")))  # type: ignore[arg-type]


def short_day(value: object, language: str) -> str:
    return str(format_date(value, format="dd/MM/yyyy", locale=LOCALES.get(language, "en_GB")))  # type: ignore[arg-type]


def _euros(cents: int) -> Decimal:
    return Decimal(cents) / 100


def country(code: str, language: str) -> str:
    return str(Locale.parse(LOCALES.get(language, "en_GB")).territories.get(code, code))
