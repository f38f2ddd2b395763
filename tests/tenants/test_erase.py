"""P40: erasing closes at once, destroys after the delay, leaves the neighbour as it was, and proves it."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import SignIn, User
from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.integrators.models import Link, Organisation
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, end_of
from shared_apps.kit.module import OWNER
from shared_apps.mail.models import Message
from tenants import certificate, departure, erasure, export, fleet, names, restore, sagas
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import CannotAct, Domain, Erasure, Export, Saga, State, Tenant
from tests.conftest import PASSWORD, TESTER, make_workspace
from tests.operators.conftest import make_operator
from tests.toys.fixtures import committed

__all__ = ["committed"]
_numbers = count()


@pytest.fixture
def doomed(committed: Any) -> Iterator[Tenant]:
    """A committed workspace of its own, with a mail in its outbox, a file and an open session."""
    label = f"doomed-{next(_numbers)}"  # a retired name is never given again
    made = make_workspace(label)
    with scope.shared():
        tenant = Tenant.objects.select_related("client").prefetch_related("domains").get(pk=made.pk)
    browser = Browser(HTTP_HOST=f"{label}.smoall.localhost")
    browser.post("/sign-in/", {"email": f"olga@{label}.test", "password": PASSWORD})
    return tenant


def erase(tenant: Tenant, *, with_contacts: bool = False) -> Erasure:
    """Ask, wait, destroy."""
    with scope.acting(TESTER):
        found = erasure.request(
            tenant.id, now=timezone.now(), delay=timedelta(0), with_contacts=with_contacts
        )
    drain()
    with scope.shared():
        found.refresh_from_db()
    return found


def test_closing_signs_everybody_out_and_mails_every_owner_a_way_back(doomed: Tenant) -> None:
    with scope.acting(TESTER):
        found = erasure.request(doomed.id, now=timezone.now())
    with scope.tenant(doomed.id):
        assert SignIn.objects.get().cause == "erased"
        assert User.objects.count() == 3
    with scope.shared():
        assert Tenant.objects.get(pk=doomed.pk).state == State.ERASING
        mails = list(Message.objects.filter(purpose="tenants.erasure"))
    assert [mail.to_address for mail in mails] == [f"olga@{doomed.subdomain}.test"]
    assert found.destroy_at - found.requested_at == timedelta(hours=12)
    browser = Browser(HTTP_HOST=f"{doomed.subdomain}.smoall.localhost")
    for address in ("/", "/sign-in/", "/contacts/"):
        assert browser.get(address).status_code == 410
    link = next(line for line in mails[0].body.splitlines() if "/erasure/cancel/" in line)
    path = link.split(".localhost", 1)[1]
    shown = browser.get(path)
    assert shown.status_code == 200
    with scope.shared():
        assert Tenant.objects.get(pk=doomed.pk).state == State.ERASING, "looking at the link must not cancel"
    assert browser.post(path).status_code == 302
    with scope.shared():
        assert Tenant.objects.get(pk=doomed.pk).state == State.ACTIVE
    assert browser.post(path).status_code == 404, "once: an open workspace has no such page"


def test_the_way_back_is_open_as_long_as_the_erasure_waits(
    doomed: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now.timestamp() - 89 * 24 * 3600)
    with scope.acting(TESTER):
        found = erasure.request(doomed.id, now=now, delay=erasure.LONGEST_DELAY)
    monkeypatch.undo()
    assert found.destroy_at == now + erasure.LONGEST_DELAY
    with scope.shared():
        body = Message.objects.get(purpose="tenants.erasure").body
    link = next(line for line in body.splitlines() if "/erasure/cancel/" in line)
    assert (
        Browser(HTTP_HOST=f"{doomed.subdomain}.smoall.localhost")
        .get(link.split(".localhost", 1)[1])
        .status_code
        == 200
    )


def test_a_delay_ends_with_the_last_day_of_the_data(doomed: Tenant) -> None:
    now = timezone.now()
    with scope.acting(TESTER):
        given = departure.give_notice(doomed.id, now=now, data_on=day_of(now) + timedelta(days=3))
        found = erasure.request(doomed.id, now=now, delay=timedelta(days=30))
    assert found.destroy_at == end_of(given.data_on), "not a day later than was said (P37)"
    assert found.destroy_at - now > erasure.DELAY


@pytest.mark.parametrize(
    ("actor", "said", "language"),
    [
        (scope.Actor("system", "erasure", "Smoall", behalf="x"), "An owner stopped", "en"),
        (scope.Actor("operator", "1", "Oscar"), "An operator of Smoall stopped", "en"),
        (scope.Actor("operator", "1", "Oscar"), "Un opérateur de Smoall a arrêté", "fr"),
    ],
)
def test_every_owner_is_told_that_an_erasure_was_stopped_and_by_which_kind_of_person(
    doomed: Tenant, actor: scope.Actor, said: str, language: str
) -> None:
    label = doomed.subdomain
    with scope.tenant(doomed.id, actor=TESTER):
        User.objects.create_user(name="Otto", email=f"otto@{label}.test", role=OWNER, password=PASSWORD)
        User.objects.update(language=language)
    with scope.acting(actor):
        found = erasure.request(doomed.id, now=timezone.now())
        erasure.cancel(found, now=timezone.now())
    with scope.shared():
        told = Message.objects.filter(purpose="tenants.erasure_stopped").order_by("to_address")
        assert [message.to_address for message in told] == [f"olga@{label}.test", f"otto@{label}.test"]
        assert {message.language for message in told} == {language}
        assert all(said in message.body and doomed.client.company in message.body for message in told)
        assert all(f"://{label}.smoall.localhost" in message.body for message in told)
        assert not any("Oscar" in message.body for message in told), "who in person is nobody's business"
        assert set(told.values_list("state", flat=True)) == {"queued"}
    drain()
    with scope.shared():
        assert set(told.values_list("state", flat=True)) == {"sent"}


def test_a_workspace_that_was_suspended_is_said_to_be_suspended_again(doomed: Tenant) -> None:
    with scope.shared(actor=TESTER):
        Tenant.locked(doomed.id).suspend(reason="not paid", now=timezone.now())
        found = erasure.request(doomed.id, now=timezone.now())
        erasure.cancel(found, now=timezone.now())
        assert "suspended" in Message.objects.get(purpose="tenants.erasure_stopped").body


def test_the_cancel_link_of_another_workspace_stops_nothing(doomed: Tenant, committed: Any) -> None:
    _, zenith = committed
    with scope.acting(TESTER):
        erasure.request(doomed.id, now=timezone.now())
        with scope.shared():
            other = Message.objects.filter(purpose="tenants.erasure").get().body
        erasure.request(zenith.id, now=timezone.now())
    path = next(line for line in other.splitlines() if "/erasure/cancel/" in line).split(".localhost", 1)[1]
    try:
        assert Browser(HTTP_HOST=zenith.host).post(path).status_code == 410
        with scope.shared():
            assert Tenant.objects.get(pk=zenith.id).state == State.ERASING
    finally:
        with scope.acting(TESTER):
            pending = erasure.pending(zenith.id)
            assert pending
            erasure.cancel(pending, now=timezone.now())


def test_nothing_is_left_but_the_contact_details_the_ledger_and_the_certificate(doomed: Tenant) -> None:
    label, client = doomed.subdomain, doomed.client_id
    done = erase(doomed)
    assert done.destroyed_at is not None
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [doomed.schema_name])
        assert cursor.fetchone() == (0,)
    with scope.shared():
        assert not Tenant.objects.filter(pk=doomed.pk).exists()
        assert not Domain.objects.filter(domain=label).exists()
        assert Client.objects.filter(pk=client).exists()
        with pytest.raises(names.BadName):
            names.check(label)
    assert not KeyStore.default().exists(doomed.id)
    assert Ledger.default().contains(doomed.id)
    verified = certificate.verify(done.certificate, KeyStore.default().public_keys())
    assert verified.certificate.tenant == doomed.id
    assert {store.store for store in verified.certificate.stores} >= {"schema", "files", "queue", "key"}
    assert [one for one in fleet.problems() if str(doomed.id) in one] == []


def test_names_of_its_people_leave_what_stays_with_the_contact_details(doomed: Tenant) -> None:
    grants, now = apps.get_model("operators.Grant"), timezone.now()
    with scope.shared(actor=TESTER):
        grant = grants.objects.create(
            client_id=doomed.client_id, tenant_uuid=doomed.pk, operator=make_operator("Opal"), operator_name="Opal",
            reason="Help", hours=1, asked_at=now, consented_by="Olga Doomed", ended_by="Ada Doomed",
        )  # fmt: skip
    for name in ("Olga Doomed", "Opal"):  # who had work done, as an earlier release noted it
        with scope.shared(actor=scope.Actor("job", "1", "billing.align", behalf=name)):
            Client.objects.filter(pk=doomed.client_id).update(phone=name)
    erase(doomed)
    with scope.shared():
        grant.refresh_from_db()
        assert (grant.consented_by, grant.ended_by, grant.operator_name) == ("", "", "Opal")
        of_jobs = LogEntry.objects.filter(object_pk=str(doomed.client_id), actor_kind="job").order_by("pk")
        assert [entry.actor_behalf for entry in of_jobs] == ["[erased]", "Opal"]


def test_an_erasure_that_was_cancelled_before_leaves_no_entry_in_the_queue(doomed: Tenant) -> None:
    with scope.acting(TESTER):
        first = erasure.request(doomed.id, now=timezone.now())
        erasure.cancel(first, now=timezone.now())
    erase(doomed)
    assert [one for one in fleet.problems() if "queue" in one] == []


def test_with_contacts_the_client_is_gone_from_the_shared_tables_and_their_history(doomed: Tenant) -> None:
    label, company = doomed.subdomain, doomed.client.company
    erase(doomed, with_contacts=True)
    with scope.shared():  # it waits some seconds for the certificate's mail, which has left by now
        saga = Saga.objects.get(kind="erase")
        Saga.objects.update(due_at=timezone.now())
    assert sagas.run(saga.pk).status == Saga.Status.DONE
    assert found_in_database(label) == []
    assert found_in_database(company) == []
    assert found_in_database(f"Olga {label.title()}") == []
    assert Ledger.default().contains(doomed.id, "contacts")


@pytest.mark.parametrize("goes", ["copy", "original"])
def test_what_people_did_in_a_copy_or_its_original_stays_theirs_when_the_other_is_erased(
    doomed: Tenant, tmp_path: Path, goes: str
) -> None:
    """A copy that was restored has its people's keys too (row for row), and the shared history is one."""
    with (tmp_path / "copy.zip").open("wb") as file:
        export.write(doomed.id, file, None, now=timezone.now())
    with scope.acting(TESTER):
        saga = restore.request(tmp_path / "copy.zip", None, subdomain=f"{doomed.subdomain}-b")
    sagas.run(saga.pk)
    with scope.shared(actor=TESTER):
        copy = Tenant.objects.select_related("client").get(pk=saga.subject)
        organisation = Organisation.objects.create(name="Integrator", email="i@integrator.test")
    with scope.tenant(doomed.id):
        olga = User.objects.get(name__startswith="Olga").as_actor()
    for tenant in (doomed, copy):
        with scope.tenant(tenant.id, actor=olga):
            assert User.objects.filter(pk=olga.id).exists(), "the same person stands in both"
        with scope.shared(
            actor=olga
        ):  # what an owner does there: contact details, an integrator, a copy, a state
            Client.objects.filter(pk=tenant.client_id).update(phone="+32 2 555 01 01")
            link = Link.propose(client_id=tenant.client_id, code=organisation.code, now=timezone.now())
            link.end(by="client", now=timezone.now())
            made = export.request(tenant.id, "a long sentence to remember", now=timezone.now())
            Export.objects.filter(pk=made.pk).update(size=1)
            Tenant.locked(tenant.id).suspend(reason="", now=timezone.now())
    gone, kept = (copy, doomed) if goes == "copy" else (doomed, copy)

    def authors(tenant: Tenant) -> list[str]:
        with scope.shared():
            entries = LogEntry.objects.filter(actor_id=olga.id, pk__in=rows[tenant.pk])
            return sorted(set(entries.values_list("actor_name", flat=True)))

    with scope.shared():
        every = list(LogEntry.objects.filter(actor_id=olga.id).order_by("pk").values_list("pk", flat=True))
    half = len(every) // 2
    rows = {doomed.pk: every[:half], copy.pk: every[half:]}
    assert authors(doomed) == authors(copy) == [olga.name]
    erase(gone)
    assert authors(gone) == ["[erased]"]
    assert authors(kept) == [olga.name]
    erase(kept)
    assert authors(kept) == ["[erased]"]
    with scope.shared(actor=TESTER):
        Link.objects.filter(organisation=organisation).delete()
        organisation.delete()


