"""P32: a court gets what its order names: contact details, tables, days or one person, and nothing else."""

import csv
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.utils import timezone

from shared_apps.accounts.models import SignIn, User
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.operators.forms_sharing import OrderForm
from shared_apps.sharing import jobs as sharing_jobs
from shared_apps.sharing.models import Order
from tenants import orders
from tenants.keys import KeyStore
from tests.conftest import TESTER, Cast
from tests.operators.conftest import make_operator
from tests.sharing.conftest import made
from tests.sharing.orders import TOMORROW, _files_go, given
from tests.toys.fixtures import committed

__all__ = ["_files_go", "committed"]


def test_P32_contact_details_are_given_and_nothing_else(acme: Cast, otto: User, opal: User) -> None:
    order = made(acme, otto, opal)
    found = json.loads(given(order))
    assert set(found) == {"order", "contact_details"}
    assert found["contact_details"]["contact_email"] == "olga@acme.test"
    raw = b"".join(path.read_bytes() for path in (Path(settings.MEDIA_ROOT) / "shared" / "orders").iterdir())
    assert b"olga@acme.test" not in raw, "no plain byte on the disk"


def test_P32_a_period_gives_the_changes_of_its_days_alone(acme: Cast, otto: User, opal: User) -> None:
    with scope.shared(actor=TESTER):
        client = Client.objects.get(pk=acme.tenant.client_id)
        client.phone = "+32470000000"
        client.save()
    today = timezone.localdate()
    inside = made(acme, otto, opal, period_from=today, period_until=today)
    before = made(
        acme, otto, opal, reference="2", period_from=today - timedelta(9), period_until=today - timedelta(8)
    )
    assert any("phone" in one["changes"] for one in json.loads(given(inside))["changes"])
    assert json.loads(given(before))["changes"] == []


def test_P32_everything_is_the_workspaces_archive_encrypted_to_the_key(committed: tuple[Cast, Cast]) -> None:
    acme, _zenith = committed
    order = made(acme, make_operator("Orla"), make_operator("Oda"), extent="everything")
    archive = zipfile.ZipFile(io.BytesIO(given(order)))
    assert {"shared.json", "rows/accounts_user.csv"} <= set(archive.namelist())
    assert order.size == Path(_place(order)).stat().st_size


def opened(order: Order) -> tuple[zipfile.ZipFile, dict[str, Any]]:
    archive = zipfile.ZipFile(io.BytesIO(given(order)))
    return archive, json.loads(archive.read("scope.json"))


def table(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"rows/{name}.csv").decode())))


def two_contacts(acme: Cast, *, days_ago: int = 0) -> None:
    """Marie with a file, and Paul; the older one was noted so many days ago."""
    contacts = apps.get_model("contacts.Contact")
    with acme.inside():
        marie, _paul = (
            contacts.objects.create(
                kind="person", first_name=first, last_name=last, name=f"{first} {last}", email=email
            )
            for first, last, email in (
                ("Marie", "Dupont", "marie@left.test"),
                ("Paul", "Moulin", "paul@left.test"),
            )
        )
        apps.get_model("contacts.Attachment").objects.create(
            contact=marie, name="scan.txt", content_type="text/plain", size=5,
            file=default_storage.save("contacts/attachments/marie", ContentFile(b"Marie")),
        )  # fmt: skip
        default_storage.save("contacts/attachments/paul", ContentFile(b"Paul"))
        contacts.objects.filter(pk=marie.pk).update(created_at=timezone.now() - timedelta(days=days_ago))


def test_P32_tables_of_chosen_modules_are_given_and_no_others(committed: tuple[Cast, Cast]) -> None:
    acme, _zenith = committed
    two_contacts(acme)
    order = made(
        acme,
        make_operator("Orla"),
        make_operator("Oda"),
        extent="modules",
        selection={"modules": ["contacts"]},
    )
    archive, said = opened(order)
    names = set(archive.namelist())
    tables = {name for name in names if name.startswith("rows/")}
    assert tables and all(name.startswith("rows/contacts_") for name in tables)
    assert names - tables == {
        "scope.json",
        "files/contacts/attachments/marie",
        "files/contacts/attachments/paul",
    }
    assert len(table(archive, "contacts_contact")) == said["rows"]["contacts_contact"] == 2
    assert said["selection"] == {"modules": ["contacts"]}
    assert orders.verify(order.record, KeyStore.default().public_keys())["selection"] == order.selection


