"""I11: kill -9 before, within and after every step of every long work converges to one effect, and so does every verb.

Of the process that does the work, and of the database server. The points of death come from the machinery, so that new
steps enter by themselves; so do new kinds and verbs, which fail here until they have a scenario.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from shared_apps.jobs import guard
from tenants import fleet, sagas
from tenants.models import Saga
from tests.conftest import Cast
from tests.crash import scenarios
from tests.crash.conftest import tried
from tests.isolation import catalog
from tests.toys.fixtures import committed, dies_at, server_dies_at, wait_for

__all__ = ["committed"]
TOYS = {"toy", "wink"}


@dataclass(frozen=True)
class Death:
    """Who dies, and when. With a server goes what is not committed: it matters where a step is done and not noted yet."""

    of: str
    at: Callable[[str, Callable[[], object]], bool]
    when: tuple[str, ...]

    def __str__(self) -> str:
        return self.of

    def points(self, kind: str) -> list[str]:
        return [
            point
            for point in sagas.points()
            if point.split(":")[0] == kind and point.rpartition(":")[2] in self.when
        ]


DEATHS = (Death("process", dies_at, sagas.WHEN), Death("server", server_dies_at, ("after",)))


def test_every_kind_of_long_work_and_every_verb_has_a_scenario() -> None:
    known = {point.split(":")[0] for point in sagas.points()} - TOYS
    assert known == {kind for kind, _ in scenarios.SCENARIOS.values()}


@pytest.mark.parametrize("death", DEATHS, ids=str)
@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_killed_in_every_step_it_converges_to_one_effect(
    committed: tuple[Cast, Cast], name: str, death: Death
) -> None:
    """One piece of work dies at each point in turn, and is taken up again where it was."""
    _, neighbour = committed
    before = everything_of(neighbour)
    kind, begin = scenarios.SCENARIOS[name]
    case = begin()
    try:
        for point in death.points(kind):
            assert is_killed(case, point, death), f"{point} was never reached"
            tried[death.of] += 1
            wait_for(lambda: is_free(case))
        wait_for(lambda: [case.go()] and is_over(case))
        case.check()
        assert everything_of(neighbour) == before
        assert list(fleet.problems()) == []
    finally:
        case.end()


def everything_of(neighbour: Cast) -> dict[str, str]:
    tenant = neighbour.tenant
    return catalog.checksums(tenant.schema_name) | catalog.shared_checksums(tenant.id, tenant.client_id)


def is_killed(case: scenarios.Case, point: str, death: Death) -> bool:
    """What waits on its way there, for a mail to leave, is taken up again."""
    for _ in range(5):
        if death.at(point, case.go):
            return True
        wait_for(lambda: is_free(case))
    return False


def is_over(case: scenarios.Case) -> bool:
    return case.id is None or scenarios.now_of(case.id).status == Saga.Status.DONE


def is_free(case: scenarios.Case) -> bool:
    """Whether the database has noticed that the runner died."""
    if case.id is None:
        return True
    with guard.held(sagas.LOCK, case.id) as taken:
        return taken
