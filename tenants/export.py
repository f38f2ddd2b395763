"""Taking a client's data out: one archive of everything, written as a stream and encrypted to its recipient (P29).

The container is archive/'s matter. Here: what goes in, in one repeatable-read transaction, and the saga that makes
an export for an owner.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO
from uuid import UUID

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import ProgrammingError, connection, transaction
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.history.models import Event
from shared_apps.integrators.models import Link, Look
from shared_apps.jobs import job
from shared_apps.kit import scope
from shared_apps.kit.module import all_holdings
from shared_apps.legal.models import Acceptance
from shared_apps.legal.models import Notice as PolicyNotice
from shared_apps.requests.models import Notice, Request
from shared_apps.sharing.models import Disclosure
from tenants import persons, sagas, stores
from tenants.archive import ArchiveWriter, BadRecipient, ManifestFields, Written, age, parse_recipient
from tenants.keys import KeyStore
from tenants.models import CannotAct, Departure, Export, Saga, Snapshot, State, Tenant
from tenants.requests import role_of
from tenants.roles import EXTENSIONS
from tenants.schemas import snapshot
from tenants.schemas.script import sqlstate

NEUTRAL = "workspace"  # the schema's name in an archive
KEPT = timedelta(days=7)
BATCH = 20_000  # rows of one COPY: what is held in memory at once
BLOCK = 1024 * 1024
UNUSABLE = "!"  # what stands in place of a secret: Django takes it for a password that opens nothing
GONE = {"42P01", "3F000"}  # undefined table, undefined schema
EXPORT = sagas.Kind("export")
Progress = Callable[[int, Any], None]


# --- the archive ------------------------------------------------------------------------------------------


def write(
    id: UUID,
    target: BinaryIO,
    recipients: Sequence[str | age.Recipient] | None,
    *,
    now: datetime,
    progress: Progress = lambda percent, doing: None,
) -> Written:
    """Everything of a tenant as one archive into `target`. Constant memory; reads one moment of the database.

    Must be called outside a transaction: it opens its own. Raises CannotAct when the workspace is gone or
    closed for a repair.
    """
    with scope.shared():
        standing(id)
    with ArchiveWriter(target, recipients, keys=KeyStore.default(), made_at=now) as archive:
        with one_moment(id) as (cursor, tenant, recorded):
            with scope.shared():
                shared = json.dumps(shared_rows(tenant), cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
                origins = [str(one) for one in persons.origins_of(id)]
            tables = exported_tables(recorded)
            schema, triggers = _ddl(recorded)
            archive.add_bytes("schema.sql", schema.encode())
            archive.add_bytes("triggers.sql", triggers.encode())
            archive.add_bytes("restore.sql", _restore_script(tables).encode())
            archive.add_bytes("shared.json", shared.encode())
            counts = {}
            for number, (table, columns) in enumerate(tables):
                progress(80 * number // len(tables), _("Copying the tables"))
                rows = Rows(cursor, table, columns)
                archive.add(f"rows/{table}.csv", rows)
                counts[table] = rows.count
        progress(80, _("Copying the files"))
        for name, path in _files(id):
            archive.add(f"files/{name}", _blocks(path))
        written = archive.close(
            ManifestFields(
                release=recorded.release,
                fingerprint=recorded.fingerprint,
                tenant=id,
                counts=counts,
                about={"tables": tables, "origins": origins},
            )
        )
    progress(100, _("Done"))
    return written


@contextmanager
def one_moment(id: UUID) -> Iterator[tuple[Any, Tenant, Snapshot]]:
    """A cursor in a workspace's scope, READ ONLY, in one moment of the database; its row and its tables as of that moment.

    A migration that rewrites a table leaves it empty for whoever's moment is older. So the tables are locked before the
    moment begins (LOCK TABLE takes none): a wave finds the workspace in use, or was first, and then all is read anew.
    So it is when a table went meanwhile, by a wave or with the workspace. Raises CannotAct.
    """
    missed = ""
    while True:
        with scope.shared():
            recorded = Snapshot.objects.get(release=standing(id).release)
        tables = ", ".join(table for table, _columns in exported_tables(recorded))
        with scope.tenant(id), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            try:
                cursor.execute(f"LOCK TABLE {tables} IN ACCESS SHARE MODE")
            except ProgrammingError as error:
                # Once more and no oftener: it may be a table that its release should have.
                if sqlstate(error) not in GONE or missed == recorded.release:
                    raise
                missed = recorded.release
                transaction.set_rollback(True)
                continue
            with scope.shared():
                tenant = standing(id)
            if tenant.release == recorded.release:
                yield cursor, tenant, recorded
                return


def standing(id: UUID) -> Tenant:
    """The workspace, with its client and addresses. In the shared scope. Raises CannotAct."""
    found = Tenant.objects.select_related("client").prefetch_related("domains").filter(pk=id)
    tenant: Tenant | None = found.first()
    if tenant is None:
        raise CannotAct(_now("This workspace does not exist any more."))
    if tenant.is_under_repair:  # it may hold somebody who was erased
        raise CannotAct(_now("This workspace is closed."))
    return tenant


def exported_tables(recorded: Snapshot) -> list[list[Any]]:
    """[table, columns] that leave with an export, in an order that loads: all but those whose holding says "no"."""
    withheld = {
        apps.get_model(holding.what)._meta.db_table
        for holding in all_holdings()
        if holding.exported == "no" and holding.what.count(".") == 1 and ":" not in holding.what
    }
    return [[table, columns] for table, columns in recorded.tables if table not in withheld]


def secret_columns() -> dict[str, set[str]]:
    """{table: columns} that leave as `UNUSABLE`."""
    return {
        apps.get_model(holding.what)._meta.db_table: set(holding.secret)
        for holding in all_holdings()
        if holding.secret
    }


def _one_of(cursor: Any, keys: Sequence[Any]) -> str:
    if not keys:
        return "false"
    kind = "uuid[]" if isinstance(keys[0], UUID) else "bigint[]"
    return str(cursor.mogrify(f"id = ANY(%s::{kind})", [[*map(str, keys)]]).decode())


class Rows:
    """One table as CSV with a header, ordered by its key, in blocks of whole rows; `count` after they are read."""

    def __init__(
        self, cursor: Any, table: str, columns: list[str], *, only: Sequence[Any] | None = None
    ) -> None:
        """`only`: the keys of the rows that are wanted, where it isn't all of them."""
        self.cursor, self.table, self.count = cursor, table, 0
        self.only = None if only is None else _one_of(cursor, only)
        hidden = secret_columns().get(table, set())
        self.columns = ", ".join(f"'{UNUSABLE}' AS \"{c}\"" if c in hidden else f'"{c}"' for c in columns)

    def __iter__(self) -> Iterator[bytes]:
        after: Any = None
        while True:
            block, rows = self._copy(after)
            yield block
            self.count += rows
            if rows < BATCH:
                return
            after = self._last(after)

    def _copy(self, after: Any) -> tuple[bytes, int]:
        held = BytesIO()
        select = f"SELECT {self.columns} FROM {self.table} {self._where(after)} ORDER BY id LIMIT {BATCH}"
        header = "" if after else ", HEADER"
        self.cursor.copy_expert(f"COPY ({select}) TO STDOUT (FORMAT csv{header})", held)
        return held.getvalue(), self.cursor.rowcount

    def _last(self, after: Any) -> Any:
        self.cursor.execute(
            f"SELECT id FROM {self.table} {self._where(after)} ORDER BY id OFFSET {BATCH - 1} LIMIT 1"
        )
        return self.cursor.fetchone()[0]

    def _where(self, after: Any) -> str:
        later = f"id > '{after}'" if after else ""  # a UUID or a number that the database itself gave
        asked = " AND ".join(filter(None, (self.only, later)))
        return f"WHERE {asked}" if asked else ""


