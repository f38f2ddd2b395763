"""A fleet with a release that comes: this release's tables, and those of a later one that are on their way."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import override_settings

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants import gate
from tenants.models import Domain, PoolSchema, Snapshot, Tenant
from tenants.schemas import pool, releases, snapshot
from tenants.schemas.fingerprint import fingerprint
from tests.conftest import TESTER
from tests.toys.fixtures import committed

__all__ = ["committed"]
LATER = "0.2.0"
LATER_TEMPLATE = UUID(int=1)


@pytest.fixture
def own_template(monkeypatch: pytest.MonkeyPatch, committed: Any) -> Iterator[None]:
    """A template of the test's own, so that this release's stays as it is; later snapshots go afterwards."""
    monkeypatch.setattr(snapshot, "TEMPLATE", LATER_TEMPLATE)
    gate.GATE.look_again()
    releases.forget()
    with scope.shared():
        before = set(Snapshot.objects.values_list("pk", flat=True))
    yield
    releases.forget()
    with scope.shared(actor=TESTER):
        Snapshot.objects.exclude(pk__in=before).delete()
        Snapshot.objects.update(refused_by={})
        for cast in committed:  # no test here migrates those that the run begins with
            was = {"release": cast.tenant.release, "fingerprint": cast.tenant.fingerprint}
            Tenant.objects.filter(pk=cast.id).update(**was)


@pytest.fixture
def later(own_template: None) -> Iterator[Snapshot]:
    """The release of later is installed and recorded; workspaces that are there have the tables before it."""
    with scope.shared(actor=TESTER):  # as a deployment that had this release; quicker than from nothing
        snapshot.replay(LATER_TEMPLATE, snapshot.current())
    with coming(), scope.acting(TESTER):
        yield snapshot.record()
        with scope.owner(tenant=LATER_TEMPLATE), connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {scope.schema_of(LATER_TEMPLATE)} CASCADE")


def coming(**migrations: str) -> Any:
    """Settings of the release of later."""
    modules = {"auditlog": None, "contacts": "tests.tenants.later_contacts", **migrations}
    return override_settings(SMOALL_RELEASE=LATER, MIGRATION_MODULES=modules)


def fleet_of(number: int, recorded: Snapshot, make: Callable[[UUID], None]) -> list[Tenant]:
    """So many workspaces without people, oldest first; `make` makes each one's schema, in its transaction."""
    made = []
    for _ in range(number):
        with scope.shared(actor=TESTER):
            id = uuid7()
            label = f"fleet-{id.hex[-10:]}"
            client = Client.objects.create(
                company=label, contact_name=label, contact_email=f"{label}@fleet.test"
            )
            make(id)
            tenant = Tenant(id=id, client=client, release=recorded.release, fingerprint=recorded.fingerprint)
            tenant.save(force_insert=True)
            Domain.objects.create(tenant=tenant, domain=label)
            made.append(tenant)
    return made


def as_it_is(tenant: UUID) -> str:
    with scope.owner(tenant=tenant):
        return fingerprint(scope.schema_of(tenant))


def again(tenant: Tenant) -> Tenant:
    with scope.shared():
        return Tenant.objects.get(pk=tenant.pk)


def filled(number: int) -> list[UUID]:
    """That many ready schemas of this release."""
    target = current()
    return [id for _ in range(number) if (id := pool.fill(target))]


def current() -> Snapshot:
    with scope.shared():
        return snapshot.current()


def emptied() -> None:
    with scope.shared():
        ids = list(PoolSchema.objects.values_list("pk", flat=True))
    for id in ids:
        pool.discard(id)


def set_aside(*casts: Any) -> None:
    """The workspaces that the run begins with are up to date, as far as the fleet knows; put back by own_template."""
    with scope.shared(actor=TESTER):
        target = snapshot.current()
        Tenant.objects.filter(pk__in=[cast.id for cast in casts]).update(
            release=target.release, fingerprint=target.fingerprint
        )
