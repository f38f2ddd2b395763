"""Events on their way: posted with their signature until somebody says 2xx, again after growing pauses, for three days."""

import http.client
from contextlib import suppress
from urllib.parse import urlsplit

from billing.standin.store import DAY, Thing, World

LONGEST_PAUSE = 600.0
GIVES_UP_AFTER = 3 * DAY
TIMEOUT = 20


def next_waiting(world: World) -> tuple[Thing, int] | None:
    """The event whose time has come, and how often it was tried."""
    with world.transaction():
        found = world.sql(
            "SELECT event, tries FROM delivery WHERE state = 'waiting' AND due <= ? ORDER BY due, rowid LIMIT 1",
            world.real(),
        )
        return (world.get("event", found[0][0]), found[0][1]) if found else None


def deliver(world: World) -> bool:
    """Post one event whose time has come; False when there is none. Nothing is locked meanwhile: who gets it asks back."""
    waiting = next_waiting(world)
    if waiting is None:
        return False
    event, tries = waiting
    note(world, event, tries, arrived=200 <= _post(world, event) < 300)
    return True


def note(world: World, event: Thing, tries: int, *, arrived: bool) -> None:
    with world.transaction():
        pause = min(2.0**tries, LONGEST_PAUSE)
        ((born,),) = world.sql("SELECT born FROM delivery WHERE event = ?", event["id"])
        is_old = world.real() - born > GIVES_UP_AFTER
        state = "arrived" if arrived else "given up" if is_old else "waiting"
        world.sql(
            "UPDATE delivery SET state = ?, tries = ?, due = ? WHERE event = ?",
            state, tries + 1, world.real() + pause, event["id"],
        )  # fmt: skip
        if arrived:
            world.save(world.get("event", event["id"]) | {"pending_webhooks": 0})


def _post(world: World, event: Thing) -> int:
    """The status of the answer; 0 for none."""
    address = urlsplit(world.place.webhook_url)
    body, signature = world.signed(event)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Host": world.place.webhook_host,
        "Stripe-Signature": signature,
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=TIMEOUT)
    try:
        connection.request("POST", address.path, body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        with suppress(OSError):
            connection.close()
