"""I8: ready schemas. Each is claimed once, none is stale, whatever is undone gives it back, and nobody waits for one."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs import timed
from shared_apps.kit import scope
from shared_apps.legal import documents
from tenants import erasure, fleet, names, opening, provision, sagas, sign_up
from tenants.keys import KeyStore
from tenants.models import PoolSchema, Saga, Snapshot, Tenant
from tenants.schemas import pool, script, snapshot, waves
from tests.conftest import TESTER
from tests.fleet.conftest import LATER, as_it_is, committed, current, filled, later, own_template
from tests.isolation import catalog
from tests.toys.fixtures import undone

__all__ = ["committed", "later", "own_template"]
FULL = os.environ.get("FLEET_TESTS") == "full"
POOLED, HANDS = 300, 12


def rows() -> dict[UUID, bool]:
    with scope.shared():
        return dict(PoolSchema.objects.values_list("pk", "is_ready"))


def answers(label: str) -> sign_up.Answers:
    return sign_up.Answers(f"{label} SA", "BE", "", "fr", label, "Nora Noir", f"nora@{label}.test")


@pytest.fixture
def emptied(committed: Any) -> Iterator[None]:
    yield
    for id in rows():
        pool.discard(id)


# --- opening a workspace ----------------------------------------------------------------------------------


def test_from_the_confirmed_click_to_the_first_page_there_is_no_wait_and_no_ddl(
    emptied: None, browser: Callable[..., Browser], statements: Callable[[], Any]
) -> None:
    (ready,) = filled(1)
    visitor = browser("app.smoall.localhost")
    now = timezone.now()
    with scope.shared(actor=sign_up.DOOR, realm="app"):
        terms = documents.current("terms", today=timezone.localdate())
        asked = sign_up.ask(answers("quick"), terms=terms, terms_language="fr", own=None, now=now)
        link = "/" + opening.link(asked).split("/", 3)[3]
    visitor.get(link)
    began = time.perf_counter()
    with statements() as sent:
        assert visitor.post(link).status_code == 302
        door = visitor.get(link).headers["Location"]
    assert time.perf_counter() - began < 5, "seconds of a loaded machine, not of a worker's turn"
    assert not [one["sql"] for one in sent.captured_queries if one["sql"].startswith(("CREATE", "GRANT"))]
    assert "//quick.smoall.localhost/enter/" in door
    assert browser("quick.smoall.localhost").get(door.split("localhost")[1]).status_code == 200
    with scope.shared():
        tenant = Tenant.objects.get(domains__domain="quick")
        assert tenant.pk == ready and rows() == {}
        saga = Saga.objects.get(subject=ready)
    assert as_it_is(ready) == current().fingerprint
    assert not KeyStore.default().exists(ready) and list(fleet.problems()) == [], (
        "a worker makes it in a moment"
    )
    assert sagas.run(saga.pk).status == Saga.Status.DONE
    assert KeyStore.default().exists(ready) and list(fleet.problems()) == []


def test_a_second_click_is_the_same_workspace_and_an_empty_pool_has_a_worker_make_it(emptied: None) -> None:
    filled(1)
    with scope.shared(actor=TESTER):
        first = sign_up.open_for(answers("first-one"), now=timezone.now())
        second = sign_up.open_for(answers("second-one"), now=timezone.now())
    assert (first.kind, second.kind) == ("open", "provision")
    assert sagas.run(second.pk).status == Saga.Status.DONE
    with scope.shared():
        assert set(Tenant.objects.filter(pk__in=[first.subject, second.subject]).values_list("release")) == {
            (current().release,)
        }
    with scope.tenant(first.subject):
        assert list(User.objects.values_list("email", flat=True)) == ["nora@first-one.test"]


def test_what_is_undone_puts_the_schema_back(emptied: None, monkeypatch: pytest.MonkeyPatch) -> None:
    (ready,) = filled(1)
    with undone(), scope.shared(actor=TESTER):
        assert pool.claim() is not None
        assert pool.claim() is None
    assert rows() == {ready: True}

    def taken(*args: object, **kwargs: object) -> str:
        raise names.BadName("This name is taken.")

    with scope.shared(actor=TESTER):
        asked = sign_up.SignUp.objects.create(
            **sign_up.asdict(answers("taken")), created_at=timezone.now(), confirmed_at=timezone.now(),
            expires_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
        monkeypatch.setattr(provision.names, "check", taken)
        saga = sign_up.confirm(asked, now=timezone.now())
    assert saga.kind == "provision" and rows() == {ready: True}


def test_a_schema_whose_uuid_was_a_clients_in_a_newer_database_is_given_to_nobody(emptied: None) -> None:
    """After a backup was put back, its pool may hold what somebody got since: their key is still there, and stays."""
    used, fresh = filled(2)
    KeyStore.default().ensure(used)
    with scope.shared(actor=TESTER):
        saga = sign_up.open_for(answers("after-backup"), now=timezone.now())
    assert saga.subject == fresh and rows() == {used: False}
    assert pool.tend(timezone.now(), low_water=0) == 0 and rows() == {}
    assert KeyStore.default().exists(used), "whose it is, people decide"
    assert f"key {used} belongs to no client" in list(fleet.problems())
    KeyStore.default().destroy(used)


def test_a_pooled_schema_is_to_the_last_row_a_fresh_one(emptied: None) -> None:
    (ready,) = filled(1)
    fresh = UUID(int=7)
    with scope.shared(actor=snapshot.BUILDER):
        snapshot.replay(fresh, current())
    schemas = [scope.schema_of(id) for id in (ready, fresh)]
    assert as_it_is(ready) == as_it_is(fresh)
    counted = [catalog.checksums(schema) for schema in schemas]
    unlike = {"django_migrations"}
    bare = [{name.split(".")[-1]: sum for name, sum in one.items() if name not in unlike} for one in counted]
    assert bare[0] == bare[1]


def claim_all(begin: int, into: Path) -> None:
    """A child's work: once the parent lets go, claim until there is nothing more, each in a transaction of its own."""
    os.read(begin, 1)
    with into.open("w") as file:
        while True:
            with scope.shared(actor=TESTER):
                row = pool.claim()
            if row is None:
                return
            file.write(f"{row.id} {row.release} {row.fingerprint}\n")


