"""A checkout in miniature: the real start-up around commands of a few lines, so that it takes a second."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from config import embedded_postgres, processes

ROOT = Path(__file__).resolve().parent.parent.parent
REAL = (
    "__init__", "embedded_postgres", "postgres_programs", "supervisor", "processes", "data_folder", "start_steps", "web",
    "payments", "env", "secrets",
)  # fmt: skip

MANAGE = """
import json, os, signal, sys, time
from pathlib import Path
import psycopg2
from config import embedded_postgres

data, command = Path(os.environ["SMOALL_DATA"]), sys.argv[1]
with (data / "calls").open("a") as calls:
    calls.write(command + "\\n")
if (data / "fail").exists() and (data / "fail").read_text() == command:
    sys.stderr.write("Traceback (most recent call last):\\nCommandError: The moon is in the way.\\n")
    sys.exit(1)
if command == "prepare":
    connection = psycopg2.connect(embedded_postgres.admin_url(data))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'smoall'")
        if not cursor.fetchone():
            cursor.execute("CREATE DATABASE smoall")
    connection = psycopg2.connect(embedded_postgres.running(data).url("smoall"))
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS django_migrations (id int, app text, name text)")
        cursor.execute("CREATE TABLE IF NOT EXISTS tenants_ledgerhead (seq int, hash text)")
elif command == "collectstatic":
    (data / "static").mkdir(exist_ok=True)
    (data / "static" / "app.css").write_text("body {}")
elif command == "demo":
    url = f"http://acme.{os.environ['SMOALL_DOMAIN']}:{os.environ['SMOALL_PORT']}/"
    address = {"who": "Acme", "url": url}
    sign_in = {"who": "Owner of Acme", "url": url, "email": "olga@acme.test", "password": "secret"}
    (data / "demo.json").write_text(json.dumps({"addresses": [address], "sign_ins": [sign_in]}))
elif command == "qcluster":
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a stubborn grandchild
        (data / "grandchild").write_text(str(os.getpid()))
        time.sleep(300)
        os._exit(0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(300)
"""
STYLES = """
from pathlib import Path
folder = Path(__file__).parent / "static"
folder.mkdir(exist_ok=True)
(folder / "app.css").write_text("body {}")
with (Path(__import__("os").environ["SMOALL_DATA"]) / "calls").open("a") as calls:
    calls.write("styles\\n")
"""
MESSAGES = """
import os
from pathlib import Path
with (Path(os.environ["SMOALL_DATA"]) / "calls").open("a") as calls:
    calls.write("messages\\n")
"""
WSGI = """
def application(environ, start_response):
    status = "200 OK" if environ["PATH_INFO"] == "/healthz" else "404 Not Found"
    start_response(status, [("Content-Length", "0")])
    return [b""]
"""


@dataclass
class Run:
    """A running scripts/run of the miniature, or one that has ended."""

    process: "subprocess.Popen[str]"
    data: Path
    port: int
    ready_file: Path
    said: str = ""

    def wait_ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + 40
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"it did not become ready: {self.end()[1]}")
            time.sleep(0.02)
        content: dict[str, Any] = json.loads(self.ready_file.read_text())
        return content

    def end(self, sign: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send the signal, wait, and return exit code and everything it printed."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        self.said += self.process.communicate(timeout=40)[0]
        return self.process.returncode, self.said

    def members(self) -> list[int]:
        token = json.loads((self.data / "run.json").read_text())["run"]
        return processes.members(token)

    def calls(self) -> list[str]:
        """The steps that were taken so far, of all runs from this folder."""
        path = self.data / "calls"
        return [call for call in path.read_text().split() if call != "qcluster"] if path.exists() else []


@dataclass
class Miniature:
    root: Path
    data: Path
    port: int
    runs: list[Run] = field(default_factory=list)

    def run(
        self, *options: str, port: int | None = None, data: Path | None = None, **environment: str
    ) -> Run:
        ready_file = self.root.parent / f"ready-{len(self.runs)}.json"
        command = [sys.executable, "-m", "config.supervisor", "--port", str(port or self.port)]
        command += ["--data", str(data or self.data), "--ready-file", str(ready_file), *options]
        hidden = ("DATABASE_URL", "PYTHONPATH", "SMOALL_BIND", "SMOALL_PROCESS", "SMOALL_DOMAIN")
        hidden += ("SMOALL_STRIPE_KEY", "SMOALL_STRIPE_WEBHOOK_SECRET", "SMOALL_STRIPE_API")
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        process = subprocess.Popen(
            command, cwd=self.root, env=inherited | environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        run = Run(process, data or self.data, port or self.port, ready_file)
        self.runs.append(run)
        return run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def miniature(tmp_path: Path) -> Iterator[Miniature]:
    """A checkout and a data folder of their own; whatever still runs at the end is ended."""
    root = tmp_path / "checkout"
    for folder in ("config", "scripts", "shared_apps/kit"):
        (root / folder).mkdir(parents=True)
        (root / folder / "__init__.py").touch()
    (root / "shared_apps" / "__init__.py").touch()
    for name in REAL:
        shutil.copy(ROOT / "config" / f"{name}.py", root / "config")
    shutil.copy(ROOT / "shared_apps" / "kit" / "logs.py", root / "shared_apps" / "kit")
    shutil.copytree(ROOT / "billing" / "standin", root / "billing" / "standin")
    (root / "billing" / "__init__.py").touch()
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, root)
    (root / "manage.py").write_text(MANAGE)
    (root / "shared_apps" / "kit" / "styles.py").write_text(STYLES)
    (root / "scripts" / "messages.py").write_text(MESSAGES)
    (root / "config" / "wsgi.py").write_text(WSGI)
    stage = Miniature(root, tmp_path / "data", free_port())
    yield stage
    for run in stage.runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.communicate()
        if (run.data / "run.json").exists():
            processes.end(run.members(), patience=0)
    embedded_postgres.stop(stage.data)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Whether something becomes true within twenty seconds."""

    def wait(what: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 20
        while not what():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    return wait
