"""P37: what an instruction may do, and what it may not: no day is a way around the twelve hours of an erasure at once."""

import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from shared_apps.clients.models import Client
from shared_apps.kit import scope, tokens
from shared_apps.kit.dates import BRUSSELS, day_of
from shared_apps.mail.models import Message
from tenants import departure, erasure, export, forgetting, physical, restore, retention, sagas
from tenants.models import CannotAct, Category, Departure, Saga, State, Tenant
from tests.leaving.stage import CONTACT, OLGA, OPAL, Place, again, quiet

__all__ = ["quiet"]
NOW = datetime(2026, 1, 15, 12, tzinfo=BRUSSELS)
PASSPHRASE = "a long sentence to remember"


@pytest.fixture
def place(quiet: None) -> Iterator[Place]:
    with scope.acting(OLGA):
        yield Place.make()


def given(place: Place, now: datetime = NOW, **days: date) -> Departure:
    return departure.give_notice(place.id, now=now, **days)  # type: ignore[arg-type]


def days(one: Departure) -> tuple[date, date]:
    with scope.shared():
        one.refresh_from_db()
    return one.data_on, one.contacts_on


def test_P35_P36_a_notice_sent_to_smoall_counts_from_the_day_on_which_it_came_in(place: Place) -> None:
    """The terms, article 8: not from the day on which an operator gets round to it."""
    for day in (date(2026, 1, 16), date(2025, 11, 14)):
        with pytest.raises(CannotAct, match="Choose a day from"):
            given(place, received_on=day)
    one = given(place, received_on=date(2025, 12, 31))
    assert (
        days(one)
        == (date(2026, 3, 31), date(2026, 12, 31))
        == (
            one.data_promised_on,
            one.contacts_promised_on,
        )
    )
    assert one.noticed_at == NOW, "when it was noted stays known"
    with scope.shared():
        text = Message.objects.get().body
    assert "arrivée le 31 décembre 2025" in text and "31 mars 2026" in text


def test_P37_the_promised_day_again_is_refused_once_it_is_over(place: Place) -> None:
    """Else the data would go at the next quarter of an hour, without the twelve hours and the mail to every owner."""
    one = given(place)
    departure.instruct(one.pk, Category.DATA, date(2027, 6, 1), now=NOW)
    for late in (datetime(2026, 4, 15, 8, tzinfo=BRUSSELS), datetime(2026, 9, 1, tzinfo=BRUSSELS)):
        with pytest.raises(CannotAct, match="from"):
            departure.instruct(one.pk, Category.DATA, None, now=late)
    assert days(one) == (date(2027, 6, 1), date(2027, 6, 1))
    departure.instruct(one.pk, Category.DATA, None, now=datetime(2026, 4, 14, 8, tzinfo=BRUSSELS))
    assert days(one) == (date(2026, 4, 15), date(2027, 1, 15))


def test_P37_contact_details_promised_again_once_that_day_is_over_are_refused_too(place: Place) -> None:
    one = given(place)
    departure.instruct(one.pk, Category.CONTACTS, date(2028, 1, 1), now=NOW)
    with pytest.raises(CannotAct):
        departure.instruct(one.pk, Category.CONTACTS, None, now=datetime(2027, 1, 16, tzinfo=BRUSSELS))
    assert days(one)[1] == date(2028, 1, 1)


def test_the_promised_day_said_again_while_it_stands_changes_nothing_and_mails_nothing(place: Place) -> None:
    one = given(place)
    departure.instruct(one.pk, Category.DATA, None, now=datetime(2026, 4, 15, 23, tzinfo=BRUSSELS))
    assert days(one) == (date(2026, 4, 15), date(2027, 1, 15))


@pytest.mark.parametrize(
    "day", [date(2026, 1, 15), date(2026, 1, 14), date(1, 1, 1), date(2036, 1, 16), date.max]
)
def test_days_out_of_reach_are_refused_and_nothing_is_kept(place: Place, day: date) -> None:
    with pytest.raises(CannotAct, match="Choose a day from"):
        given(place, data_on=day)
    tenant = again(place.tenant)
    assert tenant and tenant.state == State.ACTIVE
    with scope.shared():
        assert not Departure.objects.exists()


def test_P37_contact_details_can_go_soon_after_an_erasure_at_once(place: Place) -> None:
    """The data's day ended with the data: it does not hold the contact details up for three months."""
    now = timezone.now()
    with scope.acting(OPAL):
        erasure.request(place.id, now=now)
    place._destroy(now)
    with scope.shared():
        one = Departure.objects.get()
    assert one.data_on == day_of(now) and one.data_promised_on > one.data_on
    wanted = day_of(now) + timedelta(days=2)
    departure.instruct(one.pk, Category.CONTACTS, wanted, now=now)
    assert days(one)[1] == wanted


