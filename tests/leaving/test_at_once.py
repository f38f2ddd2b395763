"""Two hands on one client in the same moment: whatever they do, it ends as if one had come after the other (I12, P37).

Every pair of verbs, from every state of the client's life in which one of them can act, each in a thread and connection
of its own, in the transaction in which the web, the schedule or a worker would do it. What two serial orders lead to is
tried first; the outcome at once must be one of the two, answers and mails included.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import combinations_with_replacement
from threading import Barrier
from time import monotonic
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone, translation

from shared_apps.integrators.models import CannotLink, Link
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.mail.models import Message
from shared_apps.operators import erasures
from tenants import departure, erasure, export, forgetting, physical, retention, sagas
from tenants.middleware import _resolve
from tenants.models import (
    CannotAct,
    Category,
    Departure,
    Erasure,
    Export,
    Instruction,
    Saga,
    State,
    Tenant,
)
from tests.leaving.stage import CONTACT, OLGA, OPAL, OTTO, Place, quiet

__all__ = ["quiet"]
DELICATE = {"the schedule", "a worker", "owner withdraws", "owner cancels by the link", "owner erases"}
REPEATS = 3  # of pairs of these
DONE = "done"
STATES = (
    "active", "suspended", "leaving", "leaving_over", "erasing", "erasing_leaving_due",
    "erased", "erased_over", "forgetting",
)  # fmt: skip


# --- who acts, and in which transaction ---


@contextmanager
def workspaces_page(place: Place, *, closed: bool = False) -> Iterator[None]:
    """A request on the client's own host: its lock, its state, an owner. The erasing page alone opens a closed one."""
    with transaction.atomic():
        found = _resolve(place.domain.domain)
        if found is None or (found[1] == State.ERASING) is not closed:
            raise CannotAct("There is no such page.")
        with scope.tenant(place.id, actor=OLGA):
            yield


@contextmanager
def console(by: scope.Actor, realm: str = "ops") -> Iterator[None]:
    with scope.shared(actor=by, realm=realm):
        yield


def answered(inside: Any, work: Callable[[], object]) -> str:
    """As a view does: a refusal is a sentence, and what was written before it is committed."""
    try:
        with inside:
            try:
                work()
            except (CannotAct, CannotLink) as refusal:
                return f"refused: {refusal}"
    except CannotAct as refusal:  # no page
        return f"refused: {refusal}"
    return DONE


def standing() -> Departure:
    with scope.shared():
        found = Departure.objects.filter(withdrawn_at=None).first()
    if found is None:
        raise CannotAct("Nobody leaves.")
    return found


def instruct(category: Category, days: int | None) -> Callable[[datetime], object]:
    """Of the day that many days ahead; None: of the promised day."""
    return lambda now: departure.instruct(
        standing().pk, category, None if days is None else day_of(now) + timedelta(days=days), now=now
    )


def cancel_by_link(place: Place, now: datetime) -> None:
    found = erasure.pending(place.id)
    if found is None:
        raise CannotAct("This link does not stop anything any more.")
    erasure.cancel(found, now=now)


def end_link(place: Place, now: datetime) -> None:
    for link in Link.objects.open():
        link.end(by="integrator", now=now)


def work(place: Place, now: datetime) -> str:
    """A worker: every saga that is due, to its end."""
    for id in due_work():
        sagas.run(id)
    return DONE


def due_work() -> list[Any]:
    with scope.shared():
        due = Saga.objects.exclude(status__in=sagas.OVER).filter(due_at__lte=timezone.now())
        return list(due.order_by("created_at").values_list("pk", flat=True))


def keep_the_days(place: Place, now: datetime) -> str:
    outcome = retention.enforce(now)
    assert not outcome.failed
    return DONE