# What modules above hold about a client: {part of shared.json: JSON values}. They join in their apps' `ready`.
sources: list[Callable[[Tenant], Mapping[str, Any]]] = []


def shared_rows(tenant: Tenant) -> dict[str, Any]:
    """What the shared schema holds about a client, as JSON values (holdings with exported="shared")."""
    client = tenant.client
    rows = {
        "client": {
            field.name: getattr(client, field.attname)
            for field in client._meta.concrete_fields
            if field.editable or field.name == "id"
        },
        "workspace": {
            "id": tenant.id,
            "state": tenant.state,
            "release": tenant.release,
            "created_at": tenant.created_at,
            "addresses": sorted(domain.domain for domain in tenant.domains.all()),
        },
        "terms": list(
            Acceptance.objects.filter(client_uuid=client.pk).values(
                "kind", "version", "language", "sha256", "accepted_at"
            )
        ),
        "notices": list(
            PolicyNotice.objects.filter(client_uuid=client.pk).values(
                "publication__kind", "publication__version", "language", "told_at"
            )
        ),
        "integrators": [
            {
                "name": link.organisation.name,
                "proposed_at": link.proposed_at,
                "accepted_at": link.accepted_at,
                "ended_at": link.ended_at,
                "ended_by": link.ended_by,
            }
            for link in Link.objects.filter(client=client).select_related("organisation")
        ],
        "looks": list(Look.objects.filter(client=client).values("organisation__name", "person", "on", "at")),
        "disclosures": list(
            Disclosure.objects.filter(client_uuid=client.pk).values(
                "verification__partner__name", "verification__sha256", "categories", "why", "at"
            )
        ),
        "requests": list(
            Request.objects.filter(client_uuid=client.pk).values(
                "kind",
                "channel",
                "from_name",
                "received_on",
                "due_on",
                "text",
                "extended_because",
                "answered_at",
                "closed_at",
                "answer",
            )
        ),
        "breaches": list(
            Notice.objects.filter(client_uuid=client.pk).values(
                "breach__summary", "breach__found_at", "told_at"
            )
        ),
        "exports": list(
            Export.objects.filter(tenant_uuid=tenant.id).values(
                "created_at", "taken_at", "recipient", "size", "sha256"
            )
        ),
        "departures": [
            {
                "noticed_at": one.noticed_at,
                "received_on": one.received_on,
                "data_promised_on": one.data_promised_on,
                "contacts_promised_on": one.contacts_promised_on,
                "data_on": one.data_on,
                "contacts_on": one.contacts_on,
                "withdrawn_at": one.withdrawn_at,
                "instructions": list(one.instructions.values("kind", "category", "on", "given_at")),
            }
            for one in Departure.objects.filter(tenant_uuid=tenant.id).prefetch_related("instructions")
        ],
    }
    for source in sources:
        rows |= source(tenant)
    return rows


