"""What the console has a worker do: look at the whole fleet, enforce what is due, and ask owners to take a copy."""

import logging
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from shared_apps.accounts.models import Kind, User
from shared_apps.jobs import job
from shared_apps.kit import scope
from shared_apps.operators import mails
from shared_apps.operators.models import Grant, Inspection
from tenants import fleet, retention
from tenants.models import Tenant

log = logging.getLogger("smoall.operators")
AT_ONCE = 200  # workspaces whose sizes are asked for in one statement


@job(purpose="operators.copy")
def ask_for_copy() -> None:
    """In a workspace: a mail to each of its owners, in its own outbox. No operator learns who they are."""
    here = scope.tenant_id()
    with scope.shared():
        tenant = Tenant.objects.select_related("client").prefetch_related("domains").get(pk=here)
        company, address = tenant.client.company, tenant.url
    day = timezone.localdate()
    for owner in User.objects.owners():
        mails.copy(owner, company=company, address=address, day=day)


@job(purpose="operators.grant")
def tell_of_grant(grant_id: str) -> None:
    """In a workspace: a mail to each of its owners, in its own outbox."""
    here = scope.tenant_id()
    with scope.shared():
        tenant = Tenant.objects.select_related("client").prefetch_related("domains").get(pk=here)
        grant = Grant.objects.filter(pk=grant_id, tenant_uuid=tenant.pk).first()
        company, address = tenant.client.company, tenant.url
    if grant is None:
        return
    for owner in User.objects.owners():
        mails.grant(owner, grant, company=company, address=address)


def ask_to_inspect(now: datetime) -> Inspection:
    """A look that a worker begins at once; the one that runs already, if any. In the shared scope."""
    running = Inspection.running(now)
    if running:
        return running
    asked = Inspection.objects.create(asked_at=now)
    inspect.later(str(asked.id))
    return asked


@job(purpose="operators.retention", saga=True, retries=0)
def enforce_retention() -> None:
    """Whatever is due is begun; what must not wait for the next look at the console is mailed to every operator."""
    now = timezone.now()
    outcome = retention.enforce(now)
    if outcome.alarms:
        log.error("retention: %s", " | ".join(outcome.alarms))
        with scope.shared():
            for operator in User.objects.active().filter(kind=Kind.OPERATOR):
                mails.alarm(operator, outcome.alarms, day=timezone.localdate(now))


@job(purpose="operators.inspect", retries=0)
def nightly() -> None:
    ask_to_inspect(timezone.now())


@job(purpose="operators.inspect", saga=True, retries=0)
def inspect(inspection_id: str) -> None:
    """Whatever doesn't fit together, and how big each workspace is: from the catalog, never from its rows."""
    problems = list(fleet.problems())
    sizes = _sizes()
    with scope.shared():
        asked = Inspection.objects.filter(pk=inspection_id).first()
        if asked:
            asked.finish(problems=problems, sizes=sizes, now=timezone.now())


def _sizes() -> dict[UUID, int]:
    """Bytes by client."""
    with scope.shared():
        tenants = list(Tenant.objects.all())
    found: dict[UUID, int] = {}
    for first in range(0, len(tenants), AT_ONCE):
        some = tenants[first : first + AT_ONCE]
        by_tenant = fleet.sizes(some)
        found |= {tenant.client_id: by_tenant.get(tenant.id, 0) for tenant in some}
    return found
