"""The outbox: each mail that was asked for, in the schema of whoever asked; and who is not to be mailed, and why."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.module import MailClass
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold_email

IN_WORKSPACES = """
    SELECT coalesce(sum(n_live_tup), 0) FROM pg_stat_all_tables WHERE relname = %s AND schemaname LIKE 't\\_%%'
"""


def print_of(address: str) -> str:
    """The keyed hash by which an address is known here once it isn't to be mailed: it can be compared, not read."""
    return prints_of(address)[0]


def prints_of(address: str) -> list[str]:
    """Under the present secret key, then under those that it replaced."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    folded = fold_email(address)
    return [
        salted_hmac("smoall.mail.address", folded, secret=key, algorithm="sha256").hexdigest() for key in keys
    ]


class Message(Row):
    """One mail to one person. Its text, which may hold a link that opens doors, goes with its sending."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENT = "sent", _("sent")
        CANCELLED = "cancelled", _("cancelled")
        FAILED = "failed", _("failed")

    purpose = models.CharField(max_length=60)
    topic = models.CharField(max_length=60, blank=True, default="", db_default="")  # the change of the policy
    to_address = models.EmailField()
    to_name = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=5)
    subject = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    headers = models.JSONField(default=dict, blank=True)
    key = models.CharField(max_length=200, unique=True)  # the same key twice is one mail
    about = models.UUIDField(null=True, blank=True, db_index=True)  # a client, in the shared outbox
    wanted = models.CharField(max_length=150, blank=True)  # the dotted name of a @mail.check
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.purpose} ({self.state})"

    @classmethod
    def states(cls, keys: Iterable[str]) -> dict[str, str]:
        """{key: state} of the mails of this scope's outbox that are known still; they are forgotten after a month."""
        return dict(cls.objects.filter(key__in=list(keys)).values_list("key", "state"))

    @classmethod
    def may_go_again(cls, key: str, *, since: datetime | None = None) -> bool:
        """Whether nothing was written under this key, or what was never left; then its row is gone.

        `since`: not while the failure is younger than that.
        """
        known = cls.objects.select_for_update().filter(key=key).first()
        if known is None:
            return True
        is_over = known.state in (cls.State.FAILED, cls.State.CANCELLED)
        if not is_over or (since is not None and known.created_at > since):
            return False
        known.delete()
        return True


class RefusalQuerySet(models.QuerySet["Refusal"]):
    def against(
        self, kind: MailClass, *, prints: Iterable[str], topic: str = "", about: UUID | None = None
    ) -> Self:
        """Those that keep mails of a class from an address, or from the client that they are about.

        General information is refused by the address, whichever client a mail is about, and for the client, whichever
        address it has by now. A change of the policy is opted out of by the client, where there is one.
        """
        of_client, of_address = Q(about=about), Q(address__in=list(prints))
        if about is None:
            found = of_address if kind == "information" else of_address & Q(about=None)
        else:
            found = of_client | of_address if kind == "information" else of_client
        return self.filter(found, kind=kind, topic=topic)


class Refusal(Row):
    """Somebody doesn't want mails of a class; of the class "policy" it is the opt-out of one change, the topic."""

    class Kind(models.TextChoices):
        INFORMATION = "information", _("general information")
        POLICY = "policy", _("a change of the privacy policy")

    address = models.CharField(max_length=64, db_index=True)  # print_of it
    kind = models.CharField(max_length=20, choices=Kind)
    topic = models.CharField(max_length=60, blank=True)
    about = models.UUIDField(null=True, blank=True, db_index=True)  # a client, in the shared schema
    refused_at = models.DateTimeField()

    objects = RefusalQuerySet.as_manager()

    class Meta:
        ordering = ["-refused_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["address", "kind", "topic"], condition=Q(about=None), name="mail_refusal_once"
            ),
            models.UniqueConstraint(
                fields=["address", "kind", "topic", "about"],
                condition=Q(about__isnull=False),
                name="mail_refusal_once_about",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.topic}".strip()

    @classmethod
    def refuse(
        cls, kind: MailClass, *, address: str, topic: str = "", about: UUID | None = None, now: datetime
    ) -> None:
        """Twice is once: the first moment stays. `address` is its print."""
        row = Refusal(kind=kind, address=address, topic=topic, about=about, refused_at=now)
        Refusal.objects.bulk_create([row], ignore_conflicts=True)


class Suppression(Row):
    """An address that mails came back from, or whose holder complained: only what they ask for goes there."""

    class Reason(models.TextChoices):
        BOUNCED = "bounced", _("mails came back")
        COMPLAINED = "complained", _("its holder complained")

    address = models.CharField(max_length=64, unique=True)  # print_of it
    reason = models.CharField(max_length=20, choices=Reason)
    about = models.UUIDField(null=True, blank=True, db_index=True)  # a client, in the shared schema
    suppressed_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-suppressed_at", "-id"]

    def __str__(self) -> str:
        return self.reason

    @classmethod
    def record(cls, address: str, *, reason: str, about: UUID | None = None, now: datetime) -> None:
        """A complaint outweighs a bounce; else the first one stays."""
        row = Suppression(address=print_of(address), reason=reason, about=about, suppressed_at=now)
        Suppression.objects.bulk_create([row], ignore_conflicts=True)
        if reason == cls.Reason.COMPLAINED:
            cls.objects.filter(address=row.address, reason=cls.Reason.BOUNCED).update(reason=reason)

    @staticmethod
    def number_in_workspaces() -> int:
        """About how many stand in all workspaces together, by the server's statistics: no workspace is entered."""
        with connection.cursor() as cursor:
            cursor.execute(IN_WORKSPACES, [Suppression._meta.db_table])
            row: Any = cursor.fetchone()
        return int(row[0])
