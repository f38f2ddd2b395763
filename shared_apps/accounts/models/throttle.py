"""Failed attempts, counted by account; and what is closed and forgotten as time goes by."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models.ledger import Cause, Session, SignIn
from shared_apps.kit import scope
from shared_apps.kit.rows import Row
from shared_apps.kit.text import fold_email


class Throttle(Row):
    """Failed attempts on an account, known or not, named by a keyed hash: no address is kept (P12)."""

    FREE = 5  # failures without a delay
    FIRST, LONGEST = timedelta(seconds=30), timedelta(minutes=15)
    FORGOTTEN_AFTER = timedelta(hours=24)
    MAILS_A_DAY = 5  # to an address that somebody else typed

    account = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)
    failures = models.PositiveIntegerField(default=0)  # or whatever is counted
    until = models.DateTimeField(null=True, blank=True)  # refused before this moment

    class Meta:
        verbose_name = _("throttled account")
        verbose_name_plural = _("throttled accounts")

    def __str__(self) -> str:
        return self.account[:8]

    @classmethod
    def of(cls, email: str, *, purpose: str, now: datetime) -> "Throttle":
        """The counter of an account and purpose, locked: guesses at the same account wait for each other."""
        account = cls.hash_of(email, purpose=purpose)
        blank = Throttle(account=account, started_at=now, last_at=now)
        Throttle.objects.bulk_create(
            [blank], update_conflicts=True, update_fields=["account"], unique_fields=["account"]
        )
        found = Throttle.objects.get(account=account)
        if found.last_at < now - cls.FORGOTTEN_AFTER:
            found.started_at, found.failures, found.until = now, 0, None
        return found

    @staticmethod
    def hash_of(email: str, *, purpose: str) -> str:
        salt = f"smoall.throttle:{scope.realm()}:{purpose}"
        return salted_hmac(salt, fold_email(email), algorithm="sha256").hexdigest()

    @classmethod
    def may_mail(cls, email: str, *, purpose: str, now: datetime, most: int = MAILS_A_DAY) -> bool:
        """Count a mail to an address that somebody else typed; False when five went there within a day.

        With the key of whoever has them sent instead of an address: theirs, `most` of them.
        """
        counted = cls.of(email, purpose=purpose, now=now)
        if counted.failures >= most:
            return False
        counted.failures += 1
        counted.last_at = now
        counted.save()
        return True

    def is_closed(self, now: datetime) -> bool:
        return self.until is not None and now < self.until

    def count(self, now: datetime, *, longest: timedelta = LONGEST) -> None:
        """One more failure; from the sixth on each doubles the wait, up to `longest`."""
        self.failures += 1
        self.last_at = now
        if self.failures >= self.FREE:
            doublings = min(self.failures - self.FREE, 10)
            self.until = now + min(self.FIRST * 2**doublings, longest)
        self.save()

    def clear(self) -> None:
        self.delete()


class HourCounter:
    """How often something happened within the last hour in this realm, whoever did it: no account is named.

    Counted by ten minutes, seven of which cover any hour, so that no hour ever holds more than it may. The current
    one is locked until the transaction ends: of two requests at once the second sees what the first counted.
    """

    SLICE = timedelta(minutes=10)

    def __init__(self, what: str, *, now: datetime) -> None:
        number = int(now.timestamp() // self.SLICE.total_seconds())
        self.now = now
        self._current = Throttle.of(f"{what} {number}", purpose="hour", now=now)
        earlier = [Throttle.hash_of(f"{what} {number - back}", purpose="hour") for back in range(1, 7)]
        before = Throttle.objects.filter(account__in=earlier).aggregate(models.Sum("failures", default=0))
        self.total = self._current.failures + int(before["failures__sum"])

    def count(self) -> None:
        """Once more."""
        self.total += 1
        self._current.failures += 1
        self._current.last_at = self.now
        self._current.save()


def close_expired(now: datetime) -> int:
    """Close sign-ins whose session ran out or is gone, at the moment it ended; forget what throttles no more.

    For the schema in force. How many sign-ins were closed.
    """
    ended = Session.objects.filter(expires_at__lte=now)
    at = ended.filter(key_hash=models.OuterRef("session_hash")).values("expires_at")
    theirs = SignIn.objects.open().filter(session_hash__in=ended.values("key_hash"))
    closed = theirs.update(signed_out_at=models.Subquery(at), cause=Cause.EXPIRED)
    ended.delete()
    alive = Session.objects.values("key_hash")
    closed += SignIn.objects.exclude(session_hash__in=alive).close(Cause.EXPIRED, now=now)
    Throttle.objects.filter(last_at__lt=now - Throttle.FORGOTTEN_AFTER).delete()
    return closed
