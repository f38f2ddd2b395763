"""The second factor: an app that shows codes (TOTP, RFC 6238), passkeys, and recovery codes for when both are lost.

Whoever has an app or a passkey is asked for one of the three after the password. Operators must have one. The talk
with a passkey (WebAuthn) is in passkeys.py, the pages are in views_factors.py.
"""

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models.person import ONE_LINE, CannotChange, Kind, User
from shared_apps.kit import sealing
from shared_apps.kit.rows import Row

STEP = 30  # seconds that a code is shown
DRIFT = 1  # steps by which the clock of a telephone may be wrong
SECRET_BYTES = 20  # RFC 4226, section 4: 160 bits
CODES = 10
CODE_DIGITS = 16  # digits alone, so that a telephone offers its keypad; 53 bits
REQUIRED = {Kind.OPERATOR}  # who works only with a second factor (P22)


class Totp(Row):
    """The app that shows somebody's codes. The secret is sealed; a step that was used is never taken again."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="totp")
    holder = models.CharField(_("holder"), max_length=200)  # as they were called: the label in the history
    sealed = models.TextField(editable=False)
    last_step = models.BigIntegerField(default=0, editable=False)
    made_at = models.DateTimeField(_("set up"))

    class Meta:
        verbose_name = _("app for codes")
        verbose_name_plural = _("apps for codes")

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d}"

    @classmethod
    def set_up(cls, person: User, secret: bytes, code: str, *, now: datetime) -> "Totp":
        """From a secret that was shown, and the code that the app makes of it. Raises CannotChange."""
        step = step_of(secret, code, now=now)
        if step is None:
            raise CannotChange(
                gettext(
                    "This code is not right. Type the next one; if it fails too, let your telephone set its clock by itself."
                )
            )
        User.objects.select_for_update().get(pk=person.pk)  # of two set-ups at once the second sees the first
        if cls.objects.filter(user=person).exists():
            raise CannotChange(gettext("An app is set up already: remove it first."))
        sealed = sealing.seal(secret, purpose=f"accounts.totp:{person.pk}")
        return cls.objects.create(user=person, holder=person.name, sealed=sealed, last_step=step, made_at=now)

    def secret(self) -> bytes:
        """Raises BadSeal."""
        return sealing.unseal(self.sealed, purpose=f"accounts.totp:{self.user_id}")

    @classmethod
    def takes(cls, person: User, code: str, *, now: datetime) -> bool:
        """Whether a code is right; then neither it nor an earlier one is ever right again."""
        found = cls.objects.select_for_update().filter(user=person).first()
        step = step_of(found.secret(), code, now=now, after=found.last_step) if found else None
        if found is None or step is None:
            return False
        found.last_step = step
        found.save(update_fields=["last_step"])
        return True


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """RFC 6238 with SHA-1 and six digits: what every app knows."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def step_of(secret: bytes, code: str, *, now: datetime, after: int = -1) -> int | None:
    """The step whose code it is, later than `after` and within the drift; None for a wrong code."""
    current = int(now.timestamp()) // STEP
    for step in range(max(0, current - DRIFT), current + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()) and step > after:
            return step
    return None


def as_words(secret: bytes) -> str:
    """The secret for those who type it, in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def uri(secret: bytes, *, issuer: str, account: str) -> str:
    """What the picture of the secret says to an app (the key URI format)."""
    query = urlencode({"secret": base64.b32encode(secret).decode(), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{issuer}:{account}')}?{query}"


class Passkey(Row):
    """A key that stays on somebody's device; it works on the host where it was made, and nowhere else."""

    LONGEST_ANSWER = 20_000  # characters of what one says

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="passkeys")
    name = models.CharField(_("name"), max_length=60, validators=[ONE_LINE])
    credential_id = models.CharField(
        max_length=1400, unique=True, editable=False
    )  # base64url of ≤ 1023 bytes
    public_key = models.TextField(editable=False)  # COSE, base64url
    sign_count = models.BigIntegerField(default=0, editable=False)
    transports = models.JSONField(default=list, editable=False)
    host = models.CharField(_("address"), max_length=253, editable=False)
    made_at = models.DateTimeField(_("added"))
    used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("passkey")
        verbose_name_plural = _("passkeys")
        ordering = ["made_at", "id"]

    def __str__(self) -> str:
        return self.name

    def rename(self, name: str) -> None:
        self.name = name
        self.save(update_fields=["name"])