def _ddl(recorded: Snapshot) -> tuple[str, str]:
    """The schema without its triggers, and the triggers: they come after the rows, so that loading writes no history."""
    statements = list(snapshot.split(recorded.ddl.replace(recorded.schema, NEUTRAL)))
    triggers = [statement for statement in statements if snapshot.is_trigger(statement)]
    return "\n".join(s for s in statements if s not in triggers) + "\n", "\n".join(triggers) + "\n"


def _restore_script(tables: list[list[Any]]) -> str:
    """psql alone, PostgreSQL 15 or later: no roles, no owners; all or nothing."""
    lines = [
        "-- Loads this export into an empty database, as a schema named workspace:",
        "--   psql -v ON_ERROR_STOP=1 -d DATABASE -f restore.sql      (in this folder)",
        "\\set ON_ERROR_STOP on",
        "BEGIN;",
        "CREATE SCHEMA IF NOT EXISTS ext;",
        *(f"CREATE EXTENSION IF NOT EXISTS {name} SCHEMA ext;" for name in EXTENSIONS),
        "\\ir schema.sql",
        "SET CONSTRAINTS ALL DEFERRED;",
    ]
    for table, columns in tables:
        names = ", ".join(f'"{column}"' for column in columns)
        lines.append(f"\\copy {NEUTRAL}.{table} ({names}) FROM 'rows/{table}.csv' WITH (FORMAT csv, HEADER)")
    lines += [
        f"SELECT setval(s, (SELECT coalesce(max(id), 0) + 1 FROM {NEUTRAL}.{table}), false)"
        f" FROM pg_get_serial_sequence('{NEUTRAL}.{table}', 'id') AS s WHERE s IS NOT NULL;"
        for table, _columns in tables
        if _is_numbered(table)
    ]
    return "\n".join([*lines, "\\ir triggers.sql", "COMMIT;", ""])


