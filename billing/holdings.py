"""What Smoall holds of its invoices and of the money for them: kept ten years, whatever else is erased."""

from datetime import date
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import Holding

if TYPE_CHECKING:
    from billing.models.invoice import InvoiceQuerySet

LAW = "VAT Code, art. 60; GDPR, art. 17(3)(b)"
KEPT = _(
    "Ten years after the year of the invoice, as the law asks for, also when your contact details are gone"
)
MONEY = _("To prove what was paid for which invoice, and to give an account of it to the cent")
LEDGER = _("Ten years, as the books that they belong to")


def _last_day(invoices: "InvoiceQuerySet") -> date:
    from billing import keeping  # its models are there once the apps are

    return keeping.last_day(invoices)


INVOICE_HOLDINGS = (
    Holding(
        "billing.Invoice",
        neutral="emptied",
        whose="client",
        category="billing",
        called=_("Smoall’s invoices to you"),
        why=_("To invoice you; the name, address and VAT number on an invoice are part of it"),
        kept=KEPT,
        exported="shared",
        erased="kept",
        about="client_uuid",
        law=LAW,
        law_years=10,
        law_until=_last_day,
    ),
    Holding(
        "billing.InvoiceLine",
        neutral="emptied",
        whose="client",
        category="billing",
        called=_("Lines of Smoall’s invoices to you"),
        why=_("To invoice you"),
        kept=KEPT,
        exported="shared",
        erased="kept",
        about="invoice__client_uuid",
    ),
    Holding(
        "billing.Document",
        neutral="emptied",
        whose="client",
        category="billing",
        called=_("Smoall’s invoices to you, as files"),
        why=_("To give you, and to keep, the very invoice that was sent"),
        kept=KEPT,
        exported="no",
        erased="kept",
        about="invoice__client_uuid",
    ),
    Holding(
        "billing.Due",
        neutral="emptied",
        whose="client",
        category="billing",
        called=_("What is open of Smoall’s invoices"),
        why=MONEY,
        kept=LEDGER,
        exported="no",
        erased="kept",
        about="client_uuid",
    ),
    Holding(
        "billing.Payment",
        neutral="emptied",
        whose="client",
        category="billing",
        called=_("Your payments to Smoall"),
        why=MONEY,
        kept=LEDGER,
        exported="shared",
        erased="kept",
        about="client_uuid",
    ),
    Holding(
        "billing.Payback",
        neutral="emptied",
        whose="client",
        category="billing",
        called=_("What is to be given back to you"),
        why=_("To give back what you paid for and will not use, where the payment operator could not"),
        kept=LEDGER,
        exported="no",
        erased="kept",
        about="client_uuid",
    ),
    Holding(
        "billing.Reminder",
        neutral="emptied",
        whose="client",
        category="billing",
        called=_("Reminders of invoices"),
        why=_("To remind you once of each day on which an invoice should have been paid"),
        kept=KEPT,
        exported="no",
        erased="kept",
        about="invoice__client_uuid",
    ),
    *(
        Holding(
            f"billing.{model}",
            neutral="emptied",
            whose="smoall",
            category="billing",
            called=called,
            why=MONEY,
            kept=LEDGER,
            exported="no",
            erased="kept",
        )
        for model, called in (
            ("Allocation", _("Which payment pays which invoice")),
            ("Refund", _("Refunds")),
            ("Dispute", _("Disputes")),
            ("Payout", _("Payouts")),
            ("Entry", _("Lines of the payment operator’s account")),
        )
    ),
    Holding(
        "billing.Series",
        neutral="emptied",
        whose="smoall",
        category="billing",
        called=_("Series of invoice numbers"),
        why=_("To number invoices without a gap"),
        kept=_("For ever; it counts, and names nobody"),
        exported="no",
        erased="kept",
    ),
)
