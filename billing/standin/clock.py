"""Time: what happens by itself at its moment, and the test clock that lets it pass."""

import traceback
from collections.abc import Callable
from typing import Any

from billing.standin import balance, checkout, customers, disputes, invoices, payments, subscriptions
from billing.standin.asked import Asked, Refused, page, route
from billing.standin.store import DAY, Thing, World

HAPPENS: dict[str, Callable[[World, Thing], Any]] = {
    "tax_id": customers.check_tax_id,
    "charge": payments.charge_due,
    "dispute": disputes.dispute_due,
    "balance_transaction": balance.due,
    "payout": balance.payout_due,
    "invoice": invoices.due,
    "subscription": subscriptions.due,
    "checkout.session": checkout.expire,
}


def run(world: World, until: int | None = None, *, forgiving: bool = False) -> int:
    """Do what is due until that moment (now), each thing at its own moment and in a transaction of its own; how many.

    `forgiving`: what fails is told in the log and set aside, so that it holds up nothing else.
    """
    done = 0
    while True:
        with world.transaction():
            moment = world.now if until is None else until
            found = world.next_due(moment)
            if found is None:
                if moment > world.now:
                    world.move(moment)
                return done
            due, thing = found
            try:
                with world.as_one():
                    _happen(world, due, thing)
            except Exception:
                if not forgiving:
                    raise
                traceback.print_exc()
                world.sql("UPDATE object SET due = NULL WHERE id = ?", thing["id"])
        done += 1


def _happen(world: World, due: int, thing: Thing) -> None:
    if due > world.now:
        world.move(due)
    with world.at(due):
        HAPPENS[thing["object"]](world, thing)
    if (world.any(thing["id"]) or {}).get("_due") == due:
        raise RuntimeError(f"{thing['object']} did not get on at {due}")


@route("POST", "/v1/test_helpers/test_clocks")
def create(world: World, asked: Asked) -> Thing:
    """Time stands still from here on, for all customers."""
    moment = asked.number("frozen_time") or 0
    world.meta("frozen", str(moment))
    return world.add(
        "test_helpers.test_clock",
        "clock",
        {
            "deletes_after": moment + 30 * DAY,
            "frozen_time": moment,
            "name": asked.text("name"),
            "status": "ready",
            "status_details": {},
        },
        "test_helpers.test_clock.created",
    )


@route("POST", "/v1/test_helpers/test_clocks/{id}/advance")
def advance(world: World, asked: Asked, id: str) -> Thing:
    clock = world.get("test_helpers.test_clock", id)
    moment = asked.number("frozen_time") or 0
    if moment <= world.now:
        raise Refused("Test clocks can only be advanced to a time in the future.", param="frozen_time")
    run(world, moment)
    return world.save(clock | {"frozen_time": moment}, "test_helpers.test_clock.ready")


@route("GET", "/v1/test_helpers/test_clocks/{id}")
def retrieve(world: World, asked: Asked, id: str) -> Thing:
    return world.get("test_helpers.test_clock", id)


@route("GET", "/v1/test_helpers/test_clocks")
def list_them(world: World, asked: Asked) -> Thing:
    return page(world, asked, "test_helpers.test_clock", "/v1/test_helpers/test_clocks")


@route("DELETE", "/v1/test_helpers/test_clocks/{id}")
def delete(world: World, asked: Asked, id: str) -> Thing:
    """Time goes on."""
    world.sql("DELETE FROM meta WHERE key = 'frozen'")
    return world.forget(world.get("test_helpers.test_clock", id), "test_helpers.test_clock.deleted")
