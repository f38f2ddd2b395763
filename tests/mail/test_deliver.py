"""Sending by a real SMTP server: once, checked again at the last moment, later when the server is away."""

import email
import socket
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.test import override_settings
from django.utils import timezone

from shared_apps import mail
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain, run
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.mail.delivery import RETRIES, tidy_here
from shared_apps.mail.models import Message
from tenants.models import State
from tests.conftest import Cast
from tests.jobs.test_run import set_state, together
from tests.mail.test_send import send

pytestmark = pytest.mark.usefixtures("toys")
Committed = tuple[Cast, Cast]


class Inbox:
    """What the server took; `refuse` is its answer to every mail when it is set."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse = ""
        self.refuse_recipient = ""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse:
            return self.refuse
        content: Any = envelope.content
        self.mails.append(email.message_from_bytes(content, EmailMessage, policy=default))
        return "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> Iterator[int]:
    """SMTP is spoken to this port; nobody listens yet."""
    found = free_port()
    smtp = "django.core.mail.backends.smtp.EmailBackend"
    with override_settings(EMAIL_BACKEND=smtp, EMAIL_HOST="127.0.0.1", EMAIL_PORT=found, EMAIL_TIMEOUT=5):
        yield found


@pytest.fixture
def inbox(port: int) -> Iterator[Inbox]:
    found = Inbox()
    server = Controller(found, hostname="127.0.0.1", port=port)
    server.start()
    yield found
    server.stop()


def state(where: Cast, message: Message) -> Message:
    with where.inside():
        return Message.objects.get(pk=message.pk)


def queued(where: Cast, **changes: Any) -> Message:
    with where.inside():
        return send(**changes)


def test_a_mail_arrives_as_text_and_html(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    message = queued(acme, headers={"X-Toy": "1"})
    drain()
    [got] = inbox.mails
    assert (got["Subject"], got["To"], got["X-Toy"]) == ("Hello Zoé & Co", "Zoé <zoe@client.test>", "1")
    assert got["Message-ID"] == f"<{message.pk}@smoall.localhost>"
    text = got.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]
    assert text.startswith("Come <in> & see.\n\nhttps://acme.smoall")
    assert "Come &lt;in&gt;" in got.get_body(("html",)).get_content()  # type: ignore[union-attr]
    sent = state(acme, message)
    assert (sent.state, sent.attempts, sent.body) == (Message.State.SENT, 1, "")


def test_redelivery_of_the_job_sends_once(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    message = queued(acme)
    with scope.shared():
        job = str(Job.objects.get().pk)
    together([lambda: run(job)] * 4)
    run(job)
    with acme.inside():
        from shared_apps.mail.delivery import deliver

        deliver.later(str(message.pk))
    drain()
    assert len(inbox.mails) == 1


def test_a_mail_cancelled_while_it_waits_is_not_sent(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    message = queued(acme)
    with acme.inside():
        assert mail.cancel(key="hello") == 1
    drain()
    assert inbox.mails == []
    assert (state(acme, message).state, state(acme, message).body) == (Message.State.CANCELLED, "")


def test_a_mail_that_is_no_longer_wanted_is_not_sent(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    wanted = "tests.toys.checks.is_wanted"
    no = queued(acme, key="no", wanted=wanted, headers={"X-Toy": "unwanted"})
    yes = queued(acme, key="yes", wanted=wanted)
    drain()
    assert len(inbox.mails) == 1
    assert (state(acme, no).state, state(acme, yes).state) == (Message.State.CANCELLED, Message.State.SENT)


def test_a_mail_of_a_workspace_that_is_being_erased_is_not_sent(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    queued(acme)
    with set_state(acme, State.ERASING):
        drain()
    assert inbox.mails == []


def test_while_the_server_is_away_a_mail_waits_and_is_then_sent_once(committed: Committed, port: int) -> None:
    acme, _ = committed
    message = queued(acme)
    drain()
    waiting = state(acme, message)
    assert (waiting.state, waiting.attempts) == (Message.State.QUEUED, 1)
    assert "Error" in waiting.error or "Refused" in waiting.error
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        assert drain() == 0
        assert drain(now=timezone.now() + timedelta(minutes=2)) == 1
        assert drain(now=timezone.now() + timedelta(days=9)) == 0
    finally:
        server.stop()
    assert len(inbox.mails) == 1
    assert state(acme, message).state == Message.State.SENT


def test_a_server_that_never_answers_does_not_hold_a_worker(committed: Committed, port: int) -> None:
    acme, _ = committed
    message = queued(acme)
    with socket.create_server(("127.0.0.1", port)), override_settings(EMAIL_TIMEOUT=0.3):
        began = timezone.now()
        drain()
    assert timezone.now() - began < timedelta(seconds=5)
    assert state(acme, message).state == Message.State.QUEUED


@pytest.mark.parametrize(
    ("data", "recipient", "expected", "code"),
    [
        ("554 spam", "", Message.State.FAILED, "SMTPDataError 554"),
        ("451 later", "", Message.State.QUEUED, "SMTPDataError 451"),
        ("", "550 no zoe@client.test here", Message.State.FAILED, "SMTPRecipientsRefused 550"),
        ("", "450 zoe@client.test is busy", Message.State.QUEUED, "SMTPRecipientsRefused 450"),
    ],
)
def test_a_refusal_for_good_ends_it_and_one_for_now_does_not(
    committed: Committed, inbox: Inbox, data: str, recipient: str, expected: Message.State, code: str
) -> None:
    acme, _ = committed
    inbox.refuse, inbox.refuse_recipient = data, recipient
    message = queued(acme)
    drain()
    assert (state(acme, message).state, state(acme, message).error) == (expected, code)


def test_a_mail_that_no_attempt_delivers_has_failed(committed: Committed, port: int) -> None:
    acme, _ = committed
    message = queued(acme)
    assert drain(now=timezone.now() + timedelta(days=9)) == RETRIES + 1
    assert (state(acme, message).state, state(acme, message).body) == (Message.State.FAILED, "")


def test_a_crash_before_it_is_noted_repeats_the_same_message_id(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    queued(acme)
    with patch("shared_apps.mail.delivery._close", side_effect=SystemError):
        drain()
    drain(now=timezone.now() + timedelta(minutes=5))
    assert len(inbox.mails) == 2
    assert len({got["Message-ID"] for got in inbox.mails}) == 1


def test_sixteen_threads_send_each_mail_once_in_its_tenants_words(committed: Committed, inbox: Inbox) -> None:
    for where in committed:
        for number in range(8):
            words = {"name": where.host, "text": "", "url": ""}
            queued(where, key=str(number), to=f"{number}@{where.host}", name="", context=words)
    with scope.shared():
        jobs = [str(id) for id in Job.objects.values_list("pk", flat=True)]
    together([lambda: [run(job) for job in jobs] and None] * 16)
    expected = sorted(f"{number}@{where.host}" for number in range(8) for where in committed)
    assert sorted(got["To"] for got in inbox.mails) == expected
    assert all(got["To"].endswith(got["Subject"].removeprefix("Hello ")) for got in inbox.mails)


def test_purging_removes_the_shared_outboxs_mails_about_a_client(committed: Committed, inbox: Inbox) -> None:
    gone, stays = uuid7(), uuid7()
    with scope.shared():
        send(key="a", about=gone)
        send(key="b", about=stays)
        last: UUID = send(key="c", about=gone, purpose="toys.play").pk
    assert mail.purge(gone, keep=["toys.play"]) == 1
    with scope.shared():
        assert set(Message.objects.values_list("key", flat=True)) == {"b", "c"}
        assert Message.objects.filter(pk=last).exists()
    drain()
    assert len(inbox.mails) == 2


def test_old_mails_are_forgotten_and_stranded_ones_sent_after_all(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    queued(acme)
    drain()
    stranded = queued(acme, key="stranded")
    with scope.shared():
        Job.objects.all().delete()
    with acme.inside():
        tidy_here(timezone.now() + timedelta(days=29))
        assert Message.objects.count() == 2
    drain()
    assert state(acme, stranded).state == Message.State.SENT
    with acme.inside():
        tidy_here(timezone.now() + timedelta(days=31))
        assert Message.objects.count() == 0
