"""In Smoall `migrate` is `prepare`: plain migrations would know nothing of roles, triggers and the template."""

from django.core.management.commands.migrate import Command as Migrate

from tenants.management.commands.prepare import Command as Prepare


class Command(Prepare):
    autodetector = Migrate.autodetector
