"""P18: a copy of production opens nowhere before it was neutralised, and then nothing of anybody is left in it.

The copy is made as somebody would: a dump of the database, put back in a server of its own, and the data folder, with
all its keys. Everybody and everything in it has a word of its own (tests/isolation/canaries.py).
"""

import hashlib
import io
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.db import connection, models
from django.test import Client as Browser
from django.test import override_settings

from billing.models import Item
from config import embedded_postgres, postgres_programs
from shared_apps.kit import scope
from shared_apps.kit.logs import WithoutAddress
from shared_apps.kit.module import all_holdings
from tenant_apps.contacts.models import Contact
from tenants import gate, neutral, roles, stores
from tenants.models import PoolSchema, Tenant
from tenants.schemas import pool, snapshot
from tests import as_found
from tests.billing.issued import issued
from tests.conftest import TESTER, Cast
from tests.isolation import canaries, catalog, stage
from tests.isolation.canaries import Planted
from tests.isolation.test_erasure_canary import NAME, WORD, export_once, live_a_little

ROOT = Path(settings.BASE_DIR)
NOT_COPIED = ("postgres", "static", "secrets.json")  # the server has its own files and password
# What each row is checked by: another word there would be refused at once.
UNPLANTED = {
    "tenants.Snapshot",
    "tenants.PoolSchema",
    "tenants.LedgerHead",
    "tenants.Deployment",
    "tenants.Domain",
    "django_q.OrmQ",
    # An invoice that was issued, with its document: the database takes no other.
    "billing.Invoice",
    "billing.InvoiceLine",
    "billing.Document",
    "billing.Series",
    "billing.Due",
    "billing.Reminder",
    "billing.Payment",
    "billing.Allocation",
    "billing.Refund",
    "billing.Dispute",
    "billing.Payout",
    "billing.Entry",
}
POLICY = f"{WORD} policy"
READ = {  # what a table's own walls ask for
    "sharing.Verification": {"text": POLICY, "sha256": hashlib.sha256(POLICY.encode()).hexdigest()},
    "sharing.Order": {"extent": "modules", "selection": [WORD]},
}
# In the copy, as one of its developers: somebody who gets a password opens a page with what stands in the workspace.
WORKS = """
import django; django.setup()
from django.test import Client
from django.db import connection
from django.utils import timezone
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.promises.checks import history
from tenant_apps.contacts.models import Contact
from tenants.models import Tenant
import config.wsgi
me = scope.Actor("system", "tests", "Tests")
with scope.shared():
    tenants = dict(Tenant.objects.filter(domains__is_primary=True).values_list("pk", "domains__domain"))
for tenant, label in tenants.items():
    with scope.tenant(tenant):
        if Contact.objects.exists():
            break
with scope.tenant(tenant, actor=me):
    owner = User.objects.filter(role=3, email__contains="@example.com", deactivated_at=None).order_by("pk")[0]
    assert not owner.has_usable_password()
    owner.set_password("correct horse battery")
    owner.save()
website, app = Client(HTTP_HOST="smoall.localhost"), Client(HTTP_HOST="app.smoall.localhost")
there = Client(HTTP_HOST=label + ".smoall.localhost")
print(website.get("/").status_code, app.get("/find/").status_code)
print(there.post("/sign-in/", {"email": owner.email, "password": "correct horse battery"}).status_code)
for page in ("/contacts/", "/history/", "/team/"):
    got = there.get(page)
    print(page, got.status_code)
    assert "Example" in got.content.decode() or page == "/team/"
with scope.tenant(tenant):  # what was made up is no breach of another promise (P03)
    rows, *wrong = history._compared(history._entered())
    assert rows and not any(wrong), (rows, wrong)
"""
DIES = """
import os, signal
import django; django.setup()
from tenants.keys import KeyStore
KeyStore.renew = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
from django.core.management import execute_from_command_line
from shared_apps.kit import scope
scope.start_process(scope.SHARED)
execute_from_command_line(["manage.py", "neutralise", "--yes"])
"""


