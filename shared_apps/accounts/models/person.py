"""Somebody who may sign in: address, role, state, links that are mailed, and the verbs of a team."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.validators import RegexValidator
from django.db import IntegrityError, models, router, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from shared_apps import accounts, mail
from shared_apps.accounts.models.ledger import Cause, Session, SignIn
from shared_apps.kit import scope, tokens
from shared_apps.kit.module import Role, all_rights, modules
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold, fold_email


class CannotChange(Exception):
    """A verb on a person was refused; the text is for people."""


class UnknownRight(LookupError):
    """A right that no module declares: a mistake in the code, never a person's."""


class Kind(models.TextChoices):
    PERSON = "person", _("person of a workspace")
    OPERATOR = "operator", _("operator")
    INTEGRATOR = "integrator", _("person of an integrator")


class Purpose(models.TextChoices):
    """What a mailed link is for; each lives in the realm and the URL of its own name."""

    RESET = "reset", _("set a new password")
    INVITATION = "invitation", _("accept an invitation")
    ENTER = "enter", _("enter a new workspace")
    EMAIL = "email", _("use another e-mail address")


PRINT = "smoall.accounts.link"  # salt of what a link holds of the state that it was made in
LINK_AGE = {
    Purpose.RESET: timedelta(hours=2),
    Purpose.INVITATION: timedelta(days=14),
    Purpose.ENTER: timedelta(hours=24),
    Purpose.EMAIL: timedelta(hours=24),
}
ONE_LINE = RegexValidator(
    r"^[^\x00-\x1f\x7f\x85\u2028\u2029]*\Z", _("Write this on one line, without control characters.")
)  # a name stands in the headers of mails
ROLE_CHOICES = [
    (Role.MEMBER.value, _("Member")),
    (Role.ADMIN.value, _("Administrator")),
    (Role.OWNER.value, _("Owner")),
]
# Whose rights a module declares: those of a workspace's people, unless it stands here.
HOLDERS: dict[str, str] = {"operators": Kind.OPERATOR, "partner": Kind.INTEGRATOR}
ACTOR_KINDS: dict[str, scope.ActorKind] = {
    Kind.PERSON: "user",
    Kind.OPERATOR: "operator",
    Kind.INTEGRATOR: "integrator",
}


@dataclass(frozen=True, slots=True)
class Visiting:
    """Somebody of Smoall in a client's workspace, by a grant that the client sees (operators.Grant)."""

    reason: str
    may_write: bool
    until: datetime

    @staticmethod
    def may(right: str) -> bool:
        """An administrator's rights in business modules; never team, accounts, copies, or the workspace's end.

        Nor the history of everything, which tells of people, their addresses and rights: only that of those modules.
        """
        business = [one for one in modules() if one.name.startswith("tenant_apps.") and one.label != "team"]
        needed = next((one.rights[right] for one in business if right in one.rights), None)
        verb = right.rpartition(".")[2]
        return needed is not None and needed <= Role.ADMIN and verb not in ("export", "erase", "leave", "all")


def kind_here() -> Kind:
    """Who may enter the realm in force: operators on ops., integrators on app., people elsewhere."""
    return {"ops": Kind.OPERATOR, "app": Kind.INTEGRATOR}.get(scope.realm(), Kind.PERSON)


class UserQuerySet(models.QuerySet["User"]):
    def active(self) -> Self:
        return self.filter(deactivated_at=None)

    def entered(self) -> Self:
        """Active people who have set their password."""
        return self.active().exclude(entered_at=None)

    def owners(self) -> Self:
        """Those who can keep the workspace: an owner who never came doesn't count."""
        return self.entered().filter(role=Role.OWNER.value)


