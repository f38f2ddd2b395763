"""Access to a client's data: a reasoned grant of at most a day, which the client sees, may have to approve, and can end.

Two more tables: what was opened under a grant, and whether a client wants to be asked first. Every look is at the
grant's row itself, so its end, the client's click or the operator's deactivation count on the very next request.
"""

import hmac
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from shared_apps import history
from shared_apps.accounts.models import Kind, SignIn, User
from shared_apps.clients.models import Client
from shared_apps.kit import scope, tokens
from shared_apps.kit.rows import Row
from shared_apps.kit.scope import Actor
from shared_apps.operators.models.console import CannotAlter, Signature
from shared_apps.sharing import MOST, Entry
from tenants.models import State, Tenant

LONGEST = timedelta(hours=24)
HOURS = (1, 2, 4, 8, 24)
ANSWER_WITHIN = timedelta(days=7)  # so long a client may approve what was asked
MOST_OPEN, MOST_A_DAY = 5, 20  # grants of one client, whoever asks
TICKET_AGE = timedelta(minutes=2)  # of the link from the console into the workspace
ENTER = "support.enter"


class CannotEnter(Exception):
    """A grant can't be made, approved or used; the text is for people."""


class Scope(models.TextChoices):
    READ = "read", _("read only")
    WRITE = "write", _("read and change")


class GrantQuerySet(models.QuerySet["Grant"]):
    def live(self, now: datetime) -> Self:
        """Begun, not over, neither ended nor refused; its operator still is one."""
        return self.filter(
            starts_at__lte=now, until__gt=now, ended_at=None, refused_at=None,
            operator__deactivated_at=None, operator__kind=Kind.OPERATOR,
        )  # fmt: skip

    def waiting(self, now: datetime) -> Self:
        """For the client's answer."""
        return self.filter(starts_at=None, refused_at=None, ended_at=None, asked_at__gt=now - ANSWER_WITHIN)


