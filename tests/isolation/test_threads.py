"""I4: sixteen threads that alternate over fifty workspaces never meet another's row, cache entry, file or mail."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import F
from django.test import Client as Browser
from django.test import override_settings

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import run
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.mail.models import Message
from tenant_apps.contacts.models import Contact, Tag
from tenants.models import Tenant
from tests.conftest import TESTER
from tests.isolation import stage

THREADS, WORKSPACES, TURNS = 16, 50, 24
ROOT = Path(settings.SMOALL_DATA)


@pytest.fixture
def fleet(committing: None) -> Iterator[list[Tenant]]:
    """Fifty workspaces, a tenth of a second each on a quiet machine. Mails stand as files."""
    with override_settings(EMAIL_BACKEND="shared_apps.mail.backend.FolderBackend"):
        yield [stage.workspace(f"thread-{number:02d}") for number in range(WORKSPACES)]


@dataclass
class Walk:
    """What one thread does, turn by turn, with workspaces that chance picks; what it saw that was not theirs."""

    tenants: list[Tenant]
    number: int
    done: dict[UUID, int]
    lock: Any
    foreign: list[str] = field(default_factory=list)

    def go(self) -> None:
        chance = random.Random(self.number)
        deeds: list[Callable[[Tenant], None]] = [
            self.reads, self.writes, self.fails, self.caches, self.keeps_files, self.sends, self.asks, self.visits, self.nests,
        ]  # fmt: skip
        try:
            for turn in range(TURNS):
                deeds[(self.number + turn) % len(deeds)](chance.choice(self.tenants))
                self.nothing_is_open()
        finally:
            connection.close()

    def nothing_is_open(self) -> None:
        try:
            scope.current()
        except scope.NoScope:
            return
        self.foreign.append("a scope was left open")

    def told(self, tenant: Tenant, what: str, found: Any, wanted: Any) -> None:
        if found != wanted:
            self.foreign.append(f"{tenant.subdomain}: {what} {found!r} instead of {wanted!r}")

    def counted(self, tenant: Tenant) -> None:
        with self.lock:
            self.done[tenant.id] = self.done.get(tenant.id, 0) + 1

    # --- deeds -------------------------------------------------------------------------------------------------

    def reads(self, tenant: Tenant) -> None:
        with scope.tenant(tenant.id):
            self.told(
                tenant,
                "people",
                list(User.objects.values_list("email", flat=True)),
                [f"owner@{tenant.subdomain}.test"],
            )
            found = {name.split(" ")[0] for name in Contact.objects.values_list("name", flat=True)}
            self.told(tenant, "contacts", found - {tenant.subdomain}, set())
            rows = {contact.name.split(" ")[0] for contact in Contact.objects.iterator(chunk_size=3)}
            self.told(tenant, "contacts bit by bit", rows - {tenant.subdomain}, set())
            with scope.shared():
                self.told(tenant, "the client", Tenant.objects.get(pk=tenant.pk).client_id, tenant.client_id)

    def writes(self, tenant: Tenant) -> None:
        with scope.tenant(tenant.id, actor=scope.Actor("user", str(tenant.id), tenant.subdomain)):
            contact = Contact(kind="company", name=f"{tenant.subdomain} {self.number}")
            contact.save()
            contact.tags.set(Tag.named([f"{tenant.subdomain} tag"]))
            Contact.objects.filter(pk=contact.pk).update(
                payment_days=F("payment_days"), city=tenant.subdomain
            )
            Contact.objects.bulk_create([Contact(kind="company", name=f"{tenant.subdomain} bulk")])
        self.counted(tenant)

    def fails(self, tenant: Tenant) -> None:
        """Somewhere in the middle, with rows written and another workspace open inside."""
        other = self.tenants[(self.number * 7) % len(self.tenants)]
        try:
            with scope.tenant(tenant.id, actor=TESTER):
                Contact(kind="company", name=f"{tenant.subdomain} never").save()
                with scope.tenant(other.id, actor=TESTER):
                    Contact(kind="company", name=f"{other.subdomain} never").save()
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    def caches(self, tenant: Tenant) -> None:
        with scope.tenant(tenant.id):
            cache.set("who", tenant.subdomain)
            self.told(tenant, "cached", cache.get("who"), tenant.subdomain)
            self.told(tenant, "cached once", cache.get_or_set("once", tenant.subdomain), tenant.subdomain)

    def keeps_files(self, tenant: Tenant) -> None:
        with scope.tenant(tenant.id):
            name = default_storage.save("kept/who.txt", ContentFile(tenant.subdomain.encode()))
            for kept in default_storage.listdir("kept")[1]:
                with default_storage.open(f"kept/{kept}") as file:
                    content = (
                        file.read().decode() or tenant.subdomain
                    )  # empty: another thread begins to write it
                self.told(tenant, "a file", content, tenant.subdomain)
            self.told(tenant, "its place", str(tenant.id) in default_storage.path(name), True)

    def sends(self, tenant: Tenant) -> None:
        """A mail in its outbox, sent by the job that was made for it."""
        with scope.tenant(tenant.id, actor=TESTER):
            message = mail.send(
                purpose="accounts.reset", to=f"owner@{tenant.subdomain}.test", language="en", template="accounts/mail/reset",
                context={"person": User(name=tenant.subdomain), "link": f"{tenant.url}/x"}, key=str(uuid7()),
            )  # fmt: skip
            with scope.shared():
                job = Job.objects.get(args=[str(message.pk)])
        self.told(tenant, "a job", job.tenant_uuid, tenant.id)
        run(str(job.pk))
        with scope.tenant(tenant.id):
            self.told(tenant, "a mail", Message.objects.get(pk=message.pk).state, "sent")
            self.told(
                tenant,
                "addresses",
                set(Message.objects.values_list("to_address", flat=True)),
                {f"owner@{tenant.subdomain}.test"},
            )

    def asks(self, tenant: Tenant) -> None:
        """In the shared schema, and without an author."""
        with scope.shared():
            self.told(
                tenant,
                "a client",
                Client.objects.get(tenant=tenant.pk).company,
                f"{tenant.subdomain} company",
            )

    def visits(self, tenant: Tenant) -> None:
        """As a browser: the whole way through middleware, session and page."""
        browser = Browser(HTTP_HOST=f"{tenant.subdomain}.smoall.localhost")
        answer = browser.post(
            "/sign-in/", {"email": f"owner@{tenant.subdomain}.test", "password": "correct horse battery"}
        )
        self.told(tenant, "the sign-in", answer.status_code, 302)
        page = browser.get("/me/").content.decode()
        self.told(
            tenant,
            "the page",
            f"owner@{tenant.subdomain}.test" in page or f"{tenant.subdomain} owner" in page,
            True,
        )
        others = {one.subdomain for one in self.tenants} - {tenant.subdomain}
        self.told(tenant, "others on the page", [name for name in others if name in page], [])
        self.told(tenant, "the session elsewhere", self._elsewhere(browser, tenant), 302)

    def _elsewhere(self, browser: Browser, tenant: Tenant) -> int:
        other = self.tenants[(self.tenants.index(tenant) + 1) % len(self.tenants)]
        return int(browser.get("/me/", HTTP_HOST=f"{other.subdomain}.smoall.localhost").status_code)

    def nests(self, tenant: Tenant) -> None:
        """In and out of three workspaces and the shared schema, in one transaction."""
        near = [tenant, *random.sample(self.tenants, 2)]
        with scope.tenant(near[0].id):
            for inner in near[1:]:
                with scope.tenant(inner.id), scope.shared(), scope.tenant(inner.id):
                    self.told(inner, "nested", User.objects.get().email, f"owner@{inner.subdomain}.test")
                self.told(tenant, "restored", User.objects.get().email, f"owner@{tenant.subdomain}.test")


def test_sixteen_threads_over_fifty_workspaces_meet_nothing_of_another(fleet: list[Tenant]) -> None:
    done: dict[UUID, int] = {}
    lock = threading.Lock()
    walks = [Walk(fleet, number, done, lock) for number in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        for ended in [pool.submit(walk.go) for walk in walks]:
            ended.result()
    assert [seen for walk in walks for seen in walk.foreign] == []
    assert sum(done.values()) > THREADS
    for tenant in fleet:
        left_behind(tenant, done.get(tenant.id, 0))


def left_behind(tenant: Tenant, written: int) -> None:
    """What stands in a workspace afterwards is its own, every bit, and nothing of it is missing."""
    name = tenant.subdomain
    with scope.tenant(tenant.id):
        contacts = list(Contact.objects.values_list("name", flat=True))
        assert len(contacts) == 2 * written and all(contact.startswith(f"{name} ") for contact in contacts), (
            contacts
        )
        assert not [contact for contact in contacts if contact.endswith("never")]
        assert set(Tag.objects.values_list("name", flat=True)) <= {f"{name} tag"}
        authors = set(LogEntry.objects.filter(module="contacts").values_list("actor_name", flat=True))
        assert authors == ({name} if written else set())
    for kept in (ROOT / "files" / str(tenant.id)).rglob("*.txt"):
        assert kept.read_text() == name
    for sent in (ROOT / "mails" / str(tenant.id)).rglob("*.eml"):
        assert f"owner@{name}.test" in sent.read_text()


def test_a_thread_that_fails_leaves_nothing_to_the_next_one(committing: None) -> None:
    """The pool gives the same thread, and so the same connection, to whoever comes next."""
    first, second = stage.workspace("thread-fails"), stage.workspace("thread-next")

    def fail() -> None:
        with scope.tenant(first.id, actor=TESTER), scope.shared():
            scope.tenant(first.id).__enter__()  # a manager that is never left
            User.objects.count()
            raise ZeroDivisionError

    def look() -> tuple[bool, list[str], str]:
        try:
            scope.current()
            is_open = True
        except scope.NoScope:
            is_open = False
        with scope.tenant(second.id):
            found = list(User.objects.values_list("email", flat=True))
        with connection.connection.cursor() as bare:
            bare.execute("SELECT current_setting('smoall.actor', true)")
            left = bare.fetchone()[0]
        connection.close()
        return is_open, found, left

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.submit(fail).result()
        is_open, found, left = pool.submit(look).result()
    assert found == [f"owner@{second.subdomain}.test"]
    assert not left
    assert not is_open, "the scope of a thread outlived its work"