@dataclass
class Copy:
    data: Path
    url: str  # of its superuser

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """A process that lives in the copy, in development unless it is told otherwise."""
        given = {
            **os.environ,
            "SMOALL_DATA": str(self.data),
            "SMOALL_ENV": "development",
            "SMOALL_PROCESS": "command",
            **environment,
        }
        return subprocess.run(
            [sys.executable, *arguments], env=given, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )  # fmt: skip

    def manage(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.run("manage.py", *arguments, **environment)

    @contextmanager
    def asked(self) -> Iterator[Any]:
        with closing(psycopg2.connect(self.url)) as database, database, database.cursor() as cursor:
            yield cursor

    def holding(self, word: str) -> list[str]:
        found = []
        with self.asked() as cursor:
            cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname ~ '^(public|t_.*)$'")
            for schema, table in cursor.fetchall():
                cursor.execute(
                    f"SELECT t::text FROM {schema}.{table} t WHERE t::text ILIKE %s", [f"%{word}%"]
                )
                found += [f"{table}: {row[:300]}" for (row,) in cursor.fetchall()]
        return found

    def files(self, word: str, *, but: tuple[str, ...] = ("postgres", "static")) -> list[str]:
        """The data folder's files with the word in name or content."""
        found = []
        for path in sorted(self.data.rglob("*")):
            name = str(path.relative_to(self.data))
            if name.split("/")[0] not in but and (
                word in name.lower() or (path.is_file() and word.encode() in path.read_bytes().lower())
            ):
                found.append(name)
        return found


@pytest.fixture(scope="module")
def copy(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Copy]:
    data = tmp_path_factory.mktemp("copy")
    data.chmod(0o755)
    files = as_found.Files()
    mails = override_settings(EMAIL_BACKEND="shared_apps.mail.backend.FolderBackend")
    with django_db_blocker.unblock(), mails, pytest.MonkeyPatch.context() as patch:
        patch.setattr(canaries, "READ_BY_THE_SYSTEM", read_by_the_system())
        database = as_found.Database()
        try:
            plant()
            dump(data / "dump")
            for path in Path(settings.SMOALL_DATA).iterdir():
                if path.name not in NOT_COPIED:
                    (shutil.copytree if path.is_dir() else shutil.copy2)(path, data / path.name)
        finally:
            unplant_orders()
            database.put_back()
            connection.close()
            files.put_back()
    (data / "log").mkdir(exist_ok=True)
    (data / "log" / "web.log").write_text(f"{WORD} was here\n")
    (data / "demo.json").write_text(json.dumps({"who": WORD}))
    server = embedded_postgres.start(data, durable=False)
    try:
        put_back(data / "dump", server)
        (data / "dump").unlink()
        yield Copy(data, server.url("smoall"))
    finally:
        embedded_postgres.stop(data)


def read_by_the_system() -> dict[str, set[str]]:
    """What the register says that software alone writes, beside what a test may not touch."""
    known = {label: set(names) for label, names in canaries.READ_BY_THE_SYSTEM.items()}
    for one in all_holdings():
        known.setdefault(one.what, set()).update(one.plain)
    return known


def plant() -> None:
    tenant = stage.workspace(NAME, people=True)
    with scope.shared():
        client = tenant.client
    issued(client, Item(f"{WORD} seats", 1, 1900))
    planted = Planted(WORD)
    export_once()
    canaries.plant_workspace(tenant, planted)
    canaries.plant_shared(tenant, planted)
    with scope.shared(actor=TESTER):
        for model in catalog.models_of(tenant=False):
            label = model._meta.label
            if label not in {*planted.rows, *UNPLANTED} and model._meta.db_table not in canaries.NOT_PLANTED:
                canaries.plant(model, planted, **READ.get(label, {}))
        for beside in Tenant.objects.all():  # what a planted row's own references made: no workspace
            if not stores.has_schema(beside.pk):
                beside.delete()
    live_a_little(tenant)
    an_older_pool()


def an_older_pool() -> None:
    """A ready schema that nobody brought forward: it lacks a column that this release masks."""
    with scope.shared(actor=TESTER):
        target = snapshot.current()
    ready = pool.fill(target)
    assert ready
    with scope.owner(tenant=ready), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contacts_contact DROP COLUMN notes")
    with scope.shared(actor=TESTER):
        PoolSchema.objects.filter(pk=ready).update(release="0.0.9", fingerprint="0")


def unplant_orders() -> None:
    """The database lets nobody delete an order."""
    with scope.owner(actor=TESTER), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sharing_order DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM sharing_order")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE sharing_order ENABLE TRIGGER USER")