class Grant(Row):
    """One operator may enter one client's workspace, for a reason, for a while (P22)."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="grants")
    tenant_uuid = models.UUIDField(editable=False)
    operator = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="grants")  # see Signature
    operator_name = models.CharField(_("operator"), max_length=200)
    reason = models.CharField(_("reason"), max_length=300)
    scope = models.CharField(_("scope"), max_length=5, choices=Scope, default=Scope.READ)
    hours = models.PositiveSmallIntegerField(_("hours"))
    needs_consent = models.BooleanField(_("the client is asked first"), default=False)
    asked_at = models.DateTimeField(_("asked"))
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    consented_by = models.CharField(_("approved by"), max_length=200, blank=True)
    refused_at = models.DateTimeField(_("refused"), null=True, blank=True)
    opened_at = models.DateTimeField(_("first opened"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.CharField(_("ended by"), max_length=200, blank=True)
    ticket = models.CharField(max_length=64, blank=True, editable=False)  # hash of the one link that opens it
    ticket_until = models.DateTimeField(null=True, blank=True, editable=False)

    objects = GrantQuerySet.as_manager()
    sign_in = ""  # of a link that was read: the sign-in on the console that it was made in

    class Meta:
        verbose_name = _("access grant")
        verbose_name_plural = _("access grants")
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(starts_at=None, until=None)
                | models.Q(
                    starts_at__isnull=False, until__isnull=False, until__lte=models.F("starts_at") + LONGEST
                ),
                name="operators_grant_a_day_at_most",
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="operators_grant_with_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.asked_at:%Y-%m-%d %H:%M}"

    # --- asking ---------------------------------------------------------------------------------------------

    @classmethod
    def ask(cls, tenant: Tenant, *, by: User, reason: str, scope: str, hours: int, now: datetime) -> "Grant":
        """In force at once, unless the client wants to be asked. Raises CannotEnter."""
        if not reason:
            raise CannotEnter(gettext("Say why: the client reads it."))
        if hours not in HOURS:
            raise CannotEnter(gettext("A grant lasts a day at most."))
        if tenant.state in (State.ERASING, State.RESTORING):
            raise CannotEnter(gettext("This workspace is closed: nobody enters it now."))
        cls._refuse_too_many(tenant, now)
        asks = ConsentRule.objects.filter(client=tenant.client_id, needs_consent=True).exists()
        made = cls(
            client_id=tenant.client_id, tenant_uuid=tenant.pk, operator=by, operator_name=by.name,
            reason=reason, scope=Scope(scope), hours=hours, needs_consent=asks, asked_at=now,
        )  # fmt: skip
        if not asks:
            made.starts_at, made.until = now, now + timedelta(hours=hours)
        made.save()
        return made

    @classmethod
    def _refuse_too_many(cls, tenant: Tenant, now: datetime) -> None:
        """Each one mails every owner, and a client must be able to read the list. Of two at once the second waits."""
        Client.objects.select_for_update().get(pk=tenant.client_id)
        asked = cls.objects.filter(client=tenant.client_id)
        if asked.waiting(now).count() + asked.live(now).count() >= MOST_OPEN:
            raise CannotEnter(
                gettext(
                    "%(most)s accesses to this client are open or wait for its answer: end one, or wait, before you ask "
                    "again."
                )
                % {"most": MOST_OPEN}
            )
        if asked.filter(asked_at__gt=now - timedelta(hours=24)).count() >= MOST_A_DAY:
            raise CannotEnter(
                gettext("Its owners were mailed %(most)s times within a day. Try again tomorrow.")
                % {"most": MOST_A_DAY}
            )

    def approve(self, *, by: str, now: datetime) -> None:
        """The client lets the operator in; the hours count from now. Raises CannotEnter."""
        fresh = Grant.objects.select_for_update().get(pk=self.pk)
        if not Grant.objects.waiting(now).filter(pk=self.pk).exists():
            raise CannotEnter(gettext("This request was answered, taken back, or is too old."))
        fresh.starts_at, fresh.until = now, now + timedelta(hours=fresh.hours)
        fresh.consented_by = by
        fresh.save()

    def refuse(self, *, by: str, now: datetime) -> None:
        """Raises CannotEnter."""
        fresh = Grant.objects.select_for_update().get(pk=self.pk)
        if not Grant.objects.waiting(now).filter(pk=self.pk).exists():
            raise CannotEnter(gettext("This request was answered, taken back, or is too old."))
        fresh.refused_at, fresh.ended_by = now, by
        fresh.save()

    def end(self, *, by: str, now: datetime) -> None:
        """At once, by either side; once."""
        fresh = Grant.objects.select_for_update().get(pk=self.pk)
        if fresh.ended_at is None and fresh.refused_at is None:
            fresh.ended_at, fresh.ended_by, fresh.ticket = now, by, ""
            fresh.save()

    def state(self, now: datetime) -> str:
        """ "live", "waiting", "refused", "ended" or "over"."""
        if self.refused_at:
            return "refused"
        if self.ended_at:
            return "ended"
        if self.starts_at is None:
            return "waiting" if self.asked_at > now - ANSWER_WITHIN else "over"
        return "live" if self.until and self.until > now else "over"

    # --- entering -------------------------------------------------------------------------------------------

    @classmethod
    def in_force(
        cls, id: UUID | str, *, tenant: UUID | None, now: datetime, sign_in: str | None = None
    ) -> "Grant | None":
        """The grant when it opens this workspace at this moment; its operator has signed what is in force.

        `sign_in`: and the operator's sign-in that a visit began with is open still. Whoever signs out, changes the
        password or is signed out by another ends their visits with it.
        """
        if tenant is None:
            return None
        found = cls.objects.live(now).select_related("operator").filter(pk=id, tenant_uuid=tenant).first()
        if found and sign_in is not None:
            found = found if SignIn.objects.open().filter(pk=sign_in, user=found.operator).exists() else None
        return found if found and not Signature.missing(found.operator, now=now) else None

    def ticket_link(self, *, by: User, now: datetime, sign_in: SignIn) -> str:
        """A token that opens the workspace once, within two minutes, for the grant's own operator. Raises CannotEnter.

        The visit lasts no longer than `sign_in`, theirs on the console.
        """
        fresh = Grant.objects.select_for_update().get(pk=self.pk)
        if fresh.operator_id != by.pk or not Grant.in_force(self.pk, tenant=fresh.tenant_uuid, now=now):
            raise CannotEnter(gettext("This grant is not in force, or not yours."))
        nonce = secrets.token_urlsafe(24)
        fresh.ticket, fresh.ticket_until = sha256(nonce.encode()).hexdigest(), now + TICKET_AGE
        fresh.save(update_fields=["ticket", "ticket_until"])
        with scope_of(fresh.tenant_uuid):  # signs for that workspace; reads nothing
            return tokens.sign([str(self.pk), nonce, str(sign_in.pk)], purpose=ENTER)

    @classmethod
    def entries(cls, client: UUID) -> Iterator[Entry]:
        """For "Who saw our information": each grant under which something was opened."""
        for one in cls.objects.filter(client_id=client).exclude(visits=None)[:MOST]:
            seen = one.visits.count()
            what = ngettext("%(seen)s page of your workspace", "%(seen)s pages of your workspace", seen)
            yield Entry(
                at=one.opened_at or one.asked_at,
                who=one.operator_name,
                what=what % {"seen": seen},
                why=one.reason,
                kind="operator",
            )

    @classmethod
    def exported(cls, tenant: Tenant) -> dict[str, Any]:
        """For the client's own copy: every grant, what was opened under it, and whether the client is asked first."""
        facts = (
            "operator_name", "reason", "scope", "hours", "needs_consent", "asked_at", "starts_at", "until",
            "consented_by", "refused_at", "opened_at", "ended_at", "ended_by",
        )  # fmt: skip
        grants = cls.objects.filter(client=tenant.client_id).prefetch_related("visits")
        return {
            "grants": [
                {name: getattr(one, name) for name in facts}
                | {
                    "visits": [
                        {"at": seen.at, "page": seen.page, "method": seen.method} for seen in one.visits.all()
                    ]
                }
                for one in grants
            ],
            "asks_before_entry": ConsentRule.objects.filter(
                client=tenant.client_id, needs_consent=True
            ).exists(),
        }

    def as_actor(self) -> Actor:
        """Who writes what is done under it."""
        return Actor("operator", str(self.operator_id), self.operator_name, behalf=self.reason)

    @classmethod
    def of_ticket(cls, token: str, *, tenant: UUID | None, now: datetime, use: bool) -> "Grant | None":
        """Whose link it is; with `use` it opens nothing any more. `tenant` is the workspace that was asked."""
        try:
            id, nonce, sign_in = tokens.read(token, purpose=ENTER, max_age=int(TICKET_AGE.total_seconds()))
        except (tokens.BadToken, ValueError):
            return None
        if tenant is None:
            return None
        with scope.shared():
            found = cls.objects.select_for_update(of=("self",)).filter(pk=id, tenant_uuid=tenant).first()
            hashed = sha256(str(nonce).encode()).hexdigest()
            if (
                found is None
                or not hmac.compare_digest(found.ticket, hashed)
                or not found.ticket_until
                or now >= found.ticket_until
                or not cls.in_force(id, tenant=tenant, now=now, sign_in=sign_in)
            ):
                return None
            found.sign_in = sign_in
            if use:
                found.ticket, found.ticket_until = "", None
                found.opened_at = found.opened_at or now
                # Without the reason, which this history masks: it would stay there when the contact details go.
                with scope.acting(replace(found.as_actor(), behalf="")):
                    found.save()
            return found


