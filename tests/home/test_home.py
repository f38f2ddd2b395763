"""The first page of a workspace."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.kit import paging
from tenant_apps.contacts.models import Contact
from tests.conftest import Cast


def test_a_new_workspace_says_what_to_begin_with(acme: Cast, browser: Callable[..., Browser]) -> None:
    page = browser(acme, acme.owner).get("/").content.decode()
    assert "Add your first contact" in page
    assert "Invite a colleague" not in page, "there are three people already"


def test_it_counts_contacts_and_shows_what_happened(acme: Cast, browser: Callable[..., Browser]) -> None:
    with acme.inside():
        Contact.objects.create(kind="company", name="Verbeke NV", is_customer=True)
    page = browser(acme, acme.owner).get("/").content.decode()
    assert "Verbeke NV" in page
    assert "Customers" in page


def test_very_many_contacts_are_counted_no_further_than_anybody_wants_to_know(
    acme: Cast, browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST", 3)
    monkeypatch.setattr(paging.counted, "__defaults__", (3,))
    signed_in, now = browser(acme, acme.owner), timezone.now()
    with acme.inside():
        for number in range(3):
            Contact.objects.create(kind="company", name=f"Old {number}", created_at=now - timedelta(days=70))
    assert ">3+" not in (page := signed_in.get("/").content.decode())
    assert page.count("<rect") >= 12
    with acme.inside():
        for number in range(2):
            Contact.objects.create(kind="company", name=f"New {number}", is_customer=True)
    page = signed_in.get("/").content.decode()
    assert ">3+" in page
    assert 0 < page.count("<rect") < 12, "months that the newest three don't fill are left out"


def test_the_number_of_statements_does_not_grow(
    acme: Cast, browser: Callable[..., Browser], statements: Callable[[], Any]
) -> None:
    signed_in = browser(acme, acme.owner)
    with acme.inside():
        Contact.objects.create(kind="company", name="First")
    signed_in.get("/")
    with statements() as few:
        signed_in.get("/")
    with acme.inside():
        for number in range(40):
            Contact.objects.create(kind="company", name=f"Contact {number}")
    with statements() as many:
        signed_in.get("/")
    assert len(many) == len(few)
