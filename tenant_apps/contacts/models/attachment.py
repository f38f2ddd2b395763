"""Files kept with a contact. Cleaned on the way in (shared_apps.kit.uploads), stored under a name that nobody chose."""

from datetime import datetime
from functools import partial
from typing import Self
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps import history
from shared_apps.accounts.models import User
from shared_apps.kit import scope, uploads
from shared_apps.kit.rows import Row
from tenant_apps.contacts.models.contact import Contact

FOLDER = "contacts/attachments"


def stored_name(attachment: "Attachment", _name: str) -> str:
    return f"{FOLDER}/{attachment.id}"


class Attachment(Row):
    """`size` in bytes; `content_type` as the content tells it, never as the browser claims."""

    contact = models.ForeignKey(
        Contact, models.CASCADE, related_name="attachments", verbose_name=_("contact")
    )
    name = models.CharField(_("name"), max_length=uploads.LONGEST_NAME)
    content_type = models.CharField(max_length=100, editable=False)
    size = models.PositiveBigIntegerField(_("size"), editable=False)
    file = models.FileField(upload_to=stored_name, max_length=100)
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def attach(cls, contact: Contact, upload: "File[bytes]", *, by: User, now: datetime) -> Self:
        """Keep a file with a contact. Raises ValidationError for one that can't be kept; then nothing is kept."""
        accepted = uploads.accept(upload)
        row = cls(
            contact=contact, name=accepted.name, content_type=accepted.content_type, size=accepted.file.size,
            created_at=now,
        )  # fmt: skip
        row.file = accepted.file
        try:
            with scope.acting(by.as_actor()), transaction.atomic():
                row.save()
        except BaseException:
            default_storage.delete(row.file.name or "")
            raise
        return row

    def remove(self, *, by: User) -> None:
        """Delete the row, and the file once that is committed."""
        name = self.file.name or ""
        with scope.acting(by.as_actor()):
            self.delete()
        delete_file_when_committed(name)


def delete_file_when_committed(name: str) -> None:
    """The scope of the transaction is left by then, so it is entered anew."""
    tenant = scope.current().tenant
    assert tenant is not None
    transaction.on_commit(partial(_delete_file, tenant, name), robust=True)


def _delete_file(tenant: UUID, name: str) -> None:
    with scope.tenant(tenant):
        default_storage.delete(name)


history.register(
    Attachment,
    label="name",
    parent="contact",
    exclude=("file", "content_type"),
    shown={"size": filesizeformat},
)
