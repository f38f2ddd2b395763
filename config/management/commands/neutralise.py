"""Make a copy of production fit for development: nobody's name, word, file, password or key is left in it. Needs --yes.

For a database that was put back here, or a data folder that was copied: until this is done nothing opens it. Tables of
an older release are brought to this one first. Killed, it is run again. Refused in production.
"""

from contextlib import closing
from typing import Any

import psycopg2
from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connection

from config import secrets
from shared_apps.kit import scope
from tenants import identity, neutral, roles
from tenants.management.client_command import ClientCommand, Refused
from tenants.models import Tenant
from tenants.schemas import pool, releases, snapshot, waves

FOLDER = "shared_apps.mail.backend.FolderBackend"  # mails stay in the data folder, and on development's page
AT_WORK = """
    SELECT count(*) FROM pg_stat_activity
     WHERE application_name IN ('smoall-web', 'smoall-worker')
"""


class Command(ClientCommand):
    help = __doc__
    needs_open = False

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="really: what is overwritten is gone")

    def run(self, *, yes: bool, **options: Any) -> dict[str, Any]:
        self._refuse(yes)
        self._bring_forward()
        done = neutral.neutralise(self.progress)
        neutral.finish(self._new_secret)
        self.progress(100, "")
        return {
            "schemas": done.schemas,
            "files": done.files,
            "traces": done.traces,
            "masked": {table: rows for table, rows in sorted(done.masked.items()) if rows},
            "emptied": {table: rows for table, rows in sorted(done.emptied.items()) if rows},
        }

    def _refuse(self, yes: bool) -> None:
        if settings.SMOALL_IS_PRODUCTION:
            raise Refused("This is production (SMOALL_ENV): its data is never neutralised.")
        if settings.EMAIL_BACKEND != FOLDER:
            raise Refused("Mails would leave this copy: empty SMOALL_SMTP and SMOALL_MAIL_PROVIDER first.")
        if not settings.SMOALL_ADMIN_URL:
            raise Refused("No database: set DATABASE_URL, or start the embedded one first.")
        name = connection.settings_dict["NAME"]
        if not identity.is_smoalls(settings.SMOALL_ADMIN_URL, name):
            raise Refused(f"There is no database of Smoall called {name} there: put the copy back first.")
        if others := roles.neighbours(settings.SMOALL_ADMIN_URL, name):
            raise Refused(
                f"The logins of this server are also those of {', '.join(others)}, and they get new passwords: put the "
                "copy back on a server of its own. Nothing was changed."
            )
        with closing(psycopg2.connect(settings.SMOALL_ADMIN_URL)) as admin, admin.cursor() as cursor:
            cursor.execute(AT_WORK)
            if cursor.fetchone()[0]:
                raise Refused("Web or worker processes are at work on this server: is it a copy at all?")
        if not yes:
            raise Refused(f"Everything in {name} will be overwritten. Add --yes.")

    def _bring_forward(self) -> None:
        """The tables as this release knows them: only then is it known what each column holds.

        Ready schemas, which may be of any release, are nobody's: they go.
        """
        roles.set_up(settings.SMOALL_ADMIN_URL, connection.settings_dict["NAME"], settings.SMOALL_LOGINS)
        snapshot.build_shared()
        pool.empty()
        recorded = snapshot.record()
        with scope.shared():
            lagging = waves.behind(recorded).exists()
        left = waves.migrate(waves.Options(parallel=1)).waiting if lagging else 0
        with scope.shared():
            left += Tenant.objects.filter(release__in=releases.newer(recorded.release)).count()
        if left:
            raise Refused(f"{left} workspaces could not be brought to this release: see migrate_fleet.")

    def _new_secret(self) -> None:
        """What sessions and links were signed with is production's, and the logins' passwords follow from it."""
        secret = secrets.renew(settings.SMOALL_DATA)
        logins = {login: secrets.login_password(secret, login) for login in settings.SMOALL_LOGINS}
        roles.set_up(settings.SMOALL_ADMIN_URL, connection.settings_dict["NAME"], logins)
        connection.settings_dict["PASSWORD"] = logins[connection.settings_dict["USER"]]
        connection.close()

    def say(self, result: dict[str, Any]) -> str:
        counted = [
            f"{what:8}{rows:>8}  {table}"
            for what in ("masked", "emptied")
            for table, rows in result[what].items()
        ]
        left = f"The server's own files may still hold what was overwritten: {result['traces']}."
        return "\n".join(
            [
                *counted,
                *([left] if result["traces"] else []),
                f"This copy is neutral: {result['schemas']} schemas and {result['files']} files. Nobody has a password "
                "any more: make an operator by create_operator, or ask for a new password; mails are on app.'s /mails/.",
            ]
        )
