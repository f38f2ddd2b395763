"""One entry for each changed row, in the schema of that row; only the triggers write them (triggers.py). And events."""

from collections.abc import Collection
from typing import Any

from auditlog.models import AbstractLogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.history import register
from shared_apps.kit.rows import Row


class LogEntry(AbstractLogEntry):
    """django-auditlog's entry without addresses, and with an author that no deletion can take away.

    `changes` is {"field": [old, new]}, each side PostgreSQL's text or null. For a many-to-many table the
    entry is one of the row that has the field, and a side is the other row's key. `timestamp` is the
    transaction's start and `cid` its number, so that one action's entries stand together; `id` orders them.
    """

    id = models.BigAutoField(primary_key=True)
    # No constraint of the database: the trigger looks the type up itself, a check would cost each entry mor
    content_type = models.ForeignKey(
        "contenttypes.ContentType",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    object_pk = models.CharField(max_length=255)
    action = models.PositiveSmallIntegerField(choices=AbstractLogEntry.Action.choices)
    changes = models.JSONField()
    cid = models.CharField(max_length=20)
    timestamp = models.DateTimeField()
    additional_data = models.JSONField(null=True, blank=True)

    parent_type = models.ForeignKey(
        "contenttypes.ContentType",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        db_constraint=False,
    )
    parent_pk = models.CharField(max_length=255, blank=True)
    module = models.CharField(max_length=40)
    table_name = models.CharField(max_length=63)
    actor_kind = models.CharField(max_length=10)  # see kit.scope.Actor
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=300)
    actor_behalf = models.CharField(max_length=300, blank=True)

    # What auditlog's entry has and this one must not: addresses, an author who can go, copies of rows.
    remote_addr: Any = None
    remote_port: Any = None
    actor: Any = None
    actor_email: Any = None
    object_id: Any = None
    serialized_data: Any = None
    changes_text: Any = None

    objects: Any = models.Manager()

    class Meta(AbstractLogEntry.Meta):
        abstract = False
        ordering = ["-timestamp", "-id"]
        indexes = [
            models.Index(fields=["-timestamp", "-id"], name="history_by_time"),
            models.Index(fields=["content_type", "object_pk", "-timestamp", "-id"], name="history_by_object"),
            models.Index(fields=["parent_type", "parent_pk", "-timestamp", "-id"], name="history_by_parent"),
            models.Index(fields=["actor_id", "-timestamp", "-id"], name="history_by_actor"),
            models.Index(fields=["module", "-timestamp", "-id"], name="history_by_module"),
        ]

    @classmethod
    def on_behalf(cls, keys: Collection[str]) -> "models.QuerySet[LogEntry]":
        """Entries of the rows with these keys, of whatever tables, that were made for somebody. By their index."""
        types = list(ContentType.objects.order_by().values_list("pk", flat=True))
        found = cls.objects.filter(content_type_id__in=types, object_pk__in=keys)
        return found.exclude(actor_behalf="").order_by()  # type: ignore[no-any-return]


class Event(Row):
    """Something that happened to the workspace as a whole and changes none of its rows. Its entry is made like any other's."""

    class What(models.TextChoices):
        COPY_MADE = "copy_made", _("a copy of all data was made")
        COPY_TAKEN = "copy_taken", _("a copy of all data was taken")
        PERSON_ERASED = "person_erased", _("a person was erased")

    what = models.CharField(_("what"), max_length=20, choices=What)
    note = models.CharField(_("which"), max_length=200)
    at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-at"]

    def __str__(self) -> str:
        return self.note


register(Event, label="note", exclude=("at",))
