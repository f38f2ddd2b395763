"""The end of a client that leaves: its last document, and what it paid for and will not use, given back (decisions/0024).

The processor reckons the last document of a plan that ends before its time; the books then say what is owed, and that goes
back by the payments that brought it, the newest first. Each step looks at what is there, at the processor too, before it adds
anything: done again after a crash between any two lines, nothing is given back twice. Nothing here keeps anybody from leaving.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_noop

from billing import events, gateway, mails
from billing.gateway import id_of, once, read, talking
from billing.models import Account, Due, Parting, Payback, Payment, Refund, State
from billing.models.money import open_of
from billing.models.subscription import OWED
from shared_apps.jobs import TryAgain, job
from shared_apps.kit import scope
from tenants.models import Tenant

log = logging.getLogger("smoall.billing")
PAGE = 100
NO_PAYMENT = gettext_noop("No payment is left by which it could be given back.")
NOT_ENDED = gettext_noop("The plan could not be ended yet. How much it is, is known then.")
SILENT = gettext_noop("The payment operator does not answer. It is tried again each hour.")


def is_gone(client: UUID) -> bool:
    """Whether its workspace is: until then a notice may be withdrawn, and an erasure stopped. In the shared scope."""
    return not Tenant.objects.filter(client_id=client).exists()


def settle(client: UUID, *, now: datetime) -> None:
    """End what goes on at the processor, write its last documents, give back what is owed; again, as often as one likes.

    In the shared scope, in a transaction. Raises gateway.Trouble; what was written until then may be kept. What the processor
    refuses to give back is noted for operators (Payback), and nothing is raised.
    """
    customer = _customer(client)
    for id in _going_on(customer):
        _end(id, now=now)
    for id in _unwritten(customer):
        events.project("invoice", id, now=now)
    refused = _give_back(client, now=now)
    left = max(0, -open_of(client))
    if left:
        Payback.note(client, cents=left, trouble=refused or NO_PAYMENT, is_refused=bool(refused), now=now)
        return
    done = Payback.waiting().filter(client_uuid=client)
    (
        done if customer else done.exclude(cents=0)
    ).delete()  # without a record there, nobody knows how much it was
    _clear(customer)


def settle_last(client: UUID, *, now: datetime) -> None:
    """Before the record there is deleted: what the processor refuses keeps nobody's record. Raises gateway.Unreachable."""
    try:
        settle(client, now=now)
    except gateway.Unreachable:
        raise
    except gateway.Trouble as error:
        log.error("the end of %s: %s", client, type(error).__name__)
        left = max(0, -open_of(client))
        Payback.note(client, cents=left, trouble=str(error), is_refused=True, now=now)


def _customer(client: UUID) -> str:
    """The processor's key of a client, as long as it has a record there; "" for none."""
    for model in (Account, Parting):
        found = model._default_manager.filter(client_uuid=client).exclude(customer_id=None)
        if key := found.values_list("customer_id", flat=True).first():
            return str(key)
    return ""


def _listed(service: str, customer: str) -> Iterator[Any]:
    """What the processor has of a customer; nothing of one that it deleted."""
    params: Any = {"customer": customer, "limit": PAGE}
    with suppress(gateway.Missing), talking():
        yield from getattr(gateway.client().v1, service).list(params=params).auto_paging_iter()


def _going_on(customer: str) -> list[str]:
    return (
        [id_of("subscription", one, "id") for one in _listed("subscriptions", customer)] if customer else []
    )


def _end(id: str, *, now: datetime) -> None:
    """Now, with what waits to be invoiced, and less what was invoiced and is not used."""
    events.hold("subscription", id)
    stripe = gateway.client().v1
    with suppress(gateway.Missing), talking():  # ended by a run before this one
        is_reckoned = _is_reckoned(stripe.subscriptions.retrieve(id))
        stripe.subscriptions.cancel(id, params={"invoice_now": True, "prorate": is_reckoned})
    events.project("subscription", id, now=now)


def _is_reckoned(plan: Any) -> bool:
    """Whether what is left of the period comes off: the period was invoiced, and that invoice stands. It may be open still,
    or another one of the plan's: the books set what is not paid off against it. A draft, a void one, and one that was
    credited whole were paid by nobody.
    """
    if read("subscription", plan, "status") not in (State.ACTIVE, *OWED):
        return False
    item = read("subscription", plan, "items.data")[0]
    begun = read("subscription_item", item, "current_period_start")
    listed = gateway.client().v1.invoices.list(
        params={"subscription": id_of("subscription", plan, "id"), "limit": PAGE}
    )
    for one in listed.auto_paging_iter():
        if not _begins(one, begun):
            continue
        credited = read("invoice", one, "pre_payment_credit_notes_amount")
        credited += read("invoice", one, "post_payment_credit_notes_amount")
        is_credited = credited and credited >= read("invoice", one, "total")
        return read("invoice", one, "status") not in ("draft", "void") and not is_credited
    return False


