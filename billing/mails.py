"""The mails about plan and payment, to where a client's invoices go, and the alarm to operators. In the shared scope."""

import logging
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from billing.documents import words
from billing.models import Account, Subscription
from shared_apps import mail
from shared_apps.accounts import mails
from shared_apps.clients.models import Client
from shared_apps.mail.models import Message
from tenants.models import Tenant

PURPOSE = "billing.standing"
log = logging.getLogger("smoall.billing")


def trial_ends(client: Client, trial: Subscription, *, ends_at: datetime, is_last: bool) -> None:
    _send(
        client,
        "trial_ends",
        key=f"trial:{trial.pk}:{'last' if is_last else 'early'}",
        wanted=nothing_is_ordered,
        ends_at=ends_at,
    )


def past_due(client: Client, own: Subscription) -> None:
    """Once for each time that a payment fails; with the day from which the workspace can only be read."""
    assert own.past_due_since
    _send(
        client,
        "past_due",
        key=f"past-due:{own.pk}:{own.past_due_since.isoformat()}",
        read_only_on=own.read_only_on,
    )


def read_only(client: Client, tenant: Tenant, *, now: datetime) -> None:
    _send(client, "read_only", key=f"read-only:{tenant.pk}:{now.isoformat()}")


def opened(client: Client, tenant: Tenant, *, now: datetime) -> None:
    _send(client, "opened", key=f"opened:{tenant.pk}:{now.isoformat()}")


def room(own: Subscription, *, people: int, now: datetime) -> None:
    """That a plan is nearly full, or too small: what it is meant for, and that nothing is closed."""
    client = Client.objects.filter(pk=own.client_uuid).first()
    if client is None or own.sold is None:
        return
    _send(
        client,
        f"room_{own.room}",
        key=f"room:{own.pk}:{own.room}:{now.isoformat()}",
        purpose="billing.limits",
        wanted=is_still_so,
        plan=own.name,
        most=own.sold.people,
        people=people,
    )


@mail.check
def is_still_so(message: Message) -> bool:
    """Neither people nor plan have changed meanwhile."""
    own, told = Subscription.of(message.about) if message.about else None, message.key.split(":")
    return own is not None and [str(own.pk), own.room] == told[2:4]


def given_back(client: UUID, payment: str, *, cents: int, back: int) -> None:
    """To a client that left, whose workspace is gone: what goes back by a payment of which `back` cents went before."""
    found = Client.objects.filter(pk=client).first()
    if found is None:
        return
    _to(
        found,
        "given_back",
        purpose="billing.ending",
        key=f"billing.ending:{payment}:{back}:{cents}",
        wanted=None,
        context={"amount": words.money(cents, found.language)},
    )


def _send(
    client: Client,
    template: str,
    *,
    key: str,
    purpose: str = PURPOSE,
    wanted: mail.Check | None = None,
    **more: Any,
) -> None:
    tenant = Tenant.objects.filter(client_id=client.pk).prefetch_related("domains").first()
    if tenant is None:
        return
    _to(
        client,
        template,
        purpose=purpose,
        key=f"{purpose}:{key}",
        wanted=wanted,
        context={
            "url": tenant.url + reverse("billing:home", urlconf="config.urls_tenant"),
            "workspace": tenant.url,
            **more,
        },
    )


def _to(
    client: Client,
    template: str,
    *,
    purpose: str,
    key: str,
    wanted: mail.Check | None,
    context: dict[str, Any],
) -> None:
    """An address that takes no mail undoes nothing of what the mail tells: what was paid stays paid."""
    account = Account.of(client.pk)
    try:
        mail.send(
            purpose=purpose,
            to=account.email_for(client) if account else client.contact_email,
            name=client.contact_name,
            language=client.language,
            about=client.pk,
            template=f"billing/mail/{template}",
            key=key,
            wanted=wanted,
            context={"company": client.company, **context},
        )
    except mail.BadRecipient as error:
        log.warning("no mail %s to %s: %s", template, client.pk, error)


@mail.check
def nothing_is_ordered(message: Message) -> bool:
    """Whoever ordered meanwhile needs no word of the trial's end."""
    found = Subscription.of(message.about) if message.about else None
    return found is not None and not found.is_live


def differences(alarms: Sequence[str], *, day: date, about: str = "") -> None:
    """What the nightly comparison could not put right by itself, once a day; or what it is `about`, once for all."""
    mails.alarm(
        alarms,
        purpose="billing.alarm",
        template="billing/mail/differences",
        page="billing-ops:reconciliation",
        once=about or day,
    )