def test_twelve_processes_that_claim_at_once_get_each_schema_once_and_none_stale(
    emptied: None, tmp_path: Path
) -> None:
    """300 rows, of which some are real schemas, or all with FLEET_TESTS=full. Others among them are of another release."""
    target = current()
    real = set(filled(POOLED if FULL else 4))
    with scope.shared(actor=TESTER):
        bare = [PoolSchema(release=target.release, fingerprint=target.fingerprint, is_ready=True)
                for _ in range(POOLED - len(real))]  # fmt: skip
        PoolSchema.objects.bulk_create(bare)
        for release, fingerprint, is_ready in (
            ("0.0.9", target.fingerprint, True), (target.release, "0" * 64, True), (target.release, target.fingerprint, False),
        ):  # fmt: skip
            PoolSchema.objects.create(release=release, fingerprint=fingerprint, is_ready=is_ready)
    wanted = real | {one.id for one in bare}
    begin, let_go = os.pipe()
    connection.close()
    hands = []
    for number in range(HANDS):
        if (hand := os.fork()) == 0:
            os.close(let_go)
            try:
                claim_all(begin, tmp_path / str(number))
            finally:
                os._exit(0)
        hands.append(hand)
    os.close(let_go)  # all at once
    for hand in hands:
        assert os.waitpid(hand, 0)[1] == 0
    os.close(begin)
    said = [line.split() for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    got = [UUID(id) for id, _release, _fingerprint in said]
    assert len(got) == len(set(got)) == POOLED and set(got) == wanted
    assert {(release, fingerprint) for _id, release, fingerprint in said} == {
        (target.release, target.fingerprint)
    }
    for id in real:
        assert as_it_is(id) == target.fingerprint
        with scope.owner(), connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {scope.schema_of(id)} CASCADE")
    assert len(rows()) == 3


def test_a_replayed_erasure_takes_a_pool_row_of_the_erased_along(emptied: None) -> None:
    """The database is of a time when the schema still waited for the client who was erased since."""
    (ready,) = filled(1)
    with scope.shared(actor=TESTER):
        erasure.destroy_tables(Saga(kind="replay", subject=ready, data={"labels": []}))
    assert rows() == {} and scope.schema_of(ready) not in catalog.schemas()


# --- filling ----------------------------------------------------------------------------------------------


@override_settings(SMOALL_POOL_FLOOR=2, SMOALL_POOL_CEILING=3)
def test_the_pool_is_filled_to_yesterdays_demand_between_floor_and_ceiling(emptied: None) -> None:
    now = timezone.now()
    tomorrow = now + timedelta(days=2)
    with scope.shared():
        assert (pool.wanted(tomorrow), pool.wanted(now)) == (2, max(2, min(3, Tenant.objects.count())))
    assert pool.tend(tomorrow) == 2 and pool.tend(tomorrow) == 0
    assert [*rows().values()] == [True, True]
    assert list(fleet.problems()) == [], "schemas of the pool are no orphans"
    with scope.shared(actor=TESTER):
        assert pool.claim() is not None
    assert pool.tend(tomorrow, low_water=0.5) == 0, "by day, one of two is enough"
    assert pool.tend(tomorrow) == 1
    with scope.owner(), connection.cursor() as cursor:  # the one claimed above never became a workspace
        orphans = [one for one in fleet.problems() if "belongs to no client" in one]
        for one in orphans:
            if one.startswith("schema"):
                cursor.execute(f"DROP SCHEMA {one.split()[1]} CASCADE")


@override_settings(SMOALL_POOL_FLOOR=0, SMOALL_POOL_CEILING=0)
def test_without_a_pool_nothing_is_made(emptied: None) -> None:
    assert pool.tend(timezone.now()) == 0 and rows() == {}


@override_settings(SMOALL_POOL_FLOOR=1, SMOALL_POOL_CEILING=1)
def test_what_somebody_began_and_died_over_is_taken_away(emptied: None) -> None:
    with scope.shared(actor=TESTER):
        PoolSchema.objects.create(release="0.1.0", fingerprint="")
    begun = next(iter(rows()))
    assert list(fleet.problems()) == []
    assert pool.tend(timezone.now()) == 1
    assert begun not in rows()


def test_a_schema_that_comes_out_wrong_is_not_kept(emptied: None) -> None:
    wrong = current()
    wrong.fingerprint = "0" * 64
    assert pool.fill(wrong) is None
    assert rows() == {} and list(fleet.problems()) == []


def test_discarding_leaves_what_became_a_workspace_alone(emptied: None) -> None:
    (ready,) = filled(1)
    with scope.shared(actor=TESTER):
        saga = sign_up.open_for(answers("became"), now=timezone.now())
    assert saga.subject == ready
    pool.discard(ready)
    assert as_it_is(ready) == current().fingerprint


def test_check_tenants_says_when_a_ready_schema_is_gone(emptied: None) -> None:
    (ready,) = filled(1)
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {scope.schema_of(ready)} CASCADE")
    assert list(fleet.problems()) == [f"the pool's schema {scope.schema_of(ready)} is gone"]


# --- a new release ----------------------------------------------------------------------------------------


@pytest.fixture
def three_of_before(emptied: None) -> list[UUID]:
    return filled(3)


def test_at_a_new_release_the_pool_comes_forward_or_is_discarded(
    three_of_before: list[UUID], later: Snapshot
) -> None:
    """One that somebody altered is named and goes, one in use stays as it is: neither stops the release."""
    fine, altered, used = three_of_before
    with scope.shared(actor=TESTER):
        assert pool.claim() is None, "none of the older release is given away"
        before = Snapshot.objects.get(release="0.1.0")
    way, at = script.record(before), (before.release, before.fingerprint)
    with scope.owner(tenant=altered), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contacts_contact ADD COLUMN shoe_size integer")
    with closing(
        psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=connection.settings_dict["NAME"])
    ) as other:
        other.cursor().execute(f"LOCK TABLE {scope.schema_of(used)}.contacts_contact")
        full = "DO $$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END $$"
        with pytest.raises(DatabaseError, match="the disk is full"):
            pool.renew(later, {at: replace(way, steps=(full,))}, lock_timeout=50)
        assert list(rows()) == three_of_before, "the server's trouble costs no schema"
        renewed = pool.renew(later, {at: way}, lock_timeout=50)
        assert pool.renew(later, {}, lock_timeout=50) == pool.Renewed()
        with override_settings(SMOALL_POOL_FLOOR=0, SMOALL_POOL_CEILING=0):
            assert pool.tend(timezone.now()) == 0, "nobody waits for what is in use, a whole dump perhaps"
    assert renewed == pool.Renewed(
        1, {altered: "The tables differ: column contacts_contact.shoe_size is too many"}
    )
    assert as_it_is(fine) == later.fingerprint and list(rows()) == [fine, used]
    assert pool.renew(later, {}, lock_timeout=50) == pool.Renewed(), "no way is known for what was in use"
    assert list(rows()) == [fine]
    with override_settings(SMOALL_POOL_FLOOR=1, SMOALL_POOL_CEILING=1):
        assert pool.tend(timezone.now()) == 0


