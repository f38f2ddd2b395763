"""Nobody makes Smoall's mails carry their own links, or fills a stranger's mailbox with them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.wsgi import get_script_name
from django.test import Client as Browser

from shared_apps.kit import scope
from shared_apps.mail.letter import as_html
from shared_apps.mail.models import Message
from tests.conftest import Cast

APP = "app.smoall.localhost"
FORM = {"company": "Éclair", "country": "BE", "language": "fr", "subdomain": "eclair-bait", "name": "Élodie",
        "email": "stranger@far.test", "terms": "on"}  # fmt: skip
BAIT = (
    "https://evil.test/login", "Blocked! See www.evil.test", "evil.test/pay now",
    "https:\u200b//evil.test", "evil.test\u2060/pay", "\u202enigol/tset.live//:sptth",
)  # fmt: skip


def hrefs(html: str) -> list[str]:
    return re.findall(r'href="([^"]*)"', html)


def test_only_our_own_addresses_become_links(acme: Cast) -> None:
    ours = "http://acme.smoall.localhost:8000/reset/x/"
    body = f"https://evil.test/login\n\nHello www.evil.test,\n\n{ours}\n\nhttps://evilsmoall.localhost/x\n\nhttp://["
    assert hrefs(as_html(Message(subject="x", body=body, language="en"))) == [ours]


@pytest.mark.parametrize("bait", BAIT, ids=ascii)
def test_a_web_address_is_no_name(db: None, acme: Cast, browser: Callable[..., Browser], bait: str) -> None:
    for field in ("company", "name"):
        answer = browser(APP).post("/sign-up/", {**FORM, field: bait})
        assert answer.status_code == 200, field
    inside = browser(acme, acme.owner)
    invited = {"name": bait, "email": "stranger@far.test", "role": 1, "language": "en"}
    assert inside.post("/team/invite/", invited).status_code == 200
    assert inside.post("/me/", {"name": bait, "language": "en"}).status_code == 200
    with scope.shared():
        assert not Message.objects.filter(to_address="stranger@far.test").exists()


def test_a_company_called_like_a_site_is_a_company(db: None, browser: Callable[..., Browser]) -> None:
    assert browser(APP).post("/sign-up/", {**FORM, "company": "Brood.be & Zoon A/S"}).status_code == 302


def test_a_mail_to_a_stranger_quotes_little_of_what_was_typed(
    db: None, browser: Callable[..., Browser]
) -> None:
    browser(APP).post("/sign-up/", {**FORM, "company": "c" * 200, "name": "n" * 200})
    with scope.shared():
        sent = Message.objects.get(to_address="stranger@far.test")
    assert max(len(run[0]) for run in re.finditer(r"c+|n+", f"{sent.subject} {sent.body}")) < 60


def invitations(acme: Cast) -> int:
    with acme.inside():
        return Message.objects.filter(to_address="stranger@far.test").count()


def test_an_invitation_is_mailed_five_times_a_day_however_it_is_asked_for(
    acme: Cast, browser: Callable[..., Browser]
) -> None:
    inside = browser(acme, acme.owner)
    invited = {"name": "Stranger", "email": "stranger@far.test", "role": 1, "language": "en"}

    def place() -> str:
        with acme.inside():
            from shared_apps.accounts.models import User

            return f"/team/{User.objects.get(email='stranger@far.test').id}"

    inside.post("/team/invite/", invited)
    for _ in range(2):
        inside.post(f"{place()}/resend/")
    inside.post(f"{place()}/withdraw/")
    inside.post("/team/invite/", invited)
    assert invitations(acme) == 4
    for _ in range(4):
        inside.post(f"{place()}/resend/")
    assert invitations(acme) == 5
    inside.post(f"{place()}/withdraw/")
    refused = inside.post("/team/invite/", {**invited, "email": "STRANGER@far.test"})
    assert refused.status_code == 200, "the form says why"
    assert invitations(acme) == 5


def test_no_server_variable_moves_the_addresses() -> None:
    assert get_script_name({"SCRIPT_NAME": "/evil"}) == ""


def test_the_web_server_believes_no_forwarded_paths() -> None:
    from gunicorn.config import Config

    from config import web

    settings: Any = Config()
    settings.set("forwarder_headers", web.forwarder_headers)
    assert settings.forwarder_headers == []
