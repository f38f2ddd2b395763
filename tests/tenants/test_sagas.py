"""I11: a saga that is killed at any point goes on where it was, and each of its steps takes effect once."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Thread
from time import monotonic
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from shared_apps.jobs import guard
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants import sagas
from tenants.models import Saga
from tests.conftest import TESTER, Cast
from tests.toys.fixtures import committed, dies_at, left, toys, undone, wait_for, worker

__all__ = ["committed", "toys"]
pytestmark = pytest.mark.usefixtures("toys", "committed")
Status = Saga.Status
POINTS = [f"toy:{index}:{when}" for index in range(4) for when in sagas.WHEN]


def begin(key: str = "k", subject: UUID | None = None, **data: object) -> Saga:
    with scope.shared(actor=TESTER):
        return sagas.start("toy", subject or uuid7(), key=key, data=data)


def now_of(saga: Saga) -> Saga:
    with scope.shared():
        return Saga.objects.get(pk=saga.pk)


def effects(saga: Saga) -> list[str]:
    return sorted(text.removesuffix(f" {saga.subject}") for text in left() if str(saga.subject) in text)


def file_is_there(saga: Saga) -> bool:
    from tests.toys.saga import file_of

    return file_of(saga).exists()


def is_done_once(saga: Saga) -> bool:
    found = now_of(saga)
    return (
        (found.status, found.progress, found.doing, found.data["opened"]) == (Status.DONE, 100, "", 1)
        and effects(saga) == ["count", "open"]
        and not file_is_there(saga)
    )


def test_a_worker_runs_every_step_once() -> None:
    saga = begin()
    assert drain() == 1
    assert is_done_once(saga)


def test_the_toys_points_of_death_are_all_tried() -> None:
    assert list(sagas.kind("toy").kill_points()) == POINTS


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_it_converges(point: str) -> None:
    saga = begin()
    assert dies_at(point, lambda: sagas.run(saga.pk))
    assert now_of(saga).status in (Status.RUNNING, Status.DONE)
    wait_for(lambda: sagas.run(saga.pk).status == Status.DONE)
    assert is_done_once(saga)


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 0), ("saved", 2)])
def test_a_verb_of_one_transaction_dies_whole_or_not_at_all(when: str, rows: int) -> None:
    from tests.toys.saga import wink

    def winks() -> str:
        with scope.acting(TESTER):
            return wink()

    assert f"wink:{when}" in sagas.points() and "toy:0:before" in sagas.points()
    assert dies_at(f"wink:{when}", winks)
    assert len(left()) == rows
    assert winks() == "winked"
    assert len(left()) == rows + 2


def test_a_verb_inside_an_open_transaction_is_saved_with_it() -> None:
    from tests.toys.saga import wink

    def winks() -> None:
        with scope.shared(actor=TESTER), undone():
            wink()
        sagas._die_here("wink:undone")

    assert not dies_at("wink:saved", winks), "nothing was committed"
    assert dies_at("wink:undone", winks), "and it came to the end"
    assert left() == []


def test_P40_whoever_is_erased_while_a_step_runs_is_not_written_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step holds what it read before; the step after it acts as whoever is stored then."""
    from tests.toys import saga as toy

    saga, authors = begin(), []

    def erase_meanwhile(running: Saga) -> Path:
        authors.append(scope.actor().name)
        with scope.shared(), transaction.atomic():
            stored = Saga.objects.get(pk=running.pk)
            stored.data["actor"]["name"] = "[erased]"
            stored.save(update_fields=["data"])
        running.data["noted"] = True
        sagas.remember(running)
        return file_of(running)

    file_of = toy.file_of
    monkeypatch.setattr(toy, "file_of", erase_meanwhile)
    assert sagas.run(saga.pk).status == Status.DONE
    found = now_of(saga).data
    assert (found["actor"]["name"], found["noted"], found["opened"]) == ("[erased]", True, 1)
    assert authors == [TESTER.name, "[erased]"]


def test_no_name_is_given_twice() -> None:
    for again in (sagas.Kind, sagas.verb):
        for name in ("toy", "wink"):
            with pytest.raises(ValueError, match=name):
                again(name)


