"""Who has which release's tables, in one query. Exits with 1 while a workspace has others than this release's."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone

from shared_apps.kit import scope
from tenants import fleet
from tenants.management.client_command import ClientCommand
from tenants.models import Drift, Snapshot
from tenants.schemas import pool, waves


class Command(ClientCommand):
    help = __doc__
    needs_open = False

    def run(self, **options: Any) -> dict[str, Any]:
        status = fleet.status()
        problems = [f"{status.behind} workspaces have other tables than release {status.release}"]
        with scope.shared():
            drifted = Drift.objects.count()
            target = Snapshot.objects.filter(release=status.release).first()
            failed = waves.failures(status.release, status.fingerprint).count()
            pooled = pool.ready(target).count() if target else 0
            wanted = pool.wanted(timezone.now())
        if failed:
            problems.append(f"{failed} of them failed: see the page Fleet of ops., or run migrate_fleet")
        return {
            "release": status.release,
            "fingerprint": status.fingerprint,
            "workspaces": status.workspaces,
            "behind": status.behind,
            "failed": failed,
            "drifted": drifted,
            "pool": {"ready": pooled, "wanted": wanted},
            "standings": [asdict(one) for one in status.standings],
            "problems": problems if status.behind else [],
        }

    def say(self, result: dict[str, Any]) -> str:
        rows = [
            f"{one['release']:<10} {one['fingerprint'][:12]}  {one['workspaces']:>6} workspaces"
            f"{'' if one['is_current'] else '  behind' if one['is_served'] else '  behind, closed until migrated'}"
            for one in result["standings"]
        ]
        rows += [
            f"pool: {result['pool']['ready']} of {result['pool']['wanted']} ready",
            f"drift: {result['drifted']} workspaces, at the last nightly look",
            *result["problems"],
        ]
        return "\n".join(rows)
