"""The order: the processor's page on which a client orders a plan and pays, one at a time.

What was ordered is read from the processor (`subscriptions.subscription`); of two orders that are paid at once the second is
ended (twice.py). Runs in the shared scope, and raises gateway.Trouble or CannotOrder, whose texts are for people.
"""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from billing import catalogue, customers, gateway, subscriptions
from billing.gateway import id_of, once, read, talking
from billing.models import Account, Seats, State, Subscription
from billing.models.subscription import OVER
from billing.subscriptions import CannotOrder
from shared_apps.clients.models import Client
from shared_apps.kit.rows import uuid7

log = logging.getLogger("smoall.billing")
SHORTEST_TRIAL = timedelta(hours=49)  # the processor's pages take none below two days


def order(
    client: Client,
    *,
    plan: str,
    pace: str,
    coupon: str = "",
    success_url: str,
    cancel_url: str,
    now: datetime,
) -> str:
    """The address of the processor's page on which the order is made. What is left of the trial stays free.

    In two transactions of its own: that the processor was told of the client stays true, and noted, when it refuses the
    order. So whoever calls this must not undo the first for what the second raises.

    Raises CannotOrder when something is ordered already.
    """
    _refuse_a_second(client.pk)
    price = catalogue.price_id(catalogue.plan(plan).code, pace)
    discounts = [subscriptions.discount(coupon)] if coupon else []
    with transaction.atomic():
        customers.open(client, now=now)
    with transaction.atomic():
        account = Account.locked(client.pk, now=now)  # of two orders at once the second sees the first
        assert account.customer_id
        _close_pages(account.customer_id)
        _refuse_a_second(client.pk)
        return _page(
            client, account.customer_id, price, discounts, success_url=success_url, cancel_url=cancel_url, now=now
        )  # fmt: skip


def _refuse_a_second(client: UUID) -> None:
    if Subscription.objects.live().exclude(state=State.INCOMPLETE).filter(client_uuid=client).exists():
        raise CannotOrder(_("A plan is ordered already: change it instead."))


def _close_pages(customer: str) -> None:
    """Pages that are open still, so that of two only the last can be paid. The account is locked.

    Raises CannotOrder when one of them was paid meanwhile, of which no message may have come yet.
    """
    stripe = gateway.client().v1
    with talking():
        listed = stripe.checkout.sessions.list(params={"customer": customer, "status": "open", "limit": 100})
        pages = [id_of("checkout.session", one, "id") for one in listed.auto_paging_iter()]
    for page in pages:
        try:
            with talking():
                stripe.checkout.sessions.expire(page)
        except gateway.Misunderstood:  # it is open no more; what became of it is asked for next
            log.info("A pay page was finished while it was being closed.")
    with talking():
        theirs = stripe.subscriptions.list(params={"customer": customer, "limit": 100})
    if any(read("subscription", one, "status") not in (State.INCOMPLETE, *OVER) for one in theirs.data):
        raise CannotOrder(_("A plan is ordered already: look at this page again in a moment."))


def _page(
    client: Client,
    customer: str,
    price: str,
    discounts: list[dict[str, str]],
    *,
    success_url: str,
    cancel_url: str,
    now: datetime,
) -> str:
    data: dict[str, Any] = {"metadata": {"client": str(client.pk)}}
    # Always: whoever need not pay it is exempt as a customer, which goes above it and may change.
    data["default_tax_rates"] = [catalogue.tax_rate_id()]
    if trial := _trial_left(client.pk, now):
        data["trial_end"] = int(trial.timestamp())
    params: dict[str, Any] = {
        "mode": "subscription",
        "customer": customer,
        "client_reference_id": str(client.pk),
        "line_items": [{"price": price, "quantity": Seats.of(client.pk)}],
        "subscription_data": data,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": client.language,
    }
    if discounts:
        params["discounts"] = discounts
    with talking():
        session = gateway.client().v1.checkout.sessions.create(
            params=params,  # type: ignore[arg-type]
            options=once("checkout", client.pk, uuid7()),
        )
    return str(read("checkout.session", session, "url"))


def _trial_left(client: UUID, now: datetime) -> datetime | None:
    """Until when nothing is charged: the trial's end, a moment later where the processor wants it longer."""
    trial = Subscription.trial_of(client)
    if trial is None or trial.trial_end is None or trial.trial_end <= now:
        return None
    return max(trial.trial_end, now + SHORTEST_TRIAL)
