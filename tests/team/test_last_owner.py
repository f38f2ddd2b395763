"""Two owners who step down in the same instant: the second is refused, whoever it is."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.utils import timezone

from shared_apps.accounts.models import CannotChange, User
from shared_apps.kit import scope
from shared_apps.kit.module import MEMBER, OWNER
from tests.conftest import TESTER, Cast, _cast

pytestmark = pytest.mark.commits


@pytest.fixture
def two_owners(committing: None) -> Iterator[Cast]:
    """acme with two owners, for real: threads see each other's commits. Put right afterwards."""
    cast = _cast("acme")
    with scope.tenant(cast.id, actor=TESTER):
        User.objects.filter(id=cast.admin.id).update(role=OWNER)
    yield cast
    with scope.tenant(cast.id, actor=TESTER):
        for person in (cast.owner, cast.admin, cast.colleague):
            User.objects.filter(id=person.id).update(role=person.role, deactivated_at=None)


def at_once(cast: Cast, *acts: Callable[[], None]) -> list[str]:
    """Run each in a thread and transaction of its own, from one start; what came of them, sorted."""
    start, outcomes = threading.Barrier(len(acts)), []

    def run(act: Callable[[], None]) -> None:
        try:
            with scope.tenant(cast.id, actor=TESTER):
                start.wait(10)
                act()
            outcomes.append("done")
        except CannotChange:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return sorted(outcomes)


def owners(cast: Cast) -> int:
    with scope.tenant(cast.id):
        return User.objects.owners().count()


def fresh(user: User) -> User:
    found: User = User.objects.get(id=user.id)
    return found


@pytest.mark.parametrize("round", range(5))
def test_of_two_owners_who_step_down_at_once_one_stays(two_owners: Cast, round: int) -> None:
    cast = two_owners
    outcomes = at_once(
        cast,
        lambda: fresh(cast.owner).change_role(MEMBER, by=fresh(cast.owner)),
        lambda: fresh(cast.admin).change_role(MEMBER, by=fresh(cast.admin)),
    )
    assert outcomes == ["done", "refused"]
    assert owners(cast) == 1


@pytest.mark.parametrize("round", range(5))
def test_of_two_owners_who_turn_on_each_other_one_stays(two_owners: Cast, round: int) -> None:
    cast = two_owners
    outcomes = at_once(
        cast,
        lambda: fresh(cast.owner).deactivate(by=fresh(cast.admin), now=timezone.now()),
        lambda: fresh(cast.admin).change_role(MEMBER, by=fresh(cast.owner)),
    )
    assert outcomes == ["done", "refused"]
    assert owners(cast) == 1
