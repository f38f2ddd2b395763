"""Who only looks leaves no row, and their forms are as safe as everybody's (P08, P09, I6)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.middleware.csrf import _unmask_cipher_token
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts import sessions
from shared_apps.accounts.models import Session, SignIn
from shared_apps.kit import scope
from tests.accounts.conftest import APP, OPS
from tests.accounts.test_access import COOKIE, strict, token_in
from tests.conftest import PASSWORD, Cast

Open = Callable[..., Browser]
SIGN_IN = "/sign-in/"


def rows(cast: Cast) -> int:
    with scope.shared():
        shared = Session.objects.count()
    with cast.inside():
        return shared + Session.objects.count()


def attempt(browser: Browser, token: str) -> int:
    """403 for a token that is refused; 200 for a password that is."""
    body = {"email": "olga@acme.test", "password": "wrong", "csrfmiddlewaretoken": token}
    return int(browser.post(SIGN_IN, body).status_code)


def test_looking_at_forms_and_failing_at_one_writes_no_row(acme: Cast) -> None:
    before = rows(acme)
    for host, pages in (
        (acme.host, (SIGN_IN, "/forgot/", "/", "/contacts/", "/nowhere/")),
        (APP, ("/", "/find/", SIGN_IN, "/sign-up/")),
        (OPS, (SIGN_IN, "/forgot/")),
    ):
        for page in pages:
            strict(host).get(page)
        here = strict(host)
        for page in pages:
            here.get(page)
        assert attempt(here, token_in(here, SIGN_IN)) == 200
    assert rows(acme) == before


def test_P09_a_visitor_has_one_cookie_that_says_nothing_and_no_token_in_it(acme: Cast) -> None:
    here = strict(acme)
    token = token_in(here, SIGN_IN)
    assert set(here.cookies) == {COOKIE}
    kept = here.cookies[COOKIE]
    assert (kept["path"], kept["domain"], kept["httponly"], kept["secure"]) == ("/", "", True, True)
    assert kept["max-age"] == int(sessions.VISITORS_AGE.total_seconds())
    assert _unmask_cipher_token(token) not in kept.value


def test_a_page_without_a_form_sets_no_cookie(acme: Cast) -> None:
    here = strict(acme)
    here.get("/")  # leads to the sign-in page
    assert not here.cookies


def test_a_visitors_token_lives_as_long_as_the_page_and_is_the_same_on_every_page(
    acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = strict(acme)
    first, second = token_in(here, SIGN_IN), token_in(here, "/forgot/")
    assert _unmask_cipher_token(first) == _unmask_cipher_token(second)
    assert attempt(here, first) == 200
    monkeypatch.setattr(sessions, "VISITORS_AGE", timedelta(seconds=-1))
    assert attempt(here, first) == 403
    monkeypatch.undo()
    assert attempt(here, token_in(here, SIGN_IN)) == 200


@pytest.mark.parametrize("source", ["zenith", APP, OPS])
def test_I6_a_visitors_cookie_and_token_are_worth_nothing_on_another_host(
    acme: Cast, zenith: Cast, source: str
) -> None:
    there = strict(zenith if source == "zenith" else source)
    token = token_in(there, SIGN_IN)
    here = strict(acme)
    here.cookies[COOKIE] = there.cookies[COOKIE].value
    assert attempt(here, token) == 403
    own = strict(acme)
    token_in(own, SIGN_IN)
    assert attempt(own, token) == 403, "nor beside a cookie of this host"


@pytest.mark.parametrize(
    "made",
    [
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: "x" + key,
        lambda key: key.rsplit(":", 1)[0] + ":",
        lambda key: "::",
        lambda key: "\ud800:1:x",
        lambda key: signing.TimestampSigner().sign("a" * 32),
    ],
)
def test_a_key_that_was_not_given_out_here_is_no_session(acme: Cast, made: Callable[[str], str]) -> None:
    here = strict(acme)
    token_in(here, SIGN_IN)
    with acme.inside():
        store = sessions.SessionStore(made(here.cookies[COOKIE].value))
        assert dict(store.items()) == {}
        assert store.session_key is None


def test_whoever_signs_in_gets_a_key_that_nobody_had_before(acme: Cast) -> None:
    here = strict(acme)
    token = token_in(here, SIGN_IN)
    visitors = here.cookies[COOKIE].value
    body = {"email": acme.owner.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert here.post(SIGN_IN, body).status_code == 302
    assert here.cookies[COOKIE].value != visitors
    assert here.get("/me/").status_code == 200
    with acme.inside():
        [signed_in] = SignIn.objects.open()
        assert Session.objects.get(user=acme.owner.id).key_hash == signed_in.session_hash
    thief = strict(acme)
    thief.cookies[COOKIE] = visitors
    assert thief.get("/me/").status_code == 302


def test_the_row_comes_with_the_first_thing_that_is_to_be_kept(acme: Cast) -> None:
    here = strict(acme)
    token = token_in(here, SIGN_IN)
    with acme.inside():
        store: Any = sessions.SessionStore(here.cookies[COOKIE].value)
        store["asked"] = "x"
        store.save()
        assert Session.objects.get(key_hash=store.hash).expires_at <= timezone.now() + sessions.VISITORS_AGE
        kept = sessions.SessionStore(store.session_key)
        assert kept["asked"] == "x"
    here.cookies[COOKIE] = store.session_key
    assert attempt(here, token) == 200, "forms that stand open keep their token"


def test_a_visitor_costs_no_query_for_a_session(acme: Cast, statements: Any) -> None:
    here = strict(acme)
    token_in(here, SIGN_IN)
    with statements() as sent:
        here.get(SIGN_IN)
    assert not [query for query in sent.captured_queries if "accounts_session" in query["sql"]]
