"""Before and after a test that commits: what it made is found by comparing, and taken away."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.module import ADMIN, MEMBER, OWNER
from shared_apps.kit.rows import uuid7
from tenants import provision
from tenants.keys import KeyStore
from tenants.models import Tenant
from tests.conftest import TESTER
from tests.isolation import catalog

KEPT_TABLES = {"django_migrations", "django_content_type", "tenants_snapshot"}
FOLDERS = ("files", "exports", "mails", "keys/tenants", "log")


@dataclass(frozen=True)
class Seen:
    """What was there: the keys of each table of `public`, schemas, entries of each folder."""

    rows: dict[str, set[str]]
    schemas: set[str]
    entries: dict[str, set[str]]
    cascade: tuple[str, ...] = ()


def seen() -> Seen:
    with scope.owner(), connection.cursor() as cursor:
        rows = {}
        for table in set(catalog.tables("public")) - KEPT_TABLES:
            cursor.execute(f"SELECT {_key(table)}::text FROM {table}")
            rows[table] = {key for (key,) in cursor.fetchall()}
    return Seen(rows, set(catalog.schemas()), {folder: set(_entries(folder)) for folder in FOLDERS})


def take_away(before: Seen) -> None:
    """Rows, schemas and folders that were not there before."""
    with scope.owner(actor=TESTER), connection.cursor() as cursor:
        for schema in set(catalog.schemas()) - before.schemas:
            cursor.execute(f"DROP SCHEMA {schema} CASCADE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table, kept in sorted(
            before.rows.items(), key=lambda one: one[0] == "history_logentry"
        ):  # it grows meanwhile
            cursor.execute(f"DELETE FROM {table} WHERE NOT ({_key(table)}::text = ANY(%s))", [sorted(kept)])
    for folder, entries in before.entries.items():
        for name in set(_entries(folder)) - entries:
            place = Path(settings.SMOALL_DATA) / folder / name
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink()


def _key(table: str) -> str:
    """The column of a table's primary key."""
    return str(
        catalog.value(
            "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            " WHERE i.indisprimary AND i.indrelid = ('public.' || %s)::regclass",
            table,
        )
    )


def _entries(folder: str) -> list[str]:
    place = Path(settings.SMOALL_DATA) / folder
    return [entry.name for entry in place.iterdir()] if place.is_dir() else []


def workspace(name: str, *, people: bool = False) -> Tenant:
    """A committed workspace at `name`, with an owner who has entered; with `people` an administrator and a member too."""
    from shared_apps.accounts.models import User

    with scope.shared(actor=TESTER):
        id = uuid7()
        client = Client.objects.create(
            company=f"{name} company", contact_name=f"{name} contact", contact_email=f"{name}@c.test"
        )
        KeyStore.default().ensure(id)
        provision.create(id, client=client, subdomain=name, person=None, by=TESTER)
        with scope.tenant(id, actor=TESTER):
            for role in (OWNER, ADMIN, MEMBER) if people else (OWNER,):
                User.objects.create_user(
                    name=f"{name} {role.name.lower()}", email=f"{role.name.lower()}@{name}.test", language="en", role=role,
                    password="correct horse battery",
                )  # fmt: skip
        return Tenant.objects.select_related("client").prefetch_related("domains").get(pk=id)


@contextmanager
def undone() -> Iterator[None]:
    """A savepoint or transaction that is rolled back."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def in_thread(work: Callable[[], Any]) -> Any:
    """The result of the work in a thread of its own, whose connections are closed. Raises what it raised."""
    from threading import Thread

    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append((work(), None))
        except BaseException as error:  # handed to the caller
            ended.append((None, error))
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join(60)
    assert ended, "the thread hangs"
    result, error = ended[0]
    if error:
        raise error
    return result
