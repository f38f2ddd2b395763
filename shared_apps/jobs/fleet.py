"""Which workspaces work may be done for, and doing something in each of them, one transaction a workspace."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from shared_apps.jobs import fits
from shared_apps.kit import scope

log = logging.getLogger("smoall.jobs")
CLOSED = frozenset({"restoring", "erasing"})  # states in which no work is done


def lock_if_open(tenant: UUID) -> bool:
    """Whether work may be done for a tenant, which then can't be destroyed before this transaction ends.

    In the shared scope, in a transaction. False when it is gone, being restored or being erased.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", [str(tenant)])
    state = _tenants().filter(pk=tenant).values_list("state", flat=True).first()
    return state is not None and state not in CLOSED


def opens_again(tenant: UUID) -> bool:
    """Whether a closed one is closed for a while: its work waits."""
    return bool(_tenants().filter(pk=tenant, state="restoring").exists())


def has_fitting_tables(tenant: UUID) -> bool:
    """Whether this code works on its tables; until its migration to this release is over, its work waits."""
    release = _tenants().filter(pk=tenant).values_list("release", flat=True).first()
    return release is None or all(fit(release) for fit in fits)


def in_each_tenant(work: Callable[[], object], *, actor: scope.Actor) -> int:
    """Call `work` in every open workspace; one that fails is logged, the others go on. Returns how many did.

    For jobs with `saga=True`: it must not be called in a transaction, which would last for all of them.
    """
    with scope.shared():
        tenants: list[UUID] = list(_tenants().exclude(state__in=CLOSED).values_list("pk", flat=True))
    return sum(_in_one(tenant, work, actor) for tenant in tenants)


def _in_one(tenant: UUID, work: Callable[[], object], actor: scope.Actor) -> bool:
    try:
        with scope.shared(), transaction.atomic():
            if not lock_if_open(tenant) or not has_fitting_tables(tenant):
                return False
            with scope.tenant(tenant, actor=actor):
                work()
    except DatabaseError as error:
        log.error("workspace %s: %s", tenant, type(error).__name__)
        return False
    return True


def _tenants() -> Any:
    """The workspaces, by the setting that names their model: it stands above this module."""
    return apps.get_model(settings.TENANT_MODEL)._default_manager.order_by("pk")
