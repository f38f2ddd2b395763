"""What scenarios begin with, and their list: what several areas need."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import pyrage
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import (
    sagas,
)
from tenants.models import (
    Saga,
    Tenant,
)
from tests.conftest import TESTER, make_workspace

IDENTITY = pyrage.x25519.Identity.generate()  # a passphrase is slow by design
RECIPIENT, SECRET = str(IDENTITY.to_public()), str(IDENTITY)
_numbers = count()


@dataclass
class Case:
    """One begun piece of work. `go` does what is left of it; `check` raises AssertionError; `end` frees what it keeps."""

    id: UUID | None  # of the saga; a verb has none
    check: Callable[[], None]
    go: Callable[[], object]
    end: Callable[[], None] = lambda: None


Begin = Callable[[], Case]
SCENARIOS: dict[str, tuple[str, Begin]] = {}  # name -> the kind of saga, or verb, that it begins, and how


def scenario(name: str, kind: str) -> Callable[[Begin], Begin]:
    def mark(begin: Begin) -> Begin:
        SCENARIOS[name] = (kind, begin)
        return begin

    return mark


def label(prefix: str) -> str:
    """A name that was never given: those of the erased are retired."""
    return f"{prefix}-{next(_numbers)}-{timezone.now():%M%S%f}"


def workspace(prefix: str) -> Tenant:
    """With a file, a mail that waits and one that has left."""
    made = make_workspace(label(prefix))
    with scope.tenant(made.id, actor=TESTER):
        default_storage.save("contacts/a/scan.pdf", ContentFile(b"%PDF scan"))
    with scope.shared():
        return Tenant.objects.select_related("client").prefetch_related("domains").get(pk=made.pk)


def run(id: UUID) -> Callable[[], Saga]:
    return lambda: sagas.run(id)


def now_of(id: UUID) -> Saga:
    with scope.shared():
        return Saga.objects.get(pk=id)


def is_done(id: UUID) -> None:
    saga = now_of(id)
    assert (saga.status, saga.error, saga.progress) == (Saga.Status.DONE, "", 100)


def mails(key: str, tenant: UUID | None = None) -> int:
    with scope.tenant(tenant) if tenant else scope.shared():
        return Message.objects.filter(key=key).count()
