"""Integrators, their people, and the links by which a client shows one its contact details (P30)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps import history
from shared_apps.accounts.models import ONE_LINE, CannotChange, Kind, Throttle, User, fold_email
from shared_apps.clients.models import Client
from shared_apps.kit.dates import day_of
from shared_apps.kit.module import OWNER
from shared_apps.kit.numbers import compact, format_vat
from shared_apps.kit.places import country_name, language_name
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold
from shared_apps.sharing import MOST, Entry

CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that eyes confuse
INVITATIONS_A_DAY = 50  # of one person
Side = Literal["client", "integrator"]


class CannotLink(Exception):
    """A verb on a link was refused; the text is for people."""


def new_code() -> str:
    """What an integrator tells its clients, so that nobody has to search a list of integrators."""
    return get_random_string(8, CODE_LETTERS)


def as_code(typed: str) -> str:
    """A code as somebody read it out: capitals, spaces and hyphens don't count."""
    return "".join(sign for sign in typed.lower() if sign.isalnum())[:12]


class Organisation(Row):
    name = models.CharField(_("name"), max_length=200, validators=[ONE_LINE])
    name_folded = models.CharField(max_length=200, editable=False, db_index=True)
    email = models.EmailField(_("e-mail"))
    language = models.CharField(_("language"), max_length=5, default="fr")
    code = models.CharField(_("code"), max_length=12, unique=True, default=new_code)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("integrator")
        verbose_name_plural = _("integrators")
        ordering = ["name_folded", "id"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name_folded = fold(self.name)[:200]
        if (fields := kwargs.get("update_fields")) is not None and "name" in fields:
            kwargs["update_fields"] = {*fields, "name_folded"}
        super().save(*args, **kwargs)

    @classmethod
    def of_code(cls, typed: str) -> "Organisation":
        """Raises CannotLink for an unknown code."""
        found = cls.objects.filter(code=as_code(typed)).first()
        if found is None:
            raise CannotLink(_now("No integrator has this code. Ask yours to read it out again."))
        return found

    @property
    def code_shown(self) -> str:
        """In two halves, as one reads it out."""
        return f"{self.code[:4]} {self.code[4:]}"

    def people(self) -> models.QuerySet[User]:
        """Everybody who signs in for it, deactivated ones too."""
        found: models.QuerySet[User] = User.objects.filter(membership__organisation=self)
        return found

    def invite(self, *, name: str, email: str, language: str, now: datetime) -> User:
        """Somebody new, without password until the invitation is accepted: all here are equal.

        The mail is the caller's. Raises accounts.CannotChange when the address is taken: for operators, who may know.
        """
        User.count_invitation(email, now)
        return self._join(name=name, email=email, language=language, now=now)

    def invite_colleague(
        self, *, name: str, email: str, language: str, by: User, now: datetime
    ) -> "User | IdleInvitation":
        """The same where a person of its own asks, who learns nothing of others: an address that somebody else signs in
        with gets an invitation that lets nobody in.

        Raises accounts.CannotChange when the address is one of its own people's, and after INVITATIONS_A_DAY.
        """
        self.count_invitation(by, now)
        User.count_invitation(email, now)
        idle = self.idle_invitations.filter(email_folded=fold_email(email))
        if not idle.exists():
            try:
                return self._join(name=name, email=email, language=language, now=now)
            except CannotChange:
                holder = User.objects.by_email(email)
                if holder is None or self.people().filter(pk=holder.pk).exists():
                    raise
        made, is_new = self.idle_invitations.get_or_create(
            email_folded=fold_email(email),
            defaults={"name": name, "email": email, "language": language, "invited_at": now},
        )
        if not is_new:
            raise CannotChange(_now("Somebody with this e-mail address is here already."))
        return made

    @staticmethod
    def count_invitation(by: User, now: datetime) -> None:
        """Raises accounts.CannotChange when this person had INVITATIONS_A_DAY mailed: whoever tries addresses needs many."""
        if not Throttle.may_mail(str(by.pk), purpose="inviter", now=now, most=INVITATIONS_A_DAY):
            raise CannotChange(
                _now("You sent %(most)s invitations within a day. Try again tomorrow.")
                % {"most": INVITATIONS_A_DAY}
            )

    def _join(self, *, name: str, email: str, language: str, now: datetime) -> User:
        person: User = User.objects.create_user(
            email=email, name=name, language=language, role=OWNER, kind=Kind.INTEGRATOR
        )
        person.invited_at = now
        person.save(update_fields=["invited_at"])
        Membership.objects.create(user=person, organisation=self)
        return person

    def withdraw_invitation(self, person: User, *, by: User) -> None:
        """Raises accounts.CannotChange for somebody who has entered."""
        person.withdraw_invitation(by=by)
        Membership.objects.filter(organisation=self, user_id=person.id).delete()


class IdleInvitation(Row):
    """One to an address that somebody signs in with for Smoall or for another integrator: it lets nobody in.

    It stands in the organisation's list, and does what is done to it, as any invitation that nobody accepts. So nobody
    learns, by inviting, whose people others are; the address itself is told.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="idle_invitations")
    name = models.CharField(_("name"), max_length=200)
    email = models.EmailField(_("e-mail"))
    email_folded = models.CharField(max_length=254, editable=False)
    language = models.CharField(_("language"), max_length=5, default="fr")
    invited_at = models.DateTimeField(_("invited"))
    deactivated_at = models.DateTimeField(_("deactivated"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation to an address in use")
        verbose_name_plural = _("invitations to addresses in use")
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "email_folded"], name="integrators_one_idle_invitation"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_active(self) -> bool:
        return self.deactivated_at is None

    @property
    def state(self) -> str:
        return "invited" if self.is_active else "deactivated"

    def renew(self, *, by: User, now: datetime) -> "User | IdleInvitation":
        """Invite anew: in earnest when nobody has the address any more. Raises accounts.CannotChange."""
        self._must_wait()
        self.organisation.count_invitation(by, now)
        User.count_invitation(self.email, now)
        if User.objects.by_email(self.email) is None:
            self.delete()
            return self.organisation._join(name=self.name, email=self.email, language=self.language, now=now)
        self.invited_at = now
        self.save(update_fields=["invited_at"])
        return self

    def withdraw(self) -> None:
        """Raises accounts.CannotChange."""
        self._must_wait()
        self.delete()

    def _must_wait(self) -> None:
        if not self.is_active:
            raise CannotChange(_now("This invitation was accepted already."))

    def deactivate(self, *, by: User, now: datetime) -> None:
        self.deactivated_at = now
        self.save(update_fields=["deactivated_at"])

    def reactivate(self, *, by: User, now: datetime) -> None:
        self.deactivated_at = None
        self.save(update_fields=["deactivated_at"])


class Membership(Row):
    """A person (kind "integrator") works for one organisation."""

    # Held by the database's key alone: Django would ask for this table when a tenant's person is deleted.
    user = models.OneToOneField(User, on_delete=models.DO_NOTHING, related_name="membership")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")

    def __str__(self) -> str:
        return str(self.id)


class LinkQuerySet(models.QuerySet["Link"]):
    def proposed(self) -> Self:
        return self.filter(accepted_at=None, ended_at=None)

    def live(self) -> Self:
        """Both sides agreed and neither has ended it: asked anew at every request."""
        return self.exclude(accepted_at=None).filter(ended_at=None)

    def open(self) -> Self:
        return self.filter(ended_at=None)

    def ended(self) -> Self:
        return self.exclude(ended_at=None)

    def matching(self, words: str) -> Self:
        """Those whose client has every word in its name, town, contact person, address or VAT number."""
        found = self
        for word in words.replace("\0", "").split():
            asked = models.Q(client__company_folded__contains=fold(word))
            for field in ("city", "contact_name", "contact_email"):
                asked |= models.Q(**{f"client__{field}__icontains": word})
            if number := compact(word):
                asked |= models.Q(client__vat_number__contains=number)
            found = found.filter(asked)
        return found


class Link(Row):
    """Proposed by the client on its own host, accepted by the integrator, ended by either."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="links", verbose_name=_("integrator")
    )
    client = models.ForeignKey(
        Client,
        on_delete=models.CASCADE,
        related_name="links",
        verbose_name=pgettext_lazy("company", "client"),
    )
    proposed_at = models.DateTimeField(_("proposed"), default=timezone.now)
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.CharField(
        _("ended by"),
        max_length=10,
        blank=True,
        choices=[("client", _("the client")), ("integrator", _("the integrator"))],
    )

    objects = LinkQuerySet.as_manager()

    class Meta:
        verbose_name = pgettext_lazy("between a client and an integrator", "link")
        verbose_name_plural = pgettext_lazy("between a client and an integrator", "links")
        ordering = ["-proposed_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "client"],
                condition=models.Q(ended_at=None),
                name="integrators_one_open_link",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ended_by="")
                | models.Q(ended_at__isnull=False, ended_by__in=["client", "integrator"]),
                name="integrators_link_ended_by_a_side",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_live(self) -> bool:
        return self.accepted_at is not None and self.ended_at is None

    @property
    def state(self) -> str:
        """ "proposed", "live" or "ended"."""
        return "ended" if self.ended_at else "live" if self.accepted_at else "proposed"

    @classmethod
    def propose(cls, *, client_id: UUID, code: str, now: datetime) -> "Link":
        """The client's half. The same integrator twice is one link. Raises CannotLink for an unknown code."""
        link, _made = cls.objects.get_or_create(
            organisation=Organisation.of_code(code),
            client_id=client_id,
            ended_at=None,
            defaults={"proposed_at": now},
        )
        return link

    def accept(self, *, now: datetime) -> None:
        """The integrator's half. Raises CannotLink when the client took it back meanwhile."""
        changed = Link.objects.filter(pk=self.pk).proposed().update(accepted_at=now)
        if not changed and not Link.objects.live().filter(pk=self.pk).exists():
            raise CannotLink(_now("This link was ended meanwhile."))

    def end(self, *, by: Side, now: datetime) -> bool:
        """From either side, at once. Ending twice is ending once: True for the first."""
        ended = Link.objects.open().filter(pk=self.pk).update(ended_at=now, ended_by=by)
        return bool(ended)

    @classmethod
    def end_all(cls, client_id: UUID, *, now: datetime) -> None:
        """When a workspace goes."""
        cls.objects.open().filter(client_id=client_id).update(ended_at=now, ended_by="client")


