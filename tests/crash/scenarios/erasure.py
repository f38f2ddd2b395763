"""A client's data is erased, and its contact details with it."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from django.utils import timezone

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import certificate, erasure, gate, sagas
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import Departure, Domain, Erasure, Export, RetiredName, Saga, Tenant
from tests.conftest import TESTER
from tests.crash.scenarios.stage import Case, is_done, mails, scenario, workspace
from tests.isolation import catalog
from tests.toys.fixtures import wait_for


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


def let_mail_leave(found: Erasure) -> None:
    """The certificate's mail, for which the contact details wait."""
    with scope.shared():
        Message.objects.filter(key=f"erased:{found.id}").update(state=Message.State.SENT)
        Saga.objects.filter(pk=found.saga).update(due_at=timezone.now())


scenario("erase the data", "erase")(partial(erase, with_contacts=False))
scenario("erase with the contact details", "erase")(partial(erase, with_contacts=True))
