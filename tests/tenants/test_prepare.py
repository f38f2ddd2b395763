"""Bringing a deployment to a release: again and again, and workspaces of an older one."""

from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connection

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from tenants import fleet
from tenants.fingerprint import fingerprint
from tenants.models import Snapshot, Tenant
from tests.conftest import TESTER
from tests.toys.fixtures import committed

__all__ = ["committed"]
# What the last migrations of an app made, taken back: the tables as an older release left them.
OLDER = (
    "DROP TABLE history_event",
    "DELETE FROM django_migrations WHERE app = 'history' AND name >= '0002'",
)


def prepared() -> str:
    out = StringIO()
    call_command("prepare", stdout=out)
    return out.getvalue()


def test_preparing_twice_changes_nothing(committed: Any) -> None:
    with scope.shared():
        before = Snapshot.objects.get()
    prepared()
    with scope.shared():
        after = Snapshot.objects.get()
    assert (after.fingerprint, after.ddl, after.recorded_at) == (
        before.fingerprint,
        before.ddl,
        before.recorded_at,
    )


def test_a_workspace_of_an_older_release_is_brought_forward_with_its_rows(committed: Any) -> None:
    acme, zenith = committed
    with scope.owner(tenant=acme.id, actor=TESTER), connection.cursor() as cursor:
        for statement in OLDER:
            cursor.execute(statement)
        found = fingerprint(acme.tenant.schema_name)
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=acme.id).update(release="0.0.9", fingerprint=found)
    said = prepared()
    assert "acme is at release" in said
    assert "zenith" not in said
    with scope.shared():
        assert Tenant.objects.get(pk=acme.id).fingerprint == Tenant.objects.get(pk=zenith.id).fingerprint
    with scope.tenant(acme.id):
        assert User.objects.count() == 3
    assert [problem for problem in fleet.problems() if str(acme.id) in problem] == []
