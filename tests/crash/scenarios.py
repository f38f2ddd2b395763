"""How each kind of long work, and each verb, is begun in a workspace of its own, and what must be true once it is over.

A new kind of saga or verb needs a scenario here: test_killed.py fails on one without. Its steps enter by themselves.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from uuid import UUID

import pyrage
from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from shared_apps.accounts.models import Kind, User
from shared_apps.clients.models import Client
from shared_apps.history.models import Event
from shared_apps.jobs import drop, guard
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.dates import plus_months
from shared_apps.kit.module import OWNER
from shared_apps.legal import documents
from shared_apps.legal.documents import Document
from shared_apps.legal.models import CannotPublish, Notice, Publication
from shared_apps.mail.models import Message
from tenants import (
    certificate,
    departure,
    erasure,
    export,
    forgetting,
    gate,
    persons,
    pool,
    publishing,
    replay,
    restore,
    retention,
    sagas,
    sign_up,
    snapshot,
    waves,
)
from tenants.fingerprint import fingerprint
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import (
    PROOFS,
    CannotAct,
    Category,
    Departure,
    Domain,
    Erasure,
    Export,
    FleetEntry,
    Instruction,
    PoolSchema,
    RetiredName,
    Saga,
    SignUp,
    State,
    Tenant,
)
from tests.conftest import TESTER, make_workspace
from tests.crash.older import Older
from tests.isolation import catalog
from tests.toys.fixtures import wait_for

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
            assert list(User.objects.values_list("email", "role")) == [(f"nora@{name}.test", OWNER)]
        assert tenant.state == State.ACTIVE
        assert KeyStore.default().exists(tenant.id)

    return Case(saga.pk, check, run(saga.pk))


# --- the pool and the fleet -------------------------------------------------------------------------------


def confirm() -> Case:
    """The click that opens a workspace at once: a schema is ready."""
    with scope.shared():
        target = snapshot.current()
    ready = pool.fill(target)
    name = label("click")
    now = timezone.now()
    with scope.shared(actor=TESTER):
        asked = SignUp.objects.create(
            company=f"{name} SA", country="BE", language="fr", subdomain=name, name="Nora Noir",
            email=f"nora@{name}.test", created_at=now, expires_at=now + timedelta(days=1), confirmed_at=now,
        )  # fmt: skip

    def go() -> None:
        with scope.shared(actor=TESTER):
            for row in SignUp.objects.select_for_update().filter(pk=asked.pk):
                sign_up.confirm(row, now=timezone.now())

    def check() -> None:
        with scope.shared():
            tenant = Tenant.objects.get(domains__domain=name)
            assert tenant.pk == ready and Client.objects.filter(company=f"{name} SA").count() == 1
            saga = Saga.objects.get(subject=tenant.pk)
            assert not PoolSchema.objects.exists() and not SignUp.objects.filter(pk=asked.pk).exists()
        with scope.tenant(tenant.pk):
            assert User.objects.count() == 1
        assert sagas.run(saga.pk).status == Saga.Status.DONE and KeyStore.default().exists(tenant.pk)

    return Case(None, check, go)


def open_() -> Case:
    """What a worker does after that click."""
    name = label("key")
    with scope.shared():
        target = snapshot.current()
    pool.fill(target)
    answers = sign_up.Answers(f"{name} SA", "BE", "", "fr", name, "Nora Noir", f"nora@{name}.test")
    with scope.shared(actor=TESTER):
        saga = sign_up.open_for(answers, now=timezone.now())
    assert not KeyStore.default().exists(saga.subject)

    def check() -> None:
        is_done(saga.pk)
        assert KeyStore.default().exists(saga.subject)

    return Case(saga.pk, check, run(saga.pk))


def fill() -> Case:
    def check() -> None:
        with scope.shared():
            assert [one.is_ready for one in PoolSchema.objects.all()] == [True]

    return Case(None, check, partial(tend, 1), partial(tend, 0))


def discard() -> Case:
    """Of a release that nobody has any more."""
    with scope.shared():
        target = snapshot.current()
    stale = pool.fill(target)
    assert stale
    with scope.shared(actor=TESTER):
        PoolSchema.objects.update(release="0.0.9")

    def check() -> None:
        with scope.shared():
            assert not PoolSchema.objects.exists()
        assert scope.schema_of(stale) not in catalog.schemas()

    return Case(None, check, partial(tend, 0))


def tend(size: int) -> None:
    """As the schedule does, once the database has noticed that whoever was at it died."""
    wait_for(lambda: is_free(pool.LOCK, pool.POOL))
    with override_settings(SMOALL_POOL_FLOOR=size, SMOALL_POOL_CEILING=size):
        pool.tend(timezone.now())
        if not size:
            with scope.shared():
                left = list(PoolSchema.objects.values_list("pk", flat=True))
            for id in left:
                pool.discard(id)


def is_free(lock: str, id: UUID) -> bool:
    with guard.held(lock, id) as taken:
        return taken


def migrate() -> Case:
    """A workspace of an older release, which lacks a table."""
    tenant = workspace("older")
    with scope.owner(tenant=tenant.id, actor=TESTER), connection.cursor() as cursor:
        cursor.execute("DROP TABLE history_event")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'history' AND name >= '0002'")
        found = fingerprint(tenant.schema_name)
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=tenant.pk).update(release="0.0.9", fingerprint=found)

    def go() -> None:
        wait_for(lambda: is_free(waves.LOCK, waves.FLEET))
        waves.migrate(waves.Options(parallel=1))

    def check() -> None:
        with scope.shared():
            row, wanted = Tenant.objects.get(pk=tenant.pk), snapshot.current()
            assert (row.release, row.fingerprint) == (wanted.release, wanted.fingerprint)
            assert FleetEntry.objects.get(tenant=row).status == FleetEntry.Status.DONE
        with scope.owner(tenant=tenant.id):
            assert fingerprint(tenant.schema_name) == wanted.fingerprint

    return Case(None, check, go)


# --- export and restore -----------------------------------------------------------------------------------


def export_() -> Case:
    tenant = workspace("copied")
    told = {"mail_message", "history_event", "history_logentry"}  # the mail, and the note in the history
    before = catalog.checksums(tenant.schema_name, but=told)
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
            assert Event.objects.count() == 1
        assert catalog.checksums(tenant.schema_name, but=told) == before

    return Case(found.saga, check, run(found.saga))  # type: ignore[arg-type]


def restore_() -> Case:
    name, (source, path) = label("back"), archive()
    with scope.acting(TESTER):
        saga = restore.request(path, SECRET, subdomain=name)

    def check() -> None:
        is_done(saga.pk)
        with scope.shared():
            tenant = Tenant.objects.get(domains__domain=name)
            assert (tenant.pk, tenant.state) == (saga.subject, State.ACTIVE)
            assert "sealed" not in Saga.objects.get(pk=saga.pk).data
            assert Client.objects.filter(company=source.client.company).count() == 2, "its own details, once"
        assert rows_of(tenant) == rows_of(source)
        with scope.tenant(tenant.id):
            assert User.objects.count() == 3
            assert Message.objects.filter(purpose="tenants.restored").count() == 1
            with default_storage.open("contacts/a/scan.pdf") as file:
                assert file.read() == b"%PDF scan"

    return Case(saga.pk, check, run(saga.pk))


def archive() -> tuple[Tenant, Path]:
    """A workspace and a copy of it that its owner has kept."""
    tenant = workspace("source")
    kept = Path(settings.SMOALL_DATA) / "kept.age"
    with kept.open("wb") as file:
        export.write(tenant.id, file, [RECIPIENT], now=timezone.now())
    return tenant, kept


def rows_of(tenant: Tenant) -> dict[str, str]:
    """Checksums of what a copy must have; its people come without password and session, and it tells its own."""
    own = {"mail_message", "accounts_user", "accounts_session", "accounts_throttle"}
    return catalog.checksums(tenant.schema_name, but=own)


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
        is_proven(found)

    def go() -> object:
        let_mail_leave(found)
        ended = sagas.run(found.saga)  # type: ignore[arg-type]
        if with_contacts and ended.status == Saga.Status.DONE:
            is_over(forgetting_of(tenant))
        return ended

    return Case(found.saga, check, go)


def forgetting_of(tenant: Tenant) -> UUID:
    with scope.shared():
        return Saga.objects.get(kind="forget", subject=tenant.pk).pk


def is_over(id: UUID) -> None:
    """Go on until it is, as a worker does."""
    wait_for(lambda: sagas.run(id).status == Saga.Status.DONE)


def is_proven(found: Erasure) -> None:
    """The certificate knows what there was before, and that nothing is left."""
    recorded = Ledger.default().find(found.tenant_uuid)
    assert recorded
    sealed = certificate.verify(recorded.entry.certificate, KeyStore.default().public_keys()).certificate
    assert (sealed.id, {store.counted_after for store in sealed.stores}) == (found.id, {0})
    before = {store.store: store.counted_before for store in sealed.stores if store.counted_before}
    assert before.keys() >= {"schema", "files", "key"}


def is_erased(tenant: Tenant, *, with_contacts: bool) -> None:
    """Nothing of it anywhere, one line a kind in the ledger, and the head beside it."""
    with scope.shared():
        assert not Tenant.objects.filter(pk=tenant.pk).exists()
        assert not Domain.objects.filter(tenant_id=tenant.pk).exists()
        assert Client.objects.filter(pk=tenant.client_id).exists() is not with_contacts
        gone = Departure.objects.get(tenant_uuid=tenant.id, withdrawn_at=None)
        assert gone.data_erased_at and bool(gone.contacts_erased_at) is with_contacts
        certificates = [one.certificate for one in Erasure.objects.filter(tenant_uuid=tenant.id)]
        assert not Export.objects.filter(tenant_uuid=tenant.id).exists()
        assert RetiredName.objects.filter(hash=KeyStore.default().name_hash(tenant.subdomain)).count() == 1
    assert tenant.schema_name not in catalog.schemas()
    kinds = [one.entry.kind for one in Ledger.default().entries() if one.entry.tenant == tenant.id]
    assert kinds == ["data", "contacts"][: 1 + with_contacts]
    recorded = Ledger.default().find(tenant.id)
    assert recorded and certificates == ["" if with_contacts else recorded.entry.certificate]
    assert gate.look().is_open
    assert not KeyStore.default().exists(tenant.id)


# --- replay -----------------------------------------------------------------------------------------------


def replayed(*, with_contacts: bool) -> Case:
    """An erased client comes back with an older database."""
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

    return Case(saga.pk, check, go, older.forget)


def erased(with_contacts: bool) -> tuple[Tenant, Older]:
    tenant = workspace("returner")
    older = Older("crash")
    with scope.acting(TESTER):
        found = erasure.request(
            tenant.id, now=timezone.now(), delay=timedelta(0), with_contacts=with_contacts
        )
    while sagas.run(found.saga).status != Saga.Status.DONE:  # type: ignore[arg-type]
        let_mail_leave(found)
    let_mail_leave(found)
    if with_contacts:
        is_over(forgetting_of(tenant))
    return tenant, older


def let_mail_leave(found: Erasure) -> None:
    """The certificate's mail, for which the contact details wait."""
    with scope.shared():
        Message.objects.filter(key=f"erased:{found.id}").update(state=Message.State.SENT)
        Saga.objects.filter(pk=found.saga).update(due_at=timezone.now())


