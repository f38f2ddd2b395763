"""The queue: oldest first, each entry to one taker, and back after a minute when it was not acknowledged."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from shared_apps.jobs.broker import HIDDEN, Broker
from shared_apps.kit import scope
from tests.conftest import Cast
from tests.jobs.test_run import together

pytestmark = pytest.mark.usefixtures("toys", "committed")


def taken(broker: Broker) -> list[str]:
    return [payload for _, payload in broker.dequeue() or []]


def test_the_oldest_visible_entry_comes_first() -> None:
    now = timezone.now()
    Broker(visible_at=now - timedelta(seconds=1)).enqueue("second")
    Broker(visible_at=now - timedelta(seconds=2)).enqueue("first")
    Broker(visible_at=now + timedelta(seconds=60)).enqueue("hidden")
    broker = Broker()
    assert [taken(broker), taken(broker), taken(broker)] == [["first"], ["second"], []]


def test_what_was_not_acknowledged_comes_back() -> None:
    broker = Broker()
    broker.enqueue("once")
    assert taken(broker) == ["once"]
    with scope.shared():
        OrmQ.objects.update(lock=OrmQ.objects.get().lock - HIDDEN)
    [(id, _)] = broker.dequeue() or []
    broker.acknowledge(id)
    with scope.shared():
        assert not OrmQ.objects.exists()


def test_sixteen_takers_take_each_entry_once() -> None:
    for number in range(32):
        Broker().enqueue(str(number))
    found: list[str] = []

    def take() -> None:
        broker = Broker()
        while got := taken(broker):
            found.extend(got)

    together([take] * 16)
    assert sorted(found, key=int) == [str(number) for number in range(32)]


def test_a_tenants_request_may_enqueue_and_stays_the_tenants(committed: tuple[Cast, Cast]) -> None:
    with committed[0].inside():
        Broker().enqueue("x")
        assert scope.current().kind == "tenant"
    assert Broker().queue_size() == 1
