"""The common shape of a command about clients: `--json`, one client by subdomain, clear refusals, exit codes.

0 done, 1 refused or found something wrong (the sentence says what), 2 wrong usage.
"""

import getpass
import json
import sys
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.kit import scope
from tenants import gate
from tenants.models import CannotAct, Tenant


class ClientCommand(BaseCommand):
    """`run` returns what is printed: as JSON with `--json`, else through `say`.

    Refused while the database lags behind the erasure ledger, but for commands with `needs_open = False`.
    """

    needs_open = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")
        self.add_own_arguments(parser)

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
                if as_json:
                    self.stdout.write(json.dumps({"error": str(refusal)}))
                raise CommandError(str(refusal), returncode=1) from refusal
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


REFUSALS: tuple[type[Exception], ...] = (Refused, CannotAct, gate.Closed, scope.ScopeError, ValueError)


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
