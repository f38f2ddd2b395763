"""What time alone brings: an order that is secret no longer is told of, and old counts go."""

from datetime import datetime

from django.utils import timezone

from shared_apps.clients.models import Client
from shared_apps.jobs import job
from shared_apps.kit.dates import day_of
from shared_apps.sharing import mails
from shared_apps.sharing.models import Order, Refusal


@job(purpose="sharing.tend")
def tend() -> None:
    now = timezone.now()
    tell(now)
    Refusal.forget(now)


def tell(now: datetime) -> int:
    """Mail the clients of orders that may be told of and were not; how many. Nobody is left of a forgotten client."""
    told = 0
    for order in Order.objects.untold(day_of(now)).select_for_update(of=("self",)):
        client = Client.objects.filter(pk=order.client_uuid).first()
        if client is not None:
            mails.order(order, client)
            order.told_at = now
            order.save(update_fields=["told_at"])
            told += 1
    return told


def given_name(order: Order) -> str:
    """Where the encrypted file waits to be fetched, in the files of the shared schema."""
    return f"orders/{order.id}.age"
