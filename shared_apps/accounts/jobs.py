"""Timed upkeep of sessions."""

from django.utils import timezone

from shared_apps.accounts.models import close_expired
from shared_apps.jobs import fleet, job
from shared_apps.kit import scope


@job(purpose="accounts.expire", saga=True)
def expire() -> None:
    """Close the sign-ins whose session ran out, in the shared schema and in every open workspace."""
    now = timezone.now()
    with scope.shared():
        close_expired(now)
    fleet.in_each_tenant(lambda: close_expired(now), actor=scope.actor())
