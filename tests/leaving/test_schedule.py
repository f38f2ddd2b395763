"""The schedule: a number a day however many run at once, alarms once a day, one client's trouble nobody else's, and a dry run."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from shared_apps.accounts.models import Kind, SignIn, User
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import OWNER
from shared_apps.mail.models import Message
from shared_apps.operators import jobs
from tenants import departure, retention, sagas
from tenants.models import Category, Departure, Erasure, Saga, State, Tenant
from tests.conftest import TESTER
from tests.isolation import catalog
from tests.leaving.stage import OLGA, Place, closing_connection, quiet, workspace

__all__ = ["quiet"]
LEAVERS = 5


@pytest.fixture
def due(quiet: None) -> Iterator[list[Tenant]]:
    """Clients whose data's day was over yesterday or before, the oldest first."""
    made, now = [workspace() for _ in range(LEAVERS)], timezone.now()
    with scope.acting(OLGA):
        for number, tenant in enumerate(made):
            departure.give_notice(tenant.id, now=now - timedelta(days=200))
            with scope.shared():
                last = day_of(now) - timedelta(days=LEAVERS - number + 1)
                Departure.objects.filter(tenant_uuid=tenant.id).update(data_on=last)
        yield made


@pytest.fixture
def operators(quiet: None) -> list[User]:
    with scope.shared(actor=TESTER):
        return [
            User.objects.create_user(
                email=f"{name}-{timezone.now():%H%M%S%f}@smoall.test", name=name, kind=Kind.OPERATOR, role=OWNER,
                password="x" * 20, language="en",
            )
            for name in ("opal", "otto")
        ]  # fmt: skip


def closed(tenants: list[Tenant]) -> list[bool]:
    with scope.shared():
        states = dict(Tenant.objects.values_list("pk", "state"))
    return [states[tenant.pk] == State.ERASING for tenant in tenants]


@override_settings(SMOALL_RETENTION_PER_DAY=2)
def test_P37_the_number_a_day_is_begun_the_oldest_first_and_no_more_on_that_day(due: list[Tenant]) -> None:
    now = timezone.now()
    first = retention.enforce(now)
    assert ([one.tenant for one in first.begun], len(first.held_back)) == ([due[0].id, due[1].id], 3)
    assert any("3 erasures are due beyond the 2 a day" in said for said in first.alarms)
    for hours in (0.25, 12, 23.99):
        later = retention.enforce(now + timedelta(hours=hours))
        assert (later.begun, len(later.held_back)) == ([], 3)
    assert closed(due) == [True, True, False, False, False]
    day_after = retention.enforce(now + timedelta(hours=24, seconds=1))
    assert len(day_after.begun) == 2


@override_settings(SMOALL_RETENTION_PER_DAY=2)
def test_of_runs_at_the_same_moment_all_together_begin_the_number(due: list[Tenant]) -> None:
    """The schedule and somebody's command: each saw the whole number before it began."""
    now, start, ended = timezone.now(), Barrier(4), []

    def one() -> None:
        def act() -> retention.Outcome:
            start.wait(20)
            return retention.enforce(now)

        ended.append(closing_connection(act))

    hands = [Thread(target=one) for _ in range(4)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)
    assert sum(len(outcome.begun) for outcome in ended) == 2
    assert not any(outcome.failed for outcome in ended)
    assert closed(due).count(True) == 2


@override_settings(SMOALL_RETENTION_PER_DAY=1)
def test_a_number_that_is_given_counts_for_this_run_alone(due: list[Tenant]) -> None:
    now = timezone.now()
    assert len(retention.enforce(now).begun) == 1
    assert len(retention.enforce(now, cap=0).held_back) == 4
    assert len(retention.enforce(now, cap=3).begun) == 3
    assert closed(due).count(True) == 4


