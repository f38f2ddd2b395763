"""Jobs that leave a row behind, fail, kill their worker, or say who and where they are."""

import json
import os
import signal
import time
from contextlib import closing
from dataclasses import asdict

import psycopg2
from django.conf import settings
from django.db import connection

from config import embedded_postgres
from shared_apps.jobs import TryAgain, job
from shared_apps.jobs.run import report
from shared_apps.jobs.timed import Timed
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.mail.models import Message

lost: list[str] = []
NO_TIMED_JOBS: tuple[Timed, ...] = ()
EACH_SECOND = (Timed("tests.toys.jobs.tick", every=1), Timed("tests.toys.jobs.leave", every=3600))


def leave_row(text: str) -> None:
    """The effect that tests count, in the schema of whoever calls."""
    message = Message(purpose="toys.play", to_address="t@toys.test", subject=text, key=str(uuid7()))
    message.state = Message.State.SENT
    message.save()


@job(purpose="toys.play")
def leave(text: str = "") -> None:
    leave_row(text)


@job(purpose="toys.play")
def leave_slowly(text: str) -> None:
    leave_row(text)
    report(50)
    time.sleep(0.3)


@job(purpose="toys.play")
def tell() -> None:
    """Who acts, and where."""
    leave_row(json.dumps({"realm": scope.realm(), **asdict(scope.actor())}))


@job(purpose="toys.play", retries=2)
def leave_and_fail(secret: str) -> None:
    leave_row("half done")
    raise ValueError(f"a secret: {secret}")


@job(purpose="toys.play", retries=2)
def leave_and_try_again() -> None:
    leave_row("kept")
    raise TryAgain("the neighbour is out")


@job(purpose="toys.play")
def leave_and_die(text: str) -> None:
    leave_row(text)
    os.kill(os.getpid(), signal.SIGKILL)


@job(purpose="toys.play", timeout=1, retries=0)
def leave_and_hang() -> None:
    leave_row("too slow")
    time.sleep(30)


@job(purpose="toys.play")
def leave_and_lose_the_database(text: str) -> None:
    """The first time, the server ends the connection in the middle of the work."""
    leave_row(text)
    if "lost" not in lost:
        lost.append("lost")
        with closing(psycopg2.connect(embedded_postgres.admin_url(settings.SMOALL_DATA))) as admin:
            admin.autocommit = True
            admin.cursor().execute(
                "SELECT pg_terminate_backend(%s)", [connection.connection.get_backend_pid()]
            )
    leave_row(text)


@job(purpose="toys.play", saga=True)
def leave_alone(text: str) -> None:
    with scope.shared():
        leave_row(text)


@job(purpose="toys.play")
def tick() -> None:
    leave_row("tick")


@job(purpose="toys.unheard-of")
def without_purpose() -> None: ...
