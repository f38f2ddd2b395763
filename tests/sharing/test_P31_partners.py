"""P31: a partner gets something only while somebody has read its privacy policy; the database refuses it otherwise."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.utils import timezone, translation

from config.schedule import TIMED_JOBS
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.mail.models import Message
from shared_apps.operators.jobs import is_said_on, watch_partners
from shared_apps.sharing import timeline
from shared_apps.sharing.models import CannotShare, Disclosure, Partner, Verification
from tests.conftest import TESTER, Cast
from tests.sharing.conftest import POLICY, PURPOSES, make_shared_with, verify

INSERT = (
    "INSERT INTO sharing_disclosure (id, verification_id, client_uuid, categories, why, at)"
    " VALUES (%s, %s, %s, %s, 'a payment', %s)"
)


def inserted(verification: UUID, *, categories: str = '["contact"]', at: Any = None) -> str:
    """Plain SQL as the runtime role: the SQLSTATE of the refusal, "" when the row was taken. Undone."""
    state = ""
    with scope.shared(actor=TESTER), transaction.atomic():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(INSERT, [uuid7(), verification, uuid4(), categories, at or timezone.now()])
        except DatabaseError as error:
            state = str(getattr(error.__cause__, "pgcode", "?"))
        transaction.set_rollback(True)
    return state


def reading(partner: Partner, by: User, *, begins: int, ends: int, text: str = POLICY) -> UUID:
    """A reading from so many days ago until so many days from now, by plain SQL: a verb reads for today alone."""
    today = timezone.localdate()
    with scope.shared(actor=TESTER):
        made = Verification(
            partner=partner, policy_url="https://p.test/", text=text, sha256=hashlib.sha256(text.encode()).hexdigest(),
            verified_by=by, verified_on=today - timedelta(days=begins), valid_until=today + timedelta(days=ends),
        )  # fmt: skip
        made.save(force_insert=True)
    return made.pk


def let_through(otto: User) -> set[str]:
    """Each state in which a partner may get nothing, that the database let pass; "open" when it refuses a good one."""
    found = set()
    good = make_shared_with(otto)
    with scope.shared():
        assert good.policy is not None
        ok = good.policy.pk
    if inserted(ok) != "":
        found.add("open")
    cases: dict[str, Callable[[], str]] = {
        "unverified": lambda: inserted(uuid7()),
        "expired": lambda: inserted(reading(make_shared_with(is_verified=False), otto, begins=40, ends=-1)),
        "from tomorrow": lambda: inserted(
            reading(make_shared_with(is_verified=False), otto, begins=-1, ends=30)
        ),
        "dated back": lambda: inserted(ok, at=timezone.now() - timedelta(days=90)),
        "dated ahead": lambda: inserted(ok, at=timezone.now() + timedelta(days=90)),
        "another category": lambda: inserted(ok, categories='["contact", "data"]'),
        "no category": lambda: inserted(ok, categories="[]"),
        "no list": lambda: inserted(ok, categories='"contact"'),
        "read again": lambda: _after_another(otto),
        "ended": lambda: _after_end(otto),
    }
    return found | {name for name, tried in cases.items() if tried() != "SH001"}


def _after_another(otto: User) -> str:
    partner = make_shared_with(otto)
    with scope.shared(actor=TESTER):
        assert partner.policy is not None
        first = partner.policy.pk
        verify(partner, otto)
    return inserted(first)


def _after_end(otto: User) -> str:
    partner = make_shared_with(otto)
    with scope.shared(actor=TESTER):
        assert partner.policy is not None
        partner.end(now=timezone.now())
        return inserted(partner.policy.pk)


def test_P31_the_database_refuses_a_disclosure_without_a_verified_policy(otto: User) -> None:
    assert let_through(otto) == set()


def test_P31_a_missing_wall_is_noticed(otto: User) -> None:
    """The planted fault: without the trigger every state but the missing key passes."""
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER check_disclosure ON public.sharing_disclosure")
    assert {"expired", "ended", "another category", "dated back"} <= let_through(otto)


def test_P31_the_walls_belong_to_the_owner_and_no_runtime_role_can_take_them_away(db: None) -> None:
    with scope.shared(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.proname, p.proowner::regrole::text, p.proconfig FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgname LIKE 'check\\_%%' AND t.tgrelid::regclass::text LIKE '%%sharing\\_%%' ORDER BY 1"
        )
        found = cursor.fetchall()
    assert [name for name, _owner, _config in found] == [
        "check_disclosure",
        "check_disclosure_gone",
        "check_order",
        "check_verification",
    ]
    assert {owner for _name, owner, _config in found} == {"smoall_owner"}
    assert all(config == ["search_path=public, pg_temp"] for _name, _owner, config in found)
    for sql in ("DROP TRIGGER check_disclosure ON public.sharing_disclosure",
                "ALTER TABLE public.sharing_disclosure DISABLE TRIGGER USER"):  # fmt: skip
        with (
            pytest.raises(DatabaseError),
            scope.shared(),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)


def test_P31_readings_and_disclosures_are_never_altered_nor_deleted(
    shared_with: Partner, acme: Cast, otto: User
) -> None:
    with scope.shared(actor=TESTER):
        shared_with.disclose(acme.tenant.client_id, categories=["contact"], why="x", now=timezone.now())
        verify(shared_with, otto)
        for sql in (
            "UPDATE sharing_disclosure SET why = 'y'",
            "UPDATE sharing_verification SET valid_until = '2030-01-01'",
            "DELETE FROM sharing_disclosure",
            "DELETE FROM sharing_verification WHERE id NOT IN (SELECT verification_id FROM sharing_disclosure)",
        ):
            with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql)
            assert getattr(refusal.value.__cause__, "pgcode", "") in ("SH001", "SH002")


def test_P31_a_hash_that_is_not_the_texts_is_refused(shared_with: Partner, otto: User) -> None:
    with scope.shared(actor=TESTER), pytest.raises(DatabaseError) as refusal, transaction.atomic():
        Verification(
            partner=shared_with, policy_url="https://p.test/", text="other", sha256="0" * 64, verified_by=otto,
            verified_on=timezone.localdate(), valid_until=timezone.localdate(),
        ).save(force_insert=True)  # fmt: skip
    assert getattr(refusal.value.__cause__, "pgcode", "") == "SH002"


def test_a_disclosure_says_to_whom_what_why_and_under_which_text(shared_with: Partner, acme: Cast) -> None:
    with scope.shared(actor=TESTER):
        shared_with.disclose(
            acme.tenant.client_id, categories=["contact"], why="A payment", now=timezone.now()
        )
        row = Disclosure.objects.get(client_uuid=acme.tenant.client_id)
        assert row.verification.sha256 == hashlib.sha256(POLICY.encode()).hexdigest()
        assert row.verification.text == POLICY and row.verification.partner == shared_with
        shared_with.disclose(acme.tenant.client_id, categories=["contact"], why="", now=timezone.now())
        for language in ("fr", "en"):
            with translation.override(language):
                said = {entry.why for entry in timeline.disclosures(acme.tenant.client_id)}
            assert said == {"A payment", PURPOSES[language]}, (
                "without a reason: what it does, for this reader"
            )


@pytest.mark.parametrize("state", ["unverified", "expired", "ended", "category"])
def test_the_verb_says_why_nothing_may_go_there(otto: User, acme: Cast, state: str) -> None:
    partner = make_shared_with(otto, is_verified=state in ("ended", "category"))
    if state == "expired":
        reading(partner, otto, begins=40, ends=-1)
    with scope.shared(actor=TESTER):
        if state == "ended":
            partner.end(now=timezone.now())
        wanted = ["data"] if state == "category" else ["contact"]
        with pytest.raises(CannotShare):
            partner.disclose(acme.tenant.client_id, categories=wanted, why="x", now=timezone.now())
        assert Disclosure.objects.count() == 0


def test_a_partner_is_read_only_once_its_purpose_is_said_in_each_language(otto: User) -> None:
    partner = make_shared_with(is_verified=False)
    with scope.shared(actor=TESTER):
        with pytest.raises(CannotShare, match="in every language"):
            partner.describe(PURPOSES | {"nl": " "})
        Partner.objects.update(purposes={"fr": PURPOSES["fr"]})
        partner.refresh_from_db()
        with pytest.raises(CannotShare, match="in every language"):
            verify(partner, otto)
        partner.describe(PURPOSES)
        verify(partner, otto)
    assert partner.purpose_for("nl-BE").text == PURPOSES["nl"]


def test_of_one_sentence_the_migration_makes_four_where_its_language_is_known(otto: User) -> None:
    migrate = import_module("shared_apps.sharing.migrations.0003_purposes").say_in_each_language
    known, other = make_shared_with(otto), make_shared_with(otto)
    with scope.owner(actor=TESTER):
        Partner.objects.update(purposes={}, purpose="Takes payments")
        Partner.objects.filter(pk=other.pk).update(purpose="Verstuurt brieven")
        migrate(apps, None)
        assert Partner.objects.get(pk=known.pk).purposes == PURPOSES
        left = Partner.objects.get(pk=other.pk).purpose_for("nl")
    assert (left.text, left.language, left.is_own) == ("Verstuurt brieven", "", False)


@pytest.mark.parametrize(
    ("left", "mails"), [(61, 0), (60, 1), (31, 0), (30, 1), (8, 0), (7, 1), (0, 1), (-1, 1), (-31, 0)]
)
def test_a_reading_that_runs_out_is_said_in_time(otto: User, left: int, mails: int) -> None:
    make_shared_with(otto)
    with scope.shared(actor=TESTER):
        today = timezone.localdate()
        assert is_said_on(today, today + timedelta(days=left)) is bool(mails)
        if left == 30:  # what `make_shared_with` notes
            for _each in range(2):
                watch_partners.function()
            [told] = Message.objects.filter(purpose="operators.partners", to_address=otto.email)
            assert f"Pay Inc: {today + timedelta(days=30)}" in told.body and "/sharing/" in told.body
    assert "shared_apps.operators.jobs.watch_partners" in {one.job for one in TIMED_JOBS}


@pytest.mark.parametrize("days", [-1, 400])
def test_a_reading_counts_from_today_and_for_a_year_at_most(otto: User, days: int) -> None:
    partner = make_shared_with(is_verified=False)
    with scope.shared(actor=TESTER), pytest.raises(CannotShare):
        verify(partner, otto, days=days)
