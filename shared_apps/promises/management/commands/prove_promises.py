"""Look at the running system now: which promises are kept. Exits with 1 when one is broken.

Without ids everything is looked at. The results are kept and published as the schedule's are, unless --dry-run is given.
"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from shared_apps.promises import checking, jobs
from shared_apps.promises.catalogue import BY_ID
from shared_apps.promises.models import Proof
from tenants.management.client_command import ClientCommand, Refused


class Command(ClientCommand):
    help = __doc__
    needs_open = False

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("promises", nargs="*", metavar="P12", help="only these")
        parser.add_argument("--dry-run", action="store_true", help="look, and keep nothing")

    def run(self, *, promises: list[str], dry_run: bool, **options: Any) -> dict[str, Any]:
        wanted = [given.upper() for given in promises]
        if strange := [id for id in wanted if id not in BY_ID]:
            raise Refused(f"There is no promise {', '.join(strange)}: they are P01 to P{len(BY_ID)}.")
        now = timezone.now()
        found = checking.prove(now, only=wanted, progress=self.progress)
        if not dry_run:
            jobs.keep(found, now=now)
        looked_at = {one.promise for one in found}
        return {
            "at": now.isoformat(timespec="seconds"),
            "proofs": [_shown(one) for one in sorted(found, key=lambda one: (one.promise, one.check_name))],
            "without_a_check": [
                {
                    "promise": id,
                    "why": str(BY_ID[id].untested or BY_ID[id].not_proven),
                    "arrives_with": BY_ID[id].arrives_with,
                }
                for id in wanted or BY_ID
                if id not in looked_at
            ],
            "problems": [
                f"{one.promise} {one.check_name}: {one.said}"
                for one in found
                if one.result == Proof.Result.BROKEN
            ],
        }

    def say(self, result: dict[str, Any]) -> str:
        lines = [
            f"{one['result']:8}{one['promise']}  {one['seen']}  ({one['check']})" for one in result["proofs"]
        ]
        lines += [
            f"{'later' if one['arrives_with'] else 'tests':8}{one['promise']}  {one['why']}"
            for one in result["without_a_check"]
        ]
        broken = len(result["problems"])
        return "\n".join(
            [
                *lines,
                "",
                f"{broken} looks found a promise broken." if broken else "No look found a promise broken.",
            ]
        )


def _shown(one: Proof) -> dict[str, Any]:
    return {
        "promise": one.promise,
        "sentence": str(BY_ID[one.promise].sentence),
        "check": one.check_name,
        "result": str(one.result),
        "seen": one.said,
        "numbers": one.numbers,
        "milliseconds": one.milliseconds,
        "release": one.release,
    }
