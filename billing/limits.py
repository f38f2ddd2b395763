"""How full a plan is, in people: the one number that a workspace publishes (P19). Soft: announced, and never a block."""

from datetime import datetime
from uuid import UUID

from billing import mails
from billing.models import Seats, Subscription


def announce(client: UUID, *, now: datetime) -> None:
    """One mail when a plan is nearly full and one when it is too small, each time that it becomes so. In the shared scope."""
    own = Subscription.of(client)
    if own is None or not own.is_live or own.sold is None:
        return
    people = Seats.of(client)
    found, before = own.sold.room(people), own.room
    if found == before:
        return
    if not Subscription.objects.filter(pk=own.pk, room=before).update(room=found):
        return  # whoever looked at the same time has said it
    own.room = found
    if found == "over" or (found == "near" and not before):
        mails.room(own, people=people, now=now)
