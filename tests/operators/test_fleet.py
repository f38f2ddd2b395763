"""The page of the fleet: releases, waves, failures with a button, the pool, the largest, and drift with an alarm."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from config.schedule import TIMED_JOBS
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs import run
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from shared_apps.operators import jobs
from tenants.models import Drift, FleetEntry, PoolSchema, Snapshot, Tenant
from tenants.schemas import snapshot, waves
from tests.conftest import TESTER, Cast
from tests.operators.conftest import OPS, UNKNOWN, page_of


def failed(number: int) -> list[UUID]:
    """So many workspaces of an older release whose migration failed."""
    made = []
    with scope.shared(actor=TESTER):
        target = snapshot.current()
        for position in range(number):
            client = Client.objects.create(company=f"Failing {position:03}", contact_email="f@f.test")
            tenant = Tenant(client=client, release="0.0.9", fingerprint="0")
            tenant.save(force_insert=True)
            made.append(FleetEntry.objects.create(
                tenant=tenant, release=target.release, fingerprint=target.fingerprint, from_release="0.0.9",
                wave=position % 3, status="failed", error="canceling statement (55P03).", ended_at=timezone.now(),
            ).pk)  # fmt: skip
    return made


def test_the_page_shows_releases_waves_failures_and_the_pool(here: Browser, acme: Cast, zenith: Cast) -> None:
    page = page_of(here, "/fleet/")
    assert "No workspace had to be migrated" in page and "up to date" in page and "Begin anew" not in page
    failed(3)
    with scope.shared(actor=TESTER):
        target = snapshot.current()
        PoolSchema.objects.create(release=target.release, fingerprint=target.fingerprint, is_ready=True)
    page = page_of(here, "/fleet/")
    assert "3 workspaces have the tables of another release" in page
    assert "to be migrated, closed meanwhile" in page
    assert "Failing 000" in page and "canceling statement (55P03)." in page and "Canary" in page


def test_failures_are_paged_on_the_server_and_the_page_costs_the_same(
    here: Browser, acme: Cast, zenith: Cast, statements: Any
) -> None:
    failed(2)
    with statements() as few:
        page_of(here, "/fleet/")
    failed(60)
    with statements() as many:
        page = page_of(here, "/fleet/")
    assert len(few) == len(many)
    assert page.count("Begin anew</button>") + page.count('Begin anew<span class="sr-only">') == 25
    assert "Failing" in page_of(here, "/fleet/", page=3)


def test_the_button_has_a_worker_migrate_one_workspace_again(here: Browser, acme: Cast) -> None:
    with scope.owner(tenant=acme.id, actor=TESTER), connection.cursor() as cursor:
        cursor.execute("DROP TABLE history_event")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'history' AND name >= '0002'")
    with scope.shared(actor=TESTER):
        target = snapshot.current()
        Tenant.objects.filter(pk=acme.id).update(release="0.0.9", fingerprint="0")
        entry = FleetEntry.objects.create(
            tenant_id=acme.id, release=target.release, fingerprint=target.fingerprint, from_release="0.0.9",
            wave=0, status="failed", error="in use", ended_at=timezone.now(),
        )  # fmt: skip
    assert "in use" in page_of(here, "/fleet/")
    for _click in range(2):
        assert here.post(f"/fleet/{entry.pk}/retry/").headers["Location"] == "/fleet/"
    with scope.shared():
        asked = Job.objects.filter(name="tenants.schemas.waves.migrate_one")
        assert asked.count() == 1
    assert "It has not failed" in page_of(here, "/fleet/"), "of the second click"
    # Its worker died too often: the workspace still waits, on the page with its button, which asks again.
    with scope.shared():
        asked.update(state=Job.State.FAILED)
    page = page_of(here, "/fleet/")
    assert f"/fleet/{entry.pk}/retry/" in page and "waiting" in page
    assert here.post(f"/fleet/{entry.pk}/retry/").headers["Location"] == "/fleet/"
    run.drain()
    with scope.shared():
        assert Tenant.objects.get(pk=acme.id).fingerprint == target.fingerprint
        entry.refresh_from_db()
    assert (entry.status, entry.error) == ("done", "")
    assert f"/fleet/{entry.pk}/retry/" not in page_of(here, "/fleet/")
    assert here.post(f"/fleet/{UNKNOWN}/retry/").status_code == 404


@pytest.mark.usefixtures("zenith")
def test_drift_is_found_at_night_told_once_and_shown(here: Browser, opal: User, acme: Cast) -> None:
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contacts_contact ADD COLUMN shoe_size integer")
    for _night in range(2):
        with scope.shared():
            jobs.nightly.later()
        run.drain()
    with scope.shared():
        (message,) = Message.objects.filter(purpose="operators.inspect")
        assert Drift.objects.get().tenant_id == acme.id
    assert message.to_address == opal.email
    page = page_of(here, "/fleet/")
    assert "column contacts_contact.shoe_size is too many" in page and "Acme SRL" in page
    assert "shoe_size is too many" in page_of(here, "/health/")


@pytest.mark.usefixtures("acme", "zenith")
def test_what_still_waits_after_an_hour_is_mailed_once_a_day(opal: User) -> None:
    long_ago, asked = timezone.now() - timedelta(hours=2), Job.objects.filter(name=waves.go_on.name)
    failed(2)
    with scope.shared(actor=TESTER):
        first, second = FleetEntry.objects.order_by("wave")
        FleetEntry.objects.filter(pk=first.pk).update(status="waiting", error="")
        Tenant.objects.filter(release="0.0.9").update(created_at=long_ago)
        jobs.watch_fleet.function()
        Snapshot.objects.update(recorded_at=long_ago)
        jobs.watch_fleet.function()
        assert not Message.objects.exists(), "the release came a moment ago, or a run may be at it"
        FleetEntry.objects.update(created_at=long_ago)
        for _hour in range(2):
            jobs.watch_fleet.function()
        (message,) = Message.objects.filter(purpose="operators.inspect")
        assert message.to_address == opal.email and "canceling statement (55P03)." in message.body
        assert not asked.exists(), "one failed: somebody has to look"
        # An old process opened it: no run ever planned it.
        FleetEntry.objects.all().delete()
        target = Snapshot.objects.get()
        assert set(waves.late(target, timezone.now())) == {first.tenant, second.tenant}
        jobs.watch_fleet.function()
        assert asked.count() == 1
        Tenant.objects.filter(release="0.0.9").update(release=first.release, fingerprint=first.fingerprint)
        assert not waves.late(target, timezone.now()).exists(), "they have them"
    assert "shared_apps.operators.jobs.watch_fleet" in {one.job for one in TIMED_JOBS}


def test_it_speaks_the_operators_language(
    opal: User, browser: Callable[..., Browser], acme: Cast, zenith: Cast
) -> None:
    failed(1)
    with scope.shared(actor=TESTER):
        User.objects.filter(pk=opal.pk).update(language="fr")
    page = page_of(browser(OPS, opal), "/fleet/")
    for words in ("Parc", "Éclaireur", "à migrer, fermé entre-temps", "Recommencer", "Migrations échouées"):
        assert words in page
