"""Timed upkeep of sessions, for the schema that it is asked for in."""

from django.utils import timezone

from shared_apps.accounts.models import close_expired
from shared_apps.jobs import job


@job(purpose="accounts.expire")
def expire() -> None:
    """Close the sign-ins whose session ran out."""
    close_expired(timezone.now())
