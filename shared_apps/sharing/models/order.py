"""A court's order to disclose (P32): registered by one operator, confirmed by another, carried out once, recorded.

What is given and the signed record are made in tenants/orders.py, which may read a client's data.
"""

import hashlib
from datetime import date, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.apps import apps
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import ONE_LINE, User
from shared_apps.clients.models import Client
from shared_apps.kit import uploads
from shared_apps.kit.dates import day_of, plus_months
from shared_apps.kit.rows import Row
from shared_apps.mail.models import Message
from shared_apps.sharing.models.partner import CannotShare

YEARS_KEPT = 10  # an order with its document; so no silence lasts longer
FETCHED_WITHIN = timedelta(days=7)  # what was made for an order waits for its operator no longer
ON_ITS_WAY = (Message.State.QUEUED, Message.State.SENT)
OLDEST = date(1900, 1, 1)  # the earliest day that a period may name


def _document_name(order: "Order", _name: str) -> str:
    return f"orders/{order.id}"


class OrderQuerySet(models.QuerySet["Order"]):
    def untold(self, today: date) -> Self:
        """Confirmed, not or no longer secret, and the client does not know yet: it learns of it before anything is given."""
        return self.speakable(today).filter(told_at=None).exclude(confirmed_at=None)

    def speakable(self, today: date) -> Self:
        """Those that may be told of on that day, carried out or not."""
        return self.filter(Q(gag_until=None) | Q(gag_until__lt=today))

    def shown_to_client(self, today: date) -> Self:
        """Those that the client may see: carried out, and not forbidden to be told of on that day."""
        return self.speakable(today).exclude(made_at=None)

    def kept_until(self) -> date:
        """The last day on which the youngest of these is kept. There is one at least."""
        return max(one.kept_until for one in self.only("registered_at"))