@override_settings(SMOALL_RETENTION_PER_DAY=2)
def test_data_and_contact_details_that_go_together_count_once(due: list[Tenant]) -> None:
    now = timezone.now()
    with scope.shared():
        Departure.objects.filter(tenant_uuid=due[0].id).update(contacts_on=day_of(now) - timedelta(days=1))
    retention.enforce(now, cap=1)
    with scope.shared(), scope.acting(OLGA):
        leaving = Departure.objects.get(tenant_uuid=due[0].id)
        assert Erasure.objects.get().with_contacts
        retention.forgetting.begin(leaving, requested_by={"role": "notice"}, requested_at=now)
        assert retention._left(now) == 1


def test_one_client_that_cannot_be_closed_keeps_nobody_else_waiting(
    due: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    close_all = SignIn.close_all

    def close(cause: Any, now: datetime) -> int:
        if scope.tenant_id() == due[0].id:
            raise RuntimeError("its tables are damaged")
        return close_all(cause, now)

    monkeypatch.setattr(SignIn, "close_all", close)
    outcome = retention.enforce(timezone.now())
    assert [one.tenant for one in outcome.failed] == [due[0].id]
    assert len(outcome.begun) == 4 and closed(due) == [False, True, True, True, True]
    assert any("can't be begun" in said for said in outcome.alarms)
    assert not any("damaged" in said for said in outcome.alarms)
    monkeypatch.setattr(SignIn, "close_all", close_all)
    assert len(retention.enforce(timezone.now()).begun) == 1


def test_a_reminder_that_cannot_be_written_keeps_no_other_back(quiet: None) -> None:
    now = timezone.now()
    first, second = workspace(), workspace()
    with scope.acting(OLGA):
        for tenant in (first, second):
            departure.give_notice(tenant.id, now=now - timedelta(days=80))
    with scope.shared(actor=TESTER):
        first.client.contact_email = "no address"
        first.client.save()
    assert retention.enforce(now).reminded == 1
    assert retention.enforce(now + timedelta(hours=1)).reminded == 0, "once"


@override_settings(SMOALL_RETENTION_PER_DAY=1)
def test_operators_are_mailed_once_a_day_each(due: list[Tenant], operators: list[User]) -> None:
    for _run in range(3):
        jobs.enforce_retention()
    with scope.shared():
        mails = list(Message.objects.filter(purpose="operators.retention").order_by("to_address"))
    assert [mail.to_address for mail in mails] == [one.email for one in operators]
    assert all("client" in mail.body and "company" not in mail.body for mail in mails)


def test_without_anything_to_say_nobody_is_mailed(quiet: None, operators: list[User]) -> None:
    jobs.enforce_retention()
    with scope.shared():
        assert not Message.objects.filter(purpose="operators.retention").exists()


def test_what_was_begun_and_has_failed_is_late_after_a_day(due: list[Tenant]) -> None:
    now = timezone.now()
    retention.enforce(now)
    with scope.shared():
        Saga.objects.filter(kind="erase").update(status=Saga.Status.FAILED)
        Departure.objects.update(data_on=day_of(now))
    assert [one.category for one in retention.late(now + timedelta(hours=25))] == [Category.DATA] * LEAVERS


def test_P37_an_erasure_at_once_that_does_not_end_is_late_too(quiet: None) -> None:
    """Its departure's days are months ahead: they would say nothing for as long."""
    place, now = Place.make(), timezone.now()
    place.put("erasing", now=now)
    assert retention.late(now + timedelta(hours=35)) == []
    (late,) = retention.late(now + timedelta(hours=37))
    assert (late.tenant, late.category) == (place.id, Category.DATA)


def test_P37_data_without_tables_but_with_its_files_is_late_too(due: list[Tenant]) -> None:
    now = timezone.now()
    retention.enforce(now, cap=1)
    with scope.shared():
        departure.note_destroyed(due[0].id, now=now)
        Departure.objects.exclude(tenant_uuid=due[0].id).update(withdrawn_at=now)
    (late,) = retention.late(now + timedelta(hours=25))
    assert (late.tenant, late.category) == (due[0].id, Category.DATA)


def test_P37_contact_details_that_were_to_go_at_once_are_late_a_day_after(quiet: None) -> None:
    place, now = Place.make(), timezone.now()
    place.put("forgetting", now=now)
    assert retention.late(now + timedelta(hours=23)) == []
    (late,) = retention.late(now + timedelta(hours=25))
    assert (late.tenant, late.category) == (place.id, Category.CONTACTS)


class TestCommand:
    def run(self, *arguments: object) -> tuple[dict[str, Any], int]:
        out, code = StringIO(), 0
        try:
            call_command("enforce_retention", *map(str, arguments), "--json", stdout=out)
        except SystemExit as ended:
            code = int(str(ended.code))
        return dict(json.loads(out.getvalue())), code

    def test_a_dry_run_says_what_is_due_and_changes_nothing_at_all(self, due: list[Tenant]) -> None:
        before = catalog.checksums("public") | catalog.checksums(due[0].schema_name)
        said, code = self.run("--dry-run")
        assert len(said["begun"]) == LEAVERS and said["dry_run"] and said["reminded"] == 0
        assert code == 0
        out = StringIO()
        call_command("enforce_retention", "--dry-run", stdout=out)
        assert out.getvalue().count("would be erased") == LEAVERS
        assert catalog.checksums("public") | catalog.checksums(due[0].schema_name) == before
        assert closed(due) == [False] * LEAVERS

    @override_settings(SMOALL_RETENTION_PER_DAY=1)
    def test_a_dry_run_counts_the_number_a_day_too(self, due: list[Tenant]) -> None:
        said, code = self.run("--dry-run")
        assert (len(said["begun"]), len(said["held_back"]), code) == (1, 4, 1)
        said, code = self.run("--dry-run", "--cap", "3")
        assert (len(said["begun"]), len(said["held_back"]), code) == (3, 2, 1)

    def test_what_is_late_or_held_back_ends_with_one(self, due: list[Tenant]) -> None:
        said, code = self.run("--cap", "2")
        assert (len(said["begun"]), len(said["held_back"]), code) == (2, 3, 1)
        assert len(said["late"]) == 5 and said["problems"]

    def test_nothing_due_ends_with_zero(self, quiet: None) -> None:
        said, code = self.run()
        assert (said["begun"], said["problems"], code) == ([], [], 0)
        out = StringIO()
        call_command("enforce_retention", stdout=out)
        assert out.getvalue() == "Nothing is due.\n"

    @override_settings(SMOALL_IS_PRODUCTION=True)
    def test_in_production_no_later_moment_erases_anything(self, due: list[Tenant]) -> None:
        later = (timezone.now() + timedelta(minutes=1)).isoformat()
        with pytest.raises(CommandError, match="dry-run alone"):
            self.run("--now", later)
        assert closed(due) == [False] * LEAVERS
        assert len(self.run("--now", later, "--dry-run")[0]["begun"]) == LEAVERS
        assert len(self.run("--now", timezone.now().isoformat(), "--cap", "1")[0]["begun"]) == 1

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--now", "2027-03-01T00:00"), "time zone"),
            (("--now", "tomorrow"), "no moment"),
            (("--now", ""), "no moment"),
            (("--cap", "-1"), "number from 0"),
            (("--cap", "many"), "invalid int"),
        ],
    )
    def test_odd_arguments_are_refused_in_a_sentence(self, quiet: None, arguments: Any, said: str) -> None:
        with pytest.raises(CommandError, match=said):
            self.run(*arguments)


def test_a_failed_erasure_of_contact_details_can_be_tried_again(quiet: None) -> None:
    place, now = Place.make(), timezone.now()
    place.put("forgetting", now=now)
    with scope.shared():
        Saga.objects.update(status=Saga.Status.FAILED)
        failed = Saga.objects.get()
    assert retention.enforce(now + timedelta(days=400)).begun == [], "it was begun"
    assert sagas.retry(failed).status == Saga.Status.WAITING
