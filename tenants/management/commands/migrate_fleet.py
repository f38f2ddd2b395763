"""Bring every workspace to this release's tables: a canary, then waves that grow; stops at failures, goes on when run again.

--dry-run prints the SQL, recorded in a schema that is taken back, and touches no workspace.
"""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser

from shared_apps.kit import scope
from tenants import fleet
from tenants.management.client_command import ClientCommand, Refused
from tenants.models import Snapshot, Tenant
from tenants.schemas import releases, snapshot, waves
from tenants.schemas.waves import Options

BAR = 30  # signs of the progress bar


def number(text: str) -> int:
    """One or more. Anything else is wrong usage."""
    if not (text.isdigit() and 0 < int(text) < 100_000):
        raise ArgumentTypeError(f"{text!r} is no number above zero.")
    return int(text)


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        usual = Options()
        parser.add_argument("--parallel", type=number, default=usual.parallel, help="database connections")
        parser.add_argument(
            "--canary", type=number, default=usual.canary, help="workspaces of the first wave"
        )
        parser.add_argument(
            "--stop-after",
            type=number,
            default=usual.stop_after,
            metavar="N",
            help="end the run after N failures",
        )
        parser.add_argument(
            "--lock-timeout", type=number, default=usual.lock_timeout, metavar="MS",
            help="how long a workspace's tables are waited for before it is tried again later",
        )  # fmt: skip
        parser.add_argument(
            "--dry-run", action="store_true", help="print the SQL, and how many workspaces it is for"
        )

    def run(self, **options: Any) -> dict[str, Any]:
        try:
            with scope.shared():
                target = snapshot.current()
        except Snapshot.DoesNotExist:
            raise Refused("This release has no snapshot here yet: run prepare.") from None
        if options["dry_run"]:
            return self._dry(target)
        chosen = {name: options[name] for name in ("parallel", "canary", "stop_after", "lock_timeout")}
        result = waves.migrate(Options(**chosen), told=self._told)
        left = f"{result.waiting} are waiting, as they were: run migrate_fleet again to go on with them."
        return {
            "release": target.release,
            "migrated": len(result.done),
            "pooled": result.pooled,
            "waiting": result.waiting,
            "discarded": [f"{id}: {why}" for id, why in result.discarded.items()],
            "busy": (busy := _named(result.busy)),
            "problems": [
                *_named(result.failed),
                *(f"Busy, {one}" for one in busy),
                *([left] if result.waiting else []),
            ],
        }

    def _told(self, done: int, whole: int, text: str) -> None:
        filled = BAR * done // whole
        self.progress(100 * done // whole, f"{'█' * filled}{'░' * (BAR - filled)} {done} of {whole}, {text}")

    def _dry(self, target: Snapshot) -> dict[str, Any]:
        ways = waves.scripts(target)
        counted = {(one.release, one.fingerprint): one.workspaces for one in fleet.status().standings}
        with scope.shared():
            recorded = set(Snapshot.objects.values_list("release", "fingerprint"))
            beyond = releases.newer(target.release)
        plain = {
            (release, fingerprint): number
            for (release, fingerprint), number in counted.items()
            if (release, fingerprint) not in {*ways, (target.release, target.fingerprint)}
            and release not in beyond
        }
        return {
            "release": target.release,
            "from": [
                {
                    "release": release,
                    "fingerprint": fingerprint,
                    "workspaces": counted.get((release, fingerprint), 0),
                    "sql": list(way.text()),
                }
                for (release, fingerprint), way in sorted(ways.items())
            ],
            "by_migrations": [
                {"release": release, "fingerprint": fingerprint, "workspaces": number}
                for (release, fingerprint), number in sorted(plain.items())
                if (release, fingerprint) not in recorded
            ],
            "problems": [
                f"{number} workspaces of release {release}: its tables are recorded, and the migrations do not lead from "
                f"there to those of {target.release}, so a run fails at the first of them."
                for (release, fingerprint), number in sorted(plain.items())
                if (release, fingerprint) in recorded
            ],
        }

    def say(self, result: dict[str, Any]) -> str:
        if "from" in result:
            return _said_dry(result)
        told = [f"{result['migrated']} workspaces were migrated to release {result['release']}."]
        if not result["migrated"] and not result["waiting"]:
            told = [f"Every workspace has the tables of release {result['release']}."]
        if result["pooled"]:
            told.append(f"{result['pooled']} schemas of the pool came along.")
        told += [f"A schema of the pool was altered and is discarded: {one}" for one in result["discarded"]]
        return "\n".join([*told, *result["problems"]])


def _said_dry(result: dict[str, Any]) -> str:
    told: list[str] = []
    for one in result["from"]:
        told.append(f"-- {one['workspaces']} workspaces of release {one['release']}")
        told += one["sql"] or ["-- nothing to do in their tables"]
    for one in result["by_migrations"]:
        told.append(
            f"-- {one['workspaces']} workspaces of release {one['release']}: no snapshot has their tables, "
            "so each is migrated by the migrations themselves"
        )
    told += [f"-- {one}" for one in result["problems"]]
    return "\n".join(told) or f"-- Every workspace has the tables of release {result['release']}."


def _named(failed: dict[Any, str]) -> list[str]:
    with scope.shared():
        found = {
            tenant.pk: tenant.subdomain
            for tenant in Tenant.objects.filter(pk__in=failed).prefetch_related("domains")
        }
    return [f"{found.get(id, id)}: {error}" for id, error in failed.items()]