VERBS: dict[str, Callable[[Place, datetime], str]] = {
    "operator A suspends": lambda p, now: answered(
        console(OPAL), lambda: Tenant.locked(p.id).suspend(reason="not paid", now=now)
    ),
    "operator B resumes": lambda p, now: answered(console(OTTO), lambda: Tenant.locked(p.id).resume(now=now)),
    "owner gives notice": lambda p, now: answered(
        workspaces_page(p), lambda: departure.give_notice(p.id, now=now)
    ),
    "operator B gives notice": lambda p, now: answered(
        console(OTTO), lambda: departure.give_notice(p.id, now=now, data_on=day_of(now) + timedelta(days=40))
    ),
    "owner withdraws": lambda p, now: answered(workspaces_page(p), lambda: departure.withdraw(p.id, now=now)),
    "owner wants the data sooner": lambda p, now: answered(
        workspaces_page(p), lambda: instruct(Category.DATA, 3)(now)
    ),
    "operator B keeps the data longer": lambda p, now: answered(
        console(OTTO), lambda: instruct(Category.DATA, 700)(now)
    ),
    "contact keeps the details longer": lambda p, now: answered(
        console(CONTACT, "app"), lambda: instruct(Category.CONTACTS, 500)(now)
    ),
    "owner erases": lambda p, now: answered(workspaces_page(p), lambda: erasure.request(p.id, now=now)),
    "operator A erases with the details": lambda p, now: answered(
        console(OPAL), lambda: erasures.request(p.id, reason="x", with_contacts=True, now=now)
    ),
    "owner cancels by the link": lambda p, now: answered(
        workspaces_page(p, closed=True), lambda: cancel_by_link(p, now)
    ),
    "operator B cancels": lambda p, now: answered(console(OTTO), lambda: erasures.cancel(p.id, now=now)),
    "contact wants the details gone": lambda p, now: answered(
        console(CONTACT, "app"), lambda: forgetting.request(standing().pk, now=now)
    ),
    "owner asks for a copy": lambda p, now: answered(
        workspaces_page(p), lambda: export.request(p.id, RECIPIENT, now=now)
    ),
    "integrator ends the link": lambda p, now: answered(console(OTTO, "app"), lambda: end_link(p, now)),
    "the schedule": keep_the_days,
    "a worker": work,
}  # fmt: skip
RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"


# --- what is seen afterwards ---


def seen(place: Place) -> dict[str, Any]:
    """Everything that the verbs change, without moments and keys; how often, where it may not be twice."""
    with scope.shared():
        tenant = Tenant.objects.filter(pk=place.id).first()
        found: dict[str, Any] = {
            "tenant": tenant and (tenant.state, tenant.is_read_only, tenant.state_reason),
            "departures": Counter(
                (one.origin, one.data_promised_on, one.contacts_promised_on, one.data_on, one.contacts_on,
                 one.contacts_said_on, bool(one.withdrawn_at), bool(one.data_erased_at), bool(one.contacts_erased_at))
                for one in Departure.objects.all()
            ),
            "instructions": Counter(Instruction.objects.values_list("kind", "category", "on", "given_by__role")),
            "erasures": Counter(
                (one.with_contacts, one.requested_by["role"], bool(one.cancelled_at), bool(one.destroyed_at))
                for one in Erasure.objects.all()
            ),
            "sagas": Counter(Saga.objects.values_list("kind", "status", "cursor")),
            "copies": Export.objects.count(),
            "links": Counter(Link.objects.values_list("ended_by", flat=True)),
            "mails": Counter(
                (plain(message.key), message.state, message.to_address) for message in Message.objects.all()
            ),
        }  # fmt: skip
    return found


def plain(key: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.+]+", "*", key)


def holds_together(place: Place) -> None:
    """The state machine of a client's life, as the design's table says it."""
    with scope.shared():
        tenant = Tenant.objects.filter(pk=place.id).first()
        leaving = list(Departure.objects.with_data())
        waiting = list(Erasure.objects.filter(cancelled_at=None, destroyed_at=None))
        live = list(Saga.objects.filter(kind="erase").exclude(status__in=sagas.OVER))
        assert Departure.objects.filter(withdrawn_at=None).count() <= 1
        assert not Saga.objects.filter(status=Saga.Status.FAILED).exists()
        assert not Saga.objects.exclude(error="").exists()
        copies = list(Export.objects.filter(ready_at=None))
    if tenant is None:
        assert not leaving and not waiting
        assert not copies
        return
    assert tenant.state in (State.ACTIVE, State.SUSPENDED, State.LEAVING, State.ERASING)
    assert len(leaving) == (tenant.state in (State.LEAVING, State.ERASING)), (tenant.state, leaving)
    assert len(waiting) == len(live) == (tenant.state == State.ERASING), (tenant.state, waiting, live)
    assert (tenant.state == State.SUSPENDED) <= tenant.is_read_only
    assert (tenant.state == State.ACTIVE) <= (not tenant.is_read_only)
    if waiting:
        assert waiting[0].saga == live[0].pk
    if tenant.state == State.LEAVING:
        assert leaving[0].origin == Departure.Origin.NOTICE
    for one in leaving:
        assert one.contacts_on >= one.data_on


