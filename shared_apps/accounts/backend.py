"""Who is at the door: e-mail and password, in the schema and realm of the request."""

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from shared_apps.accounts.models import User, kind_here


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
