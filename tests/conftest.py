"""The cast and the stage: two workspaces made once a run, everything a test writes rolled back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from shared_apps import jobs
from shared_apps.accounts.models import Kind, Totp, User, factor
from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.module import ADMIN, MEMBER, OWNER
from shared_apps.kit.rows import uuid7
from shared_apps.legal import documents
from shared_apps.operators.models import Signature
from tenants import gate, provision
from tenants.keys import KeyStore
from tenants.models import Tenant
from tests import as_found

PASSWORD = "correct horse battery"
TESTER = scope.Actor("system", "tests", "Tests")


@dataclass(frozen=True)
class Cast:
    """A workspace with its people. `host` is what a browser asks for."""

    tenant: Tenant
    host: str
    owner: User
    admin: User
    colleague: User

    @property
    def id(self) -> Any:
        return self.tenant.id

    @contextmanager
    def inside(self, user: User | None = None) -> Iterator[scope.Scope]:
        """In this workspace's schema, acting as one of its people (the owner unless another is given)."""
        with scope.tenant(self.tenant.id, actor=(user or self.owner).as_actor()) as entered:
            yield entered


def protect(person: User) -> None:
    """Give somebody an app for codes, in the scope in force; an operator has signed too."""
    secret, now = factor.new_secret(), timezone.now()
    Totp.set_up(person, secret, factor.code_at(secret, int(now.timestamp()) // factor.STEP), now=now)
    if person.kind == Kind.OPERATOR:
        current = documents.current("confidentiality", today=timezone.localdate(now))
        Signature.sign(current, by=person, language="en", now=now)


def next_code(person: User) -> str:
    """What their app shows, in the scope in force; good even if this half minute's code was used."""
    app = Totp.objects.get(user=person)
    Totp.objects.filter(pk=app.pk).update(last_step=0)
    return factor.code_at(app.secret(), int(timezone.now().timestamp()) // factor.STEP)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Roles, shared tables, snapshot and the two workspaces, once a run. Addresses are read before a test may change settings."""
    for site in ("app", "erasing", "ops", "tenant", "website"):
        import_module(f"config.urls_{site}")
    with django_db_blocker.unblock():
        call_command("prepare", verbosity=0)
        for name in ("acme", "zenith"):
            make_workspace(name)
        drain()  # what a new workspace has done in the background: no test finds it, waiting or done
        with scope.shared():
            jobs.drop(Job.objects.all())
    return


@pytest.fixture(autouse=True)
def _files_as_found() -> Iterator[None]:
    """A rolled-back test leaves no file either, nor a key, nor a line in the ledger."""
    files = as_found.Files()
    yield
    files.put_back()


@pytest.fixture
def committing(_files_as_found: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Real commits. Every row and schema that the test made goes afterwards, and the ledger's head is where it was."""
    with django_db_blocker.unblock():
        database = as_found.Database()
        yield
        database.put_back()
        connection.close()


@pytest.fixture(autouse=True)
def _source_language() -> None:
    """A request leaves its language to the thread; no test begins in that of the one before."""
    translation.activate(settings.LANGUAGE_CODE)


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """Real hashing takes a second a sign-in; what it protects is not under test here."""
    from django.test import override_settings

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


def make_workspace(name: str) -> Tenant:
    """A committed workspace with an owner, an administrator and a colleague, each with PASSWORD."""
    with scope.shared(actor=TESTER):
        client = Client.objects.create(
            company=f"{name.title()} SRL",
            contact_name=f"Olga {name.title()}",
            contact_email=f"olga@{name}.test",
            street="Rue Haute 1",
            postal_code="1000",
            city="Bruxelles",
        )
        id = uuid7()
        KeyStore.default().ensure(id)
        tenant = provision.create(id, client=client, subdomain=name, person=None, by=TESTER)
        with scope.tenant(id, actor=TESTER):
            for who, role in (("Olga", OWNER), ("Ada", ADMIN), ("Colin", MEMBER)):
                User.objects.create_user(
                    name=f"{who} {name.title()}",
                    email=f"{who.lower()}@{name}.test",
                    language="en",
                    role=role,
                    password=PASSWORD,
                )
    return tenant


def _cast(name: str) -> Cast:
    with scope.shared():
        tenant = Tenant.objects.get(domains__domain=name)
    with scope.tenant(tenant.id):
        people = {user.role: user for user in User.objects.all()}
    return Cast(tenant, f"{name}.smoall.localhost", people[OWNER], people[ADMIN], people[MEMBER])


@pytest.fixture
def acme(db: None) -> Cast:
    return _cast("acme")


@pytest.fixture
def zenith(db: None) -> Cast:
    """The neighbour: what happens in acme must never show here, nor the other way round."""
    return _cast("zenith")


@pytest.fixture
def browser() -> Callable[..., Browser]:
    """`browser(host)` is a fresh browser on a host; `browser(acme, user)` is signed in there with a password."""

    def open(where: Cast | str, user: User | None = None, password: str = PASSWORD) -> Browser:
        host = where if isinstance(where, str) else where.host
        opened = Browser(
            HTTP_HOST=host, headers={"user-agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"}
        )
        if user is not None:
            answer = opened.post("/sign-in/", {"email": user.email, "password": password})
            if answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in/second/"):
                with where.inside() if isinstance(where, Cast) else scope.shared(actor=TESTER):
                    code = next_code(user)
                answer = opened.post(answer.headers["Location"], {"code": code})
            assert answer.status_code == 302, f"{user.email} can't sign in on {host}: {answer.status_code}"
        return opened

    return open


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Callable[[], CaptureQueriesContext]:
    """`with statements() as sent:` counts what reaches the database; the look at the ledger's head is due by the clock."""
    monkeypatch.setattr(gate, "LOOK_EVERY", float("inf"))
    return lambda: CaptureQueriesContext(connection)