def acted(answers: list[Any]) -> list[bool]:
    """Which of them did something; the sentence of a refusal depends on who saw what first."""
    return [answer == DONE for answer in answers]


def is_answer(answer: Any) -> bool:
    """Done, or refused in a sentence: never an error of the database."""
    return answer == DONE or (isinstance(answer, str) and bool(re.fullmatch(r"refused: .+\.", answer)))


def serially(
    place: Place, state: str, names: tuple[str, ...], now: datetime
) -> tuple[list[str], dict[str, Any]]:
    place.put(state, now=now)
    said = [VERBS[name](place, now + timedelta(seconds=number)) for number, name in enumerate(names)]
    settle(place, names)
    return said, seen(place)


def settle(place: Place, names: tuple[str, ...]) -> None:
    """Where workers are, what they began and left to the next look is done to the end."""
    if "a worker" in names:
        while due_work():
            work(place, timezone.now())


class Hands:
    """Two threads, each with a connection of its own, that begin in the same moment."""

    def __init__(self) -> None:
        self.pools = [ThreadPoolExecutor(1) for _hand in range(2)]

    def do(self, work: Callable[[int], object]) -> list[Any]:
        """The works' results, or the errors that they raised."""
        start = Barrier(2)

        def one(number: int) -> object:
            try:
                with translation.override("en"), scope.shared():
                    connection.ensure_connection()
                start.wait(20)
                with translation.override("en"):
                    return work(number)
            except Exception as error:  # it is what is asked for
                connection.close()
                return error

        said = [pool.submit(one, number) for number, pool in enumerate(self.pools)]
        return [each.result(60) for each in said]

    def rest(self) -> None:
        for pool in self.pools:
            pool.submit(lambda: connection.close()).result(60)  # its own
            pool.shutdown()


@pytest.fixture
def hands() -> Iterator[Hands]:
    made = Hands()
    yield made
    made.rest()


def at_once(
    hands: Hands, place: Place, state: str, pair: tuple[str, str], now: datetime
) -> tuple[list[Any], dict[str, Any]]:
    place.put(state, now=now)
    said = hands.do(lambda number: VERBS[pair[number]](place, now + timedelta(seconds=number)))
    settle(place, pair)
    return said, seen(place)


@override_settings(SMOALL_ERASURES_PER_DAY=100)
def test_P37_two_hands_at_once_end_as_if_one_had_come_after_the_other(
    quiet: None, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        physical, "drop_traces", lambda: physical.Outcome(is_gone=True)
    )  # test_physical.py's matter
    place, now, began = Place.make(), timezone.now(), monotonic()
    runs: Counter[str] = Counter()
    for state in STATES:
        before = serially(place, state, (), now)[1]
        alone = {name: serially(place, state, (name,), now) for name in VERBS}
        able = {name for name in VERBS if alone[name][1] != before}

        def in_order(
            first: str, second: str, state: str = state, alone: Any = alone, able: Any = able
        ) -> Any:
            """Where the first can do nothing, the second comes as if alone."""
            if first in able:
                return serially(place, state, (first, second), now)
            return [*alone[first][0], *alone[second][0]], alone[second][1]

        for pair in combinations_with_replacement(VERBS, 2):
            if not able & set(pair):
                runs["pairs without effect"] += 1
                continue
            there, back = in_order(*pair), in_order(*pair[::-1])
            wanted = [(acted(there[0]), there[1]), (acted(back[0][::-1]), back[1])]
            if wanted[0] == wanted[1] and not all(wanted[0][0]):
                runs["pairs of which one can never act"] += 1
                continue
            runs["pairs"] += 1
            for _turn in range(REPEATS if DELICATE.issuperset(pair) else 1):
                ended = at_once(hands, place, state, pair, now)
                runs["at once"] += 1
                assert all(is_answer(one) for one in ended[0]), (state, pair, ended[0])
                holds_together(place)
                assert (acted(ended[0]), ended[1]) in wanted, (state, pair, ended, wanted)
    spent = f"{monotonic() - began:.0f} s"
    sys.stdout.write(f"\n{dict(runs)} from {len(STATES)} states in {spent}\n")
    assert runs["pairs"] > 300 and runs["at once"] > 400
