"""What is asked from inside: by the proxy, before it orders a certificate, and by whoever watches the deployment."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.jobs import upkeep
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from tenants import gate
from tests.conftest import Cast

KNOWN = (
    "smoall.localhost",
    "www.smoall.localhost",
    "app.smoall.localhost",
    "ops.smoall.localhost",
    "ACME.smoall.localhost",
)
UNKNOWN = (
    "",
    "nobody.smoall.localhost",
    "a.b.smoall.localhost",
    "example.org",
    "smoall.localhost.example.org",
    "..",
)


@pytest.mark.parametrize("host", KNOWN)
def test_a_host_of_ours_is_known(acme: Cast, browser: Callable[..., Browser], host: str) -> None:
    assert browser("web").get("/internal/known-host", {"domain": host}).status_code == 200


@pytest.mark.parametrize("host", UNKNOWN)
def test_any_other_host_is_not(acme: Cast, browser: Callable[..., Browser], host: str) -> None:
    assert browser("web").get("/internal/known-host", {"domain": host}).status_code == 404


def test_a_deployment_is_ready_while_its_database_is_open_and_a_worker_works(
    acme: Cast, browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> tuple[int, str]:
        answer = browser("web").get("/internal/ready")
        return answer.status_code, answer.content.decode().strip()

    assert asked() == (503, "no worker works")
    with scope.shared():
        swept = Job.objects.create(
            name=upkeep.sweep.name, purpose="jobs.sweep", state=Job.State.DONE, finished_at=timezone.now()
        )
    assert asked() == (200, "ready")
    with scope.shared():
        Job.objects.filter(pk=swept.pk).update(finished_at=timezone.now() - upkeep.STILL)
    assert asked()[0] == 503
    monkeypatch.setattr(gate, "look", lambda: gate.Finding("behind", gate.Head(0, ""), gate.Head(1, "")))
    assert asked() == (503, "closed: see the log")
