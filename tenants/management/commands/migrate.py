"""In Smoall `migrate` is `prepare`: plain migrations would know nothing of roles, triggers and the template."""

from tenants.management.commands.prepare import Command as Prepare


class Command(Prepare):
    pass
