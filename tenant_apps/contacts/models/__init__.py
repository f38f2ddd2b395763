"""A workspace's address book: contacts with their tags and attachments, and imports of files. One noun a file."""

from tenant_apps.contacts.models.attachment import Attachment
from tenant_apps.contacts.models.contact import CannotArchive, CannotRestore, Contact, Kind, Relation
from tenant_apps.contacts.models.imports import CannotCommit, Import
from tenant_apps.contacts.models.tag import Tag

__all__ = [
    "Attachment",
    "CannotArchive",
    "CannotCommit",
    "CannotRestore",
    "Contact",
    "Import",
    "Kind",
    "Relation",
    "Tag",
]
