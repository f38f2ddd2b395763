"""P06, P07: what happens to people is in the history with its author, and never a password."""

from collections.abc import Callable

from django.test import Client as Browser

from shared_apps.accounts.models import Purpose, User
from shared_apps.history.models import LogEntry
from tests.accounts.conftest import NEW
from tests.conftest import PASSWORD, Cast

Open = Callable[..., Browser]


def authors(cast: Cast, person: User) -> list[str]:
    with cast.inside():
        entries = LogEntry.objects.filter(object_pk=str(person.id)).order_by("timestamp", "id")
        return [entry.actor_id for entry in entries]


def test_a_person_who_changes_a_password_is_its_author_and_the_hash_is_nowhere(
    acme: Cast, browser: Open
) -> None:
    person = acme.colleague
    before = len(authors(acme, person))
    browser(acme, person).post("/me/password/", {"current": PASSWORD, "password": NEW})
    with acme.inside():
        link = User.objects.get(id=person.id).link(Purpose.RESET)
    browser(acme).post(link, {"password": "nine calm otters swim"})
    assert authors(acme, person)[before:] == [str(person.id)] * 2
    with acme.inside():
        hashes = set(User.objects.values_list("password", flat=True))
        written = " ".join(str(row) for row in LogEntry.objects.values())
    assert not any(hash in written for hash in hashes)


def test_an_administrators_changes_carry_the_administrator(acme: Cast, browser: Open) -> None:
    here, before = browser(acme, acme.admin), len(authors(acme, acme.colleague))
    here.post(f"/team/{acme.colleague.id}/role/", {"role": 2})
    here.post(f"/team/{acme.colleague.id}/deactivate/")
    assert authors(acme, acme.colleague)[before:] == [str(acme.admin.id)] * 2
