"""Factories: contacts of acme as its owner made them, kept without going through a page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from shared_apps.accounts.models import User
from tenant_apps.contacts.models import Contact, Import, Kind
from tests.conftest import Cast

Maker = Callable[..., Contact]


def make(by: User, name: str, *, tags: tuple[str, ...] = (), company: str = "", **fields: Any) -> Contact:
    """In the scope in force: a company, or a person when `first_name` or `last_name` is given."""
    is_person = "first_name" in fields or "last_name" in fields
    contact = Contact(kind=Kind.PERSON if is_person else Kind.COMPANY, name=name, **fields)
    contact.clean()
    contact.keep(tags=tags, company_name=company, by=by, now=timezone.now())
    return contact


@pytest.fixture
def contact(acme: Cast) -> Maker:
    """`contact("Lefèvre SRL", city="Wavre")` stands in acme."""

    def made(name: str = "", **fields: Any) -> Contact:
        with acme.inside():
            return make(acme.owner, name, **fields)

    return made


@pytest.fixture
def foreign(zenith: Cast) -> Contact:
    """The neighbour's contact: its id must open nothing in acme."""
    with zenith.inside():
        return make(zenith.owner, "Secret de Zenith", city="Ailleurs")


def begin(cast: Cast, content: bytes, name: str = "contacts.csv") -> Import:
    with cast.inside(cast.admin):
        return Import.begin(SimpleUploadedFile(name, content), now=timezone.now())


def names(cast: Cast) -> list[str]:
    with cast.inside():
        return list(Contact.objects.values_list("name", flat=True))
