"""The end of a client that leaves: its last document, and what it paid for and will not use, given back (decisions/0024).

The processor reckons the last document of a plan that ends before its time; the books then say what is owed, and that goes
back by the payments that brought it, the newest first. Each step looks at what is there, at the processor too, before it adds
anything: done again after a crash between any two lines, nothing is given back twice. Nothing here keeps anybody from leaving.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_noop

from billing import events, gateway, mails
from billing.gateway import id_of, once, read, talking
from billing.models import Account, Due, Invoice, Parting, Payback, Payment, Refund, State
from billing.models.money import kept_of, open_of
from billing.models.subscription import OVER, OWED
from shared_apps.jobs import TryAgain, job
from shared_apps.jobs.run import described
from shared_apps.kit import scope
from tenants.models import Tenant

log = logging.getLogger("smoall.billing")
PAGE = 100
NO_PAYMENT = gettext_noop("No payment is left by which it could be given back.")
NOT_ENDED = gettext_noop("The plan could not be ended yet. How much it is, is known then.")
# Of other parts, done with each of its customers first: why that must be done again later, "" if it need not, and how many
# cents are under way meanwhile, which belong to nothing that is reckoned here.
before: list[Callable[..., tuple[str, int]]] = []
UNISSUED = gettext_noop(
    "Its credit note could not be issued, and VAT may be left to give back: look at its invoices."
)
FAULT = gettext_noop("It could not be reckoned: look at its plan, its invoices and its payments.")
WAIVED = gettext_noop("An unpaid invoice was waived after its rest was taken off: look at what was paid.")
LATE = gettext_noop("Its record there is deleted: see whether the direct debit came, and give it back there.")
SILENT = gettext_noop("The payment operator does not answer. It is tried again each hour.")


def is_gone(client: UUID) -> bool:
    """Whether its workspace is: until then a notice may be withdrawn, and an erasure stopped. In the shared scope."""
    return not Tenant.objects.filter(client_id=client).exists()


def owed_to(client: UUID) -> int:
    """In cents, as the books are now. In the shared scope."""
    return max(0, -open_of(client))


def hold(client: UUID) -> None:
    """Keep the end of a client to oneself until the transaction ends: who gives back, who forgets, and who says that it was
    paid otherwise each see what the one before did. Before any row is locked.
    """
    events.hold("client", str(client))


def settle(client: UUID, *, now: datetime) -> None:
    """End what goes on at the processor, bring the books in line with it, give back what is owed; again, as often as one likes.

    In the shared scope, in a transaction; holds the client. Raises gateway.Trouble; what was written until then may be kept.
    What the processor refuses to give back is noted for operators (Payback), and nothing is raised.
    """
    hold(client)
    customers, waits, apart = _customers(client), "", 0
    for customer in customers:
        for step in before:
            why, cents = step(customer, now=now)
            waits, apart = why or waits, apart + cents
        for id in _going_on(customer):
            _end(id, now=now)
    _read(client, customers, now=now)
    refused = WAIVED if _was_waived(client) else _give_back(client, customers, apart=apart, now=now)
    left = max(0, apart - open_of(client))
    why, is_refused = "", False
    if left:
        why, is_refused = refused or NO_PAYMENT, bool(refused) and not waits
    elif waits:
        why = waits
    elif _is_unissued(client):
        why, is_refused = UNISSUED, True
    if why:
        Payback.note(client, cents=left, trouble=why, is_refused=is_refused, now=now)
    elif customers:
        Payback.waiting().filter(client_uuid=client).delete()
    else:  # without a record there, nobody knows how much it was: people look
        Payback.waiting().filter(client_uuid=client).exclude(cents=0).delete()
        Payback.waiting().filter(client_uuid=client).update(is_refused=True, trouble=LATE)
    _keep(client, customers)


def settle_last(client: UUID, *, now: datetime) -> None:
    """Before the record there is deleted: nothing but silence keeps anybody's record, neither a refusal nor a fault of ours.

    Raises gateway.Unreachable, or a trouble of the database that passes; what was written until then may be kept.
    """
    hold(client)  # before the savepoint, whose undoing would let go of it
    try:
        with transaction.atomic():
            error: Exception | None = _tried(client, now=now)
    except Exception as found:  # what it wrote is undone: it is projected again when the processor tells it
        error = found
    if error is None:
        return
    if isinstance(error, gateway.Unreachable | OperationalError | InterfaceError):  # it passes
        raise error
    log.error("ALARM: the end of %s: %s", client, described(error))
    left, why = owed_to(client), str(error) if isinstance(error, gateway.Trouble) else FAULT
    Payback.note(client, cents=left, trouble=why, is_refused=True, now=now)


def _tried(client: UUID, *, now: datetime) -> gateway.Trouble | None:
    """What kept it from the end, after which all that was written stays."""
    try:
        settle(client, now=now)
    except gateway.Trouble as error:
        return error
    return None


def _customers(client: UUID) -> list[str]:
    """The processor's keys of a client, as long as it has a record there; a second one, that a crash left, too."""
    found: list[str] = []
    for model in (Account, Parting):
        named = model._default_manager.filter(client_uuid=client).exclude(customer_id=None)
        found += [str(key) for key in named.values_list("customer_id", flat=True) if key not in found]
    return found


