"""P29: a copy made by an older release is restored and brought forward, with everything that was in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from tenant_apps.contacts.models import Attachment, Contact
from tenants import export, restore, sagas, stores
from tenants.keys import KeyStore
from tenants.models import Saga, Snapshot, State, Tenant
from tenants.schemas import snapshot
from tenants.schemas.fingerprint import fingerprint
from tests.conftest import TESTER, make_workspace
from tests.toys.fixtures import committed

__all__ = ["committed"]
LATER = "0.2.0"


@pytest.fixture
def source(committed: Any) -> Tenant:
    """A workspace whose tables hold rows that refer to each other, and a file."""
    with scope.shared():
        label = f"older-{Tenant.objects.count()}-{timezone.now():%H%M%S%f}"
    tenant = make_workspace(label)
    with scope.tenant(tenant.id, actor=TESTER):
        company = Contact.objects.create(kind="company", name="Garage Peeters", city="Liège")
        Contact.objects.create(kind="person", first_name="Éric", last_name='D’"Or,', company=company)
        name = default_storage.save("contacts/a/scan.pdf", ContentFile(b"%PDF scan"))
        Attachment.objects.create(
            contact=company, name="scan.pdf", content_type="application/pdf", size=9, file=name
        )
    return tenant


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch, committed: Any) -> Iterator[None]:
    """A template of this test's own, so that this release's stays as it is."""
    other = UUID(int=1)
    monkeypatch.setattr(snapshot, "TEMPLATE", other)
    yield
    with scope.owner(tenant=other), connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {scope.schema_of(other)} CASCADE")
    with scope.shared(actor=TESTER):
        for tenant in Tenant.objects.filter(release=LATER):
            with scope.owner(tenant=tenant.id), connection.cursor() as cursor:
                cursor.execute(f"DROP SCHEMA {tenant.schema_name} CASCADE")
            stores.purge(tenant.id)
            KeyStore.default().destroy(tenant.id)
            tenant.delete()
        Snapshot.objects.filter(release=LATER).delete()


def written(source: Tenant, folder: Path) -> Path:
    path = folder / "copy.zip"
    with path.open("wb") as file:
        export.write(source.id, file, None, now=timezone.now())
    return path


def restored(path: Path, label: str) -> Tenant:
    with scope.acting(TESTER):
        saga = restore.request(path, None, subdomain=label)
    ended = sagas.run(saga.pk)
    assert (ended.status, ended.error) == (Saga.Status.DONE, "")
    with scope.shared():
        return Tenant.objects.prefetch_related("domains").get(pk=saga.subject)


def refuses_what_says_more_than_it_has(source: Tenant, folder: Path) -> None:
    """A copy of this release's tables with the next one's migrations noted: nobody is let onto the tables."""
    with scope.owner(tenant=source.id, actor=TESTER), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('contacts', '0002_nickname', now())"
        )
    with scope.acting(TESTER):
        saga = sagas.run(
            restore.request(written(source, folder), None, subdomain=f"more-{source.id.hex[-6:]}").pk
        )
    assert saga.status == Saga.Status.FAILED
    assert "can't be brought to release 0.2.0" in saga.error
    assert "column contacts_contact.nickname is missing" in saga.error
    with scope.shared():
        assert not Tenant.objects.filter(pk=saga.subject).exists()


def contents(tenant: Tenant) -> dict[str, list[Any]]:
    """Every row of the tables that both releases have, by the older one's columns, and the files."""
    with scope.shared():
        tables = export.exported_tables(Snapshot.objects.get(release=settings.SMOALL_RELEASE))
    found: dict[str, list[Any]] = {}
    with scope.tenant(tenant.id), connection.cursor() as cursor:
        for table, columns in tables:
            secret = export.secret_columns().get(table, set())  # leaves as something else
            named = ", ".join(f'"{column}"::text' for column in columns if column not in secret)
            cursor.execute(f"SELECT {named} FROM {table} ORDER BY id")
            found[table] = cursor.fetchall()
    found["files"] = [(name, path.read_bytes()) for name, path in export._files(tenant.id)]
    return found


def test_a_copy_of_the_release_before_comes_forward_with_all_its_rows(
    source: Tenant, template: None, tmp_path: Path
) -> None:
    with scope.tenant(source.id, actor=TESTER):
        entries = LogEntry.objects.count()
    before = contents(source)
    path = written(source, tmp_path)
    with override_settings(
        SMOALL_RELEASE=LATER, MIGRATION_MODULES={"contacts": "tests.tenants.later_contacts"}
    ):
        recorded = snapshot.record()
        copy = restored(path, f"copy-{source.id.hex[-6:]}")
        with scope.owner(tenant=copy.id):
            found = fingerprint(copy.schema_name)
        refuses_what_says_more_than_it_has(source, tmp_path)
    with scope.shared():
        first = Snapshot.objects.get(release=settings.SMOALL_RELEASE)
    assert recorded.fingerprint != first.fingerprint
    assert (copy.release, copy.fingerprint, copy.state) == (LATER, recorded.fingerprint, State.ACTIVE)
    assert found == recorded.fingerprint, "its tables are the release's, to the last default"
    after = contents(copy)
    with scope.tenant(copy.id), connection.cursor() as cursor:
        cursor.execute("SELECT name, nickname FROM contacts_contact WHERE city <> ''")
        assert cursor.fetchall() == [("Garage Peeters", "GARAGE PEETERS")]
        assert LogEntry.objects.count() == entries, "loading writes no history"
    # What the release adds of its own, and the mail that tells the owners.
    for name in ("django_migrations", "django_content_type", "mail_message"):
        assert set(after.pop(name)) >= set(before.pop(name))
    assert after == before
    with scope.tenant(copy.id, actor=TESTER), connection.cursor() as cursor:
        cursor.execute("UPDATE contacts_contact SET city = 'Namur' WHERE city <> ''")
        latest = LogEntry.objects.latest("id")
        assert latest.changes == {"city": ["Liège", "Namur"]}
