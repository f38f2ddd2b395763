"""What a subscription's state means for a workspace: open, or open to be read alone, and who is told when.

Never an erasure, never a closed door before copies, leaving or paying (P34). Whatever takes something away was announced
before: a trial's end seven days and one day ahead, a missed payment with the day from which the workspace can only be read.
Where an announcement came late, so does what it announces.
"""

import logging
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from django.utils import timezone

from billing import limits, mails, subscriptions, twice  # noqa: F401  (whose projections of a subscription come before ours)
from billing.events import projects
from billing.gateway import id_of
from billing.models import Account, State, Subscription
from billing.models.subscription import OWED, PAID_FOR
from shared_apps.clients.models import Client
from shared_apps.jobs import job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from tenants.models import State as TenantState
from tenants.models import Tenant

log = logging.getLogger("smoall.billing")
STANDING = scope.Actor("system", "billing", "Smoall")
EARLY, LATE = timedelta(days=7), timedelta(days=1)  # before a trial ends
CLOSED = (TenantState.ERASING, TenantState.RESTORING)


class Standing(Enum):
    TRIAL = "trial"
    ACTIVE = "active"
    PAST_DUE = "past_due"  # everything goes on until the day that was told
    READ_ONLY = "read_only"


def of(client: UUID, *, now: datetime) -> Standing:
    """Where a client stands. In the shared scope."""
    found, trial = Subscription.of(client), Subscription.trial_of(client)
    if found is None:
        return Standing.TRIAL
    if found.is_live and found.state in PAID_FOR:
        return Standing.TRIAL if found.state == State.TRIALING else Standing.ACTIVE
    if found.is_live and found.state in OWED:
        is_over = found.read_only_on is not None and day_of(now) >= found.read_only_on
        return Standing.READ_ONLY if is_over else Standing.PAST_DUE
    if found.state == State.CANCELED and found.read_only_on and day_of(now) < found.read_only_on:
        return Standing.PAST_DUE  # the processor gave up sooner than the day that the client was told
    if found.state == State.CANCELED and not _in_trial(trial, now):
        return Standing.READ_ONLY
    if found.state == State.PAUSED:
        return Standing.READ_ONLY
    if trial is None:  # ordered by another way than ours: it counts from its first payment on
        return Standing.TRIAL
    return Standing.READ_ONLY if is_trial_over(trial, now) else Standing.TRIAL


def _in_trial(trial: Subscription | None, now: datetime) -> bool:
    return trial is not None and trial.trial_end is not None and now < trial.trial_end


def is_trial_over(trial: Subscription, now: datetime) -> bool:
    """Never sooner than a day after it was announced for the last time."""
    if trial.trial_end is None or now < trial.trial_end:
        return False
    return trial.warned_at is not None and now >= trial.warned_at + LATE


def ends_on(trial: Subscription, now: datetime) -> datetime:
    """The moment that an announcement made now names."""
    return max(trial.trial_end or now, (trial.warned_at or now) + LATE)


# --- what follows -----------------------------------------------------------------------------------------------


def settle(client: UUID, *, now: datetime) -> Standing:
    """Open or close what the standing asks for, and tell the client. In the shared scope, in a transaction."""
    tenant = Tenant.objects.select_for_update().select_related("client").filter(client_id=client).first()
    standing = of(client, now=now)
    if tenant is None or tenant.state in CLOSED:
        return standing
    with scope.acting(scope.actor_or_none() or STANDING):
        if standing == Standing.PAST_DUE:
            _tell_past_due(tenant.client)
        if standing == Standing.READ_ONLY and tenant.unpaid_since is None:
            tenant.mark_unpaid(now=now)
            mails.read_only(tenant.client, tenant, now=now)
        elif standing != Standing.READ_ONLY and tenant.unpaid_since is not None:
            tenant.mark_paid()
            mails.opened(tenant.client, tenant, now=now)
    return standing


def _tell_past_due(client: Client) -> None:
    found = Subscription.of(client.pk)
    if found and found.past_due_since and found.read_only_on:
        mails.past_due(client, found)


@projects("subscription")
def follow(obj: Any, *, now: datetime) -> None:
    """After subscriptions.subscription: it has written the row by now; and after twice.look, which locks the account."""
    account = Account.objects.filter(customer_id=id_of("subscription", obj, "customer")).first()
    if account:
        settle(account.client_uuid, now=now)


def announce(client: Client, *, now: datetime) -> None:
    """Seven days and one day before a trial without an order ends. In the shared scope."""
    found = Subscription.of(client.pk)
    trial = Subscription.trial_of(client.pk)
    if found is None or trial is None or trial.trial_end is None or found.is_live:
        return
    if found.state == State.CANCELED and found.ended_at:
        return  # it had a plan, and ended it itself
    left = trial.trial_end - now
    if left <= LATE and trial.warned_at is None:
        mails.trial_ends(client, trial, ends_at=ends_on(trial, now), is_last=True)
        trial.warned_at = now
        trial.save(update_fields=["warned_at"])
    elif LATE < left <= EARLY:
        mails.trial_ends(client, trial, ends_at=trial.trial_end, is_last=False)


@job(purpose="billing.standing", saga=True, retries=0)
def look() -> None:
    """Every client with a workspace, one transaction each; those without a subscription begin their trial now."""
    now = timezone.now()
    with scope.shared():
        clients = list(Tenant.objects.exclude(state__in=CLOSED).values_list("client_id", flat=True))
    for client in clients:
        try:
            look_at(client, now=now)
        except Exception as error:
            log.error("the standing of %s: %s", client, type(error).__name__)


def look_at(client: UUID, *, now: datetime) -> None:
    with scope.shared(actor=STANDING):
        tenant = Tenant.objects.select_related("client").filter(client_id=client).first()
        if tenant is None:
            return
        Subscription.begin_trial(client, now=now)
        announce(tenant.client, now=now)
        limits.announce(client, now=now)
        settle(client, now=now)


def begin(tenant: Tenant) -> None:
    """For tenants.provision: the trial begins with the workspace, with nobody told outside."""
    with scope.shared():
        Subscription.begin_trial(tenant.client_id, now=tenant.created_at)