class Look(Row):
    """Somebody of an integrator had a client's contact details before their eyes: once a person, client and day."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    # Held by the database's key alone: Django would ask for this table when a tenant's person is deleted.
    user = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    person = models.CharField(_("person"), max_length=200)  # the name as it was then
    on = models.DateField(_("day"))
    at = models.DateTimeField(_("first time that day"))

    class Meta:
        verbose_name = pgettext_lazy("at contact details", "look")
        verbose_name_plural = pgettext_lazy("at contact details", "looks")
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["client", "user", "on"], name="integrators_one_look_a_day")
        ]

    def __str__(self) -> str:
        return str(self.id)

    @classmethod
    def note(cls, links: Iterable[Link], *, by: User, now: datetime) -> None:
        """These links' clients were shown to that person: one statement, whatever was seen before on that day."""
        looks = [
            Look(
                organisation_id=link.organisation_id,
                client_id=link.client_id,
                user_id=by.pk,
                person=by.name,
                on=day_of(now),
                at=now,
            )
            for link in links
        ]
        Look.objects.bulk_create(looks, ignore_conflicts=True)

    @classmethod
    def entries(cls, client: UUID) -> Iterator[Entry]:
        """For "Who saw our information"."""
        for look in cls.objects.filter(client=client).select_related("organisation")[:MOST]:
            yield Entry(
                at=look.at,
                who=f"{look.person}, {look.organisation.name}",
                what=_now("contact details"),
                why=_now("Your integrator, which you have linked"),
                kind="integrator",
            )


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """Everything that an integrator sees of a client; both sides are shown this and nothing else."""

    company: str
    vat_number: str
    street: str
    town: str
    country: str
    person: str
    email: str
    phone: str

    @classmethod
    def of(cls, client: Client) -> "ContactDetails":
        return cls(
            company=client.company,
            vat_number=format_vat(client.vat_number),
            street=client.street,
            town=f"{client.postal_code} {client.city}".strip(),
            country=country_name(client.country),
            person=client.contact_name,
            email=client.contact_email,
            phone=client.phone,
        )


history.register(Organisation, label="name", exclude=("name_folded",), shown={"language": language_name})
history.register(Membership, label="id")
history.register(Link, label="id")
