"""Means of payment, payments and what comes of them: charges, refunds, disputes, the balance and its payouts.

A means of payment behaves as the processor's test numbers do; its number is looked at once and kept nowhere.
"""

import re
from collections.abc import Callable
from typing import Any

from billing.standin.asked import Asked, Refused, declined, missing, route
from billing.standin.store import DAY, Thing, World

# Test numbers of cards and what happens with them. Any other number that begins with 400000 and is valid is accepted.
CARDS = {
    "4242424242424242": "ok",
    "5555555555554444": "ok",
    "4000000560000004": "ok",  # Belgian
    "4000000000000002": "decline:card_declined:generic_decline",
    "4000000000009995": "decline:card_declined:insufficient_funds",
    "4000000000000069": "decline:expired_card:expired_card",
    "4000000000000127": "decline:incorrect_cvc:incorrect_cvc",
    "4000000000000341": "later:card_declined:generic_decline",  # is attached, and declined when it shall pay
    "4000002500003155": "secure",  # asks for 3-D Secure once, then may be used again
    "4000002760003184": "always_secure",  # asks each time
    "4000000000000259": "dispute",  # pays, and its holder disputes it
}
ACCOUNTS = {
    "BE62510007547061": "ok",
    "DE89370400440532013000": "ok",
    "DE62370400440532013001": "fails",
    "DE35370400440532013002": "dispute",
}
FEES = {"card": (15, 25), "sepa_debit": (0, 35), "bancontact": (0, 35)}  # per mille, cents
DISPUTE_FEE = 2000
SEPA_TAKES = 3 * DAY
AVAILABLE_AFTER = 3 * DAY
# What is told when a payment is settled one way or another: functions of (world, intent).
settled: list[Callable[[World, Thing], None]] = []


# --- means of payment ---------------------------------------------------------------------------------------


def method(world: World, type: str, behaviour: str, details: Thing, billing: Thing | None = None) -> Thing:
    who = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None} | (billing or {})
    return world.add(
        "payment_method",
        "pm",
        {
            "allow_redisplay": "always",
            "billing_details": who,
            "customer": None,
            "customer_account": None,
            "metadata": {},
            "type": type,
            type: details,
            "_behaviour": behaviour,
        },
    )


