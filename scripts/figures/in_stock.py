"""What is done inside the stock project's process: django-tenants' own verbs, timed where they are called."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

from django.core.management import call_command
from django.db import connection
from django_tenants.utils import schema_context

from scripts.figures import asking
from scripts.figures.stock.models import Address, Workspace
from shared_apps.kit import scope

CONTACTS = [f"Atelier {letter}" for letter in "ABCDEFGHIJ"]


def prepare() -> None:
    """The shared tables, by django-tenants' own command."""
    call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)


def count() -> int:
    return int(Workspace.objects.count())


@contextmanager
def inside(uuid: UUID) -> Iterator[None]:
    """django-tenants' own context manager; the scope is only said."""
    schema = scope.schema_of(uuid)
    with schema_context(schema), scope._entered(scope.Scope("tenant", schema, "", uuid), None):
        yield


def sign_up(number: int) -> float:
    """Save a workspace: its schema is made and migrated. With its address."""
    uuid = uuid4()
    began = time.perf_counter()
    workspace = Workspace(schema_name=scope.schema_of(uuid), uuid=uuid, name=f"Figures {number}")
    workspace.save(verbosity=0)
    Address.objects.create(domain=f"figures-{number}.smoall.localhost", tenant=workspace, is_primary=True)
    took = time.perf_counter() - began
    with inside(uuid):
        asking.people(CONTACTS)
    return took


def schema_of(number: int) -> str:
    found = Address.objects.select_related("tenant").get(domain=f"figures-{number}.smoall.localhost")
    return str(found.tenant.schema_name)


def adopt(first: int, last: int, dump: str) -> None:
    """More workspaces like the first one, from its dump, since migrating each would take an hour: nothing timed."""
    with open(dump) as file:  # noqa: PTH123
        text = file.read()
    model = schema_of(1)
    for number in range(first, last + 1):
        uuid = uuid4()
        schema = scope.schema_of(uuid)
        with connection.cursor() as cursor:
            cursor.connection.cursor().execute(text.replace(model, schema))
        workspace = Workspace(schema_name=schema, uuid=uuid, name=f"Figures {number}")
        workspace.auto_create_schema = False
        workspace.save(verbosity=0)
        Address.objects.create(domain=f"figures-{number}.smoall.localhost", tenant=workspace, is_primary=True)
    connection.close()


def migrate(executor: str = "standard") -> float:
    """Seconds of `migrate_schemas` for every workspace."""
    began = time.perf_counter()
    call_command(
        "migrate_schemas", tenant=True, interactive=False, verbosity=0, executor=executor, stdout=StringIO()
    )
    return time.perf_counter() - began


def record_by_signals(on: bool) -> None:
    """Let django-auditlog's own registry follow contacts, with what Smoall declares of them, or let go of them."""
    from auditlog.registry import auditlog

    from shared_apps.history import registry
    from tenant_apps.contacts.models import Contact

    if on and not auditlog.contains(Contact):
        declared = registry.auditlog.get_model_fields(Contact)
        given: dict[str, Any] = {
            "exclude_fields": declared["exclude_fields"],
            "mask_fields": declared["mask_fields"],
        }
        auditlog.register(Contact, **given)
    if not on and auditlog.contains(Contact):
        auditlog.unregister(Contact)


def make_log(number: int) -> None:
    """The library's own table of entries in one workspace, unless it is there."""
    from auditlog.models import LogEntry

    found = Address.objects.select_related("tenant").get(domain=f"figures-{number}.smoall.localhost").tenant
    with inside(found.uuid):
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", [f"{found.schema_name}.auditlog_logentry"])
            if cursor.fetchone()[0]:
                return
        from django.apps import apps
        from django.contrib.contenttypes.management import create_contenttypes

        with connection.schema_editor() as editor:
            editor.create_model(LogEntry)
        create_contenttypes(apps.get_app_config("contacts"), verbosity=0, interactive=False)


def uuid_of(number: int) -> str:
    found = Address.objects.select_related("tenant").get(domain=f"figures-{number}.smoall.localhost")
    return str(found.tenant.uuid)
