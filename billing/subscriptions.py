"""What a client changes and ends of what it ordered (ordering.py), done at the processor; what comes of it is read from there
(`subscription`).

Nothing here believes what it has just asked for: each verb fetches the object afterwards and projects it like any event.
Verbs run in the shared scope, in a transaction, and raise gateway.Trouble or CannotOrder, whose texts are for people.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from billing import catalogue, customers, ending, events, gateway, limits, mails
from billing.events import projects
from billing.gateway import id_of, noted, once, read, talking
from billing.models import Account, Seats, State, Subscription
from billing.models.subscription import OVER, OWED
from shared_apps.clients.models import Client
from shared_apps.jobs import TryAgain, job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, end_of
from shared_apps.kit.rows import uuid7
from tenants.models import Departure

log = logging.getLogger("smoall.billing")
GRACE = timedelta(days=14)  # from the day on which a payment fails until the workspace can only be read
# After a departure's last day, and after each day on which the workspace is still there, the processor ends the plan by
# itself, if nobody did (ending.py).
NET = timedelta(days=7)
NOTES = ("leaves_at", "net_at", "own_cancel_at")  # beside a subscription there, in seconds
LONGEST_NOTE = 10  # digits: until the year 2286
WITH_PERIOD = "period_end"  # noted as the client's own end: it moves when another period begins
SOON = timedelta(minutes=5)  # for an end that is over: the processor takes none in the past
PREVIEW_LASTS = 3600  # seconds from looking at what a change costs to agreeing to it


class CannotOrder(Exception):
    """The sentence says why."""


class UnknownCode(CannotOrder):
    """What was typed is no code of a discount that holds now."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What the processor would charge, in cents; `due_at` None: now."""

    net: int
    vat: int
    total: int
    due_at: datetime | None


# --- changing -------------------------------------------------------------------------------------------------


def change(client: UUID, *, plan: str, pace: str, at: int, now: datetime) -> Subscription:
    """Another plan or period from now on, the rest of the period taken into account.

    `at`: the moment, in seconds, for which the preview was shown: the amount is the one that somebody saw.
    """
    own = _own(client)
    item = _item_of(own)
    price = catalogue.price_id(catalogue.plan(plan).code, pace)
    params: dict[str, Any] = {
        "items": [{"id": item, "price": price, "quantity": Seats.of(client)}],
        "proration_behavior": "always_invoice",
    }
    if own.state != State.TRIALING:
        # The moment is reckoned with, and came from a page.
        if not 0 <= now.timestamp() - at <= PREVIEW_LASTS:
            raise CannotOrder(_("The amount that was shown is too old: look at it again."))
        params["proration_date"] = at
    with talking():
        gateway.client().v1.subscriptions.update(
            _id(own),
            params=params,  # type: ignore[arg-type]
            options=once("change", own.pk, plan, pace, at),
        )
    _bring_in_line(_again(own, now=now), now=now)
    return own


def preview_change(client: UUID, *, plan: str, pace: str, at: int) -> Preview:
    """What `change` would have the client pay now; less than nothing is credited to the next invoice."""
    own = _own(client)
    item = _item_of(own)
    price = catalogue.price_id(catalogue.plan(plan).code, pace)
    details: dict[str, Any] = {
        "items": [{"id": item, "price": price, "quantity": Seats.of(client)}],
        "proration_behavior": "always_invoice",
    }
    if own.state != State.TRIALING:
        details["proration_date"] = at
    return _preview({"subscription": _id(own), "subscription_details": details})


def next_amount(client: UUID) -> Preview | None:
    """What comes next, as the processor reckons it; None when nothing does."""
    own = Subscription.of(client)
    if own is None or not own.is_live or own.state == State.INCOMPLETE:
        return None
    if own.ends_at and own.period_end and own.ends_at <= own.period_end:
        return None  # no further period begins
    return _preview({"subscription": _id(own)})


def _preview(params: dict[str, Any]) -> Preview:
    with talking():
        found = gateway.client().v1.invoices.create_preview(params=params)  # type: ignore[arg-type]
    total = int(read("invoice", found, "total"))
    net = int(read("invoice", found, "total_excluding_tax") or 0)
    due = read("invoice", found, "next_payment_attempt") or read("invoice", found, "created")
    return Preview(net, total - net, total, _moment(due))


def use_coupon(client: UUID, code: str, *, now: datetime) -> Subscription:
    """A discount on what is ordered. Raises CannotOrder."""
    own = _own(client)
    params: dict[str, Any] = {"discounts": [discount(code)]}
    with talking():
        gateway.client().v1.subscriptions.update(
            _id(own),
            params=params,  # type: ignore[arg-type]
            options=once("coupon", own.pk, uuid7()),
        )
    return _again(own, now=now)


def discount(code: str) -> dict[str, str]:
    """What a code typed by somebody stands for at the processor. Raises UnknownCode."""
    with talking():
        found = (
            gateway.client().v1.promotion_codes.list(params={"code": code, "active": True, "limit": 1}).data
        )
    if not found:
        raise UnknownCode(_("This code is not known, or it is over."))
    return {"promotion_code": id_of("promotion_code", found[0], "id")}