class RecoveryCodes(Row):
    """Ten codes on paper, each good once. Only their keyed hashes are here."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="recovery_codes")
    holder = models.CharField(_("holder"), max_length=200)  # as they were called: the label in the history
    hashes = models.JSONField(default=list, editable=False)
    left = models.PositiveSmallIntegerField(_("codes left"))
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("recovery codes")
        verbose_name_plural = _("recovery codes")

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d}"

    @classmethod
    def renew(cls, person: User, *, now: datetime) -> list[str]:
        """Ten new ones, to be shown once; the old ones are void."""
        codes = [
            "".join(secrets.choice("0123456789") for _each in range(CODE_DIGITS)) for _each in range(CODES)
        ]
        values = {
            "hashes": [_hashes(person, code)[0] for code in codes],
            "left": CODES,
            "made_at": now,
            "holder": person.name,
        }
        cls.objects.update_or_create(user=person, defaults=values)
        return ["-".join(code[at : at + 4] for at in range(0, CODE_DIGITS, 4)) for code in codes]

    @classmethod
    def takes(cls, person: User, code: str) -> bool:
        """Whether it is one of them; then it is used up."""
        found = cls.objects.select_for_update().filter(user=person).first()
        hashed = _hashes(person, code)
        used = (
            [one for one in found.hashes if any(hmac.compare_digest(one, each) for each in hashed)]
            if found
            else []
        )
        if found is None or not used:
            return False
        found.hashes = [one for one in found.hashes if one not in used]
        found.left = len(found.hashes)
        found.save(update_fields=["hashes", "left"])
        return True


def _hashes(person: User, code: str) -> list[str]:
    """Under the present secret key, then under those that it replaced."""
    salt = f"smoall.accounts.recovery:{person.pk}"
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [salted_hmac(salt, code, secret=key, algorithm="sha256").hexdigest() for key in keys]


def has_second_factor(person: User) -> bool:
    """Whether the password alone opens nothing."""
    app = Totp.objects.filter(user=models.OuterRef("pk"))
    key = Passkey.objects.filter(user=models.OuterRef("pk"))
    return bool(User.objects.filter(models.Exists(app) | models.Exists(key), pk=person.pk).exists())


def takes_code(person: User, typed: str, *, now: datetime) -> bool:
    """Whether what was typed is a code of the app or a recovery code; it isn't a second time."""
    digits = "".join(sign for sign in typed if sign in "0123456789")
    if len(digits) == CODE_DIGITS:
        return RecoveryCodes.takes(person, digits)
    return Totp.takes(person, digits, now=now)


def remove(factor: Totp | Passkey, *, person: User) -> None:
    """One factor less; with the last one the recovery codes go. Raises CannotChange when one must stay."""
    User.objects.select_for_update().get(pk=person.pk)  # of two removals at once the second sees the first
    others = Totp.objects.filter(user=person).count() + Passkey.objects.filter(user=person).count() - 1
    if not others and person.kind in REQUIRED:
        raise CannotChange(gettext("You need a second factor: add another one before you remove this one."))
    factor.delete()
    if not others:
        RecoveryCodes.objects.filter(user=person).delete()


def forget(person: User) -> None:
    """Every factor of somebody who lost theirs (User.reset_factors)."""
    for model in (Totp, Passkey, RecoveryCodes):
        model.objects.filter(user=person).delete()
