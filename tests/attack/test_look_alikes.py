"""An address that eyes and folding take for another's leads to no mailbox but that other's: nothing is mailed elsewhere,
and what comes back from elsewhere silences nobody.
"""

import smtplib

import pytest
from django.core import mail as django_mail
from django.test import Client as Browser
from django.test import override_settings

from shared_apps.kit import scope
from shared_apps.mail.letter import Letter, letter
from shared_apps.mail.models import Message, Suppression, print_of
from tests.conftest import Cast
from tests.sign_up.conftest import visitor, work
from tests.sign_up.test_find import searched

__all__ = ["visitor"]

# A small raised letter: no table by which programs map domains knows it, yet it folds to a plain one.
ALIKE = "olga@\u1d43cme.test"


def ask(visitor: Browser) -> None:
    """Somebody who holds the look-alike domain asks for "their" workspaces."""
    assert "http://acme.smoall.localhost" in searched(visitor, ALIKE)
    work()


@override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend")
def test_workspaces_are_told_to_the_mailbox_that_they_belong_to(visitor: Browser, acme: Cast) -> None:
    ask(visitor)
    assert [sent.to for sent in django_mail.outbox] == [["olga@acme.test"]]


def test_what_comes_back_is_said_of_the_mailbox_that_was_tried(
    visitor: Browser, acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a smarthost answers that knows no such domain: else any stranger silences any address."""
    tried: list[str] = []

    def refuse(self: Letter, *_: object) -> int:
        tried.extend(self.to)
        raise smtplib.SMTPRecipientsRefused({self.to[0]: (550, b"5.1.2 no such domain")})

    monkeypatch.setattr(Letter, "send", refuse)
    ask(visitor)
    with scope.shared():
        said_of = set(Suppression.objects.values_list("address", flat=True))
    assert said_of == {print_of(address) for address in tried}
    assert tried == ["olga@acme.test"]


def test_ordinary_addresses_are_left_as_they_are(db: None) -> None:
    for address, to in (
        ("Anne.Marie+x@Example.be", "Anne.Marie+x@example.be"),
        ("a@exemplé.be", "a@xn--exempl-gva.be"),
    ):
        made = Message(to_address=address, purpose="accounts.reset", language="fr", subject="x")
        with scope.shared():
            assert letter(made).to == [to]
