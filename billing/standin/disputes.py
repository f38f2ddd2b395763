"""Disputes: a holder asks their bank for the money back, and somebody decides."""

from billing.standin import balance
from billing.standin.asked import Asked, Refused, route
from billing.standin.store import DAY, Thing, World

FEE = 2000


def dispute(world: World, charge: Thing, reason: str) -> Thing:
    """The holder asks their bank for the money back: it goes at once, with a fee."""
    thing = world.add(
        "dispute",
        "du",
        {
            "amount": charge["amount"],
            "balance_transactions": [],
            "charge": charge["id"],
            "currency": "eur",
            "enhanced_eligibility_types": [],
            "evidence": {"enhanced_evidence": {}, "uncategorized_text": None},
            "evidence_details": {
                "due_by": world.now + 9 * DAY,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": False,
            "metadata": {},
            "network_reason_code": None,
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "status": "needs_response",
            "_due": world.now + 9 * DAY,
        },
    )
    entry = balance.transaction(
        world, -charge["amount"], "adjustment", thing["id"], fee=FEE, description="Dispute"
    )
    thing["balance_transactions"] = [_shown(entry)]
    world.save(charge | {"disputed": True}, "charge.updated")
    world.save(thing, "charge.dispute.created", "charge.dispute.funds_withdrawn")
    return thing


@route("POST", "/v1/disputes/{id}")
def answer_dispute(world: World, asked: Asked, id: str) -> Thing:
    """`winning_evidence` and `losing_evidence` decide it, as in the processor's own test mode."""
    thing = world.get("dispute", id)
    evidence = asked.inner("evidence")
    text = evidence.text("uncategorized_text")
    thing["metadata"] = asked.metadata(thing["metadata"])
    thing["evidence"]["uncategorized_text"] = text
    thing["evidence_details"]["has_evidence"] = bool(text)
    submit = asked.flag("submit", True)
    if thing["status"] != "needs_response":
        raise Refused("This dispute is closed.", code="dispute_closed")
    if text and submit:
        thing["evidence_details"] |= {"submission_count": 1, "submission_method": "manual"}
        thing["status"] = "under_review"
        thing["_due"] = world.now + DAY
        thing["_won"] = text != "losing_evidence"
    return world.save(thing, "charge.dispute.updated")


@route("POST", "/v1/disputes/{id}/close")
def close_dispute(world: World, asked: Asked, id: str) -> Thing:
    thing = world.get("dispute", id)
    if thing["status"] in ("won", "lost"):
        raise Refused("This dispute is closed.", code="dispute_closed")
    return dispute_due(world, thing | {"_won": False})


def dispute_due(world: World, thing: Thing) -> Thing:
    """It is decided, or nobody answered in time."""
    won = bool(thing.get("_won"))
    thing |= {"status": "won" if won else "lost", "_due": None}
    thing["evidence_details"]["past_due"] = thing["evidence_details"]["submission_count"] == 0
    if won:
        entry = balance.transaction(
            world, thing["amount"], "adjustment", thing["id"], fee=0, description="Dispute won"
        )
        thing["balance_transactions"].append(_shown(entry))
        charge = world.get("charge", thing["charge"])
        world.save(charge | {"disputed": False}, "charge.updated")
        return world.save(thing, "charge.dispute.closed", "charge.dispute.funds_reinstated")
    return world.save(thing, "charge.dispute.closed")


def _shown(entry: Thing) -> Thing:
    return {key: value for key, value in entry.items() if not key.startswith("_")}
