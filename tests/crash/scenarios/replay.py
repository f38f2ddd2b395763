"""Erased clients come back with an older database."""

from datetime import timedelta
from functools import partial

from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import erasure, gate, replay, sagas
from tenants.ledger import Ledger
from tenants.models import Saga, Tenant
from tests.conftest import TESTER
from tests.crash.older import Older
from tests.crash.scenarios.erasure import forgetting_of, is_erased, is_over, let_mail_leave
from tests.crash.scenarios.stage import Case, is_done, scenario, workspace


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


scenario("replay the data's erasure", "replay")(partial(replayed, with_contacts=False))
scenario("replay the contact details' erasure", "replay_contacts")(partial(replayed, with_contacts=True))
