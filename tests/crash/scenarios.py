"""How each kind of long work is begun in a workspace of its own, and what must be true once it is over.

A new kind of saga needs a scenario here: test_killed.py fails on one without. Its steps enter by themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from uuid import UUID

import pyrage
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import erasure, export, gate, replay, restore, sagas, sign_up
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import Domain, Erasure, Export, Saga, SignUp, State, Tenant
from tests.conftest import TESTER, make_workspace
from tests.crash.older import Older

IDENTITY = pyrage.x25519.Identity.generate()  # a passphrase is slow by design
RECIPIENT, SECRET = str(IDENTITY.to_public()), str(IDENTITY)
_numbers = count()


@dataclass
class Case:
    """One begun piece of long work. `go` does what is left of it; `check` raises AssertionError."""

    kind: str
    id: UUID  # of the saga
    check: Callable[[], None]
    go: Callable[[], object]


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


# --- provision --------------------------------------------------------------------------------------------


def provision() -> Case:
    name = label("made")
    answers = sign_up.Answers(f"{name} SA", "BE", "", "fr", name, "Nora Noir", f"nora@{name}.test")
    with scope.shared(actor=TESTER):
        saga = sign_up.open_for(answers, now=timezone.now())

    def check() -> None:
        is_done(saga.pk)
        with scope.shared():
            tenant = Tenant.objects.get(domains__domain=name)
            assert tenant.pk == saga.subject and Client.objects.filter(company=f"{name} SA").count() == 1
            assert not SignUp.objects.filter(subdomain=name).exists()
            assert Message.objects.filter(purpose="sign_up.ready", about=tenant.client_id).count() == 1
        with scope.tenant(tenant.id):
            assert User.objects.get().email == f"nora@{name}.test"
        assert KeyStore.default().exists(tenant.id)

    return Case("provision", saga.pk, check, run(saga.pk))


# --- export and restore -----------------------------------------------------------------------------------


def export_() -> Case:
    tenant = workspace("copied")
    with scope.acting(TESTER):
        found = export.request(tenant.id, RECIPIENT, now=timezone.now())

    def check() -> None:
        is_done(found.saga)  # type: ignore[arg-type]
        with scope.shared():
            found.refresh_from_db()
            assert "sealed" not in Saga.objects.get(pk=found.saga).data
        assert found.ready_at and export.path_of(found).stat().st_size == found.size
        assert [path.name for path in export.path_of(found).parent.iterdir()] == [export.path_of(found).name]
        with restore.opened(export.path_of(found), SECRET) as reader:
            restore.check(reader)
        with scope.tenant(tenant.id):
            assert Message.objects.filter(purpose="tenants.export").count() == 1

    return Case("export", found.saga, check, run(found.saga))  # type: ignore[arg-type]


_archive: list[Path] = []


def restore_() -> Case:
    name, path = label("back"), archive()
    with scope.acting(TESTER):
        saga = restore.request(path, SECRET, subdomain=name)

    def check() -> None:
        is_done(saga.pk)
        with scope.shared():
            tenant = Tenant.objects.get(domains__domain=name)
            assert (tenant.pk, tenant.state) == (saga.subject, State.ACTIVE)
            assert "sealed" not in Saga.objects.get(pk=saga.pk).data
            assert Client.objects.filter(tenant=tenant).count() == 1
        with scope.tenant(tenant.id):
            assert User.objects.count() == 3
            assert Message.objects.filter(purpose="tenants.restored").count() == 1
            with default_storage.open("contacts/a/scan.pdf") as file:
                assert file.read() == b"%PDF scan"

    return Case("restore", saga.pk, check, run(saga.pk))


def archive() -> Path:
    """An export that is made once, outside the data folder's own places."""
    if not _archive:
        tenant = workspace("source")
        with scope.acting(TESTER):
            found = export.request(tenant.id, RECIPIENT, now=timezone.now())
        sagas.run(found.saga)  # type: ignore[arg-type]
        kept = export.path_of(found).with_suffix(".kept")
        export.path_of(found).replace(kept)
        _archive.append(kept)
    return _archive[0]


# --- erasure ----------------------------------------------------------------------------------------------


