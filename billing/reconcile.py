"""The nightly comparison: everything that the processor lists, through the same projections as its messages.

What differed is repaired by that and counted; what nobody here can repair is counted and told to operators. `compared`
takes further kinds: how they are listed, and what of our rows must not change when nothing was missed.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from billing import catalogue, customers, events, gateway, mails, subscriptions
from billing.gateway import id_of, read, talking
from billing.models import Account, Figure, Parting, Reconciliation, State, Subscription
from shared_apps.jobs import job
from shared_apps.jobs.run import described
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of

log = logging.getLogger("smoall.billing")
COMPARER = scope.Actor("system", "reconciliation", "Smoall")
PAGE = 100
PATIENCE = 3  # objects in a row without an answer, then the rest waits for another night
MOST_NAMED = 20  # failures, in a mail


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
    """Compare everything, one transaction an object: what can't be read or written of one stops no other, and is named.

    Never raises gateway.Trouble: the row says that it failed.
    """
    with scope.shared():
        row = Reconciliation.objects.create(begun_at=now)
    faults = Faults()
    seen: Counter[str] = Counter()
    repaired: Counter[str] = Counter()
    left: Counter[str] = Counter()
    stopped = ""
    try:
        repaired.update(_adopt(faults, now=now))
        for one in compared:
            _compare(one, seen, repaired, faults, now=now)
        repaired["aligned"] = _align(faults, now=now)
        left.update(_left(now=now))
    except gateway.Trouble as error:
        stopped = f"{type(error).__name__}: {error}"
    with scope.shared(actor=COMPARER):
        row.seen, row.repaired, row.left = dict(seen), dict(+repaired), dict(+left)
        row.failed = "; ".join([stopped] * bool(stopped) + faults.counted())[:200]
        row.finished_at = timezone.now()
        row.save()
        _tell(row, faults.named, now=now)
        count_changes(
            day_of(now) - timedelta(days=1)
        )  # this runs at night: that day went on after it was counted
        count_day(day_of(now))
    return row


@dataclass(slots=True)
class Faults:
    """What of a comparison went wrong. The row keeps how many; their names are in the mail and the log, which pass."""

    kinds: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)
    in_a_row: int = 0  # objects for which the processor gave no answer

    def note(self, kind: str, id: str, error: Exception) -> None:
        """Raises the error when it means that nothing more will be answered."""
        is_silent = isinstance(error, gateway.Unreachable | gateway.NotConfigured)
        self.in_a_row = self.in_a_row + 1 if is_silent else 0
        if self.in_a_row >= PATIENCE or isinstance(error, gateway.NotConfigured):
            raise error
        why = f"{type(error).__name__}: {error}" if isinstance(error, gateway.Trouble) else described(error)
        log.error("ALARM: %s %s could not be compared: %s", kind, id, why)
        self.kinds[kind] += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(f"{kind} {id}: {why}")

    def counted(self) -> list[str]:
        kinds = ", ".join(f"{kind} {number}" for kind, number in self.kinds.items())
        return [f"with failures: {kinds}"] if kinds else []


def _compare(
    one: Compared, seen: Counter[str], repaired: Counter[str], faults: Faults, *, now: datetime
) -> None:
    """Each object of a kind. Raises Unreachable when the processor answers no more."""
    listed = one.listed()
    while True:
        try:
            found = next(listed, None)
        except gateway.Unreachable:
            raise
        except gateway.Trouble as error:  # this kind can't be listed, or no further
            return faults.note(one.kind, "as listed", error)
        if found is None:
            return None
        seen[one.kind] += 1
        try:
            repaired[one.kind] += _same_again(one, found, now=now)
            faults.in_a_row = 0
        except Exception as error:
            faults.note(one.kind, str(getattr(found, "id", "?")), error)


def _same_again(one: Compared, found: Any, *, now: datetime) -> int:
    """Project it again; 1 when that changed anything of ours. Raises whatever keeps it from being read or written."""
    with scope.shared(actor=COMPARER), transaction.atomic():
        id = str(found["id"])  # every kind has one
        before = one.ours(id)
        events.project(one.kind, id, now=now)
        return int(one.ours(id) != before)


def _adopt(faults: Faults, *, now: datetime) -> Counter[str]:
    """Customers that an order left at the processor when a crash undid it here: back to their clients, or parted with."""
    done: Counter[str] = Counter()
    with scope.shared():
        known = _known()
    for one in _customers():
        id = id_of("customer", one, "id")
        try:
            if id not in known and (client := _client_of(one)):
                with scope.shared(actor=COMPARER), transaction.atomic():
                    done[customers.adopt(id, client, now=now)] += 1
        except Exception as error:
            faults.note("customer", id, error)
    return Counter({f"customers {how}": number for how, number in done.items() if how})


def _client_of(customer: Any) -> UUID | None:
    """Whose it is, by what we wrote on it."""
    said = gateway.plain(read("customer", customer, "metadata") or {}).get("client", "")
    try:
        return UUID(str(said))
    except ValueError:
        return None


def _known() -> set[str]:
    """The customers that we know, and those that are about to go. In the shared scope."""
    own = Account.objects.exclude(customer_id=None).values_list("customer_id", flat=True)
    return {*map(str, own), *Parting.objects.values_list("customer_id", flat=True)}


def _align(faults: Faults, *, now: datetime) -> int:
    """People and notices that some plan didn't follow; plans that can't be changed stop no other."""
    with scope.shared():
        clients = list(Subscription.objects.live().values_list("client_uuid", flat=True).distinct())
    count = 0
    for client in clients:
        try:
            with scope.shared(actor=COMPARER), transaction.atomic():
                count += subscriptions.bring_in_line(client, now=now)
        except Exception as error:
            faults.note("the plan of", str(client), error)
    return count


def _left(*, now: datetime) -> dict[str, int]:
    """{what: how many}, of what has to be looked at by somebody."""
    with scope.shared():
        known = _known()
        parting = set(Parting.objects.values_list("customer_id", flat=True))
        live = Subscription.objects.live().exclude(state=State.INCOMPLETE)
        per_client = live.values("client_uuid").annotate(number=models.Count("pk"))
        twice = per_client.filter(number__gt=1).count()
        late = Parting.late(now=now).count()
        more = {what: number for leftover in leftovers for what, number in leftover().items()}
    theirs = {id_of("customer", one, "id") for one in _customers()}
    lost = theirs - known
    missing = known - theirs - parting
    return {
        "customers that nobody here knows": len(lost),
        "customers that are missing there": len(missing),
        "clients with two plans": twice,
        "records that should be deleted there by now": late,
        **more,
    }


def _tell(row: Reconciliation, named: list[str], *, now: datetime) -> None:
    """Operators, when something is left or the comparison failed, in part too."""
    alarms = [f"{what}: {number}" for what, number in row.left.items()]
    alarms += ([row.failed] if row.failed else []) + named
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
    for name, moment in (("begun", "created_at__date"), ("ended", "ended_at__date")):
        found = Subscription.objects.with_order().filter(**{moment: on}).values_list("plan", flat=True)
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
