"""The mail that tells operators of a broken promise."""

from collections.abc import Sequence
from datetime import date

from django.utils.text import format_lazy

from shared_apps.accounts import mails
from shared_apps.promises.catalogue import BY_ID


def alarm(broken: Sequence[str], *, day: date) -> None:
    """Once a day, for as long as it lasts."""
    mails.alarm(
        [format_lazy("{}: {}", id, BY_ID[id].sentence) for id in broken],
        purpose="promises.alarm",
        template="promises/mail/alarm",
        page="promises:results",
        once=day,
    )
