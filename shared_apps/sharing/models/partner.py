"""A partner gets something only while somebody has read its privacy policy (P31); what it got is kept, row by row."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import ONE_LINE, User
from shared_apps.kit.dates import day_of, plus_months
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold

MONTHS = 12  # for which a reading counts at most
CATEGORIES: dict[
    str, Any
] = {  # those of the register of holdings that may leave; technical data names nobody
    "contact": _("contact details"),
    "billing": _("billing details"),
    "legal": _("legal records"),
    "data": _("business data"),
}


class CannotShare(Exception):
    """A verb on a partner or an order was refused; the text is for people."""


@dataclass(frozen=True, slots=True)
class Said:
    """A purpose, the language that it is in ("" where nobody noted which), and whether that is the reader's."""

    text: str
    language: str
    is_own: bool


def text_hash(text: str) -> str:
    """SHA-256 of the text in UTF-8, as the database computes it again (walls.py)."""
    return hashlib.sha256(text.encode()).hexdigest()


class PartnerQuerySet(models.QuerySet["Partner"]):
    def with_policy(self) -> Self:
        """`verified_on` and `valid_until` of the last reading, `listed_on` of the first one; None without."""
        last = Verification.objects.filter(partner=OuterRef("pk"))
        return self.annotate(
            listed_on=Subquery(last.order_by("verified_on", "id").values("verified_on")[:1]),
            verified_on=Subquery(last.values("verified_on")[:1]),
            valid_until=Subquery(last.values("valid_until")[:1]),
        )

    def open(self, today: date) -> Self:
        """Those that may get something: not ended, and the last reading of the policy counts on that day."""
        return self.with_policy().filter(ended_at=None, verified_on__lte=today, valid_until__gte=today)

    def ended(self) -> Self:
        return self.exclude(ended_at=None)


class Partner(Row):
    name = models.CharField(_("name"), max_length=200, validators=[ONE_LINE])
    name_folded = models.CharField(max_length=200, editable=False, db_index=True)
    # What it does for clients, by language of the website: visitors and clients read it in their own.
    purposes = models.JSONField(_("purpose"), default=dict)
    # As it was written when there was one sentence, in which language nobody noted; releases before read it.
    purpose = models.CharField(_("purpose"), max_length=300, blank=True)
    categories = models.JSONField(_("categories of data"))  # codes of CATEGORIES
    country = models.CharField(_("country"), max_length=2)
    hosts = models.JSONField(
        _("hosts"), default=list, blank=True
    )  # names that our servers may call, by HTTPS
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects = PartnerQuerySet.as_manager()

    class Meta:
        verbose_name = _("partner")
        verbose_name_plural = _("partners")
        ordering = ["name_folded", "id"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name_folded = fold(self.name)[:200]
        super().save(*args, **kwargs)

    @property
    def policy(self) -> "Verification | None":
        """The last reading of its privacy policy."""
        return self.verifications.first()

    def state(self, today: date) -> str:
        """ "ended", "unverified", "expired" or "open"."""
        if self.ended_at:
            return "ended"
        dates: Any = self if hasattr(self, "valid_until") else self.policy  # of `with_policy`
        if dates is None or dates.valid_until is None:
            return "unverified"
        return "open" if dates.verified_on <= today <= dates.valid_until else "expired"

    @property
    def is_described(self) -> bool:
        """Whether its purpose is there in every language in which somebody may read it."""
        return all(self.purposes.get(code) for code, _name in settings.WEBSITE_LANGUAGES)

    def purpose_for(self, language: str) -> Said:
        """Its purpose for a reader of that language; in another one only where it isn't there, and then called so."""
        wanted = language.partition("-")[0]
        if own := self.purposes.get(wanted):
            return Said(own, wanted, is_own=True)
        for code, _name in settings.WEBSITE_LANGUAGES:
            if other := self.purposes.get(code):
                return Said(other, code, is_own=False)
        return Said(self.purpose, "", is_own=False)

    def describe(self, purposes: Mapping[str, str]) -> None:
        """Say anew what it does for clients. Raises CannotShare unless it is said in every language of the website."""
        self.purposes = {code: " ".join(said.split()) for code, said in purposes.items() if said.strip()}
        if not self.is_described:
            raise CannotShare(
                _now("Say the purpose in every language of the website: visitors read it in theirs.")
            )
        self.save(update_fields=["purposes"])

    def verify(
        self, *, policy_url: str, text: str, valid_until: date, by: User, now: datetime
    ) -> "Verification":
        """Somebody has read the policy and found it good enough, until that day; the text itself is kept.

        Raises CannotShare: ended, not described in every language, no text, or a day that is past or too far.
        """
        today = day_of(now)
        if self.ended_at:
            raise CannotShare(_now("This partner was ended."))
        if not self.is_described:
            raise CannotShare(
                _now("Say the purpose in every language of the website: visitors read it in theirs.")
            )
        kept = text.replace("\r\n", "\n").replace("\0", "").strip()
        if not kept:
            raise CannotShare(_now("Give the text that you have read."))
        if not today <= valid_until <= plus_months(today, MONTHS):
            raise CannotShare(_now("A reading counts from today on and for twelve months at most."))
        return Verification.objects.create(
            partner=self,
            policy_url=policy_url,
            text=kept,
            sha256=text_hash(kept),
            verified_by=by,
            verified_on=today,
            valid_until=valid_until,
        )

    def end(self, *, now: datetime) -> None:
        """Nothing goes there any more, from the next connection on. Ending twice is ending once."""
        Partner.objects.filter(pk=self.pk, ended_at=None).update(ended_at=now)
        self.refresh_from_db()

    def disclose(self, client: UUID, *, categories: Sequence[str], why: str, now: datetime) -> "Disclosure":
        """Note that something about a client goes to the partner: called in the transaction that sends it.

        Raises CannotShare when it may not; the database refuses the row too.
        """
        policy = self.policy
        if self.state(day_of(now)) != "open" or policy is None:
            raise CannotShare(_now("Nothing may go to this partner: its privacy policy is not verified."))
        if not categories or not set(categories) <= set(self.categories):
            raise CannotShare(_now("This partner does not get data of this category."))
        return Disclosure.objects.create(
            verification=policy, client_uuid=client, categories=sorted(categories), why=why[:300], at=now
        )


class Verification(Row):
    """One reading of a partner's privacy policy. Never altered: a later reading is another row."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="verifications")
    policy_url = models.URLField(_("address of the privacy policy"), max_length=500)
    text = models.TextField(_("text"))  # as it was read
    sha256 = models.CharField("SHA-256", max_length=64)  # text_hash of it
    # Held by the database's key alone: Django would ask for this table when a tenant's person is deleted.
    verified_by = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    verified_on = models.DateField(_("verified on"))
    valid_until = models.DateField(_("valid until"))

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")
        ordering = ["-verified_on", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__gte=F("verified_on")), name="sharing_verification_has_days"
            )
        ]

    def __str__(self) -> str:
        return self.sha256[:16]


class Disclosure(Row):
    """Something about a client went to a partner. The reading that allowed it is named, so there always was one."""

    verification = models.ForeignKey(Verification, on_delete=models.PROTECT, related_name="disclosures")
    client_uuid = models.UUIDField(db_index=True)
    categories = models.JSONField(_("categories of data"))
    why = models.CharField(_("why"), max_length=300)
    at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name = _("disclosure")
        verbose_name_plural = _("disclosures")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"
