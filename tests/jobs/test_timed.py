"""Timed jobs: due when they say, asked for once however many look."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core import checks
from django.test import override_settings
from django_q.models import OrmQ

from shared_apps.jobs.checks import timed_jobs_exist
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import run
from shared_apps.jobs.timed import Timed, everything, tick
from shared_apps.kit import scope
from tests.conftest import Cast
from tests.jobs.test_run import together
from tests.toys.fixtures import left

pytestmark = pytest.mark.usefixtures("toys")
Committed = tuple[Cast, Cast]
MINUTELY = Timed("tests.toys.jobs.tick", every=60)
NOON = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)


def the_job() -> Job:
    with scope.shared():
        return Job.objects.get()


def test_every_so_many_seconds_is_counted_from_round_moments() -> None:
    assert MINUTELY.last_due(NOON) == datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-01-15T01:39:59+00:00", "2026-01-14T01:40:00+00:00"),
        ("2026-01-15T01:40:00+00:00", "2026-01-15T01:40:00+00:00"),
        ("2026-07-15T00:39:59+00:00", "2026-07-14T00:40:00+00:00"),  # summer time
        ("2026-07-15T00:40:00+00:00", "2026-07-15T00:40:00+00:00"),
        ("2026-03-29T12:00:00+00:00", "2026-03-29T01:40:00+00:00"),  # the night without 02:40
        ("2026-10-25T12:00:00+00:00", "2026-10-25T00:40:00+00:00"),  # the night with two
    ],
)
def test_a_time_of_day_is_that_of_brussels(now: str, due: str) -> None:
    daily = Timed("tests.toys.jobs.tick", at=time(2, 40))
    assert daily.last_due(datetime.fromisoformat(now)) == datetime.fromisoformat(due)


def test_an_entry_says_either_how_often_or_when() -> None:
    for wrong in ({}, {"every": 60, "at": time(2, 40)}):
        with pytest.raises(ValueError):
            Timed("tests.toys.jobs.tick", **wrong)  # type: ignore[arg-type]


def test_what_is_due_is_asked_for_once(committed: Committed) -> None:
    assert tick(now=NOON, jobs=[MINUTELY]) == ["tests.toys.jobs.tick"]
    assert tick(now=NOON + timedelta(seconds=30), jobs=[MINUTELY]) == []
    run(str(the_job().pk))
    assert tick(now=NOON + timedelta(seconds=40), jobs=[MINUTELY]) == []
    assert tick(now=NOON + timedelta(seconds=60), jobs=[MINUTELY]) == ["tests.toys.jobs.tick"]
    run(str(the_job().pk))
    assert left() == ["tick", "tick"]


def test_sixteen_workers_ask_once(committed: Committed) -> None:
    for minute in range(3):
        now = NOON + timedelta(minutes=minute)
        together([lambda now=now: tick(now=now, jobs=[MINUTELY])] * 16)  # type: ignore[misc]
        with scope.shared():
            assert OrmQ.objects.count() == minute + 1
        run(str(the_job().pk))
    assert left() == ["tick"] * 3


def test_a_run_that_goes_on_is_not_doubled_and_missed_ones_are_not_made_up_for(committed: Committed) -> None:
    tick(now=NOON, jobs=[MINUTELY])
    assert tick(now=NOON + timedelta(minutes=5), jobs=[MINUTELY]) == []
    run(str(the_job().pk))
    assert tick(now=NOON + timedelta(hours=5), jobs=[MINUTELY]) == ["tests.toys.jobs.tick"]
    assert tick(now=NOON + timedelta(hours=5), jobs=[MINUTELY]) == []


def test_the_deployments_list_names_jobs_that_exist() -> None:
    everything.cache_clear()
    with override_settings(SMOALL_TIMED_JOBS="config.schedule.TIMED_JOBS"):
        assert len(everything()) >= 4
        assert timed_jobs_exist(None) == []
    everything.cache_clear()


def test_a_missing_function_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from shared_apps.jobs import timed

    monkeypatch.setattr(timed, "everything", lambda: [Timed("shared_apps.jobs.upkeep.gone", every=60)])
    assert [error.level for error in timed_jobs_exist(None)] == [checks.ERROR]