# --- contact details --------------------------------------------------------------------------------------


def forget() -> Case:
    """At the end of their day, the data being gone since its own."""
    tenant, _ = gone_by_notice()
    assert proofs_of(tenant).exists()
    with scope.shared(actor=retention.KEEPER):
        leaving = Departure.objects.get(tenant_uuid=tenant.id)
        saga = forgetting.begin(leaving, requested_by={"role": "notice"}, requested_at=leaving.noticed_at)

    def check() -> None:
        is_done(saga.pk)
        is_erased(tenant, with_contacts=True)
        with scope.shared():
            assert not Message.objects.filter(about=tenant.client_id).exists()
            assert not Instruction.objects.exclude(proof="").exists()
        assert not proofs_of(tenant).exists()
        recorded = Ledger.default().find(tenant.id, "contacts")
        assert recorded
        sealed = certificate.verify(recorded.entry.certificate, KeyStore.default().public_keys()).certificate
        assert {store.counted_after for store in sealed.stores} == {0}
        assert sum(store.counted_before for store in sealed.stores) >= 2

    return Case(saga.pk, check, run(saga.pk))


def proofs_of(tenant: Tenant) -> Path:
    return Path(settings.SMOALL_DATA) / "files" / "shared" / PROOFS / str(tenant.client_id)