def test_killed_at_every_point_in_turn_it_converges() -> None:
    saga = begin()
    died = 0
    for point in POINTS:
        wait_for(lambda: free(saga))
        died += dies_at(point, lambda: sagas.run(saga.pk))
    wait_for(lambda: sagas.run(saga.pk).status == Status.DONE)
    assert died >= 8
    assert is_done_once(saga)


def free(saga: Saga) -> bool:
    """Whether the database has noticed that the runner died."""
    with guard.held(sagas.LOCK, saga.pk) as taken:
        return taken


@pytest.mark.parametrize("point", ["toy:0:after", "toy:3:after"])
def test_a_real_worker_that_is_killed_in_a_step_is_replaced_by_another(point: str) -> None:
    saga = begin()
    with worker(SMOALL_KILL_AT=point):
        wait_for(lambda: (now_of(saga).status, now_of(saga).cursor) == (Status.RUNNING, int(point[4])))
        wait_for(lambda: free(saga))
    with scope.shared():
        Job.objects.all().delete()
    assert wait_for(lambda: sagas.resume_due(timezone.now())) == 1
    with worker():
        wait_for(lambda: now_of(saga).status == Status.DONE)
    assert is_done_once(saga)


def test_sixteen_runners_at_a_time_do_each_step_once() -> None:
    saga = begin()

    def one() -> None:
        sagas.run(saga.pk)
        connection.close()

    threads = [Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert is_done_once(saga)


def test_the_same_key_is_the_same_saga() -> None:
    subject = uuid7()
    assert begin("k", subject).pk == begin("k", subject).pk
    assert begin("other", subject).pk != begin("k", subject).pk
    with scope.shared():
        assert Job.objects.count() == 2


def test_a_rolled_back_caller_leaves_no_saga() -> None:
    with undone(), scope.shared(actor=TESTER):
        sagas.start("toy", uuid7(), key="k")
    with scope.shared():
        assert not Saga.objects.exists()
        assert not Job.objects.exists()


def test_it_can_be_asked_for_inside_a_workspace_and_acts_as_who_asked(committed: tuple[Cast, Cast]) -> None:
    acme, _ = committed
    with acme.inside():
        saga = sagas.start("toy", acme.id, key="k")
    assert saga.data["actor"]["name"] == "Olga Acme"
    drain()
    assert is_done_once(saga)


def test_an_unknown_kind_is_refused() -> None:
    with scope.shared(), pytest.raises(sagas.UnknownSaga):
        sagas.start("unheard of", uuid7(), key="k")


def test_it_does_not_begin_before_its_time() -> None:
    with scope.shared(actor=TESTER):
        saga = sagas.start("toy", uuid7(), key="k", due_at=timezone.now() + timedelta(hours=12))
    assert drain() == 0
    assert sagas.run(saga.pk).status == Status.WAITING
    assert sagas.resume_due(timezone.now()) == 0
    sagas.hasten(saga, timezone.now())
    drain()
    assert is_done_once(saga)


def test_a_step_may_wait_and_has_then_not_begun() -> None:
    until = timezone.now() + timedelta(seconds=1)
    saga = begin(not_before=until.isoformat())
    waiting = sagas.run(saga.pk)
    assert (waiting.status, waiting.due_at, waiting.attempts, waiting.error) == (Status.WAITING, until, 0, "")
    wait_for(lambda: sagas.run(saga.pk).status == Status.DONE)
    assert is_done_once(saga)


def test_a_failed_step_is_undone_noted_without_values_and_begun_anew_after_a_back_off() -> None:
    saga = begin(fail_at_count=True)
    drain()
    failed = now_of(saga)
    assert (failed.status, failed.cursor, failed.attempts) == (Status.WAITING, 2, 1)
    assert failed.error.startswith("ValueError in count")
    assert "secret" not in failed.error
    assert effects(saga) == ["open"]
    assert failed.due_at > timezone.now() + timedelta(seconds=50)
    repair(saga)
    assert sagas.resume_due(timezone.now()) == 1
    assert sagas.resume_due(timezone.now()) == 0  # a worker was woken already
    drain()
    assert is_done_once(saga)
    assert now_of(saga).error == ""


def repair(saga: Saga) -> None:
    """What made it fail is gone, and the back-off is over."""
    with scope.shared():
        found = Saga.objects.get(pk=saga.pk)
        found.data.pop("fail_at_count", None)
        found.data.pop("fail_at_burn", None)
        found.due_at = timezone.now()
        found.save()


def test_after_its_attempts_it_has_failed_until_somebody_tries_it_again() -> None:
    saga = begin(fail_at_count=True)
    for _attempt in range(6):
        with scope.shared():
            Saga.objects.filter(pk=saga.pk).update(due_at=timezone.now())
        sagas.run(saga.pk)
    assert (now_of(saga).status, now_of(saga).attempts) == (Status.FAILED, 4)
    assert sagas.resume_due(timezone.now() + timedelta(days=1)) == 0
    repair(saga)
    sagas.retry(saga)
    drain()
    assert is_done_once(saga)
    with pytest.raises(sagas.CannotRetry):
        sagas.retry(saga)


def test_a_step_that_cannot_go_on_fails_at_once_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise sagas.CannotGoOn("There is no such archive.")

    saga = begin()
    monkeypatch.setattr(sagas, "report", refuse)
    failed = sagas.run(saga.pk)
    assert (failed.status, failed.cursor, failed.error) == (Status.FAILED, 2, "There is no such archive.")
    assert effects(saga) == ["open"]


def test_a_step_that_kills_its_worker_is_not_begun_for_ever() -> None:
    saga = begin()
    for _attempt in range(4):
        wait_for(lambda: free(saga))
        assert dies_at("toy:2:after", lambda: sagas.run(saga.pk))
    wait_for(lambda: sagas.run(saga.pk).status == Status.FAILED)
    assert now_of(saga).error == "killed 4 times"
    assert effects(saga) == ["open"]


def test_it_can_be_cancelled_before_the_irreversible_and_does_nothing_then() -> None:
    saga = begin(fail_at_count=True)
    sagas.run(saga.pk)
    assert sagas.cancel(saga).status == Status.CANCELLED
    repair(saga)
    assert sagas.run(saga.pk).status == Status.CANCELLED
    assert sagas.resume_due(timezone.now() + timedelta(days=1)) == 0
    assert effects(saga) == ["open"]
    with pytest.raises(sagas.CannotCancel):
        sagas.cancel(saga)


@pytest.mark.parametrize("point", ["toy:3:before", "toy:3:after", "toy:3:saved"])
def test_once_the_irreversible_has_begun_it_cannot_be_cancelled(point: str) -> None:
    saga = begin()
    dies_at(point, lambda: sagas.run(saga.pk))
    with pytest.raises(sagas.CannotCancel):
        sagas.cancel(saga)


def test_an_irreversible_step_that_failed_cannot_be_cancelled_either() -> None:
    saga = begin(fail_at_burn=True)
    assert sagas.run(saga.pk).cursor == 3
    with pytest.raises(sagas.CannotCancel):
        sagas.cancel(saga)


def test_cancelled_while_a_step_runs_that_step_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    saga = begin()
    in_another_thread(monkeypatch, lambda: sagas.cancel(saga))
    assert sagas.run(saga.pk).status == Status.CANCELLED
    assert effects(saga) == ["open"]
    assert now_of(saga).cursor == 2


def in_another_thread(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do the work while the step `count` is in its transaction, at its report."""

    def apart() -> None:
        work()
        connection.close()

    def report(*_: object) -> None:
        thread = Thread(target=apart)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()

    monkeypatch.setattr(sagas, "report", report)


def test_progress_shows_while_a_steps_transaction_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    saga = begin()
    seen: list[tuple[int, str]] = []
    real = sagas.report

    def report(*words: object) -> None:
        real(*words)  # type: ignore[arg-type]
        thread = Thread(target=look)
        thread.start()
        thread.join()

    def look() -> None:
        seen.append((now_of(saga).progress, now_of(saga).doing))
        connection.close()

    monkeypatch.setattr(sagas, "report", report)
    sagas.run(saga.pk)
    assert seen == [(60, "Half counted")]  # two steps of weight 1 and half of one of weight 2, of five


def test_reports_are_cheap_and_never_break_the_work() -> None:
    saga = begin()
    began = monotonic()
    for percent in range(10_000):
        sagas.report(saga, percent % 100)
    assert monotonic() - began < 2
    with scope.shared(), transaction.atomic():
        Saga.objects.filter(pk=saga.pk).update(progress=1)
        saga._reported = 0.0  # type: ignore[attr-defined]
        sagas.report(saga, 10)  # its row is locked by this very transaction
        assert Saga.objects.get(pk=saga.pk).progress == 1
