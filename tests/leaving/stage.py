"""Clients that leave, made cheaply: one workspace whose shared rows are put anywhere in its life, again and again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone, translation
from django_q.models import OrmQ

from shared_apps.accounts.models import SignIn, User
from shared_apps.clients.models import Client
from shared_apps.integrators.models import Link, Organisation
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from shared_apps.mail.models import Message
from tenants import departure, erasure, forgetting, provision
from tenants.keys import KeyStore
from tenants.models import Departure, Domain, Erasure, Export, Instruction, Saga, State, Tenant
from tests.conftest import TESTER
from tests.isolation import stage

OPAL = scope.Actor("operator", "opal", "Opal")
OTTO = scope.Actor("operator", "otto", "Otto")
OLGA = scope.Actor("user", "olga", "Olga")
CONTACT = scope.Actor("contact", "", "Contact")
TABLES = (
    "clients_client", "tenants_tenant", "tenants_domain", "tenants_departure", "tenants_instruction", "tenants_erasure",
    "tenants_export", "tenants_saga", "integrators_link", "mail_message",
)  # fmt: skip
ABOUT = {
    "clients_client": "WHERE id = %s",
    "tenants_tenant": "WHERE client_id = %s",
    "tenants_domain": "WHERE tenant_id IN (SELECT id FROM tenants_tenant WHERE client_id = %s)",
}  # the rows of others stay
_numbers = count()


@pytest.fixture
def quiet(committing: None) -> Iterator[None]:
    """Real commits, nobody else who leaves, English sentences."""
    with scope.shared(actor=TESTER):
        Instruction.objects.all().delete()
        Departure.objects.all().delete()
        for model in (Erasure, Saga, Job, OrmQ, Message):
            model._default_manager.all().delete()
        Tenant.objects.exclude(state=State.RESTORING).update(state=State.ACTIVE, is_read_only=False)
    with translation.override("en"):
        yield


def workspace(prefix: str = "leaver") -> Tenant:
    """A committed workspace with one owner, under a name that was never given."""
    return stage.workspace(f"{prefix}-{next(_numbers)}-{timezone.now():%H%M%S%f}")


def again(tenant: Tenant) -> Tenant | None:
    with scope.shared():
        return Tenant.objects.select_related("client").filter(pk=tenant.pk).first()


@dataclass
class Place:
    """One client that can be put back to the beginning of each state of its life."""

    tenant: Tenant
    client: Client
    domain: Domain
    organisation: Organisation
    rows: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def make(cls) -> "Place":
        tenant = workspace("place")
        with scope.shared(actor=TESTER):
            organisation = Organisation.objects.create(name="Integrator", email=f"i@{tenant.subdomain}.test")
            return cls(tenant, tenant.client, Domain.objects.get(tenant=tenant), organisation)

    @property
    def id(self) -> Any:
        return self.tenant.id

    def put(self, state: str, *, now: datetime) -> None:
        """Forget everything that happened, and be in the state: led there by the verbs once, by its rows afterwards."""
        if state not in self.rows or not self._has_schema():
            self.clear()
            with scope.acting(OLGA):
                getattr(self, f"_{state}")(now)
            with scope.tenant(self.id, actor=TESTER):
                if not SignIn.objects.exists():
                    person, session = User.objects.get(), f"{next(_numbers):064d}"
                    SignIn.objects.create(user=person, session_hash=session, device="x", signed_in_at=now)
            self.rows[state] = self._keep()
        self._put_back(self.rows[state])

    def _keep(self) -> list[tuple[str, str]]:
        """(table, its rows as JSON) in an order that loads."""
        with scope.shared(), connection.cursor() as cursor:
            found = []
            for table in TABLES:
                cursor.execute(
                    f"SELECT coalesce(json_agg(t), '[]')::text FROM {table} t {ABOUT.get(table, '')}",
                    [self.client.pk] * (table in ABOUT),
                )
                found.append((table, cursor.fetchone()[0]))
        return found

    def _put_back(self, rows: list[tuple[str, str]]) -> None:
        """In one message: a state is wanted a thousand times."""
        gone = [
            f"DELETE FROM {table} WHERE {ABOUT[table].removeprefix('WHERE ')}"
            if table in ABOUT
            else f"DELETE FROM {table}"
            for table in ("django_q_ormq", "jobs_job", *reversed(TABLES))
        ]
        back = [
            f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s)"
            for table in TABLES
        ]
        open_again = f"UPDATE {self.tenant.schema_name}.accounts_signin SET signed_out_at = NULL, cause = ''"
        with scope.owner(actor=TESTER), connection.cursor() as cursor:
            whose = [self.client.pk for table in TABLES if table in ABOUT]
            cursor.execute("; ".join([*gone, *back, open_again]), [*whose, *(held for _table, held in rows)])

    def clear(self) -> None:
        with transaction.atomic(), scope.shared(actor=TESTER):
            Instruction.objects.all().delete()
            Departure.objects.all().delete()
            for model in (Erasure, Export, Saga, Job, OrmQ, Message, Link):
                model._default_manager.all().delete()
            if not Client.objects.filter(pk=self.client.pk).exists():
                Client.objects.bulk_create([self.client])
            if not Tenant.objects.filter(pk=self.id).exists():
                self._make_again()
            Tenant.objects.filter(pk=self.id).update(
                state=State.ACTIVE, state_before="", state_reason="", is_read_only=False
            )
            Link.propose(client_id=self.client.pk, code=self.organisation.code, now=timezone.now())

    def _has_schema(self) -> bool:
        from tenants import stores

        return stores.has_schema(self.id)

    def _make_again(self) -> None:
        """The rows alone where the schema stands, else all of it; the name was not retired but by a destruction."""
        from tenants.models import RetiredName

        if self._has_schema():
            Tenant.objects.bulk_create([self.tenant])
            Domain.objects.bulk_create([self.domain])
            return
        RetiredName.objects.all().delete()
        KeyStore.default().ensure(self.id)
        provision.create(self.id, client=self.client, subdomain=self.domain.domain, person=None, by=TESTER)
        self.domain = Domain.objects.get(tenant_id=self.id)
        with scope.tenant(self.id, actor=TESTER):
            User.objects.create_user(
                name="Olga",
                email=f"olga@{self.domain.domain}.test",
                language="en",
                role=OWNER,
                password="x" * 20,
            )

    # --- the states ---

    def _active(self, now: datetime) -> None: ...

    def _suspended(self, now: datetime) -> None:
        with scope.shared():
            Tenant.locked(self.id).suspend(reason="not paid", now=now)

    def _leaving(self, now: datetime) -> None:
        departure.give_notice(self.id, now=now - timedelta(days=10))

    def _leaving_over(self, now: datetime) -> None:
        departure.give_notice(self.id, now=now - timedelta(days=130))

    def _erasing(self, now: datetime) -> None:
        """As an operator asked for it, so that operators may cancel it as well as owners."""
        with scope.acting(OPAL):
            erasure.request(self.id, now=now)

    def _erasing_leaving_due(self, now: datetime) -> None:
        """With the contact details, and the twelve hours over: a worker may begin to destroy at any moment."""
        self._leaving(now)
        with scope.acting(OPAL):
            erasure.request(self.id, now=now, delay=timedelta(0), with_contacts=True)

    def _erased(self, now: datetime) -> None:
        """The rows as the destruction leaves them; its other steps are not asked for here."""
        self._leaving_over(now)
        self._destroy(now)

    def _erased_over(self, now: datetime) -> None:
        departure.give_notice(self.id, now=now - timedelta(days=400))
        self._destroy(now)

    def _forgetting(self, now: datetime) -> None:
        self._erased(now)
        with scope.shared(), scope.acting(CONTACT):
            forgetting.request(Departure.objects.get().pk, now=now)

    def _destroy(self, now: datetime) -> None:
        with scope.shared(actor=TESTER):
            departure.note_destroyed(self.id, now=now)
            Domain.objects.filter(tenant_id=self.id).delete()
            Tenant.objects.filter(pk=self.id).delete()


def closing_connection(work: Any) -> Any:
    """The work's result, or the error that it raised; for a thread of its own."""
    try:
        return work()
    except Exception as error:  # it is what is asked for
        return error
    finally:
        connection.close()
