"""A new workspace: schema, address and first person, all in one transaction, from the release's snapshot (I8)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from tenants import names
from tenants.models import Domain, SignUp, Snapshot, State, Tenant
from tenants.schemas import snapshot

# Told of a workspace that was made, in the transaction that makes it: modules above join it in their `ready`.
watchers: list[Callable[[Tenant], None]] = []


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """The owner whom a new workspace starts with; without a password until the first entry."""

    name: str
    email: str
    language: str


def create(
    id: UUID,
    *,
    client: Client,
    subdomain: str,
    person: FirstPerson | None,
    by: scope.Actor,
    state: str = State.ACTIVE,
    sign_up: SignUp | None = None,
    recorded: Snapshot | None = None,
    load: Callable[[Any], None] | None = None,
    pooled: tuple[str, str] | None = None,
    now: datetime | None = None,
) -> Tenant:
    """Make the workspace `id`, or return it when an earlier run made it already.

    One transaction: either everything is there or nothing. `recorded` and `load` are a restore's: the snapshot of
    the release that the rows are of, and what fills the tables. `pooled`: the release and fingerprint of the tables
    when they are there already, out of the pool. `now`: since when it is there.
    Raises names.BadName, snapshot.SchemaExists.
    """
    with scope.shared(actor=by):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [subdomain])
        made: Tenant | None = Tenant.objects.filter(pk=id).first()
        if made:
            return made
        label = names.check(subdomain, but=sign_up)
        if pooled:
            release, found = pooled
        else:
            recorded = recorded or snapshot.current()
            snapshot.replay(id, recorded, load)
            release, found = recorded.release, recorded.fingerprint
        since = now or timezone.now()
        tenant = Tenant(
            id=id, client=client, release=release, fingerprint=found, state=state,
            created_at=since, state_since=since,
        )  # fmt: skip
        tenant.save(force_insert=True)
        Domain.objects.create(tenant=tenant, domain=label)
        if person:
            with scope.tenant(id, actor=by):
                User.objects.create_user(
                    name=person.name, email=person.email, language=person.language, role=OWNER
                )
        for watcher in watchers:
            watcher(tenant)
        return tenant
