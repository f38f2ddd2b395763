"""Doing a job: in its tenant, once, and never for ever."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from shared_apps.jobs import JobFunction, guard
from shared_apps.jobs.models import Job
from shared_apps.jobs.names import UnknownName, find
from shared_apps.jobs.run import LOCK, MOST_STARTS, WHILE_UNKNOWN, drain, run
from shared_apps.kit import scope
from tenants.models import State, Tenant
from tests.conftest import Cast
from tests.toys import jobs as toy
from tests.toys.fixtures import left

pytestmark = pytest.mark.usefixtures("toys")
Committed = tuple[Cast, Cast]


def ask(where: Cast | None, function: JobFunction[...], *args: object) -> Job:
    if where is None:
        with scope.shared():
            return function.later(*args)
    with where.inside():
        return function.later(*args)


def again(job: Job) -> Job:
    with scope.shared():
        return Job.objects.get(pk=job.pk)


def change(job: Job, **values: object) -> None:
    with scope.shared():
        Job.objects.filter(pk=job.pk).update(**values)


def test_a_job_runs_in_its_tenant_and_in_no_other(committed: Committed) -> None:
    acme, zenith = committed
    ask(acme, toy.leave, "for acme")
    ask(None, toy.leave, "for nobody")
    assert drain() == 2
    assert (left(acme), left(zenith), left()) == (["for acme"], [], ["for nobody"])


def test_the_author_is_the_job_on_behalf_of_who_asked(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.tell)
    drain()
    [told] = left(acme)
    assert json.loads(told) == {
        "realm": str(acme.id),
        "kind": "job",
        "id": str(job.pk),
        "name": "toys.play",
        "behalf": "Olga Acme",
    }


def test_redelivery_has_one_effect(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave, "once")
    for _attempt in range(3):
        run(str(job.pk))
    assert left(acme) == ["once"]
    assert (again(job).state, again(job).starts) == (Job.State.DONE, 1)


def test_sixteen_deliveries_at_a_time_have_one_effect(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave_slowly, "once")
    together([lambda: run(str(job.pk))] * 16)
    assert left(acme) == ["once"]
    assert again(job).state == Job.State.DONE


def test_sixteen_threads_do_each_job_once_and_in_its_own_tenant(committed: Committed) -> None:
    acme, zenith = committed
    jobs = [ask(where, toy.leave, f"{where.tenant.pk} {n}") for n in range(16) for where in (acme, zenith)]

    def work() -> None:
        for job in jobs:
            run(str(job.pk))

    together([work] * 16)
    for where in (acme, zenith):
        assert left(where) == sorted(f"{where.tenant.pk} {n}" for n in range(16))


def together(works: list[Callable[[], None]]) -> None:
    """Each in a thread of its own; an error in one is an error here."""
    errors: list[BaseException] = []

    def one(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def test_an_exception_undoes_the_work_and_is_tried_again_with_a_back_off(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave_and_fail, "canary")
    run(str(job.pk))
    failed = again(job)
    assert left(acme) == []
    assert (failed.state, failed.failures, failed.starts) == (Job.State.WAITING, 1, 0)
    assert timedelta(seconds=50) < failed.run_after - timezone.now() < timedelta(seconds=70)
    assert drain() == 0


def test_an_error_names_its_class_and_place_but_no_value(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave_and_fail, "canary")
    run(str(job.pk))
    assert again(job).error.startswith("ValueError in leave_and_fail, jobs.py:")
    assert "canary" not in again(job).error


def test_when_the_retries_are_used_up_it_has_failed(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave_and_fail, "canary")
    assert drain(now=timezone.now() + timedelta(days=1)) == 3
    assert again(job).state == Job.State.FAILED
    assert left(acme) == []


def test_try_again_keeps_what_was_written(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave_and_try_again)
    run(str(job.pk))
    assert left(acme) == ["kept"]
    assert (again(job).state, again(job).error) == (Job.State.WAITING, "the neighbour is out")


def test_a_job_that_killed_three_workers_is_not_started_a_fourth_time(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave, "never")
    change(job, state=Job.State.RUNNING, starts=MOST_STARTS)
    run(str(job.pk))
    assert (again(job).state, again(job).error) == (Job.State.FAILED, "stopped after three starts")
    assert left(acme) == []


def test_a_job_that_somebody_is_at_is_left_alone(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave, "theirs")
    change(job, state=Job.State.RUNNING, starts=1)
    with guard.held(LOCK, job.pk) as taken:
        assert taken
        run(str(job.pk))
        assert again(job).starts == 1
    run(str(job.pk))
    assert left(acme) == ["theirs"]


@pytest.mark.parametrize(
    ("state", "becomes"),
    [(State.ERASING, Job.State.CANCELLED), (State.RESTORING, Job.State.WAITING)],
)
def test_no_job_runs_for_a_closed_tenant(committed: Committed, state: State, becomes: Job.State) -> None:
    """One that is to be erased needs none any more; one that is repaired opens again, and its work waits."""
    acme, _ = committed
    job = ask(acme, toy.leave, "never")
    with set_state(acme, state):
        drain()
    assert again(job).state == becomes
    assert left(acme) == []


def test_a_job_of_a_tenant_that_is_gone_is_cancelled(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave, "never")
    change(job, tenant_uuid="01890000-0000-7000-8000-000000000000")
    drain()
    assert again(job).state == Job.State.CANCELLED


def test_a_job_of_a_suspended_tenant_runs(committed: Committed) -> None:
    acme, _ = committed
    ask(acme, toy.leave, "x")
    with set_state(acme, State.SUSPENDED):
        drain()
    assert left(acme) == ["x"]


class set_state:
    def __init__(self, where: Cast, state: State) -> None:
        self.where, self.state = where, state

    def __enter__(self) -> None:
        self._set(self.state)

    def __exit__(self, *_: object) -> None:
        self._set(State.ACTIVE)

    def _set(self, state: State) -> None:
        with scope.shared(actor=scope.Actor("system", "t", "t")):
            Tenant.objects.filter(pk=self.where.id).update(state=state)


def test_a_sagas_job_commits_by_itself_and_is_done_once(committed: Committed) -> None:
    job = ask(committed[0], toy.leave_alone, "alone")
    assert job.tenant_uuid is None
    together([lambda: run(str(job.pk))] * 4)
    assert left() == ["alone"]
    assert again(job).state == Job.State.DONE


def test_progress_shows_while_the_job_runs(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave_slowly, "x")
    seen: set[int] = set()
    thread = threading.Thread(target=lambda: together([lambda: run(str(job.pk))]))
    thread.start()
    while thread.is_alive():
        seen.add(again(job).progress)
    assert 50 in seen
    assert again(job).progress == 100


@pytest.mark.parametrize(
    "name",
    ["os.system", "subprocess.run", "tests.toys.jobs.leave_row", "tests.toys.jobs.gone", "tests.toys.gone.x"],
)
def test_a_row_can_name_no_function_but_a_job(committed: Committed, name: str) -> None:
    with pytest.raises(UnknownName):
        find(name)
    job = ask(committed[0], toy.leave, "x")
    change(job, name=name, failures=WHILE_UNKNOWN)
    run(str(job.pk))
    assert again(job).state == Job.State.FAILED


def test_a_job_of_a_later_release_waits_for_a_worker_that_knows_it(committed: Committed) -> None:
    """An old worker puts it off, later each time, for as long as such workers may be there; no attempt of its own is lost."""
    acme, _ = committed
    job = ask(acme, toy.leave_and_fail, "x")
    change(job, name="tests.toys.jobs.of_later")
    waits = []
    for _try in range(WHILE_UNKNOWN):
        asked = timezone.now()
        change(job, run_after=asked)
        run(str(job.pk))
        waits.append(round((again(job).run_after - asked).total_seconds() / 60))
    assert waits == [1, 2, 4, 8, 16, 32]
    change(job, name=toy.leave_and_fail.name, run_after=timezone.now())
    run(str(job.pk))
    found = again(job)
    assert (found.state, found.failures) == (Job.State.WAITING, 1)


def test_a_lost_connection_undoes_the_work_and_it_is_done_later(committed: Committed) -> None:
    acme, _ = committed
    job = ask(acme, toy.leave_and_lose_the_database, "x")
    run(str(job.pk))
    assert (again(job).state, again(job).failures) == (Job.State.WAITING, 1)
    assert left(acme) == []
    drain(now=timezone.now() + timedelta(minutes=2))
    assert left(acme) == ["x", "x"]


def test_an_unknown_id_does_nothing(committed: Committed) -> None:
    run("01890000-0000-7000-8000-000000000000")
