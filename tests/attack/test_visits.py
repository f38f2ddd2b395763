"""P22: a visit opens no more and lasts no longer than its grant, its operator's sign-in and business modules."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import Cause, User
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.operators.models import Grant
from tests.conftest import PASSWORD, TESTER, Cast
from tests.operators.conftest import OPS, here, opal
from tests.operators.test_grants import REASON, ask, enter, link

__all__ = ["here", "opal"]
Open = Callable[..., Browser]


@pytest.fixture
def inside(here: Browser, acme: Cast, browser: Open) -> Browser:
    return enter(here, acme, ask(here, acme, "write", 8), browser)


def is_open(inside: Browser) -> bool:
    status = inside.get("/contacts/").status_code
    assert status in (200, 403)
    return status == 200


def test_a_visit_ends_when_its_operator_signs_out(inside: Browser, here: Browser) -> None:
    assert is_open(inside)
    here.post("/sign-out/")
    assert not is_open(inside)


def test_a_visit_of_a_stolen_session_ends_when_that_session_is_ended(
    inside: Browser, here: Browser, opal: User, browser: Open
) -> None:
    elsewhere = browser(OPS, opal)
    assert is_open(inside)
    elsewhere.post("/me/sessions/revoke-others/")
    assert not is_open(inside)


def test_a_visit_does_not_come_back_with_a_reactivated_operator(inside: Browser, opal: User) -> None:
    now = timezone.now()
    with scope.shared(actor=TESTER):
        opal.sign_ins.all().close(Cause.DEACTIVATED, now=now)  # as User.deactivate does
        User.objects.filter(pk=opal.pk).update(deactivated_at=now)
        User.objects.filter(pk=opal.pk).update(deactivated_at=None)
    assert not is_open(inside)


def test_a_link_into_a_workspace_opens_nothing_after_the_operator_signed_out(
    here: Browser, acme: Cast, browser: Open
) -> None:
    made = link(here, ask(here, acme))
    here.post("/sign-out/")
    assert browser(acme).post(urlsplit(made).path).status_code == 404


def test_the_reason_of_a_visit_stands_in_no_history_that_outlives_it(inside: Browser) -> None:
    assert is_open(inside)
    with scope.shared():
        kept = LogEntry.objects.filter(table_name="operators_grant")
        assert kept.exists()
        assert not kept.filter(actor_behalf__contains=REASON).exists()
        assert not [one for one in kept.values_list("changes", flat=True) if REASON in str(one)]
        assert Grant.objects.get().reason == REASON


def test_a_visit_reads_no_history_of_people(inside: Browser, acme: Cast) -> None:
    """An administrator reads who was invited and under which address; that is no business module."""
    with acme.inside(acme.admin):
        person = User.objects.create_user(name="Zephyrine", email="zephyrine@acme.test", password=PASSWORD)
    page = inside.get("/history/")
    assert page.status_code == 200
    assert b"Zephyrine" not in page.content
    assert b"zephyrine@acme.test" not in inside.get(f"/history/accounts/user/{person.pk}/").content
