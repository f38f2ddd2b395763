"""What the console has a worker do: look at the whole fleet, enforce what is due, and ask owners to take a copy."""

import logging
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.jobs import job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.operators import mails
from shared_apps.operators.models import Grant, Inspection
from shared_apps.requests.models import Breach, Request
from shared_apps.sharing.models import Partner
from tenants import fleet, retention
from tenants.models import FleetEntry, Snapshot, Tenant
from tenants.schemas import drift, waves

log = logging.getLogger("smoall.operators")
MOST_LATE = 50  # that a mail lists


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
            mails.alarm(outcome.alarms, day=timezone.localdate(now))


@job(purpose="operators.requests")
def watch_requests() -> None:
    """A request or a breach left too long is mailed to every operator; names that were kept for long enough go (P44)."""
    now = timezone.now()
    alarms = late_requests(now)
    if alarms:
        log.error("requests: %s are late", len(alarms))
        mails.late_requests(alarms, day=timezone.localdate(now))
    scans = Request.remove_names(Request.objects.nameless_since(day_of(now)), now=now)
    for name in scans:
        transaction.on_commit(partial(_delete_scan, name), robust=True)


def late_requests(now: datetime) -> list[str]:
    """One line for each request and breach whose time is over, without names."""
    late = [
        f"{one.get_kind_display()}: {one.received_on} → {one.due_on}"
        for one in Request.objects.overdue(day_of(now))[:MOST_LATE]
    ]
    return late + [
        f"{one.summary}: {timezone.localtime(one.authority_due_at):%Y-%m-%d %H:%M}"
        for one in Breach.objects.overdue(now)[:MOST_LATE]
    ]


@job(purpose="operators.partners", retries=0)
def watch_partners() -> None:
    """A reading that runs out is said in time: on the day after it nothing reaches that partner any more (P31)."""
    now = timezone.now()
    today = day_of(now)
    read: Any = Partner.objects.with_policy()
    standing = read.filter(ended_at=None).exclude(valid_until=None)
    ending = [
        f"{name}: {last}"
        for name, last in standing.order_by("valid_until", "name_folded").values_list("name", "valid_until")
        if is_said_on(today, last)
    ]
    if ending:
        log.error("ALARM: the readings of %s partners’ privacy policies run out", len(ending))
        mails.partners(ending[:MOST_LATE], day=today)


def is_said_on(today: date, last: date) -> bool:
    """Two months and one month before the last day, and every day of the last week and of the month after it."""
    left = (last - today).days
    return left in (60, 30) or -30 <= left <= 7


def _delete_scan(name: str) -> None:
    with scope.shared():
        default_storage.delete(name)


@job(purpose="operators.inspect", retries=0)
def nightly() -> None:
    ask_to_inspect(timezone.now())


@job(purpose="operators.inspect", retries=0)
def watch_fleet() -> None:
    """Workspaces whose tables should be this release's for an hour are mailed to every operator: nobody may be looking.

    A few, which an old process opened for example, are gone on with.
    """
    now = timezone.now()
    target = Snapshot.objects.filter(release=fleet.release()).first()
    if target is None:
        return
    found = waves.late(target, now)
    shown = list(found.prefetch_related("domains")[:MOST_LATE])
    if not shown:
        return
    entries = FleetEntry.objects.filter(release=target.release, fingerprint=target.fingerprint)
    errors = dict(entries.filter(tenant__in=shown).exclude(error="").values_list("tenant_id", "error"))
    alarms = [f"{one.subdomain}: {errors[one.pk]}" if one.pk in errors else one.subdomain for one in shown]
    log.error("ALARM: %s workspaces still have the tables of an older release", found.count())
    mails.waiting(alarms, day=timezone.localdate(now))
    waves.go_on_with_few(target, now)


@job(purpose="operators.inspect", saga=True, retries=0)
def inspect(inspection_id: str) -> None:
    """Whatever doesn't fit together, and how big each workspace is: from the catalog, never from its rows."""
    drifted = list(drift.look())
    fresh = drift.note(drifted, now=timezone.now())
    _tell_of_drift(fresh)
    problems = list(fleet.problems(drifted))
    sizes = _sizes()
    with scope.shared():
        asked = Inspection.objects.filter(pk=inspection_id).first()
        if asked:
            asked.finish(problems=problems, sizes=sizes, now=timezone.now())


def _tell_of_drift(fresh: list[drift.Found]) -> None:
    """What no look before found: to the log, and by mail to every operator."""
    if not fresh:
        return
    log.error("ALARM: the tables of %s workspaces differ from their release", len(fresh))
    with scope.shared():
        named = Tenant.objects.prefetch_related("domains").in_bulk([one.tenant for one in fresh[:MOST_LATE]])
        alarms = [
            f"{named[one.tenant].subdomain}: {'; '.join(one.differences[:5])}"
            for one in fresh[:MOST_LATE]
            if one.tenant in named
        ]
        mails.drift(alarms, now=timezone.now())


def _sizes() -> dict[UUID, int]:
    """Bytes by client."""
    with scope.shared():
        tenants = list(Tenant.objects.all())
    by_tenant = fleet.sizes(tenants)
    return {tenant.client_id: by_tenant.get(tenant.id, 0) for tenant in tenants}
