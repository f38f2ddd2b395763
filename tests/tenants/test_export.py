"""P29: an export is everything, loads by psql alone, and comes back row for row and file for file."""

import functools
import io
import json
import os
import shutil
import socket
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pyrage
import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import ProgrammingError, connection
from django.utils import timezone

from config import embedded_postgres, postgres_programs
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.history.models import Event, LogEntry
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from shared_apps.promises.checking import Round, checks
from tenants import export, fleet, gate, persons, restore, sagas
from tenants.archive import ArchiveReader, BadRecipient
from tenants.keys import KeyStore
from tenants.ledger import Entry, Ledger
from tenants.models import CannotAct, Export, Saga, Snapshot, State, Tenant
from tests.conftest import TESTER, make_workspace
from tests.operators.conftest import make_operator
from tests.toys.fixtures import committed

__all__ = ["committed"]
STOCK = Path("/usr/lib/postgresql/15/bin")
PASSPHRASE = "a long sentence to remember"


@pytest.fixture
def source(committed: Any) -> Iterator[Tenant]:
    """A committed workspace with changes in its history and files below two folders."""
    with scope.shared():
        label = f"source-{Tenant.objects.count()}"
    tenant = make_workspace(label)
    with scope.tenant(tenant.id, actor=TESTER):
        for number in range(5):
            User.objects.create_user(name=f'Éric; "{number}", ünï\ncode', email=f"p{number}@{label}.test")
        User.objects.filter(name__contains="3").update(language="nl")
        default_storage.save("contacts/a/scan é.pdf", ContentFile(b"%PDF scan"))
        default_storage.save("contacts/b/empty.txt", ContentFile(b""))
    return tenant


def plain(tenant: Tenant) -> zipfile.ZipFile:
    held = io.BytesIO()
    export.write(tenant.id, held, None, now=timezone.now())
    return zipfile.ZipFile(held)


