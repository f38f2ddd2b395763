"""The nightly comparison: everything that the processor lists, through the same projections as its messages.

What differed is repaired by that and counted; what nobody here can repair is counted and told to operators. `compared`
takes further kinds: how they are listed, and what of our rows must not change when nothing was missed.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from billing import catalogue, events, gateway, mails, subscriptions
from billing.gateway import id_of, talking
from billing.models import Account, Figure, Parting, Reconciliation, State, Subscription
from shared_apps.jobs import job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of

log = logging.getLogger("smoall.billing")
COMPARER = scope.Actor("system", "reconciliation", "Smoall")
PAGE = 100


@dataclass(frozen=True, slots=True)
class Compared:
    """One kind of object. `listed` gives what the processor has, `ours` what we hold of one, by its id there."""

    kind: str
    listed: Callable[[], Iterator[Any]]
    ours: Callable[[str], Any]


compared: list[Compared] = []
leftovers: list[
    Callable[[], dict[str, int]]
] = []  # of other parts: what has to be looked at, as `_left` gives it; in the shared scope


def run(*, now: datetime) -> Reconciliation:
    """Compare everything, one transaction an object. Never raises gateway.Trouble: the row says that it failed."""
    with scope.shared():
        row = Reconciliation.objects.create(begun_at=now)
    seen: Counter[str] = Counter()
    repaired: Counter[str] = Counter()
    left: Counter[str] = Counter()
    failed = ""
    try:
        for one in compared:
            for found in one.listed():
                seen[one.kind] += 1
                repaired[one.kind] += _same_again(one, found, now=now)
        repaired["aligned"], late = _align(now=now)
        left.update(_left(now=now))
        failed = f"{late} plans don't follow their clients" if late else ""
    except gateway.Trouble as error:
        failed = f"{type(error).__name__}: {error}"[:200]
    with scope.shared(actor=COMPARER):
        row.seen, row.repaired, row.left, row.failed = dict(seen), dict(+repaired), dict(+left), failed
        row.finished_at = timezone.now()
        row.save()
        _tell(row, now=now)
        count_changes(
            day_of(now) - timedelta(days=1)
        )  # this runs at night: that day went on after it was counted
        count_day(day_of(now))
    return row


def _same_again(one: Compared, found: Any, *, now: datetime) -> int:
    """Project it again; 1 when that changed anything of ours. An object that can't be read stops no other."""
    with scope.shared(actor=COMPARER), transaction.atomic():
        id = str(found["id"])  # every kind has one
        before = one.ours(id)
        events.project(one.kind, id, now=now)
        return int(one.ours(id) != before)


def _align(*, now: datetime) -> tuple[int, int]:
    """People and notices that some plan didn't follow, and plans that the processor would not change: these stop no other."""
    with scope.shared():
        clients = list(Subscription.objects.live().values_list("client_uuid", flat=True).distinct())
    count = late = 0
    for client in clients:
        try:
            with scope.shared(actor=COMPARER):
                count += subscriptions.bring_in_line(client, now=now)
        except gateway.Trouble as error:
            log.error("the plan of %s: %s", client, type(error).__name__)
            late += 1
    return count, late


def _left(*, now: datetime) -> dict[str, int]:
    """{what: how many}, of what has to be looked at by somebody."""
    with scope.shared():
        known = set(Account.objects.exclude(customer_id=None).values_list("customer_id", flat=True))
        parting = set(Parting.objects.values_list("customer_id", flat=True))
        live = Subscription.objects.live().exclude(state=State.INCOMPLETE)
        per_client = live.values("client_uuid").annotate(number=models.Count("pk"))
        twice = per_client.filter(number__gt=1).count()
        late = Parting.late(now=now).count()
        more = {what: number for leftover in leftovers for what, number in leftover().items()}
    theirs = {id_of("customer", one, "id") for one in _customers()}
    lost = theirs - known - parting
    missing = known - theirs
    return {
        "customers that nobody here knows": len(lost),
        "customers that are missing there": len(missing),
        "clients with two plans": twice,
        "records that should be deleted there by now": late,
        **more,
    }


def _tell(row: Reconciliation, *, now: datetime) -> None:
    """Operators, when something is left or the comparison failed."""
    alarms = [f"{what}: {number}" for what, number in row.left.items()] + ([row.failed] if row.failed else [])
    if not alarms:
        return
    log.error("ALARM: billing differs from the processor: %s", " | ".join(alarms))
    mails.differences(alarms, day=timezone.localdate(now))


# --- what is listed -------------------------------------------------------------------------------------------


def _customers() -> Iterator[Any]:
    with talking():
        yield from gateway.client().v1.customers.list(params={"limit": PAGE}).auto_paging_iter()


def _subscriptions() -> Iterator[Any]:
    with talking():
        yield from (
            gateway.client().v1.subscriptions.list(params={"status": "all", "limit": PAGE}).auto_paging_iter()
        )


def _account(id: str) -> Any:
    """Without the time at which it was seen."""
    fields = ("billing_email", "tax_number", "tax_status", "pay_method", "sent")
    return Account.objects.filter(customer_id=id).values(*fields).first()


def _subscription(id: str) -> Any:
    return (
        Subscription.objects.filter(processor_id=id)
        .values(
            "state", "plan", "pace", "quantity", "unit_cents", "off_percent", "off_cents",
            "trial_end", "period_start", "period_end", "cancel_at", "ended_at",
        )
        .first()
    )  # fmt: skip


compared += [
    Compared("customer", _customers, _account),
    Compared("subscription", _subscriptions, _subscription),
]


# --- what recurs ----------------------------------------------------------------------------------------------


def count_day(on: date) -> None:
    """What recurs on that day, by plan; counted again it is what it is then. In the shared scope."""
    rows: dict[str, Figure] = {one.code: Figure(on=on, plan=one.code) for one in catalogue.PLANS}
    for own in Subscription.objects.recurring():
        figure = rows.setdefault(own.plan, Figure(on=on, plan=own.plan))
        figure.clients += 1
        figure.people += own.quantity
        figure.cents += own.monthly_cents
    Figure.objects.filter(on=on).delete()
    Figure.objects.bulk_create(rows.values())
    count_changes(on)


def count_changes(on: date) -> None:
    """What began and what ended on a day, beside what recurred when it was counted. In the shared scope."""
    for name, field in (("begun", "created_at__date"), ("ended", "ended_at__date")):
        found = Subscription.objects.with_order().filter(**{field: on}).values_list("plan", flat=True)
        for plan, number in Counter(found).items():
            Figure.objects.update_or_create(on=on, plan=plan, defaults={name: number})


# --- when -----------------------------------------------------------------------------------------------------


@job(purpose="billing.reconcile", saga=True, retries=0)
def nightly() -> None:
    run(now=timezone.now())


@job(purpose="billing.reconcile", saga=True, retries=0)
def now_please() -> None:
    """An operator asked."""
    run(now=timezone.now())
