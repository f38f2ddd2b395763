"""Signing in with another e-mail address: proven by the new mailbox, told to the old one."""

from collections.abc import Callable

from django.test import Client as Browser

from shared_apps.accounts.models import User
from shared_apps.mail.models import Message
from tests.conftest import PASSWORD, Cast

Open = Callable[..., Browser]


def ask(acme: Cast, browser: Open, email: str = "colin@new.test", password: str = PASSWORD) -> Browser:
    signed_in = browser(acme, acme.colleague)
    signed_in.post("/me/email/", {"email": email, "current": password})
    return signed_in


def links(acme: Cast) -> list[str]:
    with acme.inside():
        bodies = list(Message.objects.filter(purpose="accounts.email").values_list("body", flat=True))
    lines = [line for body in bodies for line in body.splitlines() if "/email/" in line]
    return ["/email/" + line.split("/email/", 1)[1] for line in lines]


def address(acme: Cast) -> str:
    with acme.inside():
        return str(User.objects.get(pk=acme.colleague.pk).email)


def test_the_new_address_counts_once_its_own_link_was_pressed(acme: Cast, browser: Open) -> None:
    signed_in = ask(acme, browser)
    assert address(acme) == "colin@acme.test"
    [link] = links(acme)
    assert b"colin@new.test" in signed_in.get(link).content
    assert address(acme) == "colin@acme.test", "looking at the page changes nothing"
    assert signed_in.post(link).status_code == 302
    assert address(acme) == "colin@new.test"
    with acme.inside():
        told = Message.objects.get(key__startswith="accounts.email_changed")
    assert told.to_address == "colin@acme.test"
    assert signed_in.post(link).status_code == 404, "once"
    assert (
        browser(acme).post("/sign-in/", {"email": "colin@new.test", "password": PASSWORD}).status_code == 302
    )


def test_it_takes_the_present_password(acme: Cast, browser: Open) -> None:
    ask(acme, browser, password="not this one")
    assert links(acme) == []


def test_an_address_that_is_taken_stays_its_owners(acme: Cast, browser: Open) -> None:
    signed_in = ask(acme, browser, email="OLGA@acme.test")
    [link] = links(acme)
    assert "is here already" in signed_in.post(link, follow=True).content.decode()
    assert address(acme) == "colin@acme.test"


def test_the_link_opens_nothing_in_another_workspace(acme: Cast, zenith: Cast, browser: Open) -> None:
    ask(acme, browser)
    [link] = links(acme)
    assert browser(zenith, zenith.colleague).post(link).status_code == 404
    assert address(acme) == "colin@acme.test"


def test_whoever_holds_the_new_mailbox_alone_changes_nothing_and_learns_nothing(
    acme: Cast, browser: Open
) -> None:
    ask(acme, browser, email="colin@mistyped.test")
    [link] = links(acme)
    for method in ("get", "post"):
        answer = getattr(browser(acme), method)(link)
        assert answer.status_code == 302 and answer["Location"].startswith("/sign-in/")
        assert getattr(browser(acme, acme.admin), method)(link).status_code == 404
    assert address(acme) == "colin@acme.test"
