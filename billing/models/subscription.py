"""What a client ordered, as the processor last said, and the trial that needs no order."""

from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing import catalogue
from shared_apps.kit.prices import TRIAL_DAYS
from shared_apps.kit.rows import Row


class State(models.TextChoices):
    """The processor's words, and before an order its `trialing` alone."""

    TRIALING = "trialing", _("trial")
    ACTIVE = "active", pgettext_lazy("a plan", "active")
    PAST_DUE = "past_due", _("past due")
    UNPAID = "unpaid", _("unpaid")
    PAUSED = "paused", _("paused")
    INCOMPLETE = "incomplete", _("waiting for the first payment")
    INCOMPLETE_EXPIRED = "incomplete_expired", _("never paid")
    CANCELED = "canceled", _("ended")


class Pace(models.TextChoices):
    MONTH = "month", _("each month")
    YEAR = "year", _("each year")


OVER = (State.CANCELED, State.INCOMPLETE_EXPIRED)
PAID_FOR = (State.TRIALING, State.ACTIVE)
OWED = (State.PAST_DUE, State.UNPAID)


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def with_order(self) -> Self:
        return self.exclude(processor_id=None)

    def live(self) -> Self:
        """Those that the processor goes on with."""
        return self.with_order().exclude(state__in=OVER)

    def recurring(self) -> Self:
        """Those that bring something in."""
        return self.with_order().filter(state__in=(State.ACTIVE, State.PAST_DUE, State.UNPAID))


class Subscription(Row):
    """The trial that every workspace begins with has no `processor_id`: nothing is owed and nobody is told (terms, 5)."""

    client_uuid = models.UUIDField(db_index=True)
    processor_id = models.CharField(max_length=100, unique=True, null=True, blank=True)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.TRIALING, db_index=True)
    plan = models.CharField(_("plan"), max_length=40, blank=True)
    pace = models.CharField(_("period"), max_length=10, choices=Pace, default=Pace.MONTH)
    quantity = models.PositiveIntegerField(_("people"), default=1)
    unit_cents = models.PositiveIntegerField(_("price of a person"), default=0)
    off_percent = models.PositiveIntegerField(_("discount in percent"), default=0)
    off_cents = models.PositiveIntegerField(_("discount"), default=0)
    trial_end = models.DateTimeField(_("end of the trial"), null=True, blank=True)
    period_start = models.DateTimeField(_("from"), null=True, blank=True)
    period_end = models.DateTimeField(_("until"), null=True, blank=True)
    cancel_at = models.DateTimeField(_("ends"), null=True, blank=True)
    with_departure = models.BooleanField(default=False)  # `cancel_at` is ours: the client leaves
    leaves_at = models.DateTimeField(null=True, blank=True)  # the end of the data's last day, when it leaves
    own_cancel_at = models.DateTimeField(
        null=True, blank=True
    )  # the client's own end, while ours is in force
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    past_due_since = models.DateTimeField(_("past due since"), null=True, blank=True)
    read_only_on = models.DateField(
        _("read-only from"), null=True, blank=True
    )  # promised when it became due (I12)
    room = models.CharField(max_length=10, blank=True)  # catalogue.Room as it was last announced (limits.py)
    warned_at = models.DateTimeField(null=True, blank=True)  # of the last announcement that the trial ends
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)  # when the processor last said so

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.plan} {self.state}"

    @classmethod
    def begin_trial(cls, client: UUID, *, now: datetime, days: int = TRIAL_DAYS) -> "Subscription":
        """Thirty days without a card, once for a client. In the shared scope, in a transaction."""
        found = cls.of(client)
        if found is not None:
            return found
        return cls.objects.create(
            client_uuid=client, trial_end=now + timedelta(days=days), created_at=now, seen_at=now
        )

    @classmethod
    def of(cls, client: UUID) -> "Subscription | None":
        """What counts for a client: what it ordered and goes on, else what it had last, else its trial."""
        rows = list(cls.objects.filter(client_uuid=client))
        live = [one for one in rows if one.is_live]
        ordered = [one for one in rows if one.processor_id and one.state != State.INCOMPLETE_EXPIRED]
        ordered.sort(key=lambda one: one.ended_at or one.created_at, reverse=True)
        return next(iter([*live, *ordered, *rows]), None)

    @classmethod
    def trial_of(cls, client: UUID) -> "Subscription | None":
        return cls.objects.filter(client_uuid=client, processor_id=None).first()

    @property
    def is_live(self) -> bool:
        return self.processor_id is not None and self.state not in OVER

    @property
    def ends_at(self) -> datetime | None:
        """When it ends: with the data of a client that leaves, or as the client said."""
        return self.leaves_at if self.with_departure else self.cancel_at

    @property
    def is_cut_short(self) -> bool:
        """Whether our own end of it, which gives nothing back, came before the end of its period and of theirs."""
        if (
            not self.with_departure
            or self.ended_at is None
            or self.cancel_at is None
            or self.period_end is None
        ):
            return False
        is_ours = self.own_cancel_at is None or self.cancel_at < self.own_cancel_at
        return is_ours and self.cancel_at <= self.ended_at < self.period_end

    @property
    def lasts_until(self) -> datetime | None:
        """The last moment of one that ends: at midnight it is the day before that people are told."""
        return self.ends_at - timedelta(seconds=1) if self.ends_at else None

    @property
    def is_trial_without_order(self) -> bool:
        return self.processor_id is None

    @property
    def sold(self) -> catalogue.Plan | None:
        """Its plan; None before an order, and for one that is sold no more."""
        return next((one for one in catalogue.PLANS if one.code == self.plan), None)

    @property
    def name(self) -> Any:
        """The plan's, as people call it; of one that is sold no more, its code."""
        return self.sold.name if self.sold else self.plan

    @property
    def monthly_cents(self) -> int:
        """What recurs, brought to a month, without VAT and after the discount."""
        cents = self.unit_cents * self.quantity
        cents = max(0, cents - cents * self.off_percent // 100 - self.off_cents)
        return round(cents / 12) if self.pace == Pace.YEAR else cents
