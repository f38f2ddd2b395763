"""Make an operator, and print a link to set the password, which works once.

For an operator who has never entered, a new link; earlier ones no longer work.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext

from shared_apps.accounts.models import ONE_LINE, CannotChange, Kind, Purpose, User
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from shared_apps.operators import mails
from tenants.management.client_command import ClientCommand, Refused
from tenants.models import host_url


class Command(ClientCommand):
    help = __doc__

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True)
        parser.add_argument("--language", default="fr", choices=[code for code, _name in settings.LANGUAGES])

    def run(self, *, email: str, name: str, language: str, **options: Any) -> dict[str, Any]:
        with scope.shared(realm="ops"):
            person = _invited(email, " ".join(name.split()), language)
            mails.invited(person, by=gettext("Somebody on the server"))
            url = host_url("ops") + person.link(Purpose.INVITATION)
        return {"id": person.id, "email": person.email, "name": person.name, "url": url}

    def say(self, result: dict[str, Any]) -> str:
        return f"{result['name']} chooses a password here, once, within fourteen days:\n{result['url']}"


def _invited(email: str, name: str, language: str) -> User:
    """Raises Refused."""
    person = User.objects.by_email(email) or _new(email, name, language)
    if person.kind != Kind.OPERATOR:
        raise Refused(f"{email} belongs to the person of an integrator.")
    if person.state != "invited":
        raise Refused(f"{email} belongs to an operator who is {person.state}.")
    person.invited_at = timezone.now()
    person.save(update_fields=["invited_at"])
    return person


def _new(email: str, name: str, language: str) -> User:
    try:
        User(email=email, name=name, kind=Kind.OPERATOR).clean_fields(exclude=["password", "email_folded"])
        ONE_LINE(name)
        person: User = User.objects.create_user(
            email=email, name=name, kind=Kind.OPERATOR, role=OWNER, language=language
        )
    except (ValidationError, CannotChange) as error:
        reasons = error.messages if isinstance(error, ValidationError) else [str(error)]
        raise Refused(" ".join(reasons)) from error
    return person
