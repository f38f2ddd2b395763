"""What time alone brings: an order that is secret no longer is told of, and old counts go."""

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from shared_apps import mail
from shared_apps.clients.models import Client
from shared_apps.jobs import job
from shared_apps.kit.dates import day_of
from shared_apps.mail.models import Message
from shared_apps.sharing import mails
from shared_apps.sharing.models import Order, Refusal

log = logging.getLogger("smoall.sharing")
AGAIN_AFTER = timedelta(days=1)


@job(purpose="sharing.tend")
def tend() -> None:
    now = timezone.now()
    tell(now)
    Refusal.forget(now)


def tell(now: datetime) -> int:
    """Mail the clients of orders that may be told of and were not; how many. Nobody is left of a forgotten client.

    A mail that came back is written again the next day: the address may be another one by then.
    """
    written = 0
    for order in Order.objects.untold(day_of(now)).select_for_update(of=("self",)):
        client = Client.objects.filter(pk=order.client_uuid).first()
        if client is None or not Message.may_go_again(order.mail_key, since=now - AGAIN_AFTER):
            continue
        try:
            mails.order(order, client)
        except mail.BadRecipient as error:  # one bad address must not keep all others from being told
            log.error("order %s: its client can't be mailed: %s", order.pk, error)
            continue
        written += 1
    return written


def given_name(order: Order) -> str:
    """Where the encrypted file waits to be fetched, in the files of the shared schema."""
    return f"orders/{order.id}.age"
