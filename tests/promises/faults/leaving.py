"""Departures, erasures, the ledger, and copies."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.rows import uuid7
from tenants import gate
from tenants.keys import KeyStore
from tenants.ledger import Entry, Ledger
from tenants.models import Departure, Export
from tenants.stores import folder
from tests.conftest import TESTER
from tests.promises.faults.stage import NOW, Stage, fault, shared_ddl


def departure(on: Stage, **fields: Any) -> None:
    today = day_of(NOW())
    given = {
        "noticed_at": NOW() - timedelta(days=200), "noticed_by": {"role": "owner"},
        "data_promised_on": today, "contacts_promised_on": today, "data_on": today, "contacts_on": today, **fields,
    }  # fmt: skip
    with scope.shared(actor=TESTER):
        Departure.objects.create(tenant_uuid=on.acme.id, client_uuid=on.client, **given)


def entry(on: Stage, tenant: Any) -> Entry:
    then = datetime(2026, 1, 1, tzinfo=UTC)
    return Entry(kind="data", tenant=tenant, client=uuid7(), requested_at=then, erased_at=then)


@fault("nothing-is-erased-unasked")
def an_erasure_that_nobody_asked_for(on: Stage) -> None:
    Ledger.default().append(entry(on, uuid7()))


@fault("nothing-is-erased-unasked")
def a_workspace_that_vanished(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        made = Client.objects.create(company="Gone SRL", contact_name="G", contact_email="g@gone.test")
        Client.objects.filter(pk=made.pk).update(created_at=NOW() - timedelta(days=2))


@fault("data-goes-on-its-day")
def data_that_outlived_its_day(on: Stage) -> None:
    over = day_of(NOW()) - timedelta(days=4)
    departure(on, data_promised_on=over, data_on=over)


@fault("contacts-go-on-their-day")
def details_that_outlived_their_day(on: Stage) -> None:
    over = day_of(NOW()) - timedelta(days=4)
    days = {"data_promised_on": over, "data_on": over, "contacts_promised_on": over, "contacts_on": over}
    departure(on, **days, data_erased_at=NOW() - timedelta(days=3))


@fault("days-are-as-said")
def a_day_that_moved_by_itself(on: Stage) -> None:
    departure(on, contacts_on=day_of(NOW()) + timedelta(days=30))


@fault("days-are-as-said")
def data_that_went_too_early(on: Stage) -> None:
    later = day_of(NOW()) + timedelta(days=30)
    days = {"data_promised_on": later, "data_on": later, "contacts_promised_on": later, "contacts_on": later}
    departure(on, **days, data_erased_at=NOW())


@fault("erased-is-gone")
def a_database_that_lags_behind_the_ledger(on: Stage) -> None:
    Ledger.default().append(entry(on, uuid7()))


@fault("erased-is-gone")
def somebody_erased_who_is_back(on: Stage) -> None:
    gate.record(entry(on, on.acme.id))


@fault("erased-is-gone")
def a_ledger_that_was_edited(on: Stage) -> None:
    ledger = Ledger.default()
    ledger.append(entry(on, uuid7()))
    ledger.append(entry(on, uuid7()))
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"2026-01-01", b"2026-01-02", 1))


@fault("database-is-at-home")
def a_database_that_was_put_back_elsewhere(on: Stage) -> None:
    shared_ddl("UPDATE tenants_deployment SET identity = repeat('0', 64)")


@fault("database-is-at-home")
def a_database_that_nobody_claimed(on: Stage) -> None:
    shared_ddl("DELETE FROM tenants_deployment")


@fault("copies-are-encrypted")
def a_plain_copy(on: Stage) -> None:
    place = folder("exports", on.acme.id)
    place.mkdir(parents=True, exist_ok=True)
    (place / "copy.zip").write_bytes(b"PK\x03\x04 every contact")


@fault("copies-are-encrypted")
def a_workspace_without_a_key(on: Stage) -> None:
    KeyStore.default().destroy(on.acme.id)


@fault("copies-are-whole")
def a_copy_that_is_gone(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Export.objects.create(
            tenant_uuid=on.acme.id, requested_by={"role": "owner"}, recipient="age", ready_at=NOW(),
            expires_at=NOW() + timedelta(days=3), size=10, sha256="0" * 64,
        )  # fmt: skip
