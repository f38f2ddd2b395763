"""Where a workspace that somebody asked for stands, and the mailed link that leads there: it is confirmed, waited for, entered.

The row goes once the workspace is there, the saga that made it stays: an Opening is what is known from both. Nothing is
changed here; the verbs are in sign_up.py.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from django.urls import reverse

from shared_apps.accounts.models import Purpose, User, fold_email
from shared_apps.kit import scope, tokens
from tenants import contract, names
from tenants.models import Saga, SignUp, State, Tenant, host_url

LINK_AGE = timedelta(days=14)  # of the mailed link, which afterwards still leads to the first entry
SLOW_AFTER = timedelta(seconds=20)
PRINT = "smoall.sign_up"  # salt of what a link holds of the address
CLOSED = (State.ERASING, State.RESTORING)


class Stage(Enum):
    """Where a mailed link leads."""

    ASKED = "asked"  # to be confirmed by a button
    RENAMING = "renaming"  # the name was taken meanwhile
    PREPARING = "preparing"
    STUCK = "stuck"  # failed: operators see it and start it again
    TERMS = "terms"  # made by an operator: the terms are to be accepted
    READY = "ready"
    ENTERED = "entered"


@dataclass(frozen=True, slots=True)
class Opening:
    """A sign-up and what became of it: the row goes when the workspace is there, the saga stays."""

    id: UUID
    sign_up: SignUp | None
    saga: Saga | None
    tenant: Tenant | None = None
    owner: User | None = None

    def stage(self) -> Stage:
        """Runs in the shared schema."""
        if self.tenant and self.owner:
            return _stage_of_owner(self.tenant, self.owner)
        if self.saga and self.saga.status in (Saga.Status.FAILED, Saga.Status.CANCELLED):
            return Stage.STUCK
        if self.sign_up and not is_free(self.sign_up):
            return Stage.RENAMING
        return Stage.PREPARING if self.saga else Stage.ASKED

    def is_slow(self, now: datetime) -> bool:
        """Whether to say that it takes longer than it should."""
        return self.saga is not None and now - self.saga.created_at > SLOW_AFTER


def link(sign_up: SignUp) -> str:
    """The address of the page that follows the opening of this workspace; bound to the e-mail address."""
    with scope.shared(realm="app"):
        token = tokens.sign([str(sign_up.id), print_of(sign_up.id, sign_up.email)], purpose="sign_up")
    return host_url("app") + reverse("app:opening", urlconf="config.urls_app", args=[token])


def read(token: str, *, lock: bool = False) -> Opening:
    """What a mailed link is about, in the realm "app". With `lock` its row is held until the end.

    Raises tokens.BadToken: altered, too old, forgotten, or sent to an address that was corrected.
    """
    payload = tokens.read(token, purpose="sign_up", max_age=int(LINK_AGE.total_seconds()))
    id, made = UUID(payload[0]), str(payload[1])
    rows = SignUp.objects.select_for_update() if lock else SignUp.objects
    sign_up, saga = rows.filter(pk=id).first(), Saga.objects.filter(key=key_of(id)).first()
    if sign_up is None and saga is None:
        raise tokens.BadToken("forgotten")
    is_theirs = (
        tokens.is_print(made, _state(id, sign_up.email), salt=PRINT)
        if sign_up
        else hmac.compare_digest(str(saga and saga.data.get("print")), made)
    )
    if not is_theirs:
        raise tokens.BadToken("sent to another address")
    return _found(id, sign_up, saga)


def _found(id: UUID, sign_up: SignUp | None, saga: Saga | None) -> Opening:
    """With the workspace and its first owner when they are there. Raises BadToken when they are gone."""
    person = saga.data.get("person") if saga else None
    if sign_up is None and not person:
        raise tokens.BadToken("given up")
    if saga is None or not person:
        return Opening(id, sign_up, saga)
    open_ones = Tenant.objects.exclude(state__in=CLOSED).select_related("client").prefetch_related("domains")
    tenant = open_ones.filter(pk=saga.subject).first()
    owner = _person(tenant, UUID(person)) if tenant else None
    if owner is None:
        raise tokens.BadToken("the workspace is gone")
    return Opening(id, sign_up, saga, tenant, owner)


def of_saga(id: UUID) -> Opening:
    """What came of a saga that made a workspace. Raises tokens.BadToken when that is gone."""
    saga = Saga.objects.get(pk=id)
    asked = UUID(saga.data["sign_up"])
    return _found(asked, SignUp.objects.filter(pk=asked).first(), saga)


def _person(tenant: Tenant, id: UUID) -> User | None:
    with scope.tenant(tenant.id):
        found: User | None = User.objects.active().filter(pk=id).first()
        return found


def print_of(id: UUID, email: str) -> str:
    """Names the address in a link and in the saga without holding it."""
    return tokens.print_of(_state(id, email), salt=PRINT)


def _state(id: UUID, email: str) -> str:
    return f"{id}|{fold_email(email)}"


def key_of(id: UUID) -> str:
    return f"provision:{id}"


def _stage_of_owner(tenant: Tenant, owner: User) -> Stage:
    if owner.entered_at:
        return Stage.ENTERED
    return Stage.READY if contract.has_terms(tenant.client_id) else Stage.TERMS


def is_free(sign_up: SignUp) -> bool:
    """Whether it can still have the name that it holds."""
    try:
        names.check(sign_up.subdomain, but=sign_up)
    except names.BadName:
        return False
    return True


def door(tenant: Tenant, owner: User) -> str:
    """Where the first owner enters: a single-use link before the first entry, the sign-in page afterwards."""
    with scope.tenant(tenant.id):
        path = (
            reverse("sign-in", urlconf="shared_apps.accounts.urls")
            if owner.entered_at
            else owner.link(Purpose.ENTER)
        )
    return tenant.url + path
