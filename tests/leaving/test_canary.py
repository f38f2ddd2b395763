"""P35, P36: by notice, nothing of the data is left after its day, and nothing of the contact details after theirs, anywhere.

The words of isolation/canaries.py stand in every text of every table, in files, mails, jobs and copies, and in what a client
wrote about leaving. After the contact details' day the files of the database server itself have no byte of it.
"""

import hashlib
import io
import logging
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.test import override_settings
from django.utils import timezone
from django_q.models import OrmQ

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.rows import uuid7
from tenants import certificate, departure, fleet, retention
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import Category, Departure, Instruction, Saga, Tenant
from tests.conftest import TESTER
from tests.isolation import canaries, catalog, stage
from tests.isolation.canaries import Planted
from tests.leaving.stage import quiet

__all__ = ["quiet"]
WORD = "qzxleft"
NAME = f"{WORD}-firm"
ROOT = Path(settings.SMOALL_DATA)
pytestmark = pytest.mark.usefixtures("quiet")
PROOF = f"%PDF-1.4 {WORD} leaves, says its owner"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def leaver(quiet: None, logged: io.StringIO) -> Iterator[tuple[Tenant, Departure]]:
    """Full of words; its owner, an operator with a letter, and its contact person have said what they want."""
    with override_settings(EMAIL_BACKEND="shared_apps.mail.backend.FolderBackend"):
        tenant, planted = stage.workspace(NAME, people=True), Planted(WORD)
        canaries.plant_workspace(tenant, planted)
        plant_shared(tenant, planted)
        now = timezone.now()
        with scope.tenant(tenant.id):
            owner = User.objects.get(email_folded=f"owner@{NAME}.test")
        assert WORD in owner.name
        with scope.acting(owner.as_actor()):
            given = departure.give_notice(tenant.id, now=now - timedelta(days=400))
            departure.instruct(given.pk, Category.DATA, day_of(now) + timedelta(days=3), now=now)
        with scope.acting(scope.Actor("operator", str(uuid7()), "Opal")):
            letter = ContentFile(PROOF.encode(), name=f"{WORD}.pdf")
            departure.instruct(
                given.pk, Category.CONTACTS, day_of(now) + timedelta(days=9), now=now, proof=letter
            )
        with scope.shared(actor=TESTER):  # beside who said it, as a key
            for row, name in (
                (given, "noticed_by"),
                *((said, "given_by") for said in given.instructions.all()),
            ):
                type(row).objects.filter(pk=row.pk).update(**{name: getattr(row, name) | {"word": WORD}})
        drain()
        yield tenant, given


def plant_shared(tenant: Tenant, planted: Planted) -> None:
    """Its departure is one of long ago, that was withdrawn."""
    canaries.plant_shared(tenant, planted)
    with scope.shared(actor=TESTER):
        Departure.objects.filter(tenant_uuid=tenant.id).update(withdrawn_at=timezone.now())


def its_day_comes(leaving: Departure, category: Category) -> None:
    """The days are moved into the past, and the schedule runs; then the worker works."""
    now = timezone.now()
    yesterday = day_of(now) - timedelta(days=1)
    days = {"data_on": yesterday} if category == Category.DATA else {"contacts_on": yesterday}
    with scope.shared(actor=TESTER):
        Departure.objects.filter(pk=leaving.pk).update(**days)
    assert [one.category for one in retention.enforce(now).begun] == [category]
    for _turn in range(4):
        drain()
        with scope.shared():
            Saga.objects.filter(kind__in=("erase", "forget")).update(due_at=timezone.now())
            Job.objects.filter(state="waiting", name="tenants.sagas.advance").update(run_after=timezone.now())
    with scope.shared():
        saga = Saga.objects.get(kind="erase" if category == Category.DATA else "forget")
        assert (saga.status, saga.error) == (Saga.Status.DONE, "")
        leaving.refresh_from_db()


def in_files() -> list[str]:
    """Every file below the data folder, but the server's own, whose name or content has the word."""
    return [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.rglob("*"))
        if path.relative_to(ROOT).parts[0] not in ("postgres", "backups")
        and (WORD in str(path).lower() or (path.is_file() and WORD.encode() in path.read_bytes().lower()))
    ]


