"""P22: commands that can show a client's data ask for a grant in production, and what they opened is recorded."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError
from django.test import override_settings
from django.utils import timezone

from config import postgres_programs
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.operators import permits
from shared_apps.operators.models import Grant, Visit
from tenants import export
from tests.conftest import TESTER, Cast
from tests.operators.conftest import make_operator
from tests.toys.fixtures import committed

__all__ = ["committed"]

PRODUCTION = override_settings(SMOALL_IS_PRODUCTION=True)


@pytest.fixture
def grant(acme: Cast, opal: User) -> Grant:
    with scope.shared(actor=TESTER):
        return Grant.ask(
            acme.tenant, by=opal, reason="A broken import", scope="read", hours=1, now=timezone.now()
        )


@pytest.fixture(autouse=True)
def entered(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the process would have entered, without entering it."""
    seen: list[Any] = []
    monkeypatch.setattr(permits, "_enter", seen.append)
    return seen


@PRODUCTION
@pytest.mark.parametrize(
    "command", ["shell", "dbshell", "dumpdata", "loaddata", "tenant_command", "all_tenants_command", "testserver",
                "auditlogflush", "changepassword", "createsuperuser", "inspectdb", "flush", "tomorrow", "--settings=x"]
)  # fmt: skip
def test_P22_in_production_a_command_that_shows_data_is_refused_without_a_grant(
    db: None, command: str
) -> None:
    with pytest.raises(permits.NoGrant, match="ask for a grant"):
        permits.guard(["manage.py", command])


@PRODUCTION
def test_commands_that_show_no_row_run_as_before(db: None) -> None:
    for argv in (
        ["manage.py"],
        ["manage.py", "--help"],
        ["manage.py", "prepare", "--x"],
        ["manage.py", "qcluster"],
    ):
        assert permits.guard(argv) == argv


OURS = {"config", "tenants", "billing", "shared_apps", "tenant_apps"}


def test_every_open_command_exists_and_none_of_djangos_readers_is_among_them() -> None:
    known = set(get_commands()) | {"help", "version"}
    assert known >= permits.OPEN, permits.OPEN - known
    ours = {name for name, app in get_commands().items() if str(app).partition(".")[0] in OURS}
    assert ours - permits.OPEN <= {"tenant_command"}, "say whether it shows a row of a workspace"
    assert not permits.OPEN & {"shell", "dbshell", "dumpdata", "tenant_command", "loaddata"}


def test_in_development_a_line_says_that_none_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert permits.guard(["manage.py", "shell"]) == ["manage.py", "shell"]
    assert "asks for no grant" in capsys.readouterr().err


@PRODUCTION
def test_P22_with_a_grant_the_shell_stands_in_that_workspace_and_is_recorded(
    acme: Cast, grant: Grant, entered: list[Any]
) -> None:
    for argv in (["--grant", str(grant.pk)], [f"--grant={grant.pk}"]):
        assert permits.guard(["manage.py", "shell", *argv]) == ["manage.py", "shell"]
    assert [one.tenant_uuid for one in entered] == [acme.id, acme.id]
    with scope.shared():
        assert list(Visit.objects.values_list("page", flat=True)) == ["command:shell"] * 2


@PRODUCTION
@pytest.mark.parametrize("wrong", ["ended", "expired", "unknown", "nonsense", ""])
def test_a_grant_that_is_over_or_none_opens_no_command(
    acme: Cast, grant: Grant, wrong: str, monkeypatch: pytest.MonkeyPatch, entered: list[Any]
) -> None:
    id = {"unknown": str(acme.id), "nonsense": "x", "": ""}.get(wrong, str(grant.pk))
    if wrong == "ended":
        with scope.shared(actor=TESTER):
            grant.end(by="Olga", now=timezone.now())
    later = timezone.now() + timedelta(hours=2 if wrong == "expired" else 0)
    monkeypatch.setattr(timezone, "now", lambda: later)
    with pytest.raises(permits.NoGrant):
        permits.guard(["manage.py", "shell", "--grant", id])
    with scope.shared():
        assert not Visit.objects.exists()
    assert entered == []


@PRODUCTION
def test_P22_an_export_by_command_wants_a_grant_for_this_very_client(
    acme: Cast, zenith: Cast, grant: Grant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (
        ["zenith"],
        ["zenith", "--grant", str(grant.pk)],
        ["acme"],
        ["acme", "--grant", str(zenith.id)],
    ):
        with pytest.raises(CommandError, match="grant"):
            call_command("export_client", *arguments, "--to", str(tmp_path), "--json")
    assert list(tmp_path.iterdir()) == []
    done = SimpleNamespace(bytes=1, sha256="0" * 64, manifest=SimpleNamespace(counts={}))
    monkeypatch.setattr(export, "write", lambda *a, **k: done)  # it wants a transaction of its own
    call_command("export_client", "acme", "--to", str(tmp_path), "--grant", str(grant.pk), "--json")
    assert len(list(tmp_path.iterdir())) == 1
    with scope.shared():
        assert [one.page for one in Visit.objects.all()] == ["command:export_client"]


def test_an_operator_who_lost_everything_begins_anew_by_a_command(opal: User) -> None:
    call_command("reset_factors", "--email", opal.email, "--json")
    with scope.shared():
        from shared_apps.accounts.models import Totp

        assert not Totp.objects.filter(user=opal).exists()
    with pytest.raises(CommandError, match="no operator"):
        call_command("reset_factors", "--email", "nobody@smoall.test", "--json")


@pytest.mark.commits
def test_P22_a_shell_under_a_read_grant_stands_in_that_workspace_and_writes_nothing(
    committed: tuple[Cast, Cast],
) -> None:
    acme, _zenith = committed
    opal = make_operator("Opal")
    with scope.shared(actor=TESTER):
        made = Grant.ask(acme.tenant, by=opal, reason="Broken", scope="read", hours=1, now=timezone.now())
    tried = (
        "from django.db import connection as c; from shared_apps.kit import scope; "
        "from shared_apps.accounts.models import User; print(scope.actor().name, User.objects.count()); "
        "User.objects.update(name='x')"
    )
    done = command("shell", "--grant", str(made.pk), "-v0", "-c", tried)
    assert "Opal 3" in done.stdout and "read-only transaction" in done.stderr
    asked = "SELECT current_user, current_schema(), current_setting('default_transaction_read_only')"
    done = command("dbshell", f"--grant={made.pk}", "--", "-At", "-c", asked)
    assert done.stdout.strip() == f"smoall_tenant|{acme.tenant.schema_name}|on", done.stderr
    with scope.shared():
        assert set(Visit.objects.values_list("page", flat=True)) == {"command:shell", "command:dbshell"}


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    path = f"{postgres_programs.bin('psql').parent}:{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=settings.BASE_DIR, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
