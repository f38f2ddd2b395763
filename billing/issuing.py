"""From the processor's invoices and credit notes to Smoall's own: issued once, when the processor has finalised them.

The processor works out what is owed and takes it; what is issued for it is ours: number, VAT, words, files. A document that
can't be issued is no reason to refuse the processor's message: what is open is noted all the same, with the reason, which
operators see, and the nightly comparison tries again.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing import catalogue, dunning, gateway, ledger, vat
from billing.documents import words
from billing.events import projects
from billing.gateway import id_of, read, rows, talking
from billing.models import Account, CannotIssue, Due, Invoice, Item, Kind, Payment
from billing.models.account import client_of
from shared_apps.clients.models import Client
from shared_apps.kit.dates import day_of
from shared_apps.kit.places import EU
from tenants.models import Tenant

log = logging.getLogger("smoall.billing")
TREATMENTS = {
    "none": vat.STANDARD,
    "reverse": vat.REVERSE,
    "exempt": vat.OUTSIDE,
}  # by the customer's tax_exempt
OVER = frozenset({"draft", "deleted"})
VOID = "void:"  # before the id of the processor's invoice: the credit note that takes back one that was made void


@projects("invoice")
def invoice(obj: Any, *, now: datetime) -> None:
    """What is open of it, what pays it, and, once it is final, the document."""
    if read("invoice", obj, "status") in OVER:
        return
    due = ledger.due(obj, client=client_of(id_of("invoice", obj, "customer")))
    trouble = ""
    try:
        with transaction.atomic():
            _issue(obj, now=now)
    except CannotIssue as error:
        trouble = str(error)[:300]
        log.error("ALARM: no invoice for %s: %s", due.processor_id, trouble)
    if due.trouble != trouble:
        due.trouble = trouble
        due.save(update_fields=["trouble"])


def _issue(obj: Any, *, now: datetime) -> None:
    """Nothing for a total of nothing, as in a trial: nothing was supplied for money. Raises CannotIssue."""
    id, total = id_of("invoice", obj, "id"), int(read("invoice", obj, "total"))
    made = Invoice.objects.filter(processor_id=id).first()
    if made is None and total:
        client = _client(id_of("invoice", obj, "customer"))
        items, period = _items(obj, client.language), _period(obj)
        if total > 0:
            made = Invoice.issue(
                client=client,
                kind=Kind.INVOICE,
                lines=items,
                treatment=_treatment(obj, client),
                period=period,
                processor_id=id,
                due_on=_due_on(obj, now),
                reference=_reference(client),
                total=total,
                now=now,
            )
            dunning.plan(made, is_charged=read("invoice", obj, "collection_method") != "send_invoice")
        else:
            given = [_negative(item) for item in items]
            made = _take_back(
                client, given, -total, id, period, treatment=_taxed(obj), of_plan=_of_plan(obj), now=now
            )
    if made is not None and read("invoice", obj, "status") == "void":
        _void(made, now=now)


def _of_plan(obj: Any) -> set[str]:
    """The processor's invoices of the plan that this one is of."""
    plan = id_of("invoice", obj, "parent.subscription_details.subscription")
    if not plan:
        return set()
    with talking():
        listed = gateway.client().v1.invoices.list(params={"subscription": plan, "limit": 100})
        return {id_of("invoice", one, "id") for one in listed.auto_paging_iter()}


def _take_back(
    client: Client,
    items: Sequence[Item],
    total: int,
    id: str,
    period: tuple[date, date],
    *,
    treatment: vat.Treatment,
    of_plan: Collection[str],
    now: datetime,
) -> Invoice:
    """A document of the processor below zero gives back: a credit note for the newest invoice that has so much left, of the
    same plan if it can be, and taxed as the document is.

    Where none has, several for the newest that have something: the first under the processor's id, the others beside it.
    """
    found = list(Invoice.objects.of(client.pk).invoices().filter(treatment=treatment.name))
    found.sort(key=lambda one: one.processor_id not in of_plan)  # the newest first, within each
    left = {one: one.payable - one.credited for one in found}
    whole = next((one for one, cents in left.items() if cents >= total), None)
    if whole is not None:
        return _credit(client, whole, items, total, id, period, now=now)
    if sum(left.values()) < total:
        raise CannotIssue(
            _("The invoices of this client with the same VAT have less left than is to be given back.")
        )
    made: list[Invoice] = []
    for one, cents in left.items():
        part = min(cents, total)
        if part:
            said = words.of(one.language)["line_correction"].format(number=one.number)
            name = f"{id}:{len(made) + 1}" if made else id
            made.append(
                _credit(client, one, [Item(said, 1, _net_of(part, one))], part, name, period, now=now)
            )
            total -= part
    return made[0]


