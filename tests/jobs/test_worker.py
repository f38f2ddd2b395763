"""A real worker: django-q's processes against PostgreSQL, killed as a machine would kill them."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Task

from shared_apps.jobs.models import Job
from shared_apps.jobs.upkeep import wake
from shared_apps.kit import scope
from tests.conftest import Cast
from tests.toys import jobs as toy
from tests.toys.fixtures import kill, left, wait_for, worker

pytestmark = pytest.mark.usefixtures("toys")
Committed = tuple[Cast, Cast]


def states() -> list[str]:
    with scope.shared():
        return sorted(Job.objects.exclude(key="timed").values_list("state", flat=True))


def test_jobs_of_two_tenants_alternate_in_one_worker_and_stay_in_their_own(committed: Committed) -> None:
    for number in range(10):
        for where in committed:
            with where.inside():
                toy.leave.later(f"{where.host} {number}")
    with worker():
        wait_for(lambda: states() == ["done"] * 20)
        wait_for(lambda: not entries())
    for where in committed:
        assert left(where) == [f"{where.host} {number}" for number in range(10)]
    assert left() == []
    with scope.shared():
        assert not Task.objects.exists()


def entries() -> int:
    with scope.shared():
        return OrmQ.objects.count()


def test_a_job_that_kills_its_worker_is_stopped_after_three_and_others_go_on(committed: Committed) -> None:
    acme, zenith = committed
    with acme.inside():
        killer = toy.leave_and_die.later("half done")
    with zenith.inside():
        toy.leave.later("fine")
    with worker():
        for start in (1, 2, 3):
            wait_for(lambda start=start: started(killer, start))  # type: ignore[misc]
            with scope.shared():
                Job.objects.filter(pk=killer.pk).update(started_at=timezone.now() - timedelta(minutes=1))
            wait_for(lambda: wake(now=timezone.now()))
        wait_for(lambda: "failed" in states())
        with zenith.inside():
            toy.leave.later("fine again")
        wait_for(lambda: states() == ["done", "done", "failed"])
    assert left(acme) == []
    assert left(zenith) == ["fine", "fine again"]
    with scope.shared():
        assert Job.objects.get(pk=killer.pk).error == "stopped after three starts"


def started(job: Job, times: int) -> bool:
    with scope.shared():
        return Job.objects.filter(pk=job.pk, starts=times).exists()


def test_a_job_that_hangs_is_ended_and_its_work_undone(committed: Committed) -> None:
    acme, _ = committed
    with acme.inside():
        toy.leave_and_hang.later()
    with worker():
        wait_for(lambda: states() == ["failed"])
    assert left(acme) == []
    with scope.shared():
        assert Job.objects.get().error.startswith("TimeoutException")


def test_a_worker_killed_in_the_middle_leaves_work_that_the_next_one_does_once(committed: Committed) -> None:
    acme, _ = committed
    with acme.inside():
        for number in range(12):
            toy.leave_slowly.later(str(number))
    with worker() as first:
        wait_for(lambda: "done" in states())
        kill(first)
    assert "done" in states()
    assert states() != ["done"] * 12
    with scope.shared():
        Job.objects.filter(state=Job.State.RUNNING).update(started_at=timezone.now() - timedelta(minutes=1))
        OrmQ.objects.update(lock=timezone.now())  # as if the retry time had passed
    wake(now=timezone.now())
    with worker():
        wait_for(lambda: states() == ["done"] * 12)
    assert left(acme) == sorted(str(number) for number in range(12))


def test_two_workers_and_a_killed_one_start_timed_jobs_once_per_moment(committed: Committed) -> None:
    timed = {"TOY_TIMED_JOBS": "tests.toys.jobs.EACH_SECOND"}
    began = timezone.now()
    with worker(**timed) as first, worker(**timed):
        wait_for(lambda: left().count("tick") >= 1)
        kill(first)
        with worker(**timed):
            seen = left().count("tick")
            wait_for(lambda: left().count("tick") > seen)
            elapsed = (timezone.now() - began).total_seconds()
            assert left().count("tick") <= elapsed + 1
            assert left().count("") == 1  # the hourly one


def test_a_worker_that_is_asked_to_end_ends(committed: Committed) -> None:
    with worker() as process:
        with committed[0].inside():
            toy.leave.later("x")
        wait_for(lambda: states() == ["done"])
        process.terminate()
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""  # no process of it missed a scope or said anything else
