#!/usr/bin/env python
"""Django's commands, run against the deployment that SMOALL_DATA names (./var when it is not set)."""

import os
import sys


def main() -> None:
    """Run the command line; a missing installation ends with one sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("SMOALL_PROCESS", "command")
    try:
        from django.core.management import execute_from_command_line

        from shared_apps.kit import scope
    except ImportError:
        sys.exit("Django is not installed here: run scripts/run once, then use .venv/bin/python manage.py.")
    scope.start_process(
        scope.SHARED
    )  # commands and the worker start in the shared schema, web processes nowhere
    execute_from_command_line(_allowed(sys.argv))


def _allowed(argv: list[str]) -> list[str]:
    """The command line, when the database is at home here (P18), and its command shows no client's data or was given a
    grant that opens it (P22)."""
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured:  # said better by the command itself
        return argv
    from shared_apps.operators import permits
    from tenants import identity

    try:
        identity.guard(argv)
        return permits.guard(argv)
    except (identity.NotAtHome, permits.NoGrant) as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
