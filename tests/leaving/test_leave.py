"""The workspace's page: what would happen, the notice, other days, and staying; as an owner lives it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, plus_months
from tenants import departure
from tenants.models import Departure, State
from tests.conftest import Cast
from tests.leaving.conftest import (
    LEAVE,
    fresh,
    kinds,
    mails,
    notice,
    page_of,
    password,
    standing,
    state_of,
    suspend,
    text_of,
)


def day(leaving: Departure, category: str = "data") -> str:
    return f"{LEAVE}{leaving.pk}/{category}/"


def moved(leaving: Departure, on: Any, **changes: Any) -> dict[str, Any]:
    """What the form posts."""
    return {"on": f"{on}", "seen": departure.seen_in(leaving), **password(), **changes}


# --- before -----------------------------------------------------------------------------------------------


def test_the_exact_days_are_shown_before_anything_is_decided(olga: Browser, acme: Cast) -> None:
    page, dates = page_of(olga, LEAVE), departure.foresee(timezone.now())
    for on in (dates.data_on, dates.contacts_on):
        assert f'datetime="{on}"' in page
    assert "/workspace/exports/" in page and "/workspace/erase/" in page
    assert standing(acme) is None and not mails()


@pytest.mark.parametrize("who", ["colleague", "admin"])
def test_only_owners_may_look_and_act(acme: Cast, browser: Callable[..., Browser], who: str) -> None:
    given = notice(acme)
    theirs = browser(acme, getattr(acme, who))
    assert theirs.get(LEAVE).status_code == 403
    for address in (LEAVE, day(given), f"{LEAVE}{given.pk}/withdraw/"):
        assert theirs.post(address, moved(given, day_of(timezone.now()))).status_code == 403
    assert kinds() == ["notice"] and state_of(acme) == State.LEAVING


def test_home_and_the_page_of_erasing_lead_there(olga: Browser, acme: Cast) -> None:
    assert f'href="{LEAVE}"' in page_of(olga, "/workspace/")
    assert f'href="{LEAVE}"' in page_of(olga, "/workspace/erase/")
    notice(acme)
    assert "Notice is given: the data is kept until" in page_of(olga, "/workspace/")


# --- the notice -------------------------------------------------------------------------------------------


def test_the_password_gives_notice_and_the_page_shows_the_days(olga: Browser, acme: Cast) -> None:
    answer = olga.post(LEAVE, password(), follow=True)
    given = standing(acme)
    assert given and given.noticed_by["role"] == "owner" and state_of(acme) == State.LEAVING
    page = text_of(answer)
    assert f'datetime="{given.data_on}"' in page and f'datetime="{given.contacts_on}"' in page
    assert "An owner</strong>" in page and "gave notice" in page
    assert [one.to_address for one in mails()] == ["olga@acme.test"]


@pytest.mark.parametrize("typed", ["", "wrong password here"])
def test_without_the_password_nothing_happens_and_the_typed_days_stay(
    olga: Browser, acme: Cast, typed: str
) -> None:
    on = day_of(timezone.now()) + timedelta(days=40)
    page = text_of(olga.post(LEAVE, {"current": typed, "data_on": str(on)}))
    assert standing(acme) is None and f'value="{on}"' in page and "<details open>" in page


def test_own_days_are_in_force_and_the_promised_ones_stand_beside(olga: Browser, acme: Cast) -> None:
    today = day_of(timezone.now())
    sooner, later = today + timedelta(days=10), plus_months(today, 30)
    page = text_of(olga.post(LEAVE, {**password(), "data_on": sooner, "contacts_on": later}, follow=True))
    given = standing(acme)
    assert given and (given.data_on, given.contacts_on) == (sooner, later)
    assert given.data_promised_on == plus_months(today, 3) and "Promised with the notice" in page
    assert page.count("days-promised") >= 2


@pytest.mark.parametrize(
    ("field", "days", "said"),
    [
        ("data_on", 0, "Choose a day from"),
        ("data_on", 366 * 11, "Choose a day from"),
        ("contacts_on", -1, "Choose a day from"),
        ("contacts_on", 5, "needs them until then"),
    ],
)
def test_a_day_out_of_reach_is_said_at_its_field(
    olga: Browser, acme: Cast, field: str, days: int, said: str
) -> None:
    on = day_of(timezone.now()) + timedelta(days=days)
    page = text_of(olga.post(LEAVE, {**password(), field: str(on)}))
    assert said in page and f'id="id_{field}-error"' in page and f'value="{on}"' in page
    assert standing(acme) is None


def test_a_day_that_is_none_is_refused(olga: Browser, acme: Cast) -> None:
    page = text_of(olga.post(LEAVE, {**password(), "data_on": "31/02/2027"}))
    assert "Enter a valid date" in page and standing(acme) is None


def test_a_second_click_says_that_notice_was_given(olga: Browser, acme: Cast) -> None:
    olga.post(LEAVE, password())
    assert "Notice was given already" in text_of(olga.post(LEAVE, password(), follow=True))
    assert kinds() == ["notice"] and len(mails()) == 1


def test_a_suspended_workspace_leaves_as_well_and_is_suspended_again_when_it_stays(
    acme: Cast, browser: Callable[..., Browser]
) -> None:
    suspend(acme)
    here = browser(acme, acme.owner)
    assert here.post(LEAVE, password()).status_code == 302
    given = standing(acme)
    assert given and state_of(acme) == State.LEAVING
    later = given.data_on + timedelta(days=3)
    assert here.post(day(given), moved(given, later)).status_code == 302
    assert here.post(f"{LEAVE}{given.pk}/withdraw/").status_code == 302
    assert kinds() == ["notice", "day", "withdrawn"] and state_of(acme) == State.SUSPENDED


def test_too_many_guesses_close_the_form(olga: Browser, acme: Cast) -> None:
    statuses = {olga.post(LEAVE, {"current": f"guess number {n}"}).status_code for n in range(8)}
    assert statuses == {200, 429}
    assert olga.post(LEAVE, password()).status_code == 429 and standing(acme) is None


# --- other days -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["data", "contacts"])
def test_a_day_is_moved_and_moved_back(olga: Browser, acme: Cast, category: str) -> None:
    given = notice(acme)
    on = given.day(category) + timedelta(days=9)  # type: ignore[arg-type]
    olga.post(day(given, category), moved(given, on))
    given = fresh(given)
    assert given.day(category) == on  # type: ignore[arg-type]
    page = page_of(olga, LEAVE)
    assert "Back to the promised day" in page and f'value="{on}"' in page
    olga.post(day(given, category), moved(given, "", promised="1"))
    given = fresh(given)
    assert given.day(category) == given.promised(category)  # type: ignore[arg-type]
    assert kinds() == ["notice", "day", "promised"] and len(mails()) == 3


def test_the_password_is_asked_for_each_day_and_what_was_typed_stays(olga: Browser, acme: Cast) -> None:
    given = notice(acme)
    on = given.data_on + timedelta(days=9)
    page = text_of(olga.post(day(given), moved(given, on, current="not this one")))
    assert "This is not your present password" in page and f'value="{on}"' in page
    assert page.count("<details open>") == 1 and kinds() == ["notice"]


def test_the_same_click_twice_is_one_instruction(olga: Browser, acme: Cast) -> None:
    given = notice(acme)
    form = moved(given, given.data_on + timedelta(days=9))
    for _click in range(2):
        assert "The new days stand here" in text_of(olga.post(day(given), form, follow=True))
    assert kinds() == ["notice", "day"] and len(mails()) == 2


def test_a_page_of_before_somebody_elses_choice_changes_nothing_and_says_so(
    olga: Browser, acme: Cast
) -> None:
    given = notice(acme)
    stale = moved(given, given.data_on + timedelta(days=30))
    olga.post(day(given), moved(given, given.data_on + timedelta(days=9)))
    page = text_of(olga.post(day(given), stale, follow=True))
    assert "Other days were chosen meanwhile" in page and kinds() == ["notice", "day"]


def test_contact_details_never_go_before_the_data(olga: Browser, acme: Cast) -> None:
    given = notice(acme)
    page = text_of(olga.post(day(given, "contacts"), moved(given, given.data_on - timedelta(days=1))))
    assert "Choose a day from" in page and kinds() == ["notice"]


def test_an_old_promise_is_not_gone_back_to(olga: Browser, acme: Cast) -> None:
    """Else the data would be due at once, without the hours in which an owner stops an erasure."""
    noticed = timezone.now() - timedelta(days=100)
    given = notice(acme, now=noticed, data_on=day_of(timezone.now()) + timedelta(days=50))
    assert "Back to the promised day" not in page_of(olga, LEAVE)
    page = text_of(olga.post(day(given), moved(given, "", promised="1"), follow=True))
    assert "The promised day is over" in page and kinds() == ["notice"]


def test_unknown_categories_and_anothers_departure_are_not_found(
    olga: Browser, acme: Cast, zenith: Cast
) -> None:
    given, theirs = notice(acme), notice(zenith)
    assert olga.post(f"{LEAVE}{given.pk}/everything/", moved(given, given.data_on)).status_code == 404
    for address in (day(theirs), f"{LEAVE}{theirs.pk}/withdraw/"):
        assert olga.post(address, moved(theirs, theirs.data_on + timedelta(days=2))).status_code == 404
    assert olga.get(day(given)).status_code == 405
    assert state_of(zenith) == State.LEAVING and kinds() == ["notice", "notice"]


# --- staying ----------------------------------------------------------------------------------------------


def test_withdrawing_needs_no_password_and_a_second_click_says_the_same(olga: Browser, acme: Cast) -> None:
    given = notice(acme)
    for _click in range(2):
        answer = olga.post(f"{LEAVE}{given.pk}/withdraw/", follow=True)
        assert "The notice is withdrawn" in text_of(answer)
    assert state_of(acme) == State.ACTIVE and kinds() == ["notice", "withdrawn"]
    with scope.shared():
        entry = LogEntry.objects.filter(table_name="tenants_departure").latest("id")
    assert entry.actor_name == acme.owner.name


def test_a_page_of_an_earlier_notice_withdraws_and_moves_nothing(olga: Browser, acme: Cast) -> None:
    before = notice(acme)
    olga.post(f"{LEAVE}{before.pk}/withdraw/")
    notice(acme)
    assert "notice was given once more" in text_of(olga.post(f"{LEAVE}{before.pk}/withdraw/", follow=True))
    stale = moved(before, before.data_on + timedelta(days=9))
    assert "withdrawn meanwhile" in text_of(olga.post(day(before), stale, follow=True))
    assert state_of(acme) == State.LEAVING and kinds() == ["notice", "withdrawn", "notice"]
