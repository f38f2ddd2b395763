"""The folder of one deployment (`SMOALL_DATA`): whether it is ours, of which release, and who uses it now.

`smoall.json` marks it; `run.lock` is held by the supervisor that runs from it; `run.json` tells a successor
what a killed supervisor had started.
"""

import errno
import fcntl
import json
import os
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parent.parent
MARKER = "smoall.json"
# What the product itself puts there; a folder that holds anything else, and no marker, is somebody's own.
KNOWN = {
    "postgres", "keys", "ledger", "files", "exports", "mails", "static", "log", "payments", "secret.key", "secrets.json",
    "promises.json",
}  # fmt: skip
FIRST_START_BYTES = 400 * 1024 * 1024
LATER_START_BYTES = 100 * 1024 * 1024


class CannotStart(Exception):
    """Says in a sentence for people why Smoall does not start; nothing was damaged."""


def release() -> str:
    """The release of this checkout: the version in pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


class DataFolder:
    """A claimed data folder: this process alone runs Smoall from it, until it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: TextIO | None = None

    def claim(self) -> None:
        """Make the folder or recognise it as ours, and take its lock.

        Refuses a folder that is not Smoall's, one of a newer release, one in use, and a nearly full disk.
        """
        try:
            self._recognise()
            self._take_lock()
            self._refuse_newer()
            self._refuse_full_disk()
            self._write_marker()
        except OSError as error:
            raise CannotStart(sentence(error, self.path)) from error

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder; empty when it is missing or was cut short."""
        try:
            content = json.loads((self.path / name).read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace a JSON file of the folder in one step (mode 0600)."""
        write_json(self.path / name, content)

    def empty(self) -> None:
        """Delete what the claimed folder holds but its marker, so that a reset cut short can be repeated."""
        try:
            for entry in self.path.iterdir():
                if entry.name in (MARKER, "run.lock"):
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        except OSError as error:
            raise CannotStart(sentence(error, self.path)) from error

    def has_marker(self) -> bool:
        return (self.path / MARKER).is_file()

    def _recognise(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise CannotStart(f"{self.path} is a file: name a folder with --data.")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")}
        if MARKER not in found and found - KNOWN - {"run.lock"}:
            raise CannotStart(
                f"{self.path} holds other things, so it is no data folder of Smoall: name another by --data."
            )

    def _take_lock(self) -> None:
        lock = (self.path / "run.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            run = self.read("run.json")
            where = f" (process {run['supervisor']}, port {run['port']})" if "port" in run else ""
            raise CannotStart(
                f"Smoall already runs from {self.path}{where}. End it first, or name another by --data."
            ) from None
        self._lock = lock

    def _refuse_newer(self) -> None:
        theirs, ours = str(self.read(MARKER).get("release", "0")), release()
        if _numbers(theirs) > _numbers(ours):
            raise CannotStart(
                f"{self.path} was written by Smoall {theirs}, and this is {ours}: "
                "start that release or a later one. Nothing was changed."
            )

    def _refuse_full_disk(self) -> None:
        needed = LATER_START_BYTES if (self.path / "postgres").exists() else FIRST_START_BYTES
        free = shutil.disk_usage(self.path).free
        if free < needed:
            raise CannotStart(
                f"The disk of {self.path} is nearly full: {free >> 20} MB are free, "
                f"and starting needs {needed >> 20} MB. Nothing was changed."
            )

    def _write_marker(self) -> None:
        """Before anything is migrated: from here on an older release must not touch the folder."""
        wanted = {
            "about": "A data folder of Smoall; scripts/run --reset may delete it.",
            "release": release(),
        }
        if self.read(MARKER) != wanted:
            self.write(MARKER, wanted)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that readers see whole or not at all (mode 0600)."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def sentence(error: OSError, place: Path) -> str:
    """What an operating-system error means to the person who starts Smoall."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {place} is full. Nothing was damaged: make room and start again."
    if isinstance(error, PermissionError):
        return (
            f"{error.filename or place} belongs to another user: start as that user, or use another --data."
        )
    if error.errno == errno.EROFS:
        return f"The disk of {place} is read-only: name another folder with --data."
    return f"{error.filename or place}: {error.strerror or error}."


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
