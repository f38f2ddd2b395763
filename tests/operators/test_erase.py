"""Erasing by operators: the typed name, a reason, a number a day for the whole team, and one outcome."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone, translation

from config.env import BadSetting, Env
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from shared_apps.operators import erasures
from tenants import erasure
from tenants.models import CannotAct, Erasure, Saga, State, Tenant
from tests.conftest import TESTER, Cast
from tests.operators.conftest import OPS, again, make_operator, page_of
from tests.toys.fixtures import committed

__all__ = ["committed"]
FORM = {"typed_name": "acme", "reason": "Asked for by letter"}


def erase(browser: Browser, cast: Cast, **changes: str) -> int:
    return browser.post(f"/clients/{cast.tenant.client_id}/erase/", FORM | changes).status_code


def test_the_name_is_typed_and_the_reason_given(here: Browser, acme: Cast) -> None:
    for wrong in ({"typed_name": "zenith"}, {"typed_name": ""}, {"reason": ""}):
        assert erase(here, acme, **wrong) == 200
    assert again(acme.id).state == State.ACTIVE
    assert erase(here, acme) == 302
    tenant = again(acme.id)
    assert (tenant.state, tenant.state_reason) == (State.ERASING, "Asked for by letter")
    with scope.shared():
        asked = Erasure.objects.get()
        assert asked.destroy_at - asked.requested_at == timedelta(hours=12)
        assert asked.requested_by["role"] == "operator" and not asked.with_contacts
        assert Message.objects.filter(purpose="tenants.erasure", to_address="olga@acme.test").exists()
    assert erase(here, acme) == 302, "a second click"
    with scope.shared():
        assert Erasure.objects.count() == 1


def test_it_can_be_cancelled_until_the_destruction_and_the_state_comes_back(
    here: Browser, acme: Cast
) -> None:
    erase(here, acme)
    page = page_of(here, f"/clients/{acme.tenant.client_id}/")
    assert "This client is being erased" in page and "Cancel the erasure" in page
    for _click in range(2):
        here.post(f"/clients/{acme.tenant.client_id}/cancel-erasure/")
    assert again(acme.id).state == State.ACTIVE
    with scope.shared():
        assert Erasure.objects.get().cancelled_at is not None
        assert Saga.objects.get(kind="erase").status == Saga.Status.CANCELLED


def test_an_owners_instruction_is_not_cancelled_by_operators(here: Browser, acme: Cast) -> None:
    with scope.acting(acme.owner.as_actor()):
        erasure.request(acme.id, now=timezone.now())
    page = page_of(here, f"/clients/{acme.tenant.client_id}/")
    assert "Cancel the erasure" not in page
    here.post(f"/clients/{acme.tenant.client_id}/cancel-erasure/")
    assert again(acme.id).state == State.ERASING


@override_settings(SMOALL_ERASURES_PER_DAY=1)
def test_the_days_number_counts_the_whole_team_and_cancelled_ones(
    here: Browser, acme: Cast, zenith: Cast, otto: User, browser: Callable[..., Browser]
) -> None:
    erase(here, acme)
    here.post(f"/clients/{acme.tenant.client_id}/cancel-erasure/")
    other = browser(OPS, otto)
    page = page_of(other, f"/clients/{zenith.tenant.client_id}/erase/")
    assert "Operators may have 1 client erased in 24 hours" in page and "typed_name" not in page
    assert erase(other, zenith, typed_name="zenith") == 302
    assert again(zenith.id).state == State.ACTIVE
    with scope.shared(), scope.acting(TESTER):
        later = timezone.now() + timedelta(hours=24, minutes=1)
        assert erasures.left(later) == 1 and erasures.refusal(later) == ""
        erasures.request(zenith.id, reason="", with_contacts=False, now=later)
    assert again(zenith.id).state == State.ERASING


def test_erasures_that_owners_ask_for_are_not_counted(acme: Cast) -> None:
    now = timezone.now()
    with scope.acting(acme.owner.as_actor()):
        erasure.request(acme.id, now=now)
    with scope.shared():
        assert erasures.left(now + timedelta(seconds=1)) == 5


@override_settings(SMOALL_ERASURES_PER_DAY=0)
def test_a_deployment_may_allow_none(here: Browser, acme: Cast) -> None:
    assert "lets operators erase no client" in page_of(here, f"/clients/{acme.tenant.client_id}/erase/")
    with scope.shared(), pytest.raises(CannotAct):
        erasures.request(acme.id, reason="", with_contacts=False, now=timezone.now())


@pytest.mark.parametrize("value", ["five", "-1", "", "9" * 9])
def test_the_days_number_is_a_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SMOALL_ERASURES_PER_DAY", value)
    with pytest.raises(BadSetting, match="SMOALL_ERASURES_PER_DAY"):
        Env.read()


# --- at the same time ----------------------------------------------------------------------------


@pytest.fixture
def pair(
    committed: tuple[Cast, Cast], browser: Callable[..., Browser]
) -> Iterator[tuple[Cast, Cast, list[Browser]]]:
    """acme, zenith and the signed-in browsers of two operators, all committed and put back afterwards."""
    with translation.override("en"):
        people = [make_operator("Olav"), make_operator("Oona")]
        yield *committed, [browser(OPS, person) for person in people]
    with scope.shared(actor=TESTER):
        Erasure.objects.all().delete()
        for cast in committed:
            Tenant.objects.filter(pk=cast.id).update(state=State.ACTIVE, state_before="", state_reason="")


def at_once(*posts: Callable[[], Any]) -> list[Any]:
    start, answers = Barrier(len(posts)), []

    def post(one: Callable[[], Any]) -> None:
        start.wait()
        try:
            answers.append(one())
        finally:
            connection.close()

    threads = [Thread(target=post, args=(one,)) for one in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.commits
def test_two_operators_who_suspend_and_erase_at_once_leave_one_consistent_state(
    pair: tuple[Cast, Cast, list[Browser]],
) -> None:
    acme, _zenith, (first, second) = pair
    address = f"/clients/{acme.tenant.client_id}"
    for _round in range(3):
        answers = at_once(
            lambda: first.post(f"{address}/suspend/", {"reason": "unpaid"}).status_code,
            lambda: second.post(f"{address}/erase/", FORM).status_code,
        )
        assert answers == [302, 302]
        tenant = again(acme.id)
        assert tenant.state == State.ERASING
        assert tenant.state_before in (State.ACTIVE, State.SUSPENDED)
        second.post(f"{address}/cancel-erasure/")
        assert again(acme.id).state == tenant.state_before
        first.post(f"{address}/resume/")


@pytest.mark.commits
def test_two_operators_who_erase_the_same_client_ask_once(pair: tuple[Cast, Cast, list[Browser]]) -> None:
    acme, _zenith, browsers = pair
    assert at_once(*(lambda one=one: erase(one, acme) for one in browsers)) == [302, 302]
    with scope.shared():
        assert Erasure.objects.count() == 1 and Saga.objects.filter(kind="erase").count() == 1


@pytest.mark.commits
def test_two_operators_at_the_days_last_one_get_one(pair: tuple[Cast, Cast, list[Browser]]) -> None:
    acme, zenith, (first, second) = pair
    with override_settings(SMOALL_ERASURES_PER_DAY=1):
        at_once(lambda: erase(first, acme), lambda: erase(second, zenith, typed_name="zenith"))
    with scope.shared():
        assert Erasure.objects.count() == 1
    assert sorted([again(acme.id).state, again(zenith.id).state]) == [State.ACTIVE, State.ERASING]