def _credit(
    client: Client, corrected: Invoice, items: Sequence[Item], total: int, id: str, period: tuple[date, date], *, now: datetime
) -> Invoice:  # fmt: skip
    return Invoice.issue(
        client=client,
        kind=Kind.CREDIT_NOTE,
        lines=items,
        treatment=vat.TREATMENTS[corrected.treatment],
        period=period,
        processor_id=id,
        corrects=corrected,
        total=total,
        now=now,
    )


def _void(made: Invoice, *, now: datetime) -> None:
    """One that was issued is not taken out of the series: what is left of it is credited."""
    left = made.payable - made.credited
    if (
        made.is_credit_note
        or not left
        or Invoice.objects.filter(processor_id=VOID + made.processor_id).exists()
    ):
        return
    client = _client_of_invoice(made)
    whole = left == made.payable
    lines = [
        Item(line.text, line.quantity, line.price, line.discount, line.period_from, line.period_until)
        for line in made.lines.all()
    ]
    Invoice.issue(
        client=client,
        kind=Kind.CREDIT_NOTE,
        lines=lines if whole else [Item(made.number, 1, _net_of(left, made))],
        treatment=vat.TREATMENTS[made.treatment],
        period=(made.period_from, made.period_until),
        processor_id=VOID + made.processor_id,
        corrects=made,
        total=left,
        now=now,
    )


def _net_of(gross: int, made: Invoice) -> int:
    """The net amount whose VAT makes it so much, as near as a cent allows."""
    return round(gross * made.net / made.gross)


@projects("credit_note")
def credit_note(obj: Any, *, now: datetime) -> None:
    """A credit note for the invoice that it corrects, which is projected first where its own message is still under way."""
    if read("credit_note", obj, "status") != "issued":
        return
    id, corrected_id = id_of("credit_note", obj, "id"), id_of("credit_note", obj, "invoice")
    if Invoice.objects.filter(processor_id=id).exists():
        return
    corrected = Invoice.objects.filter(processor_id=corrected_id).first()
    if corrected is None:
        ledger.fetch("invoice", corrected_id, now=now)
        corrected = Invoice.objects.filter(processor_id=corrected_id).first()
    if corrected is None:
        log.error("ALARM: the invoice that %s corrects was not issued.", id)
        return
    try:
        with transaction.atomic():
            Invoice.issue(
                client=_client_of_invoice(corrected),
                kind=Kind.CREDIT_NOTE,
                lines=_credited_items(obj, corrected),
                treatment=vat.TREATMENTS[corrected.treatment],
                period=(corrected.period_from, corrected.period_until),
                processor_id=id,
                corrects=corrected,
                total=int(read("credit_note", obj, "total")),
                now=now,
            )
    except CannotIssue as error:
        log.error("ALARM: no credit note for %s: %s", id, error)
        Due.objects.filter(processor_id=corrected_id).update(trouble=str(error)[:300])


# --- what is read ---------------------------------------------------------------------------------------------


def _client(customer: str) -> Client:
    """Once its contact details are erased, as its last invoice names it. Raises CannotIssue where there is neither."""
    id = client_of(customer)
    found = Client.objects.filter(pk=id).first() if id else None
    if found is None and id and (last := Invoice.objects.of(id).first()):
        found = _client_of_invoice(last)
    if found is None:
        raise CannotIssue(_("Nobody here is this customer of the payment operator."))
    return found


def _client_of_invoice(made: Invoice) -> Client:
    """Who it was issued to; when the contact details are gone, as the invoice itself names it."""
    found = Client.objects.filter(pk=made.client_uuid).first()
    if found is not None:
        return found
    said = made.buyer_party
    return Client(
        pk=made.client_uuid, company=said.name, street=said.street, postal_code=said.postal_code, city=said.city,
        country=said.country, vat_number=said.vat_number, language=made.language,
    )  # fmt: skip


def _reference(client: Client) -> str:
    account = Account.of(client.pk)
    return account.reference if account else ""


def _taxed(obj: Any) -> vat.Treatment:
    return TREATMENTS.get(str(read("invoice", obj, "customer_tax_exempt") or "none"), vat.STANDARD)


def _treatment(obj: Any, client: Client) -> vat.Treatment:
    """As the processor has taxed it. Raises CannotIssue where that can't be right."""
    found = _taxed(obj)
    is_abroad_in_eu = client.country in EU and client.country != "BE"
    if found is vat.REVERSE and not (is_abroad_in_eu and client.vat_number):
        raise CannotIssue(
            _("Without VAT by reverse charge, and the buyer has no VAT number of another country.")
        )
    if found is vat.OUTSIDE and client.country in EU:
        raise CannotIssue(_("Without VAT as outside the European Union, and the buyer is inside."))
    return found


