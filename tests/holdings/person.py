"""Somebody planted everywhere that a person may be, and the ways to have them erased and to look for what is left."""

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.core.files.base import ContentFile
from django.utils import timezone

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.mail.models import Message
from tenants import persons, sagas
from tenants.models import Saga
from tests.conftest import Cast
from tests.isolation import catalog
from tests.isolation.test_erasure_canary import in_files, in_queue

PAGE = "/workspace/erase-person/"
FIRST, LAST = "Quirijnella", "Wezembeekster"
NAME, EMAIL, PHONE = f"{FIRST} {LAST}", "quirijnella@wezembeekster.test", "+32 475 86 42 13"
IBAN = "BE68539007547034"
WORDS = (FIRST, LAST, "86 42 13", "475864213", IBAN)


def contacts() -> Any:
    return apps.get_model("contacts.Contact")


def plant(cast: Cast) -> Any:
    """A contact everywhere that a person may be: own record, somebody's notes, a tag, files, mails, history, outbox."""
    attachment, tag = apps.get_model("contacts.Attachment"), apps.get_model("contacts.Tag")
    with cast.inside():
        gone = contacts().objects.create(
            kind="person", first_name=FIRST, last_name=LAST, email=EMAIL, phone=PHONE, iban=IBAN,
            street=f"{LAST}straat 1", notes=f"Met {FIRST} in May.", job_title="Buyer",
        )  # fmt: skip
        gone.email = f"old.{EMAIL}"
        gone.save()
        gone.email = EMAIL
        gone.save()
        firm = contacts().objects.create(kind="company", name="Bakery", notes=f"Ask {NAME.upper()} first.")
        firm.tags.set(tag.named([f"Friends of {NAME}"]))
        firm.save()
        attachment.objects.create(
            contact=gone, name=f"{NAME}.pdf", content_type="application/pdf", size=9,
            file=ContentFile(f"%PDF {NAME}".encode(), name="x.pdf"),
        )  # fmt: skip
        attachment.objects.create(
            contact=firm, name=f"Letter to {NAME}.pdf", content_type="application/pdf", size=9,
            file=ContentFile(b"%PDF", name="y.pdf"),
        )  # fmt: skip
        lost = contacts().objects.create(kind="company", name="Gone", notes=f"{NAME} was here")
        lost.delete()
        mail.send(
            purpose="accounts.reset", to=EMAIL, name=NAME, language="en", template="accounts/mail/reset",
            context={"person": User(name=NAME), "link": "http://x.test"}, key="to-them",
        )  # fmt: skip
        Message.objects.create(
            purpose="accounts.reset", to_address="bob@x.test", language="en", subject=f"About {NAME}",
            body=f"Dear {NAME},", key="about",
        )  # fmt: skip
        mail.refuse("information", to=EMAIL, now=timezone.now())
    return gone


def found(row: Any) -> persons.Person:
    person = persons.find(row._meta.label, row.pk)
    assert person is not None
    return person


def ask(cast: Cast, row: Any, *, delay: timedelta = timedelta(0)) -> Saga:
    with cast.inside():
        return persons.request(
            found(row), tenant_id=cast.id, by=cast.owner.pk, now=timezone.now(), delay=delay
        )


def erase(cast: Cast, row: Any) -> Saga:
    saga = sagas.run(ask(cast, row).pk)
    assert (saga.status, saga.error) == (Saga.Status.DONE, "")
    return saga


def everywhere(cast: Cast, word: str) -> list[str]:
    """Rows of the workspace's schema, shared rows about it, files and queue entries that hold the word."""
    shared = (str(cast.id), str(cast.tenant.client_id))
    rows = [
        row
        for row in catalog.holding(word)
        if row.startswith(cast.tenant.schema_name) or any(one in row for one in shared)
    ]
    return rows + in_files(word) + in_queue(word)


def is_of(neighbour: Cast, row: str) -> bool:
    return neighbour.tenant.schema_name in row or str(neighbour.id) in row
