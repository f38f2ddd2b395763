"""The processor's stand-in, running in this process, and the product's own client talking to it over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stripe

from billing import gateway
from billing.standin import Place, clock
from billing.standin.asked import Asked
from billing.standin.server import Running
from billing.standin.store import DAY, signature
from tests.billing.paper import _english, account, paper
from tests.billing.shapes import complaints, missing

__all__ = ["_english", "account", "paper"]

KEY, SECRET = "sk_test_tests", "whsec_tests"
START = 1_793_000_000  # some day in October 2026, where the test clock stands at first
GOOD, LATE, DECLINED, SECURE = "4242424242424242", "4000000000000341", "4000000000000002", "4000002500003155"


@dataclass
class Processor:
    """A stand-in whose clock stands still until `pass_time`, and whose events wait to be fetched by `events`."""

    running: Running

    @property
    def world(self) -> Any:
        return self.running.world

    @property
    def address(self) -> str:
        return self.running.address

    @property
    def now(self) -> int:
        return int(self.world.now)

    def client(self, **given: Any) -> stripe.StripeClient:
        api = self.address
        return stripe.StripeClient(
            KEY,
            stripe_version=gateway.VERSION,
            base_addresses={"api": api, "connect": api, "files": api, "meter_events": api},
            **({"max_network_retries": 0} | given),
        )

    def pass_time(self, *, days: float = 0, seconds: int = 0) -> None:
        """Everything that is due until then happens, each thing at its own moment."""
        clock.run(self.world, self.now + int(days * DAY) + seconds)

    def events(self, *types: str) -> list[dict[str, Any]]:
        """Every event so far, oldest first."""
        with self.world.transaction():
            found = self.world.find("event")
        return [event for event in found if not types or event["type"] in types]

    def signed(
        self, event: dict[str, Any], *, secret: str = SECRET, at: int | None = None
    ) -> tuple[bytes, str]:
        """The body of an event and the header that signs it, as they would be posted now."""
        body, header = self.world.signed(event, at=at)
        moment = int(header.partition(",")[0].removeprefix("t="))
        return body, header if secret == SECRET else signature(body, secret, moment)

    def card(self, number: str = GOOD) -> str:
        """A means of payment as if it had been typed on the pay page; its id."""
        from billing.standin import payments

        with self.world.transaction():
            made = payments.card(self.world, number, "12/34", "123", "Olga")
        return str(made["id"])

    def attached(self, customer: str, number: str = GOOD) -> str:
        """The same, kept as the customer's default."""
        from billing.standin import checkout, customers

        id = self.card(number)
        with self.world.transaction():
            customers.attach(self.world, self.world.get("payment_method", id), customer)
            checkout.make_default(self.world, customer, id)
        return id

    def everything(self) -> Iterator[dict[str, Any]]:
        """Every object that there is, as the interface shows it."""
        from billing.standin.store import public

        with self.world.transaction():
            ids = self.world.sql("SELECT id FROM object WHERE body ->> '$.deleted' IS NULL")
            for (id,) in ids:
                yield public(self.world.any(id))

    def drift(self) -> list[str]:
        """What in all of it the library does not declare, or expects and lacks."""
        found = []
        for thing in self.everything():
            found += list(complaints(thing))
            found += [f"{thing['object']} lacks {name}" for name in missing(thing)]
            if thing["object"] == "event":
                found += [f"{thing['type']}: {said}" for said in complaints(thing["data"]["object"])]
        return sorted(set(found))


@pytest.fixture
def processor(tmp_path: Path, settings: Any) -> Iterator[Processor]:
    """A stand-in of this test's own; `gateway.client()` talks to it."""
    place = Place(
        tmp_path / "payments", KEY, SECRET, 0, "http://127.0.0.1:9/billing/events/", "app.smoall.localhost"
    )
    running = Running(place, ticks=False, delivers=False)
    with running.world.transaction():
        clock.create(running.world, Asked({"frozen_time": str(START)}))
    running.start()
    settings.STRIPE_KEY, settings.STRIPE_WEBHOOK_SECRET, settings.STRIPE_API = KEY, SECRET, running.address
    yield Processor(running)
    running.end()


@pytest.fixture
def stripe_client(processor: Processor) -> stripe.StripeClient:
    return gateway.client()


@dataclass
class Shop:
    """What is sold: a price per user and month, one per year, the Belgian tax rate."""

    client: stripe.StripeClient
    product: str
    monthly: str
    yearly: str
    vat: str

    def customer(self, **given: Any) -> str:
        params: Any = {"name": "Acme SRL", "email": "olga@acme.test"} | given
        return self.client.v1.customers.create(params=params).id

    def subscribe(self, customer: str, quantity: int = 3, **given: Any) -> stripe.Subscription:
        params: Any = {"customer": customer, "items": [{"price": self.monthly, "quantity": quantity}]}
        return self.client.v1.subscriptions.create(params=params | {"default_tax_rates": [self.vat]} | given)


@pytest.fixture
def shop(stripe_client: stripe.StripeClient) -> Shop:
    made = stripe_client.v1
    product = made.products.create(params={"name": "Smoall"}).id

    def price(amount: int, interval: Any) -> str:
        return made.prices.create(
            params={"product": product, "currency": "eur", "unit_amount": amount, "recurring": {"interval": interval},
                    "lookup_key": f"smoall_{interval}", "tax_behavior": "exclusive", "nickname": f"Smoall / {interval}"}
        ).id  # fmt: skip

    vat = made.tax_rates.create(
        params={"display_name": "TVA", "percentage": 21, "inclusive": False, "country": "BE"}
    ).id
    return Shop(stripe_client, product, price(1200, "month"), price(12000, "year"), vat)