def contents(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """What must come back: rows, files and DDL; not what tells one copy from another."""
    return {
        name: archive.read(name)
        for name in archive.namelist()
        if name.startswith(("rows/", "files/", "schema", "triggers"))
    }


def test_an_export_holds_every_table_and_file_and_no_secret(source: Tenant) -> None:
    archive = plain(source)
    names = set(archive.namelist())
    assert {
        "files/contacts/a/scan é.pdf",
        "files/contacts/b/empty.txt",
        "rows/accounts_user.csv",
        "rows/history_logentry.csv",
        "shared.json",
        "restore.sql",
        "schema.sql",
        "verify.py",
        "README.txt",
        "manifest.json",
        "manifest.sig",
    } <= names
    assert not {"rows/accounts_session.csv", "rows/accounts_throttle.csv"} & names
    people = archive.read("rows/accounts_user.csv").decode()
    assert people.count("md5$") == 0
    assert "Éric" in people
    assert json.loads(archive.read("shared.json"))["client"]["company"].startswith("Source")


def test_export_restore_export_is_equal(source: Tenant, tmp_path: Path) -> None:
    before = plain(source)
    path = tmp_path / "copy.age"
    with scope.acting(TESTER):
        made = export.request(source.id, PASSPHRASE, now=timezone.now())
        drain()
        _taken, file = export.take(made.id, now=timezone.now())
    path.write_bytes(file.read())
    with scope.acting(TESTER):
        saga = restore.request(path, PASSPHRASE, subdomain=f"copy-{source.id.hex[-6:]}")
    drain()
    with scope.shared():
        saga.refresh_from_db()
        assert (saga.status, saga.error) == (Saga.Status.DONE, "")
        copy = Tenant.objects.select_related("client").get(pk=saga.subject)
        assert copy.state == State.ACTIVE
    after = contents(plain(copy))
    mails = after.pop("rows/mail_message.csv")
    expected = contents(before)
    assert b"tenants.restored" in mails
    expected.pop("rows/mail_message.csv")
    assert after == expected
    assert [problem for problem in fleet.problems() if str(copy.id) in problem] == []
    assert checks()["what-was-written-stays"].look(Round(timezone.now())).state == "kept"


def test_who_was_erased_since_a_copy_was_made_does_not_come_back_with_it(
    source: Tenant, tmp_path: Path
) -> None:
    word, path, models = "Quirijnella", tmp_path / "plain.zip", apps.get_model
    with scope.tenant(source.id, actor=TESTER):
        gone, later, last = (
            models("contacts.Contact").objects.create(kind="person", first_name=word, last_name=name)
            for name in ("Wit", "Zwart", "Grijs")
        )
        models("contacts.Attachment").objects.create(
            contact=gone, name="x.pdf", content_type="application/pdf", size=4, file=ContentFile(b"%PDF", name="x")
        )  # fmt: skip
    with path.open("wb") as file:
        export.write(source.id, file, None, now=timezone.now())
    before = Entry(
        kind="person", tenant=source.id, client=source.client_id, model="contacts.Contact", row=later.pk,
        requested_at=timezone.now(), erased_at=timezone.now() - timedelta(minutes=1),
    )  # fmt: skip
    gate.record(before)  # of whoever had that row then: the copy holds somebody else

    def erase(row: Any, *, where: Any) -> None:
        with scope.tenant(where, actor=TESTER):
            person = persons.find("contacts.Contact", row.pk)
            assert person
            asked = persons.request(
                person, tenant_id=where, by=gone.pk, now=timezone.now(), delay=timedelta(0)
            )
        assert sagas.run(asked.pk).status == Saga.Status.DONE

    def names(where: Any) -> list[str]:
        with scope.tenant(where):
            return sorted(models("contacts.Contact").objects.values_list("name", flat=True))

    erase(gone, where=source.id)
    copy = loaded(path, f"back-{source.id.hex[-6:]}")
    assert names(copy) == [f"{word} Grijs", f"{word} Zwart", "[erased]"]
    with scope.tenant(copy):
        assert default_storage.listdir("contacts/attachments")[1] == []
        assert LogEntry.objects.filter(object_repr__contains="Wit").count() == 0

    # In the copy: another one of the same file has them no more, its origin still has.
    erase(later, where=copy)
    assert names(loaded(path, f"more-{source.id.hex[-6:]}")) == [f"{word} Grijs", "[erased]", "[erased]"]
    assert names(source.id) == [f"{word} Grijs", f"{word} Zwart", "[erased]"]
    assert Ledger.default().entries()[-1].entry.origins == (source.id,)

    # In a copy of the copy, which was erased itself by then, and what a restore notes of a workspace with it.
    second = tmp_path / "second.zip"
    with second.open("wb") as file:
        export.write(copy, file, None, now=timezone.now())
    with scope.shared(actor=TESTER):
        Saga.objects.filter(kind="restore", subject=copy).delete()
    erase(last, where=loaded(second, f"copy-{source.id.hex[-6:]}"))
    assert Ledger.default().entries()[-1].entry.origins == (copy, source.id)
    assert names(loaded(path, f"last-{source.id.hex[-6:]}")) == ["[erased]"] * 3


def test_a_copy_whose_only_owner_was_erased_since_gets_another_one(source: Tenant, tmp_path: Path) -> None:
    """Its oldest administrator; without one whoever is the client's contact, unless that is whom they had erased."""
    path, other, operator = tmp_path / "olga.zip", tmp_path / "bea.zip", make_operator("Opal")
    with scope.shared(actor=TESTER):
        label = source.domains.get().domain
    bea = f"bea@{label}.test"

    def write(place: Path) -> None:
        with place.open("wb") as file:
            export.write(source.id, file, None, now=timezone.now())

    def erase(gone: User) -> None:
        entry = Entry(
            kind="person", tenant=source.id, client=source.client_id, model="accounts.User", row=gone.pk,
            requested_at=timezone.now(), erased_at=timezone.now(),
        )  # fmt: skip
        gate.record(entry)

    def mailed(copy: Any) -> list[tuple[str, str, bool]]:
        with scope.tenant(copy):
            sent = Message.objects.filter(state="queued").values_list("to_address", "purpose", "body")
            return [(to, purpose, "owner now" in body) for to, purpose, body in sent]

    write(path)
    with scope.shared(actor=TESTER):
        Client.objects.filter(pk=source.client_id).update(contact_name="Bea", contact_email=bea)
    write(other)
    with scope.tenant(source.id):
        olga, ada = User.objects.owners().get(), User.objects.get(email__startswith="ada@")

    erase(olga)
    copy = loaded(path, f"{label}-heir")
    with scope.tenant(copy):
        assert User.objects.owners().get().pk == ada.pk
        assert LogEntry.objects.filter(object_pk=str(ada.pk)).latest("id").changes == {"role": ["2", "3"]}
    assert mailed(copy) == [(ada.email, "tenants.restored", True)]

    erase(ada)
    copy = loaded(other, f"{label}-contact")
    with scope.tenant(copy):
        invited = User.objects.get(email=bea)
        assert (invited.state, invited.role) == ("invited", 3)
    assert mailed(copy) == [(bea, "accounts.invitation", False)]

    copy = loaded(path, f"{label}-nobody")
    assert mailed(copy) == []
    with scope.shared():
        [said] = Message.objects.filter(purpose="tenants.replay")
        assert said.to_address == operator.email and str(copy) in said.body


def test_loading_writes_no_history_and_the_copy_goes_on_writing_its_own(
    source: Tenant, tmp_path: Path
) -> None:
    with scope.tenant(source.id):
        entries = LogEntry.objects.count()
    copy = restored(source, tmp_path)
    with scope.tenant(copy, actor=TESTER):
        assert LogEntry.objects.exclude(object_repr="").count() >= entries
        before = LogEntry.objects.count()
        User.objects.filter(email="p1@nowhere").update(name="x")
        User.objects.create_user(name="New", email="new@copy.test")
        assert LogEntry.objects.count() == before + 1


def restored(source: Tenant, folder: Path) -> Any:
    path = folder / "plain.zip"
    with path.open("wb") as file:
        export.write(source.id, file, None, now=timezone.now())
    return loaded(path, f"again-{source.id.hex[-6:]}")


def loaded(path: Path, label: str) -> Any:
    with scope.acting(TESTER):
        saga = restore.request(path, None, subdomain=label)
    ended = sagas.run(saga.pk)
    assert (ended.status, ended.error) == (Saga.Status.DONE, "")
    return saga.subject


def test_a_copy_loads_by_psql_alone(source: Tenant, tmp_path: Path) -> None:
    loaded_by_psql(
        source,
        tmp_path,
        embedded_postgres.admin_url(settings.SMOALL_DATA),
        str(postgres_programs.bin("psql")),
    )


@pytest.mark.skipif(not STOCK.exists(), reason="Debian's postgresql-15 is not installed")
def test_a_copy_loads_into_a_stock_postgresql_15(source: Tenant, tmp_path: Path) -> None:
    with stock_server() as server:
        loaded_by_psql(source, tmp_path, server, str(STOCK / "psql"))


@contextmanager
def stock_server() -> Iterator[str]:
    """Debian's PostgreSQL 15 on a free port of loopback, ended afterwards; as root it runs as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="smoall-pg15-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    who: dict[str, Any] = (
        {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    )
    if who:
        shutil.chown(folder, "nobody", "nogroup")
    data = str(folder / "data")
    run = functools.partial(subprocess.run, check=True, capture_output=True, cwd=folder, **who)
    run([STOCK / "initdb", "-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D", data])
    options = f"-p {port} -k '' -c listen_addresses=127.0.0.1 -c fsync=off"
    run([STOCK / "pg_ctl", "-w", "-D", data, "-l", str(folder / "log"), "-o", options, "start"])
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        run([STOCK / "pg_ctl", "-w", "-D", data, "-m", "immediate", "stop"])
        shutil.rmtree(folder, ignore_errors=True)


def loaded_by_psql(source: Tenant, tmp_path: Path, server: str, psql: str) -> None:
    plain(source).extractall(tmp_path)
    admin = psycopg2.connect(server)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS loaded_alone")
        cursor.execute("CREATE DATABASE loaded_alone")
    target = server.rsplit("/", 1)[0] + "/loaded_alone"
    ran = subprocess.run(
        [psql, target, "-q", "-f", "restore.sql"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    counts = json.loads((tmp_path / "manifest.json").read_text())["counts"]
    loaded = psycopg2.connect(target)
    with loaded.cursor() as cursor:
        for table, rows in counts.items():
            cursor.execute(f"SELECT count(*) FROM workspace.{table}")
            assert cursor.fetchone() == (rows,), table
        cursor.execute(
            'SELECT set_config(\'smoall.actor\', \'{"kind":"user","id":"1","name":"x","behalf":""}\', false)'
        )
        cursor.execute("UPDATE workspace.accounts_user SET name = 'changed' WHERE name LIKE '%1%'")
        cursor.execute("SELECT count(*) FROM workspace.history_logentry")
        assert cursor.fetchone()[0] > counts["history_logentry"]  # type: ignore[index]
    loaded.close()
    with admin.cursor() as cursor:
        cursor.execute("DROP DATABASE loaded_alone")
    admin.close()


def test_a_copy_is_taken_once_and_only_while_it_is_fresh(source: Tenant) -> None:
    now = timezone.now()
    with scope.acting(TESTER):
        made = export.request(source.id, PASSPHRASE, now=now)
        with pytest.raises(CannotAct):
            export.request(source.id, PASSPHRASE, now=now)
        with pytest.raises(CannotAct):
            export.take(made.id, now=now)
        drain()
        with pytest.raises(CannotAct):
            export.take(made.id, now=now + timedelta(days=8))
        _, file = export.take(made.id, now=now)
        file.close()
        with pytest.raises(CannotAct):
            export.take(made.id, now=now)
    with scope.tenant(source.id):
        assert list(Event.objects.order_by("at").values_list("what", flat=True)) == [
            "copy_made",
            "copy_taken",
        ]
    with scope.shared():
        made.refresh_from_db()
    assert not export.path_of(made).exists()
    assert made.sha256
    with scope.shared():
        assert "sealed" not in Saga.objects.get(pk=made.saga).data


def test_what_lies_on_the_disk_is_encrypted(source: Tenant) -> None:
    with scope.acting(TESTER):
        made = export.request(source.id, PASSPHRASE, now=timezone.now())
    drain()
    with scope.shared():
        made = Export.objects.get(pk=made.pk)
    raw = export.path_of(made).read_bytes()
    assert b"Source" not in raw
    assert b"PK\x03\x04" not in raw
    with ArchiveReader(export.path_of(made), PASSPHRASE) as reader:
        assert reader.verify(KeyStore.default().public_keys()).is_sound


@pytest.mark.parametrize(
    "part", ["rows/accounts_user.csv", "files/contacts/a/scan é.pdf", "schema.sql", "shared.json"]
)
def test_a_changed_part_is_refused_and_leaves_nothing(source: Tenant, tmp_path: Path, part: str) -> None:
    archive = plain(source)
    path = tmp_path / "changed.zip"
    with zipfile.ZipFile(path, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            changed.writestr(name, content[:-1] + bytes([content[-1] ^ 1]) if name == part else content)
    with scope.acting(TESTER):
        saga = restore.request(path, None, subdomain=f"never-{source.id.hex[-6:]}")
    ended = sagas.run(saga.pk)
    assert ended.status == Saga.Status.FAILED
    with scope.shared():
        assert not Tenant.objects.filter(pk=saga.subject).exists()
    assert not KeyStore.default().exists(saga.subject)


def test_a_copy_of_a_newer_release_is_refused_with_the_reason(source: Tenant) -> None:
    with pytest.raises(restore.CannotRestore, match="Update first"):
        restore.check_release("99.0.0", "x")
    with pytest.raises(restore.CannotRestore, match="never recorded"):
        restore.check_release("0.0.1", "x")
    with pytest.raises(restore.CannotRestore, match="not those of release"):
        restore.check_release(settings.SMOALL_RELEASE, "x")


def test_a_restore_uses_the_clients_own_contact_details_when_they_are_still_here(
    source: Tenant, tmp_path: Path
) -> None:
    copy = restored(source, tmp_path)
    with scope.shared():
        assert Client.objects.get(tenant__id=copy).company == Client.objects.get(tenant__id=source.id).company
        assert Tenant.objects.get(pk=copy).client_id != source.client_id


def test_a_migration_during_a_copy_finds_the_tables_in_use_and_one_just_before_is_in_it(
    source: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that is rewritten is empty for whoever's moment is older; and rows go with the tables that are named."""
    place, refused = connection.settings_dict["NAME"], []

    def rewrite(percent: int, doing: Any) -> None:
        if not refused:
            with closing(psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=place)) as other, other:
                cursor = other.cursor()
                cursor.execute(f"SET lock_timeout TO '10ms'; SET search_path TO {source.schema_name}")
                with pytest.raises(psycopg2.errors.LockNotAvailable):
                    cursor.execute(
                        "ALTER TABLE mail_message ALTER language TYPE varchar(9) USING language || ''"
                    )
                refused.append(percent)

    with scope.shared(actor=TESTER):
        first = Snapshot.objects.get()
        known = Snapshot.objects.create(
            release="0.2.0", fingerprint=first.fingerprint, schema=first.schema, ddl=first.ddl,
            tables=first.tables, seeds=first.seeds,
        )  # fmt: skip
    ours = export.exported_tables

    def migrated_meanwhile(recorded: Snapshot) -> list[list[Any]]:
        if recorded == first:
            with scope.shared(actor=TESTER):
                Tenant.objects.filter(pk=source.pk).update(release=known.release)
        return ours(recorded)

    monkeypatch.setattr(export, "exported_tables", migrated_meanwhile)
    held = io.BytesIO()
    try:
        export.write(source.id, held, None, now=timezone.now(), progress=rewrite)
    finally:
        with scope.shared(actor=TESTER):
            Tenant.objects.filter(pk=source.pk).update(release=first.release)
            known.delete()
    archive = zipfile.ZipFile(held)
    assert refused == [0]
    assert json.loads(archive.read("manifest.json"))["release"] == "0.2.0"
    assert json.loads(archive.read("shared.json"))["workspace"]["release"] == "0.2.0"


