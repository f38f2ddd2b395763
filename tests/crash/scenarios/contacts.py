"""Contact details are erased at the end of their day."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import certificate, departure, forgetting, retention, sagas
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import PROOFS, Departure, Erasure, Instruction, Saga, Tenant
from tests.conftest import TESTER
from tests.crash.scenarios.erasure import is_erased, let_mail_leave
from tests.crash.scenarios.stage import Case, is_done, run, scenario, workspace


@scenario("erase the contact details", "forget")
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
