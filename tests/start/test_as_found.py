"""The tests' own clean-up: what it takes away, what it puts back, and what it can't mend and says so."""

from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.mail import backend
from tenants import fleet, gate
from tenants.keys import KeyStore
from tenants.ledger import Entry, Ledger
from tenants.models import RetiredName
from tests import as_found
from tests.conftest import TESTER, make_workspace


def entry() -> Entry:
    now = timezone.now()
    return Entry(kind="contacts", tenant=uuid7(), client=uuid7(), requested_at=now, erased_at=now)


def test_files_rows_schemas_and_the_ledger_with_its_head_go_back_together(committing: None) -> None:
    gate.record(entry())
    mails = backend.root() / "shared"
    mails.mkdir(parents=True)
    (mails / "before.eml").write_text("kept")
    files, database = as_found.Files(), as_found.Database()
    head = gate.look().head

    made = make_workspace("as-found")
    gate.record(entry())
    (mails / "after.eml").write_text("goes, though its folder was there")
    (mails / "before.eml").unlink()
    with scope.shared(actor=TESTER):
        RetiredName.objects.create(hash="0" * 64)
    database.put_back()
    files.put_back()

    assert [path.name for path in mails.iterdir()] == ["before.eml"]
    assert (mails / "before.eml").read_text() == "kept"
    assert not KeyStore.default().exists(made.id)
    assert gate.look().is_open and gate.look().head == head
    assert Ledger.default().verify_chain() == head
    assert as_found.Files().found == files.found
    assert as_found.Database().rows == database.rows
    assert list(fleet.problems()) == []


def test_a_row_that_was_there_and_is_gone_fails_the_test_that_took_it(committing: None) -> None:
    with scope.shared(actor=TESTER):
        row = RetiredName.objects.create(hash="0" * 64)
        database = as_found.Database()
        row.delete()
    with pytest.raises(AssertionError, match="tenants_retiredname"):
        database.put_back()


def test_a_key_of_a_rolled_back_workspace_is_taken_away(db: None) -> None:
    files = as_found.Files()
    made = make_workspace("rolled-back")
    assert (Path(settings.SMOALL_DATA) / "keys" / "tenants" / f"{made.id}.key").exists()
    files.put_back()
    assert not KeyStore.default().exists(made.id)
