"""Archiving and restoring: out of the lists and back by one click."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.utils import timezone

from shared_apps.history.models import LogEntry
from tenant_apps.contacts.models import CannotArchive, CannotRestore, Contact
from tests.conftest import Cast

Maker = Callable[..., Contact]


def test_an_archived_contact_comes_back_by_one_click(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage Peeters")
    colin = browser(acme, acme.colleague)
    answer = colin.post(f"/contacts/{row.id}/archive/")
    [message] = get_messages(answer.wsgi_request)
    assert message.extra_tags == f"undo:/contacts/{row.id}/restore/"
    assert b"Garage" not in colin.get("/contacts/").content.partition(b'id="found"')[2]
    assert b"Archived" in colin.get(f"/contacts/{row.id}/").content
    colin.post(f"/contacts/{row.id}/restore/")
    assert b"Garage" in colin.get("/contacts/").content.partition(b'id="found"')[2]


def test_a_verb_that_cannot_act_says_so_and_changes_nothing(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage Peeters")
    with acme.inside():
        with pytest.raises(CannotRestore):
            row.restore(by=acme.owner, now=timezone.now())
        row.archive(by=acme.owner, now=timezone.now())
        with pytest.raises(CannotArchive):
            row.archive(by=acme.owner, now=timezone.now())
    answer = browser(acme, acme.colleague).post(f"/contacts/{row.id}/archive/", follow=True)
    assert b"is archived already" in answer.content


def test_whoever_archives_stands_in_the_history(acme: Cast, contact: Maker) -> None:
    row = contact("Garage Peeters")
    with acme.inside(acme.owner):  # the verb's author counts, not the scope's
        row.archive(by=acme.colleague, now=timezone.now())
        assert LogEntry.objects.latest("id").actor_name == acme.colleague.name


def test_several_are_archived_and_brought_back_together(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    rows = [contact(f"Client {number}") for number in range(3)]
    colin = browser(acme, acme.colleague)
    ticked = {"action": "archive", "id": [str(row.id) for row in rows[:2]], "next": "/contacts/?kind=company"}
    answer = colin.post("/contacts/many/", ticked)
    assert answer.url == "/contacts/?kind=company"
    [message] = get_messages(answer.wsgi_request)
    assert str(message) == "2 contacts are archived."
    with acme.inside():
        assert Contact.objects.active().count() == 1
    undo = message.extra_tags.removeprefix("undo:")
    assert colin.post(undo).status_code == 302
    with acme.inside():
        assert Contact.objects.active().count() == 3


def test_an_undo_is_not_done_by_opening_its_address(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage Peeters")
    colin = browser(acme, acme.colleague)
    assert colin.get(f"/contacts/many/?action=archive&id={row.id}").status_code == 405


def test_a_selection_leads_back_to_this_host_alone(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    row = contact("Garage Peeters")
    sent = {"action": "archive", "id": str(row.id), "next": "//evil.example/"}
    assert browser(acme, acme.colleague).post("/contacts/many/", sent).url == "/"


def test_nothing_ticked_or_nothing_chosen_does_nothing(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    contact("Garage Peeters")
    colin = browser(acme, acme.colleague)
    for sent in ({}, {"action": "destroy"}, {"action": "archive"}, {"action": "archive", "id": "x"}):
        assert colin.post("/contacts/many/", sent).status_code == 302
    assert colin.post("/contacts/many/", {"tag": "x"}).status_code == 404
    with acme.inside():
        assert Contact.objects.active().count() == 1
