"""Text as people search and sort it: folded, since not every server has ICU collations."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

ERASED = (
    "[erased]"  # what stands where somebody was named; the history's own word for it (history/triggers.py)
)
WEB_ADDRESS = re.compile(r"://|\bwww\.|\.[a-z]{2,24}/", re.IGNORECASE)

TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # embeddings, overrides and isolates of direction


def fold(text: str) -> str:
    """Lower case, without accents, one space between words: "Éric  Œuvre" gives "eric oeuvre".

    Characters without a plain twin stay as they are; NUL is dropped, PostgreSQL refuses it.
    """
    text = text.replace("\0", "").replace("œ", "oe").replace("Œ", "oe").replace("æ", "ae").replace("Æ", "ae")
    text = text.replace("ß", "ss").replace("ø", "o").replace("Ø", "o").replace("ł", "l").replace("Ł", "l")
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def fold_email(email: str) -> str:
    """The one spelling under which an address is looked up: NFKC and case folded, accents kept.

    Addresses that servers or eyes may take for one ("KIM@x.be" with a Kelvin sign) are the same account.
    """
    folded = unicodedata.normalize("NFKC", email.replace("\0", "").strip()).casefold()
    return unicodedata.normalize("NFKC", folded)


def refuse_web_addresses(text: str) -> None:
    """For names that stand in mails to strangers: "booking.com" may be a company, "https://…" is bait.

    Also when signs without a width part it, or when it is written backwards under a sign that turns it round.
    Raises ValidationError.
    """
    seen = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    if WEB_ADDRESS.search(seen) or TURNS.search(text):
        raise ValidationError(_("Write a name here, no web address."), code="web_address")
