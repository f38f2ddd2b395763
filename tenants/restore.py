"""An export loaded into a new workspace: verified first, from snapshots that this deployment recorded itself.

No SQL of an archive is ever run: its tables are made from the release's own snapshot, its rows are copied in.
"""

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, ProgrammingError, connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps import mail
from shared_apps.accounts import mails
from shared_apps.accounts.models import Purpose, User
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.module import Role
from shared_apps.kit.rows import uuid7
from shared_apps.mail.models import Message
from tenants import contract, departure, export, names, persons, provision, replay, sagas, stores
from tenants.archive import ArchiveReader, BadArchive, Manifest, Report
from tenants.keys import KeyStore
from tenants.ledger import Ledger
from tenants.models import CannotAct, Saga, Snapshot, State, Tenant
from tenants.schemas import snapshot

RESTORE = sagas.Kind("restore")
BLOCK = 1024 * 1024
CONTACT_FIELDS = (
    "company",
    "vat_number",
    "street",
    "postal_code",
    "city",
    "country",
    "language",
    "contact_name",
    "contact_email",
    "phone",
)


class CannotRestore(CannotAct, sagas.CannotGoOn):
    """The archive is refused; the message says why."""


def request(path: Path, secret: str | None, *, subdomain: str) -> Saga:
    """Check the name, then start a restore of the archive at `path`, opened with a passphrase or age secret key.

    The secret waits sealed to the new tenant's key. Raises names.BadName.
    """
    id, keys = uuid7(), KeyStore.default()
    with scope.shared():
        label = names.check(subdomain)
    keys.ensure(id)
    sealed = base64.b64encode(keys.seal(id, secret.encode())).decode() if secret else ""
    try:
        with scope.shared():
            return sagas.start(
                "restore",
                id,
                key=f"restore:{id}",
                data={"path": str(path.resolve()), "sealed": sealed, "label": label},
            )
    except BaseException:
        keys.destroy(id)
        raise


def opened(path: Path, secret: str | None) -> ArchiveReader:
    """A reader whose manifest is checked. Raises BadArchive with the reason."""
    try:
        reader = ArchiveReader(path, secret)
    except OSError as error:
        raise BadArchive(f"{path.name} can't be read: {error.strerror}.") from error
    try:
        reader.manifest(KeyStore.default().public_keys())
    except BaseException:
        reader.__exit__(None, None, None)
        raise
    return reader


def check_release(release: str, fingerprint: str) -> Snapshot:
    """The recorded snapshot that the rows fit. Raises CannotRestore when the archive is newer or of another shape."""
    with scope.shared():
        recorded = Snapshot.objects.filter(release=release).first()
    if recorded is None:
        if _ordered(release) > _ordered(settings.SMOALL_RELEASE):
            raise CannotRestore(
                f"It was made by release {release}; this is {settings.SMOALL_RELEASE}. Update first."
            )
        raise CannotRestore(f"It was made by release {release}, whose tables this deployment never recorded.")
    if recorded.fingerprint != fingerprint:
        raise CannotRestore(f"Its tables are not those of release {release}.")
    return recorded


@RESTORE.step(_("Verifying the archive"), outside=True, weight=3)
def verify(saga: Saga) -> None:
    """A refused archive leaves nothing behind, not even the key that waited for it."""
    with _refusing(saga), _reader(saga) as reader:
        check(reader)


@contextmanager
def _refusing(saga: Saga) -> Iterator[None]:
    try:
        yield
    except (BadArchive, CannotRestore) as error:
        KeyStore.default().destroy(saga.subject)
        raise CannotRestore(str(error)) from error


def check(reader: ArchiveReader) -> Report:
    """Every part of it, that its rows fit a release recorded here, and that no table lacks.

    Raises BadArchive, CannotRestore.
    """
    report = reader.verify(KeyStore.default().public_keys())
    if not report.is_sound or report.manifest is None:
        problem = report.problems[0]
        raise BadArchive(f"{problem.part}: {problem.reason}" if problem.part else problem.reason)
    recorded = check_release(report.manifest.release, report.manifest.fingerprint)
    _refuse_incomplete(report.manifest, recorded)
    _contact_details(reader)
    return report