def _items(obj: Any, language: str) -> list[Item]:
    lines = list(read("invoice", obj, "lines.data"))
    if read("invoice", obj, "lines.has_more"):
        id = id_of("invoice", obj, "id")
        params: Any = {"limit": 100, "expand": ["data.pricing.price_details.price"]}
        with talking():
            lines = list(gateway.client().v1.invoices.line_items.list(id, params=params).auto_paging_iter())
    found = [_item(line, language) for line in lines]
    return [item for item in found if item.price or item.discount]


def _item(line: Any, language: str) -> Item:
    """Quantity × price where that is the amount, else one of the whole: what is prorated has no price of one."""
    amount = int(read("line_item", line, "amount"))
    quantity = int(read("line_item", line, "quantity") or 1) or 1
    discount = sum(cents for (cents,) in rows("line_item", line, "discount_amounts", "amount"))
    text = _text(line, amount, quantity, language)
    first = ledger.moment(read("line_item", line, "period.start"))
    last = ledger.moment(read("line_item", line, "period.end"))
    days = (
        (day_of(first), max(day_of(first), day_of(last - timedelta(seconds=1))))
        if first and last
        else (None, None)
    )
    if amount < 0:
        return Item(text, -1, -(amount - discount), 0, *days)
    if amount % quantity:
        quantity = 1
    return Item(text, quantity, amount // quantity, discount, *days)


def _text(line: Any, amount: int, quantity: int, language: str) -> str:
    """What a line is for, in the client's language, where it is one of our plans; else in the processor's words."""
    price = read("line_item", line, "pricing.price_details.price")
    key = "" if price is None or isinstance(price, str) else str(read("price", price, "lookup_key") or "")
    code, pace = catalogue.of_key(key)
    if not pace:
        return str(read("line_item", line, "description") or "Smoall")
    with translation.override(language):
        name = f"Smoall {next((one.name for one in catalogue.PLANS if one.code == code), code)}"
    is_part = read("line_item", line, "parent.subscription_item_details.proration") or read(
        "line_item", line, "parent.invoice_item_details.proration"
    )
    said = ("line_unused" if amount < 0 else "line_rest") if is_part else f"line_{pace}"
    return words.of(language)[said].format(plan=name, count=quantity)


def _negative(item: Item) -> Item:
    """The same, given back."""
    net = item.net
    return Item(item.text, -1 if net > 0 else 1, abs(net), 0, item.period_from, item.period_until)


def _credited_items(obj: Any, corrected: Invoice) -> list[Item]:
    """One line for what is taken back of the invoice's own lines, and each that was written for the credit note."""
    found, taken = [], 0
    for line in read("credit_note", obj, "lines.data"):
        off = int(read("credit_note_line_item", line, "discount_amount") or 0)
        amount = int(read("credit_note_line_item", line, "amount")) - off
        text = str(read("credit_note_line_item", line, "description") or "")
        if read("credit_note_line_item", line, "type") == "custom_line_item" and text and amount:
            found.append(Item(text, 1 if amount > 0 else -1, abs(amount)))
        else:
            taken += amount
    if taken:
        said = words.of(corrected.language)["line_correction"].format(number=corrected.number)
        found.append(Item(said, 1 if taken > 0 else -1, abs(taken)))
    return found


def _period(obj: Any) -> tuple[date, date]:
    """From the first day of its lines to the last: its own period is the one before."""
    moments = [
        (read("line_item", line, "period.start"), read("line_item", line, "period.end"))
        for line in read("invoice", obj, "lines.data")
    ]
    first = datetime.fromtimestamp(min(start for start, _end in moments), UTC)
    last = datetime.fromtimestamp(max(end for _start, end in moments), UTC) - timedelta(seconds=1)
    return day_of(first), max(day_of(first), day_of(last))


def _due_on(obj: Any, now: datetime) -> date:
    due = ledger.moment(read("invoice", obj, "due_date"))
    return day_of(due or now)


# --- what a client takes out ----------------------------------------------------------------------------------


def exported(tenant: Tenant) -> dict[str, Any]:
    """The parts of shared.json that are invoices' (tenants.export)."""
    fields = (
        "number", "kind", "issued_on", "due_on", "period_from", "period_until", "language", "seller", "buyer", "vat_shares",
        "net", "vat", "gross", "payable", "communication", "corrects__number", "kept_until", "digest",
    )  # fmt: skip
    documents = [
        {
            **{name: getattr(one, name) for name in fields if name != "corrects__number"},
            "corrects": one.corrects.number if one.corrects else None,
            "lines": list(
                one.lines.values(
                    "text", "quantity", "price", "discount", "net", "period_from", "period_until"
                )
            ),
        }
        for one in Invoice.objects.of(tenant.client_id).select_related("corrects").prefetch_related("lines")
    ]
    paid = Payment.objects.filter(client_uuid=tenant.client_id).values(
        "amount", "status", "method", "made_at"
    )
    return {"invoices": documents, "payments": list(paid)}
