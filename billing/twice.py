"""A client that ordered twice, by two pay pages that were open at once: the later plan ends at once, and what was paid for it
goes back.

`ordering.order` closes the pages that are open before it makes another; this is for the two that were paid within the same
moment. For plans of our own pages alone, and only while they are fresh: anything else that looks like it is told to
operators by the nightly comparison, and by nobody decided (decisions/0026). Once the client is gone this is a part of what
ending.py does (`credit`), and nothing here gives anything back beside it.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop

from billing import ending, events, gateway, ledger, mails, subscriptions  # noqa: F401  (whose projection of a subscription comes before ours)
from billing.events import projects
from billing.gateway import id_of, once, read, talking
from billing.models import Account, State, Subscription
from billing.models.subscription import OVER
from shared_apps.jobs import TryAgain, job

log = logging.getLogger("smoall.billing")
FRESH = timedelta(
    days=7
)  # from an order until it is found to be the second: later it was used, and somebody decides
UNDER_WAY = gettext_noop("A direct debit for a second plan is under way: when it comes, all of it goes back.")
NEVER = (State.INCOMPLETE, State.INCOMPLETE_EXPIRED)  # no plan yet, or never one


@projects("subscription")
def look(obj: Any, *, now: datetime) -> None:
    """Whether this is one of two. Of two that are written at once, the second to hold the account sees the first."""
    if read("subscription", obj, "status") in (*OVER, *NEVER) or not _is_ours(obj):
        return
    account = (
        Account.objects.select_for_update().filter(customer_id=id_of("subscription", obj, "customer")).first()
    )
    if account is None or ending.is_gone(account.client_uuid):
        return
    live = list(Subscription.objects.live().filter(client_uuid=account.client_uuid))
    for own in live if len(live) > 1 else ():
        if is_second(own):
            give_back.later(own.processor_id)


@projects("invoice")
def follow(obj: Any, *, now: datetime) -> None:
    """A direct debit for a second plan takes days, and comes, or comes back, when that plan has ended."""
    id = id_of("invoice", obj, "parent.subscription_details.subscription")
    own = Subscription.objects.filter(processor_id=id, state__in=OVER).first() if id else None
    if own is None or ending.is_gone(own.client_uuid):
        return
    if read("invoice", obj, "status") in ("open", "paid") and _left_of(obj) > 0 and is_second(own):
        give_back.later(id)


def is_second(own: Subscription, plans: Iterable[Subscription] | None = None) -> bool:
    """Whether it was ordered beside another of the client's plans that was there before and went on as long, and this was
    found in time.
    """
    until = own.ended_at or own.seen_at
    if own.state in NEVER or until - own.created_at > FRESH:
        return False
    if plans is None:
        plans = Subscription.objects.with_order().filter(client_uuid=own.client_uuid)
    return any(
        (one.created_at, str(one.processor_id)) < (own.created_at, str(own.processor_id))
        and (one.is_live or bool(own.ended_at and one.ended_at and one.ended_at >= own.ended_at))
        for one in plans
        if one.state not in NEVER
    )


def _is_ours(obj: Any) -> bool:
    """Whether it was ordered on a page that we opened."""
    return "client" in gateway.plain(read("subscription", obj, "metadata") or {})


@job(purpose="billing.align", retries=20)
def give_back(id: str) -> None:
    """End a second plan and give back what was paid for it. Done again it does nothing more, and tells nobody again."""
    now = timezone.now()
    own = Subscription.objects.filter(processor_id=id).first()
    if own is None:
        return
    ending.hold(own.client_uuid)
    events.hold("subscription", id)
    own = Subscription.objects.filter(processor_id=id).first()
    if own is None or ending.is_gone(own.client_uuid) or not is_second(own):
        return
    try:
        if not _end(id):
            return
        cents = sum(_give_back(invoice) for invoice in _invoices(id))
        events.project("subscription", id, now=now)
    except gateway.Trouble as error:
        log.error("ALARM: the second plan %s could not be ended and given back: %s", id, type(error).__name__)
        _tell(f"a second plan could not be ended and given back yet: {id}", about=f"{id}:late", now=now)
        raise TryAgain(type(error).__name__) from error
    said = f"a second plan was ended at once, and {cents} cents given back: {id}"
    _tell(said, about=f"{id}:{cents}", now=now)


def _end(id: str) -> bool:
    """Whether it is over now. False for one that was not ordered on our pages."""
    stripe = gateway.client().v1
    with talking():
        found = stripe.subscriptions.retrieve(id)
        if not _is_ours(found):
            return False
        if read("subscription", found, "status") not in OVER:
            stripe.subscriptions.cancel(id, params={"invoice_now": False, "prorate": False})
            log.error("ALARM: a client ordered twice: the second plan %s was ended.", id)
    return True


def _invoices(id: str) -> list[Any]:
    """As they are now, with what pays them."""
    stripe = gateway.client().v1
    with talking():
        listed = list(stripe.invoices.list(params={"subscription": id, "limit": 100}).auto_paging_iter())
        return [events.FETCHED["invoice"](stripe, id_of("invoice", one, "id")) for one in listed]


def _give_back(invoice: Any, *, in_money: bool = True) -> int:
    """Take it back, in money where money was paid; the cents that went back for it, now or before.

    Not `in_money`: it is credited, and ending.py gives back by whichever payments there are.
    """
    id, status = id_of("invoice", invoice, "id"), read("invoice", invoice, "status")
    before = int(read("invoice", invoice, "post_payment_credit_notes_amount"))
    left, paid = _left_of(invoice), int(read("invoice", invoice, "amount_paid"))
    stripe = gateway.client().v1
    if status == "open" and left > 0 and not _is_under_way(invoice):
        with talking():
            stripe.invoices.void_invoice(id)
    if status != "paid" or left <= 0:
        return before
    back = (
        min(left, paid) if in_money else 0
    )  # the rest was paid from what the processor keeps for the client
    amounts = {"refund_amount": back, "credit_amount": left - back}
    params: Any = {"invoice": id, "amount": left, "reason": "duplicate"}
    with talking():
        stripe.credit_notes.create(
            params=params | {name: cents for name, cents in amounts.items() if cents},
            options=once("twice", id, *([] if in_money else ["credited"])),
        )
    log.error("ALARM: a client ordered twice: %s cents of %s were given back.", left, id)
    return before + left


def _left_of(invoice: Any) -> int:
    credited = read("invoice", invoice, "pre_payment_credit_notes_amount")
    credited += read("invoice", invoice, "post_payment_credit_notes_amount")
    return int(read("invoice", invoice, "total")) - int(credited)


def _is_under_way(invoice: Any) -> bool:
    """Whether a bank has yet to say if it is paid: then it can't be taken back before that."""
    for one in read("invoice", invoice, "payments.data"):
        intent = id_of("invoice_payment", one, "payment.payment_intent")
        if not intent:
            continue
        with talking():
            charges = gateway.client().v1.charges.list(params={"payment_intent": intent, "limit": 100})
        if any(read("charge", charge, "status") == "pending" for charge in charges.data):
            return True
    return False


