"""I13: after an erasure no byte of the client is left in the data folder, the database server's own files included."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from tenant_apps.contacts.models import Contact
from tenants import certificate, erasure, export, forgetting, physical, roles, sagas
from tenants.keys import KeyStore
from tenants.models import Erasure, Saga, SignUp, Tenant
from tests.conftest import PASSWORD, TESTER, make_workspace
from tests.toys.fixtures import committed

__all__ = ["committed"]
WORD = "Quetzalcoatlus"  # in every text of the client, in this case or another
ROOT = Path(settings.SMOALL_DATA)
_numbers = count()


@pytest.fixture
def planted(committed: Any) -> Iterator[Tenant]:
    """A workspace whose word stands in tables, their samples, history, log, files, mails, jobs, sessions, a copy."""
    with override_settings(EMAIL_BACKEND="shared_apps.mail.backend.FolderBackend"):
        label = f"{WORD.lower()}-{next(_numbers)}"  # a retired name is never given again
        tenant = make_workspace(label)
        with scope.tenant(tenant.id, actor=TESTER):
            for number in range(300):
                Contact.objects.create(
                    kind="person", last_name=f"{WORD} {number}", email=f"p{number}@{label}.test"
                )
            Contact.objects.filter(name__endswith="7").update(notes=f"Wrote to {WORD} yesterday")
            default_storage.save("contacts/a/scan.pdf", ContentFile(f"%PDF {WORD}".encode()))
        with scope.shared(actor=TESTER):
            client = Client.objects.get(pk=tenant.client_id)
            client.contact_name = f"Zoé {WORD}"
            client.save()
            SignUp.objects.create(
                company=WORD, country="BE", language="fr", subdomain=label, name=WORD, email=f"x@{label}.test",
                expires_at=timezone.now() + timedelta(days=1),
            )  # fmt: skip
        browser = Browser(HTTP_HOST=f"{label}.smoall.localhost")
        assert (
            browser.post("/sign-in/", {"email": f"olga@{label}.test", "password": PASSWORD}).status_code
            == 302
        )
        with scope.tenant(tenant.id):
            person = User.objects.get(email=f"olga@{label}.test").as_actor()
        with scope.acting(person):
            export.request(tenant.id, "a long sentence to remember", now=timezone.now())
        drain()
        with as_administrator() as cursor:
            cursor.execute("ANALYZE")  # the planner's samples hold values
            cursor.execute("CHECKPOINT")
        yield tenant


@contextmanager
def as_administrator() -> Iterator[Any]:
    place = psycopg2.connect(settings.SMOALL_ADMIN_URL, dbname=settings.DATABASES["default"]["NAME"])
    place.autocommit = True
    try:
        yield place.cursor()
    finally:
        place.close()


def hits() -> dict[str, int]:
    """Files of the whole data folder that hold the word in any case, as UTF-8 or UTF-16, or carry it in their name."""
    words = {w.encode(code) for w in (WORD, WORD.lower()) for code in ("utf-8", "utf-16-le")}
    found = {}
    for folder, _, names in os.walk(ROOT):
        for name in names:
            path = Path(folder) / name
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            number = sum(content.count(word) for word in words) + (WORD.lower() in str(path).lower())
            if number:
                found[str(path.relative_to(ROOT))] = number
    return found


def destroyed(tenant: Tenant, *, with_contacts: bool) -> Erasure:
    with scope.acting(TESTER):
        found = erasure.request(
            tenant.id, now=timezone.now(), delay=timedelta(0), with_contacts=with_contacts
        )
    drain()
    with scope.shared():
        Saga.objects.filter(kind="erase").update(due_at=timezone.now())
    saga = sagas.run(found.saga)  # type: ignore[arg-type]
    assert (saga.status, saga.error) == (Saga.Status.DONE, "")
    return found


def state_of_everybody_else(tenant: Tenant) -> dict[str, str]:
    """A digest of each table of every other workspace, and of what the shared tables say of other clients."""
    found = {}
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 't\\_%%' AND schemaname <> %s",
            [tenant.schema_name],
        )
        tables = [(f"{schema}.{name}", "true") for schema, name in cursor.fetchall()]
        tables += [
            ("public.clients_client", f"id <> '{tenant.client_id}'"),
            ("public.tenants_tenant", f"id <> '{tenant.id}'"),
            ("public.tenants_domain", f"tenant_id <> '{tenant.id}'"),
            ("public.tenants_snapshot", "true"),
            ("public.legal_acceptance", f"client_uuid <> '{tenant.client_id}'"),
        ]
        for table, others in tables:
            cursor.execute(f"SELECT t::text FROM {table} t WHERE {others} ORDER BY 1")
            rows = "\n".join(row for (row,) in cursor.fetchall())
            found[table] = hashlib.sha256(rows.encode()).hexdigest()
    return found


def test_not_one_byte_of_the_client_is_left_in_the_data_folder(planted: Tenant) -> None:
    before, others = hits(), state_of_everybody_else(planted)
    assert len(others) > 20
    for place in ("postgres/cluster/base/", "postgres/cluster/pg_wal/", "files/", "mails/"):
        assert any(name.startswith(place) for name in before), f"nothing was planted in {place}"
    destroyed(planted, with_contacts=True)
    assert hits() == {}
    assert state_of_everybody_else(planted) == others


def test_with_the_contact_details_kept_nothing_but_these_is_left(planted: Tenant) -> None:
    with scope.shared(actor=TESTER):  # so that the word stands in the data alone
        Client.objects.filter(pk=planted.client_id).update(
            company="Kept SRL", company_folded="kept srl", contact_name="Kept", contact_email="kept@kept.test"
        )
    destroyed(planted, with_contacts=False)
    left = hits()
    assert not [name for name in left if not name.startswith("postgres/")]
    with scope.owner(), connection.cursor() as cursor:  # the old contact details, in the shared history
        cursor.execute("SELECT count(*) FROM history_logentry WHERE changes::text ILIKE %s", [f"%{WORD}%"])
        kept = cursor.fetchone()[0]
        cursor.execute(
            "SELECT 'postgres/cluster/' || pg_relation_filepath(oid), oid::regclass::text FROM pg_class"
        )
        tables = dict(cursor.fetchall())
    in_tables = {tables.get(name, name) for name in left}
    assert kept and "history_logentry" in in_tables
    assert in_tables <= {"history_logentry", "pg_statistic"}, (
        "the samples of that table, taken anew, may show it"
    )
    with scope.shared(actor=TESTER):
        forgetting.forget_client(planted.client_id)
    assert physical.drop_traces().is_gone
    assert hits() == {}


def test_tables_come_from_the_holdings_and_smoalls_own_are_left_alone() -> None:
    found = physical.tables()
    for name in (
        "clients_client",
        "tenants_erasure",
        "history_logentry",
        "mail_message",
        "jobs_job",
        "django_q_ormq",
    ):
        assert f"public.{name}" in found
    assert not {"public.tenants_snapshot", "public.contacts_contact", "public.tenants_ledgerhead"} & set(
        found
    )


def test_the_samples_of_a_table_are_found_without_reading_those_of_every_workspace(committed: Any) -> None:
    with physical._server() as server, server.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN {physical.CLEAR}", ["public.clients_client", "public.clients_client"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "relname = 'clients_client'::name" in plan
    assert "pg_class_relname_nsp_index" in plan
    assert "Seq Scan on pg_statistic" not in plan


def test_a_table_in_use_is_waited_for_and_then_tried_again(committed: Any) -> None:
    with as_administrator() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE public.clients_client IN ROW EXCLUSIVE MODE")
        outcome = physical.drop_traces(patience=0)
        assert outcome.busy and "clients_client" in outcome.why and not outcome.is_gone
        saga = Saga(kind="erase", data={})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(physical, "PATIENCE", 0)
            patch.setattr(physical.drop_traces, "__defaults__", (0,))
            with pytest.raises(sagas.NotYet):
                physical.enforce(saga, give_up=True)
            saga.data["rewriting_since"] = (timezone.now() - timedelta(hours=2)).isoformat()
            physical.enforce(saga, give_up=True)
        assert "gone_on" not in saga.data
        cursor.execute("ROLLBACK")
    assert physical.drop_traces().is_gone
    with as_administrator() as cursor:  # so that fleet_status counts workspaces by the index alone
        cursor.execute(
            "SELECT relallvisible > 0 FROM pg_class WHERE oid = to_regclass(%s)", [physical.COUNTED]
        )
        assert cursor.fetchone() == (True,)


def test_rows_that_an_open_snapshot_still_sees_are_not_called_gone(committed: Any) -> None:
    with as_administrator() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT 1 FROM pg_namespace LIMIT 1")
        with scope.shared(actor=TESTER):
            Client.objects.create(company="Brief SRL", contact_name="B", contact_email="b@b.test").delete()
        assert physical.drop_traces(patience=0).busy
        cursor.execute("ROLLBACK")
    assert physical.drop_traces().is_gone


def test_a_server_that_does_not_let_us_is_said_to_keep_copies_for_the_stated_time(committed: Any) -> None:
    saga = Saga(kind="erase", data={})
    with as_administrator() as cursor:
        cursor.execute(f"REVOKE pg_checkpoint FROM {roles.UPKEEP}")
    try:
        physical.enforce(saga)
    finally:
        with as_administrator() as cursor:
            cursor.execute(f"GRANT pg_checkpoint TO {roles.UPKEEP}")
    assert physical.last_copy_on(saga, date(2026, 3, 30)) == date(2026, 4, 6)


@pytest.mark.parametrize(
    ("days", "last"), [(0, date(2026, 3, 31)), (3, date(2026, 4, 3)), (7, date(2026, 4, 6))]
)
def test_the_certificate_states_the_day_or_the_limit(days: int, last: date) -> None:
    saga = Saga(kind="erase", data={"gone_on": "2026-03-31"})
    with override_settings(SMOALL_COPIES_DAYS=days):
        assert physical.last_copy_on(saga, date(2026, 3, 30)) == last


def test_the_certificate_of_an_erasure_says_the_same_day_where_no_copies_are_kept(planted: Tenant) -> None:
    with override_settings(SMOALL_COPIES_DAYS=0):
        found = destroyed(planted, with_contacts=False)
    with scope.shared():
        found.refresh_from_db()
    issued = certificate.verify(found.certificate, KeyStore.default().public_keys()).certificate
    assert issued.last_physical_copy_on == day_of(issued.destroyed_at)


def test_the_web_login_can_do_none_of_it(committed: Any) -> None:
    with as_administrator() as cursor:
        for role in (roles.WEB, roles.WORKER):
            for server_role in roles.SERVER_ROLES:
                cursor.execute("SELECT pg_has_role(%s, %s, 'MEMBER')", [role, server_role])
                assert cursor.fetchone() == (False,)
            for function in roles.SERVER_FUNCTIONS:
                cursor.execute("SELECT has_function_privilege(%s, %s, 'EXECUTE')", [role, function])
                assert cursor.fetchone() == (False,)