def test_P37_what_was_said_of_contact_details_counts_again_once_longer_kept_data_is_erased(
    place: Place,
) -> None:
    now = timezone.now()
    soon = day_of(now) + timedelta(days=20)
    one = given(place, now, contacts_on=soon)
    departure.instruct(one.pk, Category.DATA, day_of(now) + timedelta(days=900), now=now)
    assert days(one)[1] == day_of(now) + timedelta(days=900)
    place._destroy(now)
    assert days(one) == (day_of(now), soon)


def test_nobody_keeps_longer_what_is_being_erased(place: Place) -> None:
    """The instruction would be mailed as accepted, and the details be gone all the same."""
    now = timezone.now()
    place.put("forgetting", now=now)
    with scope.shared():
        one = Departure.objects.get()
    with scope.acting(CONTACT), pytest.raises(CannotAct, match="being erased"):
        departure.instruct(one.pk, Category.CONTACTS, day_of(now) + timedelta(days=500), now=now)
    place.put("erasing_leaving_due", now=now)
    with scope.shared():
        one = Departure.objects.get()
    with pytest.raises(CannotAct, match="being erased"):
        departure.instruct(one.pk, Category.CONTACTS, day_of(now) + timedelta(days=500), now=now)


def test_the_contact_details_wait_until_the_certificate_of_the_data_has_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables in use may hold the certificate up for an hour: the schedule must not take the address away meanwhile."""
    now = timezone.now()
    given(place, now - timedelta(days=400))
    with scope.shared():
        Departure.objects.update(
            data_on=day_of(now) - timedelta(days=1), contacts_on=day_of(now) - timedelta(days=1)
        )
    monkeypatch.setattr(physical, "drop_traces", lambda: physical.Outcome(busy=True, why="in use"))
    retention.enforce(now)
    with scope.shared():
        erase = Saga.objects.get(kind="erase")
    assert sagas.run(erase.pk).status == Saga.Status.WAITING
    retention.enforce(now + timedelta(minutes=15))
    with scope.shared():
        forget = Saga.objects.get(kind="forget")
    assert sagas.run(forget.pk).status == Saga.Status.WAITING
    with scope.shared():
        assert Client.objects.filter(pk=place.client.pk).exists()


class TestComingBack:
    """A client whose data is gone loads its copy: it uses Smoall again, and nothing of it is due (P34)."""

    @pytest.fixture
    def returned(self, place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Departure:
        monkeypatch.setattr(physical, "drop_traces", lambda: physical.Outcome(is_gone=True))
        now = timezone.now()
        made = export.request(place.id, PASSPHRASE, now=now)
        assert made.saga
        sagas.run(made.saga)
        kept = Path(shutil.copy(export.path_of(made), tmp_path))
        one = given(place, now - timedelta(days=200))
        retention.enforce(now)
        with scope.shared():
            saga = Saga.objects.get(kind="erase")
        assert sagas.run(saga.pk).status == Saga.Status.DONE
        back = restore.request(kept, PASSPHRASE, subdomain=f"{place.domain.domain}-b")
        assert sagas.run(back.pk).status == Saga.Status.DONE
        with scope.shared():
            one.refresh_from_db()
        return one

    def test_P34_its_contact_details_have_no_last_day_any_more(
        self, place: Place, returned: Departure
    ) -> None:
        assert returned.returned_at and not returned.contacts_erased_at
        with scope.shared():
            tenant = Tenant.objects.get(client_id=place.client.pk)
            later = timezone.now() + timedelta(days=4000)
            assert list(retention.due(later)) == [] and retention.late(later) == []
        with scope.shared(realm="app"), pytest.raises(tokens.BadToken):
            departure.read_link(departure.contact_link(returned, place.client).rstrip("/").rpartition("/")[2])
        for refused in (
            lambda: departure.instruct(returned.pk, Category.CONTACTS, day_of(later), now=timezone.now()),
            lambda: forgetting.request(returned.pk, now=timezone.now()),
        ):
            with pytest.raises(CannotAct, match="new workspace"):
                refused()
        second = departure.give_notice(tenant.id, now=timezone.now())
        with scope.shared():
            assert departure.of_client(place.client.pk) == second


def test_a_client_whose_details_are_being_erased_comes_back_under_new_ones(place: Place) -> None:
    now: Any = timezone.now()
    place.put("forgetting", now=now)
    with scope.shared():
        assert departure.note_return(place.client.pk, now=now) is False
    place.put("erased", now=now)
    with scope.shared():
        assert departure.note_return(place.client.pk, now=now) is True