def _tell(said: str, *, about: str, now: datetime) -> None:
    """Operators, once."""
    mails.differences([said], day=timezone.localdate(now), about=about)


# --- of a client that is gone ---------------------------------------------------------------------------------


def credit(customer: str, *, now: datetime) -> tuple[str, int]:
    """For ending.settle, before it ends what goes on: second plans are over, and credited whole. Why that is not all yet, ""
    when it is, and how many cents a bank has under way. By what the processor has, since our rows of a plan go with the
    contact details.
    """
    plans = {id: (obj, _row(obj, now=now)) for id, obj in _plans(customer).items()}
    waits, apart = "", 0
    for id, (obj, own) in plans.items():
        if not _is_ours(obj) or not is_second(own, [row for _obj, row in plans.values()]):
            continue
        events.hold("subscription", id)
        _end(id)
        events.project("subscription", id, now=now)
        for invoice in _invoices(id):
            _give_back(invoice, in_money=False)
            if read("invoice", invoice, "status") == "open" and _is_under_way(invoice):
                waits, apart = UNDER_WAY, apart + int(read("invoice", invoice, "amount_remaining"))
    return waits, apart


def _plans(customer: str) -> dict[str, Any]:
    listed = ending.listed("subscriptions", customer, status="all")
    return {id_of("subscription", one, "id"): one for one in listed}


def _row(obj: Any, *, now: datetime) -> Subscription:
    """As much of it as `is_second` looks at; not saved."""
    return Subscription(
        processor_id=id_of("subscription", obj, "id"),
        state=str(read("subscription", obj, "status")),
        created_at=ledger.moment(read("subscription", obj, "created")) or now,
        ended_at=ledger.moment(read("subscription", obj, "ended_at")),
        seen_at=now,
    )


ending.before.append(credit)
