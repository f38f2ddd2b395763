"""I13, P40: a database that was restored from an older state opens only after the erasure ledger was replayed on it."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO, StringIO
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.history.models import Event
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.mail.models import Message
from tenants import erasure, export, fleet, gate, names, persons, replay, sagas
from tenants.keys import KeyStore
from tenants.ledger import Entry, Ledger
from tenants.models import CannotAct, Departure, Erasure, LedgerHead, Saga, State, Tenant
from tenants.schemas import waves
from tests.conftest import TESTER, make_workspace
from tests.crash.older import Older
from tests.operators.conftest import make_operator
from tests.tenants.test_erase import found_in_database
from tests.toys.fixtures import committed, dies_at, server_dies_at

__all__ = ["committed"]
_numbers = count()


@pytest.fixture
def doomed(committed: Any) -> Tenant:
    made = make_workspace(f"returner-{next(_numbers)}")
    with scope.shared():
        return Tenant.objects.select_related("client").prefetch_related("domains").get(pk=made.pk)


@pytest.fixture
def older(doomed: Tenant) -> Iterator[Older]:
    """Asked for at the moment to which the database goes back."""
    taken = Older()
    yield taken
    taken.forget()


def erase(tenant: Tenant, *, with_contacts: bool = False) -> Erasure:
    with scope.acting(TESTER):
        found = erasure.request(
            tenant.id, now=timezone.now(), delay=timedelta(0), with_contacts=with_contacts
        )
        with scope.shared():
            Departure.objects.filter(tenant_uuid=tenant.id).update(link_generation=1)  # as a correction does
    drain()
    with scope.shared():
        Saga.objects.filter(kind="erase").update(due_at=timezone.now())
    assert sagas.run(found.saga).status == Saga.Status.DONE  # type: ignore[arg-type]
    return found


def answers(*hosts: str) -> set[int]:
    return {Browser(HTTP_HOST=host).get("/").status_code for host in hosts}


def hosts(tenant: Tenant) -> list[str]:
    label = tenant.subdomain
    return [f"{name}smoall.localhost" for name in ("app.", "ops.", "acme.", f"{label}.", "")]


def run(name: str, *arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(name, *arguments, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def about(problems: list[str], tenant: Tenant) -> list[str]:
    return [one for one in problems if str(tenant.id) in one or "ledger" in one]


@pytest.mark.parametrize("with_contacts", [False, True])
def test_who_was_erased_is_erased_again_before_anything_opens(
    older: Older, doomed: Tenant, with_contacts: bool
) -> None:
    done = erase(doomed, with_contacts=with_contacts)
    ledger = Ledger.default().path.read_bytes()
    with scope.shared():
        certificate = "" if with_contacts else Erasure.objects.get(pk=done.pk).certificate
    older.put_back()
    with scope.shared():
        assert Tenant.objects.filter(pk=doomed.pk).exists(), "the backup brings the client back"
        known_jobs, known_mails = Job.objects.count(), Message.objects.count()
    assert answers(*hosts(doomed)) == {503}
    assert Browser().get("/internal/known-host", {"domain": hosts(doomed)[3]}).status_code == 503
    with pytest.raises(CommandError, match="erasures have to be carried out again"):
        run("list_clients")
    assert about(list(fleet.problems()), doomed)

    said = run("replay_ledger")

    assert [one["kind"] for one in said["applied"]] == ["data", "contacts"][: 1 + with_contacts]
    assert said["state"] == "open"
    with scope.shared():
        assert not Tenant.objects.filter(pk=doomed.pk).exists()
        assert Client.objects.filter(pk=doomed.client_id).exists() is not with_contacts
        assert Message.objects.count() == known_mails, "no second mail"
        assert Job.objects.count() <= known_jobs + len(said["applied"])
        with pytest.raises(names.BadName):
            names.check(doomed.subdomain)
        erased = Erasure.objects.filter(tenant_uuid=doomed.id)
        assert [one.certificate for one in erased] == [certificate]
        known = Departure.objects.get(tenant_uuid=doomed.id)
        assert known.link_generation == with_contacts, "a link that was voided opens no proof"
        assert set(Saga.objects.values_list("kind", "status")) <= {
            ("replay", "done"),
            ("replay_contacts", "done"),
        }
    if with_contacts:
        assert found_in_database(doomed.subdomain) == []
    assert not KeyStore.default().exists(doomed.id)
    assert Ledger.default().path.read_bytes() == ledger, "nothing was appended"
    assert about(list(fleet.problems()), doomed) == []
    assert answers("app.smoall.localhost", "smoall.localhost") == {200}
    assert answers("acme.smoall.localhost") == {302}
    assert run("replay_ledger")["applied"] == []


def test_a_worker_replays_first_and_works_then(older: Older, doomed: Tenant) -> None:
    with scope.shared(actor=TESTER):
        erasure.request(doomed.id, now=timezone.now(), delay=timedelta(hours=12))
    waiting = Older()
    with scope.shared():
        found = Erasure.objects.get(tenant_uuid=doomed.id)
        Saga.objects.update(due_at=timezone.now())
    assert sagas.run(found.saga).cursor > 5  # type: ignore[arg-type]
    drain()
    waiting.put_back()  # where it is closed and waits to be destroyed
    with scope.shared():
        assert Saga.objects.get(kind="erase").status == Saga.Status.WAITING
        assert Message.objects.filter(about=doomed.id).exists()
    assert gate.look().state == "behind"
    drain()
    assert gate.look().is_open
    with scope.shared():
        assert not Tenant.objects.filter(pk=doomed.pk).exists()
        assert not Saga.objects.filter(kind="erase").exists(), (
            "the waiting erasure is over: no second certificate"
        )
        assert not Message.objects.filter(about=doomed.id).exists()
    assert [one.entry.tenant for one in Ledger.default().entries()].count(doomed.id) == 1


def test_one_person_is_erased_again_with_what_the_older_database_says_of_them(
    doomed: Tenant,
) -> None:
    """A contact, and a colleague who could sign in then; in tables of an older release."""
    word, contacts = "quirijnella", apps.get_model("contacts.Contact")

    def asked(row: Any) -> Saga:
        person = persons.find(row._meta.label, row.pk)
        assert person
        return persons.request(
            person, tenant_id=doomed.id, by=UUID(int=0), now=timezone.now(), delay=timedelta(hours=12)
        )

    def erased(saga: Saga) -> None:
        sagas.hasten(saga, timezone.now())
        assert sagas.run(saga.pk).status == Saga.Status.DONE

    with scope.tenant(doomed.id, actor=TESTER):
        gone = contacts.objects.create(
            kind="person", first_name=word, last_name="Wit", email=f"{word}@wit.test"
        )
        firm = contacts.objects.create(kind="company", name="Bakery", notes=f"Ask {word} Wit.")
        colin = User.objects.get(email__startswith="colin")
        colin.name, colin.email = f"Colin {word}", f"colin@{word}.test"
        colin.save()
        olga = User.objects.owners().get()
        waiting = asked(gone)
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=doomed.pk).update(release="0.0.9")
    backup = Older("person")
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=doomed.pk).update(release=doomed.release)
    with scope.tenant(doomed.id, actor=TESTER):
        colin.deactivate(by=olga, now=timezone.now())
        erased(waiting)
        erased(asked(colin))
    ledger = Ledger.default().path.read_bytes()
    assert [one.kind for one in Ledger.default().people(doomed.id)] == ["person", "person"]
    try:
        backup.put_back()
        assert found_in_database(word) and answers(hosts(doomed)[3]) == {503}

        assert [one["kind"] for one in run("replay_ledger")["applied"]] == ["person", "person"]

        assert found_in_database(word) == []
        with scope.tenant(doomed.id, actor=TESTER):
            firm.refresh_from_db()
            assert (str(contacts.objects.get(pk=gone.pk)), firm.notes) == ("[erased]", "Ask [erased].")
            assert not User.objects.get(pk=colin.pk).is_active
            assert User.objects.owners().get() == olga
        drain()  # the instruction that waited there finds what it says done, and says so
        with scope.tenant(doomed.id):
            assert Event.objects.filter(what=Event.What.PERSON_ERASED).count() == 2
        with scope.shared():
            assert Saga.objects.get(pk=waiting.pk).status == Saga.Status.DONE
            assert Tenant.objects.get(pk=doomed.pk).release == settings.SMOALL_RELEASE
        assert run("replay_ledger")["applied"] == [] and Ledger.default().path.read_bytes() == ledger
    finally:
        backup.forget()


def test_a_person_who_cant_be_taken_out_keeps_their_workspace_closed_and_no_other(
    doomed: Tenant,
) -> None:
    """Its tables differ from their release: the others open, it is tried again, and opens as it was once it went well.

    Operators are told; also of a workspace whose last owner was erased again.
    """
    contacts, operator = apps.get_model("contacts.Contact"), make_operator("Opal")
    label = f"beside-{next(_numbers)}"
    other = make_workspace(label)
    with scope.tenant(other.id):
        owner = User.objects.owners().get()
    rows: dict[UUID, Any] = {}
    for id in (doomed.id, other.id):
        with scope.tenant(id, actor=TESTER):
            rows[id] = contacts.objects.create(kind="person", first_name="Ida", last_name="Zwart")

    def rename(old: str, new: str) -> None:
        with scope.owner(tenant=doomed.id), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE contacts_contact RENAME COLUMN {old} TO {new}")

    def standing() -> tuple[str, set[int], str]:
        with scope.shared():
            state = Tenant.objects.get(pk=doomed.pk).state
        with scope.tenant(doomed.id), connection.cursor() as cursor:
            cursor.execute("SELECT name FROM contacts_contact WHERE id = %s", [rows[doomed.id].pk])
            return state, answers(hosts(doomed)[3]), cursor.fetchone()[0]

    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=doomed.pk).update(state=State.LEAVING)
    rename("notes", "remarks")
    backup = Older("stuck")
    rename("remarks", "notes")
    for id, row in rows.items():
        with scope.tenant(id, actor=TESTER):
            person = persons.find("contacts.Contact", row.pk)
            assert person
            asked = persons.request(
                person, tenant_id=id, by=UUID(int=0), now=timezone.now(), delay=timedelta(0)
            )
        assert sagas.run(asked.pk).status == Saga.Status.DONE
    last_owner = Entry(
        kind="person", tenant=other.id, client=other.client_id, model="accounts.User", row=owner.pk,
        requested_at=timezone.now(), erased_at=timezone.now(),
    )  # fmt: skip
    gate.record(last_owner)
    try:
        backup.put_back()

        said = run("replay_ledger")

        assert [one["tenant"] for one in said["owed"]] == [str(doomed.id)]
        assert [one["tenant"] for one in said["applied"]] == [str(other.id)] * 2 and said["state"] == "open"
        assert answers(f"{label}.smoall.localhost") == {302}
        assert standing() == ("restoring", {503}, "Ida Zwart")
        with pytest.raises(CannotAct):  # it would hold who was erased, and be newer than the erasure
            export.write(doomed.id, BytesIO(), None, now=timezone.now())
        with scope.shared(actor=TESTER):
            [saga] = replay.owed()
            mails = Message.objects.filter(purpose="tenants.replay", to_address=operator.email)
            stuck, ownerless = mails.order_by("pk").values_list("body", flat=True)
            assert str(doomed.id) in stuck and f"{other.id}: whoever was erased again" in ownerless
            Tenant.objects.filter(pk=doomed.pk).update(release="0.0.9")
        assert [one for one in fleet.problems() if str(doomed.id) in one and "stands there again" in one]
        assert waves.migrate().failed == {}, "it keeps nobody else from being brought to this release"
        run("replay_ledger")  # whoever asks doesn't wait for the back-off
        with scope.shared():
            assert Saga.objects.get(pk=saga.pk).attempts == saga.attempts + 1

        rename("remarks", "notes")
        with scope.shared():
            sagas.hasten(saga, timezone.now())
        drain()

        assert standing() == ("leaving", {302}, "[erased]")
        with scope.shared():
            assert not replay.owed().exists()
    finally:
        backup.forget()


def test_what_a_replay_closed_keeps_its_last_day_and_stays_closed_when_its_erasure_is_cancelled(
    doomed: Tenant,
) -> None:
    def closed(seq: int) -> Saga:
        tenant = Tenant.objects.get(pk=doomed.pk)
        data = {"seq": seq, "opens": replay._close(tenant)}
        return Saga.objects.create(kind="replay_person", subject=doomed.pk, key=f"owed-{seq}", data=data)

    def now_in() -> tuple[str, bool]:
        tenant = Tenant.objects.get(pk=doomed.pk)
        return tenant.state, tenant.is_leaving

    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=doomed.pk).update(state=State.LEAVING)
        saga = closed(1)
        assert now_in() == (State.RESTORING, True)
        replay._open(saga)
        saga.delete()
        assert now_in() == (State.LEAVING, True)

        Tenant.objects.filter(pk=doomed.pk).update(state=State.ACTIVE)
        asked = erasure.request(doomed.id, now=timezone.now(), delay=timedelta(hours=12))
        saga = closed(2)
        assert now_in() == (State.ERASING, False)
        erasure.cancel(asked, now=timezone.now())
        assert now_in() == (State.RESTORING, False)
        replay._open(saga)
        assert now_in() == (State.ACTIVE, False)


def test_without_its_ledger_or_with_a_shorter_one_nothing_opens_and_no_job_runs(
    committed: Any, doomed: Tenant
) -> None:
    erase(doomed)
    path = Ledger.default().path
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    altered = whole.replace(b'"kind":"data"', b'"kind":"date"', 1)
    for broken in (b"", b"".join(lines[:-1]), altered):
        path.write_bytes(broken)
        try:
            with scope.shared(actor=TESTER):
                job = sagas.advance.later("00000000-0000-0000-0000-000000000000")
            assert drain() == 0
            with scope.shared():
                assert Job.objects.get(pk=job.pk).state == Job.State.WAITING
                job.delete()
            assert answers(*hosts(doomed)) == {503}
            with pytest.raises(CommandError, match="ledger"):
                run("replay_ledger")
            assert [one for one in fleet.problems() if one.startswith("erasure ledger:")]
        finally:
            path.write_bytes(whole)
    assert answers("app.smoall.localhost") == {200}


def test_a_ledger_that_is_lost_for_good_is_accepted_by_a_person_alone(committed: Any, doomed: Tenant) -> None:
    erase(doomed)
    path = Ledger.default().path
    whole, end = path.read_bytes(), Ledger.default().verify_chain()
    path.unlink()
    try:
        assert gate.look().state == "broken"
        with pytest.raises(CommandError, match="--yes"):
            run("replay_ledger", "--accept-the-ledger-as-it-is")
        assert run("replay_ledger", "--accept-the-ledger-as-it-is", "--yes")["state"] == "open"
        assert gate.look().is_open
    finally:
        path.write_bytes(whole)
        gate.accept(end)
    assert gate.look().is_open


@pytest.mark.parametrize("dies", [dies_at, server_dies_at])
def test_killed_between_the_ledgers_line_and_the_head_the_erasure_still_ends_once(
    doomed: Tenant, monkeypatch: pytest.MonkeyPatch, dies: Callable[[str, Callable[[], object]], bool]
) -> None:
    with scope.acting(TESTER):
        found = erasure.request(doomed.id, now=timezone.now(), delay=timedelta(0))

    def die(*_: object) -> bool:
        sagas._die()
        return False

    def run_and_die() -> None:
        monkeypatch.setattr(gate, "advance", die)
        sagas.run(found.saga)  # type: ignore[arg-type]

    assert dies("nowhere", run_and_die)
    monkeypatch.undo()
    assert gate.look().state == "behind"
    drain()
    assert gate.look().is_open
    with scope.shared():
        assert Saga.objects.get(pk=found.saga).status == Saga.Status.DONE
        found.refresh_from_db()
        assert Message.objects.filter(purpose="tenants.certificate").count() == 1
    recorded = [one.entry for one in Ledger.default().entries() if one.entry.tenant == doomed.id]
    assert [one.certificate for one in recorded] == [found.certificate]


def test_an_erasure_that_another_database_certified_is_not_certified_again(
    doomed: Tenant, older: Older
) -> None:
    """Taken in the moment between destruction and certificate: the ledger's certificate stands."""
    with scope.acting(TESTER):
        found = erasure.request(doomed.id, now=timezone.now(), delay=timedelta(0))
    assert dies_at("erase:5:saved", lambda: sagas.run(found.saga))  # type: ignore[arg-type]
    between = Older()
    drain()
    with scope.shared():
        Saga.objects.update(due_at=timezone.now())
        sagas.run(found.saga)  # type: ignore[arg-type]
        found.refresh_from_db()
    issued = found.certificate
    between.put_back()
    drain()
    with scope.shared():
        found.refresh_from_db()
    assert found.certificate == issued
    assert [one.entry.tenant for one in Ledger.default().entries()].count(doomed.id) == 1


