"""P04, P05, P23: every sign-in is one row, closed once with its cause; ended means refused at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import Cause, Session, SignIn, User, close_expired
from shared_apps.accounts.sessions import SessionStore
from shared_apps.kit import scope
from tests.accounts.conftest import NEW, ledger
from tests.conftest import PASSWORD, TESTER, Cast

Open = Callable[..., Browser]
AWAY = 302  # to the sign-in page


def is_in(browser: Browser) -> bool:
    return browser.get("/me/").status_code == 200


def test_P05_signing_out_closes_one_row(acme: Cast, browser: Open) -> None:
    here, elsewhere = browser(acme, acme.colleague), browser(acme, acme.colleague)
    left = here.post("/sign-out/")
    assert left.status_code == AWAY and left.headers["Clear-Site-Data"] == '"cache"'
    assert ledger(acme, acme.colleague) == [("signed_out", True), ("", False)]
    assert not is_in(here)
    assert is_in(elsewhere)


def test_signing_out_twice_changes_nothing_more(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    for _ in range(2):
        here.post("/sign-out/")
    assert ledger(acme, acme.colleague) == [("signed_out", True)]


def test_signing_out_by_a_link_is_refused(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    assert here.get("/sign-out/").status_code == 405
    assert is_in(here)


def test_P05_a_session_that_ran_out_is_closed_at_its_next_request(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    ended = timezone.now() - timedelta(minutes=5)
    with acme.inside():
        Session.objects.exclude(user=None).update(expires_at=ended)
    assert not is_in(here)
    assert not is_in(here)
    assert ledger(acme, acme.colleague) == [("expired", True)]
    with acme.inside():
        assert SignIn.objects.get().signed_out_at == ended, (
            "the moment it ended, not the moment it was noticed"
        )


def test_P05_a_session_that_ran_out_unseen_is_closed_by_the_job_once(acme: Cast, browser: Open) -> None:
    browser(acme, acme.colleague)
    alive = browser(acme, acme.admin)
    with acme.inside():
        Session.objects.filter(user=acme.colleague.id).update(expires_at=timezone.now() - timedelta(hours=1))
        assert close_expired(timezone.now()) == 1
        assert close_expired(timezone.now()) == 0
    assert ledger(acme, acme.colleague) == [("expired", True)]
    assert is_in(alive)


def test_the_job_closes_what_lost_its_session(acme: Cast, browser: Open) -> None:
    browser(acme, acme.colleague)
    with acme.inside():
        Session.objects.all().delete()
        assert close_expired(timezone.now()) == 1
    assert ledger(acme, acme.colleague) == [("expired", True)]


def test_P05_a_changed_password_ends_every_other_session(acme: Cast, browser: Open) -> None:
    here, elsewhere = browser(acme, acme.colleague), browser(acme, acme.colleague)
    stolen = here.cookies["__Host-session"].value
    answer = here.post("/me/password/", {"current": PASSWORD, "password": NEW})
    assert answer.status_code == 302
    assert is_in(here)
    assert not is_in(elsewhere)
    assert ledger(acme, acme.colleague) == [("", False), ("password_changed", True)]
    thief = browser(acme)
    thief.cookies["__Host-session"] = stolen
    assert not is_in(thief), "the key changed with the password"
    here.post("/sign-out/")
    assert ledger(acme, acme.colleague) == [("signed_out", True), ("password_changed", True)]


def test_a_password_that_changed_behind_the_pages_ends_the_session_too(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    with acme.inside():
        person = User.objects.get(id=acme.colleague.id)
        person.set_password(NEW)
        person.save()
    assert not is_in(here)
    assert ledger(acme, acme.colleague) == [("password_changed", True)]


def test_the_present_password_is_asked_for_and_guesses_are_throttled(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    for _ in range(5):
        assert here.post("/me/password/", {"current": "guess", "password": NEW}).status_code == 200
    assert here.post("/me/password/", {"current": PASSWORD, "password": NEW}).status_code == 429
    with acme.inside():
        assert User.objects.get(id=acme.colleague.id).check_password(PASSWORD)


@pytest.mark.parametrize(
    "weak", ["short", "password1234", "colin@acme.test", "Colin Acme 1", "smoall-2026!", "Passwort-Wago", ""]
)
def test_a_weak_password_is_refused(acme: Cast, browser: Open, weak: str) -> None:
    here = browser(acme, acme.colleague)
    assert here.post("/me/password/", {"current": PASSWORD, "password": weak}).status_code == 200
    with acme.inside():
        assert User.objects.get(id=acme.colleague.id).check_password(PASSWORD)


def test_P05_revoking_ones_own_other_session(acme: Cast, browser: Open) -> None:
    lost, here = browser(acme, acme.colleague), browser(acme, acme.colleague)
    with acme.inside():
        first = SignIn.objects.order_by("signed_in_at", "id").first()
    assert first
    assert here.post(f"/me/sessions/{first.id}/revoke/").status_code == 302
    assert not is_in(lost)
    assert is_in(here)
    assert here.post(f"/me/sessions/{first.id}/revoke/").status_code == 302
    assert ledger(acme, acme.colleague) == [("revoked", True), ("", False)]


def test_revoking_the_session_in_use_leads_to_the_sign_in_page(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    with acme.inside():
        mine = SignIn.objects.get()
    assert here.post(f"/me/sessions/{mine.id}/revoke/").headers["Location"] == "/sign-in/"
    assert ledger(acme, acme.colleague) == [("revoked", True)]


def test_revoking_every_other_session(acme: Cast, browser: Open) -> None:
    others, here = [browser(acme, acme.colleague) for _ in range(3)], browser(acme, acme.colleague)
    here.post("/me/sessions/revoke-others/")
    assert [is_in(other) for other in others] == [False] * 3
    assert is_in(here)
    assert [cause for cause, _ in ledger(acme, acme.colleague)] == ["revoked"] * 3 + [""]


def test_anothers_session_is_not_found_among_ones_own(acme: Cast, browser: Open) -> None:
    victim, here = browser(acme, acme.admin), browser(acme, acme.colleague)
    with acme.inside():
        theirs = SignIn.objects.get(user=acme.admin.id)
    assert here.post(f"/me/sessions/{theirs.id}/revoke/").status_code == 404
    assert is_in(victim)


def test_P05_P23_deactivation_is_refused_on_the_very_next_request(acme: Cast, browser: Open) -> None:
    here, owner = browser(acme, acme.colleague), browser(acme, acme.owner)
    owner.post(f"/team/{acme.colleague.id}/deactivate/")
    assert not is_in(here)
    assert ledger(acme, acme.colleague) == [("deactivated", True)]


def test_P23_deactivated_behind_the_pages_is_refused_too(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    with acme.inside():
        User.objects.filter(id=acme.colleague.id).update(deactivated_at=timezone.now())
    assert not is_in(here)


@pytest.mark.parametrize("cause", [Cause.SUSPENDED, Cause.ERASED])
def test_P05_suspension_and_erasure_close_every_session_of_the_workspace(
    acme: Cast, zenith: Cast, browser: Open, cause: Cause
) -> None:
    here, neighbour = browser(acme, acme.colleague), browser(zenith, zenith.colleague)
    browser(acme, acme.owner)
    now = timezone.now()
    with scope.tenant(acme.id, actor=TESTER):
        assert SignIn.close_all(cause, now) == 2
        assert SignIn.close_all(cause, now) == 0
        assert not Session.objects.exists()
    assert not is_in(here)
    assert ledger(acme, acme.colleague) == [(cause.value, True)]
    assert ledger(zenith, zenith.colleague) == [("", False)]
    assert is_in(neighbour)


def test_signing_in_by_a_link_over_an_open_session_closes_that_one(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    with acme.inside():
        ivy = User.invite(
            name="Ivy", email="ivy@acme.test", role=1, language="en", by=acme.owner, now=timezone.now()
        )
        link = ivy.link("invitation")  # type: ignore[arg-type]
    here.post(link, {"name": "Ivy", "password": NEW})
    assert ledger(acme, acme.colleague) == [("signed_out", True)]
    assert ledger(acme, ivy) == [("", False)]


def test_the_database_refuses_a_half_closed_row_and_two_open_rows_of_a_session(acme: Cast) -> None:
    now = timezone.now()
    row = {"user_id": acme.owner.id, "session_hash": "a" * 64, "device": "x", "signed_in_at": now}
    with acme.inside():
        for half in (
            {"signed_out_at": now},
            {"cause": "expired"},
            {"signed_out_at": now, "cause": "whatever"},
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                SignIn.objects.create(**row, **half)
        SignIn.objects.create(**row)
        with pytest.raises(IntegrityError), transaction.atomic():
            SignIn.objects.create(**row)


def test_a_session_that_was_ended_meanwhile_is_never_brought_back(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    key = here.cookies["__Host-session"].value
    with acme.inside():
        slow = SessionStore(key)
        slow["x"] = 1
        SignIn.objects.all().close(Cause.REVOKED, now=timezone.now())
        with pytest.raises(UpdateError):
            slow.save()
        assert not Session.objects.filter(user=acme.colleague.id).exists()
    assert not is_in(here)


def test_a_failed_request_signs_nobody_in(acme: Cast, browser: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger, the session and the answer are one transaction."""
    from shared_apps.accounts import views

    def fail(request: object) -> str:
        raise RuntimeError("after signing in")

    monkeypatch.setattr(views, "back_url", lambda request, calls=[]: calls.append(1) or fail(request))
    here = browser(acme)
    here.raise_request_exception = False
    answer = here.post("/sign-in/", {"email": acme.colleague.email, "password": PASSWORD})
    assert answer.status_code == 500
    monkeypatch.undo()
    assert not is_in(here)


