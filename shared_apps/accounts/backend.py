"""Who is at the door: e-mail and password, in the schema and realm of the request; which passwords are too easy here."""

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from shared_apps.accounts.models import User, kind_here

# What somebody who guesses would try at this door first: docs/security/asvs.md, V6.1.2.
OWN_WORDS = (
    "smoall",
    "wago",
    "workspace",
    "password",
    "motdepasse",
    "mot de passe",
    "wachtwoord",
    "passwort",
)
LEFT = 8  # signs that must remain without them


class OwnWordsValidator:
    """Refuses a password that is little more than words of this product."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError."""
        rest = password.casefold()
        for word in OWN_WORDS:
            rest = rest.replace(word, "")
        if rest != password.casefold() and len(rest) < LEFT:
            raise ValidationError(
                _("This password is easy to guess here: it says little more than our name or “password”.")
            )

    def get_help_text(self) -> str:
        return ""


class EmailBackend(BaseBackend):
    """Knows only those who may enter here: see models.kind_here."""

    def authenticate(
        self,
        request: HttpRequest | None,
        email: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """The person, or None after the same work, one hash, whether the account exists or not."""
        if email is None or password is None:
            return None
        person = User.objects.by_email(email)
        if person is None:
            User().set_password(password)
            return None
        is_right = person.check_password(password)
        return person if is_right and person.is_active and person.kind == kind_here() else None

    def get_user(self, user_id: UUID) -> User | None:
        """The person of a session; None, so nobody, once deactivated or on a host of another kind."""
        person: User | None = User.objects.active().filter(id=user_id, kind=kind_here()).first()
        return person
