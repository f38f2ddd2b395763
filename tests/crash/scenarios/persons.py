"""One person is erased, and comes back with an older database."""

from collections.abc import Callable
from datetime import timedelta

from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.history.models import Event
from shared_apps.kit import scope
from tenants import (
    gate,
    persons,
    replay,
    sagas,
)
from tenants.ledger import Ledger
from tenants.models import (
    Saga,
    Tenant,
)
from tests.conftest import TESTER
from tests.crash.older import Older
from tests.crash.scenarios.stage import (
    Case,
    is_done,
    run,
    scenario,
    workspace,
)
from tests.isolation import catalog


@scenario("erase one person", "erase_person")
def erase_person() -> Case:
    tenant, saga, is_gone = asked_for_person()

    def check() -> None:
        is_done(saga.pk)
        with scope.shared():
            assert not {"sealed", "files", "mails"} & set(Saga.objects.get(pk=saga.pk).data)
        is_gone()
        assert len(Ledger.default().people(tenant.id)) == 1 and gate.look().is_open

    return Case(saga.pk, check, run(saga.pk))


@scenario("replay one person's erasure", "replay_person")
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