def an_entry() -> Entry:
    """Of somebody whom no database knows."""
    return Entry(
        kind="contacts", tenant=uuid7(), client=uuid7(), requested_at=timezone.now(), erased_at=timezone.now()
    )


def test_no_entry_is_ever_passed_over(committed: Any) -> None:
    first, second, third = (Ledger.default().append(an_entry()) for _ in range(3))
    with scope.owner():
        assert not gate.advance(second)
        assert gate.head().seq == 0
        assert gate.advance(first)
        assert not gate.advance(first)
        assert not gate.advance(third)
        assert (gate.head().seq, gate.head().hash) == (1, first.hash)


def test_the_runtime_roles_can_read_the_head_and_not_move_it(committed: Any) -> None:
    with scope.shared():
        gate.head()
    with pytest.raises(ProgrammingError, match="permission denied"), scope.shared():
        LedgerHead.objects.update(seq=0)


def test_looking_costs_no_query_while_nothing_changes(
    committed: Any, doomed: Tenant, statements: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "LOOK_EVERY", 60)
    gate.record(an_entry())
    gate.look()
    with statements() as sent:
        assert all(gate.look().is_open for _ in range(1000))
    assert len(sent) == 0
    Ledger.default().path.touch()
    with statements() as sent:
        assert gate.look().is_open
    assert 1 <= len(sent) <= 4


def test_an_unknown_clients_entry_is_applied_without_effect(committed: Any) -> None:
    """A new database beside an old ledger: as after a move to another server without its data."""
    Ledger.default().append(an_entry())
    assert gate.look().state == "behind"
    assert len(replay.replay().applied) == 1
    assert gate.look().is_open
    connection.close()
