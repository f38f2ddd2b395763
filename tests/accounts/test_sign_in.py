"""P04, P09, P12: signing in by e-mail and password, on the host of one's kind alone."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import (
    CannotChange,
    Session,
    SignIn,
    Throttle,
    User,
    device_label,
    fold_email,
)
from shared_apps.kit import scope
from tests.accounts.conftest import AGENT, APP, OPS, ledger
from tests.conftest import PASSWORD, Cast

Open = Callable[..., Browser]
COOKIE = "__Host-session"


def attempt(browser: Browser, email: str, password: str = PASSWORD, **extra: str) -> tuple[int, str]:
    answer = browser.post("/sign-in/", {"email": email, "password": password}, **extra)
    return answer.status_code, answer.content.decode()


def test_P04_each_sign_in_is_exactly_one_row_of_the_ledger(acme: Cast, browser: Open) -> None:
    browser(acme, acme.colleague)
    browser(acme, acme.colleague)
    assert ledger(acme, acme.colleague) == [("", False), ("", False)]
    with acme.inside():
        assert {row.device for row in SignIn.objects.all()} == {"Firefox on Windows"}


def test_a_refused_sign_in_leaves_no_row_and_no_session_of_a_person(acme: Cast, browser: Open) -> None:
    status, _ = attempt(browser(acme), acme.colleague.email, "wrong")
    assert status == 200
    assert ledger(acme, acme.colleague) == []
    with acme.inside():
        assert not Session.objects.exclude(user=None).exists()


def test_P12_throttling_counts_an_account_and_a_forged_address_changes_nothing(
    acme: Cast, browser: Open
) -> None:
    for number in range(5):
        forged = {"HTTP_X_FORWARDED_FOR": f"203.0.113.{number}", "REMOTE_ADDR": f"198.51.100.{number}"}
        attempt(browser(acme), acme.colleague.email, "wrong", **forged)
    fresh = browser(acme)
    answer = fresh.post(
        "/sign-in/", {"email": acme.colleague.email, "password": PASSWORD}, HTTP_X_FORWARDED_FOR="192.0.2.77"
    )
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 31
    assert "Try again after" in answer.content.decode()
    assert attempt(browser(acme), acme.admin.email)[0] == 302, "another account is not slowed down"


def test_the_throttle_reads_one_account_whatever_its_spelling(acme: Cast, browser: Open) -> None:
    spellings = [
        "COLIN@acme.test",
        "colin@ACME.test",
        " colin@acme.test",
        "ｃolin@acme.test",
        "colin@acme.test",
    ]
    for spelling in spellings:
        attempt(browser(acme), spelling, "wrong")
    assert attempt(browser(acme), acme.colleague.email)[0] == 429


def test_waits_grow_up_to_a_quarter_of_an_hour_and_are_forgotten_after_a_day(acme: Cast) -> None:
    now, waits = timezone.now(), []
    with acme.inside():
        for _ in range(12):
            throttle = Throttle.of("x@acme.test", purpose="sign-in", now=now)
            throttle.count(now)
            waits.append((throttle.until - now).total_seconds() if throttle.until else 0)
        assert waits == [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]
        later = now + timedelta(hours=25)
        assert not Throttle.of("x@acme.test", purpose="sign-in", now=later).is_closed(later)


def test_a_right_password_starts_the_count_anew(acme: Cast, browser: Open) -> None:
    for _ in range(4):
        attempt(browser(acme), acme.colleague.email, "wrong")
    assert attempt(browser(acme), acme.colleague.email)[0] == 302
    for _ in range(4):
        assert attempt(browser(acme), acme.colleague.email, "wrong")[0] == 200
    assert attempt(browser(acme), acme.colleague.email)[0] == 302


def without_tokens(body: str, *words: str) -> str:
    """A page without what differs between any two requests."""
    import re

    body = re.sub(r'value="[A-Za-z0-9]{64}"', "", body)
    body = re.sub(r"[A-Za-z0-9]{64}", "", body)
    for word in words:
        body = body.replace(word, "")
    return body


@pytest.mark.parametrize("times", [1, 6])
def test_unknown_known_deactivated_and_invited_accounts_are_answered_alike(
    acme: Cast, browser: Open, times: int
) -> None:
    with acme.inside():
        invited = User.objects.create_user(email="ivy@acme.test", name="Ivy", language="en")
        acme.admin.deactivate(by=acme.owner, now=timezone.now())
    answers = set()
    emails = (acme.colleague.email, "nobody@acme.test", invited.email, acme.admin.email)
    for email in emails:
        password = PASSWORD if email in (invited.email, acme.admin.email) else "wrong"
        for _ in range(times):
            status, body = attempt(browser(acme), email, password)
        answers.add((status, without_tokens(body.split("Try again after")[0], email)))
    assert len(answers) == 1


def test_an_unknown_account_costs_the_same_hash(
    acme: Cast, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.hashers import MD5PasswordHasher

    made: list[str] = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, p, s: made.append(p) or encode(self, p, s))
    for email in (acme.colleague.email, "nobody@acme.test"):
        made.clear()
        attempt(browser(acme), email, "a wrong guess")
        assert made == ["a wrong guess"]


HOSTILE = [
    "",
    "\0",
    "x\0@acme.test",
    "a" * 10_000,
    "é" * 300 + "@x.be",
    "'; DROP TABLE x; --",
    "\u202e@\u2066",
    "𝕔𝕠@x.be",
    b"\xff\xfe@x.be",
]


@pytest.mark.parametrize("email", HOSTILE)
@pytest.mark.parametrize("password", ["", "\0", "p" * 10_000, "🦜" * 500, b"\xff"])
def test_hostile_inputs_are_a_wrong_password(
    acme: Cast, browser: Open, email: str | bytes, password: str | bytes
) -> None:
    body = urlencode({"email": email, "password": password})
    answer = browser(acme).post("/sign-in/", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    with acme.inside():
        assert not SignIn.objects.exists()


def test_a_look_alike_address_is_the_same_account_and_its_mail_goes_to_the_address_on_file(
    acme: Cast,
) -> None:
    assert fold_email("\u212aIM@ACME.TEST") == "kim@acme.test"
    with acme.inside():
        kim = User.objects.create_user(email="Kim@acme.test", name="Kim", language="en")
        assert User.objects.by_email("\u212aim@acme.test") == kim
        assert User.objects.by_email("kím@acme.test") is None, "an accent is another address"


def test_an_address_that_grows_when_folded_is_refused(acme: Cast) -> None:
    with acme.inside(), pytest.raises(CannotChange):
        User.objects.create_user(email="\ufdfa" * 60 + "@x.be", name="Long")


def test_session_fixation_the_key_changes_at_sign_in_and_the_old_one_opens_nothing(
    acme: Cast, browser: Open
) -> None:
    victim = browser(acme)
    victim.get("/sign-in/")
    planted = victim.cookies[COOKIE].value
    attempt(victim, acme.colleague.email)
    assert victim.cookies[COOKIE].value != planted
    attacker = browser(acme)
    attacker.cookies[COOKIE] = planted
    assert attacker.get("/me/").status_code == 302


def test_the_key_is_nowhere_in_the_database(acme: Cast, browser: Open) -> None:
    opened = browser(acme, acme.colleague)
    key = opened.cookies[COOKIE].value
    with acme.inside():
        for row in Session.objects.all():
            assert key not in (row.key_hash, row.data)
        assert not SignIn.objects.filter(session_hash=key).exists()


@pytest.mark.parametrize(
    "next",
    [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "\\\\evil.test",
        "javascript:alert(1)",
        "///evil.test",
        "http:evil.test",
        "/\t/evil.test",
        "https:///evil.test",
        "ftp://acme.smoall.localhost/",
        "/" + "a" * 3000,
    ],
)
def test_next_leads_to_no_other_place(acme: Cast, browser: Open, next: str) -> None:
    answer = browser(acme).post(
        "/sign-in/", {"email": acme.colleague.email, "password": PASSWORD, "next": next}
    )
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/"


def test_next_leads_back_to_the_page_that_was_asked_for(acme: Cast, browser: Open) -> None:
    fresh = browser(acme)
    asked = fresh.get("/me/sessions/?page=2")
    assert asked.headers["Location"] == "/sign-in/?next=%2Fme%2Fsessions%2F%3Fpage%3D2"
    form = fresh.get(asked.headers["Location"]).content.decode()
    assert 'name="next" value="/me/sessions/?page=2"' in form


def test_htmx_requests_are_led_to_sign_in_as_a_whole_page(acme: Cast, browser: Open) -> None:
    answer = browser(acme).get(
        "/me/", HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL="http://acme.smoall.localhost/team/"
    )
    assert answer.headers["HX-Redirect"] == "/sign-in/?next=%2Fteam%2F"


def test_operators_enter_on_ops_alone_and_integrators_on_app_alone(
    acme: Cast, browser: Open, operator: User, integrator: User
) -> None:
    assert attempt(browser(OPS), operator.email)[0] == 302
    assert attempt(browser(APP), integrator.email)[0] == 302
    for host, person in ((APP, operator), (OPS, integrator), (acme, operator), (acme, integrator)):
        status, body = attempt(browser(host), person.email)
        assert (status, "is not right" in body) == (200, True), (host, person.email)
    for host in (APP, OPS):
        assert attempt(browser(host), acme.owner.email)[0] == 200


def test_people_can_not_be_of_a_kind_that_has_no_place_in_a_schema(acme: Cast) -> None:
    with acme.inside(), pytest.raises(ValueError, match="has no place"):
        User.objects.create_user(email="spy@acme.test", name="Spy", kind="operator")
    with scope.shared(actor=acme.owner.as_actor()), pytest.raises(ValueError, match="has no place"):
        User.objects.create_user(email="spy@acme.test", name="Spy")


def test_P08_P09_one_host_only_session_cookie_and_no_other(acme: Cast, browser: Open) -> None:
    opened = browser(acme)
    answer = opened.post("/sign-in/", {"email": acme.colleague.email, "password": PASSWORD})
    assert set(answer.cookies) == {COOKIE}
    cookie = answer.cookies[COOKIE]
    assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")
    assert cookie["samesite"] == "Lax"
    out = opened.post("/sign-out/")
    assert out.cookies[COOKIE].value == ""


def test_P01_the_website_reads_and_sets_no_session(db: None, browser: Open) -> None:
    visitor = browser("smoall.localhost")
    visitor.cookies[COOKIE] = "x" * 43
    assert COOKIE not in visitor.get("/").cookies


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (AGENT, "Firefox on Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
            "Edge on Mac",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.9 secret-build-4711", "Unknown device"),
        ("", "Unknown device"),
        ("\0" * 5000, "Unknown device"),
    ],
)
def test_P12_the_ledger_keeps_a_device_in_a_few_words(agent: str, label: str) -> None:
    assert device_label(agent) == label
