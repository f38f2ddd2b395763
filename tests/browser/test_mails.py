"""Refusing mails from the link in one, on a phone; choosing on one's own page; an operator mails an address again."""

import pytest

from tests.browser.conftest import Visitors


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_link_refuses_and_takes_it_back_without_signing_in(visitor: Visitors, language: str) -> None:
    zoe = visitor(language, phone=True)
    zoe.page.goto(zoe.world.refuse_url("information", language=language))
    zoe.look("information", dark=True)
    zoe.press("Send me none")
    zoe.sees("You get no general information")
    zoe.look("information-refused")
    zoe.press("Send it to me again")
    zoe.sees("General information by mail")
    zoe.page.goto(zoe.world.refuse_url("policy", language=language))
    zoe.look("policy")
    zoe.press("Don’t use them for that")
    zoe.sees("You opted out of the change")
    zoe.look("policy-opted-out")
    zoe.press("I agree to the change after all")
    zoe.go("app", "/mails/refuse/altered/", status=410)
    zoe.look("void")
    assert zoe.context.cookies() == []


def test_everybody_chooses_on_their_own_page(visitor: Visitors) -> None:
    someone = visitor("fr")
    someone.sign_in("Claire")
    someone.open("/me/")
    box = someone.page.locator("[name=information]")
    assert box.is_checked()
    someone.look("me", dark=True)
    box.uncheck()
    someone.press("Save")
    someone.open("/me/")
    assert not someone.page.locator("[name=information]").is_checked()
    someone.page.locator("[name=information]").check()
    someone.press("Save")


def test_an_operator_sees_how_many_addresses_are_not_mailed(visitor: Visitors) -> None:
    oscar = visitor("en")
    oscar.sign_in("Oscar")
    oscar.open("/mails/")
    oscar.look("mails", dark=True)
    oscar.fill(email="zoe@client.example")
    oscar.press("Mail it again")
    oscar.sees("Smoall itself mails this address. Workspaces do so within a minute.")
