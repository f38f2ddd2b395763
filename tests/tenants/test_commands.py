"""The operators' commands: what they print, as JSON and for people, their exit codes, and what they refuse."""

import json
import os
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from shared_apps.accounts.models import SignIn, User
from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants import export, sagas
from tenants.archive import ArchiveReader, ArchiveWriter, ManifestFields
from tenants.keys import KeyStore
from tenants.models import Domain, Saga, State, Tenant
from tests.conftest import TESTER, make_workspace
from tests.toys.fixtures import committed

__all__ = ["committed"]


def run(name: str, *arguments: object) -> dict[str, Any]:
    out = StringIO()
    call_command(name, *(str(argument) for argument in arguments), "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def said(name: str, *arguments: object) -> str:
    out = StringIO()
    call_command(name, *(str(argument) for argument in arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def label(committed: Any) -> str:
    with scope.shared():
        name = f"kept-{Tenant.objects.count()}-{timezone.now():%H%M%S%f}"
    make_workspace(name)
    return name


def test_clients_are_listed_with_state_release_and_size(label: str) -> None:
    found = {client["subdomain"]: client for client in run("list_clients")["clients"]}
    assert found[label]["state"] == "active"
    assert found[label]["release"] == settings.SMOALL_RELEASE
    assert found[label]["bytes"] > 0
    assert label in said("list_clients")


def test_suspending_and_resuming_turn_each_other_back_and_refuse_twice(label: str) -> None:
    assert run("suspend_client", label, "--reason", "not paid")["state"] == "suspended"
    with pytest.raises(CommandError, match="active"):
        run("suspend_client", label, "--reason", "again")
    assert run("resume_client", label)["state"] == "active"
    with pytest.raises(CommandError, match="not suspended"):
        run("resume_client", label)


@pytest.mark.parametrize("command", ["suspend_client", "resume_client", "export_client", "erase_client"])
def test_an_unknown_client_is_refused_with_its_name(command: str, committed: Any, tmp_path: Path) -> None:
    more = {
        "suspend_client": ["--reason", "x"],
        "export_client": ["--to", tmp_path],
        "erase_client": ["--yes"],
    }
    with pytest.raises(CommandError, match="nobody-here") as refused:
        run(command, "nobody-here", *more.get(command, []))
    assert refused.value.returncode == 1


def test_export_verify_restore_by_the_clients_own_key(label: str, tmp_path: Path) -> None:
    made = run("export_client", label, "--to", tmp_path)
    checked = run("verify_export", made["file"])
    assert checked["sound"]
    assert checked["counts"] == made["counts"]
    assert [path.suffix for path in tmp_path.iterdir()] == [".age"], "nothing but the encrypted file"
    assert Path(made["file"]).stat().st_mode & 0o077 == 0
    restored = run("restore_client", made["file"], "--subdomain", f"{label}-b")
    assert restored["state"] == "active"
    with scope.shared():
        copy = Tenant.objects.get(domains__domain=f"{label}-b")
    with scope.tenant(copy.id):
        assert User.objects.count() == 3
        assert not any(user.has_usable_password() for user in User.objects.all())


def test_a_passphrase_of_the_clients_opens_its_copy_and_another_does_not(label: str, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("seven herons over the canal\n")
    wrong.write_text("seven herons over the river\n")
    made = run("export_client", label, "--to", tmp_path, "--passphrase-file", right)
    assert run("verify_export", made["file"], "--key-file", right)["sound"]
    with pytest.raises(CommandError):
        run("verify_export", made["file"], "--key-file", wrong)
    with pytest.raises(CommandError, match="taken"):
        run("restore_client", made["file"], "--key-file", right, "--subdomain", label)


def test_a_copy_that_only_smoall_could_open_is_unreadable_once_the_client_is_erased(
    label: str, tmp_path: Path
) -> None:
    made = run("export_client", label, "--to", tmp_path)
    erased = run("erase_client", label, "--yes", "--delay", "0")
    assert erased["destroyed_at"]
    for command, more in (("verify_export", []), ("restore_client", ["--subdomain", f"{label}-again"])):
        with pytest.raises(CommandError):
            run(command, made["file"], *more)
    certificate = tmp_path / "certificate.json"
    certificate.write_text(erased["certificate"])
    assert run("verify_certificate", certificate)["genuine"]
    certificate.write_text(erased["certificate"].replace('"counted_after":0', '"counted_after":1', 1))
    with pytest.raises(CommandError, match="Not genuine"):
        run("verify_certificate", certificate)


def test_erasing_asks_for_yes_and_waits_twelve_hours(label: str) -> None:
    with pytest.raises(CommandError, match="--yes"):
        run("erase_client", label)
    assert run("erase_client", label, "--yes")["destroyed_at"] is None
    with scope.shared():
        assert Tenant.objects.get(domains__domain=label).state == State.ERASING
    with pytest.raises(CommandError, match="closed already"):
        run("erase_client", label, "--yes")


@pytest.mark.parametrize("target", ["missing", "file"])
def test_an_export_into_no_folder_is_refused_and_leaves_nothing(
    label: str, tmp_path: Path, target: str
) -> None:
    place = tmp_path / target
    if target == "file":
        place.write_text("")
    with pytest.raises(CommandError, match="not a folder"):
        run("export_client", label, "--to", place)


def test_a_file_that_is_no_archive_is_refused_in_a_sentence(committed: Any, tmp_path: Path) -> None:
    for content in (b"", b"PK", b"age-encryption.org/v1\n", os.urandom(5000)):
        path = tmp_path / "odd.zip.age"
        path.write_bytes(content)
        with pytest.raises(CommandError) as refused:
            run("verify_export", path)
        assert "Traceback" not in str(refused.value)


def signed(path: Path, source: Path, change: Callable[[dict[str, bytes], dict[str, Any]], None]) -> Path:
    """A copy like the one in `source`, its parts and what its manifest says changed, signed by this deployment."""
    store = KeyStore.default()
    with ArchiveReader(source) as reader:
        manifest = reader.manifest(store.public_keys())
        parts = {name: reader.read(name) for name in reader.names()}
    said = {name: getattr(manifest, name) for name in ManifestFields.__dataclass_fields__}
    change(parts, said)
    with path.open("wb") as file, ArchiveWriter(file, None, keys=store, made_at=timezone.now()) as writer:
        for name, content in parts.items():
            if name not in ("README.txt", "verify.py"):
                writer.add_bytes(name, content)
        writer.close(ManifestFields(**said))
    return path


def without(*beginnings: str) -> Callable[[dict[str, bytes], dict[str, Any]], None]:
    def change(parts: dict[str, bytes], said: dict[str, Any]) -> None:
        for name in [name for name in parts if name.startswith(beginnings)]:
            del parts[name]

    return change


def uncounted(parts: dict[str, bytes], said: dict[str, Any]) -> None:
    said["counts"] = {}


def nobody(parts: dict[str, bytes], said: dict[str, Any]) -> None:
    parts["shared.json"] = b'{"client": []}'


def other_columns(parts: dict[str, bytes], said: dict[str, Any]) -> None:
    name = "rows/accounts_user.csv"
    parts[name] = parts[name].replace(b"email,", b"mail,", 1)


def lost_owner(parts: dict[str, bytes], said: dict[str, Any]) -> None:
    """A ledger row of somebody whose own row is not there."""
    parts["rows/accounts_user.csv"] = parts["rows/accounts_user.csv"].split(b"\n", 1)[0] + b"\n"
    said["counts"] = {**said["counts"], "accounts_user": 0}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without("rows/"), r"incomplete: it lacks rows/\w+\.csv and \d+ more parts"),
        (without("rows/accounts_user.csv"), r"incomplete: it lacks rows/accounts_user\.csv\."),
        (without("shared.json"), r"incomplete: it lacks shared\.json"),
        (uncounted, "incomplete: it does not say how many rows"),
        (nobody, r"shared\.json: the contact details are not usable"),
        (other_columns, r"rows/accounts_user\.csv: the rows do not fit"),
        (lost_owner, "rows/: the rows do not fit"),
    ],
    ids=["rows", "one table", "shared", "counts", "client", "columns", "keys"],
)
def test_a_signed_copy_that_is_not_whole_is_refused_in_a_sentence_and_leaves_nothing(
    label: str, tmp_path: Path, change: Any, why: str
) -> None:
    with scope.shared():
        tenant = Tenant.objects.get(domains__domain=label)
    with scope.tenant(tenant.id, actor=TESTER):
        SignIn.objects.create(user=User.objects.first(), session_hash="x", signed_in_at=timezone.now())
    source = tmp_path / "whole.zip"
    with source.open("wb") as file:
        export.write(tenant.id, file, None, now=timezone.now())
    path = signed(tmp_path / "odd.zip", source, change)
    before = traces()
    with pytest.raises(CommandError, match=why) as refused:
        run("restore_client", path, "--subdomain", f"{label}-odd")
    assert "Error" not in str(refused.value), "no exception's name stands for a reason"
    assert traces() == before


def traces() -> dict[str, Any]:
    with scope.shared():
        names = Domain.objects.count(), Tenant.objects.count(), Client.objects.count()
        waiting = Saga.objects.exclude(status__in=sagas.OVER).count()
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace")
        schemas = cursor.fetchone()
    return {"rows": names, "sagas": waiting, "schemas": schemas, "keys": sorted(KeyStore.default().listing())}


class TestCheck:
    """check_tenants names every orphan and exits with 1."""

    def problems(self) -> list[str]:
        out = StringIO()
        code = 0
        try:
            call_command("check_tenants", "--json", stdout=out)
        except SystemExit as ended:
            code = int(str(ended.code))
        found = list(json.loads(out.getvalue())["problems"])
        assert code == bool(found)
        return found

    def test_an_orphan_schema_key_folder_and_job_are_named(self, label: str) -> None:
        stray = uuid7()
        before = self.problems()
        with scope.owner(actor=TESTER, tenant=stray), connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {scope.schema_of(stray)}")
        KeyStore.default().ensure(stray)
        folder = Path(settings.SMOALL_DATA) / "files" / str(stray)
        folder.mkdir(parents=True)
        with scope.shared():
            job = Job.objects.create(tenant_uuid=stray, purpose="x", name="x")
        try:
            new = [problem for problem in self.problems() if problem not in before]
            assert len([problem for problem in new if str(stray) in problem or stray.hex in problem]) == 4, (
                new
            )
        finally:
            with scope.owner(actor=TESTER, tenant=stray), connection.cursor() as cursor:
                cursor.execute(f"DROP SCHEMA {scope.schema_of(stray)}")
            KeyStore.default().destroy(stray)
            shutil.rmtree(folder)
            with scope.shared():
                job.delete()

    def test_a_changed_table_is_named(self, label: str) -> None:
        with scope.shared():
            tenant = Tenant.objects.get(domains__domain=label)
        with scope.owner(actor=TESTER, tenant=tenant.id), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_user ADD COLUMN odd text")
        assert any("differ" in problem and label in problem for problem in self.problems())
        with scope.owner(actor=TESTER, tenant=tenant.id), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_user DROP COLUMN odd")
        assert not any("differ" in problem and label in problem for problem in self.problems())

    def test_a_right_too_many_is_named(self, label: str) -> None:
        with scope.shared():
            tenant = Tenant.objects.get(domains__domain=label)
        with scope.owner(actor=TESTER, tenant=tenant.id), connection.cursor() as cursor:
            cursor.execute("GRANT SELECT ON accounts_user TO smoall_shared")
        assert any("smoall_shared" in problem for problem in self.problems())
        with scope.owner(actor=TESTER, tenant=tenant.id), connection.cursor() as cursor:
            cursor.execute("REVOKE SELECT ON accounts_user FROM smoall_shared")
        assert not any("smoall_shared" in problem for problem in self.problems())
