"""The pool is filled and used; a workspace of an older release is migrated."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import connection
from django.test import override_settings
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs import guard
from shared_apps.kit import scope
from tenants import sagas, sign_up
from tenants.keys import KeyStore
from tenants.models import FleetEntry, PoolSchema, Saga, SignUp, Tenant
from tenants.schemas import pool, snapshot, waves
from tenants.schemas.fingerprint import fingerprint
from tests.conftest import TESTER
from tests.crash.scenarios.stage import Case, is_done, label, run, scenario, workspace
from tests.isolation import catalog
from tests.toys.fixtures import wait_for


@scenario("open a workspace from the pool", "confirm")
def confirm() -> Case:
    """The click that opens a workspace at once: a schema is ready."""
    with scope.shared():
        target = snapshot.current()
    ready = pool.fill(target)
    name = label("click")
    now = timezone.now()
    with scope.shared(actor=TESTER):
        asked = SignUp.objects.create(
            company=f"{name} SA", country="BE", language="fr", subdomain=name, name="Nora Noir",
            email=f"nora@{name}.test", created_at=now, expires_at=now + timedelta(days=1), confirmed_at=now,
        )  # fmt: skip

    def go() -> None:
        with scope.shared(actor=TESTER):
            for row in SignUp.objects.select_for_update().filter(pk=asked.pk):
                sign_up.confirm(row, now=timezone.now())

    def check() -> None:
        with scope.shared():
            tenant = Tenant.objects.get(domains__domain=name)
            assert tenant.pk == ready and Client.objects.filter(company=f"{name} SA").count() == 1
            saga = Saga.objects.get(subject=tenant.pk)
            assert not PoolSchema.objects.exists() and not SignUp.objects.filter(pk=asked.pk).exists()
        with scope.tenant(tenant.pk):
            assert User.objects.count() == 1
        assert sagas.run(saga.pk).status == Saga.Status.DONE and KeyStore.default().exists(tenant.pk)

    return Case(None, check, go)


@scenario("make the key of one from the pool", "open")
def open_() -> Case:
    """What a worker does after that click."""
    name = label("key")
    with scope.shared():
        target = snapshot.current()
    pool.fill(target)
    answers = sign_up.Answers(f"{name} SA", "BE", "", "fr", name, "Nora Noir", f"nora@{name}.test")
    with scope.shared(actor=TESTER):
        saga = sign_up.open_for(answers, now=timezone.now())
    assert not KeyStore.default().exists(saga.subject)

    def check() -> None:
        is_done(saga.pk)
        assert KeyStore.default().exists(saga.subject)

    return Case(saga.pk, check, run(saga.pk))


@scenario("fill the pool", "fill")
def fill() -> Case:
    def check() -> None:
        with scope.shared():
            assert [one.is_ready for one in PoolSchema.objects.all()] == [True]

    return Case(None, check, partial(tend, 1), partial(tend, 0))


@scenario("discard a schema of the pool", "discard")
def discard() -> Case:
    """Of a release that nobody has any more."""
    with scope.shared():
        target = snapshot.current()
    stale = pool.fill(target)
    assert stale
    with scope.shared(actor=TESTER):
        PoolSchema.objects.update(release="0.0.9")

    def check() -> None:
        with scope.shared():
            assert not PoolSchema.objects.exists()
        assert scope.schema_of(stale) not in catalog.schemas()

    return Case(None, check, partial(tend, 0))


def tend(size: int) -> None:
    """As the schedule does, once the database has noticed that whoever was at it died."""
    wait_for(lambda: is_free(pool.LOCK, pool.POOL))
    with override_settings(SMOALL_POOL_FLOOR=size, SMOALL_POOL_CEILING=size):
        pool.tend(timezone.now())
        if not size:
            with scope.shared():
                left = list(PoolSchema.objects.values_list("pk", flat=True))
            for id in left:
                pool.discard(id)


def is_free(lock: str, id: UUID) -> bool:
    with guard.held(lock, id) as taken:
        return taken


@scenario("migrate a workspace", "migrate")
def migrate() -> Case:
    """A workspace of an older release, which lacks a table."""
    tenant = workspace("older")
    with scope.owner(tenant=tenant.id, actor=TESTER), connection.cursor() as cursor:
        cursor.execute("DROP TABLE history_event")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'history' AND name >= '0002'")
        found = fingerprint(tenant.schema_name)
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=tenant.pk).update(release="0.0.9", fingerprint=found)

    def go() -> None:
        wait_for(lambda: is_free(waves.LOCK, waves.FLEET))
        waves.migrate(waves.Options(parallel=1))

    def check() -> None:
        with scope.shared():
            row, wanted = Tenant.objects.get(pk=tenant.pk), snapshot.current()
            assert (row.release, row.fingerprint) == (wanted.release, wanted.fingerprint)
            assert FleetEntry.objects.get(tenant=row).status == FleetEntry.Status.DONE
        with scope.owner(tenant=tenant.id):
            assert fingerprint(tenant.schema_name) == wanted.fingerprint

    return Case(None, check, go)
