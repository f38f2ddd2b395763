"""I11: SIGKILL of the process before, after and between every step of every long work converges to one effect.

The points of death come from the saga machinery, so that new steps enter by themselves; so do new kinds, which fail
here until they have a scenario.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from shared_apps.jobs import guard
from tenants import fleet, sagas
from tenants.models import Saga
from tests.crash import scenarios
from tests.toys.fixtures import committed, dies_at, wait_for

__all__ = ["committed"]
TOYS = {"toy"}
tried: list[str] = []
subjects: list[UUID] = []


@pytest.fixture(scope="module", autouse=True)
def _kept_between_cases(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    yield
    with django_db_blocker.unblock():
        scenarios.clear()
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter:
        reporter.write_line(f"\n{len(tried)} points of death were tried, {len(set(tried))} different ones.")


def test_every_kind_of_long_work_has_a_scenario() -> None:
    assert sagas._kinds.keys() - TOYS == {kind for kind, _ in scenarios.SCENARIOS.values()}


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_killed_before_after_and_between_all_steps_it_converges_to_one_effect(
    committed: Any, name: str
) -> None:
    """One piece of work dies at each point in turn, and is taken up again where it was."""
    kind, begin = scenarios.SCENARIOS[name]
    case = begin()
    for point in sagas.kind(kind).kill_points():
        assert is_killed(case, point), f"{point} was never reached"
        tried.append(point)
        wait_for(lambda: is_free(case))
    wait_for(lambda: [case.go()] and scenarios.now_of(case.id).status == Saga.Status.DONE)
    case.check()
    subjects.append(scenarios.now_of(case.id).subject)


def test_afterwards_everything_fits_together(committed: Any) -> None:
    """What `check_tenants` says of everything that the cases above left; archives wait beside their clients."""
    scenarios.clear()
    ids = {str(case) for case in subjects}
    wrong = [
        one for one in fleet.problems() if one.startswith(("erasure", "role")) or any(id in one for id in ids)
    ]
    assert not wrong, wrong


def is_killed(case: scenarios.Case, point: str) -> bool:
    """In a process of its own. What waits on its way there, for a mail to leave, is taken up again."""
    for _ in range(5):
        if dies_at(point, case.go):
            return True
        wait_for(lambda: is_free(case))
    return False


def is_free(case: scenarios.Case) -> bool:
    """Whether the database has noticed that the runner died."""
    with guard.held(sagas.LOCK, case.id) as taken:
        return taken
