"""What stands where: every client with its state, release and size; and what does not fit together."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import time
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import ProgrammingError, connection, router
from django.db.models import Count, FileField
from django.utils import timezone
from django_q.models import OrmQ

from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from tenants import gate, replay, retention, roles
from tenants.keys import KeyStore
from tenants.ledger import Ledger, LedgerBroken
from tenants.models import Departure, Instruction, PoolSchema, Saga, SignUp, State, Tenant
from tenants.schemas import drift, releases
from tenants.schemas.snapshot import TEMPLATE

SIZES = """
    SELECT n.nspname, (
        SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c
         WHERE c.relkind = 'r' AND c.oid = ANY (ARRAY(
               SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass
                  AND d.refobjid = n.oid AND d.classid = 'pg_class'::regclass)))
      FROM pg_namespace n WHERE n.nspname = ANY (%s)
"""
AT_ONCE = 50  # workspaces whose sizes are asked for in one statement
FOLDERS = ("files", "exports", "mails")
UNCOMMITTED = 3600  # seconds that a file or a client may wait for the transaction which names it


# One statement, whatever the number of workspaces: counts come from an index.
STATUS = """
    SELECT release, fingerprint, count(*) AS workspaces FROM tenants_tenant GROUP BY release, fingerprint
     UNION ALL SELECT NULL, fingerprint, 0 FROM tenants_snapshot WHERE release = %s
     ORDER BY release DESC, workspaces DESC
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """So many workspaces have the tables of that release."""

    release: str
    fingerprint: str
    workspaces: int
    is_current: bool
    is_served: bool  # whether this code works on these tables: else their people see the maintenance page


@dataclass(frozen=True, slots=True)
class Status:
    """How the fleet stands towards this release's snapshot."""

    release: str
    fingerprint: str
    standings: tuple[Standing, ...]

    @property
    def workspaces(self) -> int:
        return sum(one.workspaces for one in self.standings)

    @property
    def behind(self) -> int:
        return sum(one.workspaces for one in self.standings if not one.is_current)


def release() -> str:
    """The release of this code."""
    return str(settings.SMOALL_RELEASE)


def status() -> Status:
    """Who has which tables. In one query over the fleet; the rows behind are found by waves.behind."""
    with scope.shared(), connection.cursor() as cursor:
        cursor.execute(STATUS, [release()])
        rows = cursor.fetchall()
    wanted = next((fingerprint for of, fingerprint, *_ in rows if of is None), "")
    standings = tuple(
        Standing(of, fingerprint, number, of == release() and fingerprint == wanted, releases.serves(of))
        for of, fingerprint, number in rows
        if of is not None
    )
    return Status(release(), wanted, standings)


def sizes(tenants: list[Tenant]) -> dict[UUID, int]:
    """Bytes of each tenant's tables and indexes, over just these tenants, some in one statement.

    Their size is asked of each table, which the backend then remembers for ever, two thirds of a megabyte a workspace:
    so the connection has been in all of them, and is exchanged between two statements where no transaction is open.
    """
    found: dict[UUID, int] = {}
    for first in range(0, len(tenants), AT_ONCE):
        schemas = [tenant.schema_name for tenant in tenants[first : first + AT_ONCE]]
        with scope.shared(), connection.cursor() as cursor:
            cursor.execute(SIZES, [schemas])
            found |= {scope.tenant_of(schema): int(size) for schema, size in cursor.fetchall()}
            cursor.db.touched.update(schemas)
    return found


def problems(drifted: Iterable[drift.Found] | None = None) -> Iterator[str]:
    """Everything that does not fit together, a sentence each: rows, schemas, roles, files, keys, queue, ledger.

    `drifted`: what drift.look found a moment ago, when somebody looked already.
    """
    with scope.shared():
        tenants = {tenant.id: tenant for tenant in Tenant.objects.prefetch_related("domains")}
        pooled = dict(PoolSchema.objects.values_list("pk", "is_ready"))
        working = set(
            Saga.objects.exclude(status__in=("done", "cancelled")).values_list("subject", flat=True)
        )
    yield from _schemas(tenants, pooled)
    yield from _drift(tenants, drifted)
    yield from _addresses(tenants)
    yield from _folders(tenants, working)
    yield from _files(tenants)
    yield from _keys(tenants, working)
    yield from _queue(tenants)
    yield from _departures()
    yield from _proofs()
    yield from _ledger(tenants)
    yield from _roles()