def dump(place: Path) -> None:
    source = settings.SMOALL_ADMIN_URL.rpartition("/")[0] + "/smoall"
    subprocess.run([settings.SMOALL_PG_DUMP, "-Fc", "-f", place, source], check=True)


def put_back(dumped: Path, server: Any) -> None:
    """Into a server of its own, as its administrator does: logins, an empty database, the dump. It was production's."""
    roles.set_up(server.url(), "smoall", settings.SMOALL_LOGINS)
    with closing(psycopg2.connect(server.url())) as admin:
        admin.autocommit = True
        admin.cursor().execute("DROP DATABASE smoall")
        admin.cursor().execute("CREATE DATABASE smoall")
    restore = postgres_programs.bin("pg_restore")
    subprocess.run([restore, "-d", server.url("smoall"), dumped], check=True, capture_output=True)
    with closing(psycopg2.connect(server.url("smoall"))) as admin, admin:
        admin.cursor().execute("UPDATE tenants_deployment SET environment = 'production'")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- it does not start ------------------------------------------------------------------------------------


def test_P18_the_copy_holds_what_is_looked_for(copy: Copy) -> None:
    """So that finding nothing later means something."""
    tables, read = {row.split(":")[0] for row in copy.holding(WORD)}, read_by_the_system()
    with_texts = {
        model._meta.db_table
        for model in {*catalog.models_of(tenant=True), *catalog.models_of(tenant=False)}
        if model._meta.label not in {*UNPLANTED, "contenttypes.ContentType"}
        and any(
            canaries.is_text(one) and one.name not in read[model._meta.label] and (one.max_length or 99) > 12
            for one in model._meta.concrete_fields
        )
    }
    assert with_texts | {"billing_invoiceline"} <= tables
    assert {name.split("/")[0] for name in copy.files(WORD)} >= {"files", "mails", "log", "demo.json"}


@pytest.mark.parametrize(
    "command",
    [["prepare"], ["qcluster"], ["list_clients"], ["replay_ledger"], ["shell", "-c", "1"]],
    ids=" ".join,
)  # fmt: skip
def test_P18_a_copy_refuses_to_start_the_worker_and_every_command(copy: Copy, command: list[str]) -> None:
    done = copy.manage(*command)
    assert done.returncode == 1
    assert "run neutralise first" in done.stderr
    assert "Traceback" not in done.stderr
    assert WORD not in done.stdout + done.stderr


def test_P18_a_copy_refuses_to_start_the_web(copy: Copy) -> None:
    bind = f"127.0.0.1:{free_port()}"
    done = copy.run("-m", "gunicorn", "-c", "python:config.web", "config.wsgi:application", SMOALL_BIND=bind)
    assert done.returncode in (1, 3)  # whichever of the two processes that end says it first
    assert "run neutralise first" in done.stderr


