"""Deleting for good: by whoever may, once the name is typed, with the files, without the people who worked there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone

from shared_apps.history.models import LogEntry
from tenant_apps.contacts.models import Attachment, Contact
from tests.conftest import Cast

Maker = Callable[..., Contact]


def test_the_name_must_be_typed(acme: Cast, contact: Maker, browser: Callable[..., Any]) -> None:
    row = contact("Garage Peeters")
    ada = browser(acme, acme.admin)
    for typed in ("", "Garage", "yes"):
        assert (
            b"Nothing was deleted"
            in ada.post(f"/contacts/{row.id}/delete/", {"typed_name": typed}, follow=True).content
        )
    assert ada.get(f"/contacts/{row.id}/delete/").status_code == 405
    assert ada.post(f"/contacts/{row.id}/delete/", {"typed_name": " garage  PEETERS"}).url == "/contacts/"
    with acme.inside():
        assert not Contact.objects.exists()
        last = LogEntry.objects.filter(object_pk=str(row.id)).latest("id")
        assert (last.action, last.object_repr, last.actor_id) == (2, "Garage Peeters", str(acme.admin.id))


def test_files_go_with_the_contact_once_it_is_committed(
    acme: Cast, contact: Maker, browser: Callable[..., Any], django_capture_on_commit_callbacks: Any
) -> None:
    row = contact("Garage Peeters")
    with acme.inside():
        attachment = Attachment.attach(
            row, ContentFile(b"hello", name="note.txt"), by=acme.owner, now=timezone.now()
        )
    file = Path(settings.MEDIA_ROOT) / str(acme.id) / attachment.file.name
    assert file.read_bytes() == b"hello"
    with django_capture_on_commit_callbacks(execute=True):
        browser(acme, acme.admin).post(f"/contacts/{row.id}/delete/", {"typed_name": "Garage Peeters"})
        assert file.exists()
    assert not file.exists()


def test_people_outlive_the_company_where_they_worked(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    person = contact("", last_name="Dupont", company="Ferme du Bois")
    company = person.company
    assert company is not None
    browser(acme, acme.admin).post(f"/contacts/{company.id}/delete/", {"typed_name": "Ferme du Bois"})
    with acme.inside():
        person.refresh_from_db()
        assert person.company is None
        entry = LogEntry.objects.filter(object_pk=str(person.id)).latest("id")
        assert entry.changes == {"company": [str(company.id), None]}


def test_a_member_sees_no_way_to_delete(acme: Cast, contact: Maker, browser: Callable[..., Any]) -> None:
    row = contact("Garage Peeters")
    assert b"/delete/" not in browser(acme, acme.colleague).get(f"/contacts/{row.id}/").content
    assert b"/delete/" in browser(acme, acme.admin).get(f"/contacts/{row.id}/").content
