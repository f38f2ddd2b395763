"""A plan's limit is in people, the one number that a workspace publishes; said on the page and by mail in time, never a block."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from billing import limits, subscriptions
from billing.models import Account, Seats, Subscription
from shared_apps.accounts.models import User
from shared_apps.history.models import LogEntry
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.module import MEMBER
from shared_apps.mail.models import Message
from tests.billing.paper import HOME, Paper, deliver, event, ordered
from tests.conftest import PASSWORD, TESTER, Cast


@pytest.fixture
def count(acme: Cast, account: Account, paper: Paper) -> Callable[[int], list[str]]:
    """So many people, and what the mails say that they caused."""
    deliver(event("evt_1", paper.put(ordered(quantity=3))))

    def publish(people: int) -> list[str]:
        from django.utils import timezone

        with scope.shared(actor=TESTER):
            Message.objects.all().delete()
            Seats.publish(acme.tenant.client_id, people, now=timezone.now())
            for _each in range(2):
                limits.announce(acme.tenant.client_id, now=timezone.now())
            assert all(
                "Petite équipe" in one.subject for one in Message.objects.filter(purpose="billing.limits")
            )
            return [one.key.split(":")[3] for one in Message.objects.filter(purpose="billing.limits")]

    return publish


def test_each_crossing_is_told_once_before_and_at_it(count: Callable[[int], list[str]]) -> None:
    assert count(7) == []
    assert count(8) == ["near"]
    assert count(10) == []
    assert count(11) == ["over"]
    assert count(12) == [] and count(9) == []
    assert count(11) == ["over"]


def test_two_that_look_at_the_same_time_say_it_once(
    acme: Cast, count: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read the row before either has written it."""
    with scope.shared():
        read = [Subscription.of(acme.tenant.client_id) for _each in range(2)]
    monkeypatch.setattr(Subscription, "of", lambda client: read.pop() if read else None)
    sent: list[Any] = []
    monkeypatch.setattr("billing.mails.mail.send", lambda **said: sent.append(said))
    assert count(11) == [] and not read and len(sent) == 1


def test_P40_what_follows_from_a_count_names_nobody_of_the_workspace_in_the_shared_tables(
    acme: Cast, account: Account, paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever invites somebody has a job count in their name; what comes of it stands where no erasure finds it."""
    monkeypatch.setattr(subscriptions, "bring_in_line", lambda client, *, now: False)
    deliver(event("evt_1", paper.put(ordered(quantity=3))))
    monkeypatch.setattr(Seats, "of", lambda client: 8)
    with acme.inside(acme.colleague):
        User.objects.create_user(name="New", email="new@acme.test", role=MEMBER, password=PASSWORD)
    drain()
    with scope.shared():
        assert Subscription.objects.get(processor_id="sub_1").room == "near", "it went all the way"
        aligned = Job.objects.get(name="billing.subscriptions.align")
        assert acme.colleague.name not in str(aligned.actor)
        assert not LogEntry.objects.filter(actor_behalf=acme.colleague.name).exists()


@pytest.mark.parametrize(
    ("people", "said"), [(7, ""), (8, "we only say it in time"), (11, "Nothing is closed; the next plan")]
)
def test_the_page_says_what_is_used_of_what(
    acme: Cast, browser: Callable[..., Browser], count: Any, people: int, said: str
) -> None:
    count(people)
    opened = browser(acme, acme.owner)
    page = opened.get(HOME).content.decode()
    assert f"{people} of up to 10" in page and said in page
    assert ("we only say it in time" in page) is (people == 8)
    assert opened.get("/contacts/new/").status_code == 200
