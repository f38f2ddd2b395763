"""Waking workers again for interrupted jobs, forgetting old ones, and leaving nothing of a tenant behind."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ, Task

from shared_apps import jobs
from shared_apps.accounts.jobs import expire
from shared_apps.accounts.models import Cause, SignIn
from shared_apps.jobs import fleet, guard
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import LOCK, drain, run
from shared_apps.jobs.upkeep import forget, wake
from shared_apps.kit import scope
from tenants.models import State
from tests.conftest import Cast
from tests.jobs.test_run import set_state
from tests.toys import jobs as toy
from tests.toys.fixtures import left

pytestmark = pytest.mark.usefixtures("toys")
Committed = tuple[Cast, Cast]


def test_a_job_whose_worker_died_is_started_again(committed: Committed) -> None:
    acme, _ = committed
    now = timezone.now()
    with acme.inside():
        job = toy.leave.later("x")
    with scope.shared():
        OrmQ.objects.all().delete()
        Job.objects.update(state=Job.State.RUNNING, starts=1, started_at=now)
    assert wake(now=now + timedelta(seconds=10)) == 0
    with guard.held(LOCK, job.pk):
        assert wake(now=now + timedelta(seconds=60)) == 0
    assert wake(now=now + timedelta(seconds=60)) == 1
    with scope.shared():
        assert OrmQ.objects.count() == 1
        Job.objects.update(started_at=now - timedelta(seconds=60))
    run(str(job.pk))
    assert left(acme) == ["x"]


def test_a_job_that_nobody_took_is_put_into_the_queue_again_but_not_each_minute(committed: Committed) -> None:
    acme, _ = committed
    now = timezone.now()
    with acme.inside():
        toy.leave.later("x")
    assert wake(now=now + timedelta(minutes=14)) == 0
    assert wake(now=now + timedelta(minutes=16)) == 1
    assert wake(now=now + timedelta(minutes=17)) == 0


def test_a_job_that_waits_for_its_moment_is_not_woken(committed: Committed) -> None:
    acme, _ = committed
    now = timezone.now()
    with acme.inside():
        toy.leave.later("x", at=now + timedelta(days=3))
    assert wake(now=now + timedelta(days=2)) == 0


def test_finished_jobs_are_forgotten_after_a_week_failed_ones_after_ninety_days(committed: Committed) -> None:
    acme, _ = committed
    now = timezone.now()
    with acme.inside():
        toy.leave.later("x")
        toy.leave_and_fail.later("x")
    drain(now=now + timedelta(days=1))
    with acme.inside():
        toy.leave.later("waits")
    assert forget(now=now + timedelta(days=6)) == 0
    assert forget(now=now + timedelta(days=8)) == 1
    assert forget(now=now + timedelta(days=91)) == 1
    with scope.shared():
        assert Job.objects.get().state == Job.State.WAITING


def test_purging_a_tenant_leaves_nothing_of_it_and_the_neighbour_as_it_was(committed: Committed) -> None:
    acme, zenith = committed
    now = timezone.now()
    for where in committed:
        with where.inside():
            done = toy.leave.later("x")
            toy.leave.later("y")
            toy.leave.later("z", at=now + timedelta(days=1))
        run(str(done.pk))
        with scope.shared():
            task = Task(id=done.pk.hex, name=str(done.pk), func="x", args=(str(done.pk),), success=False)
            task.started = task.stopped = now
            task.save()
    with scope.shared():
        before = [*Job.objects.filter(tenant_uuid=zenith.id).order_by("pk").values()]
        zenith_ids = {str(row["id"]) for row in before}
    assert jobs.purge(acme.id) == 3
    with scope.shared():
        assert [*Job.objects.order_by("pk").values()] == before
        assert {entry.task["args"][0] for entry in OrmQ.objects.all()} == zenith_ids
        assert {task.args[0] for task in Task.objects.all()} <= zenith_ids
        assert Task.objects.count() == 1


def test_work_in_each_workspace_survives_a_failure_and_skips_closed_ones(committed: Committed) -> None:
    acme, zenith = committed

    def work() -> None:
        toy.leave_row("here")
        if scope.tenant_id() == acme.id:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")

    who = scope.Actor("system", "tests", "Tests")
    done = fleet.in_each_tenant(work, actor=who)
    assert (left(acme), left(zenith)) == ([], ["here"])
    with set_state(zenith, State.ERASING):
        assert fleet.in_each_tenant(work, actor=who) == done - 1
    assert left(zenith) == ["here"]


def test_sessions_that_ran_out_are_closed_in_every_workspace(committed: Committed) -> None:
    now = timezone.now()
    for where in committed:
        with where.inside():
            SignIn.objects.create(user=where.owner, session_hash=where.id.hex, signed_in_at=now, device="x")
    with scope.shared():
        expire.later()
    drain()
    for where in committed:
        with where.inside():
            assert SignIn.objects.get(session_hash=where.id.hex).cause == Cause.EXPIRED
            SignIn.objects.filter(session_hash=where.id.hex).delete()
