"""What is done inside Smoall's own process: the product's verbs, timed where they are called.

Workspaces are called "figures-1", "figures-2", …; their number is all that the other processes know of them.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from statistics import median
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from scripts.figures import asking
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from tenant_apps.contacts.models import Contact
from tenants import erasure, export, fleet, opening, provision, roles, sagas
from tenants.keys import KeyStore
from tenants.models import Domain, Saga, Snapshot, Tenant
from tenants.schemas import pool, snapshot, waves
from tenants.schemas.fingerprint import fingerprint

BENCH = scope.Actor("system", "figures", "Figures")
ACTION = 100  # rows that one transaction writes
ALONE = 90  # the newest rows, each written alone: the first page of a history then shows the same, however many there are
CONTACTS = [f"Atelier {letter}" for letter in "ABCDEFGHIJ"]


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# --- the fleet --------------------------------------------------------------------------------------------


def count() -> int:
    """Workspaces that stay: numbered from 1, without a gap. Those that come and go have large numbers."""
    with scope.shared():
        there = set(Domain.objects.filter(domain__startswith="figures-").values_list("domain", flat=True))
    number = 0
    while f"figures-{number + 1}" in there:
        number += 1
    return number


def ids(first: int, last: int) -> list[str]:
    """The UUIDs of the workspaces with these numbers."""
    names = [f"figures-{number}" for number in range(first, last + 1)]
    with scope.shared():
        found = dict(Domain.objects.filter(domain__in=names).values_list("domain", "tenant_id"))
    return [str(found[name]) for name in names]


def fill(first: int, last: int) -> None:
    """Make these workspaces, each with an owner and ten contacts."""
    with scope.shared():
        there = set(Domain.objects.filter(domain__startswith="figures-").values_list("domain", flat=True))
    for number in range(first, last + 1):
        if f"figures-{number}" not in there:
            sign_up(number)


def sign_up(number: int, is_furnished: bool = True) -> dict[str, Any]:
    """Make one from the release's snapshot. What is timed: schema, rows and address, committed."""
    id = uuid7()
    KeyStore.default().ensure(id)
    began = time.perf_counter()
    with scope.shared(actor=BENCH):
        client = Client.objects.create(
            company=f"Figures {number}",
            contact_name="Olga Owner",
            contact_email=asking.EMAIL,
            language="en",
        )
        provision.create(id, client=client, subdomain=f"figures-{number}", person=None, by=BENCH)
    took = time.perf_counter() - began
    if is_furnished:
        with scope.tenant(id, actor=BENCH):
            asking.people(CONTACTS)
    return {"id": str(id), "seconds": took}


# --- replay -----------------------------------------------------------------------------------------------


def replay() -> float:
    """Seconds of one replay into an empty schema, committed; it is dropped again outside of them."""
    id = uuid7()
    with scope.shared():
        recorded = snapshot.current()

    def make() -> None:
        with scope.owner(actor=BENCH), transaction.atomic():
            snapshot.replay(id, recorded)

    took = _timed(make)
    _drop(id)
    return took


def script(schema_id: str) -> str:
    """The same statements as a file for psql: one transaction, as the owner role."""
    schema = scope.schema_of(UUID(schema_id))
    with scope.shared():
        recorded = snapshot.current()
    lines = ["BEGIN;", f"SET LOCAL ROLE {roles.OWNER};", f"SET LOCAL search_path TO {schema}, ext;"]
    statements = list(snapshot.split(recorded.ddl.replace(recorded.schema, schema)))
    lines += [statement for statement in statements if not snapshot.is_trigger(statement)]
    for table, rows in recorded.seeds.items():
        lines += [f"COPY {schema}.{table} FROM STDIN (FORMAT csv, HEADER);", rows.rstrip("\n"), "\\."]
    lines += [statement for statement in statements if snapshot.is_trigger(statement)]
    with scope.owner(tenant=snapshot.TEMPLATE):
        lines += [f"{one};".replace(recorded.schema, schema) for one in roles.grants(recorded.schema)]
    return "\n".join([*lines, "COMMIT;", ""])


def drop(id: str) -> float:
    """Seconds of a bare DROP SCHEMA CASCADE, committed."""
    return _timed(lambda: _drop(UUID(id)))


def _drop(id: UUID) -> None:
    with scope.owner(tenant=id), connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {scope.schema_of(id)} CASCADE")


def schema_alone() -> str:
    """The UUID of a schema with the release's tables that no workspace has."""
    id = uuid7()
    with scope.shared():
        recorded = snapshot.current()
    with scope.owner(actor=BENCH), transaction.atomic():
        snapshot.replay(id, recorded)
    return str(id)


# --- what a client asks for -------------------------------------------------------------------------------


def take_out(id: str) -> dict[str, float]:
    """Seconds of an export, rows and schema, not encrypted, into a file: the "whole", and of it the client's "shared" rows."""
    found, shared_rows = {}, export.shared_rows

    def timed(tenant: Tenant) -> dict[str, Any]:
        began = time.perf_counter()
        try:
            return shared_rows(tenant)
        finally:
            found["shared"] = time.perf_counter() - began

    export.shared_rows = timed
    try:
        with tempfile.TemporaryFile(dir=settings.SMOALL_DATA) as target:
            found["whole"] = _timed(lambda: export.write(UUID(id), target, None, now=timezone.now()))
    finally:
        export.shared_rows = shared_rows
    return found


