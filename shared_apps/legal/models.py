"""Which versions of the legal texts count and since when, who was told, and what a client accepted (P41, P42, P43).

The texts are in documents.py; the mails of a publication are sent by tenants/publishing.py, which knows the clients.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps import history
from shared_apps.accounts.models import User
from shared_apps.kit.dates import day_of, plus_months
from shared_apps.kit.rows import Row
from shared_apps.legal import documents
from shared_apps.legal.documents import CONTRACT, Document

NOTICE = 1  # months between publishing and counting, where people must be able to say no in time


class CannotChange(TypeError):
    """An acceptance is a fact: it is recorded once and never altered."""


class CannotPublish(Exception):
    """A verb on a publication was refused; the text is for people."""


class PublicationQuerySet(models.QuerySet["Publication"]):
    def confirmed(self) -> Self:
        return self.exclude(confirmed_at=None)

    def of(self, document: Document) -> Self:
        return self.filter(kind=document.kind, version=document.version)

    def days(self, kind: str) -> dict[str, date]:
        """version -> the day from which it counts."""
        return dict(self.filter(kind=kind).values_list("version", "in_force_on"))


class Publication(Row):
    """A version of a text is put into force: one operator proposes it and says what it changes, another one confirms.

    Nobody published the first version of a text: it came with the release, and nothing was used otherwise before it.
    What was confirmed is never altered or taken back: the database refuses both (walls.py).
    """

    kind = models.CharField(_("text"), max_length=20)
    version = models.CharField(_("version"), max_length=20)
    digests = models.JSONField(_("digests"))  # language -> SHA-256, as they were when it was proposed
    in_force_on = models.DateField(_("in force from"))
    changes_contacts = models.BooleanField(_("changes the use of contact details"), default=False)
    explanation = models.TextField(_("explanation"), max_length=2000, blank=True)
    # Held by the database's keys alone: Django would ask for this table when a tenant's person is deleted.
    proposed_by = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+"
    )
    proposed_at = models.DateTimeField(_("proposed"))
    confirmed_by = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)

    objects = PublicationQuerySet.as_manager()

    class Meta:
        verbose_name = _("publication")
        verbose_name_plural = _("publications")
        ordering = ["-proposed_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "version"], name="legal_publication_once"),
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("proposed_by")),
                name="legal_publication_two_operators",
            ),
            models.CheckConstraint(
                condition=Q(
                    proposed_by=None, confirmed_by=None, confirmed_at__isnull=False, changes_contacts=False
                )
                | Q(proposed_by__isnull=False, confirmed_by=None, confirmed_at=None)
                | Q(proposed_by__isnull=False, confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="legal_publication_confirmed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(proposed_by=None) | ~Q(explanation=""), name="legal_publication_explained"
            ),
        ]

    def __str__(self) -> str:
        return self.topic

    @property
    def topic(self) -> str:
        """How the outbox calls the change: "privacy 2"."""
        return f"{self.kind} {self.version}"

    @property
    def is_with_release(self) -> bool:
        return self.proposed_by_id is None

    @property
    def document(self) -> Document:
        """Raises UnknownDocument when this release doesn't know it any more, or not yet."""
        return documents.find(self.kind, self.version)

    @classmethod
    def propose(
        cls,
        document: Document,
        *,
        changes_contacts: bool,
        explanation: str,
        in_force_on: date,
        by: User,
        now: datetime,
    ) -> Self:
        """The first operator's half: the answers, and the day. Raises CannotPublish; nobody is told of anything yet."""
        explained = explanation.strip()
        if not explained:
            raise CannotPublish(_now("Explain your answer."))
        if cls.objects.of(document).exists() or documents.before(document) is None:
            raise CannotPublish(_now("This version was published or proposed already."))
        if changes_contacts and document.kind != "privacy":
            raise CannotPublish(_now("How contact details are used is said by the privacy policy alone."))
        newest, known = documents.editions(document.kind)[0], documents.versions(document.kind)
        if known.index(newest.document) < known.index(document):
            raise CannotPublish(_now("A later version is published already."))
        _refuse_altered(document)
        _refuse_day(
            document.kind, changes_contacts, in_force_on, today=day_of(now), not_before=newest.in_force_on
        )
        return cls.objects.create(
            kind=document.kind,
            version=document.version,
            digests=dict(document.digests),
            in_force_on=in_force_on,
            changes_contacts=changes_contacts,
            explanation=explained,
            proposed_by=by,
            proposed_at=now,
        )

    def confirm(self, *, by: User, now: datetime) -> None:
        """The second operator's half; from now on the version is public. Raises CannotPublish.

        The caller holds the row, and tells the clients: tenants/publishing.py.
        """
        if self.confirmed_at:
            raise CannotPublish(_now("This version was confirmed already."))
        if by.pk == self.proposed_by_id:
            raise CannotPublish(_now("Somebody else has to confirm what you have proposed."))
        if not by.was_inside(self.proposed_at):
            raise CannotPublish(_now("Only who was an operator when it was proposed can confirm it."))
        document = self.document
        _refuse_altered(document)
        if dict(document.digests) != self.digests:
            raise CannotPublish(
                _now("The text is not the one that was proposed. Withdraw it, and propose it anew.")
            )
        newest = documents.editions(document.kind)[0]
        _refuse_day(
            self.kind,
            self.changes_contacts,
            self.in_force_on,
            today=day_of(now),
            not_before=newest.in_force_on,
        )
        self.confirmed_by, self.confirmed_at = by, now
        self.save(update_fields=["confirmed_by", "confirmed_at"])

    def withdraw(self) -> None:
        """As if it had not been proposed. Raises CannotPublish once it is confirmed."""
        if self.confirmed_at:
            raise CannotPublish(_now("What was published stays published: a change is a new version."))
        self.delete()

    @classmethod
    def seed(cls, *, now: datetime) -> None:
        """Note the first version of each text as published with the release. What stands already stays.

        As the owner: from everybody else the database takes only what is proposed, and confirmed by another one.
        """
        first = [documents.versions(kind)[-1] for kind in documents.TITLES]
        rows = [
            Publication(
                kind=one.kind,
                version=one.version,
                digests=dict(one.digests),
                in_force_on=one.published_on,
                proposed_at=now,
                confirmed_at=now,
            )
            for one in first
        ]
        Publication.objects.bulk_create(rows, ignore_conflicts=True)

    @classmethod
    def altered(cls) -> list[str]:
        """Texts of this release that are not what was published, by the digests noted then: "privacy 2 fr".

        A language that was added since is none of them.
        """
        found = []
        for row in cls.objects.confirmed():
            try:
                now: Mapping[str, str] = row.document.digests
            except documents.UnknownDocument:
                now = {}
            found += [
                f"{row.topic} {language}"
                for language, digest in row.digests.items()
                if now.get(language) != digest
            ]
        return sorted(found)


