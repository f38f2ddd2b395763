"""Integrators, their people, and the links by which a client shows one its contact details (P30)."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps import history
from shared_apps.accounts.models import User
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold

CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that eyes confuse


class CannotLink(Exception):
    """A verb on a link was refused; the text is for people."""


def new_code() -> str:
    """What an integrator tells its clients, so that nobody has to search a list of integrators."""
    return get_random_string(8, CODE_LETTERS)


class Organisation(Row):
    name = models.CharField(_("name"), max_length=200)
    name_folded = models.CharField(max_length=200, editable=False, db_index=True)
    email = models.EmailField(_("e-mail"))
    language = models.CharField(_("language"), max_length=5, default="fr")
    code = models.CharField(_("code"), max_length=12, unique=True, default=new_code)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name_folded", "id"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name_folded = fold(self.name)[:200]
        super().save(*args, **kwargs)


class Membership(Row):
    """A person (kind "integrator") works for one organisation."""

    # Held by the database's key alone: Django would ask for this table when a tenant's person is deleted.
    user = models.OneToOneField(User, on_delete=models.DO_NOTHING, related_name="membership")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")


class LinkQuerySet(models.QuerySet["Link"]):
    def proposed(self) -> Self:
        return self.filter(accepted_at=None, ended_at=None)

    def live(self) -> Self:
        """Both sides agreed and neither has ended it: asked anew at every request."""
        return self.exclude(accepted_at=None).filter(ended_at=None)

    def open(self) -> Self:
        return self.filter(ended_at=None)


class Link(Row):
    """Proposed by the client on its own host, accepted by the integrator, ended by either."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="links")
    client = models.ForeignKey("clients.Client", on_delete=models.CASCADE, related_name="links")
    proposed_at = models.DateTimeField(default=timezone.now)
    accepted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=10, blank=True, choices=[("client", _("the client")), ("integrator", _("the integrator"))])

    objects = LinkQuerySet.as_manager()

    class Meta:
        ordering = ["-proposed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "client"], condition=models.Q(ended_at=None), name="integrators_one_open_link"
            )
        ]

    @property
    def is_live(self) -> bool:
        return self.accepted_at is not None and self.ended_at is None

    @classmethod
    def propose(cls, *, client_id: UUID, code: str, now: datetime) -> "Link":
        """The client's half. The same integrator twice is one link. Raises CannotLink for an unknown code."""
        organisation = Organisation.objects.filter(code=code.strip().lower()).first()
        if organisation is None:
            raise CannotLink(_now("No integrator has this code. Ask yours to read it out again."))
        link, _made = cls.objects.get_or_create(
            organisation=organisation, client_id=client_id, ended_at=None, defaults={"proposed_at": now}
        )
        return link

    def accept(self, *, now: datetime) -> None:
        """The integrator's half. Raises CannotLink when the client took it back meanwhile."""
        changed = Link.objects.filter(pk=self.pk).proposed().update(accepted_at=now)
        if not changed and not Link.objects.live().filter(pk=self.pk).exists():
            raise CannotLink(_now("This link was ended meanwhile."))

    def end(self, *, by: str, now: datetime) -> None:
        """From either side, at once; `by` is "client" or "integrator". Ending twice is ending once."""
        Link.objects.filter(pk=self.pk, ended_at=None).update(ended_at=now, ended_by=by)

    @classmethod
    def end_all(cls, client_id: UUID, *, now: datetime) -> None:
        """When a workspace goes."""
        cls.objects.open().filter(client_id=client_id).update(ended_at=now, ended_by="client")


history.register(Organisation, label="name", exclude=("name_folded",))
history.register(Membership, label="id")
history.register(Link, label="id")
