"""P37: a notice that is given and withdrawn leaves the client's own end of its plan as it was."""

from datetime import timedelta
from typing import Any

from billing import gateway, subscriptions
from billing.models import State
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, end_of
from tenants import departure
from tests.billing.half_used import life, refunds
from tests.billing.life import Life
from tests.conftest import TESTER
from tests.leaving.conftest import notice
from tests.operators.conftest import make_operator

__all__ = ["life"]


def test_a_notice_withdrawn_leaves_the_clients_own_end_as_it_was(life: Life) -> None:
    with scope.shared(actor=TESTER):
        subscriptions.cancel(life.client, now=life.now)
    ends = life.own.cancel_at
    given = notice(life.cast, now=life.now)
    life.work()
    assert ends and life.own.with_departure and life.own.lasts_until
    assert life.own.lasts_until.date() == given.data_on  # sooner than the year's end
    life.align()
    with scope.acting(TESTER):
        departure.withdraw(life.cast.id, now=life.now)
    life.work()
    assert (life.own.cancel_at, life.own.with_departure, life.own.own_cancel_at) == (ends, False, None)
    with scope.shared(actor=TESTER):
        subscriptions.resume(life.client, now=life.now)
    assert life.own.cancel_at is None


def test_an_end_that_the_client_says_after_its_notice_stays_when_it_is_sooner(life: Life) -> None:
    with scope.shared(actor=TESTER):
        subscriptions.change(
            life.client, plan="small", pace="month", at=life.processor.now, now=life.now
        )  # a month ends sooner than the three of a notice
    life.tell()
    notice(life.cast, now=life.now)
    life.work()
    assert life.own.with_departure
    with scope.shared(actor=TESTER):
        subscriptions.cancel(life.client, now=life.now)
    life.align()
    assert life.own.cancel_at == life.own.period_end and not life.own.with_departure
    with scope.acting(TESTER):
        departure.withdraw(life.cast.id, now=life.now)
    life.work()
    assert life.own.cancel_at == life.own.period_end


def test_the_net_moves_on_while_the_workspace_is_there_and_lets_the_plan_go_on_when_it_stays(
    life: Life,
) -> None:
    given = notice(life.cast, now=life.now)
    late = end_of(given.data_on) + timedelta(days=3) - life.now  # it should be destroyed by now, and is not
    life.processor.pass_time(seconds=int(late.total_seconds()))
    for _night in range(2):
        life.align()
        assert life.own.cancel_at == end_of(day_of(life.now)) + subscriptions.NET
        assert (life.own.leaves_at, life.own.with_departure) == (end_of(given.data_on), True)
        life.processor.pass_time(days=1)
    with scope.acting(TESTER):
        departure.withdraw(life.cast.id, now=life.now)
    life.align()
    assert life.own.state == State.ACTIVE and (life.own.cancel_at, life.own.leaves_at) == (None, None)


def test_a_plan_that_the_net_ended_all_the_same_is_told_to_operators_once(
    life: Life, mailoutbox: list[Any]
) -> None:
    make_operator("Vera")
    given = notice(life.cast, now=life.now)
    life.align()
    life.processor.pass_time(days=(given.data_on - life.now.date()).days + 9)
    for _again in range(2):
        life.told.clear()
        life.work()
    assert life.own.state == State.CANCELED and refunds(life) == []
    (alarm,) = [one.body for one in mailoutbox if "vera@smoall.test" in one.to[0]]
    assert f"gave nothing back: {life.own.processor_id}" in alarm


def test_a_net_never_lets_a_period_begin_that_the_client_had_ended(life: Life, mailoutbox: list[Any]) -> None:
    make_operator("Vera")
    with scope.shared(actor=TESTER):
        subscriptions.cancel(life.client, now=life.now)
    ends = life.own.cancel_at
    given = notice(life.cast, now=life.now)
    assert ends
    with scope.shared(actor=TESTER):
        given.data_on = day_of(ends) - timedelta(days=3)
        given.save()
    for _again in range(2):
        life.align()
        assert (life.own.cancel_at, life.own.leaves_at) == (ends, end_of(given.data_on))
        assert life.own.with_departure and life.own.own_cancel_at == ends
    life.processor.pass_time(seconds=int((ends - life.now).total_seconds()))
    life.work()
    assert (life.own.state, life.own.ended_at) == (State.CANCELED, ends)
    assert [one for one in mailoutbox if "vera@smoall.test" in one.to[0]] == []


def test_an_end_with_the_period_stays_with_the_period_when_that_changes_under_a_notice(life: Life) -> None:
    with scope.shared(actor=TESTER):
        at = life.processor.now
        subscriptions.change(life.client, plan="small", pace="month", at=at, now=life.now)
        subscriptions.cancel(life.client, now=life.now)
    notice(life.cast, now=life.now, data_on=day_of(life.now) + timedelta(days=25))
    life.align()
    assert life.own.with_departure and life.own.own_cancel_at == life.own.cancel_at == life.own.period_end
    life.processor.pass_time(days=1)
    with scope.shared(actor=TESTER):
        at = life.processor.now
        subscriptions.change(life.client, plan="small", pace="year", at=at, now=life.now)
    assert life.own.with_departure and life.own.own_cancel_at == life.own.period_end
    assert life.own.leaves_at and life.own.cancel_at == life.own.leaves_at + subscriptions.NET
    with scope.acting(TESTER):
        departure.withdraw(life.cast.id, now=life.now)
    life.align()
    assert life.own.pace == "year" and life.own.cancel_at == life.own.period_end
    with scope.shared(actor=TESTER):
        gateway.client().v1.subscriptions.update(
            str(life.own.processor_id), params={"metadata": {"leaves_at": "never", "own_cancel_at": "x"}}
        )
    life.tell()
    assert (life.own.leaves_at, life.own.own_cancel_at) == (
        None,
        None,
    )  # typed by somebody there: no note of ours
