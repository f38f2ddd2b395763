"""Means of payment, payments and what comes of them: charges and refunds.

A means of payment behaves as the processor's test numbers do; its number is looked at once and kept nowhere.
"""

import re
from collections.abc import Callable
from typing import Any

from billing.standin import balance, disputes
from billing.standin.asked import Asked, Refused, declined, route
from billing.standin.store import DAY, Thing, World, none

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
SEPA_TAKES = 3 * DAY
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
    match = re.fullmatch(r"\s*(0[1-9]|1[0-2])\s*(?:/\s*)?(?:20)?(\d\d)\s*", expiry)
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
            **none(
                "application application_fee_amount automatic_payment_methods canceled_at "
                "cancellation_reason client_secret customer_account last_payment_error latest_charge "
                "next_action on_behalf_of payment_method processing receipt_email review shipping "
                "statement_descriptor statement_descriptor_suffix transfer_data transfer_group"
            ),
            "capture_method": "automatic",
            "confirmation_method": "automatic",
            "currency": "eur",
            "customer": customer,
            "description": description,
            "metadata": {},
            "payment_method_options": {},
            "payment_method_types": list(FEES),
            "setup_future_usage": "off_session",
            "status": "requires_payment_method",
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
    entry = balance.transaction(
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
        disputes.dispute(world, charge, "fraudulent")
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
            **none(
                "application application_fee application_fee_amount balance_transaction "
                "failure_balance_transaction on_behalf_of receipt_email receipt_number receipt_url "
                "review shipping source_transfer statement_descriptor statement_descriptor_suffix "
                "transfer_data transfer_group"
            ),
            "billing_details": used["billing_details"],
            "calculated_statement_descriptor": "SMOALL",
            "captured": False,
            "currency": "eur",
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": error.get("code"),
            "failure_message": error.get("message"),
            "fraud_details": {},
            "metadata": {},
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
            "refunded": False,
            "status": status,
        },
    )


def set_up(world: World, customer: str | None, metadata: Thing, **more: Any) -> Thing:
    """An intent to keep a means of payment without paying."""
    return world.add(
        "setup_intent",
        "seti",
        {
            **none(
                "application automatic_payment_methods cancellation_reason client_secret "
                "customer_account description last_setup_error latest_attempt mandate next_action "
                "on_behalf_of payment_method single_use_mandate"
            ),
            "customer": customer,
            "metadata": metadata,
            "payment_method_options": {},
            "payment_method_types": list(FEES),
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
            **none("balance_transaction receipt_number source_transfer_reversal transfer_reversal"),
            "charge": charge["id"],
            "currency": "eur",
            "customer": charge["customer"],
            "metadata": metadata,
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": reason,
            "status": "succeeded",
        },
    )
    type = "refund" if charge["id"].startswith("ch") else "payment_refund"
    entry = balance.transaction(world, -amount, type, thing["id"], description=charge["description"])
    thing["balance_transaction"] = entry["id"]
    world.save(thing, "refund.created")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.save(charge, "charge.refunded")
    return thing


@route("POST", "/v1/payment_intents/{id}/cancel")
def cancel_intent(world: World, asked: Asked, id: str) -> Thing:
    intent = world.get("payment_intent", id)
    if intent["status"] in ("succeeded", "canceled"):
        raise Refused("This payment can't be canceled any more.", code="payment_intent_unexpected_state")
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
