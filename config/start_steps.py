"""What has to be done before the pages can answer, and how to know that it need not be done again.

A step is skipped only when what it reads and what it wrote are both as they were after its last success.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from config.data_folder import ROOT

CODE = ("config", "tenants", "billing", "shared_apps", "tenant_apps", "scripts")
LOCK = ROOT / "requirements.lock"


@dataclass(frozen=True)
class Step:
    """One command: what it is called on the screen, what it reads, what it writes.

    `reads` and `writes` return a fingerprint; None means that nobody can tell, so the step always runs.
    """

    key: str
    title: str
    command: tuple[str, ...]
    reads: Callable[[], str | None]
    writes: Callable[[], str | None]
    # Without it the product works all the same: a failure is said and the start goes on.
    optional: bool = False


def steps(data: Path, *, embedded: str | None, environment: dict[str, str], demo: bool) -> list[Step]:
    """The steps in their order. `embedded` is the superuser's URL of the embedded server, if that is used."""

    def database() -> str | None:
        return _database(embedded) if embedded else None

    def code() -> str | None:
        return _joined(_files(CODE, (".py", ".sql")), _bytes(LOCK))

    def code_and_environment() -> str | None:
        """A copied folder may have become another environment's, where its database must not open (P18)."""
        return _joined(str(code()), environment.get("SMOALL_ENV", ""))

    def prepared() -> str | None:
        return _both(database(), _joined(_bytes(data / "secret.key"), _keys(data)))

    def places() -> str | None:
        names = ("SMOALL_DOMAIN", "SMOALL_PORT", "SMOALL_ENV")
        return _joined(*(environment.get(name, "") for name in names), _bytes(ROOT / "pyproject.toml"))

    manage = (str(ROOT / "manage.py"),)
    found = [
        Step("prepare", "Preparing the database", (*manage, "prepare"), code_and_environment, prepared),
        Step(
            "ledger",
            "Comparing with the erasure ledger",
            (*manage, "replay_ledger"),
            lambda: _bytes(data / "ledger" / "erasures.jsonl"),
            lambda: _ledger_head(embedded) if embedded else None,
        ),
        Step(
            "styles",
            "Building the styles",
            ("-m", "shared_apps.kit.styles"),
            lambda: _joined(
                _files(CODE, (".html", ".txt", ".css", ".py", ".js", ".svg"), static=False), _bytes(LOCK)
            ),
            lambda: _files(CODE, None, static=True),
        ),
        Step(
            "messages",
            "Compiling the translations",
            ("-m", "scripts.messages", "compile"),
            lambda: _joined(_files(CODE, (".po",)), _bytes(ROOT / "scripts" / "messages.py")),
            lambda: _files(CODE, (".mo",)),
        ),
        Step(
            "static",
            "Collecting the pages' files",
            (*manage, "collectstatic", "--noinput", "--clear"),
            lambda: _joined(
                _files(CODE, None, static=True), _files(("config", "shared_apps/kit"), (".py",)), _bytes(LOCK)
            ),
            lambda: _listing(data / "static"),
        ),
    ]
    if demo:
        found.append(
            Step(
                "demo",
                "Making the demo",
                (*manage, "demo"),
                places,
                lambda: _both(database(), _bytes(data / "demo.json")),
                optional=True,
            )
        )
    return found


def unchanged(step: Step, stamps: dict[str, list[str]]) -> bool:
    """Whether the step's last success still holds."""
    now = stamp(step, step.reads())
    return now is not None and stamps.get(step.key) == now


def stamp(step: Step, read: str | None) -> list[str] | None:
    """What to remember after a success: `read`, taken before the step ran, and what it wrote."""
    written = step.writes()
    return [read, written] if read is not None and written is not None else None


def _files(folders: Iterable[str], endings: tuple[str, ...] | None, static: bool | None = None) -> str:
    """A hash over names and contents; `static` chooses what lies in static folders, or outside, or both."""
    digest = hashlib.blake2b(digest_size=16)
    for folder in folders:
        for place, inner, names in os.walk(ROOT / folder):
            inner[:] = sorted(name for name in inner if name != "__pycache__" and not name.startswith("."))
            if static is not None and static != ("static" in Path(place).relative_to(ROOT).parts):
                continue
            for name in sorted(names):
                if endings is None or name.endswith(endings):
                    path = Path(place) / name
                    digest.update(f"{path.relative_to(ROOT)}\0{_bytes(path)}\0".encode())
    return digest.hexdigest()


def _listing(folder: Path) -> str | None:
    """A hash over names, sizes and times of change, for a folder too big to read each time."""
    if not folder.is_dir():
        return None
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        state = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _bytes(path: Path) -> str:
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except FileNotFoundError:
        return "missing"


def _keys(data: Path) -> str:
    """Which keys exist: `prepare` makes the missing ones."""
    return ",".join(sorted(path.name for path in (data / "keys").glob("*")))


def _joined(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _ledger_head(url: str) -> str | None:
    """Which entry of the erasure ledger the database has applied last: another one after a database was put back."""
    return _asked(url, "SELECT seq || hash FROM public.tenants_ledgerhead UNION ALL SELECT '' LIMIT 1")


def _asked(url: str, query: str) -> str | None:
    try:
        connection = psycopg2.connect(url.rpartition("/")[0] + "/smoall", connect_timeout=5)
    except psycopg2.Error:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return str(cursor.fetchone()[0])
    except psycopg2.Error:
        return None
    finally:
        connection.close()


def _both(first: str | None, second: str) -> str | None:
    return None if first is None else _joined(first, second)


def _database(url: str) -> str | None:
    """Which cluster it is and which migrations it has; None when that cannot be read, as at first."""
    try:
        connection = psycopg2.connect(url.rpartition("/")[0] + "/smoall", connect_timeout=5)
    except psycopg2.Error:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
            identifier = cursor.fetchone()
            cursor.execute(
                "SELECT coalesce(string_agg(app || name, ',' ORDER BY id), '') FROM public.django_migrations"
            )
            migrations = cursor.fetchone()
    except psycopg2.Error:
        return None
    finally:
        connection.close()
    return _joined(str(identifier), str(migrations))