def gone_by_notice() -> tuple[Tenant, Departure]:
    """A client that gave notice long ago, by letter, and whose data was erased on its day."""
    tenant = workspace("left")
    noticed = timezone.now() - timedelta(days=150)
    with scope.acting(TESTER):
        proof = ContentFile(b"%PDF-1.7 we leave", name="letter.pdf")
        leaving = departure.give_notice(tenant.id, now=noticed, proof=proof)
    retention.enforce(timezone.now())
    with scope.shared():
        found = Erasure.objects.get(tenant_uuid=tenant.id)
    while sagas.run(found.saga).status != Saga.Status.DONE:  # type: ignore[arg-type]
        let_mail_leave(found)
    with scope.shared():
        Message.objects.filter(about=tenant.client_id).update(state=Message.State.SENT)
    return tenant, leaving


# --- one person -------------------------------------------------------------------------------------------


def erase_person() -> Case:
    tenant, saga, is_gone = asked_for_person()

    def check() -> None:
        is_done(saga.pk)
        with scope.shared():
            assert not {"sealed", "files", "mails"} & set(Saga.objects.get(pk=saga.pk).data)
        is_gone()
        assert len(Ledger.default().people(tenant.id)) == 1 and gate.look().is_open

    return Case(saga.pk, check, run(saga.pk))