def test_a_visit_prolongs_a_session_once_a_day_and_fourteen_days_without_one_end_it(
    acme: Cast, browser: Open
) -> None:
    here = browser(acme, acme.colleague)
    assert "__Host-session" not in here.get("/me/").cookies, "no write at every visit"
    soon = timezone.now() + timedelta(hours=1)
    with acme.inside():
        Session.objects.filter(user=acme.colleague.id).update(expires_at=soon)
    assert here.get("/me/").cookies["__Host-session"]["max-age"] == 14 * 24 * 3600
    with acme.inside():
        assert Session.objects.get(user=acme.colleague.id).expires_at > soon + timedelta(days=13)


def test_a_session_ends_thirty_days_after_the_sign_in_however_often_somebody_comes(
    acme: Cast, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, now = browser(acme, acme.colleague), timezone.now()
    for days, left in ((13, 14), (26, 4), (28, 2)):
        monkeypatch.setattr(timezone, "now", lambda days=days: now + timedelta(days=days))
        age = here.get("/me/").cookies.get("__Host-session", {"max-age": 0})["max-age"]
        with acme.inside():
            until = Session.objects.get(user=acme.colleague.id).expires_at - now
        assert abs(until - timedelta(days=min(days + 14, 30))) < timedelta(minutes=1)
        assert age in (0, left * 24 * 3600) or abs(age - left * 24 * 3600) < 60
    assert here.get("/me/").status_code == 200
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=30, seconds=1))
    assert here.get("/me/").status_code == 302
    with acme.inside():
        assert SignIn.objects.get().cause == Cause.EXPIRED


def test_the_job_closes_each_sign_in_at_the_moment_its_own_session_ended(acme: Cast, browser: Open) -> None:
    now = timezone.now()
    moments = [now - timedelta(hours=hours) for hours in (3, 2, 1)]
    for moment in moments:
        browser(acme, acme.colleague)
        with acme.inside():
            newest = Session.objects.exclude(user=None).latest("id")
            Session.objects.filter(id=newest.id).update(expires_at=moment)
    with acme.inside():
        assert close_expired(now) == 3
        ended = SignIn.objects.order_by("signed_in_at", "id").values_list("signed_out_at", flat=True)
        assert list(ended) == moments
        assert not Session.objects.filter(expires_at__lte=now).exists()
