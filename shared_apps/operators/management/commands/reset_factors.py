"""Let an operator, the only one perhaps, sign in with the password alone: app, passkeys and recovery codes were lost.

Every session ends; the next sign-in sets up a new second factor. For a workspace's people an owner does it.
"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from shared_apps.accounts.models import Kind, User
from shared_apps.kit import scope
from tenants.management.client_command import ClientCommand, Refused, operator


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)

    def run(self, *, email: str, **options: Any) -> dict[str, Any]:
        with scope.shared(realm="ops"):
            person = User.objects.by_email(email)
            if person is None or person.kind != Kind.OPERATOR:
                raise Refused(f"{email} belongs to no operator.")
            by = User(name=operator().name, kind=Kind.OPERATOR, role=person.role)
            person.reset_factors(by=by, now=timezone.now())
        return {"id": person.id, "email": person.email}

    def say(self, result: dict[str, Any]) -> str:
        return f"{result['email']} sets up a new second factor at the next sign-in."