def listed(service: str, customer: str, **wanted: str) -> Iterator[Any]:
    """What the processor has of a customer; nothing of one that it deleted."""
    params: Any = {"customer": customer, "limit": PAGE, **wanted}
    with suppress(gateway.Missing), talking():
        yield from getattr(gateway.client().v1, service).list(params=params).auto_paging_iter()


def _going_on(customer: str) -> list[str]:
    found = [
        one for one in listed("subscriptions", customer) if read("subscription", one, "status") not in OVER
    ]
    return [id_of("subscription", one, "id") for one in found]


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
    credited whole were paid by nobody; of one that was credited in part people say what is left.
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
        if 0 < credited < read("invoice", one, "total"):
            id = id_of("subscription", plan, "id")
            said = f"a plan ended whose invoice was credited in part, and gave nothing back by itself: {id}"
            mails.differences([said], day=timezone.localdate(), about=f"{id}:in-part")
        return read("invoice", one, "status") not in ("draft", "void") and not credited
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


# --- the books ---------------------------------------------------------------------------------------------------


def _read(client: UUID, customers: list[str], *, now: datetime) -> None:
    """Bring the books in line with the processor before anything is reckoned: documents, and what came and went back."""
    charges: dict[str, Any] = {}
    for customer in customers:
        for one in reversed(list(listed("invoices", customer))):
            _read_invoice(one, now=now)
        for one in listed("credit_notes", customer):
            if not Invoice.objects.filter(processor_id=id_of("credit_note", one, "id")).exists():
                events.project("credit_note", id_of("credit_note", one, "id"), now=now)
        charges |= {id_of("charge", one, "id"): one for one in listed("charges", customer)}
    for payment in Payment.objects.filter(client_uuid=client).exclude(processor_id__in=charges):
        with suppress(gateway.Missing):
            charges[payment.processor_id] = _charge(payment.processor_id)
    for charge in charges.values():
        _read_charge(charge, now=now)


def _read_invoice(one: Any, *, now: datetime) -> None:
    """One that gives back and is a draft still would be final within the hour: it is made so now."""
    id, credited = id_of("invoice", one, "id"), read("invoice", one, "post_payment_credit_notes_amount")
    if read("invoice", one, "status") == "draft" and int(read("invoice", one, "total")) < 0:
        with talking():
            gateway.client().v1.invoices.finalize_invoice(id)
    known = Due.objects.filter(
        processor_id=id, status__in=Due.FINAL, trouble="", credited_after=int(credited)
    )
    if not known.exists():
        events.project("invoice", id, now=now)


def _charge(id: str) -> Any:
    with talking():
        return gateway.client().v1.charges.retrieve(id)


def _read_charge(charge: Any, *, now: datetime) -> None:
    """A payment, with what was given back by it, and what the bank asks back: by a run, too, whose words were lost."""
    id = id_of("charge", charge, "id")
    if not Payment.objects.filter(processor_id=id, status=read("charge", charge, "status")).exists():
        events.project("charge", id, now=now)
    known = Refund.objects.filter(payment=id)
    stripe, params = gateway.client().v1, {"charge": id, "limit": PAGE}
    if sum(one.amount for one in known if one.counts) != int(read("charge", charge, "amount_refunded")):
        with talking():
            refunds = [id_of("refund", one, "id") for one in stripe.refunds.list(params=params).data]  # type: ignore[arg-type]
        for one in refunds:
            events.project("refund", one, now=now)
    if read("charge", charge, "disputed"):
        with talking():
            disputes = [id_of("dispute", one, "id") for one in stripe.disputes.list(params=params).data]  # type: ignore[arg-type]
        for one in disputes:
            events.project("dispute", one, now=now)


# --- the money ---------------------------------------------------------------------------------------------------


def _was_waived(client: UUID) -> bool:
    """Whether an invoice that nobody pays any more had its rest taken off: nobody paid for that rest."""
    waived = Due.objects.filter(client_uuid=client).filter(Q(status="void") | Q(credited_before__gt=0))
    taken = Invoice.objects.filter(corrects__processor_id__in=waived.values("processor_id"))
    return taken.filter(processor_id__startswith="in_").exists()  # by a document of the plan's end


def _give_back(client: UUID, customers: list[str], *, apart: int, now: datetime) -> str:
    """By the newest payments first, as far as each goes; why the processor refused one of them, "" when it did not.

    `apart`: cents of what is open that a bank has under way.
    """
    refused = ""
    for payment in Payment.objects.filter(client_uuid=client, status="succeeded"):
        if open_of(client) >= apart:
            break
        try:
            if _give_back_by(client, payment, apart=apart, now=now):
                _keep(client, customers)
        except gateway.Unreachable:
            raise
        except gateway.Trouble as error:
            log.error("a refund of %s was refused: %s", payment.processor_id, type(error).__name__)
            refused = str(error)
    return refused