def scope_of(tenant: UUID) -> Any:
    return scope.tenant(tenant)


class Visit(Row):
    """One page that was opened under a grant: which kind of page and when, never what stood on it."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="visits")
    at = models.DateTimeField(_("at"))
    page = models.CharField(_("page"), max_length=100)  # the address's name, or "command:export_client"
    address = models.CharField(_("address"), max_length=300)  # its pattern, without keys
    method = models.CharField(max_length=10)

    class Meta:
        verbose_name = _("visit")
        verbose_name_plural = _("visits")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.page} {self.at:%Y-%m-%d %H:%M}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises CannotAlter for a row that exists."""
        if not self._state.adding:
            raise CannotAlter
        super().save(*args, **kwargs)


class ConsentRule(Row):
    """Whether Smoall's team asks this client before it enters. Without a row: told at once, not asked."""

    client = models.OneToOneField(Client, on_delete=models.CASCADE, related_name="consent_rule")
    needs_consent = models.BooleanField(_("ask first"), default=False)

    class Meta:
        verbose_name = _("rule of consent")
        verbose_name_plural = _("rules of consent")

    def __str__(self) -> str:
        return str(self.needs_consent)


history.register(
    Grant,
    label="scope",
    exclude=("ticket", "ticket_until"),
    mask=("reason", "operator_name", "consented_by", "ended_by"),
    parent="client",
)
history.register(ConsentRule, label="needs_consent", parent="client")
