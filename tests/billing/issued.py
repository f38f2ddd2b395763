"""Invoices of a moment, and short words for what the tests look at. No processor: its objects are written by hand."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from billing import vat
from billing.models import Invoice, Item
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.dates import BRUSSELS
from shared_apps.kit.rows import uuid7
from tests.conftest import TESTER, Cast

NOON = datetime(2026, 12, 1, 12, tzinfo=BRUSSELS)
TEAM = Item("Smoall, Team", 3, 1900)


def client_of(where: Cast, **changes: Any) -> Client:
    with scope.shared(actor=TESTER):
        found = Client.objects.get(pk=where.tenant.client_id)
        for name, value in changes.items():
            setattr(found, name, value)
        if changes:
            found.save()
    return found


def issued(client: Client, *lines: Item, now: datetime = NOON, **changes: Any) -> Invoice:
    """In the shared scope; an invoice of one line unless others are given."""
    said: dict[str, Any] = {
        "kind": Invoice.Kind.INVOICE,
        "treatment": vat.STANDARD,
        "period": (None, None),
        "processor_id": f"in_{uuid7().hex}",
    }
    with scope.shared(actor=TESTER):
        return Invoice.issue(client=client, lines=lines or (TEAM,), now=now, **{**said, **changes})


def credited(invoice: Invoice, *lines: Item, now: datetime = NOON, **changes: Any) -> Invoice:
    with scope.shared(actor=TESTER):
        client = Client.objects.get(pk=invoice.client_uuid)
    return issued(
        client, *lines, now=now, kind=Invoice.Kind.CREDIT_NOTE, corrects=invoice,
        processor_id=f"cn_{uuid7().hex}", treatment=vat.TREATMENTS[invoice.treatment], **changes,
    )  # fmt: skip


def all_of(client: UUID) -> list[Invoice]:
    with scope.shared():
        return list(Invoice.objects.of(client).order_by("kind", "year", "sequence"))


def now() -> datetime:
    return timezone.now()