def person_again() -> Case:
    """They come back with an older database, and with their file."""
    tenant, asked, is_gone = asked_for_person()
    older = Older("crash")
    with scope.tenant(tenant.id):
        [name] = default_storage.listdir("contacts/attachments")[1]
    sagas.run(asked.pk)
    ledger = Ledger.default().path.read_bytes()
    older.put_back()
    with scope.tenant(tenant.id, actor=TESTER):
        default_storage.save(f"contacts/attachments/{name}", ContentFile(b"%PDF Ida"))
    saga = replay.begin(gate.unapplied()[0])

    def check() -> None:
        is_done(saga.pk)
        is_done(asked.pk)
        is_gone()
        assert Ledger.default().path.read_bytes() == ledger and gate.look().is_open

    def go() -> object:
        if not replay.replay().why:
            sagas.run(asked.pk)  # it waited there, behind the closed doors
        return sagas.run(saga.pk)

    return Case(saga.pk, check, go, older.forget)


def asked_for_person() -> tuple[Tenant, Saga, Callable[[], None]]:
    """To erase a contact with a file, a mail, and a note of somebody else's that names them; asserts that they are gone."""
    tenant = workspace("person")
    with scope.tenant(tenant.id, actor=TESTER):
        contacts = apps.get_model("contacts.Contact")
        gone = contacts.objects.create(
            kind="person", first_name="Ida", last_name="Zwart", email="ida@zwart.test"
        )
        other = contacts.objects.create(kind="company", name="Bakery", notes="Ask Ida Zwart.")
        apps.get_model("contacts.Attachment").objects.create(
            contact=gone,
            name="Ida.pdf",
            content_type="application/pdf",
            size=9,
            file=ContentFile(b"%PDF Ida", name="x"),
        )
        owner = User.objects.owners().first()
        assert owner is not None
        found = persons.find("contacts.Contact", gone.pk)
        assert found is not None
        saga = persons.request(
            found, tenant_id=tenant.id, by=owner.pk, now=timezone.now(), delay=timedelta(0)
        )

    def is_gone() -> None:
        with scope.tenant(tenant.id):
            other.refresh_from_db()
            assert (other.notes, str(contacts.objects.get(pk=gone.pk))) == ("Ask [erased].", "[erased]")
            assert Event.objects.filter(what=Event.What.PERSON_ERASED).count() == 1
            assert default_storage.listdir("contacts/attachments")[1] == []
        assert [row for row in catalog.holding("zwart") if tenant.schema_name in row] == []

    return tenant, saga, is_gone


# --- verbs ------------------------------------------------------------------------------------------------


def close() -> Case:
    """Asked for again after a death, as a person does who saw an error."""
    tenant = workspace("closing")

    def go() -> None:
        with suppress(CannotAct), scope.acting(TESTER):
            erasure.request(tenant.id, now=timezone.now())

    def check() -> None:
        with scope.shared():
            found = Erasure.objects.get(tenant_uuid=tenant.id)
            assert Saga.objects.filter(subject=tenant.id).values_list("pk", "status").get() == (
                found.saga, Saga.Status.WAITING,
            )  # fmt: skip
            assert Tenant.objects.get(pk=tenant.pk).state == State.ERASING
            assert Message.objects.filter(purpose="tenants.erasure", about=tenant.id).count() == 1

    return Case(None, check, go)