def earliest(kind: str, *, changes_contacts: bool, today: date) -> date:
    """The first day on which a version that is published today may count."""
    return plus_months(today, NOTICE) if changes_contacts or kind in CONTRACT else today


def _refuse_day(kind: str, changes_contacts: bool, day: date, *, today: date, not_before: date) -> None:
    first = max(earliest(kind, changes_contacts=changes_contacts, today=today), not_before)
    if day < first:
        raise CannotPublish(_now("It can’t be in force before %(day)s.") % {"day": f"{first:%d/%m/%Y}"})


def _refuse_altered(document: Document) -> None:
    if documents.altered([document]):
        raise CannotPublish(_now("A file of this version isn’t the one that the release names."))


class Notice(Row):
    """A client was told of a change in how contact details are used, once: by one mail that it could object by."""

    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="notices")
    client_uuid = models.UUIDField(db_index=True)
    language = models.CharField(_("language"), max_length=5)
    is_mailed = models.BooleanField(default=True)  # False: the address was none that a mail can be written to
    told_at = models.DateTimeField(_("told"))  # the mail was queued
    sent_at = models.DateTimeField(
        _("mail sent"), null=True, blank=True
    )  # it left: from then on they can object

    class Meta:
        verbose_name = _("notice of a change")
        verbose_name_plural = _("notices of changes")
        ordering = ["-told_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["publication", "client_uuid"], name="legal_notice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.told_at:%Y-%m-%d}"

    def gave_time(self, today: date) -> bool:
        """Whether its mail left so long ago that an answer could come in."""
        return self.sent_at is not None and plus_months(day_of(self.sent_at), NOTICE) <= today


class AcceptanceQuerySet(models.QuerySet["Acceptance"]):
    def by(self, client: UUID) -> Self:
        return self.filter(client_uuid=client)


class Acceptance(Row):
    """A client accepted one text. Names the client by its UUID, so that it can't hold up an erasure."""

    client_uuid = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=20)
    version = models.CharField(max_length=20)
    language = models.CharField(max_length=5)
    sha256 = models.CharField(max_length=64)  # of the text that was shown
    accepted_at = models.DateTimeField()

    objects = AcceptanceQuerySet.as_manager()

    class Meta:
        ordering = ["-accepted_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["client_uuid", "kind", "version"], name="legal_acceptance_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises CannotChange for a row that exists."""
        if not self._state.adding:
            raise CannotChange
        super().save(*args, **kwargs)

    @classmethod
    def record(cls, document: Document, *, client: UUID, language: str, at: datetime) -> Self:
        """The client's acceptance of this version; the first one stays when there is one already."""
        shown = document.language(language)
        found, _is_new = cls.objects.get_or_create(
            client_uuid=client,
            kind=document.kind,
            version=document.version,
            defaults={"language": shown, "sha256": document.sha256(shown), "accepted_at": at},
        )
        return found


history.register(
    Acceptance, label="kind"
)  # the others are facts that tell their own story: who, what and when
