"""A workspace, its state, and its addresses."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NoReturn, Self
from uuid import UUID

from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin

from shared_apps.accounts.models import Cause, SignIn
from shared_apps.kit import scope
from shared_apps.kit.hosts import host_url
from shared_apps.kit.rows import uuid7


class CannotAct(Exception):
    """A verb on a client was refused; the text is for people."""


class State(models.TextChoices):
    """design: the life of a client. "signed up" is a SignUp row, "data erased" an Erasure without its tenant."""

    RESTORING = "restoring", _("being restored")
    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")
    LEAVING = "leaving", _("leaving")
    ERASING = "erasing", _("being erased")


class Tenant(TenantMixin):
    """A workspace: names its schema (I2). The row goes with the schema; the Client stays."""

    auto_create_schema = False
    auto_drop_schema = False

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.OneToOneField("clients.Client", on_delete=models.PROTECT, related_name="tenant")
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE, db_index=True)
    state_before = models.CharField(max_length=10, choices=State, blank=True)
    state_reason = models.CharField(max_length=300, blank=True)
    state_since = models.DateTimeField(default=timezone.now)
    is_read_only = models.BooleanField(default=False)  # suspended, or leaving since it was suspended
    unpaid_since = models.DateTimeField(
        null=True, blank=True
    )  # read-only until it is paid, whatever the state; nobody is signed out
    copies_key = models.CharField(
        max_length=100, blank=True
    )  # age1…: whom copies that operators start are for
    release = models.CharField(max_length=30)
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["release", "fingerprint"], name="tenants_tenant_release"),
            models.Index(fields=["created_at"], name="tenants_tenant_created"),
        ]

    def __str__(self) -> str:
        return self.schema_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.schema_name = scope.schema_of(self.id)
        kwargs.pop("verbosity", None)
        models.Model.save(self, *args, **kwargs)  # not TenantMixin's: it would make or drop schemas

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        kwargs.pop("force_drop", None)
        return models.Model.delete(self, *args, **kwargs)

    def __enter__(self) -> NoReturn:
        raise scope.ScopeError(
            "use scope.tenant(…): the library's context manager swaps tenants between threads"
        )

    activate = __enter__

    @classmethod
    def locked(cls, id: UUID) -> Self:
        """The row, held until the transaction ends, so that two verbs on one client follow each other.

        Raises CannotAct when the workspace is gone.
        """
        found: Self | None = cls.objects.select_for_update().filter(pk=id).first()
        if found is None:
            raise CannotAct(_now("This workspace does not exist any more."))
        return found

    @classmethod
    def standing(cls, ids: Iterable[UUID]) -> set[UUID]:
        """Those of them that are there, and stay so until the transaction ends: rows may be made that refer to them.

        An erasure that began is waited for; a change of the row is not. In the shared scope.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM tenants_tenant WHERE id = ANY(%s) FOR KEY SHARE", [list(ids)])
            return {id for (id,) in cursor.fetchall()}

    def suspend(self, *, reason: str, now: datetime) -> None:
        """Reading, export, leaving and erasure stay open; everybody signs in anew. Raises CannotAct."""
        if self.state != State.ACTIVE:
            raise CannotAct(_now("Only an active workspace can be suspended."))
        self._enter(State.SUSPENDED, reason=reason, now=now, is_read_only=True)
        with scope.tenant(self.id):
            SignIn.close_all(Cause.SUSPENDED, now)

    def resume(self, *, now: datetime) -> None:
        """Back to active; one that is leaving goes on leaving, and can be written in again. Raises CannotAct."""
        if not self.is_read_only or self.state not in (State.SUSPENDED, State.LEAVING):
            raise CannotAct(_now("This workspace is not suspended."))
        if self.state == State.LEAVING:
            self.is_read_only, self.state_reason = False, ""
            self.save(update_fields=["is_read_only", "state_reason"])
        else:
            self._enter(State.ACTIVE, reason="", now=now, is_read_only=False)

    def mark_unpaid(self, *, now: datetime) -> None:
        """Nobody changes anything until it is paid; looking, copies, leaving, erasure and paying stay open (P34).

        Beside the state, which goes on by itself: a workspace may be unpaid and leaving, or suspended for another reason.
        """
        if self.unpaid_since is None:
            self.unpaid_since = now
            self.save(update_fields=["unpaid_since"])

    def mark_paid(self) -> None:
        if self.unpaid_since is not None:
            self.unpaid_since = None
            self.save(update_fields=["unpaid_since"])

    def _enter(self, state: State, *, reason: str, now: datetime, is_read_only: bool | None = None) -> None:
        """Change the state; `is_read_only` stays as it is unless it is given."""
        self.state_before, self.state, self.state_reason, self.state_since = (
            self.state,
            state,
            reason[:300],
            now,
        )
        if is_read_only is not None:
            self.is_read_only = is_read_only
        self.save(update_fields=["state", "state_before", "state_reason", "state_since", "is_read_only"])

    @property
    def is_leaving(self) -> bool:
        """Also while it is closed for a repair: its last day stays its last day."""
        return State.LEAVING in (self.state, self.state_before if self.state == State.RESTORING else "")

    @property
    def is_under_repair(self) -> bool:
        """Closed while it is loaded, or while somebody who was erased has to be taken out again; also if it is to be erased."""
        return State.RESTORING in (self.state, self.state_before if self.state == State.ERASING else "")

    @property
    def subdomain(self) -> str:
        """The label of its address. From `domains` when prefetched."""
        return next((domain.domain for domain in self.domains.all() if domain.is_primary), "")

    @property
    def url(self) -> str:
        return host_url(self.subdomain)


class Domain(DomainMixin):
    """`domain` is the label alone ("acme"), so that the registered domain may change. Others redirect to the primary."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(is_primary=True), name="tenants_one_primary_domain"
            )
        ]


class RetiredName(models.Model):
    """A freed subdomain, as a keyed hash: never given again (I2)."""

    hash = models.CharField(max_length=64, primary_key=True)
    retired_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.hash
