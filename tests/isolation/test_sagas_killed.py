"""I11: making, exporting, restoring and erasing a client, killed at every point of death, converge with one effect.

The points come from the sagas themselves: a new step enters by itself. Each is a real SIGKILL of a process of its own
(a fork: a fresh interpreter at each of the points would take minutes), and another process goes on.
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs import guard
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import certificate, erasure, export, fleet, restore, sagas, sign_up
from tenants.archive import ArchiveReader
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import Domain, Erasure, Export, RetiredName, Saga, SignUp, State, Tenant
from tests.conftest import TESTER
from tests.isolation import catalog, stage
from tests.toys.fixtures import dies_at, wait_for

PASSPHRASE = "a long sentence to remember"
KINDS = ("provision", "export", "restore", "erase")
pytestmark = pytest.mark.usefixtures("committing", "mails_as_files")


@pytest.fixture
def mails_as_files() -> Iterator[None]:
    with override_settings(EMAIL_BACKEND="shared_apps.mail.backend.FolderBackend"):
        yield


def points(kind: str) -> list[str]:
    return list(sagas.kind(kind).kill_points())


def test_every_kind_of_saga_is_killed_here() -> None:
    known = {
        name
        for name, kind in sagas._kinds.items()
        if not kind.steps[0].function.__module__.startswith("tests.")
    }
    assert known == set(KINDS), "a new kind of saga needs its effects counted here"
    sys.stdout.write(f"{sum(len(points(kind)) for kind in KINDS)} points of death\n")


def killed_and_resumed(saga: Saga, point: str) -> Saga:
    """Another process goes on until it is over."""
    assert dies_at(point, lambda: worked_through(saga)), f"it never came to {point}"
    wait_for(lambda: is_free(saga))
    ended = worked_through(saga)
    assert (ended.status, ended.error) == (Saga.Status.DONE, "")
    return ended


def worked_through(saga: Saga) -> Saga:
    """As a worker does it, but without waiting: the mails have left, and whatever is due later is due now."""
    for _turn in range(5):
        ended = sagas.run(saga.pk)
        if ended.status in sagas.OVER:
            break
        with scope.shared():
            Message.objects.filter(purpose="tenants.certificate").update(state=Message.State.SENT)
            Saga.objects.filter(pk=saga.pk, status=Saga.Status.WAITING).update(due_at=timezone.now())
    return ended


def is_free(saga: Saga) -> bool:
    with guard.held(sagas.LOCK, saga.pk) as taken:
        return taken


def everything_fits() -> None:
    assert list(fleet.problems()) == []


def mails(purpose: str, tenant: UUID | None = None) -> int:
    with scope.tenant(tenant) if tenant else scope.shared():
        return Message.objects.filter(purpose=purpose).count()


# --- the four --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", points("provision"))
def test_making_a_client(point: str) -> None:
    answers = sign_up.Answers(
        company="Killed SRL",
        vat_number="",
        country="BE",
        language="en",
        subdomain="killed-made",
        name="Kim",
        email="kim@killed.test",
    )
    with scope.acting(TESTER):
        saga = sign_up.open_for(answers, now=timezone.now())
    killed_and_resumed(saga, point)
    with scope.shared():
        tenant = Tenant.objects.get(domains__domain="killed-made")
        assert (tenant.id, tenant.state) == (saga.subject, State.ACTIVE)
        assert Client.objects.filter(company="Killed SRL").count() == 1
        assert not SignUp.objects.filter(subdomain="killed-made").exists()
    with scope.tenant(tenant.id):
        assert list(User.objects.values_list("email", "role")) == [("kim@killed.test", 3)]
    assert mails("sign_up.ready") == 1
    everything_fits()


@pytest.mark.parametrize("point", points("export"))
def test_exporting_a_client(point: str) -> None:
    tenant = full("killed-export")
    told = {"mail_message", "history_event", "history_logentry"}  # the mail, and the note in the history
    before = catalog.checksums(tenant.schema_name, but=told)
    with scope.acting(TESTER):
        asked = export.request(tenant.id, PASSPHRASE, now=timezone.now())
    killed_and_resumed(saga_of(asked), point)
    with scope.shared():
        asked.refresh_from_db()
    assert [path.name for path in export.path_of(asked).parent.iterdir()] == [f"{asked.id}.age"]
    with ArchiveReader(export.path_of(asked), PASSPHRASE) as reader:
        assert reader.verify(KeyStore.default().public_keys()).is_sound
    assert asked.ready_at and asked.size == export.path_of(asked).stat().st_size
    assert mails("tenants.export", tenant.id) == 1
    assert catalog.checksums(tenant.schema_name, but=told) == before
    assert catalog.value(f"SELECT count(*) FROM {tenant.schema_name}.history_event") == 1
    with scope.shared():
        assert "sealed" not in Saga.objects.get(pk=asked.saga).data
    everything_fits()


@pytest.mark.parametrize("point", points("restore"))
def test_restoring_a_client(point: str, tmp_path: Path) -> None:
    source = full("killed-source")
    with (tmp_path / "copy.zip").open("wb") as file:
        export.write(source.id, file, None, now=timezone.now())
    with scope.acting(TESTER):
        saga = restore.request(tmp_path / "copy.zip", None, subdomain="killed-copy")
    killed_and_resumed(saga, point)
    copy = Tenant(id=saga.subject)
    with scope.shared():
        assert list(Tenant.objects.filter(domains__domain="killed-copy").values_list("id", "state")) == [
            (copy.id, State.ACTIVE)
        ]
        assert Client.objects.filter(company="killed-source company").count() == 2, "its own details, once"
    made, there = scope.schema_of(copy.id), catalog.checksums(source.schema_name)
    own = {
        "mail_message",
        "accounts_user",
        "accounts_session",
        "accounts_throttle",
    }  # a copy has neither password nor session
    assert {t: s for t, s in catalog.checksums(made).items() if t not in own} == {
        t: s for t, s in there.items() if t not in own
    }
    assert catalog.value(f"SELECT count(*) FROM {made}.accounts_user") == 3
    with scope.tenant(copy.id), default_storage.open("kept/file.txt") as file:
        assert file.read() == b"kept"
    assert mails("tenants.restored", copy.id) == 1
    assert KeyStore.default().exists(copy.id)
    everything_fits()


@pytest.mark.parametrize("point", points("erase"))
def test_erasing_a_client(point: str) -> None:
    tenant, neighbour = full("killed-erase"), full("killed-neighbour")
    before = catalog.checksums(neighbour.schema_name)
    with scope.acting(TESTER):
        asked = erasure.request(tenant.id, now=timezone.now(), delay=timedelta(0), with_contacts=True)
    chain = len(Ledger.default().entries())
    killed_and_resumed(saga_of(asked), point)
    with scope.shared():
        assert not Tenant.objects.filter(pk=tenant.pk).exists()
        assert not Domain.objects.filter(domain="killed-erase").exists()
        assert not Client.objects.filter(pk=tenant.client_id).exists()
        assert RetiredName.objects.filter(hash=KeyStore.default().name_hash("killed-erase")).count() == 1
    assert catalog.value("SELECT count(*) FROM pg_namespace WHERE nspname = %s", tenant.schema_name) == 0
    assert not KeyStore.default().exists(tenant.id)
    entries = [one.entry for one in Ledger.default().entries()[chain:]]
    assert [(one.tenant, one.kind) for one in entries] == [(tenant.id, "data"), (tenant.id, "contacts")]
    Ledger.default().verify_chain()
    sealed = certificate.verify(entries[0].certificate, KeyStore.default().public_keys()).certificate
    assert (sealed.id, {store.counted_after for store in sealed.stores}) == (asked.id, {0})
    assert sum(store.counted_before for store in sealed.stores if store.store == "schema") > 10
    assert catalog.checksums(neighbour.schema_name) == before
    everything_fits()


def full(name: str) -> Tenant:
    made = stage.workspace(name, people=True)
    with scope.tenant(made.id, actor=TESTER):
        default_storage.save("kept/file.txt", ContentFile(b"kept"))
    return made


def saga_of(asked: Export | Erasure) -> Saga:
    with scope.shared():
        return Saga.objects.get(pk=asked.saga)


@pytest.fixture(autouse=True)
def _names_are_free_again(committing: None) -> Iterator[Any]:
    """The ledger outside the database keeps what was erased: its tenants are gone by then."""
    yield
    connection.close()
