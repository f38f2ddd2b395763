"""Putting work into the queue and out of it: Job rows, and django-q's entries, which hold a job's id."""

import json
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django_q.models import OrmQ, Task
from django_q.tasks import async_task

from shared_apps.jobs import JobFunction
from shared_apps.jobs.broker import Broker
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.module import known_purpose

RUN = "shared_apps.jobs.run.run"


def put(function: JobFunction[Any], args: list[Any], *, key: str, at: datetime | None) -> Job:
    """See JobFunction.later."""
    known_purpose(function.purpose)
    now, tenant = timezone.now(), None if function.saga else scope.tenant_id()
    job = Job(
        tenant_uuid=tenant,
        actor=_remembered(tenant),
        purpose=function.purpose,
        name=function.name,
        args=_json(args),
        key=key,
        created_at=now,
        run_after=at or now,
        rung_at=at or now,
    )
    with scope.shared():
        if key:
            Job.objects.bulk_create([job], ignore_conflicts=True)
            kept = Job.objects.get(tenant_uuid=job.tenant_uuid, name=job.name, key=key)
            if kept.pk != job.pk:
                return kept
        else:
            job.save(force_insert=True)
        ring(job, function.timeout)
    return job


def ring(job: Job, timeout: int) -> None:
    """Wake a worker for a job at its `run_after`. `timeout` in seconds. In the shared scope."""
    async_task(
        RUN, str(job.pk), task_name=str(job.pk), timeout=timeout, broker=Broker(visible_at=job.run_after)
    )


def purge(tenant_uuid: UUID) -> int:
    """See jobs.purge."""
    with scope.shared():
        return drop(Job.objects.filter(tenant_uuid=tenant_uuid))


def drop(found: QuerySet[Job]) -> int:
    """See jobs.drop. Reads the whole queue: its entries are signed packages that name a job."""
    with scope.shared():
        ids = {str(id) for id in found.values_list("pk", flat=True)}
        entries = [entry.pk for entry in OrmQ.objects.iterator() if entry.task.get("name") in ids]
        OrmQ.objects.filter(pk__in=entries).delete()
        Task.objects.filter(name__in=ids).delete()
        return found.delete()[0]


def _remembered(tenant: UUID | None) -> dict[str, str] | None:
    """The author in force as the row keeps it. Rows that no erasure of a client finds don't name its people.

    So no user either, nor the reason for which an operator is in a workspace. A job's "behalf" may stay: where
    the job works for one of a workspace's people, it doesn't come through the shared door.
    """
    if tenant:
        who = scope.actor_or_none()
        return asdict(who) if who else None
    with scope.shared():
        who = scope.actor_or_none()
    if who and who.kind != "job":
        who = replace(who, name="" if who.kind == "user" else who.name, behalf="")
    return asdict(who) if who else None


def _json(args: list[Any]) -> list[Any]:
    """The list itself. Raises TypeError when JSON would refuse or change it."""
    if json.loads(json.dumps(args, allow_nan=False)) != args:
        raise TypeError("a job's arguments must be JSON values: str(row.id), not the row")
    return args
