"""The rows of a client's life: workspace, address, sign-up, long work, exports, erasures. All in the shared schema.

The verbs are beside: provision.py, export.py, restore.py, erasure.py.
"""

from datetime import date, datetime
from typing import Any, NoReturn, Self
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin

from shared_apps import history
from shared_apps.accounts.models import Cause, SignIn
from shared_apps.kit import scope
from shared_apps.kit.hosts import host_url as host_url
from shared_apps.kit.rows import Row, uuid7


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
    copies_key = models.CharField(
        max_length=100, blank=True
    )  # age1…: whom copies that operators start are for
    release = models.CharField(max_length=30)
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created_at", "id"]

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


class SignUp(Row):
    """A company that asked for a workspace; holds the name for 24 hours, vanishes when not confirmed."""

    company = models.CharField(max_length=200)
    vat_number = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2)
    language = models.CharField(max_length=5)
    subdomain = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    email = models.EmailField()
    terms_version = models.CharField(
        max_length=20, blank=True
    )  # empty: made by an operator, accepted at the first visit
    terms_language = models.CharField(max_length=5, blank=True)  # in which the terms were shown
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)


class WorkspaceSearch(Row):
    """Somebody asked for the workspaces of an address; the row waits for its mail and goes with it (sign_up.py)."""

    email = models.EmailField()
    language = models.CharField(max_length=5)
    created_at = models.DateTimeField(default=timezone.now)


class Saga(Row):
    """Long work as idempotent steps (sagas.py): `cursor` counts the steps that are done."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    kind = models.CharField(max_length=30)
    subject = models.UUIDField(db_index=True)  # the tenant's UUID; no foreign key: the saga outlives the row
    key = models.CharField(max_length=100, unique=True)  # twice the same click is one saga
    cursor = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)  # starts of the step at the cursor
    data = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING, db_index=True)
    error = models.TextField(blank=True)
    progress = models.PositiveSmallIntegerField(default=0)  # percent
    doing = models.CharField(max_length=200, blank=True)  # the step, for people
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]


class Export(Row):
    """One copy of a tenant's data, encrypted to its recipient; kept until taken once or expired."""

    tenant_uuid = models.UUIDField(db_index=True)
    requested_by = models.JSONField()  # requests.role_of: no name
    recipient = models.CharField(
        max_length=20
    )  # "passphrase", "age" or "folder": how it is encrypted, never the secret
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    size = models.BigIntegerField(default=0)  # bytes
    sha256 = models.CharField(max_length=64, blank=True)
    saga = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]


class Erasure(Row):
    """An instruction to erase a client, from closing the workspace to the signed certificate."""

    tenant_uuid = models.UUIDField(db_index=True)
    client_uuid = models.UUIDField()
    with_contacts = models.BooleanField(default=False)  # the contact details too, at once
    requested_by = models.JSONField()  # requests.role_of: no name
    requested_at = models.DateTimeField()  # of the instruction, or of the notice whose date has come
    closed_at = models.DateTimeField()
    destroy_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    certificate = models.TextField(blank=True)  # canonical JSON, signed
    saga = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_uuid"],
                condition=models.Q(cancelled_at=None),
                name="tenants_one_erasure_at_a_time",
            )
        ]


class Category(models.TextChoices):
    """What a client's instructions are about (P37)."""

    DATA = "data", _("data")
    CONTACTS = "contacts", _("contact details")


class DepartureQuerySet(models.QuerySet["Departure"]):
    def standing(self) -> Self:
        """Neither withdrawn nor over."""
        return self.filter(withdrawn_at=None, contacts_erased_at=None, returned_at=None)

    def with_data(self) -> Self:
        return self.standing().filter(data_erased_at=None)

    def due(self, category: Category, today: date) -> Self:
        """Those whose day is over on `today`, a day in Brussels; contact details only once the data is gone."""
        if category == Category.DATA:
            return self.with_data().filter(data_on__lt=today)
        return self.standing().filter(contacts_on__lt=today).exclude(data_erased_at=None)


