"""I9: a canary, then waves; what fails stays as it was, the rest waits, and it goes on. At any point somebody may die."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import closing
from functools import partial
from io import StringIO
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from shared_apps.jobs import guard, run
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.operators.jobs import ask_for_copy
from tenant_apps.contacts.models import Contact
from tenants import fleet, sagas, sign_up
from tenants.management.commands import prepare
from tenants.models import FleetEntry, Saga, Snapshot, State, Tenant
from tenants.schemas import releases, snapshot, waves
from tenants.schemas.fingerprint import hash_of, lines
from tenants.schemas.script import PLACE, CannotRecord, Script
from tenants.schemas.waves import Options
from tests.conftest import TESTER, Cast, make_workspace
from tests.fleet.conftest import (
    LATER,
    again,
    as_it_is,
    coming,
    committed,
    filled,
    fleet_of,
    later,
    own_template,
    set_aside,
)
from tests.toys.fixtures import dies_at

__all__ = ["committed", "later", "own_template"]
FLEET, FEW = 200, 40
BAD = 57  # its turn


# --- many small ones --------------------------------------------------------------------------------------


class Small:
    """A fleet whose schemas have one table each: real transactions, little to make."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows: list[Tenant] = []
        self.before = Snapshot(release="0.1.9", schema=PLACE, ddl="", tables=[], seeds={})
        self.target = Snapshot(release=LATER, schema=PLACE, ddl="", tables=[], seeds={})
        self.ways: waves.Ways = {}

    def make(self) -> None:
        sample, steps = uuid7(), self.steps()
        with scope.shared(actor=TESTER):
            self.table(sample)
            with scope.owner(tenant=sample), connection.cursor() as cursor:
                found = lines(scope.schema_of(sample))
                self.before.fingerprint = hash_of(found)
                for statement in steps:
                    cursor.execute(statement.replace(PLACE, scope.schema_of(sample)))
                found = lines(scope.schema_of(sample))
                cursor.execute(f"DROP SCHEMA {scope.schema_of(sample)} CASCADE")
            self.target.fingerprint = hash_of(found)
            self.before.save(force_insert=True)
            self.target.save(force_insert=True)
        way = Script(self.before.fingerprint, self.target.fingerprint, tuple(found), steps)
        self.ways = {(self.before.release, self.before.fingerprint): way}
        self.rows = fleet_of(self.size, self.before, self.table)

    @staticmethod
    def steps() -> tuple[str, ...]:
        return (
            f"ALTER TABLE {PLACE}.thing ADD COLUMN note text NOT NULL DEFAULT ''",
            f"ALTER TABLE {PLACE}.thing ADD CONSTRAINT known CHECK (name <> 'bad')",
        )

    @staticmethod
    def table(id: UUID) -> None:
        schema = scope.schema_of(id)
        with scope.owner(tenant=id), connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {schema}")
            cursor.execute(f"CREATE TABLE {schema}.thing (id integer PRIMARY KEY, name text)")
            cursor.execute(f"INSERT INTO {schema}.thing VALUES (1, 'good')")

    def name(self, tenant: Tenant, word: str) -> None:
        with scope.owner(tenant=tenant.id), connection.cursor() as cursor:
            cursor.execute("UPDATE thing SET name = %s", [word])


