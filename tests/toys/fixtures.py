"""Fixtures of the tests that need the toys or real commits; a test module imports those that it uses."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import override_settings

from config import embedded_postgres
from shared_apps.jobs import timed
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import sagas
from tests.conftest import Cast, _cast

ROOT = Path(__file__).resolve().parent.parent.parent
Worker = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def toys() -> Iterator[None]:
    """The toys are an installed app."""
    from django.conf import settings

    with override_settings(
        INSTALLED_APPS=[*settings.INSTALLED_APPS, "tests.toys.apps.ToysConfig"],
        SMOALL_TIMED_JOBS="tests.toys.jobs.NO_TIMED_JOBS",
    ):
        timed.everything.cache_clear()  # an earlier test may have asked for the deployment's own
        yield
    timed.everything.cache_clear()


@pytest.fixture
def committed(committing: None) -> tuple[Cast, Cast]:
    """acme and zenith with real commits."""
    return _cast("acme"), _cast("zenith")


def left(where: Cast | None = None) -> list[str]:
    """What the toys left behind, in a workspace or in the shared schema."""
    with scope.tenant(where.id) if where else scope.shared():
        return sorted(Message.objects.filter(purpose="toys.play").values_list("subject", flat=True))


@contextmanager
def worker(**environment: str) -> Iterator[Worker]:
    """A real worker: `manage.py qcluster` and its children, ended with the block."""
    with command("qcluster", SMOALL_PROCESS="worker", **environment) as process:
        yield process


@contextmanager
def command(*words: str, **environment: str) -> Iterator[Worker]:
    """A command of this deployment with the toys installed, in a process group of its own."""
    variables = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.toys.settings"} | environment
    process = subprocess.Popen(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=variables, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        kill(process)


def kill(process: Worker) -> None:
    """kill -9 of the whole group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    if process.stderr:
        process.stderr.close()


@contextmanager
def undone() -> Iterator[None]:
    """A transaction that is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """The condition's first true value. Fails when there is none in time."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return found


def dies_at(point: str, work: Callable[[], object]) -> bool:
    """Do the work in a child that kills itself at a saga's point of death. False when it never came there."""
    status = _in_child(point, work)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def server_dies_at(point: str, work: Callable[[], object]) -> bool:
    """Do the work in a child that kills the database server there, and lives on with what it has in its hands.

    False when it never came there. The server is started again, and has recovered when this returns.
    """
    data = Path(settings.SMOALL_DATA)

    def kill_server() -> None:
        kill_at_once(embedded_postgres._server_processes(data / "postgres" / "cluster"))

    def worked() -> None:
        sagas._die = kill_server
        work()

    status = _in_child(point, worked)
    assert os.WIFEXITED(status), "the child is not what dies"
    if embedded_postgres.is_alive(data):
        return False
    before = embedded_postgres.admin_url(data)
    assert embedded_postgres.start(data, durable=False).url() == before
    return True


def kill_at_once(processes: list[int]) -> None:
    """kill -9 of all of them, stopped first: none may finish what it is at when it sees another one die."""
    assert processes
    for sign in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, sign)
    wait_for(lambda: not any(Path(f"/proc/{process}/cwd").exists() for process in processes))


def _in_child(point: str, work: Callable[[], object]) -> int:
    connection.close()  # a child must not speak on its parent's connection
    child = os.fork()
    if child == 0:
        try:
            settings.SMOALL_KILL_AT = point
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]
