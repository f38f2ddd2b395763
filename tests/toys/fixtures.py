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

from shared_apps.kit import scope
from shared_apps.mail.models import Message
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
        yield


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
    connection.close()  # a child must not speak on its parent's connection
    child = os.fork()
    if child == 0:
        try:
            settings.SMOALL_KILL_AT = point
            work()
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
