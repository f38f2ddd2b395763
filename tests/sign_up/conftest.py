"""A visitor's browser on app., the form filled in, and the mails that wait in the shared outbox."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from shared_apps.jobs import run
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants.models import SignUp

APP = "app.smoall.localhost"
FORM = {
    "company": "Boulangerie Éclair SRL", "country": "BE", "vat_number": "BE 0403.170.701", "language": "fr",
    "subdomain": "eclair", "name": "Élodie Pain", "email": "elodie@eclair.test", "terms": "on",
}  # fmt: skip


@pytest.fixture
def visitor(db: None, browser: Callable[..., Browser]) -> Browser:
    return browser(APP)


@pytest.fixture
def another(db: None, browser: Callable[..., Browser]) -> Browser:
    return browser(APP)


def mails(purpose: str = "sign_up.confirm") -> list[Message]:
    """In the shared outbox, the oldest first."""
    with scope.shared():
        return list(Message.objects.filter(purpose=purpose).order_by("created_at", "id"))


def link_in(message: Message) -> str:
    """The path of the link on app. in a mail."""
    found = re.search(r"http://app\.smoall\.localhost(/sign-up/\S+)", message.body)
    assert found, message.body
    return found[1]


def sign_ups() -> list[SignUp]:
    with scope.shared():
        return list(SignUp.objects.order_by("created_at"))


def asked(browser: Browser, **changes: Any) -> str:
    """Fill in the form; the path of the mailed link."""
    answer = browser.post("/sign-up/", {**FORM, **changes})
    assert answer.status_code == 302, answer.content.decode()
    return link_in(mails()[-1])


def work() -> None:
    """What the worker does."""
    run.drain()