@pytest.fixture
def small(
    own_template: None, committed: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Any:
    made = Small(getattr(request, "param", FEW))
    with override_settings(SMOALL_RELEASE=LATER):
        made.make()
        set_aside(*committed)
        monkeypatch.setattr(waves, "scripts", lambda target: made.ways)
        yield made


def by_status() -> dict[str, int]:
    with scope.shared():
        states = list(FleetEntry.objects.values_list("status", flat=True))
    return {state: states.count(state) for state in sorted(set(states))}


@pytest.mark.parametrize("small", [FLEET], indirect=True)
def test_a_migration_that_fails_in_the_57th_of_200_leaves_56_done_it_untouched_and_the_rest_waiting(
    small: Small,
) -> None:
    bad = small.rows[BAD - 1]
    small.name(bad, "bad")
    before = as_it_is(bad.id)
    shown: list[tuple[int, int, str]] = []
    result = waves.migrate(Options(parallel=1), told=lambda *said: shown.append(said))
    assert (len(result.done), list(result.failed), result.waiting) == (BAD - 1, [bad.id], FLEET - BAD + 1)
    assert by_status() == {"done": BAD - 1, "failed": 1, "waiting": FLEET - BAD}
    assert [one.id for one in small.rows[: BAD - 1]] == result.done, "the oldest first"
    assert {as_it_is(id) for id in result.done[:5]} == {small.target.fingerprint}
    assert as_it_is(bad.id) == before and again(bad).release == "0.1.9"
    assert again(small.rows[BAD]).release == "0.1.9" and as_it_is(small.rows[BAD].id) == before
    with scope.shared():
        entry = FleetEntry.objects.get(tenant=bad)
        assert (entry.wave, entry.attempts, entry.started_at and entry.ended_at is not None) == (2, 1, True)
        assert "(23514)" in entry.error and "ADD CONSTRAINT known" in entry.error, "what failed, and where"
        assert FleetEntry.objects.filter(status="waiting").order_by("wave").last().wave == 3
    assert shown[-1] == (BAD, FLEET, "wave 2") and len(shown) == BAD
    status = fleet.status()
    assert (status.workspaces, status.behind) == (FLEET + 2, FLEET - BAD + 1)
    # Again, without a cure: it is the canary now, and nobody else is touched.
    result = waves.migrate(Options(parallel=1))
    assert (result.done, list(result.failed), result.waiting) == ([], [bad.id], FLEET - BAD + 1)
    # With it: everything goes on where it was, side by side.
    small.name(bad, "good")
    result = waves.migrate(Options(parallel=3))
    assert (len(result.done), result.failed, result.waiting) == (FLEET - BAD + 1, {}, 0)
    assert by_status() == {"done": FLEET} and fleet.status().behind == 0
    with scope.shared():
        assert FleetEntry.objects.get(tenant=bad).attempts == 3
        assert FleetEntry.objects.get(tenant=bad).error == ""
    with scope.shared():  # begun anew by somebody, while a run did it
        FleetEntry.objects.filter(tenant=bad).update(status="waiting", error="in use")
    assert waves.migrate(Options()).is_whole, "and nothing is left to do"
    assert by_status() == {"done": FLEET}


def test_failures_may_be_passed_over_and_a_second_run_at_once_is_refused(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tenant in (small.rows[20], small.rows[30]):
        small.name(tenant, "bad")
    with guard.held(waves.LOCK, waves.FLEET), pytest.raises(waves.CannotMigrate):
        waves.migrate(Options())
    result = waves.migrate(Options(parallel=4, stop_after=5, canary=3))
    assert (len(result.done), len(result.failed), result.waiting) == (FEW - 2, 2, 2)

    with monkeypatch.context() as patch:  # an old process may have opened them since
        patch.setattr(waves, "migrate", lambda options, told: waves.Result(waiting=2))
        code, shown = said("migrate_fleet")
    assert (code, shown["problems"][0].partition(":")[0]) == (1, "2 are waiting, as they were")

    with monkeypatch.context() as patch:  # recorded, and no way from there: that is said beforehand
        patch.setattr(waves, "scripts", lambda target: {})
        code, shown = said("migrate_fleet", "--dry-run")
    assert (code, shown["from"], shown["by_migrations"]) == (1, [], [])
    assert shown["problems"][0].startswith("2 workspaces of release 0.1.9: its tables are recorded, and")

    def refuse(target: Snapshot) -> waves.Ways:
        raise CannotRecord("0009 is not atomic.")

    monkeypatch.setattr(waves, "scripts", refuse)
    assert (
        said("migrate_fleet", "--dry-run") == said("migrate_fleet") == (1, {"error": "0009 is not atomic."})
    )


@pytest.mark.parametrize("point", ["migrate:before", "migrate:after", "migrate:saved", "wave 1", "wave 2"])
def test_killed_at_any_point_of_a_wave_it_converges(small: Small, point: str) -> None:
    def killed(done: int, whole: int, text: str) -> None:
        if text == point and done % 7 == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    assert dies_at(point, lambda: waves.migrate(Options(parallel=2), told=killed))
    with scope.shared():
        for tenant in small.rows[:30]:
            row = Tenant.objects.get(pk=tenant.pk)
            line = FleetEntry.objects.filter(tenant=tenant).first()
            assert as_it_is(tenant.pk) == row.fingerprint, "tables and row agree"
            assert (line is not None and line.status == "done") == (row.release == LATER), "and the ledger"
    result = waves.migrate(Options(parallel=2))
    assert (result.failed, result.waiting) == ({}, 0)
    assert by_status() == {"done": FEW} and fleet.status().behind == 0


def test_tables_in_use_are_no_failure_others_go_ahead_and_in_the_end_they_are_named(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a long export. The canary is then another; where nobody can be one, nothing is begun."""
    quick = Options(parallel=1, lock_timeout=20, tries=1, rounds=1, pause=0.01)
    first, ahead = small.rows[0], small.rows[1 : waves.AHEAD + 1]
    with (
        closing(
            psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=connection.settings_dict["NAME"])
        ) as other,
        other.cursor() as cursor,
    ):
        cursor.execute(f"LOCK TABLE {scope.schema_of(first.id)}.thing; SAVEPOINT only_first")
        for tenant in ahead:
            cursor.execute(f"LOCK TABLE {scope.schema_of(tenant.id)}.thing")
        result = waves.migrate(quick)
        assert (result.done, result.failed, result.waiting) == ([], {}, FEW)
        assert list(result.busy) == [first.id, *(tenant.id for tenant in ahead)]
        cursor.execute("ROLLBACK TO only_first")
        result = waves.migrate(quick)
        assert (len(result.done), result.failed, result.waiting) == (FEW - 1, {}, 1)
        assert list(result.busy) == [first.id] and "(55P03)" in result.busy[first.id]
        assert again(first).release == "0.1.9" and by_status() == {"done": FEW - 1, "waiting": 1}
        with scope.shared():
            stuck = waves.stuck(small.target.release, small.target.fingerprint).get()
            assert (stuck.tenant_id, stuck.attempts, "(55P03)" in stuck.error) == (first.id, 4, True)
            assert not waves.failures(small.target.release, small.target.fingerprint).exists()
            assert FleetEntry.objects.get(tenant=ahead[0]).wave == 0, "in the canary's place"
        # It is tried again at once, later each time, and then in another round.
        monkeypatch.setattr(waves, "sleep", lambda seconds: other.rollback())
        assert waves.migrate(Options(lock_timeout=20, tries=1)).is_whole
    assert again(first).release == LATER and by_status() == {"done": FEW}


def test_where_a_dump_holds_everything_a_run_stops_soon_and_a_worker_goes_on_by_itself(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`prepare` says what waits, and nobody has to come back for it."""
    monkeypatch.setattr(waves, "Options", partial(Options, lock_timeout=20, tries=1, rounds=1, pause=0.01))
    out = StringIO()
    with closing(
        psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=connection.settings_dict["NAME"])
    ) as other:
        for tenant in small.rows[1:]:
            other.cursor().execute(f"LOCK TABLE {scope.schema_of(tenant.id)}.thing")
        start = partial(prepare.Command(stdout=out)._bring_forward, small.target)  # type: ignore[arg-type]
        with guard.held(waves.LOCK, waves.FLEET):
            start()
        assert "migrated already. A worker goes on with what it leaves." in out.getvalue()
        for _start in range(2):
            start()
        with scope.shared():
            job = Job.objects.get(name=waves.go_on.name)
            assert FleetEntry.objects.exclude(error="").count() == waves.IN_A_ROW, "the others were let alone"
        assert f"{FEW - 1} workspaces wait, as they were: a worker goes on with them" in out.getvalue()
        run.drain()
        with scope.shared():
            job.refresh_from_db()
            assert (job.state, job.error) == (Job.State.WAITING, f"{FEW - 1} workspaces still wait")
    with scope.shared():
        Job.objects.update(run_after=timezone.now())
    run.drain()
    with scope.shared():
        job.refresh_from_db()
    assert job.state == Job.State.DONE and by_status() == {"done": FEW}


def test_one_in_use_is_tried_some_times_in_a_row(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    first, pauses = small.rows[0], []
    monkeypatch.setattr(waves, "sleep", pauses.append)
    with closing(
        psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=connection.settings_dict["NAME"])
    ) as other:
        other.cursor().execute(f"LOCK TABLE {scope.schema_of(first.id)}.thing")
        with pytest.raises(waves.InUse, match="55P03"):
            waves.move(
                first.id, target=small.target, ways=small.ways, options=Options(lock_timeout=10, tries=3)
            )
        assert pauses == [waves.BACK_OFF, 2 * waves.BACK_OFF]
        # A canary of many, all of them in use: none is passed over untried, and they go on when they come free.
        for tenant in small.rows[1:]:
            other.cursor().execute(f"LOCK TABLE {scope.schema_of(tenant.id)}.thing")
        monkeypatch.setattr(waves, "sleep", lambda seconds: other.rollback())
        result = waves.migrate(Options(canary=12, parallel=1, lock_timeout=10, tries=1, rounds=1))
    assert (len(result.done), result.waiting) == (FEW, 0)


def test_a_workspace_that_was_erased_during_a_run_harms_nobody(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Be it between being read and being planned, or in a wave."""
    early, late = small.rows[20], small.rows[30]

    def erase(gone: Tenant) -> None:
        with scope.shared(actor=TESTER):
            Tenant.objects.filter(pk=gone.pk).delete()
        with scope.owner(), connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {scope.schema_of(gone.pk)} CASCADE")

    def recorded(target: Snapshot) -> waves.Ways:
        erase(early)
        return small.ways

    def meanwhile(done: int, whole: int, text: str) -> None:
        if done == 5:
            erase(late)

    monkeypatch.setattr(waves, "scripts", recorded)
    result = waves.migrate(Options(parallel=1), told=meanwhile)
    assert (result.failed, by_status()) == ({}, {"done": FEW - 2})


# --- real ones --------------------------------------------------------------------------------------------


@pytest.fixture
def real(committed: tuple[Cast, Cast]) -> list[Tenant]:
    """Workspaces of this release with a contact each; the fourth has one that the release of later refuses."""
    made = [make_workspace(f"real-{number}") for number in range(6)]
    for number, tenant in enumerate(made):
        with scope.tenant(tenant.id, actor=TESTER):
            name = "?" if number == 3 else f"Company {number}"
            Contact.objects.create(kind="company", name=name, city="Liège")
    return made


def said(name: str, *words: str) -> tuple[int, Any]:
    """Exit code and JSON of a command."""
    out = StringIO()
    try:
        call_command(name, *words, "--json", stdout=out)
    except SystemExit as end:
        return int(end.code or 0), json.loads(out.getvalue())
    except CommandError as error:
        return error.returncode, json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_by_command_with_pages_pool_and_sign_ups_meanwhile(
    real: list[Tenant],
    committed: tuple[Cast, Cast],
    own_template: None,
    browser: Callable[..., Browser],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The whole story: a release comes, one workspace fails, is cured, and all the others worked throughout."""
    pooled = filled(1)
    with scope.shared(actor=TESTER):
        snapshot.replay(snapshot.TEMPLATE, snapshot.current())
    with coming(), scope.acting(TESTER):
        target = snapshot.record()
        set_aside(*committed)
        code, shown = said("migrate_fleet", "--dry-run")
        assert code == 0 and [one["workspaces"] for one in shown["from"]] == [6]
        assert (
            'ALTER TABLE "contacts_contact" ADD COLUMN "nickname" varchar(200)' in shown["from"][0]["sql"][0]
        )
        assert "-- Python: contacts.0002_nickname fill" in shown["from"][0]["sql"]
        assert [again(one).release for one in real] == ["0.1.0"] * 6, "nothing was touched"
        # Before it is known that this code works on the older tables, they are closed; then they are not.
        closed = page(browser, real[0], language="fr")
        assert (closed.status_code, closed.headers["Retry-After"]) == (503, "30")
        assert "mise à jour" in closed.content.decode()
        assert releases.look() == {"0.1.0": []}
        assert page(browser, real[0]).status_code == 200
        new: list[str] = []

        def tell(done: int, whole: int, text: str) -> None:
            if done == 2 and not new:
                new.extend([signed_up("open"), signed_up("provision")])

        monkeypatch.setattr(
            "tenants.management.commands.migrate_fleet.Command._told", lambda self, *a: tell(*a)
        )
        code, shown = said("migrate_fleet", "--parallel", "1")
        assert (code, shown["migrated"], shown["pooled"], shown["waiting"]) == (1, 3, 1, 3)
        assert shown["problems"][0].startswith("real-3: ")
        with scope.shared():
            opened, made = (Tenant.objects.get(domains__domain=label) for label in new)
        for tenant in (opened, made):
            assert (tenant.release, tenant.fingerprint) == (target.release, target.fingerprint)
            assert as_it_is(tenant.pk) == target.fingerprint
        assert [opened.pk] == pooled, "out of the pool; then it was empty"
        for tenant in [*real, opened, made]:
            assert page(browser, tenant).status_code == 200
        assert page(browser, committed[0].tenant).status_code == 200
        code, shown = said("fleet_status")
        assert (code, shown["behind"], shown["failed"], shown["pool"]["ready"]) == (1, 3, 1, 0)
        with scope.shared():
            entry = waves.failures(target.release, target.fingerprint).get()
        with scope.tenant(real[3].id, actor=TESTER):
            Contact.objects.update(name="Company 3")
        with scope.shared(actor=TESTER):
            begin_anew(entry.pk)
        run.drain()
        assert again(real[3]).release == LATER
        code, shown = said("migrate_fleet")
        assert (code, shown["migrated"], shown["waiting"]) == (0, 2, 0)
        assert {as_it_is(one.id) for one in real} == {target.fingerprint}
        with scope.tenant(real[3].id), connection.cursor() as cursor:
            cursor.execute("SELECT nickname FROM contacts_contact")
            assert cursor.fetchone() == ("COMPANY 3",)


def begin_anew(id: UUID) -> None:
    waves.begin_anew(id, now=timezone.now())
    with pytest.raises(waves.CannotMigrate):
        waves.begin_anew(id, now=timezone.now())


def page(browser: Callable[..., Browser], tenant: Tenant, language: str = "en") -> Any:
    with scope.shared():
        label = Tenant.objects.prefetch_related("domains").get(pk=tenant.pk).subdomain
    return browser(f"{label}.smoall.localhost").get("/sign-in/", headers={"accept-language": language})


def signed_up(kind: str) -> str:
    now = timezone.now()
    label = f"during-{now:%M%S%f}"
    answers = sign_up.Answers("During SA", "BE", "", "fr", label, "Nora", f"{label}@during.test")
    saga = sign_up.open_for(answers, now=now)
    assert saga.kind == kind and sagas.run(saga.pk).status == Saga.Status.DONE
    return label


def test_prepare_migrates_a_small_fleet_and_leaves_a_large_one_to_the_command(
    real: list[Tenant], committed: tuple[Cast, Cast], own_template: None
) -> None:
    """One that fails stops no start."""
    with coming(), scope.acting(TESTER):
        with scope.shared(actor=TESTER):
            first = Snapshot.objects.get(release="0.1.0")
            snapshot.replay(snapshot.TEMPLATE, first)
        snapshot.record()
        set_aside(*committed)
        with override_settings(SMOALL_FLEET_AT_START=5):
            out = StringIO()
            call_command("prepare", stdout=out)
            assert "6 workspaces have other tables: migrate them by migrate_fleet." in out.getvalue()
        out, err = StringIO(), StringIO()
        call_command("prepare", stdout=out, stderr=err)
        assert "real-3 could not be brought to 0.2.0: " in err.getvalue()
        assert "3 workspaces wait, as they were: mend what failed" in err.getvalue()
        assert "real-2 is at release 0.2.0 now." in out.getvalue() and "0.2.0 is ready" in out.getvalue()
        with scope.tenant(real[3].id, actor=TESTER):
            Contact.objects.update(name="Company 3")
        out = StringIO()
        call_command("prepare", stdout=out)
        assert "real-5 is at release 0.2.0 now." in out.getvalue()
    assert {again(one).release for one in real} == {LATER}


def test_states_do_not_matter_to_a_migration(real: list[Tenant], later: Snapshot) -> None:
    """Whoever is suspended or being erased may come back."""
    ways = waves.scripts(later)
    for tenant, state in zip(real, (State.SUSPENDED, State.LEAVING, State.ERASING), strict=False):
        with scope.shared(actor=TESTER):
            Tenant.objects.filter(pk=tenant.pk).update(state=state)
        assert waves.move(tenant.pk, target=later, ways=ways, options=Options()) == ""
        assert again(tenant).state == state


def test_the_answer_who_lags_is_one_query_however_many_there_are(
    small: Small, statements: Callable[[], Any]
) -> None:
    with statements() as sent:
        fleet.status()
    assert len([one for one in sent.captured_queries if "tenants_" in one["sql"]]) <= 2


def test_work_of_a_workspace_that_this_code_can_not_work_on_waits_for_its_migration(
    real: list[Tenant], later: Snapshot
) -> None:
    """No failure and no start is counted; afterwards it is done."""
    first = real[0]
    with scope.tenant(first.id, actor=TESTER):
        asked = ask_for_copy.later().pk
    run.drain()
    with scope.shared():
        job = Job.objects.get(pk=asked)
        assert (job.state, job.starts, job.failures) == (Job.State.WAITING, 0, 0)
        assert job.run_after > timezone.now()
    assert waves.move(first.id, target=later, ways=waves.scripts(later), options=Options()) == ""
    with scope.shared():
        Job.objects.filter(pk=asked).update(run_after=timezone.now())
    run.drain()
    with scope.shared():
        assert Job.objects.get(pk=asked).state == Job.State.DONE
