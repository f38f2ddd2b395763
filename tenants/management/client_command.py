"""The common shape of a command about clients: `--json`, one client by subdomain, clear refusals, exit codes.

0 done, 1 refused or found something wrong (the sentence says what), 2 wrong usage.
"""

import getpass
import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import date, datetime
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.kit import scope
from tenants import gate
from tenants.models import CannotAct, Tenant


class ClientCommand(BaseCommand):
    """`run` returns what is printed: as JSON with `--json`, else through `say`.

    Refused while the database lags behind the erasure ledger, but for commands with `needs_open = False`.
    """

    needs_open = True
    needs_grant = False  # it takes a client's data out: in production --grant names what allows it (P22)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")
        if self.needs_grant:
            parser.add_argument("--grant", metavar="ID", help="the access grant that allows it")
        self.add_own_arguments(parser)

    def permit(self, tenant: Tenant, grant: str | None) -> None:
        """Raises Refused without a live grant for this client, where one is needed."""
        permits = import_module(settings.SMOALL_PERMITS)
        try:
            permits.require(grant, tenant=tenant.pk, command=type(self).__module__.rpartition(".")[2])
        except permits.NoGrant as refusal:
            raise Refused(str(refusal)) from refusal

    def add_own_arguments(self, parser: CommandParser) -> None: ...

    run: Callable[..., dict[str, Any]]

    def say(self, result: dict[str, Any]) -> str:
        """The result in a sentence or table for people."""
        return "\n".join(f"{key}: {value}" for key, value in result.items())

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = options.pop("as_json")
        self.shows_progress = not as_json and sys.stderr.isatty()
        with scope.acting(operator()):
            try:
                if self.needs_open:
                    gate.require_open()
                result = self.run(**options)
            except REFUSALS as refusal:
                said = " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal)
                if as_json:
                    self.stdout.write(json.dumps({"error": said}))
                raise CommandError(said, returncode=1) from refusal
        self.stdout.write(json.dumps(result, indent=2, default=str) if as_json else self.say(result))
        if result.get("problems"):
            sys.exit(1)

    def progress(self, percent: int, text: str) -> None:
        """One line that is written over, on a terminal alone."""
        if self.shows_progress:
            self.stderr.write(f"\r\033[K{percent:3d} % {text}", ending="" if percent < 100 else "\n")
            self.stderr.flush()


class Refused(Exception):
    """What was asked can't be done; the sentence says why."""


REFUSALS: tuple[type[Exception], ...] = (
    Refused, CannotAct, gate.Closed, scope.ScopeError, ValidationError, ValueError,
)  # fmt: skip


def day(text: str) -> date:
    """For an argument that is a day. Anything else is wrong usage."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no day: write it as in 2027-02-28.") from error


def moment(text: str) -> datetime:
    """For an argument that is a moment, with or without a time zone. Anything else is wrong usage."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no moment: write it as in 2027-03-01T00:00+01:00.") from error


def operator() -> scope.Actor:
    """Who runs a command: the account on this machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no such account, as in a bare container
        name = "command line"
    return scope.Actor("operator", f"command:{name}", name)


def find(subdomain: str) -> Tenant:
    """The tenant at a label, in the shared schema. Raises Refused."""
    with scope.shared():
        tenant: Tenant | None = (
            Tenant.objects.select_related("client")
            .prefetch_related("domains")
            .filter(domains__domain=subdomain.lower())
            .first()
        )
    if tenant is None:
        raise Refused(f"There is no client at {subdomain!r}.")
    return tenant
