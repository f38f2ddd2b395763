"""Sending by a real SMTP server: once, checked again at the last moment, later when the server is away."""

import os
import signal
import socket
from datetime import timedelta
from unittest.mock import patch
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from shared_apps import mail
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain, run
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.mail import delivery
from shared_apps.mail.delivery import RETRIES, tidy_here
from shared_apps.mail.models import Message
from tenants.models import State
from tests.jobs.test_run import set_state, together
from tests.mail.conftest import Committed, Inbox, queued, state
from tests.mail.test_send import send

pytestmark = pytest.mark.usefixtures("toys")


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


def test_what_fails_after_a_mail_has_left_does_not_send_it_again(
    committed: Committed, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(message: Message) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    acme, _ = committed
    message = queued(acme)
    with patch.object(delivery, "watchers", [*delivery.watchers, broken]):
        drain()
    assert len(inbox.mails) == 1 and state(acme, message).state == Message.State.SENT
    with scope.shared():
        assert Job.objects.get().state == Job.State.DONE
    assert "ALARM: what follows from a mail" in caplog.text


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


def test_P17_a_purpose_that_left_the_register_while_its_mail_waited_sends_nothing(
    committed: Committed, inbox: Inbox
) -> None:
    """As when the door at the queueing had let it in."""
    acme, _ = committed
    with patch("shared_apps.mail.sending.mail_class", return_value="service"):
        message = queued(acme, purpose="toys.unheard-of")
    drain()
    assert inbox.mails == []
    assert (state(acme, message).state, state(acme, message).error) == (
        Message.State.FAILED,
        "UnknownPurpose",
    )


def test_killed_between_the_servers_yes_and_the_commit_it_comes_twice_under_one_message_id(
    committed: Committed, inbox: Inbox
) -> None:
    """Whoever reads mail by its Message-ID shows it once; the outbox knows it as sent once."""
    acme, _ = committed
    message = queued(acme)
    with scope.shared():
        job = Job.objects.get()
    connection.close()  # a child must not speak on its parent's connection
    child = os.fork()
    if child == 0:
        try:
            with patch(
                "shared_apps.mail.delivery._close",
                side_effect=lambda *_: os.kill(os.getpid(), signal.SIGKILL),
            ):
                run(str(job.pk))
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert state(acme, message).state == Message.State.QUEUED
    with scope.shared():
        Job.objects.update(started_at=timezone.now() - timedelta(minutes=1))
    run(str(job.pk))
    run(str(job.pk))
    assert [got["Message-ID"] for got in inbox.mails] == [f"<{message.pk}@smoall.localhost>"] * 2
    assert state(acme, message).state == Message.State.SENT


def test_each_failure_waits_longer_than_the_one_before(committed: Committed, port: int) -> None:
    acme, _ = committed
    queued(acme)
    waits = []
    for _attempt in range(5):
        with scope.shared():
            Job.objects.update(run_after=timezone.now())
        drain()
        with scope.shared():
            waits.append(Job.objects.get().run_after - timezone.now())
    assert waits == sorted(waits) and waits[-1] > 4 * waits[0]


def test_a_server_that_hangs_up_or_dawdles_gets_the_mail_later(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    message = queued(acme)
    inbox.breaks_off = True
    drain()
    inbox.breaks_off, inbox.takes = False, 1.0
    with override_settings(EMAIL_TIMEOUT=0.2):
        drain(now=timezone.now() + timedelta(minutes=5))
    assert state(acme, message).state == Message.State.QUEUED and state(acme, message).attempts >= 2
    inbox.takes = 0.0
    drain(now=timezone.now() + timedelta(hours=1))
    assert state(acme, message).state == Message.State.SENT
    assert len({got["Message-ID"] for got in inbox.mails}) == 1


@pytest.mark.parametrize(
    "name", ["Zoé Œuvrard-Müller", "Ζωή 中文 🙂", "é" * 200, 'a "b" <c@evil.test>, d', "=?utf-8?q?x?="]
)
def test_names_of_every_script_arrive_as_they_are_and_make_no_other_recipient(
    committed: Committed, inbox: Inbox, name: str
) -> None:
    acme, _ = committed
    queued(acme, name=name)
    drain()
    [got] = inbox.mails
    assert inbox.recipients == [["zoe@client.test"]]
    [to] = got["To"].addresses
    assert to.addr_spec == "zoe@client.test"
    assert to.display_name == ("x" if name.startswith("=?") else name)


def test_a_very_long_subject_and_eight_bits_pass_a_server_that_knows_seven(
    committed: Committed, inbox: Inbox
) -> None:
    acme, _ = committed
    long = "Où êtes-vous ? " * 40
    queued(acme, context={"name": long, "text": "é" * 5000, "url": "https://acme.smoall.localhost/"})
    drain()
    [raw], [got] = inbox.raw, inbox.mails
    assert raw.isascii() and max(map(len, raw.splitlines())) < 998
    assert got["Subject"].strip() == f"Hello {long}"[:300].strip()
    assert "é" * 5000 in got.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_domain_with_accents_is_written_as_servers_know_it(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    queued(acme, to="zoe@société.test")
    drain()
    assert inbox.recipients == [["zoe@xn--socit-esab.test"]]


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