class Departure(Row):
    """A client that leaves: the two days that were promised to it, and those in force since its instructions (I12).

    `…_on` is the last day, in Brussels, on which something is kept; it is erased on the day after (retention.py).
    An erasure at once makes one too: its contact details have their twelve months all the same.
    """

    class Origin(models.TextChoices):
        NOTICE = "notice", _("notice")
        ERASURE = "erasure", _("erasure at once")

    tenant_uuid = models.UUIDField()
    client_uuid = models.UUIDField(db_index=True)
    origin = models.CharField(_("origin"), max_length=10, choices=Origin, default=Origin.NOTICE)
    noticed_at = models.DateTimeField(_("notice given"))
    noticed_by = models.JSONField()  # requests.role_of: no name
    data_promised_on = models.DateField(_("data promised until"))  # fixed with the notice, never changed
    contacts_promised_on = models.DateField(_("contact details promised until"))
    data_on = models.DateField(_("data kept until"), db_index=True)  # in force
    contacts_on = models.DateField(_("contact details kept until"), db_index=True)
    contacts_said_on = models.DateField(
        null=True, blank=True
    )  # the client's own day, before data_on moves it
    withdrawn_at = models.DateTimeField(_("notice withdrawn"), null=True, blank=True)
    data_erased_at = models.DateTimeField(_("data erased"), null=True, blank=True)
    contacts_erased_at = models.DateTimeField(_("contact details erased"), null=True, blank=True)
    returned_at = models.DateTimeField(
        _("came back"), null=True, blank=True
    )  # with a copy of its data, while its contact details were there: they have no last day any more

    objects = DepartureQuerySet.as_manager()

    class Meta:
        verbose_name = _("departure")
        verbose_name_plural = _("departures")
        ordering = ["data_on", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_uuid"],
                condition=models.Q(withdrawn_at=None),
                name="tenants_one_departure_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(contacts_on__gte=models.F("data_on")),
                name="tenants_departure_contacts_outlive_data",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None) | models.Q(data_erased_at=None),
                name="tenants_departure_withdrawn_keeps_data",
            ),
            models.CheckConstraint(
                condition=models.Q(returned_at=None)
                | models.Q(data_erased_at__isnull=False, contacts_erased_at=None),
                name="tenants_departure_returned_between",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.data_on} / {self.contacts_on}"

    def day(self, category: Category) -> date:
        """The last day in force on which this category is kept."""
        return self.data_on if category == Category.DATA else self.contacts_on

    def promised(self, category: Category) -> date:
        """The last day as it was promised with the notice."""
        return self.data_promised_on if category == Category.DATA else self.contacts_promised_on

    @property
    def is_withdrawable(self) -> bool:
        return self.withdrawn_at is None and self.data_erased_at is None


PROOFS = "departures"  # below it a folder a client, which goes with the contact details, strays of a crash included


def _proof_name(instruction: "Instruction", _name: str) -> str:
    return f"{PROOFS}/{instruction.departure.client_uuid}/{instruction.id}"


class Instruction(Row):
    """What a client said about its departure, one row each time (P37). With the proof when an operator wrote it down."""

    class Kind(models.TextChoices):
        NOTICE = "notice", _("notice given")
        DAY = "day", _("another day")
        PROMISED = "promised", _("back to the promised day")
        NOW = "now", _("erase at once")
        WITHDRAWN = "withdrawn", _("notice withdrawn")

    departure = models.ForeignKey(Departure, on_delete=models.PROTECT, related_name="instructions")
    kind = models.CharField(_("instruction"), max_length=10, choices=Kind)
    category = models.CharField(_("about"), max_length=10, choices=Category, blank=True)
    on = models.DateField(_("day"), null=True, blank=True)
    given_at = models.DateTimeField(_("given"))
    given_by = models.JSONField()  # requests.role_of: no name
    proof = models.FileField(_("proof"), upload_to=_proof_name, max_length=120, blank=True)
    proof_type = models.CharField(max_length=100, blank=True)  # as the content tells it

    class Meta:
        verbose_name = _("instruction")
        verbose_name_plural = _("instructions")
        ordering = ["given_at", "id"]

    def __str__(self) -> str:
        return self.kind


class Snapshot(models.Model):
    """The tables of a workspace as one release makes them: DDL and seed rows, replayed for a new tenant (I8)."""

    release = models.CharField(max_length=30, primary_key=True)
    fingerprint = models.CharField(max_length=64)
    schema = models.CharField(max_length=34)  # the template's name, replaced by the tenant's when replayed
    ddl = models.TextField()
    tables = models.JSONField()  # [[table, [column, …]], …] in an order that loads
    seeds = models.JSONField()  # {table: CSV}
    recorded_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.release


class LedgerHead(models.Model):
    """The last entry of the erasure ledger that this database has applied; one row, written by the owner alone (gate.py)."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    seq = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
    applied_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.seq} {self.hash[:12]}"


history.register(Tenant, label="schema_name")
history.register(Domain, label="domain")
history.register(Export, label="recipient", exclude=("requested_by",))
history.register(Departure, label="origin", exclude=("noticed_by", "contacts_said_on"))
history.register(Instruction, label="kind", exclude=("given_by", "proof", "proof_type"), parent="departure")
