"""What Smoall knows of who pays for what; all in the shared schema. Nobody's card: the processor alone has that (P15)."""

from billing.models.account import Account, Parting, TaxStatus
from billing.models.event import Event
from billing.models.figures import Figure, Reconciliation
from billing.models.invoice import CannotIssue, Document, Invoice, InvoiceLine, Item
from billing.models.money import Allocation, Dispute, Due, Entry, Payback, Payment, Payout, Refund, Reminder
from billing.models.seats import Seats
from billing.models.series import Kind, Series
from billing.models.subscription import Pace, State, Subscription
from shared_apps import history

__all__ = [
    "Account",
    "Allocation",
    "CannotIssue",
    "Dispute",
    "Document",
    "Due",
    "Entry",
    "Event",
    "Figure",
    "Invoice",
    "InvoiceLine",
    "Item",
    "Kind",
    "Pace",
    "Parting",
    "Payback",
    "Payment",
    "Payout",
    "Reconciliation",
    "Refund",
    "Reminder",
    "Seats",
    "Series",
    "State",
    "Subscription",
    "TaxStatus",
]

history.register(Account, label="customer_id", exclude=("sent", "synced_at"))
history.register(Subscription, label="plan", exclude=("seen_at",))
