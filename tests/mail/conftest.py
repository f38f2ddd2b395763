"""A real SMTP server, and mails that wait for it."""

import asyncio
import email
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.test import override_settings

from shared_apps.mail.models import Message
from tests.conftest import Cast
from tests.mail.test_send import send
from tests.toys.fixtures import committed, toys

__all__ = ["committed", "toys"]
Committed = tuple[Cast, Cast]


class Inbox:
    """What the server took; `refuse` is its answer to every mail when it is set.

    `breaks_off` ends the connection in the middle of a mail, `takes` are the seconds that it needs for one.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.refuse = ""
        self.refuse_recipient = ""
        self.breaks_off = False
        self.takes = 0.0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(self.takes)
        if self.breaks_off and server.transport:
            server.transport.abort()  # type: ignore[attr-defined]
        if self.refuse or self.breaks_off:
            return self.refuse or "421 gone"
        content: Any = envelope.content
        self.raw.append(content)
        self.recipients.append(envelope.rcpt_tos)
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