def bytes_in_all_files() -> dict[str, int]:
    """Files of the whole data folder, the database server's too, that hold the word in any case, as UTF-8 or UTF-16."""
    found, words = {}, [WORD.encode(code) for code in ("utf-8", "utf-16-le")]
    for folder, _, names in os.walk(ROOT):
        for name in names:
            path = Path(folder) / name
            try:
                content = path.read_bytes().lower()
            except FileNotFoundError:
                continue
            if number := sum(content.count(word) for word in words):
                found[str(path.relative_to(ROOT))] = number
    return found


def in_queue() -> list[str]:
    with scope.shared():
        return [str(entry.task) for entry in OrmQ.objects.all() if WORD in str(entry.task)]


def tables() -> set[str]:
    return {found.split(":")[0] for found in catalog.holding(WORD)}


def fingerprints(tenant: Tenant) -> dict[str, str]:
    found = catalog.checksums(tenant.schema_name)
    found |= {
        f"public.{name}": one for name, one in catalog.shared_checksums(tenant.id, tenant.client_id).items()
    }
    for path in sorted((ROOT / "files" / str(tenant.id)).rglob("*")):
        if path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_P35_P36_by_notice_data_and_contact_details_each_go_wholly_and_nobody_elses(
    leaver: tuple[Tenant, Departure], logged: io.StringIO
) -> None:
    tenant, leaving = leaver
    neighbour, planted = stage.workspace("stayer-firm", people=True), Planted("qzxstay")
    canaries.plant_workspace(neighbour, planted)
    plant_shared(neighbour, planted)
    drain()  # the job that was planted ends
    before = fingerprints(neighbour)
    assert {"public.tenants_departure", "public.tenants_instruction", "public.clients_client"} <= tables()
    assert any(name.startswith("files/shared/departures/") for name in in_files())
    assert bytes_in_all_files()

    its_day_comes(leaving, Category.DATA)
    assert leaving.data_erased_at and not leaving.contacts_erased_at
    assert catalog.value("SELECT count(*) FROM pg_namespace WHERE nspname = %s", tenant.schema_name) == 0
    assert not KeyStore.default().exists(tenant.id)
    assert tables() <= {
        f"public.{name}"
        for name in (
            "clients_client", "history_logentry", "legal_acceptance", "legal_notice", "integrators_link", "mail_message",
            "tenants_erasure", "tenants_departure", "tenants_instruction", "integrators_look", "sharing_disclosure",
            "mail_refusal", "mail_suppression", "operators_grant", "operators_visit", "operators_consentrule",
            "requests_request", "billing_account", "billing_subscription",
        )
    }  # fmt: skip
    assert {name.split("/")[0] for name in in_files()} <= {"files", "mails"}
    assert not any(str(tenant.id) in name for name in in_files())
    with scope.shared():
        assert Client.objects.filter(pk=tenant.client_id).exists()
        assert (
            Instruction.objects.exclude(proof="").filter(departure=leaving).get().proof.read()
            == PROOF.encode()
        )

    its_day_comes(leaving, Category.CONTACTS)
    assert leaving.contacts_erased_at
    assert catalog.holding(WORD) == []
    assert in_files() == [] and in_queue() == []
    assert WORD not in logged.getvalue().lower()
    assert bytes_in_all_files() == {}
    for kind in ("data", "contacts"):
        recorded = Ledger.default().find(tenant.id, kind)
        assert recorded and WORD not in str(recorded.entry.as_values()).lower()
        sealed = certificate.verify(recorded.entry.certificate, KeyStore.default().public_keys()).certificate
        assert all(store.counted_after == 0 for store in sealed.stores)
    with scope.shared():
        kept = list(Instruction.objects.filter(departure=leaving).values_list("given_by", flat=True))
        assert {frozenset(one) for one in kept} == {frozenset({"role"})}, (
            "who said it goes too, that it was said stays"
        )
    assert [one for one in fleet.problems() if str(tenant.id) in one or str(tenant.client_id) in one] == []
    assert fingerprints(neighbour) == before
