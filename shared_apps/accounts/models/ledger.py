"""Sessions, and the ledger that keeps how each began and ended (P04, P05) and on what kind of device (P12)."""

import re
from datetime import datetime
from typing import Self

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.rows import Row

UNKNOWN_DEVICE = "Unknown device"
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


class Session(Row):
    """What a session cookie opens. The key itself is nowhere: only its hash with the realm (sessions.py)."""

    key_hash = models.CharField(max_length=64, unique=True)
    realm = models.CharField(max_length=36)  # "app", "ops" or the tenant's UUID
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.CASCADE, related_name="sessions")
    data = models.TextField()  # signed for the realm
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return f"{self.realm} {self.id}"


class Cause(models.TextChoices):
    SIGNED_OUT = "signed_out", _("signed out")
    EXPIRED = "expired", _("expired")
    PASSWORD_CHANGED = "password_changed", _("password changed")
    REVOKED = "revoked", _("ended from another device")
    DEACTIVATED = "deactivated", _("person deactivated")
    SUSPENDED = "suspended", _("workspace suspended")
    ERASED = "erased", _("workspace erased")


class SignInQuerySet(models.QuerySet["SignIn"]):
    def open(self) -> Self:
        return self.filter(signed_out_at=None)

    def close(self, cause: Cause, *, now: datetime) -> int:
        """Close the open ones and end their sessions, in the caller's transaction. How many were closed."""
        hashes = list(self.open().order_by("id").select_for_update().values_list("session_hash", flat=True))
        Session.objects.filter(key_hash__in=hashes).delete()
        return SignIn.objects.open().filter(session_hash__in=hashes).update(signed_out_at=now, cause=cause)


class SignIn(Row):
    """The ledger: one row a sign-in, closed once with its cause (P04, P05). Never an address (P12)."""

    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="sign_ins")
    session_hash = models.CharField(max_length=64, editable=False)
    device = models.CharField(_("device"), max_length=60)
    signed_in_at = models.DateTimeField(_("signed in"))
    signed_out_at = models.DateTimeField(_("signed out"), null=True, blank=True)
    cause = models.CharField(_("cause"), max_length=20, choices=Cause, blank=True)

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        ordering = ["-signed_in_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(signed_out_at=None, cause="")
                | models.Q(signed_out_at__isnull=False, cause__in=Cause.values),
                name="accounts_signin_closed_with_cause",
            ),
            models.UniqueConstraint(
                fields=["session_hash"],
                condition=models.Q(signed_out_at=None),
                name="accounts_signin_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.signed_in_at:%Y-%m-%d %H:%M}"

    @property
    def device_text(self) -> str:
        """The device in the reader's language."""
        if self.device == UNKNOWN_DEVICE:
            return gettext("Unknown device")
        browser, _on, system = self.device.partition(" on ")
        return (
            gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
            if system
            else browser
        )

    @classmethod
    def close_all(cls, cause: Cause, now: datetime) -> int:
        """End every session of the schema in force (suspension, erasure). How many sign-ins were closed."""
        closed = cls.objects.all().close(cause, now=now)
        Session.objects.all().delete()  # those of visitors too
        return closed


def device_label(agent: str) -> str:
    """A few words from two closed lists, such as "Firefox on Windows": never the user agent itself (P12)."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if re.search(rf"\b{mark}", agent)), "")
    return " on ".join(filter(None, (browser, system))) or UNKNOWN_DEVICE