def _give_back_by(client: UUID, payment: Payment, *, apart: int, now: datetime) -> bool:
    """Whether anything went back."""
    charge = _charge(payment.processor_id)
    _read_charge(charge, now=now)  # it may have changed since
    back = int(read("charge", charge, "amount_refunded"))
    cents = min(apart - open_of(client), payment.amount - back)
    failed = Refund.objects.filter(payment=payment.processor_id, status__in=Refund.FINAL)
    if cents <= 0 or read("charge", charge, "disputed") or failed.exists():
        return False
    with talking():
        made = gateway.client().v1.refunds.create(
            params={"charge": payment.processor_id, "amount": cents},
            options=once("give-back", payment.processor_id, back, cents),
        )
    events.project("refund", id_of("refund", made, "id"), now=now)
    mails.given_back(client, payment.processor_id, cents=cents, back=back)
    return True


def _is_unissued(client: UUID) -> bool:
    """Whether a document that gives back has no credit note of ours, and nobody has looked at that yet."""
    without = Due.objects.filter(client_uuid=client, total__lt=0).exclude(trouble="")
    seen = Payback.objects.filter(client_uuid=client, trouble=UNISSUED).exclude(paid_at=None)
    return without.exists() and not seen.exists()


def _keep(client: UUID, customers: list[str]) -> None:
    """The balance at the processor is what the books keep for the client: whoever comes back is not given again what went
    back already, and loses nothing that did not.
    """
    wanted = min(0, kept_of(client))
    for customer in customers:
        with suppress(gateway.Missing), talking():
            found = gateway.client().v1.customers.retrieve(customer)
            balance = 1 if getattr(found, "deleted", False) else int(read("customer", found, "balance"))
            if balance <= 0 and balance != wanted:
                gateway.client().v1.customers.update(customer, params={"balance": wanted})
        wanted = 0  # the first is the account's own


# --- what waits ------------------------------------------------------------------------------------------------


def is_ready(client: UUID) -> bool:
    """Whether nothing is owed, or may be soon, that could still be given back by itself. In the shared scope."""
    waiting = Payback.waiting().filter(client_uuid=client)
    if waiting.filter(is_refused=True).exists():
        return True
    return open_of(client) >= 0 and not waiting.exists()


def is_for_people(one: Payback) -> bool:
    """Whether nothing will give it back by itself: only then may somebody say that it was paid otherwise."""
    return one.is_refused or one.trouble == NO_PAYMENT


def note_silence(client: UUID, *, now: datetime) -> None:
    """The processor does not answer: operators see what waits for it, and how much of it is known."""
    left = owed_to(client)
    known = Payback.waiting().filter(client_uuid=client).exists()
    if is_gone(client) and not (known and not left):
        Payback.note(client, cents=left, trouble=SILENT if left else NOT_ENDED, now=now)


@job(purpose="billing.ending")
def look_at(client_id: str) -> None:
    """One client that left, or came back."""
    now, client = timezone.now(), UUID(client_id)
    try:
        if is_gone(client):
            settle(client, now=now)
        else:
            _take_in(client, now=now)
    except gateway.Trouble as error:
        note_silence(client, now=now)
        raise TryAgain(type(error).__name__) from error


def _take_in(client: UUID, *, now: datetime) -> None:
    """It came back: what it is owed comes off its next invoice, by its balance at the processor, and waits for nobody."""
    hold(client)
    if customers := _customers(client):
        _read(client, customers, now=now)
        _keep(client, customers)
        Payback.waiting().filter(client_uuid=client).delete()


def begin(tenant: Tenant) -> None:
    """For tenants.provision: the new workspace of a client that was here before."""
    with scope.shared():
        if Account.objects.filter(client_uuid=tenant.client_id).exclude(customer_id=None).exists():
            look_at.later(str(tenant.client_id))


@job(purpose="billing.ending")
def look() -> None:
    """Each hour: whoever left and is owed something, a direct debit that arrived afterwards too."""
    owed = Due.objects.exclude(client_uuid=None).values("client_uuid").order_by().annotate(
        open=Sum("remaining") + Sum("from_balance") - Sum("credited_after")
    ).filter(open__lt=0)  # fmt: skip
    waiting = Payback.waiting()
    clients = {id for id in owed.values_list("client_uuid", flat=True) if id}
    clients |= set(waiting.values_list("client_uuid", flat=True))
    here = set(Tenant.objects.filter(client_id__in=clients).values_list("client_id", flat=True))
    clients -= set(waiting.filter(is_refused=True).values_list("client_uuid", flat=True)) - here
    hour = f"{timezone.now():%Y-%m-%d %H}"
    for client in sorted(clients, key=str):
        is_owed = client not in here and open_of(client) < 0
        if is_owed or waiting.filter(client_uuid=client).exists():
            look_at.later(str(client), key=f"{client}:{hour}")


def left() -> dict[str, int]:
    """For the nightly comparison."""
    with scope.shared():
        return {"clients that left and wait for money": Payback.waiting().count()}
