"""Reminders of invoices that stay unpaid: a few polite mails, on days that are stored with the invoice, until it is paid.

An invoice that the processor takes by itself is first asked for there, and by the mails of standing.py; so these begin
later. Nobody is asked twice in a day, nor for what is paid, credited or disputed meanwhile.
"""

import logging
from datetime import date, datetime, timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from billing.documents import words
from billing.models import Account, Due, Invoice, Reminder
from shared_apps import mail
from shared_apps.clients.models import Client
from shared_apps.jobs import job
from shared_apps.kit.dates import day_of
from shared_apps.mail.models import Message
from tenants.models import Tenant

PURPOSE = "billing.reminder"
log = logging.getLogger(__name__)
# Days from the due day on. "soon" comes before it, for those who pay by themselves.
STEPS = {"soon": -3, "first": 3, "second": 10, "last": 20}
WHEN_CHARGED = ("second", "last")


def plan(invoice: Invoice, *, is_charged: bool) -> None:
    """Store the days of an invoice's reminders. Once: the same again changes nothing."""
    assert invoice.due_on
    steps = WHEN_CHARGED if is_charged else tuple(STEPS)
    days = {step: invoice.due_on + timedelta(days=STEPS[step]) for step in steps}
    Reminder.objects.bulk_create(
        [
            Reminder(invoice=invoice, step=step, due_on=day)
            for step, day in days.items()
            if day > invoice.issued_on
        ],
        ignore_conflicts=True,
    )


@job(purpose=PURPOSE)
def remind() -> None:
    """What is due today."""
    send_due(now=timezone.now())


def send_due(*, now: datetime) -> int:
    """One mail an invoice at most, of the last step that is due; how many. In the shared scope."""
    waiting = Reminder.objects.filter(sent_at=None, due_on__lte=day_of(now)).select_related("invoice")
    latest: dict[object, Reminder] = {}
    for one in waiting.select_for_update(of=("self",)).order_by("due_on", "id"):
        latest[one.invoice_id] = one
        one.is_sent(now)  # an earlier one that a stopped worker has missed is not caught up on
    return sum(_sent(one, today=day_of(now)) for one in latest.values())


def _sent(one: Reminder, *, today: date) -> int:
    """An address that takes no mail keeps nobody else's from leaving."""
    try:
        with transaction.atomic():
            return _send(one.invoice, one.step, today=today)
    except mail.BadRecipient as error:
        log.warning("no reminder of %s: %s", one.invoice.number, error)
        return 0


def _send(invoice: Invoice, step: str, *, today: date) -> int:
    client = Client.objects.filter(pk=invoice.client_uuid).first()
    open_cents = open_of(invoice)
    if client is None or not open_cents or (step == "soon" and invoice.due_on and today > invoice.due_on):
        return 0
    account = Account.of(client.pk)
    mail.send(
        purpose=PURPOSE,
        to=account.email_for(client) if account else client.contact_email,
        name=client.contact_name,
        language=client.language,
        about=client.pk,
        template="billing/mail/reminder",
        key=f"{PURPOSE}:{invoice.pk}:{step}",
        wanted=is_open,
        context={
            "company": client.company,
            "number": invoice.number,
            "issued_on": invoice.issued_on,
            "due_on": invoice.due_on,
            "is_before": step == "soon",
            "is_last": step == "last",
            "amount": words.money(open_cents, client.language),
            "communication": invoice.written_communication,
            "iban": invoice.seller_party.iban,
            "url": _page(client, invoice),
        },
    )
    return 1


@mail.check
def is_open(message: Message) -> bool:
    """Whoever paid meanwhile gets no reminder."""
    found = Invoice.objects.filter(pk=message.key.split(":")[1]).first()
    return found is not None and open_of(found) > 0


def open_of(invoice: Invoice) -> int:
    """Cents that are to be paid still; nothing of one that is paid, void or credited."""
    due = Due.objects.filter(processor_id=invoice.processor_id).first()
    return due.remaining if due is not None and due.is_open else 0


def _page(client: Client, invoice: Invoice) -> str:
    """Where it is paid; "" once the workspace is gone."""
    tenant = Tenant.objects.filter(client_id=client.pk).prefetch_related("domains").first()
    path = reverse("invoices:invoice", args=[invoice.pk], urlconf="config.urls_tenant")
    return tenant.url + path if tenant else ""