def _is_numbered(table: str) -> bool:
    """Whether the table's key is a number that the database gives: everything but our own UUIDs."""
    models = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    return table not in models or models[table]._meta.pk.get_internal_type() != "UUIDField"


def _files(id: UUID) -> Iterator[tuple[str, Path]]:
    root = stores.folder("files", id)
    for path in sorted(root.rglob("*")) if root.is_dir() else []:
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(root).as_posix(), path


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


# --- an export for an owner -------------------------------------------------------------------------------


def request(id: UUID, secret: str, *, now: datetime, for_user: UUID | None = None) -> Export:
    """Start an export, encrypted to a passphrase or an age1… key. The author is the scope's.

    The passphrase is kept sealed to the tenant's key until the file is written, and nowhere else. `for_user`: who is
    told when it is ready. Raises CannotAct, archive.BadRecipient.
    """
    recipient = parse_recipient(secret)
    with scope.shared():
        tenant = Tenant.locked(id)
        if tenant.state in (State.ERASING, State.RESTORING):
            raise CannotAct(_now("This workspace is closed."))
        if Export.objects.filter(tenant_uuid=id, ready_at=None, expires_at__gt=now).exists():
            raise CannotAct(_now("A copy is being made already."))
        export = Export.objects.create(
            tenant_uuid=id,
            requested_by=role_of(scope.actor()),
            created_at=now,
            expires_at=now + KEPT,
            recipient="passphrase" if isinstance(recipient, age.Passphrase) else "age",
        )
        sealed = base64.b64encode(KeyStore.default().seal(id, secret.encode())).decode()
        data = {"export": str(export.id), "sealed": sealed, "user": str(for_user) if for_user else ""}
        saga = sagas.start("export", id, key=f"export:{export.id}", data=data)
        export.saga = saga.pk
        export.save(update_fields=["saga"])
    return export


def keep_key(id: UUID, key: str) -> None:
    """Remember the owners' public age key: copies that an operator starts are encrypted to it. "" forgets it.

    Raises archive.BadRecipient for what is no age key: a passphrase is kept nowhere.
    """
    if key and isinstance(parse_recipient(key), age.Passphrase):
        raise BadRecipient("key", _now("This is not a public age key (age1…)."))
    with scope.shared():
        tenant = Tenant.locked(id)
        tenant.copies_key = key
        tenant.save(update_fields=["copies_key"])


def start_for_owners(id: UUID, *, now: datetime) -> Export | None:
    """Start a copy that only the owners can open, and take: for an operator, who gets no byte of it.

    None where they keep no key here: then they have to be asked. Every owner is told when it is ready.
    Raises CannotAct.
    """
    with scope.shared():
        key = Tenant.locked(id).copies_key
        return request(id, key, now=now) if key else None


def note(what: Event.What, export: Export) -> None:
    """Say it in the client's own history, in the tenant's scope, as whoever acts."""
    Event.objects.create(what=what, note=f"{filesizeformat(export.size)}, SHA-256 {export.sha256[:16]}…")


def path_of(export: Export) -> Path:
    return stores.folder("exports", export.tenant_uuid) / f"{export.id}.age"


