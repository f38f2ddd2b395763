"""Health: a worker looks, the page shows what it found, and nothing older is kept."""

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.jobs import run
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.operators import jobs
from shared_apps.operators.models import GIVEN_UP_AFTER, Inspection
from tests.conftest import Cast
from tests.operators.conftest import page_of


def test_a_look_is_asked_for_once_and_shows_what_the_command_prints(
    here: Browser, acme: Cast, zenith: Cast
) -> None:
    assert "Nobody has looked yet" in page_of(here, "/health/")
    stray = Path(settings.SMOALL_DATA) / "files" / "not-a-client"
    stray.mkdir(parents=True)
    try:
        for _click in range(2):
            assert here.post("/health/inspect/").status_code == 302
        assert "Looking at every workspace" in page_of(here, "/health/")
        assert here.get("/health/progress/").status_code == 200
        with scope.shared():
            assert Job.objects.filter(name="shared_apps.operators.jobs.inspect").count() == 1
        run.drain()
    finally:
        stray.rmdir()
    assert here.get("/health/progress/").headers["HX-Refresh"] == "true"
    assert "folder files/not-a-client belongs to no client" in page_of(here, "/health/")
    overview = page_of(here, "/")
    assert "Acme SRL" in overview and "All workspaces" in overview


def test_the_nightly_look_replaces_the_last_one(db: None, acme: Cast) -> None:
    for _night in range(2):
        with scope.shared():
            jobs.nightly.later()
        run.drain()
    with scope.shared():
        look = Inspection.objects.get()
    assert look.finished_at is not None and look.total_bytes > 0
    assert [client for client, _size in look.largest].count(str(acme.tenant.client_id)) == 1


@pytest.mark.parametrize("is_old", [False, True])
def test_a_look_that_never_ended_is_begun_again(here: Browser, is_old: bool) -> None:
    now = timezone.now()
    with scope.shared():
        Inspection.objects.create(asked_at=now - GIVEN_UP_AFTER if is_old else now)
    here.post("/health/inspect/")
    with scope.shared():
        assert Inspection.objects.count() == (2 if is_old else 1)
