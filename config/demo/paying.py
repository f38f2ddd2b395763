"""Who pays in the demo: the workshop has a plan, the bakery ordered one within its trial, the florist tries and leaves.

Through the stand-in for the payment processor, whose pay page is filled in as somebody would. Without it, e.g. in tests, all
of them are in their trial.
"""

import http.client
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from django.db import transaction

from billing import catalogue, events, gateway, ordering, reconcile, seats
from billing.models import Subscription
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.sharing.models import Partner
from tenants.models import Tenant

DEMO = scope.Actor("system", "demo", "Smoall")
CARD = {
    "method": "card",
    "number": "4242424242424242",
    "expiry": "12/34",
    "cvc": "123",
    "name": "Smoall demo",
}
SECONDS = 10
PURPOSES = {
    "fr": "Encaisse les paiements", "nl": "Int de betalingen", "en": "Takes payments", "de": "Zieht die Zahlungen ein",
}  # fmt: skip
POLICY = (
    "This stands for the text that an operator reads before anything goes to the payment operator. In the demo nobody has "
    "read it, and nothing leaves this machine: the payment operator is a stand-in."
)


def make(orders: Mapping[str, tuple[str, str, int] | None], operator: str, *, now: datetime) -> bool:
    """`orders`: {workspace: (plan, period, days of trial that are left)}, None for one that only tries.

    Whether the stand-in answered. What is there stays as it is.
    """
    _partner(operator, now=now)
    waiting = [(name, order) for name, order in orders.items() if _begin(name, order, now=now)]
    if not waiting:
        return True
    try:
        catalogue.sync()
        for name, order in waiting:
            if order:
                _order(name, order, now=now)
    except (gateway.Trouble, OSError, http.client.HTTPException):
        return False
    reconcile.run(now=now)
    return True


def _tenant(name: str) -> Tenant | None:
    found: Tenant | None = Tenant.objects.select_related("client").filter(domains__domain=name).first()
    return found


def _begin(name: str, order: tuple[str, str, int] | None, *, now: datetime) -> bool:
    """Put the trial where the story wants it; False for one that has its story already."""
    with scope.shared(actor=DEMO):
        tenant = _tenant(name)
        trial = Subscription.trial_of(tenant.client_id) if tenant else None
        if tenant is None or trial is None or trial.trial_end is None or trial.trial_end > now:
            return False
        if Subscription.of(tenant.client_id) != trial:  # it has ordered
            return False
        trial.trial_end = now + timedelta(days=order[2] if order and order[2] else 24)
        trial.save(update_fields=["trial_end"])
        with scope.tenant(tenant.id):
            seats.count()
        return True


def _order(name: str, order: tuple[str, str, int], *, now: datetime) -> None:
    plan, pace, days = order
    with scope.shared(actor=DEMO), transaction.atomic():
        tenant = _tenant(name)
        assert tenant
        trial = Subscription.trial_of(tenant.client_id)
        if trial and not days:  # it was a year ago
            trial.trial_end = now - timedelta(days=335)
            trial.save(update_fields=["trial_end"])
        page = ordering.order(
            tenant.client, plan=plan, pace=pace, now=now,
            success_url=f"{tenant.url}/workspace/billing/done/?session={{CHECKOUT_SESSION_ID}}",
            cancel_url=tenant.url,
        )  # fmt: skip
    session = _pay(page)
    with scope.shared(actor=DEMO), transaction.atomic():
        events.project("checkout.session", session, now=now)


def _pay(page: str) -> str:
    """Fill in the stand-in's pay page; the session's id. Raises OSError, HTTPException."""
    parts = urlsplit(page)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=SECONDS)
    own = f"{parts.hostname}:{parts.port}"
    headers = {"Host": own, "Origin": f"http://{own}", "Content-Type": "application/x-www-form-urlencoded"}
    try:
        path, body = parts.path, urlencode(CARD)
        for _step in range(5):
            connection.request("POST" if body else "GET", path, body or None, headers)
            answer = connection.getresponse()
            answer.read()
            led = answer.headers.get("Location", "")
            if answer.status != 303:
                raise http.client.HTTPException(f"the pay page answered {answer.status}")
            if "session=" in led:
                return led.partition("session=")[2]
            path, body = led, ""
    finally:
        connection.close()
    raise http.client.HTTPException("the pay page led nowhere")


def _partner(operator: str, *, now: datetime) -> None:
    """The payment operator in the register of partners, its policy read: without it nothing would go there."""
    with scope.shared(actor=DEMO):
        reader = User.objects.by_email(operator)
        if reader is None or Partner.objects.filter(name="Stripe").exists():
            return
        partner = Partner.objects.create(
            name="Stripe", purposes=PURPOSES, categories=["billing", "contact"], country="IE",
            hosts=["api.stripe.com"], created_at=now,
        )  # fmt: skip
        partner.verify(
            policy_url="https://stripe.com/privacy",
            text=POLICY,
            valid_until=day_of(now) + timedelta(days=300),
            by=reader,
            now=now,
        )