class Order(Row):
    """The facts never change, and nobody deletes the row: the database refuses both (walls.py)."""

    class Scope(models.TextChoices):
        CONTACTS = "contact", _("contact details")
        MODULES = "modules", _("some tables of the workspace")
        PERSON = "person", _("what is about one person in the workspace")
        EVERYTHING = "everything", _("everything in the workspace")

    client_uuid = models.UUIDField(db_index=True)
    authority = models.CharField(_("authority"), max_length=200, validators=[ONE_LINE])
    reference = models.CharField(_("reference"), max_length=100, validators=[ONE_LINE])
    extent = models.CharField(_("what is to be given"), max_length=10, choices=Scope)
    # {"modules": [labels]} or {"person": [words that name them]}; None where the extent says it all.
    selection = models.JSONField(null=True, blank=True)
    period_from = models.DateField(_("from the day"), null=True, blank=True)
    period_until = models.DateField(_("until the day"), null=True, blank=True)
    received_on = models.DateField(_("received on"))
    document = models.FileField(_("the order itself"), upload_to=_document_name, max_length=100)
    document_type = models.CharField(max_length=100)
    document_sha256 = models.CharField(max_length=64)
    gag_until = models.DateField(_("the client may not be told until"), null=True, blank=True)
    silences = models.JSONField(default=list, blank=True)  # [{until, by, at}]: each later end of the silence
    registered_by = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    registered_at = models.DateTimeField(default=timezone.now)
    confirmed_by = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    recipient = models.CharField(max_length=100, blank=True)  # an age key's public half
    made_at = models.DateTimeField(null=True, blank=True)  # the encrypted file, whose size and hash these are
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    record = models.TextField(blank=True)  # canonical JSON, signed
    told_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)  # why it could not be carried out, for operators

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-registered_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("registered_by")),
                name="sharing_order_two_operators",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by=None, confirmed_at=None)
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="sharing_order_confirmed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(made_at=None) | Q(confirmed_at__isnull=False),
                name="sharing_order_made_if_confirmed",
            ),
            models.CheckConstraint(
                condition=Q(period_from=None, period_until=None)
                | Q(
                    extent__in=["contact", "modules"],
                    period_from__isnull=False,
                    period_until__gte=F("period_from"),
                ),
                name="sharing_order_period",
            ),
            models.CheckConstraint(
                condition=Q(extent__in=["contact", "everything"], selection__isnull=True)
                | Q(extent__in=["modules", "person"], selection__isnull=False),
                name="sharing_order_selection",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def state(self) -> str:
        """ "registered", "confirmed", "failed", "made" or "taken"."""
        if self.taken_at:
            return "taken"
        if self.made_at:
            return "made"
        if self.confirmed_at:
            return "failed" if self.error else "confirmed"
        return "registered"

    @property
    def mail_key(self) -> str:
        """Of the mail that tells the client."""
        return f"sharing.order:{self.id}"

    @property
    def kept_until(self) -> date:
        """The last day on which the order is kept with its document."""
        return plus_months(day_of(self.registered_at), 12 * YEARS_KEPT)

    @property
    def extent_text(self) -> str:
        """What is given, for people: with the modules or the words that narrow it down."""
        selection = self.selection or {}
        named = [str(apps.get_app_config(one).verbose_name) for one in selection.get("modules", [])]
        named += selection.get("person", [])
        return f"{self.get_extent_display()}: {', '.join(named)}" if named else self.get_extent_display()

    @classmethod
    def register(
        cls, *, client: UUID, document: "File[bytes]", by: User, now: datetime, **facts: Any
    ) -> "Order":
        """The first operator's half. `facts`: authority, reference, extent, selection, period, received_on, gag_until.

        Raises CannotShare for an unknown client, an order of tomorrow, a selection of nothing, a silence without end or a
        period that nobody can look up, ValidationError for a document that can't be kept; then nothing has changed.
        """
        if not Client.objects.filter(pk=client).exists():
            raise CannotShare(_now("Smoall holds nothing about this client any more."))
        if facts["received_on"] > day_of(now):
            raise CannotShare(_now("An order is registered after it was received."))
        if facts["extent"] in (cls.Scope.MODULES, cls.Scope.PERSON) and not any(
            (facts.get("selection") or {}).get(name) for name in ("modules", "person")
        ):
            raise CannotShare(_now("Say which tables, or which person."))
        last = plus_months(day_of(now), 12 * YEARS_KEPT)
        if (facts.get("gag_until") or date.min) > last:
            raise CannotShare(_too_long())
        if (facts.get("period_from") or OLDEST) < OLDEST or (facts.get("period_until") or last) > last:
            raise CannotShare(_now("Give a period that begins after 1899 and ends within ten years."))
        accepted = uploads.accept(document)
        accepted.file.seek(0)
        order = cls(
            client_uuid=client,
            document=accepted.file,
            document_type=accepted.content_type,
            document_sha256=hashlib.sha256(accepted.file.read()).hexdigest(),
            registered_by=by,
            registered_at=now,
            **facts,
        )
        accepted.file.seek(0)
        try:
            order.save(force_insert=True)
        except BaseException:
            if order.document:
                default_storage.delete(order.document.name or "")
            raise
        return order

    def confirm(self, *, by: User, recipient: str, now: datetime) -> None:
        """The second operator's half, with the key that what is given is encrypted to. Raises CannotShare."""
        if by.pk == self.registered_by_id:
            raise CannotShare(_now("Somebody else has to confirm what you have registered."))
        if not by.was_inside(self.registered_at):
            raise CannotShare(_now("Only who was an operator when it was registered can confirm it."))
        changed = Order.objects.filter(pk=self.pk, confirmed_at=None).update(
            confirmed_by=by, confirmed_at=now, recipient=recipient
        )
        if not changed:
            raise CannotShare(_now("This order was confirmed already."))
        self.refresh_from_db()

    def prolong(self, until: date, *, by: User, now: datetime) -> None:
        """The authority forbids for longer to tell the client. Raises CannotShare once it was told, for less, or for ever."""
        if self.told_at or Message.states([self.mail_key]).get(self.mail_key) in ON_ITS_WAY:
            raise CannotShare(_now("The client was told already."))
        if until <= max(self.gag_until or date.min, day_of(now)):
            raise CannotShare(_now("Give a later day."))
        if until > plus_months(day_of(now), 12 * YEARS_KEPT):
            raise CannotShare(_too_long())
        self.gag_until = until
        self.silences = [
            *self.silences,
            {"until": until.isoformat(), "by": str(by.pk), "at": now.isoformat()},
        ]
        self.save(update_fields=["gag_until", "silences"])

    def is_secret(self, today: date) -> bool:
        return self.gag_until is not None and self.gag_until >= today


def _too_long() -> str:
    return _now("An order is kept for ten years: the silence about it can’t last longer.")