def test_P32_a_period_gives_rows_of_its_days_and_the_files_that_these_name(
    committed: tuple[Cast, Cast],
) -> None:
    acme, _zenith = committed
    two_contacts(acme, days_ago=40)
    long_ago = timezone.localdate() - timedelta(days=40)
    order = made(
        acme, make_operator("Orla"), make_operator("Oda"), extent="modules", selection={"modules": ["contacts"]},
        period_from=long_ago - TOMORROW, period_until=long_ago + TOMORROW,
    )  # fmt: skip
    archive, said = opened(order)
    assert [row["last_name"] for row in table(archive, "contacts_contact")] == ["Dupont"]
    assert table(archive, "contacts_attachment") == [] and said["files"] == 0
    assert all(name.startswith("contacts_") for name in said["without_a_date_and_so_not_given"])
    assert not set(said["without_a_date_and_so_not_given"]) & set(said["rows"])


def test_P32_one_person_is_given_and_the_others_are_not(committed: tuple[Cast, Cast]) -> None:
    acme, _zenith = committed
    two_contacts(acme)
    order = made(
        acme, make_operator("Orla"), make_operator("Oda"), extent="person",
        selection={"person": ["Marie Dupont", "marie@left.test"]},
    )  # fmt: skip
    archive, said = opened(order)
    assert [row["email"] for row in table(archive, "contacts_contact")] == ["marie@left.test"]
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Moulin" not in everything and b"paul@left.test" not in everything
    assert archive.read("files/contacts/attachments/marie") == b"Marie" and said["files"] == 1
    assert table(archive, "history_logentry"), "the history of the person's own row too"
    record = orders.verify(order.record, KeyStore.default().public_keys())
    assert "person_sha256" in record["selection"] and "Marie" not in order.record


def test_P32_a_colleagues_own_rows_are_given_with_them(committed: tuple[Cast, Cast], browser: Any) -> None:
    acme, _zenith = committed
    two_contacts(acme)
    with acme.inside(acme.colleague):
        apps.get_model("contacts.Contact").objects.filter(last_name="Moulin").update(city="Gand")
    with acme.inside():
        for person in (acme.colleague, acme.owner):
            SignIn.objects.create(
                user=person, session_hash=person.email, device="Firefox", signed_in_at=timezone.now()
            )
    order = made(
        acme,
        make_operator("Orla"),
        make_operator("Oda"),
        extent="person",
        selection={"person": [acme.colleague.email]},
    )
    archive, _said = opened(order)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Moulin" not in everything, "what they did to others' rows tells of those others"
    assert [row["user_id"] for row in table(archive, "accounts_signin")] == [str(acme.colleague.pk)]
    people = table(archive, "accounts_user")
    assert [row["email"] for row in people] == [acme.colleague.email] and "md5$" not in str(people)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"extent": "modules"}, "Choose tables"),
        ({"extent": "contact", "modules": ["contacts"]}, "Choose tables"),
        ({"extent": "modules", "modules": ["tenants"]}, "valid choice"),
        ({"extent": "person"}, "Name somebody"),
        ({"extent": "person", "person": "Eva"}, "four characters"),
        ({"extent": "everything", "person": "Marie Dupont"}, "Name somebody"),
        ({"extent": "everything", "period_from": "2026-01-01", "period_until": "2026-01-02"}, "Only tables"),
    ],
)
def test_P32_what_narrows_an_order_fits_its_extent(
    acme: Cast, db: None, changes: dict[str, Any], said: str
) -> None:
    typed = {
        "client": "acme", "authority": "T", "reference": "1", "received_on": str(timezone.localdate()), "person": "",
    } | changes  # fmt: skip
    data = QueryDict(mutable=True)
    for name, value in typed.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    with scope.shared():
        form = OrderForm(data, {"document": SimpleUploadedFile("order.txt", b"x")})
        assert not form.is_valid() and said in str(form.errors)


def _place(order: Order) -> str:
    with scope.shared():
        return str(default_storage.path(sharing_jobs.given_name(order)))