def test_P18_a_dump_beside_other_keys_refuses_to_start_in_production_too(copy: Copy) -> None:
    mail = "smtp://u:p@mail.test:25/"
    own = copy.data / "keys"
    assert (
        copy.manage("list_clients", SMOALL_ENV="production", SMOALL_SMTP=mail).returncode == 0
    )  # a restore at home
    own.rename(copy.data / "keys-of-production")
    try:
        done = copy.manage("list_clients", SMOALL_ENV="production", SMOALL_SMTP=mail)
        assert done.returncode == 1
        assert "belongs to another deployment" in done.stderr
    finally:
        shutil.rmtree(own)
        (copy.data / "keys-of-production").rename(own)


def test_P18_neutralising_is_refused_in_production_where_mails_leave_and_without_a_yes(copy: Copy) -> None:
    mail = "smtp://u:p@mail.test:25/"
    for said, done in (
        ("never neutralised", copy.manage("neutralise", "--yes", SMOALL_ENV="production", SMOALL_SMTP=mail)),
        ("Mails would leave", copy.manage("neutralise", "--yes", SMOALL_SMTP=mail)),
        ("Add --yes", copy.manage("neutralise")),
    ):
        assert done.returncode == 1
        assert said in done.stderr
    assert copy.holding(WORD)


def test_P18_a_table_that_no_model_knows_stops_it_before_it_begins(copy: Copy) -> None:
    with copy.asked() as cursor:
        cursor.execute("CREATE TABLE public.visitors (id integer, note text)")
        cursor.execute("ALTER TABLE public.visitors OWNER TO smoall_owner")
    done = copy.manage("neutralise", "--yes")
    with copy.asked() as cursor:
        cursor.execute("DROP TABLE public.visitors")
    assert done.returncode == 1
    assert "of no model" in done.stderr
    assert copy.files(WORD)


