"""The balance: what was paid and taken, entry by entry, and the payouts that take it to the bank."""

from billing.standin.asked import Asked, route
from billing.standin.store import DAY, Thing, World, none

AVAILABLE_AFTER = 3 * DAY


def transaction(
    world: World, amount: int, type: str, source: str, *, fee: int = 0, description: str | None = None
) -> Thing:
    """An entry of the balance. What was paid is there after some days, at midnight; what was taken, at once."""
    midnight = (world.now + AVAILABLE_AFTER) // DAY * DAY + DAY
    available = midnight if amount > 0 else world.now
    category = {
        "payment": "charge", "payment_refund": "refund", "adjustment": "dispute" if amount < 0 else "dispute_reversal",
    }.get(type, type)  # fmt: skip
    fees = [
        {
            "amount": fee,
            "application": None,
            "currency": "eur",
            "description": "Processing fee",
            "type": "stripe_fee",
        }
    ]
    return world.add(
        "balance_transaction",
        "txn",
        {
            "amount": amount,
            "available_on": available,
            "balance_type": "payments",
            "currency": "eur",
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": fees if fee else [],
            "net": amount - fee,
            "reporting_category": category,
            "source": source,
            "status": "pending" if amount > 0 else "available",
            "type": type,
            "_payout": None,
            "_due": available if amount > 0 else None,
        },
    )


def due(world: World, entry: Thing) -> None:
    """Money became available: all that is goes out in one payout, unless what was taken is more."""
    ready = [
        one
        for one in world.find("balance_transaction", _payout=None)
        if one["available_on"] <= world.now and one["type"] != "payout"
    ]
    for one in ready:
        world.save(one | {"status": "available", "_due": None})
    total = sum(one["net"] for one in ready)
    if total <= 0:
        return
    arrival = world.now + 2 * DAY
    payout = world.add(
        "payout",
        "po",
        {
            "amount": total,
            **none(
                "application_fee application_fee_amount balance_transaction destination "
                "failure_balance_transaction failure_code failure_message original_payout payout_method "
                "reversed_by statement_descriptor trace_id"
            ),
            "arrival_date": arrival,
            "automatic": True,
            "currency": "eur",
            "description": "STRIPE PAYOUT",
            "metadata": {},
            "method": "standard",
            "reconciliation_status": "completed",
            "source_type": "card",
            "status": "in_transit",
            "type": "bank_account",
            "_due": arrival,
        },
    )
    out = transaction(world, -total, "payout", payout["id"], description="STRIPE PAYOUT")
    for one in [*ready, out]:
        world.save(world.get("balance_transaction", one["id"]) | {"_payout": payout["id"]})
    payout["balance_transaction"] = out["id"]
    world.save(payout, "payout.created")


def payout_due(world: World, payout: Thing) -> None:
    world.save(payout | {"status": "paid", "_due": None}, "payout.paid")


@route("GET", "/v1/balance")
def retrieve(world: World, asked: Asked) -> Thing:
    entries = world.find("balance_transaction")
    sums = {
        status: sum(one["net"] for one in entries if one["status"] == status)
        for status in ("available", "pending")
    }
    shown = {
        status: [{"amount": amount, "currency": "eur", "source_types": {"card": amount}}]
        for status, amount in sums.items()
    }
    return {"object": "balance", "livemode": False, **shown}