def reopen() -> Case:
    tenant = workspace("reopened")
    with scope.acting(TESTER):
        found = erasure.request(tenant.id, now=timezone.now())

    def go() -> None:
        with suppress(CannotAct), scope.acting(TESTER):
            erasure.cancel(found, now=timezone.now())

    def check() -> None:
        with scope.shared():
            found.refresh_from_db()
            assert found.cancelled_at and not found.destroyed_at
            assert Saga.objects.get(pk=found.saga).status == Saga.Status.CANCELLED
            assert Tenant.objects.get(pk=tenant.pk).state == State.ACTIVE

    return Case(None, check, go)


def notice() -> Case:
    tenant = workspace("leaving")

    def go() -> None:
        proof = ContentFile(b"%PDF-1.7 we leave", name="letter.pdf")
        with suppress(CannotAct), scope.acting(TESTER):
            departure.give_notice(tenant.id, now=timezone.now(), proof=proof)

    def check() -> None:
        said_once(tenant, State.LEAVING, ["notice"])
        with scope.shared():
            assert Message.objects.filter(purpose=departure.PURPOSE, about=tenant.client_id).count() == 1

    return Case(None, check, go)


def withdraw() -> Case:
    tenant = leaving_since_today()

    def go() -> None:
        with suppress(CannotAct), scope.acting(TESTER):
            departure.withdraw(tenant.id, now=timezone.now())

    def check() -> None:
        said_once(tenant, State.ACTIVE, ["notice", "withdrawn"])
        with scope.shared():
            assert Departure.objects.get(tenant_uuid=tenant.id).withdrawn_at

    return Case(None, check, go)


def instruct() -> Case:
    """Asked for again after a death, it is said once more, of the same day."""
    tenant = leaving_since_today()
    found = departure.of_workspace(tenant.id)
    assert found
    on = found.data_on + timedelta(days=10)

    def go() -> None:
        with scope.acting(TESTER):
            departure.instruct(found.id, Category.DATA, on, now=timezone.now())

    def check() -> None:
        with scope.shared():
            found.refresh_from_db()
            changed = Message.objects.filter(key__startswith=f"leaving:{found.id}:changed")
            assert changed.count() == 1, "saying the same day again changes nothing"
        assert (found.data_on, found.data_promised_on) == (on, on - timedelta(days=10))

    return Case(None, check, go)


def forget_now() -> Case:
    tenant, leaving = gone_by_notice()

    def go() -> None:
        with scope.acting(scope.Actor("contact", str(tenant.client_id), "contact")):
            forgetting.request(leaving.id, now=timezone.now())

    def check() -> None:
        with scope.shared():
            assert Saga.objects.filter(kind="forget", subject=tenant.id).count() == 1
            assert Instruction.objects.filter(departure=leaving, kind="now").count() == 1
        is_over(forgetting_of(tenant))
        is_erased(tenant, with_contacts=True)

    return Case(None, check, go)


def leaving_since_today() -> Tenant:
    tenant = workspace("staying")
    with scope.acting(TESTER):
        departure.give_notice(tenant.id, now=timezone.now())
    return tenant


def said_once(tenant: Tenant, state: State, kinds: list[str]) -> None:
    with scope.shared():
        assert Tenant.objects.get(pk=tenant.pk).state == state
        said = Instruction.objects.filter(departure__tenant_uuid=tenant.id).order_by("given_at")
        assert list(said.values_list("kind", flat=True)) == kinds


# --- a new version of the policy ------------------------------------------------------------------------------


def prepared() -> tuple[Document, Callable[[], None]]:
    """A version of the policy that only this process and what it forks knows of, and how to forget it again."""
    number, texts, known = next(_numbers) + 2, documents.TEXTS, documents.DOCUMENTS
    first = documents.find("privacy", "1")
    folder = Path(settings.SMOALL_DATA) / f"texts-{number}"
    (folder / "privacy").mkdir(parents=True)
    for language in first.languages:
        (folder / "privacy" / f"{number}.{language}.html").write_bytes(first.content(language))
    made = replace(first, version=str(number), published_on=first.published_on + timedelta(days=1))
    documents.TEXTS, documents.DOCUMENTS = folder, (*known, made)

    def forget() -> None:
        documents.TEXTS, documents.DOCUMENTS = texts, known

    return made, forget


