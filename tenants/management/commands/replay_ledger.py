"""Erase again whom the erasure ledger names, in a database that was restored from an older state. May be run again."""

from typing import Any

from django.core.management.base import CommandParser

from tenants import gate, replay
from tenants.ledger import Ledger, LedgerBroken
from tenants.management.client_command import ClientCommand, Refused


class Command(ClientCommand):
    help = __doc__
    needs_open = False

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--accept-the-ledger-as-it-is",
            action="store_true",
            dest="accept",
            help="when the ledger was lost for good: what stands in it counts as all there was; needs --yes",
        )
        parser.add_argument("--yes", action="store_true", help="really")

    def run(self, *, accept: bool, yes: bool, **options: Any) -> dict[str, Any]:
        if accept:
            self._accept(yes)
        try:
            done = replay.replay()
        except LedgerBroken as error:
            raise Refused(
                f"{error} Bring the ledger back from its own copy; nothing opens before."
            ) from error
        if done.why:
            raise Refused(done.why)
        found = gate.look()
        return {
            "state": found.state,
            "entries": found.end.seq,
            "applied": [
                {
                    "seq": one.seq,
                    "kind": one.entry.kind,
                    "tenant": one.entry.tenant,
                    "client": one.entry.client,
                }
                for one in done.applied
            ],
            "owed": [{"seq": one.seq, "tenant": one.entry.tenant} for one in done.owed],
        }

    def _accept(self, yes: bool) -> None:
        if not yes:
            raise Refused(
                "Whoever was erased after the ledger's end may come back with old copies. Add --yes."
            )
        if gate.compare().state == "broken":
            gate.accept(Ledger.default().verify_chain())

    def say(self, result: dict[str, Any]) -> str:
        done = len(result["applied"])
        said = f"{done} erasures were carried out again. " if done else ""
        for one in result["owed"]:
            said += f"Entry {one['seq']} failed: workspace {one['tenant']} is closed until it is done. "
        return f"{said}This database has applied all {result['entries']} entries of the erasure ledger."
