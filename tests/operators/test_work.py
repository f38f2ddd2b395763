"""Long work and jobs: what is shown of them, and beginning anew what failed."""

from typing import Any

from django.test import Client as Browser
from django.utils import timezone

from shared_apps.jobs import run
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenants.models import Saga
from tests.conftest import Cast
from tests.operators.conftest import page_of


def saga(cast: Cast, **changes: Any) -> Saga:
    with scope.shared():
        return Saga.objects.create(
            **{"kind": "export", "subject": cast.id, "key": str(uuid7()), "data": {"secret": "s3cret"}}
            | changes
        )


def job(**changes: Any) -> Job:
    with scope.shared():
        return Job.objects.create(
            **{"name": "shared_apps.mail.delivery.tidy", "purpose": "mail.tidy", "args": ["an argument"]}
            | changes
        )


def test_long_work_is_listed_with_client_state_and_error_and_never_its_data(
    here: Browser, acme: Cast
) -> None:
    saga(acme, status="failed", error="OSError in write, files.py:7", doing="Copying the tables", progress=40)
    saga(acme, kind="erase", status="waiting")
    page = page_of(here, "/work/")
    for shown in ("Copy a workspace", "Erase a client", "Acme SRL", "OSError in write, files.py:7", "40"):
        assert shown in page
    assert "s3cret" not in page
    page = page_of(here, "/work/", status="failed")
    assert "Copy a workspace" in page and "Erase a client" not in page
    assert page_of(here, "/work/", status="nonsense", page="-1")


def test_failed_long_work_is_begun_anew_once(here: Browser, acme: Cast) -> None:
    failed = saga(acme, status="failed", error="OSError", attempts=12)
    assert "Try again" in page_of(here, f"/work/{failed.pk}/")
    for _click in range(2):
        assert here.post(f"/work/{failed.pk}/retry/").headers["Location"] == f"/work/{failed.pk}/"
    with scope.shared():
        failed.refresh_from_db()
        assert (failed.status, failed.attempts) == ("waiting", 1)
        assert Job.objects.filter(name="tenants.sagas.advance", args=[str(failed.pk)]).count() == 1


def test_jobs_are_listed_with_their_purpose_and_never_their_arguments(here: Browser, acme: Cast) -> None:
    job(state="failed", error="KeyError in tidy, delivery.py:3", failures=6, tenant_uuid=acme.id)
    job(state="done", name="shared_apps.jobs.upkeep.tidy", purpose="jobs.tidy")
    page = page_of(here, "/work/jobs/")
    for shown in (
        "To forget mails that were sent",
        "shared_apps.mail.delivery.tidy",
        "KeyError in tidy",
        "Acme SRL",
    ):
        assert shown in page
    assert "an argument" not in page
    assert "shared_apps.jobs.upkeep.tidy" not in page_of(here, "/work/jobs/", state="failed")


def test_a_failed_job_is_begun_anew_once_and_does_its_work(here: Browser) -> None:
    failed = job(state="failed", error="KeyError", failures=6, starts=2, args=[], finished_at=timezone.now())
    for _click in range(2):
        assert here.post(f"/work/jobs/{failed.pk}/retry/").status_code == 302
    with scope.shared():
        failed.refresh_from_db()
        assert (failed.state, failed.failures, failed.starts) == ("waiting", 0, 0)
    run.drain()
    with scope.shared():
        failed.refresh_from_db()
        assert failed.state == "done"


def test_a_job_that_nobody_knows_any_more_stays_failed(here: Browser) -> None:
    lost = job(state="failed", name="shared_apps.gone.away")
    here.post(f"/work/jobs/{lost.pk}/retry/")
    with scope.shared():
        lost.refresh_from_db()
    assert lost.state == "failed"
    assert page_of(here, "/work/jobs/")