def _refuse_incomplete(manifest: Manifest, recorded: Snapshot) -> None:
    """A signature says who made it, not that everything is in it."""
    tables = [table for table, _columns in export.exported_tables(recorded)]
    lacking = [name for name in ("shared.json", *map(_part_of, tables)) if name not in manifest.parts]
    if lacking:
        more = f" and {len(lacking) - 1} more parts" if len(lacking) > 1 else ""
        raise CannotRestore(f"It is incomplete: it lacks {lacking[0]}{more}.")
    uncounted = [table for table in tables if type(manifest.counts.get(table)) is not int]
    if uncounted:
        raise CannotRestore(f"It is incomplete: it does not say how many rows {uncounted[0]} has.")


@RESTORE.step(_("Loading the tables"), weight=4)
def load(saga: Saga) -> None:
    """Client, schema, rows and the row that names them, in one transaction; closed to everybody until the end."""
    with _refusing(saga), _reader(saga) as reader:
        manifest = reader.manifest(KeyStore.default().public_keys())
        recorded = check_release(manifest.release, manifest.fingerprint)
        client = _client(_contact_details(reader))
        contract.carry_over(client.pk, _shared(reader).get("terms") or [])
        tables = export.exported_tables(recorded)
        schema = scope.schema_of(saga.subject)

        def fill(cursor: Any) -> None:
            for table, columns in tables:
                names = ", ".join(f'"{column}"' for column in columns)
                with reader.open(_part_of(table)) as rows, _fitting(_part_of(table)):
                    cursor.copy_expert(
                        f"COPY {schema}.{table} ({names}) FROM STDIN (FORMAT csv, HEADER MATCH)", rows
                    )
                if cursor.rowcount != manifest.counts[table]:
                    raise CannotRestore(
                        f"{_part_of(table)}: {cursor.rowcount} rows instead of {manifest.counts[table]}."
                    )
                if export._is_numbered(table):
                    snapshot.restart_identity(cursor, schema, table)
            # Now, not at the commit: no migration may alter a table whose checks are still to come.
            with _fitting("rows/"):
                connection.check_constraints()

        tenant = provision.create(
            saga.subject,
            client=client,
            subdomain=saga.data["label"],
            person=None,
            by=scope.actor(),
            state=State.RESTORING,
            recorded=recorded,
            load=fill,
        )
        if recorded.release != settings.SMOALL_RELEASE:
            try:
                snapshot.bring_forward(tenant)
            except snapshot.Differs as error:
                raise CannotRestore(
                    f"Its tables can't be brought to release {settings.SMOALL_RELEASE}: {error}."
                ) from error
        said = manifest.about.get("origins")  # its workspace may be erased by now; older copies don't say
        before = said if said is not None else [str(one) for one in persons.origins_of(manifest.tenant)]
        saga.data |= {
            "origin": str(manifest.tenant),
            "before": before,
            "made_at": manifest.made_at.isoformat(),
        }


@RESTORE.step(_("Loading the files"), outside=True, weight=2)
def load_files(saga: Saga) -> None:
    root = stores.folder("files", saga.subject)
    with _reader(saga) as reader:
        for name in reader.names():
            if name.startswith("files/"):
                _place(reader, name, root / name.removeprefix("files/"))


@RESTORE.step(_("Taking out people who were erased since the copy was made"))
def erase_again(saga: Saga) -> None:
    """Whom the workspace that the copy is of had erased meanwhile, or one that was made of its copies.

    Before any mail leaves to one of them.
    """
    if "origin" not in saga.data:  # loaded by a release whose ledger knew of no person
        return
    made_at = datetime.fromisoformat(saga.data["made_at"])
    contact = Tenant.locked(saga.subject).client.contact_email.casefold()
    for entry in Ledger.default().people(UUID(saga.data["origin"]), since=made_at):
        gone = persons.redact_again(entry, saga)
        if gone and contact in (email.casefold() for email in gone.emails):
            saga.data["contact_is_gone"] = True


RESTORE.step(_("Removing files"), outside=True)(persons.remove_files)


