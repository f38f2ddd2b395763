"""Commands on the server that can show a client's data: in production each asks for a live grant (P22).

`manage.py` runs OPEN commands as they are; any other, known or not, only with `--grant ID`. export_client asks by
itself, for the client that it was told. What a grant opened is recorded, as a page is, and the client sees it.
Whoever has the machine itself, its database superuser or its keys stands outside of this: docs/decisions/0013.
"""

import os
import sys
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.operators.models import Grant, Visit

ASKED_BY = "--grant"
# What shows no row of a workspace: the deployment's own work, and the lives of clients. Whatever is not named here
# asks for a grant, tomorrow's commands too.
OPEN = frozenset(
    {
        "check", "check_tenants", "collectstatic", "compilemessages", "create_operator", "demo", "diffsettings",
        "enforce_retention", "erase_client", "export_client", "export_invoices", "findstatic", "fleet_status", "help",
        "leave_client", "list_clients", "list_departures", "makemessages", "makemigrations", "migrate", "migrate_fleet",
        "neutralise", "prepare", "prove_promises", "provision_client", "qcluster", "reconcile_billing", "replay_ledger",
        "reset_factors", "restore_client", "resume_client", "runserver", "sendtestemail",
        "showmigrations", "sqlmigrate", "suspend_client", "test", "verify_certificate", "verify_export", "version",
        "withdraw_notice",
    }
)  # fmt: skip
HELPS = {"", "-h", "--help", "--version"}


class NoGrant(Exception):
    """A command was asked for without a grant that opens it; the sentence says what to do."""


def guard(argv: Sequence[str]) -> list[str]:
    """`argv` without the grant, when the command may run; it has entered the grant's workspace then. Raises NoGrant."""
    left, grant_id = _split(argv)
    command = left[1] if len(left) > 1 else ""
    if command in HELPS or command in OPEN:
        return list(argv)
    if grant_id is None:
        if settings.SMOALL_IS_PRODUCTION:
            raise NoGrant(
                f"{command} can show clients' data: ask for a grant on the console, then add {ASKED_BY} ID. "
                "The client sees it."
            )
        sys.stderr.write(f"Development: {command} asks for no grant.\n")
        return left
    with scope.shared():
        found = Grant.objects.filter(pk=_uuid(grant_id)).values_list("tenant_uuid", flat=True).first()
    if found is None:
        raise NoGrant(f"There is no grant {grant_id}.")
    grant = use(grant_id, tenant=found, command=command, now=timezone.now())
    _enter(grant)
    return left


def require(grant_id: str | None, *, tenant: UUID, command: str) -> None:
    """For a command that knows its client: a live grant for this very one, recorded. Raises NoGrant."""
    if grant_id is None:
        if settings.SMOALL_IS_PRODUCTION:
            raise NoGrant(f"{command} takes a client's data out: ask for a grant, then add {ASKED_BY} ID.")
        sys.stderr.write(f"Development: {command} asks for no grant.\n")
        return
    use(grant_id, tenant=tenant, command=command, now=timezone.now())


def use(grant_id: str, *, tenant: UUID, command: str, now: datetime) -> Grant:
    """The grant in force for that workspace; its use is recorded before anything is shown. Raises NoGrant."""
    with scope.shared():
        grant = Grant.in_force(_uuid(grant_id), tenant=tenant, now=now)
        if grant is None:
            raise NoGrant("This grant is over, not approved, or for another client.")
        with transaction.atomic():
            Visit.objects.create(
                grant=grant,
                at=now,
                page=f"command:{command}"[:100],
                address=f"command {command}"[:300],
                method="RUN",
            )
    return grant


def _enter(grant: Grant) -> None:
    """The process and psql stand in the workspace, as its operator; they read alone when the grant does."""
    options = scope.start_in_tenant(grant.tenant_uuid, grant.as_actor())
    reads = " -c default_transaction_read_only=on" if grant.scope == "read" else ""
    os.environ.update(PGOPTIONS=options + reads)
    connection.close()  # the next one is made with these options


def _split(argv: Sequence[str]) -> tuple[list[str], str | None]:
    left: list[str] = []
    found: str | None = None
    rest = iter(argv)
    for word in rest:
        if word == ASKED_BY:
            found = next(rest, "")
        elif word.startswith(f"{ASKED_BY}="):
            found = word.partition("=")[2]
        else:
            left.append(word)
    return left, found


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NoGrant(f"{text!r} is no grant.") from error
