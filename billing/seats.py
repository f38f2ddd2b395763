"""How many people a workspace has: it counts them itself and publishes that one number; billing reads nothing else (P19).

A person counts from the first entry on, as long as nobody deactivates them. The number is published when it may have
changed, and each night.
"""

from django.utils import timezone

from billing import subscriptions
from billing.models import Seats
from shared_apps.accounts.models import User
from shared_apps.jobs import fleet, job
from shared_apps.kit import scope
from tenants.models import Tenant

COUNTER = scope.Actor("system", "seats", "Smoall")


def ask() -> None:
    """Somebody came or went, in the scope of their workspace."""
    publish.later()


@job(purpose="billing.seats")
def publish() -> None:
    """In a workspace."""
    count()


def count() -> None:
    """Count here, publish there. What is ordered follows when the number is another one."""
    people, here, now = User.objects.entered().count(), scope.tenant_id(), timezone.now()
    with scope.shared():
        client = Tenant.objects.filter(pk=here).values_list("client_id", flat=True).first()
        if client and Seats.publish(client, people, now=now):
            subscriptions.align.later(str(client))


@job(purpose="billing.seats", saga=True, retries=0)
def nightly() -> None:
    """Every workspace, whatever was missed."""
    fleet.in_each_tenant(count, actor=COUNTER)