@EXPORT.step(_("Copying the data"), outside=True, weight=9)
def copy(saga: Saga) -> None:
    """Written beside its place and moved there when whole: done again after a crash, from the beginning.

    Raises NotYet while the workspace is closed for a restore or a replay: it may hold somebody who was erased.
    """
    with scope.shared():
        tenant = Tenant.objects.filter(pk=saga.subject).first()
        if tenant is not None and tenant.is_under_repair:
            raise sagas.NotYet(timezone.now() + timedelta(hours=1))
        export = Export.objects.get(pk=saga.data["export"])
    secret = KeyStore.default().unseal(saga.subject, base64.b64decode(saga.data["sealed"])).decode()
    place = path_of(export)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place.with_suffix(".part")
    try:
        with draft.open("wb") as file:
            written = write(
                saga.subject,
                file,
                [parse_recipient(secret)],
                now=timezone.now(),
                progress=lambda percent, doing: sagas.report(saga, percent, doing),
            )
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)  # on a full disk it would keep it full
        raise
    draft.replace(place)
    saga.data |= {"size": written.bytes, "sha256": written.sha256}


@EXPORT.step(_("Telling who asked for it"))
def announce(saga: Saga) -> None:
    saga.data.pop("sealed", None)
    export = Export.objects.select_for_update().get(pk=saga.data["export"])
    export.ready_at, export.size, export.sha256 = timezone.now(), saga.data["size"], saga.data["sha256"]
    export.save(update_fields=["ready_at", "size", "sha256"])
    tenant = Tenant.objects.select_related("client").prefetch_related("domains").get(pk=saga.subject)
    with scope.tenant(tenant.id):
        note(Event.What.COPY_MADE, export)
        wanted = (
            User.objects.filter(pk=saga.data["user"] or None) if saga.data["user"] else User.objects.owners()
        )
        for person in wanted:
            mail.send(
                purpose="tenants.export",
                to=person.email,
                name=person.name,
                language=person.language,
                template="tenants/mail/export_ready",
                key=f"export:{export.id}:{person.id}",
                context={
                    "company": tenant.client.company,
                    "link": f"{tenant.url}/workspace/exports/",
                    "expires_at": export.expires_at,
                },
            )


def take(export_id: UUID, *, now: datetime) -> tuple[Export, IO[bytes]]:
    """Hand the file out, once: it leaves the disk as soon as it is open. Raises CannotAct."""
    with scope.shared():
        export = Export.objects.select_for_update().filter(pk=export_id).first()
        if export is None or export.ready_at is None:
            raise CannotAct(_now("This copy is not ready."))
        if export.taken_at is not None:
            raise CannotAct(_now("This copy was taken already. Make a new one."))
        if export.expires_at <= now or not path_of(export).exists():
            raise CannotAct(_now("This copy has expired. Make a new one."))
        export.taken_at = now
        export.save(update_fields=["taken_at"])
        with scope.tenant(export.tenant_uuid):
            note(Event.What.COPY_TAKEN, export)
        file = path_of(export).open("rb")
        transaction.on_commit(lambda: path_of(export).unlink(missing_ok=True))
    return export, file


@job(purpose="tenants.export")
def tidy() -> None:
    expire(timezone.now())


def expire(now: datetime) -> int:
    """Remove copies that nobody took in time, and passphrases that wait for nothing any more. How many copies."""
    with scope.shared():
        late = list(Export.objects.filter(expires_at__lte=now, taken_at=None))
        over = Saga.objects.filter(kind="export", status__in=sagas.OVER, data__has_key="sealed")
        for saga in over.select_for_update():
            del saga.data["sealed"]
            saga.save(update_fields=["data", "updated_at"])
    removed = 0
    for export in late:
        path_of(export).with_suffix(".part").unlink(missing_ok=True)  # of one that was killed too often
        if path_of(export).exists():
            path_of(export).unlink(missing_ok=True)
            removed += 1
    return removed
