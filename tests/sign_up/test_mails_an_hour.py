"""Who fills in the public forms of app. for strangers is stopped, whatever addresses they take."""

import logging
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from config.env import BadSetting, Env
from shared_apps.accounts.models import HourCounter, Throttle
from shared_apps.kit import scope
from tenants import sign_up
from tenants.models import SignUp, WorkspaceSearch
from tests.sign_up.conftest import FORM, mails

SENTENCE = "Too many people asked for a mail within this hour"


def signs_up(browser: Browser, number: int) -> tuple[int, str]:
    changed = {"subdomain": f"eclair-{number}", "email": f"p{number}@eclair.test"}
    answer = browser.post("/sign-up/", {**FORM, **changed}, headers={"accept-language": "en"})
    return answer.status_code, answer.content.decode()


def searches(browser: Browser, email: str) -> tuple[int, str]:
    answer = browser.post("/find/", {"email": email}, headers={"accept-language": "en"})
    return answer.status_code, answer.content.decode()


@override_settings(SMOALL_SIGN_UP_MAILS_PER_HOUR=3)
def test_the_hours_mails_are_counted_for_everybody_and_both_forms_together(
    visitor: Browser, another: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "smoall"):
        assert signs_up(visitor, 1)[0] == 302
        assert searches(another, "a@stranger.test")[0] == 200
        assert not caplog.records
        assert signs_up(another, 2)[0] == 302
        third = Browser(HTTP_HOST="app.smoall.localhost")
        for status, page in (searches(visitor, "b@stranger.test"), signs_up(third, 3)):
            assert SENTENCE in page
            assert status in (200, 429)
        assert visitor.post("/sign-up/sent/", headers={"accept-language": "en"}).status_code == 429
    with scope.shared():
        assert SignUp.objects.count() == 2, "what was refused left nothing"
        assert WorkspaceSearch.objects.count() == 1
        assert not any("stranger" in text for text in Throttle.objects.values_list("account", flat=True))
    assert len(mails()) == 2
    [alarm] = [record.getMessage() for record in caplog.records if "ALARM" in record.getMessage()]
    assert "3 mails" in alarm and "@" not in alarm


@override_settings(SMOALL_SIGN_UP_MAILS_PER_HOUR=2)
def test_no_hour_holds_more_and_the_next_one_begins_anew(db: None) -> None:
    begin = timezone.now()
    sent: list[timedelta] = []
    with scope.shared(realm="app", actor=sign_up.DOOR):
        for minute in range(0, 200, 5):
            try:
                at = timedelta(minutes=minute)
                sign_up.search(f"p{minute}@stranger.test", language="en", now=begin + at)
                sent.append(at)
            except sign_up.TooManyMails:
                continue
    assert all(
        later - earlier > timedelta(hours=1) - timedelta(minutes=5)
        for earlier, later in zip(sent, sent[2:], strict=False)
    )
    assert len(sent) >= 4, "it opens again by itself"


@override_settings(SMOALL_SIGN_UP_MAILS_PER_HOUR=2)
def test_mails_that_an_address_does_not_get_do_not_count(visitor: Browser) -> None:
    now = timezone.now()
    with scope.shared(realm="app"):
        for _ in range(Throttle.MAILS_A_DAY):
            Throttle.may_mail("olga@acme.test", purpose="find", now=now)
    for _ in range(4):
        status, page = searches(visitor, "olga@acme.test")
        assert status == 200 and SENTENCE not in page
    with scope.shared(realm="app"):
        assert HourCounter("mails to strangers", now=now).total == 0


@pytest.mark.parametrize("value", ["many", "-1", "", "9" * 9])
def test_the_hours_number_is_a_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SMOALL_SIGN_UP_MAILS_PER_HOUR", value)
    with pytest.raises(BadSetting, match="SMOALL_SIGN_UP_MAILS_PER_HOUR"):
        Env.read()