def cancel(client: UUID, *, now: datetime) -> Subscription:
    """Ends with the period that is paid, or with a notice that was given, whichever is sooner; until then all goes on."""
    own = _own(client)
    with talking():
        gateway.client().v1.subscriptions.update(
            _id(own),
            params={"cancel_at_period_end": True},
            options=once("cancel", own.pk, uuid7()),
        )
    _bring_in_line(_again(own, now=now), now=now)
    return own


def resume(client: UUID, *, now: datetime) -> Subscription:
    """Goes on after all. Raises CannotOrder when it is over: then it is ordered anew."""
    own = _own(client)
    if own.with_departure:
        raise CannotOrder(_("The plan ends because notice is given: withdraw the notice instead."))
    with talking():
        gateway.client().v1.subscriptions.update(
            _id(own),
            params={"cancel_at_period_end": False},
            options=once("resume", own.pk, uuid7()),
        )
    return _again(own, now=now)


def portal(client: Client, *, return_url: str, now: datetime) -> str:
    """The address of the processor's page where means of payment are changed. Raises CannotOrder before an order."""
    account = Account.of(client.pk)
    if account is None or account.customer_id is None:
        raise CannotOrder(_("Choose a plan first: the means of payment is asked for there."))
    with talking():
        session = gateway.client().v1.billing_portal.sessions.create(
            params={"customer": account.customer_id, "return_url": return_url}
        )
    return str(read("billing_portal.session", session, "url"))


def _own(client: UUID) -> Subscription:
    found = Subscription.of(client)
    if found is None or not found.is_live:
        raise CannotOrder(_("Nothing is ordered now: choose a plan."))
    events.hold("subscription", _id(found))
    return Subscription.objects.get(pk=found.pk)


def _item_of(own: Subscription) -> str:
    with talking():
        found = gateway.client().v1.subscriptions.retrieve(_id(own))
    return id_of("subscription_item", read("subscription", found, "items.data")[0], "id")


def _id(own: Subscription) -> str:
    assert own.processor_id
    return own.processor_id


def _again(own: Subscription, *, now: datetime) -> Subscription:
    """As it is at the processor now."""
    events.project("subscription", _id(own), now=now)
    own.refresh_from_db()
    return own


# --- following ------------------------------------------------------------------------------------------------


def align_later(client: UUID) -> None:
    """For tenants.departure: what is ordered ends with the workspace, and goes on when it stays."""
    with scope.shared():
        known = Account.objects.filter(client_uuid=client).exclude(customer_id=None)
        if Subscription.objects.live().filter(client_uuid=client).exists() or (
            ending.is_gone(client) and known.exists()
        ):
            align.later(str(client))


@job(purpose="billing.align", retries=12)
def align(client_id: str) -> None:
    """Bring what is ordered in line with the number of people, and with a notice that was given, withdrawn or is over."""
    now = timezone.now()
    try:
        bring_in_line(UUID(client_id), now=now)
    except gateway.Trouble as error:
        ending.note_silence(UUID(client_id), now=now)
        raise TryAgain(type(error).__name__) from error
    limits.announce(
        UUID(client_id), now=now
    )  # it locks the plan's row, which comes after the objects of the processor


def bring_in_line(client: UUID, *, now: datetime) -> bool:
    """Whether anything had to be changed at the processor."""
    if ending.is_gone(client):
        is_going_on = Subscription.objects.live().filter(client_uuid=client).exists()
        ending.settle(client, now=now)
        return is_going_on
    changed = False
    for own in Subscription.objects.live().filter(client_uuid=client):
        events.hold("subscription", _id(own))
        own.refresh_from_db()
        if own.is_live:
            changed |= _bring_in_line(own, now=now)
    return changed


def _bring_in_line(own: Subscription, *, now: datetime) -> bool:
    params = _quantity(own) | _end(own, now)
    if not params:
        return False
    with talking():
        gateway.client().v1.subscriptions.update(_id(own), params=params)  # type: ignore[arg-type]
    _again(own, now=now)
    return True


def _quantity(own: Subscription) -> dict[str, Any]:
    people = Seats.of(own.client_uuid)
    if people == own.quantity or own.state == State.INCOMPLETE:
        return {}
    return {"items": [{"id": _item_of(own), "quantity": people}], "proration_behavior": "create_prorations"}