def erase(number: int) -> dict[str, float]:
    """Seconds of erasing workspace `number`: each step by its name, "destroy" among them, and "whole"."""
    (id,) = ids(number, number)
    now = timezone.now()
    with scope.acting(BENCH):
        asked = erasure.request(UUID(id), now=now, delay=timedelta(0), with_contacts=False)
    found: dict[str, float] = {}
    do = sagas._do

    def noting(saga: Saga) -> bool:
        step = sagas.kind(saga.kind).steps[saga.cursor].function.__name__
        began = time.perf_counter()
        try:
            return do(saga)
        finally:
            found[step] = found.get(step, 0.0) + time.perf_counter() - began

    def dropping(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            if "DROP SCHEMA" in sql:
                found["drop"] = time.perf_counter() - began

    sagas._do = noting
    try:
        began = time.perf_counter()
        with connection.execute_wrapper(dropping):
            for _ in range(3):
                saga = sagas.run(asked.saga)  # type: ignore[arg-type]
                if saga.status == Saga.Status.DONE:
                    break
        found["whole"] = time.perf_counter() - began
    finally:
        sagas._do = do
    assert saga.status == Saga.Status.DONE, f"the erasure is {saga.status}: {saga.error}"
    return found


# --- what operators ask for -------------------------------------------------------------------------------


def listed() -> float:
    """Seconds of `list_clients`."""
    return _timed(lambda: call_command("list_clients", "--json", stdout=StringIO()))


def checked() -> float:
    """Seconds of `check_tenants`, which looks at each workspace; nothing may be wrong but what the bench itself made."""
    return _timed(lambda: list(fleet.problems()))


def fingerprinted(id: str) -> float:
    """Seconds of comparing one workspace's tables with its release's."""

    def look() -> None:
        with scope.owner(tenant=UUID(id)):
            fingerprint(scope.schema_of(UUID(id)))

    return _timed(look)


# --- a workspace with many rows ---------------------------------------------------------------------------


def grow_contacts(id: str, rows: int) -> None:
    """Bring the contacts of a workspace to `rows`, written by the workspace's own role: with their history, in many actions."""
    columns = [str(field.column) for field in Contact._meta.concrete_fields]
    made = {
        "id": "uuidv7()",
        "name": "'Maison ' || n",
        "name_folded": "'maison ' || n",
        "search": "' maison ' || n || ' bruxelles'",
        "city": "'Bruxelles'",
        "city_folded": "'bruxelles'",
    }
    chosen = ", ".join(made.get(column, f'one."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    insert = (
        f"INSERT INTO contacts_contact ({names}) SELECT {chosen} FROM generate_series(%s, %s) n, "  # noqa: S608
        "(SELECT * FROM contacts_contact ORDER BY id LIMIT 1) one"
    )
    with scope.tenant(UUID(id)):
        there = Contact.objects.count()
    alone = max(there, rows - ALONE)
    blocks = [(first, min(first + ACTION - 1, alone)) for first in range(there + 1, alone + 1, ACTION)]
    for first, last in [*blocks, *((one, one) for one in range(alone + 1, rows + 1))]:
        with scope.tenant(UUID(id), actor=BENCH), connection.cursor() as cursor:
            cursor.execute(insert, [first, last])


def first_contact(id: str) -> str:
    with scope.tenant(UUID(id)):
        return str(Contact.objects.order_by("id").values_list("pk", flat=True)[0])


def recorded() -> dict[str, str]:
    """The release and its fingerprint."""
    with scope.shared():
        found: Snapshot = snapshot.current()
    return {"release": found.release, "fingerprint": found.fingerprint}


def another_id() -> str:
    return str(uuid7())


# --- releases and the pool --------------------------------------------------------------------------------


def prepare() -> float:
    """Seconds of bringing the database to this release: shared tables, template, snapshot; the fleet itself waits."""
    return _timed(lambda: call_command("prepare", stdout=StringIO()))


def status() -> float:
    """Seconds of finding out which workspaces lag: the median of twenty."""
    fleet.status()
    return median(_timed(fleet.status) for _ in range(20))


def migrate_alone() -> float:
    """The same for a profile: on one connection, so in one thread."""
    return _timed(lambda: waves.migrate(waves.Options(parallel=1)))


def migrate_fleet(expected: int) -> float:
    """Seconds of `migrate_fleet`. Raises AssertionError unless so many came to the release's very tables."""
    began = time.perf_counter()
    result = waves.migrate()
    took = time.perf_counter() - began
    found = fleet.status()
    assert result.is_whole and len(result.done) == expected, (
        f"{len(result.done)} of {expected}: {result.failed}"
    )
    assert found.behind == 0
    for id in result.done:
        with scope.owner(tenant=id):
            assert fingerprint(scope.schema_of(id)) == found.fingerprint
    return took


def fill_pool(number: int) -> None:
    with scope.shared():
        target, there = snapshot.current(), pool.ready(snapshot.current()).count()
    for _ in range(number - there):
        assert pool.fill(target)


def claim() -> float:
    """Seconds of taking a ready schema, committed. It is then nobody's, and goes."""
    fill_pool(1)
    began = time.perf_counter()
    with scope.shared(actor=BENCH):
        taken = pool.claim()
    took = time.perf_counter() - began
    assert taken
    _drop(taken.id)
    KeyStore.default().destroy(taken.id)
    return took


def settle(sign_up: str) -> None:
    """What a worker does after a workspace was opened out of the pool: its key, a mail."""
    with scope.shared():
        saga = Saga.objects.get(key=opening.key_of(UUID(sign_up)))
    assert saga.kind == "open", "the pool was empty"
    sagas.run(saga.pk)
