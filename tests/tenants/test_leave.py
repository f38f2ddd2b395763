"""P34–P37: a notice fixes its days, the client's instructions move them, and only what is due is erased."""

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from shared_apps.clients.models import Client
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.dates import BRUSSELS, end_of
from shared_apps.mail.models import Message
from tenants import certificate, departure, fleet, retention, sagas, stores
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import Category, Departure, Erasure, Instruction, Saga, State, Tenant
from tests.conftest import TESTER, make_workspace
from tests.toys.fixtures import committed

__all__ = ["committed"]
_numbers = count()
NOTICED = datetime(2024, 11, 30, 15, 0, tzinfo=BRUSSELS)


@pytest.fixture
def leaver(committed: Any) -> Tenant:
    made = make_workspace(f"leaver-{next(_numbers)}-{timezone.now():%H%M%S%f}")
    with scope.shared(actor=TESTER):
        Instruction.objects.all().delete()
        Departure.objects.all().delete()
        Tenant.objects.filter(state=State.LEAVING).update(state=State.ACTIVE)  # of the tests before
        found = Tenant.objects.select_related("client").prefetch_related("domains").get(pk=made.pk)
    return found


def notice(tenant: Tenant, now: datetime = NOTICED, **days: date) -> Departure:
    with scope.acting(TESTER):
        return departure.give_notice(tenant.id, now=now, **days)  # type: ignore[arg-type]


def state(tenant: Tenant) -> str | None:
    with scope.shared():
        return Tenant.objects.filter(pk=tenant.pk).values_list("state", flat=True).first()


def enforce(now: datetime, **options: Any) -> retention.Outcome:
    """A run of the schedule, then the worker goes on for as long as there is something to do now."""
    outcome = retention.enforce(now, **options)
    for _turn in range(4):
        drain()
        with scope.shared():
            Saga.objects.filter(status=Saga.Status.WAITING).update(due_at=timezone.now())
            waiting = list(Saga.objects.filter(status=Saga.Status.WAITING).values_list("pk", flat=True))
        for id in waiting:
            sagas.run(id)
    return outcome


def test_the_days_are_whole_calendar_months_and_never_move_by_themselves(leaver: Tenant) -> None:
    given = notice(leaver)
    assert (given.data_on, given.contacts_on) == (date(2025, 2, 28), date(2025, 11, 30))
    assert state(leaver) == State.LEAVING


def test_p35_a_second_before_it_is_there_and_the_day_after_it_is_gone(leaver: Tenant) -> None:
    given = notice(leaver)
    assert not enforce(end_of(given.data_on) - timedelta(seconds=1)).begun
    assert state(leaver) == State.LEAVING and stores.has_schema(leaver.id)
    done = enforce(end_of(given.data_on))
    assert [one.category for one in done.begun] == [Category.DATA]
    assert state(leaver) is None and not stores.has_schema(leaver.id)
    with scope.shared():
        erased = Erasure.objects.get(tenant_uuid=leaver.id)
        given.refresh_from_db()
        assert Client.objects.filter(pk=leaver.client_id).exists()
    assert given.data_erased_at
    sealed = certificate.verify(erased.certificate, KeyStore.default().public_keys()).certificate
    assert (sealed.requested_by, sealed.requested_at) == ("notice", NOTICED)
    assert [(kept.what, kept.until) for kept in sealed.exceptions] == [("contact_details", given.contacts_on)]


def test_p36_contact_details_go_on_their_own_day_with_a_certificate(leaver: Tenant) -> None:
    given = notice(leaver)
    enforce(end_of(given.data_on))
    assert not enforce(end_of(given.contacts_on) - timedelta(seconds=1)).begun
    enforce(end_of(given.contacts_on))
    with scope.shared():
        assert not Client.objects.filter(pk=leaver.client_id).exists()
        given.refresh_from_db()
        assert given.contacts_erased_at and not Message.objects.filter(about=leaver.client_id).exists()
    entry = Ledger.default().find(leaver.id, "contacts")
    assert entry
    sealed = certificate.verify(entry.entry.certificate, KeyStore.default().public_keys()).certificate
    assert ("shared", "clients_client", 1, 0) in [
        (one.store, one.what, one.counted_before, one.counted_after) for one in sealed.stores
    ]
    assert not [one for one in fleet.problems() if str(leaver.id) in one]