def card(world: World, number: str, expiry: str, code: str, name: str) -> Thing:
    """A card as it was typed. Raises Refused, as the processor's page shows it."""
    digits = re.sub(r"[ -]", "", number)
    behaviour = CARDS.get(digits) or ("ok" if digits.startswith("400000") else "")
    if not re.fullmatch(r"\d{16}", digits) or not _is_valid(digits):
        raise Refused("Your card number is invalid.", type="card_error", code="invalid_number", status=402)
    if not behaviour:
        raise Refused(
            "Your card was declined. This is a stand-in: use a test card.",
            type="card_error", code="card_declined", decline_code="test_mode_live_card", status=402,
        )  # fmt: skip
    match = re.fullmatch(r"\s*(0[1-9]|1[0-2])\s*/?\s*(?:20)?(\d\d)\s*", expiry)
    if not match:
        raise Refused(
            "Your card's expiration date is invalid.",
            type="card_error",
            code="invalid_expiry_year",
            status=402,
        )
    if not re.fullmatch(r"\d{3,4}", code.strip()):
        raise Refused(
            "Your card's security code is invalid.", type="card_error", code="invalid_cvc", status=402
        )
    brand = "mastercard" if digits[0] == "5" else "visa"
    details = {
        "brand": brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "BE" if digits.startswith("40000005") else "US",
        "display_brand": brand,
        "exp_month": int(match[1]),
        "exp_year": 2000 + int(match[2]),
        "fingerprint": world.fingerprint(digits),
        "funding": "credit",
        "generated_from": None,
        "last4": digits[-4:],
        "networks": {"available": [brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return method(world, "card", behaviour, details, {"name": name or None})


def _is_valid(digits: str) -> bool:
    doubled = (int(d) * (2 - i % 2) for i, d in enumerate(digits))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def account(world: World, iban: str, name: str, email: str, behaviour: str = "") -> Thing:
    """A bank account that lets SEPA direct debits draw on it. Raises Refused."""
    number = re.sub(r"\s", "", iban).upper()
    behaviour = behaviour or ACCOUNTS.get(number, "")
    if not behaviour:
        raise Refused(
            "This is a stand-in: use a test account.",
            type="invalid_request_error",
            code="invalid_bank_account_iban",
        )
    details = {
        "bank_code": number[4:7],
        "branch_code": None,
        "country": number[:2],
        "fingerprint": world.fingerprint(number),
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": number[-4:],
    }
    return method(world, "sepa_debit", behaviour, details, {"name": name or None, "email": email or None})


def bancontact(world: World, name: str) -> Thing:
    return method(world, "bancontact", "secure", {}, {"name": name or None})


def reusable(world: World, used: Thing) -> Thing:
    """What later payments draw on: after Bancontact, the account behind it by direct debit."""
    if used["type"] != "bancontact":
        return used
    return account(world, "BE62510007547061", used["billing_details"]["name"] or "", "", "ok")


def needs_approval(used: Thing, *, present: bool) -> bool:
    """Whether the holder's bank asks them first, now that they are there (`present`) or not."""
    return used["_behaviour"] == "always_secure" or (present and used["_behaviour"] == "secure")


def refusal(used: Thing, *, paying: bool) -> Refused | None:
    """The decline that a means of payment always ends in; some only when they shall pay."""
    behaviour, _, rest = used["_behaviour"].partition(":")
    if behaviour == "decline" or (behaviour == "later" and paying):
        code, _, why = rest.partition(":")
        return declined(code, why)
    return None


# --- payments -----------------------------------------------------------------------------------------------


def intend(world: World, customer: str | None, amount: int, description: str | None, **more: Any) -> Thing:
    return world.add(
        "payment_intent",
        "pi",
        {
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic",
            "client_secret": None,
            "confirmation_method": "automatic",
            "currency": "eur",
            "customer": customer,
            "customer_account": None,
            "description": description,
            "last_payment_error": None,
            "latest_charge": None,
            "metadata": {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {},
            "payment_method_types": list(FEES),
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": "off_session",
            "shipping": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
            **more,
        },
        "payment_intent.created",
    )


def pay(world: World, intent: Thing, used: Thing, *, present: bool, approved: bool = False) -> Refused | None:
    """Try to pay with it: the intent is succeeded, processing, requires_action or requires_payment_method then.

    Gives the decline, if it is one.
    """
    intent |= {"payment_method": used["id"], "last_payment_error": None, "next_action": None}
    if needs_approval(used, present=present) and not approved:
        if present:
            url = f"{world.pages}/bank/{intent['id']}"
            intent |= {
                "status": "requires_action",
                "next_action": {
                    "redirect_to_url": {"return_url": None, "url": url},
                    "type": "redirect_to_url",
                },
            }
            world.save(intent, "payment_intent.requires_action")
            return None
        refused: Refused | None = declined("authentication_required", "authentication_required")
    else:
        refused = refusal(used, paying=True)
    if refused:
        failed(world, intent, used, refused)
    elif used["type"] == "sepa_debit":
        charge = _charge(world, intent, used, "pending")
        charge["_due"] = world.now + SEPA_TAKES
        world.save(charge, "charge.pending")
        intent |= {"status": "processing", "latest_charge": charge["id"]}
        world.save(intent, "payment_intent.processing")
    else:
        charge = _charge(world, intent, used, "succeeded")
        _succeed(world, intent, charge, used)
    return refused


def failed(world: World, intent: Thing, used: Thing, refused: Refused) -> None:
    """A charge that failed, and the intent that wants another means of payment."""
    error = refused.body["error"]
    charge = _charge(world, intent, used, "failed", error)
    refused.body["error"] |= {"charge": charge["id"]}
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "latest_charge": charge["id"],
        "last_payment_error": {
            "charge": charge["id"],
            "code": error["code"],
            "decline_code": error.get("decline_code"),
            "message": error["message"],
            "type": "card_error",
        },
    }
    world.emit("charge.failed", charge)
    world.save(intent, "payment_intent.payment_failed")


def _succeed(world: World, intent: Thing, charge: Thing, used: Thing) -> None:
    permille, cents = FEES[used["type"]]
    fee = (charge["amount"] * permille + 500) // 1000 + cents
    type = "charge" if used["type"] == "card" else "payment"
    entry = transaction(
        world, charge["amount"], type, charge["id"], fee=fee, description=charge["description"]
    )
    charge |= {
        "balance_transaction": entry["id"],
        "captured": True,
        "paid": True,
        "status": "succeeded",
        "_due": None,
    }
    charge["amount_captured"] = charge["amount"]
    if used["_behaviour"] == "dispute":
        charge["_due"] = world.now + 60
    world.save(charge, "charge.succeeded")
    intent |= {"status": "succeeded", "latest_charge": charge["id"], "amount_received": intent["amount"]}
    world.save(intent, "payment_intent.succeeded")
    for tell in settled:
        tell(world, intent)


def charge_due(world: World, charge: Thing) -> None:
    """A direct debit went through or came back; or a payment's holder disputes it."""
    charge["_due"] = None
    if charge["status"] != "pending":
        world.save(charge)
        dispute(world, charge, "fraudulent")
        return
    intent = world.get("payment_intent", charge["payment_intent"])
    used = world.get("payment_method", charge["payment_method"])
    if used["_behaviour"] != "fails":
        _succeed(world, intent, charge, used)
        return
    message = "The customer's account has insufficient funds to cover this payment."
    charge |= {"status": "failed", "failure_code": "insufficient_funds", "failure_message": message}
    world.save(charge, "charge.failed")
    intent |= {"status": "requires_payment_method", "payment_method": None}
    intent["last_payment_error"] = {
        "charge": charge["id"], "code": "payment_intent_payment_attempt_failed", "message": message, "type": "card_error",
    }  # fmt: skip
    world.save(intent, "payment_intent.payment_failed")
    for tell in settled:
        tell(world, intent)


def _charge(world: World, intent: Thing, used: Thing, status: str, error: Thing | None = None) -> Thing:
    error = error or {}
    keys = {
        "card": ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4"),
        "sepa_debit": ("bank_code", "branch_code", "country", "fingerprint", "last4"),
    }.get(used["type"], ())
    details = {key: used[used["type"]][key] for key in keys}
    return world.add(
        "charge",
        "ch" if used["type"] == "card" else "py",
        {
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": used["billing_details"],
            "calculated_statement_descriptor": "SMOALL",
            "captured": False,
            "currency": "eur",
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": error.get("code"),
            "failure_message": error.get("message"),
            "fraud_details": {},
            "metadata": {},
            "on_behalf_of": None,
            "outcome": {
                "network_status": "declined_by_network" if error else "approved_by_network",
                "reason": error.get("decline_code"),
                "risk_level": "normal",
                "seller_message": "The bank did not return any further details."
                if error
                else "Payment complete.",
                "type": "issuer_declined" if error else "authorized",
            },
            "paid": False,
            "payment_intent": intent["id"],
            "payment_method": used["id"],
            "payment_method_details": {used["type"]: details, "type": used["type"]},
            "receipt_email": None,
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": status,
            "transfer_data": None,
            "transfer_group": None,
        },
    )


def set_up(world: World, customer: str | None, metadata: Thing, **more: Any) -> Thing:
    """An intent to keep a means of payment without paying."""
    return world.add(
        "setup_intent",
        "seti",
        {
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "client_secret": None,
            "customer": customer,
            "customer_account": None,
            "description": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "mandate": None,
            "metadata": metadata,
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {},
            "payment_method_types": list(FEES),
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": "off_session",
            **more,
        },
        "setup_intent.created",
    )


# --- refunds ------------------------------------------------------------------------------------------------


@route("POST", "/v1/refunds")
def create_refund(world: World, asked: Asked) -> Thing:
    intent = asked.text("payment_intent")
    charge_id = asked.text("charge") or (
        world.get("payment_intent", intent)["latest_charge"] if intent else None
    )
    if not charge_id:
        raise Refused(
            "One of charge or payment_intent is required.", param="charge", code="parameter_missing"
        )
    reason = asked.text("reason")
    return refund(world, world.get("charge", charge_id), asked.number("amount"), reason, asked.metadata())


def refund(world: World, charge: Thing, amount: int | None, reason: str | None, metadata: Thing) -> Thing:
    if not charge["paid"]:
        raise Refused("This charge was not paid.", param="charge")
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if amount is None else amount
    if left == 0:
        raise Refused(
            f"Charge {charge['id']} has already been refunded.",
            code="charge_already_refunded",
            param="charge",
        )
    if charge["disputed"]:
        raise Refused("This charge is disputed.", code="charge_disputed", param="charge")
    if not 0 < amount <= left:
        raise Refused(
            f"Refund amount ({amount}) is greater than the unrefunded amount ({left})", param="amount"
        )
    thing = world.add(
        "refund",
        "re",
        {
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "currency": "eur",
            "customer": charge["customer"],
            "metadata": metadata,
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        },
    )
    type = "refund" if charge["id"].startswith("ch") else "payment_refund"
    entry = transaction(world, -amount, type, thing["id"], description=charge["description"])
    thing["balance_transaction"] = entry["id"]
    world.save(thing, "refund.created")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.save(charge, "charge.refunded")
    return thing


# --- disputes -----------------------------------------------------------------------------------------------


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
    entry = transaction(
        world, -charge["amount"], "adjustment", thing["id"], fee=DISPUTE_FEE, description="Dispute"
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
        entry = transaction(
            world, thing["amount"], "adjustment", thing["id"], fee=0, description="Dispute won"
        )
        thing["balance_transactions"].append(_shown(entry))
        charge = world.get("charge", thing["charge"])
        world.save(charge | {"disputed": False}, "charge.updated")
        return world.save(thing, "charge.dispute.closed", "charge.dispute.funds_reinstated")
    return world.save(thing, "charge.dispute.closed")


def _shown(entry: Thing) -> Thing:
    return {key: value for key, value in entry.items() if not key.startswith("_")}


# --- the balance and its payouts ----------------------------------------------------------------------------


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


def balance_due(world: World, entry: Thing) -> None:
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
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": arrival,
            "automatic": True,
            "balance_transaction": None,
            "currency": "eur",
            "description": "STRIPE PAYOUT",
            "destination": None,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "metadata": {},
            "method": "standard",
            "original_payout": None,
            "payout_method": None,
            "reconciliation_status": "completed",
            "reversed_by": None,
            "source_type": "card",
            "statement_descriptor": None,
            "status": "in_transit",
            "trace_id": None,
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
def balance(world: World, asked: Asked) -> Thing:
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


@route("POST", "/v1/payment_intents/{id}/cancel")
def cancel_intent(world: World, asked: Asked, id: str) -> Thing:
    intent = world.get("payment_intent", id)
    if intent["status"] in ("succeeded", "canceled"):
        raise missing("payment_intent", id, "intent", 400)
    reason = asked.text("cancellation_reason")
    return cancel(world, intent, reason)


def cancel(world: World, intent: Thing, reason: str | None) -> Thing:
    intent |= {
        "status": "canceled",
        "canceled_at": world.now,
        "cancellation_reason": reason,
        "next_action": None,
    }
    return world.save(intent, "payment_intent.canceled")
