"""The same work on many things at a time: everything is done once, it stops when told, and an error ends it."""

from threading import Lock, current_thread

import pytest

from shared_apps.kit import scope, side_by_side


def doubled(number: int) -> int:
    assert scope.actor_or_none() is None, "a new thread has no author"
    return number * 2


@pytest.mark.parametrize("threads", [2, 5])
def test_each_thing_is_done_once(threads: int) -> None:
    found = dict(side_by_side.each(doubled, range(50), threads=threads, goes_on=lambda: True))
    assert found == {number: number * 2 for number in range(50)}


def test_one_at_a_time_is_in_order_and_in_this_thread() -> None:
    found = list(side_by_side.each(lambda _: current_thread().name, "abc", threads=1, goes_on=lambda: True))
    assert found == [(sign, current_thread().name) for sign in "abc"]


@pytest.mark.parametrize("threads", [1, 3])
def test_it_stops_when_it_is_told(threads: int) -> None:
    done, counting = [0], Lock()

    def work(number: int) -> None:
        with counting:
            done[0] += 1

    found = list(side_by_side.each(work, range(1000), threads=threads, goes_on=lambda: done[0] < 10))
    assert 10 <= len(found) == done[0] < 10 + threads


def test_an_error_of_the_work_ends_everything_and_is_raised() -> None:
    def work(number: int) -> None:
        if number == 5:
            raise ValueError("five")

    with pytest.raises(ValueError, match="five"):
        list(side_by_side.each(work, range(1000), threads=3, goes_on=lambda: True))
