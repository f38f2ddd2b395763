"""Make a database ready for this release: roles, shared tables, template and snapshot. May be run again."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from shared_apps.kit import scope
from shared_apps.legal.models import Publication
from tenants import identity, keys, replay, roles
from tenants.ledger import LedgerBroken
from tenants.models import Snapshot
from tenants.schemas import releases, snapshot, waves
from tenants.schemas.script import CannotRecord


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SMOALL_ADMIN_URL:
            raise CommandError("No database: set DATABASE_URL, or start the embedded one with scripts/run.")
        place = (settings.SMOALL_ADMIN_URL, settings.DATABASES["default"]["NAME"], settings.SMOALL_LOGINS)
        keys.KeyStore.default().prepare()
        self._at_home(
            lambda: identity.admit(*place, before=settings.SMOALL_OLD_LOGINS)
        )  # before anything is changed in a stranger
        roles.set_up(*place)
        try:  # before the shared tables: a refusal leaves everything as it was
            found = snapshot.build_template()
        except snapshot.AlreadyRecorded as refusal:
            raise CommandError(str(refusal)) from refusal
        snapshot.build_shared()
        self._note_texts()
        recorded = snapshot.record(found)
        self._say_what_shared_tables_lack()
        self._at_home(identity.claim)
        self._replay()
        for release, reasons in releases.look().items():
            if reasons:
                self.stdout.write(
                    f"Workspaces of release {release} stay closed until they are migrated: {reasons[0]}"
                )
        self._bring_forward(recorded)
        self.stdout.write(f"Release {recorded.release} is ready, fingerprint {recorded.fingerprint[:12]}.")

    def _at_home(self, asked: Callable[[], None]) -> None:
        try:
            asked()
        except identity.NotAtHome as refusal:
            raise CommandError(str(refusal)) from refusal

    def _note_texts(self) -> None:
        """The first version of each legal text is published with the release; none that was published may differ."""
        with scope.owner(actor=snapshot.BUILDER), transaction.atomic():
            Publication.seed(now=timezone.now())
            if altered := Publication.altered():
                raise CommandError(
                    f"This release has other texts than those that were published: {', '.join(altered)}. "
                    "Put them back, and make a change a new version."
                )

    def _say_what_shared_tables_lack(self) -> None:
        """Code that was put back works on the shared tables of the release that came after it: no migration takes those back."""
        with scope.owner():
            later = releases.newer(settings.SMOALL_RELEASE)
            reasons = list(releases.lacking()) if later else []
        if reasons:
            self.stderr.write(
                f"The shared tables are those of release {max(later, key=releases.order)}, and this code can't work on "
                f"all of them: {'; '.join(reasons[:3])}"
            )

    def _replay(self) -> None:
        """A database from a backup holds clients who were erased since: nothing opens before they are gone again."""
        try:
            done = replay.replay()
        except LedgerBroken as error:
            raise CommandError(
                f"The erasure ledger and this database do not belong together: {error}"
            ) from error
        if done.why:
            raise CommandError(f"The erasure ledger could not be replayed. {done.why}")
        for one in done.applied:
            self.stdout.write(f"Entry {one.seq} of the erasure ledger was carried out again.")
        for one in done.owed:
            self.stdout.write(
                f"Entry {one.seq} of the erasure ledger failed: workspace {one.entry.tenant} is closed until it is done."
            )

    def _bring_forward(self, recorded: Snapshot) -> None:
        """A small fleet as migrate_fleet does it; a large one waits for that command, while what can goes on working.

        A workspace that fails stops no start: the others work, and operators hear of it (`watch_fleet`).
        """
        with scope.shared():
            lagging = list(waves.behind(recorded).prefetch_related("domains"))
        if len(lagging) > settings.SMOALL_FLEET_AT_START:
            self.stdout.write(f"{len(lagging)} workspaces have other tables: migrate them by migrate_fleet.")
            return
        try:
            result = waves.migrate(waves.Options(parallel=1))
        except waves.CannotMigrate as refusal:  # a run is at it already
            with scope.shared(actor=snapshot.BUILDER):
                waves.ask_to_go_on(timezone.now())
            self.stdout.write(f"{refusal} A worker goes on with what it leaves.")
            return
        except CannotRecord as refusal:
            raise CommandError(str(refusal)) from refusal
        labels = {tenant.pk: tenant.subdomain for tenant in lagging}
        for id in result.done:
            self.stdout.write(f"{labels.get(id, id)} is at release {recorded.release} now.")
        for id, error in result.busy.items():
            self.stdout.write(f"{labels.get(id, id)} is busy, so it is as it was. {error}")
        for id, error in result.failed.items():
            self.stderr.write(f"{labels.get(id, id)} could not be brought to {recorded.release}: {error}")
        if result.failed:
            self.stderr.write(
                f"{result.waiting} workspaces wait, as they were: mend what failed, then run migrate_fleet."
            )
        elif result.waiting:
            with scope.shared(actor=snapshot.BUILDER):
                waves.ask_to_go_on(timezone.now())
            self.stdout.write(
                f"{result.waiting} workspaces wait, as they were: a worker goes on with them, and operators hear of what "
                "still waits after an hour."
            )