def erase(*, with_contacts: bool) -> Case:
    tenant = workspace("gone")
    with scope.acting(TESTER):
        found = erasure.request(
            tenant.id, now=timezone.now(), delay=timedelta(0), with_contacts=with_contacts
        )

    def check() -> None:
        is_done(found.saga)  # type: ignore[arg-type]
        is_erased(tenant, with_contacts=with_contacts)
        assert mails(f"erased:{found.id}") == (0 if with_contacts else 1)

    def go() -> object:
        let_mail_leave(found)
        return sagas.run(found.saga)  # type: ignore[arg-type]

    return Case("erase", found.saga, check, go)  # type: ignore[arg-type]


def is_erased(tenant: Tenant, *, with_contacts: bool) -> None:
    """Nothing of it anywhere, one line a kind in the ledger, and the head beside it."""
    with scope.shared():
        assert not Tenant.objects.filter(pk=tenant.pk).exists()
        assert not Domain.objects.filter(tenant_id=tenant.pk).exists()
        assert Client.objects.filter(pk=tenant.client_id).exists() is not with_contacts
        certificates = [one.certificate for one in Erasure.objects.filter(tenant_uuid=tenant.id)]
        assert not Export.objects.filter(tenant_uuid=tenant.id).exists()
    kinds = [one.entry.kind for one in Ledger.default().entries() if one.entry.tenant == tenant.id]
    assert kinds == ["data", "contacts"][: 1 + with_contacts]
    recorded = Ledger.default().find(tenant.id)
    assert recorded and certificates == ["" if with_contacts else recorded.entry.certificate]
    assert gate.look().is_open
    assert not KeyStore.default().exists(tenant.id)


# --- replay -----------------------------------------------------------------------------------------------

_erased: dict[bool, tuple[Tenant, Older]] = {}


def replayed(*, with_contacts: bool) -> Case:
    """The same erased client comes back with the same older database each time."""
    tenant, older = erased(with_contacts)
    ledger = Ledger.default().path.read_bytes()
    older.put_back()
    *before, last = gate.unapplied()
    for one in before:
        sagas.run(replay.begin(one).pk)
    with scope.shared():
        known = Message.objects.count()
    saga = replay.begin(last)

    def check() -> None:
        is_done(saga.pk)
        is_erased(tenant, with_contacts=with_contacts)
        assert Ledger.default().path.read_bytes() == ledger, "nothing was appended"
        with scope.shared():
            assert Message.objects.count() <= known, "no second mail"

    def go() -> object:
        replay.replay()
        return sagas.run(saga.pk)

    return Case("replay_contacts" if with_contacts else "replay", saga.pk, check, go)


def erased(with_contacts: bool) -> tuple[Tenant, Older]:
    if with_contacts not in _erased:
        tenant = workspace("returner")
        older = Older(f"crash_{with_contacts:d}")
        with scope.acting(TESTER):
            found = erasure.request(
                tenant.id, now=timezone.now(), delay=timedelta(0), with_contacts=with_contacts
            )
        while sagas.run(found.saga).status != Saga.Status.DONE:  # type: ignore[arg-type]
            let_mail_leave(found)
        _erased[with_contacts] = tenant, older
    return _erased[with_contacts]


def let_mail_leave(found: Erasure) -> None:
    """The certificate's mail, for which the contact details wait."""
    with scope.shared():
        Message.objects.filter(key=f"erased:{found.id}").update(state=Message.State.SENT)
        Saga.objects.filter(pk=found.saga).update(due_at=timezone.now())


def clear() -> None:
    """What the scenarios keep between their cases, and the finished erasures, which operators have a number of a day."""
    with scope.shared():
        Erasure.objects.exclude(destroyed_at=None).delete()
    for _tenant, older in _erased.values():
        older.forget()
    _erased.clear()
    for path in _archive:
        path.unlink(missing_ok=True)
    _archive.clear()


# --- all --------------------------------------------------------------------------------------------------

SCENARIOS: dict[str, tuple[str, Callable[[], Case]]] = {
    "provision": ("provision", provision),
    "export": ("export", export_),
    "restore": ("restore", restore_),
    "erase the data": ("erase", partial(erase, with_contacts=False)),
    "erase with the contact details": ("erase", partial(erase, with_contacts=True)),
    "replay the data's erasure": ("replay", partial(replayed, with_contacts=False)),
    "replay the contact details' erasure": ("replay_contacts", partial(replayed, with_contacts=True)),
}
