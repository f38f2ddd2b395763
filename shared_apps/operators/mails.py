"""The mails of the console."""

from collections.abc import Sequence
from datetime import date, datetime

from django.urls import reverse

from shared_apps import mail
from shared_apps.accounts import mails
from shared_apps.accounts.models import Kind, User
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


def alarm(alarms: Sequence[str], *, day: date) -> None:
    """What is late or was held back by the number a day. Once a day."""
    mails.alarm(
        alarms,
        purpose="operators.retention",
        template="operators/mail/alarm",
        page="operators:departures",
        once=day,
    )


def late_requests(alarms: Sequence[str], *, day: date) -> None:
    """Requests and breaches whose time is over. Once a day."""
    mails.alarm(
        alarms,
        purpose="operators.requests",
        template="operators/mail/requests",
        page="operators:requests",
        once=day,
    )


def partners(alarms: Sequence[str], *, day: date) -> None:
    """Partners whose privacy policy has to be read again. Once a day."""
    mails.alarm(
        alarms,
        purpose="operators.partners",
        template="operators/mail/partners",
        page="operators:partners",
        once=day,
    )


def drift(alarms: Sequence[str], *, now: datetime) -> None:
    """Workspaces whose tables were found to differ from their release, which no look before had found."""
    mails.alarm(
        alarms,
        purpose="operators.inspect",
        template="operators/mail/drift",
        page="operators:fleet",
        once=now.isoformat(),
    )


def waiting(alarms: Sequence[str], *, day: date) -> None:
    """Workspaces that still wait for a release's tables. Once a day."""
    mails.alarm(
        alarms,
        purpose="operators.inspect",
        template="operators/mail/waiting",
        page="operators:fleet",
        once=f"waiting {day}",
    )


def invited(person: User, *, by: str) -> None:
    """Tells every operator whom somebody lets in, each time that a link is made: two of them must be two people."""
    _tell_everybody("invited", person, by=by, at=person.invited_at)


def returned(person: User, *, by: str) -> None:
    """The same for an account that may be used again."""
    _tell_everybody("returned", person, by=by, at=person.reactivated_at)


def _tell_everybody(what: str, person: User, *, by: str, at: datetime | None) -> None:
    for operator in User.objects.entered().filter(kind=Kind.OPERATOR).order_by("pk"):
        mail.send(
            purpose="operators.invited",
            to=operator.email,
            name=operator.name,
            language=operator.language,
            template=f"operators/mail/{what}",
            context={
                "name": person.name,
                "email": person.email,
                "by": by,
                "url": host_url("ops") + reverse("operators:team", urlconf="config.urls_ops"),
            },
            key=f"operators.{what}:{person.id}:{operator.id}:{at}",
        )
