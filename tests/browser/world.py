"""The real thing: a deployment of its own with the demo, started as scripts/run starts it, and its commands."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "smoall.localhost"
REFUSE_TOKEN = """
import sys, django
django.setup()
from shared_apps.kit import scope, tokens
from shared_apps.mail.models import print_of
with scope.shared(realm="app"):
    said = [sys.argv[1], print_of("zoe@client.example"), "privacy 2", "", sys.argv[2]]
    print(tokens.sign(said, purpose="mail.refuse"))
"""
START_SECONDS = 240  # a machine that does many other things


@dataclass(frozen=True)
class World:
    """A running Smoall. `sign_ins` are the demo's: who, url, email, password."""

    port: int
    data: Path
    sign_ins: list[dict[str, str]]
    payments: str = ""  # where the stand-in for the payment processor shows its pages

    def url(self, label: str, path: str = "/") -> str:
        """An address on a host: "" is the website, else app, ops or a workspace."""
        return f"http://{label}{'.' if label else ''}{DOMAIN}:{self.port}{path}"

    def sign_in_of(self, name: str) -> dict[str, str]:
        """The sign-in of a person of the demo whose name begins so."""
        return next(each for each in self.sign_ins if each["who"].startswith(name))

    def command(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> Any:
        """What `manage.py …` says in JSON, when it ends with one of these exit codes."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments, "--json"],
            cwd=ROOT, env=_environment() | {"SMOALL_DATA": str(self.data), "SMOALL_PORT": str(self.port)},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode in codes, f"{arguments}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def do(self, code: str, *arguments: str) -> str:
        """What a program prints that runs in this deployment; `django` is set up."""
        done = subprocess.run(
            [sys.executable, "-c", f"import sys, django\ndjango.setup()\n{code}", *arguments],
            cwd=ROOT, env=_environment() | {
                "SMOALL_DATA": str(self.data), "SMOALL_PORT": str(self.port), "DJANGO_SETTINGS_MODULE": "config.settings",
            },
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refuse_url(self, kind: str, *, language: str) -> str:
        """The link of a mail of this class from the shared outbox; nothing that the demo does sends one."""
        done = subprocess.run(
            [sys.executable, "-c", REFUSE_TOKEN, kind, language],
            cwd=ROOT, env=_environment() | {
                "SMOALL_DATA": str(self.data), "SMOALL_PORT": str(self.port), "DJANGO_SETTINGS_MODULE": "config.settings",
            },
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        return self.url("app", f"/mails/refuse/{done.stdout.split()[-1]}/")


@contextmanager
def running() -> Iterator[World]:
    """A world that ends with the tests; or the one whose `scripts/run --ready-file` SMOALL_READY_FILE names."""
    if given := os.environ.get("SMOALL_READY_FILE"):
        yield _read(Path(given))
        return
    with tempfile.TemporaryDirectory(prefix="smoall-browser-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        place.chmod(0o755)  # the embedded server runs as another user when we are root
        log, ready = (place / "start.log").open("w"), place / "ready.json"
        command = ["-m", "config.supervisor", "--data", str(place / "data"), "--port", str(_free_port())]
        process = subprocess.Popen(
            [sys.executable, *command, "--ready-file", str(ready)],
            cwd=ROOT, env=_environment(), stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield _read(_awaited(ready, process, place / "start.log"))
        finally:
            log.close()
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
            process.kill()
            process.wait()


def _awaited(ready: Path, process: "subprocess.Popen[bytes]", log: Path) -> Path:
    began = time.monotonic()
    while not ready.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() - began < START_SECONDS, log.read_text()
        time.sleep(0.1)
    return ready


def _read(ready: Path) -> World:
    said = json.loads(ready.read_text())
    return World(said["port"], Path(said["data"]), said["sign_ins"], said.get("payments", ""))


def _environment() -> dict[str, str]:
    """Ours without what the suite set for its own deployment."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SMOALL_", "DJANGO_"))}


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
