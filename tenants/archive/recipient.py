"""To whom an archive is encrypted: an age key, or a passphrase that is long enough."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenants import keys
from tenants.archive import age

MIN_PASSPHRASE = 15  # characters; whoever has the file may guess for ever, without Smoall to slow it down
MAX_PASSPHRASE = 1000


class BadRecipient(ValueError):
    """What somebody gave to encrypt to can't be used. `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str | Promise) -> None:
        super().__init__(message)
        self.code = code


def parse_recipient(text: str) -> age.PublicKey | age.Passphrase:
    """An age public key (age1…), or else a passphrase of 15 to 1,000 characters. Raises BadRecipient."""
    bare = text.strip()
    if bare.upper().startswith(keys.SECRET_PREFIX):
        raise BadRecipient("secret", _("This is a secret key: keep it. Give the public one, age1…"))
    if bare.startswith(("ssh-", "ecdsa-", "-----BEGIN", "age1yubikey1", "age1tag", "age1pq1")):
        raise BadRecipient("kind", _("Keys of this kind are not accepted: give an age key or a passphrase."))
    if bare.lower().startswith("age1") and " " not in bare:
        try:
            return age.PublicKey.parse(bare)
        except age.BadKeyText as error:
            raise BadRecipient("mistyped", _("This age key is mistyped: copy it again.")) from error
    _refuse_weak(text)
    return age.Passphrase(text)


def _refuse_weak(passphrase: str) -> None:
    if len(passphrase) < MIN_PASSPHRASE:
        raise BadRecipient("short", _("Use at least 15 characters: a sentence is easy to remember."))
    if len(passphrase) > MAX_PASSPHRASE:
        raise BadRecipient("long", _("Use at most 1,000 characters."))
    if passphrase != passphrase.strip():
        raise BadRecipient("edges", _("A passphrase may not begin or end with a space."))
    if not passphrase.isprintable():
        raise BadRecipient("unprintable", _("Use characters that can be typed on one line."))
    if len(set(passphrase)) < 6:
        raise BadRecipient("weak", _("Use more different characters: this one is guessed at once."))
