"""The mails of the console."""

from collections.abc import Sequence
from datetime import date, datetime

from django.urls import reverse

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.operators.models import Grant
from tenants.models import host_url


def copy(owner: User, *, company: str, address: str, day: date) -> None:
    """Asks an owner to take a copy on the workspace's own page. Once a day, however often it is asked for."""
    mail.send(
        purpose="operators.copy",
        to=owner.email,
        name=owner.name,
        language=owner.language,
        template="operators/mail/copy",
        context={
            "company": company,
            "url": address + reverse("workspace:exports", urlconf="config.urls_tenant"),
        },
        key=f"operators.copy:{owner.id}:{day}",
    )


def grant(owner: User, grant: Grant, *, company: str, address: str) -> None:
    """Tells an owner who comes in and why, or asks whether they may."""
    mail.send(
        purpose="operators.grant",
        to=owner.email,
        name=owner.name,
        language=owner.language,
        template="operators/mail/grant",
        context={
            "company": company,
            "grant": grant,
            "url": address + reverse("support:home", urlconf="config.urls_tenant"),
        },
        key=f"operators.grant:{grant.pk}:{owner.id}",
    )


def alarm(operator: User, alarms: Sequence[str], *, day: date) -> None:
    """What is late or was held back by the number a day. Once a day."""
    mail.send(
        purpose="operators.retention",
        to=operator.email,
        name=operator.name,
        language=operator.language,
        template="operators/mail/alarm",
        context={
            "alarms": alarms,
            "url": host_url("ops") + reverse("operators:departures", urlconf="config.urls_ops"),
        },
        key=f"operators.alarm:{operator.id}:{day}",
    )


def late_requests(operator: User, alarms: Sequence[str], *, day: date) -> None:
    """Requests and breaches whose time is over. Once a day."""
    mail.send(
        purpose="operators.requests",
        to=operator.email,
        name=operator.name,
        language=operator.language,
        template="operators/mail/requests",
        context={
            "alarms": alarms,
            "url": host_url("ops") + reverse("operators:requests", urlconf="config.urls_ops"),
        },
        key=f"operators.late_requests:{operator.id}:{day}",
    )


def drift(operator: User, alarms: Sequence[str], *, now: datetime) -> None:
    """Workspaces whose tables were found to differ from their release, which no look before had found."""
    mail.send(
        purpose="operators.inspect",
        to=operator.email,
        name=operator.name,
        language=operator.language,
        template="operators/mail/drift",
        context={
            "alarms": alarms,
            "url": host_url("ops") + reverse("operators:fleet", urlconf="config.urls_ops"),
        },
        key=f"operators.drift:{operator.id}:{now.isoformat()}",
    )
