from billing.models.invoice import CannotIssue, Document, Invoice, InvoiceLine, Item
from billing.models.money import Allocation, Dispute, Due, Entry, Payment, Payout, Refund, Reminder
from billing.models.series import Kind, Series

__all__ = [
    "Allocation",
    "CannotIssue",
    "Dispute",
    "Document",
    "Due",
    "Entry",
    "Invoice",
    "InvoiceLine",
    "Item",
    "Kind",
    "Payment",
    "Payout",
    "Refund",
    "Reminder",
    "Series",
]