class UserManager(models.Manager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def by_email(self, email: str) -> "User | None":
        """The person with this address in the schema in force, active or not."""
        folded = fold_email(email)
        found: User | None = self.filter(email_folded=folded).first() if 0 < len(folded) <= 254 else None
        return found

    def get_by_natural_key(self, username: str | None) -> "User":
        found: User = self.get(email_folded=fold_email(username or ""))
        return found

    def create_user(
        self,
        *,
        email: str,
        name: str,
        role: int = Role.MEMBER,
        password: str | None = None,
        kind: str = Kind.PERSON,
        language: str = "fr",
    ) -> "User":
        """A person who may sign in at once (`password`) or after a link. Raises CannotChange when taken."""
        if len(fold_email(email)) > 254:
            raise CannotChange(gettext("This e-mail address is too long."))
        person: User = self.model(
            email=email.strip(), name=name, role=int(role), kind=kind, language=language
        )
        person.set_password(password)
        try:
            with transaction.atomic():
                person.save()
        except IntegrityError as error:
            if not self.filter(email_folded=person.email_folded).exists():
                raise
            raise CannotChange(gettext("Somebody with this e-mail address is here already.")) from error
        if person.entered_at:
            _number_changed(person)
        return person


def _number_changed(person: "User") -> None:
    """Operators and integrators' people are nobody's matter: no workspace has them."""
    if person.kind == Kind.PERSON:
        accounts.number_changed()


class User(AbstractBaseUser, Row):
    """Somebody who may sign in. Deactivated, never deleted, once they entered: the history names them."""

    last_login = None  # the ledger of sign-ins keeps every one
    visiting: Visiting | None = None  # an operator in a workspace: no row, only a request's person
    link_word = ""  # what travelled in the link that named this person
    email = models.EmailField(_("e-mail"))
    email_folded = models.CharField(max_length=254, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200, validators=[ONE_LINE])
    name_folded = models.CharField(max_length=200, editable=False, db_index=True)
    language = models.CharField(_("language"), max_length=5, default="fr")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.PERSON)
    role = models.PositiveSmallIntegerField(_("role"), choices=ROLE_CHOICES, default=Role.MEMBER.value)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    invited_at = models.DateTimeField(_("invited"), null=True, blank=True, editable=False)
    entered_at = models.DateTimeField(_("first entry"), null=True, blank=True, editable=False)
    password_changed_at = models.DateTimeField(_("password changed"), null=True, blank=True, editable=False)
    deactivated_at = models.DateTimeField(_("deactivated"), null=True, blank=True, editable=False)
    reactivated_at = models.DateTimeField(_("reactivated"), null=True, blank=True, editable=False)

    USERNAME_FIELD = "email_folded"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email", "name"]
    objects = UserManager()

    class Meta:
        verbose_name = pgettext_lazy("somebody who may sign in", "person")
        verbose_name_plural = pgettext_lazy("those who may sign in", "people")
        ordering = ["name_folded", "id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=[1, 2, 3]), name="accounts_user_role"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["person", "operator", "integrator"]), name="accounts_user_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ValueError for a kind that has no place in the schema in force."""
        if (self.kind == Kind.PERSON) != bool(scope.tenant_id()):
            raise ValueError(f"{self.kind!r} has no place in {scope.current().schema}")
        self.email_folded, self.name_folded = fold_email(self.email), fold(self.name)[:200]
        if (fields := kwargs.get("update_fields")) is not None:
            twins = {f"{field}_folded" for field in fields if field in ("email", "name")}
            kwargs["update_fields"] = {*fields, *twins}
        super().save(*args, **kwargs)

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return self.deactivated_at is None

    @property
    def state(self) -> str:
        """ "active", "invited" (never entered) or "deactivated"."""
        return "deactivated" if self.deactivated_at else "active" if self.entered_at else "invited"

    def was_inside(self, moment: datetime) -> bool:
        """Whether this account had entered by then, and was not let in anew since.

        Of two people who must agree the second may not be an account that the first has made for it.
        """
        came = [one for one in (self.entered_at, self.reactivated_at) if one is not None]
        return self.entered_at is not None and max(came) <= moment

    def get_full_name(self) -> str:
        return self.name

    def may(self, right: str) -> bool:
        """Whether this person's kind and role have a right, as modules declare them. Raises UnknownRight."""
        rights = all_rights()
        if right not in rights:
            raise UnknownRight(right)
        if self.visiting:
            return self.visiting.may(right)
        is_holder = self.kind == HOLDERS.get(right.partition(".")[0], Kind.PERSON)
        return self.is_active and is_holder and self.role >= rights[right]

    def rights(self) -> list[str]:
        return [right for right in sorted(all_rights()) if self.may(right)]

    def as_actor(self) -> scope.Actor:
        if self.visiting:
            return scope.Actor("operator", str(self.id), self.name, behalf=self.visiting.reason)
        return scope.Actor(ACTOR_KINDS[self.kind], str(self.id), self.name)

    # --- links ---------------------------------------------------------------------------------------------

    def link(self, purpose: Purpose, word: str = "") -> str:
        """The path of a page on this realm's host, usable once: it dies with the password it was made for.

        `word` travels in it: the new address of an EMAIL link.
        """
        made = tokens.print_of(self._made_in(purpose), salt=PRINT)
        token = tokens.sign([str(self.id), made, word], purpose=f"accounts.{purpose}")
        return reverse(str(purpose), urlconf="shared_apps.accounts.urls", args=[token])

    def _made_in(self, purpose: Purpose) -> str:
        """Changes with the password, the address and the first entry, so that a used link is void.

        And with a return: a link from before a deactivation stays void for ever.
        """
        moments = f"{self.entered_at}|{self.invited_at}|{self.reactivated_at}"
        return f"{purpose}|{self.id}|{self.password}|{self.email_folded}|{moments}"

    @classmethod
    def of_link(cls, purpose: Purpose, token: str, *, lock: bool = False) -> "User":
        """The person a link was made for. Raises BadToken: altered, old, used, of another realm or purpose.

        With `lock` the row is locked until the transaction ends, so that two clicks can't both use the link.
        """
        payload = tokens.read(
            token, purpose=f"accounts.{purpose}", max_age=int(LINK_AGE[purpose].total_seconds())
        )
        rows = cls.objects.select_for_update() if lock else cls.objects
        person: User | None = rows.filter(id=UUID(payload[0]), kind=kind_here()).first()
        if (
            person is None
            or not person.is_active
            or not tokens.is_print(payload[1], person._made_in(purpose), salt=PRINT)
        ):
            raise tokens.BadToken("used or withdrawn")
        person.link_word = payload[2]
        return person

    def set_password(self, raw_password: str | None) -> None:
        """Whoever has a password has entered."""
        super().set_password(raw_password)
        if raw_password:
            self.password_changed_at = timezone.now()
            self.entered_at = self.entered_at or self.password_changed_at

    # --- verbs ---------------------------------------------------------------------------------------------

    def change_password(self, password: str, *, now: datetime, keep: str = "") -> None:
        """Set a password that was validated before; ends every session but the one of the hash `keep`."""
        first = self.entered_at is None
        self.set_password(password)
        self.password_changed_at = now
        self.entered_at = now if first else self.entered_at
        self.save(update_fields=["password", "password_changed_at", "entered_at"])
        self.sign_ins.exclude(session_hash=keep).close(Cause.PASSWORD_CHANGED, now=now)
        if first:
            _number_changed(self)

    def change_email(self, email: str) -> str:
        """Sign in with another address from now on; returns the old one. Raises CannotChange when it is taken."""
        old, self.email = self.email, email.strip()
        try:
            with transaction.atomic():
                self.save(update_fields=["email"])
        except IntegrityError as error:
            self.email = old
            raise CannotChange(gettext("Somebody with this e-mail address is here already.")) from error
        mail.readdress(old, self.email)
        return old

    def change_role(self, role: int, *, by: "User") -> None:
        """Raises CannotChange: `by` may not touch or make an owner, or no owner would be left."""
        self._lock(by, role=role, keeps_owner=role == Role.OWNER)
        self.role = int(role)
        self.save(update_fields=["role"])

    def deactivate(self, *, by: "User", now: datetime) -> None:
        """Ends every session at once; what the person did keeps its author. Raises CannotChange."""
        self._lock(by, keeps_owner=False)
        if by.id == self.id:
            raise CannotChange(gettext("You can’t deactivate yourself: ask another administrator."))
        if self.deactivated_at is None:
            self.deactivated_at = now
            self.save(update_fields=["deactivated_at"])
            _number_changed(self)
        self.sign_ins.all().close(Cause.DEACTIVATED, now=now)

    def reactivate(self, *, by: "User", now: datetime) -> None:
        """Links mailed before stay void. Raises CannotChange."""
        self._lock(by)
        if self.deactivated_at is not None:
            self.deactivated_at, self.reactivated_at = None, now
            self.save(update_fields=["deactivated_at", "reactivated_at"])
            _number_changed(self)

    def renew_invitation(self, *, by: "User", now: datetime) -> None:
        """Makes earlier links void. Raises CannotChange for somebody who has entered, or after five mails in a day."""
        self._lock_invited(by)
        self.count_invitation(self.email, now)
        self.invited_at = now
        self.save(update_fields=["invited_at"])

    def withdraw_invitation(self, *, by: "User") -> None:
        """Somebody who never entered did nothing: the row goes. Raises CannotChange."""
        self._lock_invited(by)
        # Not delete(): it looks for rows that name the person in tables of the other kind of schema too.
        User.objects.filter(id=self.id)._raw_delete(using=router.db_for_write(User))

    def forget(self, label: str, *, now: datetime) -> list[str]:
        """Take everything personal out of this person: `label` stands for the name from now on.

        The row stays, since others name it by its key. Nobody enters by it any more: deactivated, which they are already
        but in a database or a copy that is older; no session, no password, an address that no mail reaches. Returns the
        names of files that must go: none.
        """
        self.sign_ins.all().close(Cause.DEACTIVATED, now=now)
        self.sign_ins.update(device="")
        Session.objects.filter(user=self.pk).delete()
        for factor in ("totp", "passkeys", "recovery_codes"):
            model: Any = User._meta.get_field(factor).related_model
            model._default_manager.filter(user=self.pk).delete()
        self.name, self.email = label, f"{self.pk}@erased.invalid"
        self.set_unusable_password()
        was_active, self.deactivated_at = self.is_active, self.deactivated_at or now
        self.save()
        if was_active:
            _number_changed(self)
        return []

    def revoke(self, sign_in: "SignIn", *, by: "User", now: datetime) -> None:
        """End one session of this person, if it isn't ended yet. Raises CannotChange."""
        if by.id != self.id:
            self._lock(by)
        self.sign_ins.filter(id=sign_in.id).close(Cause.REVOKED, now=now)

    def reset_factors(self, *, by: "User", now: datetime) -> None:
        """For somebody who lost their second factor: the password is enough until they set up another one.

        Ends every session. `by` is another person: an owner, or an operator. Raises CannotChange.
        """
        from shared_apps.accounts.models import factor

        self._lock(by)
        if by.id == self.id:
            raise CannotChange(gettext("Ask somebody else: nobody takes away their own second factor so."))
        if by.kind == self.kind == Kind.PERSON and by.role < Role.OWNER:
            raise CannotChange(gettext("Only an owner can do this."))
        factor.forget(self)
        self.sign_ins.all().close(Cause.REVOKED, now=now)

    def _lock(self, by: "User", *, role: int = Role.MEMBER, keeps_owner: bool = True) -> None:
        """Lock every owner, this person and `by` until the transaction ends, and read them as they are now.

        Of two requests at once the second sees what the first did. Raises CannotChange when an administrator
        touches or makes an owner, or when the last owner would be lost (`keeps_owner` is False).
        """
        owners = {owner.id for owner in User.objects.owners().select_for_update().order_by("id")}
        both = User.objects.filter(id__in={self.id, by.id}).select_for_update().order_by("id").in_bulk()
        fresh, author = both[self.id], both.get(by.id, by)
        self.role, self.deactivated_at, self.entered_at = fresh.role, fresh.deactivated_at, fresh.entered_at
        if not author.is_active:
            raise CannotChange(gettext("You were deactivated meanwhile."))
        if author.role < Role.OWNER and Role.OWNER in (self.role, role):
            raise CannotChange(gettext("Only an owner can do this to an owner, or name one."))
        if not keeps_owner and owners == {self.id}:
            raise CannotChange(gettext("A workspace needs an owner: name another one first."))

    def _lock_invited(self, by: "User") -> None:
        self._lock(by)
        if self.state != "invited":
            raise CannotChange(gettext("This invitation was accepted already."))

    @staticmethod
    def count_invitation(email: str, now: datetime) -> None:
        """Raises CannotChange when the address got its five mails of the day: no form may pester a stranger."""
        from shared_apps.accounts.models.throttle import Throttle

        if not Throttle.may_mail(email, purpose="invitation", now=now):
            raise CannotChange(gettext("Five mails went to this address within a day. Try again tomorrow."))

    @classmethod
    def invite(cls, *, name: str, email: str, role: int, language: str, by: "User", now: datetime) -> "User":
        """Somebody new, without password until the invitation is accepted. Raises CannotChange."""
        if role > by.role:
            raise CannotChange(gettext("Only an owner can do this to an owner, or name one."))
        cls.count_invitation(email, now)
        person = cls.objects.create_user(email=email, name=name, role=role, kind=by.kind, language=language)
        person.invited_at = now
        person.save(update_fields=["invited_at"])
        return person
