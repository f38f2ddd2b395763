"""Ten years, and no longer: what goes of invoices and money when they are over, so that what is left still adds up.

An invoice goes with its credit notes and its money, once the youngest of them is old enough; a payout with what it sent,
once nothing is left of that. The years are those of Brussels, counted from the first of January after (VAT Code, article 60).
"""

from datetime import date, datetime

from django.db.models import Max
from django.utils import timezone

from billing.models import Allocation, Dispute, Due, Entry, Invoice, Payback, Payment, Payout, Refund
from billing.models.invoice import YEARS, InvoiceQuerySet
from shared_apps.jobs import job
from shared_apps.kit.dates import BRUSSELS, day_of


@job(purpose="billing.upkeep")
def tidy() -> None:
    expire(now=timezone.now())


def expire(*, now: datetime) -> int:
    """How many invoices went. In the shared scope."""
    today = day_of(now)
    oldest = datetime(today.year - YEARS, 1, 1, tzinfo=BRUSSELS)
    over = Invoice.objects.invoices().filter(kept_until__lt=today)
    over = over.exclude(credit_notes__kept_until__gte=today)
    gone = sum(_forget(one, oldest) for one in over.order_by("issued_at"))
    for payout in Payout.objects.filter(made_at__lt=oldest):
        _forget_payout(payout)
    Payback.objects.filter(paid_at__lt=oldest).delete()
    paying = Allocation.objects.values("payment_intent")
    Payment.objects.filter(made_at__lt=oldest).exclude(status="succeeded").exclude(
        payment_intent__in=paying
    ).delete()
    return gone


def last_day(invoices: InvoiceQuerySet) -> date:
    """Until when the youngest of these invoices and credit notes is kept, and the money for them. There is one at least."""
    kept: date = invoices.aggregate(last=Max("kept_until"))["last"]
    allocations = Allocation.objects.filter(invoice_id__in=invoices.values("processor_id"))
    payments = Payment.objects.filter(
        payment_intent__in=allocations.exclude(payment_intent="").values("payment_intent")
    )
    charges = payments.values("processor_id")
    money = (
        payments,
        Refund.objects.filter(payment__in=charges),
        Dispute.objects.filter(payment__in=charges),
    )
    made = [rows.aggregate(last=Max("made_at"))["last"] for rows in money]
    return max([kept, *(date(day_of(one).year + YEARS, 12, 31) for one in made if one)])


def _forget(invoice: Invoice, oldest: datetime) -> bool:
    """The invoice with its money; nothing while any of it is younger than that."""
    names = [invoice.processor_id, *invoice.credit_notes.values_list("processor_id", flat=True)]
    allocations = Allocation.objects.filter(invoice_id__in=names)
    intents = [intent for intent in allocations.values_list("payment_intent", flat=True) if intent]
    payments = Payment.objects.filter(payment_intent__in=intents)
    charges = list(payments.values_list("processor_id", flat=True))
    taken = (Refund.objects.filter(payment__in=charges), Dispute.objects.filter(payment__in=charges))
    if any(rows.filter(made_at__gte=oldest).exists() for rows in (payments, *taken)):
        return False
    for rows in (*taken, payments, allocations, Due.objects.filter(processor_id__in=names)):
        rows.delete()
    invoice.forget()
    return True


def _forget_payout(payout: Payout) -> None:
    entries = Entry.objects.filter(payout=payout.processor_id)
    about = list(entries.values_list("source", flat=True))
    if not any(
        model._default_manager.filter(processor_id__in=about).exists() for model in (Payment, Refund, Dispute)
    ):
        entries.delete()
        Entry.objects.filter(source=payout.processor_id).delete()
        payout.delete()
