"""What somebody asks about their data, by mail, post or on the workspace's page, and the answer within a month (P44)."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps.accounts.models import ONE_LINE, User
from shared_apps.clients.models import Client
from shared_apps.kit import uploads
from shared_apps.kit.dates import day_of, plus_months
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold, fold_email

MONTHS, MORE_MONTHS = 1, 2  # GDPR, article 12(3): one month, and two more where that is needed
NAMES_KEPT_MONTHS = 36  # after the answer
MOST_OPEN = 20  # of one client
FOLDER = "requests"


class CannotAnswer(Exception):
    """A verb on a request was refused; the text is for people."""


def _scan_name(request: "Request", _name: str) -> str:
    return f"{FOLDER}/{request.client_uuid or 'nobody'}/{request.id}"


class RequestQuerySet(models.QuerySet["Request"]):
    def open(self) -> Self:
        return self.filter(answered_at=None, closed_at=None)

    def overdue(self, today: date) -> Self:
        """Open, and their last day is over."""
        return self.open().filter(due_on__lt=today)

    def nameless_since(self, today: date) -> Self:
        """Those whose names have been kept for long enough on that day."""
        last = plus_months(today, -NAMES_KEPT_MONTHS)
        return self.filter(names_removed_at=None, answered_at__date__lt=last)


class Request(Row):
    """`due_on` is the last day of the answer, fixed when the request came in; an extension moves it once."""

    class Kind(models.TextChoices):
        ACCESS = "access", pgettext_lazy("a request", "Access to what is held")
        RECTIFICATION = "rectification", pgettext_lazy("a request", "Correction")
        ERASURE = "erasure", pgettext_lazy("a request", "Erasure")
        RESTRICTION = "restriction", pgettext_lazy("a request", "Restriction of processing")
        PORTABILITY = "portability", pgettext_lazy("a request", "A copy to take elsewhere")
        OBJECTION = "objection", pgettext_lazy("a request", "Objection")
        QUESTION = "question", pgettext_lazy("a request", "Question")

    class Channel(models.TextChoices):
        PAGE = "page", pgettext_lazy("how a request came", "on the workspace’s page")
        MAIL = "mail", pgettext_lazy("how a request came", "by mail")
        POST = "post", pgettext_lazy("how a request came", "by post")

    kind = models.CharField(_("what is asked"), max_length=20, choices=Kind)
    channel = models.CharField(_("how it came"), max_length=10, choices=Channel)
    client_uuid = models.UUIDField(_("client"), null=True, blank=True, db_index=True)
    from_name = models.CharField(_("name"), max_length=200, validators=[ONE_LINE])
    from_address = models.CharField(_("e-mail or postal address"), max_length=400)
    language = models.CharField(_("language"), max_length=5, default="fr")
    text = models.TextField(_("text"), blank=True)
    scan = models.FileField(_("scan"), upload_to=_scan_name, max_length=120, blank=True)
    scan_type = models.CharField(max_length=100, blank=True)  # as the content tells it
    received_on = models.DateField(_("received on"))
    due_on = models.DateField(_("to be answered until"), db_index=True)
    extended_at = models.DateTimeField(_("extended"), null=True, blank=True)
    extended_because = models.TextField(_("why it takes longer"), blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    answer = models.TextField(_("answer"), blank=True)
    # Not answered: whoever asked had the contact details erased that an answer would have gone to.
    closed_at = models.DateTimeField(_("closed without an answer"), null=True, blank=True)
    # Held by the database's key alone: Django would ask for this table when a tenant's person is deleted.
    registered_by = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+"
    )
    answered_by = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+"
    )
    names_removed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        ordering = ["due_on", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(due_on__gt=models.F("received_on")), name="requests_request_has_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.received_on}"

    @property
    def state(self) -> str:
        """ "answered", "closed", "extended" or "open"."""
        if self.answered_at or self.closed_at:
            return "answered" if self.answered_at else "closed"
        return "extended" if self.extended_at else "open"

    def is_overdue(self, today: date) -> bool:
        return self.answered_at is None and self.closed_at is None and self.due_on < today

    def is_of(self, client: Client) -> bool:
        """Whether the client itself asks: on its workspace's page, or by its contact person. Others ask for themselves."""
        return (
            self.channel == Request.Channel.PAGE
            or fold_email(self.from_address) == fold_email(client.contact_email)
            or fold(self.from_name) == fold(client.contact_name)
        )

    # --- verbs ---------------------------------------------------------------------------------------------

    @classmethod
    def register(
        cls,
        *,
        received_on: date,
        by: User | None,
        now: datetime,
        scan: "File[bytes] | None" = None,
        **said: Any,
    ) -> Self:
        """Keep a request with its last day: a calendar month from its receipt, whenever it is registered.

        `by`: the operator, None for one that came on the page. `said`: kind, channel, client_uuid, from_name,
        from_address, language, text. Raises CannotAnswer for a day to come or a client with too many open ones,
        ValidationError for a scan that can't be kept; then nothing has changed.
        """
        if received_on > day_of(now):
            raise CannotAnswer(_now("A request is registered after it was received."))
        client = said.get("client_uuid")
        if by is None and client and cls.objects.open().filter(client_uuid=client).count() >= MOST_OPEN:
            raise CannotAnswer(_now("Twenty requests of yours are open: we answer those first."))
        row = cls(received_on=received_on, due_on=plus_months(received_on, MONTHS), registered_by=by, **said)
        row.created_at = now
        if scan is not None:
            accepted = uploads.accept(scan)
            row.scan, row.scan_type = accepted.file, accepted.content_type
        try:
            row.save(force_insert=True)
        except BaseException:
            default_storage.delete(row.scan.name) if row.scan and row.scan.name else None
            raise
        return row

    def extend(self, because: str, *, now: datetime) -> None:
        """Two months more, once, said within the first month with its reason (GDPR, article 12(3)). Raises CannotAnswer."""
        fresh = self._locked()
        if fresh.extended_at:
            raise CannotAnswer(_now("It was extended already: the law allows it once."))
        if fresh.is_overdue(day_of(now)):
            raise CannotAnswer(_now("The month is over: it can’t be extended any more, only answered."))
        self.extended_at, self.extended_because = now, because
        self.due_on = plus_months(fresh.received_on, MONTHS + MORE_MONTHS)
        self.save(update_fields=["extended_at", "extended_because", "due_on"])

    def give_answer(self, answer: str, *, by: User, now: datetime) -> None:
        """Raises CannotAnswer when somebody has answered it."""
        self._locked()
        self.answer, self.answered_at, self.answered_by = answer, now, by
        self.save(update_fields=["answer", "answered_at", "answered_by"])

    def _locked(self) -> "Request":
        fresh = Request.objects.select_for_update().get(pk=self.pk)
        if fresh.answered_at:
            raise CannotAnswer(_now("It was answered already."))
        if fresh.closed_at:
            raise CannotAnswer(_now("It was closed: whoever asked had their contact details erased."))
        return fresh

    @classmethod
    def remove_names(cls, rows: Iterable["Request"], *, now: datetime) -> list[str]:
        """Leave kind and dates alone. Returns the names of scans, for whoever deletes them once this is committed."""
        scans = []
        for row in rows:
            if row.scan:
                scans.append(str(row.scan.name))
            row.from_name = row.from_address = row.text = row.answer = row.extended_because = ""
            row.scan = row.scan_type = ""
            row.names_removed_at = row.names_removed_at or now
            row.save()
        return scans

    @classmethod
    def forget_client(cls, client: UUID, *, now: datetime) -> None:
        """With the contact details: what the client asked is closed, kind and dates name nobody.

        Somebody else who wrote about the client (a former employee, say) waits for an answer still, which is theirs and not
        the client's to give up: such a request stays open, without the client and with its letter, until it is answered and
        three years after. Before the client's own row goes: it says who the contact person is. Scans that stay here lie in a
        folder of the client's own, which goes with the contact details.
        """
        known = Client.objects.filter(pk=client).first()
        for row in cls.objects.filter(client_uuid=client):
            if row.state in ("open", "extended"):
                if known is not None and not row.is_of(known):
                    row.detach()
                    continue
                row.closed_at = now
            cls.remove_names([row], now=now)

    def detach(self) -> None:
        """About no client any more; the letter, too, leaves its folder, where the old copy goes with the contact details."""
        self.client_uuid = None
        if self.scan and default_storage.exists(self.scan.name or ""):
            place = _scan_name(self, "")
            default_storage.delete(place)  # of a run that died before it was noted
            with default_storage.open(self.scan.name or "") as letter:
                self.scan.save("letter", letter, save=False)
        self.save(update_fields=["client_uuid", "scan"])