def _schemas(tenants: dict[UUID, Tenant], pooled: dict[UUID, bool]) -> Iterator[str]:
    """A pool row that isn't ready may have no schema yet: the next refill makes an end of it."""
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%%'")
        found = {scope.tenant_of(name) for (name,) in cursor.fetchall() if scope.SCHEMA_NAME.match(name)} - {
            TEMPLATE
        }
    known = tenants.keys() | pooled.keys()
    orphans = found - known
    if orphans:  # one that was opened or filled since the rows were read is none
        with scope.shared():
            orphans -= set(Tenant.objects.filter(pk__in=orphans).values_list("pk", flat=True))
            orphans -= set(PoolSchema.objects.filter(pk__in=orphans).values_list("pk", flat=True))
    for id in sorted(orphans, key=str):
        yield f"schema {scope.schema_of(id)} belongs to no client"
    for id in sorted(tenants.keys() - found, key=str):
        yield f"client {tenants[id].subdomain} ({id}) has no schema"
    for id in sorted({id for id, is_ready in pooled.items() if is_ready} - found, key=str):
        yield f"the pool's schema {scope.schema_of(id)} is gone"


def _drift(tenants: dict[UUID, Tenant], drifted: Iterable[drift.Found] | None) -> Iterator[str]:
    for one in drift.look() if drifted is None else drifted:
        if one.tenant in tenants:
            more = f" and {len(one.differences) - 3} more" if len(one.differences) > 3 else ""
            yield (
                f"client {tenants[one.tenant].subdomain} ({one.tenant}): its tables differ from those of release "
                f"{one.release}: {'; '.join(one.differences[:3])}{more}"
            )


def _addresses(tenants: dict[UUID, Tenant]) -> Iterator[str]:
    for tenant in tenants.values():
        if not tenant.subdomain:
            yield f"client {tenant.id} has no address"


def _folders(tenants: dict[UUID, Tenant], working: set[UUID]) -> Iterator[str]:
    with scope.shared():  # mails of the shared outbox stand below the client or sign-up that they are about
        outside = {*Client.objects.values_list("pk", flat=True), *SignUp.objects.values_list("pk", flat=True)}
    for name in FOLDERS:
        known = tenants.keys() | working | (outside if name == "mails" else set())
        place = Path(settings.SMOALL_DATA) / name
        for entry in sorted(place.iterdir()) if place.is_dir() else []:
            if entry.name != "shared" and _uuid(entry.name) not in known:
                yield f"folder {name}/{entry.name} belongs to no client"


def _files(tenants: dict[UUID, Tenant]) -> Iterator[str]:
    """Files that no row names, left by a process that died before it could commit, and rows whose file is gone."""
    for id, tenant in tenants.items():
        if tenant.state == State.RESTORING:
            continue
        root = Path(settings.SMOALL_DATA) / "files" / str(id)
        found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        try:
            named = _named_files(id)
        except ProgrammingError:  # its schema is gone: said already
            continue
        for name in sorted(named - found.keys()):
            yield f"client {tenant.subdomain} ({id}): its file {name} is gone"
        for name in sorted(found.keys() - named):
            if _is_old(found[name]):
                yield f"client {tenant.subdomain} ({id}): no row names its file {name}"


def _is_old(path: Path) -> bool:
    """There for longer than the transaction may take that names it."""
    with suppress(FileNotFoundError):
        return path.stat().st_mtime < time() - UNCOMMITTED
    return False


def _named_files(id: UUID) -> set[str]:
    """What the rows of a tenant say that their files are called."""
    with scope.tenant(id):
        models = [model for model in apps.get_models() if router.allow_migrate_model("default", model)]
        fields = [(model, f) for model in models for f in model._meta.fields if isinstance(f, FileField)]
        return {
            name
            for model, field in fields
            for name in model._default_manager.exclude(**{field.name: ""}).values_list(field.name, flat=True)
        }


def _keys(tenants: dict[UUID, Tenant], working: set[UUID]) -> Iterator[str]:
    """A schema of the pool has no key; a workspace that came from there has one a moment after it was opened."""
    with scope.shared():
        waiting = Saga.objects.filter(kind="open").exclude(status__in=("done", "cancelled", "failed"))
        opening = set(waiting.values_list("subject", flat=True))
    held = set(KeyStore.default().listing())
    orphans = held - tenants.keys() - working
    if orphans:
        with scope.shared():
            orphans -= set(Tenant.objects.filter(pk__in=orphans).values_list("pk", flat=True))
            orphans -= set(Saga.objects.filter(subject__in=orphans).values_list("subject", flat=True))
    for id in sorted(orphans, key=str):
        yield f"key {id} belongs to no client"
    for id in sorted(tenants.keys() - held - opening, key=str):
        yield f"client {tenants[id].subdomain} ({id}) has no key"


