"""Addresses that mails come back from: not mailed again, but for what their holder asks for, until lifted."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.mail.delivery import tidy_here
from shared_apps.mail.models import Message, Suppression, print_of
from tests.conftest import Cast
from tests.isolation.conftest import OPS, operator
from tests.mail.conftest import Committed, Inbox, queued, state

pytestmark = pytest.mark.usefixtures("toys")
Open = Callable[..., Browser]
__all__ = ["operator"]
ZOE = "zoe@client.test"


def reasons(where: Cast | None = None) -> list[str]:
    with where.inside() if where else scope.shared():
        return [row.reason for row in Suppression.objects.all()]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("550 no such user", ["bounced"]),
        ("550 5.1.1 no such user", ["bounced"]),
        ("550 5.2.1 disabled", ["bounced"]),
        ("551 Unknown recipient", ["bounced"]),
        ("550 Requested action not taken: that address does not exist", ["bounced"]),
        ("550 mailbox unavailable", []),
        ("550 blocked, no such user of ours would write so", []),
        ("550 administrative prohibition", []),
        ("554 no such user", []),
        ("550 5.1.8 unknown user at the sender's domain", []),
        ("552 5.2.2 full", []),
        ("550 5.7.1 we do not like your server", []),
        ("554 5.7.509 your domain has no DMARC", []),
        ("450 4.2.1 later", []),
    ],
)
def test_a_server_that_knows_no_such_mailbox_ends_it_and_one_that_dislikes_us_does_not(
    committed: Committed, inbox: Inbox, answer: str, expected: list[str]
) -> None:
    acme, zenith = committed
    inbox.refuse_recipient = answer
    queued(acme)
    drain()
    assert (reasons(acme), reasons(zenith), reasons()) == (expected, [], [])


def test_P20_what_came_back_is_not_mailed_again_but_what_is_asked_for_is(
    committed: Committed, inbox: Inbox
) -> None:
    acme, _ = committed
    inbox.refuse_recipient = "550 5.1.1 no such user"
    queued(acme)
    drain()
    inbox.refuse_recipient = ""
    for purpose in ("toys.write", "toys.news", "toys.policy", "toys.reset"):
        queued(acme, purpose=purpose, key=purpose, headers={"X-Toy": purpose})
    drain()
    assert [got["X-Toy"] for got in inbox.mails] == ["toys.reset"]
    with acme.inside():
        assert {row.error for row in Message.objects.filter(state="cancelled")} == {"bounced"}


def test_the_row_holds_a_hash_a_reason_and_a_moment(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    inbox.refuse_recipient = "550 unknown user zoe@client.test"
    queued(acme)
    drain()
    with acme.inside():
        row = Suppression.objects.values().get()
    assert row.keys() == {"id", "address", "reason", "about", "suppressed_at"}
    assert row["address"] == print_of(ZOE) and ZOE not in str(row)


def test_a_complaint_outweighs_a_bounce_and_is_not_forgotten_after_a_year(acme: Cast) -> None:
    now = timezone.now()
    with acme.inside():
        mail.suppress(ZOE, reason="bounced", now=now)
        mail.suppress("yves@client.test", reason="bounced", now=now)
        mail.suppress(ZOE, reason="complained", now=now)
        mail.suppress(ZOE, reason="bounced", now=now)
        assert sorted(reasons(acme)) == ["bounced", "complained"]
        tidy_here(now + timedelta(days=366))
    assert reasons(acme) == ["complained"]


def test_operators_see_how_many_and_lift_one_they_type_everywhere(
    committed: Committed, inbox: Inbox, browser: Open, operator: User
) -> None:
    acme, _ = committed
    for where in (acme, None):
        with where.inside() if where else scope.shared():
            mail.suppress(ZOE, reason="bounced", now=timezone.now())
            mail.suppress("yves@client.test", reason="complained", now=timezone.now())
    here = browser(OPS, operator)
    page = here.get("/mails/").content.decode()
    assert "<dd>1</dd>" in page and print_of(ZOE) not in page
    answer = here.post("/mails/", {"email": "Zoe@client.test"})
    assert answer.status_code == 302 and reasons() == ["complained"]
    with scope.shared():
        assert ZOE not in str(list(Job.objects.values())).lower()
    drain()
    assert reasons(acme) == ["complained"]
    message = queued(acme)
    drain()
    assert state(acme, message).state == Message.State.SENT


def test_what_is_no_address_is_said_and_lifts_nothing(acme: Cast, browser: Open, operator: User) -> None:
    with scope.shared():
        mail.suppress(ZOE, reason="bounced", now=timezone.now())
    assert browser(OPS, operator).post("/mails/", {"email": "zoe"}).status_code == 200
    assert reasons() == ["bounced"]
