"""Thousands of messages, each ten times and in any order, by several processes that are killed now and then: the state that
comes of it is the one that an oracle knows, which never heard of messages.

SMOALL_STORM says how many.
"""

import multiprocessing
import os
import random
import signal
from bisect import bisect_right
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.db import connection
from django.utils import timezone

from billing import events
from billing.models import Account, Event, Subscription
from billing.models.subscription import OWED
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tests.billing.paper import ordered
from tests.conftest import TESTER

NUMBER = int(os.environ.get("SMOALL_STORM", "10000"))
TIMES, CLIENTS, WORKERS, KILLS = 10, 25, 2, 12
STATES = ("trialing", "active", "past_due", "unpaid", "active", "canceled")
pytestmark = pytest.mark.usefixtures("committing")
fork = multiprocessing.get_context("fork")


class Truth:
    """The processor: what each of its objects was after each thing that happened."""

    def __init__(self, chance: random.Random) -> None:
        self.states: list[tuple[str, dict[str, Any]]] = []
        self.lives: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        now: dict[str, dict[str, Any]] = {}
        for _number in range(NUMBER):
            client = chance.randrange(CLIENTS)
            id = f"sub_{client}_{chance.randrange(3)}"
            before = now.get(id, {})
            state = "canceled" if before.get("status") == "canceled" else chance.choice(STATES)
            now[id] = ordered(
                id, f"cus_storm_{client}", state, quantity=chance.randint(1, 40),
                price=chance.choice(["smoall-small-month-1200", "smoall-company-year-19000"]),
            ) | {"created": 1_790_000_000 + client}  # fmt: skip
            self.states.append((id, now[id]))
            self.lives.setdefault(id, []).append((len(self.states), now[id]))
        self.last = now

    def at(self, happened: int, id: str) -> dict[str, Any] | None:
        """The object after that many things had happened."""
        life = self.lives.get(id, [])
        place = bisect_right(life, happened, key=lambda one: one[0])
        return life[place - 1][1] if place else None


def told(number: int, id: str) -> events.Told:
    """On its way for up to three days, as long as a processor tries."""
    written = timezone.now() - timedelta(days=number % 4)
    return events.Told(
        f"evt_storm_{number}", "customer.subscription.updated", written, "subscription", id, ""
    )


def deliver(truth: Truth, happened: Any, todo: list[int], done: Any) -> None:
    """In a process of its own: messages as they come, until somebody kills it."""
    connection.close()
    memory: dict[tuple[int, str], Any] = {}

    def fetched(_client: Any, id: str) -> Any:
        moment = happened.value
        if (moment, id) not in memory:
            memory[moment, id] = truth.at(moment, id)
        return stripe.StripeObject.construct_from(memory[moment, id], None)

    events.FETCHED["subscription"] = fetched
    for place, number in enumerate(todo):
        with (
            happened.get_lock()
        ):  # it is told of after it happened, and everything before it has happened too
            happened.value = max(happened.value, number + 1)
        with scope.shared():
            events.receive(told(number, truth.states[number][0]), now=timezone.now())
        done[place] = 1
    os._exit(0)


def test_a_storm_of_messages_ends_in_the_oracles_state(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(7)
    truth = Truth(chance)
    with scope.shared(actor=TESTER):
        for client in range(CLIENTS):
            Account.objects.create(client_uuid=uuid7(), customer_id=f"cus_storm_{client}")
    # Roughly in order, as a processor sends, each ten times, some of them days late.
    sent = [(number + chance.expovariate(1 / 200), number) for number in range(NUMBER) for _ in range(TIMES)]
    order = [number for _when, number in sorted(sent)]
    shares = [order[worker::WORKERS] for worker in range(WORKERS)]
    done = [fork.Array("b", len(share), lock=False) for share in shares]
    happened = fork.Value("i", 0)
    connection.close()
    kills = 0
    deadline = timezone.now() + timedelta(minutes=10)
    waits = [chance.uniform(0.3, 2.5) * NUMBER / 4000 for _ in range(KILLS)]
    while True:
        lefts = [
            [n for n, was in zip(share, seen, strict=True) if not was]
            for share, seen in zip(shares, done, strict=True)
        ]
        if not any(lefts):
            break
        assert timezone.now() < deadline
        running = []
        for worker, left in enumerate(lefts):
            places = [place for place, was in enumerate(done[worker]) if not was]
            running.append(fork.Process(target=_part, args=(truth, happened, left, places, done[worker])))
            running[-1].start()
        patience = waits[kills] if kills < KILLS else None
        running[0].join(patience)
        for one in running:
            if patience is not None and one.is_alive() and one.pid:
                os.kill(one.pid, signal.SIGKILL)
                kills += 1
            one.join()
    with scope.shared():
        assert Event.objects.filter(id__startswith="evt_storm").count() == NUMBER
        held = {row.processor_id: row for row in Subscription.objects.filter(processor_id__startswith="sub_")}
    assert held.keys() == truth.last.keys()
    for id, thing in truth.last.items():
        row, item = held[id], thing["items"]["data"][0]
        assert row.state == thing["status"], id
        assert row.quantity == item["quantity"] and row.unit_cents == item["price"]["unit_amount"]
        assert row.plan == item["price"]["lookup_key"].split("-")[1]
        assert (row.past_due_since is not None) is (row.state in OWED) or row.state == "canceled"
    assert kills >= 2
    print(f"{NUMBER} messages, {len(order)} deliveries, {kills} processes killed")  # noqa: T201


def _part(truth: Truth, happened: Any, left: list[int], places: list[int], done: Any) -> None:
    class Noted:
        def __setitem__(self, place: int, value: int) -> None:
            done[places[place]] = value

    deliver(truth, happened, left, Noted())