def test_a_workspace_is_closed_once(doomed: Tenant) -> None:
    with scope.acting(TESTER):
        erasure.request(doomed.id, now=timezone.now())
        with pytest.raises(CannotAct):
            erasure.request(doomed.id, now=timezone.now())


def found_in_database(word: str) -> list[str]:
    """Every table of every schema that holds the word in any column, as text."""
    found = []
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public' OR schemaname LIKE 't\\_%%'"
        )
        for schema, table in cursor.fetchall():
            cursor.execute(f"SELECT t::text FROM {schema}.{table} t WHERE t::text ILIKE %s", [f"%{word}%"])
            found += [f"{schema}.{table}: {row}" for (row,) in cursor.fetchall()]
    return found


def test_a_suspended_workspace_whose_erasure_is_stopped_is_suspended_for_the_same_reason(
    doomed: Tenant,
) -> None:
    with scope.shared(actor=TESTER):
        Tenant.locked(doomed.pk).suspend(reason="Three invoices are open.", now=timezone.now())
    with scope.acting(TESTER):
        found = erasure.request(doomed.id, now=timezone.now())
        erasure.cancel(found, now=timezone.now())
    with scope.shared():
        back = Tenant.objects.get(pk=doomed.pk)
    assert (back.state, back.is_read_only, back.state_reason) == (
        State.SUSPENDED,
        True,
        "Three invoices are open.",
    )
