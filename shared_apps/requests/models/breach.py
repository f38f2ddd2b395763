"""Breaches of security: what happened, the authority's 72 hours, and the clients who are told, once each (GDPR, art. 33, 34)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import ONE_LINE, User
from shared_apps.kit.rows import Row

AUTHORITY_TIME = timedelta(hours=72)  # article 33(1), from the moment it was found


class CannotNote(Exception):
    """A verb on a breach was refused; the text is for people."""


class BreachQuerySet(models.QuerySet["Breach"]):
    def open(self) -> Self:
        """The authority was neither told, nor was it decided why not."""
        return self.filter(authority_notified_at=None, authority_not_because="")

    def overdue(self, now: datetime) -> Self:
        return self.open().filter(authority_due_at__lt=now)

    def untold(self) -> Self:
        """Some client concerned has no mail, though there is a text for it."""
        return self.filter(notified_at__isnull=False, concerned__told_at=None).distinct()


class Breach(Row):
    """`notices` is {language: text}, what the clients concerned are mailed; `notified_at` when that was decided."""

    summary = models.CharField(_("in one line"), max_length=200, validators=[ONE_LINE])
    happened = models.TextField(_("what happened"))
    found_at = models.DateTimeField(_("found at"))
    authority_due_at = models.DateTimeField(_("the authority is to be told until"))
    categories = models.JSONField(_("categories of data"))  # codes of the register of holdings
    number = models.PositiveIntegerField(_("people concerned, about"), null=True, blank=True)
    consequences = models.TextField(_("likely consequences"), blank=True)
    measures = models.TextField(_("what was done"), blank=True)
    authority_notified_at = models.DateTimeField(_("authority told at"), null=True, blank=True)
    authority_reference = models.CharField(_("the authority’s reference"), max_length=100, blank=True)
    authority_not_because = models.TextField(_("why the authority is not told"), blank=True)
    late_because = models.TextField(_("why it was told late"), blank=True)
    notices = models.JSONField(default=dict, blank=True)
    notified_at = models.DateTimeField(_("clients told at"), null=True, blank=True)
    registered_by = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = BreachQuerySet.as_manager()

    class Meta:
        verbose_name = _("breach of security")
        verbose_name_plural = _("breaches of security")
        ordering = ["-found_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(authority_due_at__gte=F("found_at")), name="requests_breach_has_time"
            ),
            models.CheckConstraint(
                condition=Q(authority_notified_at=None) | Q(authority_not_because="") | ~Q(late_because=""),
                name="requests_breach_told_or_not",
            ),
        ]

    def __str__(self) -> str:
        return self.summary

    @property
    def is_open(self) -> bool:
        return self.authority_notified_at is None and not self.authority_not_because

    def is_overdue(self, now: datetime) -> bool:
        return self.is_open and self.authority_due_at < now

    # --- verbs ---------------------------------------------------------------------------------------------

    @classmethod
    def register(
        cls, *, found_at: datetime, clients: Iterable[UUID], by: User, now: datetime, **facts: Any
    ) -> Self:
        """Note a breach, its 72 hours and the clients concerned. Raises CannotNote for a moment to come."""
        if found_at > now:
            raise CannotNote(_now("A breach is registered after it was found."))
        row = cls(
            found_at=found_at,
            authority_due_at=found_at.astimezone(UTC)
            + AUTHORITY_TIME,  # hours that pass, not those of a clock
            registered_by=by,
            created_at=now,
            **facts,
        )
        row.save(force_insert=True)
        row.concern(clients)
        return row

    def concern(self, clients: Iterable[UUID]) -> None:
        """Name clients concerned, also those found later; one that is named already stays as it is."""
        rows = [Notice(breach=self, client_uuid=client) for client in clients]
        Notice.objects.bulk_create(rows, ignore_conflicts=True)

    def tell_authority(self, *, at: datetime, reference: str, late_because: str, now: datetime) -> None:
        """Note that the authority was told. Raises CannotNote: told already, not at such a moment, late without why.

        Also after it was decided not to tell it, since more is known by then: with the reason, beside the one of then.
        """
        fresh = Breach.objects.select_for_update().get(pk=self.pk)
        if fresh.authority_notified_at:
            raise CannotNote(_now("That was noted already."))
        is_after_all = fresh.authority_not_because != ""
        if not self.found_at <= at <= now:
            raise CannotNote(_now("Give a moment between the discovery and now."))
        if at > self.authority_due_at and not late_because.strip():
            raise CannotNote(_now("The 72 hours were over: say why it was told late (GDPR, article 33(1))."))
        if is_after_all and not late_because.strip():
            raise CannotNote(
                _now("It was noted why the authority need not be told: say why it is told after all.")
            )
        self.authority_notified_at, self.authority_reference = at, reference
        self.late_because = late_because if is_after_all or at > self.authority_due_at else ""
        self.save(update_fields=["authority_notified_at", "authority_reference", "late_because"])

    def do_not_tell_authority(self, because: str) -> None:
        """A breach that is unlikely to be a risk for anybody: why, since the authority may ask. Raises CannotNote."""
        self._refuse_when_settled()
        self.authority_not_because = because
        self.save(update_fields=["authority_not_because"])

    def supplement(self, texts: dict[str, str], *, by: User, now: datetime) -> "Supplement":
        """What is known since the clients were told, for all of them (article 33(4)). Raises CannotNote before that."""
        if not Breach.objects.select_for_update().get(pk=self.pk).notified_at:
            raise CannotNote(_now("The clients were not told of the breach yet."))
        return Supplement.objects.create(breach=self, texts=texts, by=by, at=now)

    def _refuse_when_settled(self) -> None:
        if not Breach.objects.select_for_update().get(pk=self.pk).is_open:
            raise CannotNote(_now("That was noted already."))


class Supplement(Row):
    """What became known later: {language: text}, mailed once to each client concerned. Never altered (walls.py)."""

    breach = models.ForeignKey(Breach, on_delete=models.PROTECT, related_name="supplements")
    texts = models.JSONField()
    by = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    at = models.DateTimeField(_("added"))

    class Meta:
        verbose_name = _("supplement about a breach")
        verbose_name_plural = _("supplements about breaches")
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"


class Notice(Row):
    """A client concerned by a breach, and when it was told: when the mail left. One mail, and one for each supplement."""

    breach = models.ForeignKey(Breach, on_delete=models.PROTECT, related_name="concerned")
    client_uuid = models.UUIDField(db_index=True)
    told_at = models.DateTimeField(_("told"), null=True, blank=True)
    # How many supplements it was mailed, in their order: none is ever put between or taken away.
    supplements_told = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = _("notice of a breach")
        verbose_name_plural = _("notices of breaches")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["breach", "client_uuid"], name="requests_notice_once_a_client")
        ]

    def __str__(self) -> str:
        return str(self.told_at or "–")

    @property
    def mail_key(self) -> str:
        return f"breach:{self.breach_id}:{self.client_uuid}"
