"""Every place outside the shared tables where a tenant's data stands: counted for certificates, emptied by an erasure."""

import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from shared_apps import jobs, mail
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from tenants.keys import KeyStore
from tenants.schemas.fingerprint import members

FOLDERS = {
    "files": "files",
    "exports": "exports",
    "mails": "outbox",
}  # folder below SMOALL_DATA: the certificate's code


def folder(kind: str, id: UUID) -> Path:
    """`<data>/<kind>/<tenant uuid>`."""
    return Path(settings.SMOALL_DATA) / kind / str(id)


def count(id: UUID) -> list[dict[str, Any]]:
    """[{store, what, count}]: rows of each table, files of each folder, jobs, key. Zero everywhere once erased."""
    found = [{"store": "schema", "what": table, "count": rows} for table, rows in _rows(id)]
    found += [
        {"store": code, "what": kind, "count": files_in(folder(kind, id))} for kind, code in FOLDERS.items()
    ]
    with scope.shared():
        found.append({"store": "queue", "what": "jobs", "count": Job.objects.filter(tenant_uuid=id).count()})
    found.append({"store": "key", "what": "key", "count": int(KeyStore.default().exists(id))})
    return found


def purge(id: UUID) -> None:
    """Remove files, exports, jobs, queue entries and mails of a tenant. May be done again."""
    with scope.shared():
        jobs.purge(id)
        mail.purge(id)
    for kind in FOLDERS:
        if folder(kind, id).exists():
            shutil.rmtree(folder(kind, id))


def has_schema(id: UUID) -> bool:
    """Whether the tenant's tables are there."""
    with scope.shared(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [scope.schema_of(id)])
        return cursor.fetchone() is not None


def _rows(id: UUID) -> list[tuple[str, int]]:
    schema = scope.schema_of(id)
    with scope.owner(tenant=id), connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NULL", [schema])
        if cursor.fetchone()[0]:
            return []
        tables = [member.name for member in members(schema) if member.kind == "table"]
        if not tables:
            return []
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {schema}.{name}" for name in tables)
        )
        return [(name, rows) for name, rows in cursor.fetchall()]


def files_in(place: Path) -> int:
    """How many files there are below a folder, which need not exist."""
    return sum(1 for entry in place.rglob("*") if entry.is_file()) if place.is_dir() else 0