def test_P18_beside_another_deployment_on_its_server_nothing_is_changed(copy: Copy) -> None:
    """Logins are the whole server's: with new passwords for the copy, production could not log in any more."""
    passwords = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'smoall%' ORDER BY 1"
    with closing(psycopg2.connect(copy.url)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(passwords)
        before = cursor.fetchall()
        cursor.execute("CREATE DATABASE live")
        try:
            cursor.execute("GRANT CONNECT ON DATABASE live TO smoall_owner")
            done = copy.manage("neutralise", "--yes")
            cursor.execute(passwords)
            assert cursor.fetchall() == before
        finally:
            cursor.execute("DROP DATABASE live")
    assert done.returncode == 1
    assert "also those of live" in done.stderr
    assert copy.holding(WORD)


def test_P18_a_copy_that_was_killed_before_the_end_still_refuses_to_start(copy: Copy) -> None:
    done = copy.run("-c", DIES, DJANGO_SETTINGS_MODULE="config.settings")
    assert done.returncode == -9, done.stderr
    assert "run neutralise first" in copy.manage("list_clients").stderr


# --- nothing is left --------------------------------------------------------------------------------------


def test_P18_after_it_was_neutralised_no_word_is_left_anywhere_and_it_works(copy: Copy) -> None:
    before = {path.name: path.read_bytes() for path in copy.data.glob("keys/*.key")}
    secret = (copy.data / "secret.key").read_text()
    done = copy.manage("neutralise", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["masked"]["contacts_contact"] >= 1
    assert told["traces"] == ""
    assert copy.holding(WORD) == []
    # In the server's own files neither: rows that were overwritten, and its log.
    assert copy.files(WORD, but=()) == []
    assert (copy.data / "secret.key").read_text() != secret
    assert all(path.read_bytes() != before.get(path.name) for path in copy.data.glob("keys/*.key"))
    with copy.asked() as cursor:
        cursor.execute("SELECT contact_email, phone, vat_number FROM clients_client")
        for mail, phone, vat in cursor.fetchall():
            assert mail.endswith("@example.com")
            assert re.fullmatch(r"(\+3247000\d{4})?", phone)
            assert vat in ("", "BE0123456749")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "DELETE FROM legal_publication WHERE kind ~ '^w[0-9]'"
        )  # planted: of no text of this release
        cursor.execute("SELECT count(*) FROM tenants_poolschema")
        assert cursor.fetchone() == (0,)
    prepared = copy.manage("prepare")
    assert prepared.returncode == 0, prepared.stderr
    works = copy.run("-c", WORKS, DJANGO_SETTINGS_MODULE="config.settings", SMOALL_PROCESS="web")
    assert works.returncode == 0, works.stderr[-3000:]
    assert works.stdout.split() == [
        "200",
        "200",
        "302",
        "/contacts/",
        "200",
        "/history/",
        "200",
        "/team/",
        "200",
    ]
    assert copy.manage("list_clients", "--json").returncode == 0


# --- faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_planted", [False, True])
def test_P18_a_text_that_is_left_would_be_found(
    acme: Cast, monkeypatch: pytest.MonkeyPatch, is_planted: bool
) -> None:
    """In the table and in the history, when the register says that software writes what people write."""
    with acme.inside():
        Contact.objects.create(kind="company", name=f"{WORD} SRL", notes=f"{WORD} owes us")
    assert len(catalog.holding(WORD)) == 2
    if is_planted:
        said = [
            replace(one, plain=("notes",)) if one.what == "contacts.Contact" else one
            for one in all_holdings()
        ]
        monkeypatch.setattr(neutral, "all_holdings", lambda: said)
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    neutral._tables(acme.id, neutral.Result())
    assert len(catalog.holding(WORD)) == (2 if is_planted else 0)


def test_P18_a_schema_of_another_release_stops_it_before_it_begins(acme: Cast) -> None:
    with scope.owner(tenant=acme.id), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contacts_contact DROP COLUMN notes")
    with pytest.raises(
        neutral.CannotNeutralise, match=r"has no contacts_contact\.notes, so it is of another release"
    ):
        neutral.check([None, acme.id])


def test_P18_what_nobody_thought_of_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(neutral.CannotNeutralise, match="of a type"):
        neutral._made_up(Contact, models.BinaryField(name="photo"))
    monkeypatch.setattr(neutral, "all_holdings", lambda: [])
    with pytest.raises(neutral.CannotNeutralise, match=r"contacts\.Contact is in no module's holdings"):
        neutral.masks(Contact)


# --- no dumps ---------------------------------------------------------------------------------------------


def test_P18_an_error_shows_and_logs_no_variable_of_a_frame(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        held = f"{WORD} {os.getpid()}"  # not as it stands in this source, whose lines a traceback shows
        raise ValueError(held)

    monkeypatch.setattr(gate, "look", fails)
    out = io.StringIO()
    for kept in logging.getLogger().handlers:
        if any(isinstance(one, WithoutAddress) for one in kept.filters):
            monkeypatch.setattr(kept, "stream", out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.getLogger("django.request"), "propagate", True)
        got = Browser(HTTP_HOST="app.smoall.localhost", raise_request_exception=False).get("/find/")
    assert not settings.DEBUG
    assert got.status_code == 500
    assert "ValueError" in out.getvalue()
    for told in (got.content.decode(), out.getvalue()):
        assert f"{WORD} {os.getpid()}" not in told
    assert "ValueError" not in got.content.decode()


# --- the register -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", neutral.models_of(None) + neutral.models_of(canaries.UUID(int=0)), ids=str)
def test_every_table_says_what_a_copy_keeps_of_it(model: Any) -> None:
    """And no `plain` names a field that isn't there, or that holds a person."""
    held = neutral.holding_of(model)
    assert {*held.plain} <= {one.name for one in model._meta.concrete_fields}
    assert not {*held.plain} & {*held.personal, *held.identifies, *held.secret}
    if held.neutral == "masked":
        assert {*held.personal} <= {*neutral.masks(model)} or model._meta.label == "history.LogEntry"
    if held.neutral == "kept":
        assert not held.personal and held.whose == "smoall"
