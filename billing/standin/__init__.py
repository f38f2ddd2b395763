"""A stand-in for the payment processor, so that everything can be tried and tested without an account. No money moves.

A process of its own, without Django: server.py answers (asked.py: what is asked, reading.py: what is alike for every kind),
store.py is its one SQLite file in the data folder, clock.py lets time pass, delivery.py sends signed events, pages.py, portal.py
and overview.py are what people see; each other module is a part of the processor's interface, in the shapes of the version that
billing/gateway.py pins. Nothing of billing imports it, and it imports nothing of billing.

Simpler than the truth: one clock for all customers (a test clock moves it), one currency (eur), renewals draw on the last
payment method, retries after 3, 5 and 7 days, fees of 1.5 % + 25 c (cards) or 35 c (SEPA, Bancontact), tax by tax rates
alone, payouts each day of what has been there for three. What a request asks for and it does not know, it refuses.
"""

from dataclasses import dataclass
from pathlib import Path

HOST = "payments.localhost"  # of its pages: as foreign to the product's pages as the processor's are


@dataclass(frozen=True, slots=True)
class Place:
    """What the process is told: where it keeps things, its keys, its port, and where its events go."""

    folder: Path
    key: str
    webhook_secret: str
    port: int
    webhook_url: str
    webhook_host: str