def _queue(tenants: dict[UUID, Tenant]) -> Iterator[str]:
    """Jobs of clients that are gone, and queue entries that wake nobody."""
    with scope.shared():
        orphans = Job.objects.exclude(tenant_uuid=None).exclude(tenant_uuid__in=tenants)
        for id, count in orphans.order_by().values_list("tenant_uuid").annotate(Count("pk")):
            yield f"{count} jobs belong to {id}, which is no client"
        known = {str(id) for id in Job.objects.values_list("pk", flat=True)}
        lost = sum(entry.task.get("name") not in known for entry in OrmQ.objects.iterator())
    if lost:
        yield f"{lost} entries of the queue name a job that does not exist"


def _departures() -> Iterator[str]:
    """Clients that leave by no notice, notices that nobody leaves by, details without a last day, and what is late.

    The clients are looked at anew: the looks before may have taken minutes.
    """
    now = timezone.now()
    with scope.shared():
        tenants = {tenant.id: tenant for tenant in Tenant.objects.prefetch_related("domains")}
        standing = list(Departure.objects.standing())
        settled = Client.objects.filter(created_at__lt=now - timedelta(seconds=UNCOMMITTED), tenant=None)
        endless = [one.pk for one in settled.exclude(pk__in={one.client_uuid for one in standing})]
        overdue = retention.late(now)
    by_tenant = {one.tenant_uuid: one for one in standing if one.data_erased_at is None}
    for id, tenant in tenants.items():
        leaves = tenant.is_leaving or tenant.state == State.ERASING
        if leaves and id not in by_tenant:
            yield f"client {tenant.subdomain} ({id}) is {tenant.state} without a notice"
        if not leaves and id in by_tenant:
            yield f"client {tenant.subdomain} ({id}) is {tenant.state}, but has given notice"
    for id in sorted(by_tenant.keys() - tenants.keys(), key=str):
        yield f"departure of {id}: its data is not erased, but there is no such client"
    for id in sorted(endless, key=str):
        yield f"contact details of {id} are kept without a last day"
    for one in overdue:
        yield f"{one.category} of {one.tenant}: the erasure is late, due since {one.since:%Y-%m-%d %H:%M} UTC"


def _proofs() -> Iterator[str]:
    """What clients wrote about leaving: files that no instruction names, and instructions whose file is gone."""
    root = Path(settings.SMOALL_DATA) / "files" / "shared"
    found = {path.relative_to(root).as_posix(): path for path in (root / "departures").rglob("*")}
    with scope.shared():
        named = set(Instruction.objects.exclude(proof="").values_list("proof", flat=True))
    for name in sorted(named - found.keys()):
        yield f"file shared/{name}, which an instruction names, is gone"
    for name in sorted(found.keys() - named):
        if _is_old(found[name]):
            yield f"no instruction names the file shared/{name}"


def _ledger(tenants: dict[UUID, Tenant]) -> Iterator[str]:
    try:
        erased = {
            recorded.entry.tenant for recorded in Ledger.default().entries() if recorded.entry.kind == "data"
        }
        found = gate.compare()
    except LedgerBroken as error:
        yield f"erasure ledger: {error}"
        return
    if not found.is_open:
        yield f"erasure ledger: {found.why}"
    for id in sorted(erased & tenants.keys(), key=str):
        yield f"client {tenants[id].subdomain} ({id}) was erased, says the ledger, but is there"
    with scope.shared():
        closed = set(replay.owed().values_list("subject", flat=True)) & tenants.keys()
    for id in sorted(closed, key=str):
        yield f"client {tenants[id].subdomain} ({id}) is closed: somebody who was erased stands there again"


def _roles() -> Iterator[str]:
    """The runtime roles' rights, as the catalog knows them."""
    crossings = """
        SELECT grantee, table_schema || '.' || table_name FROM information_schema.role_table_grants
         WHERE (grantee = %s AND table_schema LIKE 't\\_%%') OR (grantee = %s AND table_schema = 'public')
            OR (grantee IN (%s, %s, 'PUBLIC') AND table_schema NOT IN ('pg_catalog', 'information_schema', 'ext'))
         LIMIT 20
    """
    with scope.owner(), connection.cursor() as cursor:
        cursor.execute(crossings, [roles.SHARED, roles.TENANT, roles.WEB, roles.WORKER])
        for grantee, table in cursor.fetchall():
            yield f"role {grantee} has a right on {table}"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