def test_an_old_process_leaves_what_a_later_release_made_alone(
    later: Snapshot, emptied: None, committed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pool and workspaces: a release without DDL would else be stamped back to the one before, and made anew again."""
    ready = PoolSchema(release=LATER, fingerprint=later.fingerprint, is_ready=True)
    with scope.shared(actor=TESTER), override_settings(SMOALL_RELEASE="0.1.0"):
        ready.save(force_insert=True)
        tenant = committed[0].tenant
        before = Snapshot.objects.get(release="0.1.0")
        Tenant.objects.filter(pk=tenant.pk).update(release=LATER, fingerprint=later.fingerprint)
    with override_settings(SMOALL_RELEASE="0.1.0", SMOALL_POOL_FLOOR=1, SMOALL_POOL_CEILING=1):
        now = timezone.now()
        assert pool.tend(now) == 0 and rows() == {ready.pk: True}
        with scope.shared():
            assert not pool.stale(before).exists() and pool.stale(later).count() == 0
            assert not waves.behind(before).filter(pk=tenant.pk).exists()
        assert waves.move(tenant.pk, target=before, ways={}, options=waves.Options()) == ""
        assert pool.tend(now + timedelta(days=2)) == 1, "the code was put back, and that is how it stays"
    with scope.shared():
        assert Tenant.objects.get(pk=tenant.pk).release == LATER
    # While the new process brings one forward, a sign-up passes over it; one that was claimed is passed over in its turn.
    (made,) = rows().keys() - {ready.pk}
    way, bring, got = script.record(before), script.replay, []

    def claimed_meanwhile(way: script.Script, id: UUID) -> str:
        got.extend([claimed(other, "0.1.0"), claimed(other, LATER)])
        return bring(way, id)

    monkeypatch.setattr(script, "replay", claimed_meanwhile)
    ways = {(before.release, before.fingerprint): way}
    with scope.shared():
        stale = pool.stale(later)
    with closing(
        psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=connection.settings_dict["NAME"])
    ) as other:
        assert claimed(other, "0.1.0") == str(made)
        assert pool.renew(later, ways, lock_timeout=50) == pool.Renewed()
        other.rollback()
        assert pool.renew(later, ways, lock_timeout=50) == pool.Renewed(1)
        other.rollback()
    assert got == [None, str(ready.pk)] and as_it_is(made) == later.fingerprint
    pool.discard(made, stale)
    assert made in rows(), "it came forward since it was read"


def claimed(other: Any, release: str) -> str | None:
    """By somebody whose transaction goes on."""
    cursor = other.cursor()
    cursor.execute("SET search_path TO public; " + pool.CLAIM, [release])
    row = cursor.fetchone()
    return str(row[0]) if row else None


def test_the_pool_is_tended_by_the_schedule() -> None:
    names_of = {one.job for one in timed.everything()}
    assert {"tenants.schemas.pool.top_up", "tenants.schemas.pool.refill"} <= names_of


def test_sign_up_costs_the_same_among_many_clients(emptied: None, statements: Callable[[], Any]) -> None:
    """No statement of it asks for rows of others: the number stays, and none reads a whole table."""
    filled(2)
    counts = []
    for label, others in (("among-few", 0), ("among-many", 300)):
        with scope.shared(actor=TESTER):
            for number in range(others):
                client = Client.objects.create(company=f"Other {number}", contact_email=f"o{number}@o.test")
                Tenant(client=client, release="0.0.9", fingerprint="0").save(force_insert=True)
        with statements() as sent, scope.shared(actor=TESTER):
            assert sign_up.open_for(answers(label), now=timezone.now()).kind == "open"
        counts.append(len(sent))
    assert counts[0] == counts[1]