def proposal(document: Document, *, on: date) -> Publication:
    """Already written down by one operator; on a day that the rules for people would not allow."""
    with scope.shared(actor=TESTER):
        people = [
            User.objects.create_user(
                email=f"{label('operator')}@smoall.test", name="An operator", kind=Kind.OPERATOR, role=OWNER,
                language="en", password="correct horse battery",  # so they have entered
            )
            for _ in range(2)
        ]  # fmt: skip
        made = Publication.objects.create(
            kind=document.kind, version=document.version, digests=dict(document.digests), in_force_on=on,
            changes_contacts=True, explanation="It changes.", proposed_by=people[0], proposed_at=timezone.now(),
        )  # fmt: skip
    made.others = people[1]  # type: ignore[attr-defined]
    return made


def publish() -> Case:
    tenant = workspace("told")
    document, forget = prepared()
    made = proposal(document, on=timezone.localdate())
    with scope.shared(actor=TESTER):
        made.confirmed_by, made.confirmed_at = made.others, timezone.now()  # type: ignore[attr-defined]
        made.save(update_fields=["confirmed_by", "confirmed_at"])
        saga = sagas.start("publish", made.pk, key=f"publish:{made.pk}")

    def check() -> None:
        is_done(saga.pk)
        with scope.shared():
            clients = list(Client.objects.values_list("pk", flat=True))
            assert tenant.client_id in clients
            for client in clients:
                assert Notice.objects.filter(publication=made, client_uuid=client).count() == 1
                assert Message.objects.filter(about=client, topic=document.topic).count() == 1
        with scope.shared(actor=TESTER):  # what the neighbour was told, once too, is no harm done to it
            told = Message.objects.filter(topic=document.topic).exclude(about=tenant.client_id)
            waiting = [[str(pk)] for pk in told.values_list("pk", flat=True)]
            drop(Job.objects.filter(args__in=waiting))
            told.delete()
            Notice.objects.filter(publication=made).exclude(client_uuid=tenant.client_id).delete()

    return Case(saga.pk, check, run(saga.pk), forget)


def publication() -> Case:
    document, forget = prepared()
    made = proposal(document, on=plus_months(timezone.localdate(), 1))

    def go() -> None:
        with scope.acting(TESTER), suppress(CannotPublish):
            publishing.confirm(made.pk, by=made.others, now=timezone.now())  # type: ignore[attr-defined]

    def check() -> None:
        with scope.shared():
            made.refresh_from_db()
            assert made.confirmed_at and Saga.objects.filter(subject=made.pk, kind="publish").count() == 1

    return Case(None, check, go, forget)


# --- all --------------------------------------------------------------------------------------------------

SCENARIOS: dict[str, tuple[str, Callable[[], Case]]] = {
    "provision": ("provision", provision),
    "open a workspace from the pool": ("confirm", confirm),
    "make the key of one from the pool": ("open", open_),
    "fill the pool": ("fill", fill),
    "discard a schema of the pool": ("discard", discard),
    "migrate a workspace": ("migrate", migrate),
    "export": ("export", export_),
    "restore": ("restore", restore_),
    "erase the data": ("erase", partial(erase, with_contacts=False)),
    "erase with the contact details": ("erase", partial(erase, with_contacts=True)),
    "replay the data's erasure": ("replay", partial(replayed, with_contacts=False)),
    "replay the contact details' erasure": ("replay_contacts", partial(replayed, with_contacts=True)),
    "replay one person's erasure": ("replay_person", person_again),
    "erase the contact details": ("forget", forget),
    "erase one person": ("erase_person", erase_person),
    "ask for an erasure": ("close", close),
    "cancel an erasure": ("reopen", reopen),
    "give notice": ("notice", notice),
    "withdraw the notice": ("withdraw", withdraw),
    "choose another day": ("instruct", instruct),
    "have the contact details erased at once": ("forget_now", forget_now),
    "tell clients of a new policy": ("publish", publish),
    "publish a version": ("publication", publication),
}