@RESTORE.step(_("Opening the workspace"))
def open_doors(saga: Saga) -> None:
    """No session, link or waiting mail of the old workspace works here; its owners are told how to enter.

    Where none is left, erased since the copy was made, somebody is made one. Raises NotYet while a replay of the
    ledger has somebody to take out still.
    """
    tenant = Tenant.locked(saga.subject)
    if replay.owed(tenant.pk).exists():
        raise sagas.NotYet(timezone.now() + timedelta(minutes=5))
    url, now = tenant.url, timezone.now()
    with scope.tenant(tenant.id):
        Message.objects.filter(state=Message.State.QUEUED).update(state=Message.State.CANCELLED)
        owners = list(User.objects.owners())
        heir = None if owners else _heir()
        for owner in [heir] if heir else owners:
            mail.send(
                purpose="tenants.restored",
                to=owner.email,
                name=owner.name,
                language=owner.language,
                template="tenants/mail/restored",
                key=f"restored:{saga.pk}:{owner.id}",
                context={"link": url + owner.link(Purpose.RESET), "url": url, "is_heir": owner == heir},
            )
    is_led = owners or heir or ("contact_is_gone" not in saga.data and _invite_contact(tenant, now=now))
    if not is_led:
        replay.alarm(
            f"{tenant.pk}: restored, and nobody is left to look after it.", once=f"owner {tenant.pk}"
        )
    tenant._enter(State.ACTIVE, reason="", now=now)
    saga.data.pop("sealed", None)


def _heir() -> User | None:
    """The oldest administrator who may enter, an owner from now on; the history says so."""
    heir: User | None = (
        User.objects.entered().filter(role=Role.ADMIN.value).order_by("created_at", "id").first()
    )
    if heir:
        heir.role = Role.OWNER.value
        heir.save(update_fields=["role"])
    return heir


def _invite_contact(tenant: Tenant, *, now: datetime) -> bool:
    """Who speaks for the client towards Smoall becomes its owner, by an invitation.

    False when the workspace knows that address already, as a member's or of somebody deactivated: operators decide then.
    """
    client, url = tenant.client, tenant.url
    with scope.tenant(tenant.id):
        if User.objects.by_email(client.contact_email):
            return False
        invited = User.objects.create_user(
            email=client.contact_email,
            name=client.contact_name or client.company,
            role=Role.OWNER.value,
            language=client.language,
        )
        invited.invited_at = now
        invited.save(update_fields=["invited_at"])
        mails.invited_by_nobody(invited, url=url, place=client.company)
    return True


def _reader(saga: Saga) -> ArchiveReader:
    sealed = saga.data.get("sealed")
    secret = KeyStore.default().unseal(saga.subject, base64.b64decode(sealed)).decode() if sealed else None
    return opened(Path(saga.data["path"]), secret)


def _part_of(table: str) -> str:
    return f"rows/{table}.csv"


@contextmanager
def _fitting(part: str) -> Iterator[None]:
    """What the database refuses today it refuses tomorrow. Its own words may hold a row's: they are not kept."""
    try:
        with connection.wrap_database_errors:
            yield
    except (DataError, IntegrityError, ProgrammingError) as error:
        raise CannotRestore(f"{part}: the rows do not fit the tables.") from error


def _shared(reader: ArchiveReader) -> dict[str, Any]:
    """Raises ValueError when it is no JSON object."""
    said = json.loads(reader.read("shared.json"))
    if not isinstance(said, dict):
        raise ValueError("shared.json")
    return said


def _contact_details(reader: ArchiveReader) -> Client:
    """What shared.json says of the client, as a row not saved. Raises CannotRestore."""
    try:
        known = _shared(reader)["client"]
        client = Client(id=UUID(known["id"]), **{name: known[name] for name in CONTACT_FIELDS})
        client.clean_fields(exclude=["company_folded"])
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotRestore("shared.json: the contact details are not usable.") from error
    return client


def _client(known: Client) -> Client:
    """The client whose export it is when it still has contact details here and no workspace; else a new one.

    It is no longer leaving then.
    """
    found = Client.objects.filter(pk=known.pk, tenant=None).first()
    if found and departure.note_return(found.pk, now=timezone.now()):
        return found
    client = Client(**{name: getattr(known, name) for name in CONTACT_FIELDS})
    client.save()
    return client


def _place(reader: ArchiveReader, name: str, place: Path) -> None:
    """Beside its place first, moved there once its hash was right."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place.with_name(place.name[:200] + ".part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with reader.open(name) as source, os.fdopen(descriptor, "wb") as target:
        for block in _blocks(source):
            target.write(block)
    draft.replace(place)


def _blocks(source: Any) -> Iterator[bytes]:
    while block := source.read(BLOCK):
        yield block


def _ordered(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".") if part.isdigit())
