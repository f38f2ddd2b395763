"""A saga of four steps, whose effects are rows (inside) and lines of a file (outside)."""

import os
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from shared_apps.kit import scope
from tenants import sagas
from tenants.models import Saga
from tests.toys.jobs import leave_row

TOY = sagas.Kind("toy", no_return="burn", attempts=4)


def file_of(saga: Saga) -> Path:
    return Path(os.environ["SMOALL_DATA"]) / f"toy-{saga.subject}"


@TOY.step(_("Opening"))
def open_up(saga: Saga) -> None:
    if saga.data.get("not_before"):
        until = datetime.fromisoformat(saga.data["not_before"])
        if until > datetime.now(until.tzinfo):
            raise sagas.NotYet(until)
    leave_row(f"open {saga.subject}")
    saga.data["opened"] = saga.data.get("opened", 0) + 1


@TOY.step(_("Writing"), outside=True)
def write(saga: Saga) -> None:
    """Idempotent: the file is the same however often it is written."""
    file_of(saga).write_text("written")


@TOY.step(_("Counting"), weight=2)
def count(saga: Saga) -> None:
    leave_row(f"count {saga.subject}")
    sagas.report(saga, 50, "Half counted")
    if saga.data.get("fail_at_count"):
        raise ValueError("somebody's secret")


@TOY.step(_("Burning"), outside=True)
def burn(saga: Saga) -> None:
    file_of(saga).unlink(missing_ok=True)
    if saga.data.get("fail_at_burn"):
        raise ValueError("somebody's secret")


@sagas.verb("wink")
def wink(fail: bool = False) -> str:
    """A verb of one transaction: two rows or none."""
    with scope.shared(), transaction.atomic():
        leave_row("wink left")
        if fail:
            raise ValueError("somebody's secret")
        leave_row("wink right")
    return "winked"