def _begins(invoice: Any, moment: int) -> bool:
    """Whether it has the line of a whole period that begins then; the others are for what changed within one."""
    lines = list(read("invoice", invoice, "lines.data"))
    if read("invoice", invoice, "lines.has_more"):
        listed = gateway.client().v1.invoices.line_items.list(
            id_of("invoice", invoice, "id"), params={"limit": PAGE}
        )
        lines = list(listed.auto_paging_iter())
    return any(
        read("line_item", line, "parent.subscription_item_details.proration") is False
        and read("line_item", line, "period.start") == moment
        for line in lines
    )


def _unwritten(customer: str) -> list[str]:
    """The processor's invoices that our books don't have in their last state."""
    listed = [id_of("invoice", one, "id") for one in _listed("invoices", customer)] if customer else []
    known = Due.objects.filter(processor_id__in=listed, status__in=Due.FINAL, trouble="")
    done = set(known.values_list("processor_id", flat=True))
    return [id for id in reversed(listed) if id not in done]


def _give_back(client: UUID, *, now: datetime) -> str:
    """By the newest payments first, as far as each goes; why the processor refused one of them, "" when it did not."""
    refused = ""
    for payment in Payment.objects.filter(client_uuid=client, status="succeeded"):
        if open_of(client) >= 0:
            break
        try:
            _give_back_by(client, payment, now=now)
        except gateway.Unreachable:
            raise
        except gateway.Trouble as error:
            log.error("a refund of %s was refused: %s", payment.processor_id, type(error).__name__)
            refused = str(error)
    return refused


def _give_back_by(client: UUID, payment: Payment, *, now: datetime) -> None:
    with talking():
        charge = gateway.client().v1.charges.retrieve(payment.processor_id)
    back = int(read("charge", charge, "amount_refunded"))
    known = Refund.objects.filter(payment=payment.processor_id)
    if sum(one.amount for one in known if one.counts) != back:  # by a run whose words were lost
        for one in _refunds_of(payment):
            events.project("refund", one, now=now)
    cents = min(-open_of(client), payment.amount - back)
    if cents <= 0 or read("charge", charge, "disputed") or known.filter(status__in=Refund.FINAL).exists():
        return
    with talking():
        made = gateway.client().v1.refunds.create(
            params={"charge": payment.processor_id, "amount": cents},
            options=once("give-back", payment.processor_id, back, cents),
        )
    events.project("refund", id_of("refund", made, "id"), now=now)
    mails.given_back(client, payment.processor_id, cents=cents, back=back)


def _refunds_of(payment: Payment) -> list[str]:
    with talking():
        listed = gateway.client().v1.refunds.list(params={"charge": payment.processor_id, "limit": PAGE})
    return [id_of("refund", one, "id") for one in listed.data]


def _clear(customer: str) -> None:
    """What the processor kept for the client is given back: whoever returns must not be given it twice."""
    if not customer:
        return
    with suppress(gateway.Missing), talking():
        found = gateway.client().v1.customers.retrieve(customer)
        if not getattr(found, "deleted", False) and int(read("customer", found, "balance")) < 0:
            gateway.client().v1.customers.update(customer, params={"balance": 0})


# --- what waits ------------------------------------------------------------------------------------------------


def is_ready(client: UUID) -> bool:
    """Whether nothing is owed that could still be given back by itself. In the shared scope."""
    if open_of(client) >= 0:
        return True
    return Payback.waiting().filter(client_uuid=client, is_refused=True).exists()


def note_silence(client: UUID, *, now: datetime) -> None:
    """The processor does not answer: operators see what waits for it, and how much of it is known."""
    left = max(0, -open_of(client))
    known = Payback.waiting().filter(client_uuid=client).exists()
    if is_gone(client) and not (known and not left):
        Payback.note(client, cents=left, trouble=SILENT if left else NOT_ENDED, now=now)


@job(purpose="billing.ending")
def look_at(client_id: str) -> None:
    """One client that left."""
    now, client = timezone.now(), UUID(client_id)
    if not is_gone(client):
        Payback.waiting().filter(client_uuid=client).delete()  # it came back: what it has there, it has still
        return
    try:
        settle(client, now=now)
    except gateway.Trouble as error:
        note_silence(client, now=now)
        raise TryAgain(type(error).__name__) from error


@job(purpose="billing.ending")
def look() -> None:
    """Each hour: whoever left and is owed something, a direct debit that arrived afterwards too."""
    owed = Due.objects.exclude(client_uuid=None).values("client_uuid").order_by().annotate(
        open=Sum("remaining") + Sum("from_balance") - Sum("credited_after")
    ).filter(open__lt=0)  # fmt: skip
    clients = {id for id in owed.values_list("client_uuid", flat=True) if id}
    clients |= set(Payback.waiting().values_list("client_uuid", flat=True))
    clients -= set(Payback.waiting().filter(is_refused=True).values_list("client_uuid", flat=True))
    here = set(Tenant.objects.filter(client_id__in=clients).values_list("client_id", flat=True))
    hour = f"{timezone.now():%Y-%m-%d %H}"
    for client in sorted(clients - here, key=str):
        if open_of(client) < 0 or Payback.waiting().filter(client_uuid=client).exists():
            look_at.later(str(client), key=f"{client}:{hour}")


def left() -> dict[str, int]:
    """For the nightly comparison."""
    with scope.shared():
        return {"clients that left and wait for money": Payback.waiting().count()}
