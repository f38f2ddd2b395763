"""How mail leaves, by the settings: files, SMTP, or a provider that is told to track nobody."""

from dataclasses import replace
from typing import Any

import pytest
from anymail.exceptions import AnymailRecipientsRefused, AnymailRequestsAPIError
from django.core.mail import get_connection
from django.test import override_settings

from config.env import BadSetting, Env
from config.mail import PROVIDERS, email_settings
from shared_apps.jobs.run import drain
from shared_apps.mail.models import Message, Suppression
from tests.conftest import Cast
from tests.mail.conftest import queued, state

pytestmark = pytest.mark.usefixtures("toys")
KEYS = {"mailgun": "key@mg.client.test", "mailjet": "key:secret", "postmark": "key"}


def settings_for(**changes: Any) -> dict[str, Any]:
    blank: dict[str, Any] = {"email_url": "", "mail_provider": "", "mail_key": ""}
    return email_settings(replace(Env.read(), **(blank | changes)))


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_each_provider_can_be_told_to_track_nobody(acme: Cast, provider: str) -> None:
    """Its interface takes the wish; one that can't would raise AnymailUnsupportedFeature."""
    from shared_apps.mail.letter import letter
    from tests.mail.test_send import send

    found = settings_for(mail_provider=provider, mail_key=KEYS[provider])
    with override_settings(**found), acme.inside():
        assert found["ANYMAIL"]["SEND_DEFAULTS"] == {"track_opens": False, "track_clicks": False}
        backend: Any = get_connection()
        built = backend.build_message_payload(letter(send(purpose="toys.news")), backend.send_defaults)
        said = str(getattr(built, "data", "")) + str(built.serialize_data())
    assert "rack" in said and "List-Unsubscribe" in said


@pytest.mark.parametrize(
    "changes",
    [
        {"mail_provider": "unheard-of", "mail_key": "k"},
        {"mail_provider": "postmark"},
        {"mail_provider": "mailjet", "mail_key": "half"},
        {"mail_provider": "mailgun", "mail_key": "half@"},
        {"mail_provider": "postmark", "mail_key": "k", "email_url": "smtp://server:25"},
    ],
)
def test_a_provider_that_is_unknown_or_half_told_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        settings_for(**changes)


class Refusing:
    """What a provider's backend may say; the error is set by each test."""

    error: Exception

    def __init__(self, *args: object, **kwargs: object) -> None: ...

    def send_messages(self, messages: object) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "expected", "suppressed"),
    [
        (AnymailRecipientsRefused("no zoe@client.test here"), Message.State.FAILED, 1),
        (AnymailRequestsAPIError("the interface is away"), Message.State.QUEUED, 0),
    ],
)
def test_a_provider_that_refuses_the_address_ends_it_and_one_that_is_away_does_not(
    committed: tuple[Cast, Cast], error: Exception, expected: Message.State, suppressed: int
) -> None:
    acme, _ = committed
    Refusing.error = error
    message = queued(acme)
    with override_settings(EMAIL_BACKEND="tests.mail.test_provider.Refusing"):
        drain()
    assert state(acme, message).state == expected
    assert "zoe" not in state(acme, message).error
    with acme.inside():
        assert Suppression.objects.count() == suppressed
