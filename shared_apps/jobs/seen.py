"""How far a job is, for the page of whoever asked for it. Operators have a page of their own."""

from dataclasses import dataclass
from uuid import UUID

from shared_apps.jobs.models import Job
from shared_apps.kit import scope


@dataclass(frozen=True, slots=True)
class Progress:
    percent: int
    is_over: bool
    has_failed: bool


def progress_of(id: UUID) -> Progress | None:
    """Of a job that the scope in force asked for; None for one that is unknown, forgotten or another tenant's."""
    tenant = scope.tenant_id()
    with scope.shared():
        job = Job.objects.filter(pk=id, tenant_uuid=tenant).first()
    if job is None:
        return None
    has_failed = job.state in (Job.State.FAILED, Job.State.CANCELLED)
    return Progress(job.progress, has_failed or job.state == Job.State.DONE, has_failed)