def test_a_table_that_went_while_a_copy_waited_for_it_begins_the_copy_anew(
    source: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a wave; or with its workspace, of which there is no copy then. Where it is missing for good, that is said."""
    with scope.shared(actor=TESTER):
        first = Snapshot.objects.get()
        known = Snapshot.objects.create(
            release="0.2.0", fingerprint=first.fingerprint, schema=first.schema, ddl=first.ddl,
            tables=first.tables, seeds=first.seeds,
        )  # fmt: skip
    ours, seen = export.exported_tables, []

    def attempt(**meanwhile: Any) -> tuple[str, bool]:
        def gone_meanwhile(recorded: Snapshot) -> list[list[Any]]:
            seen.append(recorded.release)
            if recorded != first:
                return ours(recorded)
            with scope.shared(actor=TESTER):
                Tenant.objects.filter(pk=source.pk).update(**meanwhile)
            return [*ours(recorded), ["went", ["id"]]]

        with scope.shared(actor=TESTER):
            Tenant.objects.filter(pk=source.pk).update(release=first.release, state=source.state)
        seen.clear()
        monkeypatch.setattr(export, "exported_tables", gone_meanwhile)
        with export.one_moment(source.id) as (cursor, tenant, _recorded):
            cursor.execute("SELECT count(*) > 0 FROM history_logentry")
            return tenant.release, cursor.fetchone()[0]

    try:
        assert attempt(release=known.release) == ("0.2.0", True)
        with pytest.raises(CannotAct):
            attempt(state=State.RESTORING)
        with pytest.raises(ProgrammingError, match="went"):
            attempt(state=source.state)
        assert seen == [first.release] * 2, "once more, and not for ever"
    finally:
        with scope.shared(actor=TESTER):
            Tenant.objects.filter(pk=source.pk).update(release=first.release, state=source.state)
            known.delete()


def test_big_tables_leave_in_blocks_of_whole_rows(source: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = contents(plain(source))
    monkeypatch.setattr(export, "BATCH", 2)
    assert contents(plain(source)) == expected
    with connection.cursor() as cursor, scope.tenant(source.id):
        cursor.execute("SELECT 1")


def test_a_copy_for_the_owners_is_encrypted_to_the_key_that_they_keep_and_told_to_each(
    source: Tenant,
) -> None:
    ours, now = pyrage.x25519.Identity.generate(), timezone.now()
    operator = scope.Actor("operator", "opal", "Opal")
    with scope.acting(operator):
        assert export.start_for_owners(source.id, now=now) is None, "they keep no key"
    with scope.acting(TESTER):
        with pytest.raises(BadRecipient):
            export.keep_key(source.id, PASSPHRASE)
        export.keep_key(source.id, str(ours.to_public()))
    with scope.acting(operator):
        made = export.start_for_owners(source.id, now=now)
        assert made
        with pytest.raises(CannotAct):
            export.start_for_owners(source.id, now=now)
    drain()
    with scope.shared():
        made.refresh_from_db()
        assert made.ready_at and made.requested_by["role"] == "operator"
        assert str(ours.to_public()) not in str(Saga.objects.get(pk=made.saga).data)
    with scope.tenant(source.id):
        owners = set(User.objects.owners().values_list("email", flat=True))
        assert (
            set(Message.objects.filter(purpose="tenants.export").values_list("to_address", flat=True))
            == owners
        )
    opened = pyrage.decrypt(export.path_of(made).read_bytes(), [ours])
    assert "shared.json" in zipfile.ZipFile(io.BytesIO(opened)).namelist()
