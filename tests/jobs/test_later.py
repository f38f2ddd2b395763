"""Asking for work: in the caller's transaction, with its tenant and author, and for a declared purpose."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.module import UnknownPurpose
from shared_apps.kit.rows import uuid7
from tests.conftest import TESTER, Cast
from tests.toys import jobs as toy
from tests.toys.fixtures import undone

pytestmark = pytest.mark.usefixtures("toys")


def queue() -> list[OrmQ]:
    with scope.shared():
        return list(OrmQ.objects.order_by("pk"))


def test_a_job_carries_the_tenant_and_the_author(acme: Cast) -> None:
    with acme.inside():
        job = toy.leave.later("x")
    assert (job.tenant_uuid, job.actor["name"], job.state) == (acme.id, "Olga Acme", Job.State.WAITING)


def test_the_queue_entry_holds_the_jobs_id_and_nothing_else(acme: Cast) -> None:
    with acme.inside():
        job = toy.leave.later("a secret word")
    [entry] = queue()
    assert (entry.task["func"], entry.task["args"], entry.task["kwargs"]) == (
        "shared_apps.jobs.run.run",
        (str(job.pk),),
        {},
    )
    assert "secret" not in str(entry.task)
    assert str(acme.id) not in str(entry.task)


def test_a_rolled_back_caller_leaves_neither_row_nor_queue_entry(acme: Cast) -> None:
    with undone(), acme.inside():
        toy.leave.later("x")
    with scope.shared():
        assert not Job.objects.exists()
    assert not queue()


def test_the_same_key_is_one_job_for_each_tenant(acme: Cast, zenith: Cast) -> None:
    with acme.inside():
        first, second = toy.leave.later("a", key="k"), toy.leave.later("b", key="k")
        other = toy.leave.later("c", key="another")
    with zenith.inside():
        theirs = toy.leave.later("a", key="k")
    with scope.shared():
        ours = toy.leave.later("a", key="k"), toy.leave.later("a", key="k")
    assert first.pk == second.pk
    assert ours[0].pk == ours[1].pk
    assert len({first.pk, other.pk, theirs.pk, ours[0].pk}) == 4
    assert len(queue()) == 4


def test_an_undeclared_purpose_is_refused(acme: Cast) -> None:
    with acme.inside(), pytest.raises(UnknownPurpose, match="unheard-of"):
        toy.without_purpose.later()


@pytest.mark.parametrize("value", [uuid7(), (1, 2), {1: "x"}, float("nan"), object()])
def test_arguments_that_are_no_json_are_refused(acme: Cast, value: object) -> None:
    with acme.inside(), pytest.raises((TypeError, ValueError)):
        toy.leave.later(value)


def test_without_a_scope_nothing_can_be_asked_for(db: None) -> None:
    with pytest.raises(scope.NoScope):
        toy.leave.later("x")


def test_a_later_moment_keeps_the_queue_entry_hidden(acme: Cast) -> None:
    at = timezone.now() + timedelta(hours=2)
    with acme.inside():
        job = toy.leave.later("x", at=at)
    [entry] = queue()
    assert job.run_after == entry.lock == at


def test_a_clients_person_is_not_named_in_a_job_of_the_shared_schema(acme: Cast) -> None:
    with acme.inside(), scope.shared():
        job = toy.leave.later("x")
    assert job.tenant_uuid is None
    assert "Olga" not in str(job.actor)
    for kind in ("job", "operator"):  # on whose behalf; why a client let an operator in
        with acme.inside(), scope.acting(scope.Actor(kind, "1", "Opal", behalf="Olga Acme")):
            assert toy.leave_alone.later("x").actor["behalf"] == ""
            with scope.shared():
                assert toy.leave.later("x").actor["behalf"] == ""
    with scope.shared(actor=scope.Actor("job", "1", "toys.play", behalf="Opal")):
        assert toy.leave.later("x").actor["behalf"] == "Opal", "an operator, who asked here"
    with scope.shared(actor=TESTER):
        assert toy.leave.later("y").actor["name"] == "Tests"


def test_a_job_can_be_called_at_once_like_the_function_that_it_is(acme: Cast) -> None:
    with acme.inside():
        toy.leave("now")
    with scope.shared():
        assert not Job.objects.exists()


def test_a_function_that_a_worker_could_not_find_is_refused() -> None:
    from shared_apps.jobs import job

    with pytest.raises(TypeError, match="top of its module"):

        @job(purpose="toys.play")
        def hidden() -> None: ...
