"""Erasures that operators ask for: counted by the day for the whole team, so that nobody empties the fleet."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenants import erasure
from tenants.models import CannotAct, Erasure

WINDOW = timedelta(hours=24)
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('operators.erasures', 2))"


def asked(now: datetime) -> QuerySet[Erasure]:
    """Those of the last 24 hours, by whichever operator or command; cancelled ones count too."""
    return Erasure.objects.filter(requested_by__role="operator", requested_at__gt=now - WINDOW)


def left(now: datetime) -> int:
    """How many operators may still ask for now."""
    return max(0, settings.SMOALL_ERASURES_PER_DAY - asked(now).count())


def refusal(now: datetime) -> str:
    """Why none may be asked for now, in a sentence; "" while some are left."""
    most, recent = settings.SMOALL_ERASURES_PER_DAY, asked(now).order_by("-requested_at")
    if most == 0:
        return _("This deployment lets operators erase no client.")
    moments = list(recent.values_list("requested_at", flat=True)[:most])
    if len(moments) < most:
        return ""
    again = formats.date_format(timezone.localtime(moments[-1] + WINDOW), "DATETIME_FORMAT")
    said = ngettext(
        "Operators may have %(most)s client erased in 24 hours, and that one was asked for. The next from %(again)s.",
        "Operators may have %(most)s clients erased in 24 hours, and those were asked for. The next from %(again)s.",
        most,
    )
    return said % {"most": most, "again": again}


def request(tenant: UUID, *, reason: str, with_contacts: bool, now: datetime) -> Erasure:
    """tenants.erasure.request with its delay, within the day's number. In the shared scope. Raises CannotAct.

    Of two operators at once the second waits, and sees what the first did.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
    if refused := refusal(now):
        raise CannotAct(refused)
    return erasure.request(tenant, now=now, with_contacts=with_contacts, reason=reason)


def cancel(tenant: UUID, *, now: datetime) -> None:
    """Take back what operators asked for; an owner's instruction is the owners' alone. Raises CannotAct."""
    waiting = erasure.pending(tenant)
    if waiting is None:
        raise CannotAct(_("No erasure is waiting here."))
    if waiting.requested_by["role"] != "operator":
        raise CannotAct(_("An owner asked for this erasure: only an owner can stop it."))
    erasure.cancel(waiting, now=now)