def _end(own: Subscription, now: datetime) -> dict[str, Any]:
    """With the data's last day when the client leaves, unless it ended it sooner itself; else as the client said.

    What is ours is noted beside the subscription in the same call, with the client's own end, which is restored when the
    notice is withdrawn: so a crash can't take the one for the other. Nothing is reckoned yet: that is ending.py's matter.
    So our end is a net, moved on each day while the workspace is there, and never past an end of the client's own.
    """
    leaving = Departure.objects.with_data().filter(client_uuid=own.client_uuid).first()
    theirs = own.own_cancel_at if own.with_departure else own.cancel_at
    wanted = end_of(leaving.data_on) if leaving else None
    if wanted and (theirs is None or wanted < theirs):
        net = max(wanted, end_of(day_of(now))) + NET
        net = min(net, theirs) if theirs else net
        if own.with_departure and (own.leaves_at, own.cancel_at) == (wanted, net):
            return {}
        said = WITH_PERIOD if theirs and theirs == own.period_end else _seconds(theirs)
        notes = dict(zip(NOTES, (_seconds(wanted), _seconds(net), said), strict=True))
        return {"cancel_at": int(net.timestamp()), "proration_behavior": "none", "metadata": notes}
    if not own.with_departure:
        return {}
    notes = dict.fromkeys(NOTES, "")
    if theirs is None:
        return {"cancel_at": "", "metadata": notes}
    if theirs == own.period_end:
        return {"cancel_at_period_end": True, "metadata": notes}
    return {
        "cancel_at": int(max(theirs, now + SOON).timestamp()),
        "proration_behavior": "none",
        "metadata": notes,
    }


def _seconds(moment: datetime | None) -> str:
    return str(int(moment.timestamp())) if moment else ""


# --- from the processor ---------------------------------------------------------------------------------------


@projects("checkout.session")
def checkout_session(obj: Any, *, now: datetime) -> None:
    """An order that was finished: what was ordered is read by itself."""
    if ordered := id_of("checkout.session", obj, "subscription"):
        events.project("subscription", ordered, now=now)


@projects("subscription")
def subscription(obj: Any, *, now: datetime) -> None:
    """State, plan, people, amounts and dates. What follows for the workspace: standing.py.

    The account is locked before the row, as whoever forgets a client takes them: no row is born behind its back.
    """
    id = str(read("subscription", obj, "id"))
    customer = id_of("subscription", obj, "customer")
    account = Account.objects.select_for_update().filter(customer_id=customer).first()
    if account is None:
        return
    row = Subscription.objects.select_for_update().filter(processor_id=id).first()
    if row is None:
        row = Subscription(processor_id=id, client_uuid=account.client_uuid)
    item = read("subscription", obj, "items.data")[0]
    row.plan, row.pace = _plan(item)
    row.quantity = int(read("subscription_item", item, "quantity") or 1)
    row.unit_cents = int(read("subscription_item", item, "price.unit_amount") or 0)
    row.period_start = _moment(read("subscription_item", item, "current_period_start"))
    row.period_end = _moment(read("subscription_item", item, "current_period_end"))
    row.created_at = _moment(read("subscription", obj, "created")) or now
    row.trial_end = _moment(read("subscription", obj, "trial_end"))
    row.cancel_at = _moment(read("subscription", obj, "cancel_at"))
    _see_notes(row, obj)
    before, row.ended_at = row.ended_at, _moment(read("subscription", obj, "ended_at"))
    if before is None and row.is_cut_short:
        said = f"a plan ended by itself before the end of what may be paid, and gave nothing back: {id}"
        mails.differences([said], day=day_of(now), about=f"{id}:cut-short")
    row.off_percent, row.off_cents = _off(obj)
    _enter(row, str(read("subscription", obj, "status")), now=now)
    row.seen_at = now
    row.save()
    if method := id_of("subscription", obj, "default_payment_method"):
        Account.objects.filter(pk=account.pk).update(pay_method=customers.kind_of_method(method))


def _see_notes(row: Subscription, obj: Any) -> None:
    """Whose end `cancel_at` is, and what it would be without us, as `_end` wrote it there."""
    leaves, net, theirs = (noted("subscription", obj, name) for name in NOTES)
    row.leaves_at, row.own_cancel_at = _written(leaves), None
    row.with_departure = bool(row.leaves_at and row.cancel_at and row.cancel_at == _written(net))
    if row.with_departure:
        row.own_cancel_at = row.period_end if theirs == WITH_PERIOD else _written(theirs)


def _written(note: str) -> datetime | None:
    """A moment that we noted; None for what nobody of ours can have written."""
    return _moment(note) if note.isascii() and note.isdigit() and len(note) <= LONGEST_NOTE else None


def _enter(row: Subscription, state: str, *, now: datetime) -> None:
    """The state; with the first failure the day is fixed from which the workspace can only be read (I12)."""
    row.state = State(state)
    if state in OWED and row.past_due_since is None:
        row.past_due_since, row.read_only_on = now, day_of(now + GRACE)
    elif state not in OWED and state not in OVER:
        row.past_due_since = row.read_only_on = None


def _plan(item: Any) -> tuple[str, str]:
    plan, pace = catalogue.of_key(str(read("subscription_item", item, "price.lookup_key") or ""))
    return plan, pace or str(read("subscription_item", item, "price.recurring.interval"))


def _off(obj: Any) -> tuple[int, int]:
    """(percent, cents) of the discounts that hold now."""
    percent = cents = 0
    for discount in read("subscription", obj, "discounts") or []:
        coupon = read("discount", discount, "source.coupon")
        percent += round(float(read("coupon", coupon, "percent_off") or 0))
        cents += int(read("coupon", coupon, "amount_off") or 0)
    return min(percent, 100), cents


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
