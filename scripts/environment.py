"""Makes the virtual environment `.venv` match requirements.lock, then becomes the Python inside it.

Runs on the machine's own Python (3.11 or newer) before anything is installed: the standard library alone.
Called by scripts/run and scripts/test as `environment.py -m MODULE ARGUMENTS`.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "smoall.lock"
NEEDED_BYTES = 1100 * 1024 * 1024


class CannotInstall(Exception):
    """Says in a sentence why the environment could not be made."""


def main() -> None:
    """Make the environment, then run the given command line inside it, from the caller's own folder."""
    try:
        ensure()
    except CannotInstall as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped while installing; the next start continues.")
    environment = dict(os.environ)
    environment.pop("PYTHONHOME", None)
    # Found from any folder, and no module of the caller's folder can take the place of ours.
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    os.execve(PYTHON, [str(PYTHON), *sys.argv[1:]], environment)  # noqa: S606


def ensure() -> None:
    """Bring `.venv` up to date; does nothing when its stamp says that this very lock is installed.

    Two starts at once wait for each other. An interrupted installation begins anew: the stamp comes last.
    """
    with LOCK.open("rb") as file:
        # On a file system without locks, not starting twice at once is the caller's care.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        wanted = hashlib.sha256(file.read()).hexdigest()
        if _stamp() == f"{wanted} {_version(PYTHON)}":
            return
        if not os.access(ROOT, os.W_OK):
            raise CannotInstall(f"{VENV} cannot be made: {ROOT} is not yours to write to.")
        free = shutil.disk_usage(ROOT).free
        if free < NEEDED_BYTES:
            raise CannotInstall(
                f"Installing needs {NEEDED_BYTES >> 20} MB on the disk of {ROOT}; {free >> 20} MB are free."
            )
        _make()
        STAMP.unlink(missing_ok=True)
        _install()
        try:
            STAMP.write_text(f"{wanted} {_version(PYTHON)}")
        except OSError as error:
            raise CannotInstall(f"{STAMP} could not be written: {error.strerror}.") from error


def _stamp() -> str:
    try:
        return STAMP.read_text()
    except OSError:
        return ""


def _version(python: Path) -> str:
    """Which Python the environment was made from. Reading it from its configuration spares starting it."""
    try:
        lines = (python.parent.parent / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return "none"
    values = dict(line.split(" = ", 1) for line in lines if " = " in line)
    return values.get("version", "none") if python.exists() else "none"


def _make() -> None:
    """A fresh environment with pip, unless one is there that was once installed completely and still runs.

    One whose installation was cut short is not repaired: pip would take half a package for a whole one.
    """
    if _stamp() and _works([str(PYTHON), "-m", "pip", "--version"]):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    arguments = ["-m", "venv", str(VENV)]
    if importlib.util.find_spec("ensurepip") is None:
        if importlib.util.find_spec("pip") is None:
            raise CannotInstall(
                f"This Python ({sys.executable}) comes without pip. On Debian: apt-get install python3-venv"
            )
        arguments.insert(2, "--without-pip")
    made = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=_environment())
    if made.returncode != 0:
        raise CannotInstall(_reason("The virtual environment could not be made", made.stdout + made.stderr))


def _install() -> None:
    command = [str(PYTHON), "-m", "pip"]
    if not _works([*command, "--version"]):
        command = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    command += ["install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
    began = time.monotonic()
    _say("Installing the packages of requirements.lock (half a minute the first time) … ")
    with tempfile.TemporaryFile("w+") as said:
        code = subprocess.run(command, stdout=said, stderr=subprocess.STDOUT, env=_environment()).returncode
        said.seek(0)
        if code != 0:
            _say("\n")
            raise CannotInstall(_reason("The packages could not be installed", said.read()))
    _say(f"{time.monotonic() - began:.0f} s\n")


def _environment() -> dict[str, str]:
    """pip without questions and hints; without a home it must not make a cache in the current folder."""
    environment = dict(os.environ)
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"):
        environment.pop(name, None)
    environment |= {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    home = os.environ.get("HOME")
    if not home or not os.access(home, os.W_OK):
        environment["PIP_NO_CACHE_DIR"] = "1"
    return environment


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, env=_environment()).returncode == 0
    except OSError:
        return False


def _reason(what: str, said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if any("No space left" in line for line in lines):
        return f"{what}: the disk is full."
    telling = [line for line in lines if line.startswith("ERROR")] or lines
    return "\n".join([f"{what}:", *(f"  {line}" for line in telling[-6:])])


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
