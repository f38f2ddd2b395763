"""What is done inside plain Django's process: the one schema is made, with what a workspace has in it."""

from django.core.management import call_command
from django.core.management.commands.migrate import Command as Migrate

from scripts.figures import asking
from scripts.figures.placing import ONLY
from shared_apps.accounts.models import User
from shared_apps.kit import scope

CONTACTS = [f"Atelier {letter}" for letter in "ABCDEFGHIJ"]


def prepare() -> None:
    with scope._entered(scope.Scope("tenant", "public", "", ONLY), None):
        call_command(Migrate(), verbosity=0, interactive=False, skip_checks=True)
        if not User.objects.exists():
            asking.people(CONTACTS)
