"""Invoices from draft to paid, voided or given up."""

from collections.abc import Callable
from typing import Any

from billing.standin import catalogue, customers, items, payments, sums
from billing.standin.asked import Asked, Refused, missing, route
from billing.standin.store import DAY, Thing, World, listed, none

HOUR = 3600
RETRIES = (3, 5, 7)  # days after each failed attempt; then the subscription is unpaid
# Told when an invoice is paid, or when an attempt failed: functions of (world, invoice).
paid: list[Callable[[World, Thing], None]] = []
unpaid: list[Callable[[World, Thing], None]] = []


# --- drafts -------------------------------------------------------------------------------------------------


def draft(world: World, customer_id: str, reason: str, lines: list[Thing], **more: Any) -> Thing:
    """A new draft, summed up. Waiting items are the caller's to bring as lines."""
    customer = customers.alive(world, customer_id)
    subscription = more.pop("subscription", None)
    period = more.pop("period", None) or (world.now, world.now)
    invoice: Thing = {
        "account_country": "BE",
        "account_name": "Smoall",
        **none(
            "account_tax_ids application automatically_finalizes_at custom_fields customer_account "
            "customer_shipping default_payment_method default_source description due_date effective_at "
            "ending_balance footer from_invoice hosted_invoice_url invoice_pdf last_finalization_error "
            "latest_revision next_payment_attempt number on_behalf_of receipt_number rendering "
            "shipping_cost shipping_details statement_descriptor webhooks_delivered_at"
        ),
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            **none("disabled_reason liability provider status"),
            "enabled": False,
        },
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "currency": "eur",
        "customer": customer_id,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [
            {"type": one["type"], "value": one["value"]} for one in world.find("tax_id", customer=customer_id)
        ],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "metadata": {},
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": subscription["metadata"],
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        }
        if subscription
        else None,
        "payment_settings": {
            **none("default_mandate payment_method_options payment_method_types"),
        },
        "period_end": period[1],
        "period_start": period[0],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": customer["balance"],
        "status": "draft",
        "status_transitions": {
            **none("finalized_at marked_uncollectible_at paid_at voided_at"),
        },
        "test_clock": customer["test_clock"],
        "total_pretax_credit_amounts": [],
        "_intent": None,
    } | more
    invoice["_due"] = invoice["automatically_finalizes_at"] if invoice["auto_advance"] else None
    invoice["lines"] = listed([], "")
    invoice = world.add("invoice", "in", invoice)
    items.put(world, invoice, lines)
    return world.save(sums.total(world, invoice), "invoice.created")


def finalize(world: World, invoice: Thing) -> Thing:
    """Number it and fix it; the customer's credit is used. Nothing to pay: it is paid."""
    if invoice["status"] != "draft":
        raise Refused("This invoice is already finalized.", code="invoice_not_editable")
    customer = world.get("customer", invoice["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    world.save(customer)
    invoice["starting_balance"] = customer["balance"]
    sums.total(world, invoice)
    used = max(invoice["total"], 0) - invoice["amount_due"]
    change = used if invoice["total"] >= 0 else invoice["total"]
    invoice |= {
        "status": "open",
        "number": number,
        "effective_at": world.now,
        "automatically_finalizes_at": None,
        "ending_balance": customer["balance"] + change,
        "hosted_invoice_url": f"{world.pages}/invoice/{invoice['id']}",
        "_due": None,
    }
    invoice["status_transitions"]["finalized_at"] = world.now
    if invoice["collection_method"] == "send_invoice" and not invoice["due_date"]:
        invoice["due_date"] = world.now + (invoice.get("_days") or 30) * DAY
    if change:
        type = "applied_to_invoice" if change > 0 else "adjustment"
        customers.credit(world, invoice["customer"], change, type, invoice=invoice["id"])
    for discount in [world.get("discount", id) for id in invoice["discounts"]]:
        if discount["_uses"]:
            world.save(discount | {"_uses": 0})
    if invoice["amount_due"]:
        intent = payments.intend(world, invoice["customer"], invoice["amount_due"], f"Invoice {number}")
        invoice["_intent"] = intent["id"]
        _payment(world, invoice, intent)
    world.save(invoice, "invoice.finalized")
    return invoice if invoice["amount_due"] else mark_paid(world, invoice)


def _payment(world: World, invoice: Thing, intent: Thing) -> Thing:
    return world.add(
        "invoice_payment",
        "inpay",
        {
            "amount_paid": None,
            "amount_requested": intent["amount"],
            "currency": "eur",
            "invoice": invoice["id"],
            "is_default": True,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        },
    )


# --- paying -------------------------------------------------------------------------------------------------


def attempt(
    world: World, invoice: Thing, *, used: Thing | None = None, present: bool = False, approved: bool = False
) -> Refused | None:
    """Try to get an open invoice paid. Gives the decline, if it is one; what it came to is in the store."""
    subscription = subscription_of(world, invoice)
    used = (
        used or _named(world, invoice) or customers.default_method(world, invoice["customer"], subscription)
    )
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + (not approved)}
    invoice |= {"next_payment_attempt": None, "_due": None}
    world.save(invoice, "invoice.updated")
    intent = world.get("payment_intent", invoice["_intent"])
    if used is None:
        _failed(world, invoice)
        return Refused(
            "This customer has no attached payment source or default payment method.",
            code="invoice_payment_intent_requires_action",
        )
    refused = payments.pay(world, intent, used, present=present, approved=approved)
    if refused:
        if refused.body["error"].get("code") == "authentication_required":
            world.emit("invoice.payment_action_required", world.get("invoice", invoice["id"]))
        _failed(world, world.get("invoice", invoice["id"]))
    elif intent["status"] == "requires_action":
        world.emit("invoice.payment_action_required", world.get("invoice", invoice["id"]))
    return refused


def _named(world: World, invoice: Thing) -> Thing | None:
    id = invoice["default_payment_method"]
    return world.get("payment_method", id) if id else None


def _failed(world: World, invoice: Thing) -> None:
    subscription = subscription_of(world, invoice)
    tries = invoice["attempt_count"]
    automatic = invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically"
    if (
        automatic
        and subscription
        and invoice["billing_reason"] != "subscription_create"
        and tries <= len(RETRIES)
    ):
        invoice["next_payment_attempt"] = invoice["_due"] = world.now + RETRIES[tries - 1] * DAY
    world.save(invoice, "invoice.updated", "invoice.payment_failed")
    _delinquent(world, invoice["customer"])
    for tell in unpaid:
        tell(world, invoice)


def _settled(world: World, intent: Thing) -> None:
    """A payment went through or came back: so for the invoice that it is for."""
    for invoice in world.find("invoice", _intent=intent["id"]):
        if intent["status"] == "succeeded" and invoice["status"] in ("open", "uncollectible"):
            mark_paid(world, invoice)
        elif intent["status"] == "requires_payment_method" and invoice["status"] == "open":
            _failed(world, invoice)


payments.settled.append(_settled)


def mark_paid(world: World, invoice: Thing, *, elsewhere: bool = False) -> Thing:
    amount = invoice["amount_due"]
    invoice |= {
        "status": "paid",
        "attempted": True,
        "auto_advance": False,
        "amount_paid": 0 if elsewhere else amount,
        "amount_paid_off_stripe": amount if elsewhere else 0,
        "amount_remaining": 0,
        "next_payment_attempt": None,
        "_due": None,
    }
    invoice["status_transitions"]["paid_at"] = world.now
    for payment in world.find("invoice_payment", invoice=invoice["id"], status="open"):
        payment |= {
            "status": "canceled" if elsewhere else "paid",
            "amount_paid": None if elsewhere else amount,
        }
        payment["status_transitions"]["canceled_at" if elsewhere else "paid_at"] = world.now
        world.save(payment, *(() if elsewhere else ("invoice_payment.paid",)))
    world.save(invoice, "invoice.updated", "invoice.paid", "invoice.payment_succeeded")
    _delinquent(world, invoice["customer"])
    for tell in paid:
        tell(world, invoice)
    return world.get("invoice", invoice["id"])


def _delinquent(world: World, customer_id: str) -> None:
    owing = [one for one in world.find("invoice", customer=customer_id, status="open") if one["attempted"]]
    customer = world.get("customer", customer_id)
    if not customer.get("deleted") and customer["delinquent"] != bool(owing):
        world.save(customer | {"delinquent": bool(owing)}, "customer.updated")


def due(world: World, invoice: Thing) -> None:
    """A draft's hour is over, or the next attempt is due."""
    if invoice["status"] == "draft":
        invoice = finalize(world, invoice)
    if invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
        attempt(world, invoice)
    else:
        world.save(world.get("invoice", invoice["id"]) | {"_due": None})


def subscription_of(world: World, invoice: Thing) -> Thing | None:
    parent = invoice["parent"]
    return world.get("subscription", parent["subscription_details"]["subscription"]) if parent else None


# --- the interface ------------------------------------------------------------------------------------------


@route("POST", "/v1/invoices")
def create(world: World, asked: Asked) -> Thing:
    customer = customers.alive(world, asked.need("customer"))
    subscription = asked.text("subscription")
    behaviour = asked.choice("pending_invoice_items_behavior", ("exclude", "include"), "exclude")
    lines = items.waiting(world, customer["id"], subscription) if behaviour == "include" else []
    return draft(
        world,
        customer["id"],
        "manual",
        lines,
        subscription=world.get("subscription", subscription) if subscription else None,
        auto_advance=asked.flag("auto_advance"),
        discounts=catalogue.redeem(world, asked.members("discounts"), customer=customer["id"]),
        **_wishes(world, asked),
    )


def _wishes(world: World, asked: Asked) -> Thing:
    asked.ignore("currency", "automatic_tax", "payment_settings", "rendering")
    found: Thing = {"metadata": asked.metadata()}
    if "collection_method" in asked:
        found["collection_method"] = asked.choice(
            "collection_method", ("charge_automatically", "send_invoice"), ""
        )
    if "default_tax_rates" in asked:
        found["default_tax_rates"] = catalogue.tax_rates(world, asked, "default_tax_rates")
    for name in ("description", "footer", "default_payment_method"):
        if name in asked:
            found[name] = asked.text(name)
    if "due_date" in asked:
        found["due_date"] = asked.number("due_date")
    if "days_until_due" in asked:
        found["_days"] = asked.number("days_until_due")
    return found


@route("POST", "/v1/invoices/{id}")
def update(world: World, asked: Asked, id: str) -> Thing:
    invoice = world.get("invoice", id)
    metadata = asked.metadata(invoice["metadata"])
    wishes = _wishes(world, asked)
    fixed = {"description", "footer", "default_tax_rates", "collection_method", "due_date"} & set(wishes)
    if invoice["status"] != "draft" and fixed:
        raise Refused("Finalized invoices can't be updated in this way.", code="invoice_not_editable")
    invoice |= wishes | {"metadata": metadata}
    if "auto_advance" in asked:
        invoice["auto_advance"] = asked.flag("auto_advance")
    if invoice["status"] == "draft":
        sums.total(world, invoice)
    return world.save(invoice, "invoice.updated")


@route("DELETE", "/v1/invoices/{id}")
def delete(world: World, asked: Asked, id: str) -> Thing:
    invoice = world.get("invoice", id)
    if invoice["status"] != "draft":
        raise Refused("You can only delete draft invoices.", code="invoice_not_editable")
    return world.forget(invoice, "invoice.deleted")


@route("GET", "/v1/invoices/{id}/lines")
def list_lines(world: World, asked: Asked, id: str) -> Thing:
    lines: Thing = world.get("invoice", id)["lines"]
    after, limit = asked.text("starting_after"), asked.number("limit", 10) or 10
    ids = [one["id"] for one in lines["data"]]
    if after and after not in ids:
        raise missing("line item", after, "starting_after", 400)
    start = ids.index(after) + 1 if after else 0
    rest = lines["data"][start:]
    return listed(rest[:limit], lines["url"], has_more=len(rest) > limit)


@route("POST", "/v1/invoices/{id}/finalize")
def finalize_asked(world: World, asked: Asked, id: str) -> Thing:
    invoice = world.get("invoice", id)
    invoice["auto_advance"] = asked.flag("auto_advance", invoice["auto_advance"])
    invoice = finalize(world, invoice)
    if invoice["auto_advance"] and invoice["status"] == "open":
        world.save(invoice | {"_due": world.now + HOUR})
    return world.get("invoice", id)


@route("POST", "/v1/invoices/{id}/pay")
def pay(world: World, asked: Asked, id: str) -> Thing:
    invoice = world.get("invoice", id)
    method, elsewhere = asked.text("payment_method"), asked.flag("paid_out_of_band")
    present = not asked.flag("off_session", True)
    if invoice["status"] == "draft":
        invoice = finalize(world, invoice)
    if invoice["status"] == "paid":
        raise Refused("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "void":
        raise Refused("Invoice is void.", code="invoice_not_editable")
    if elsewhere:
        return mark_paid(world, invoice, elsewhere=True)
    used = world.get("payment_method", method) if method else None
    if refused := attempt(world, invoice, used=used, present=present):
        refused.keeps = True
        raise refused
    return world.get("invoice", id)


@route("POST", "/v1/invoices/{id}/void")
def void(world: World, asked: Asked, id: str) -> Thing:
    invoice = world.get("invoice", id)
    if invoice["status"] not in ("open", "uncollectible"):
        raise Refused("You can only void open invoices.", code="invoice_not_editable")
    invoice |= {"status": "void", "auto_advance": False, "next_payment_attempt": None, "_due": None}
    invoice |= {"amount_remaining": invoice["amount_due"]}
    invoice["status_transitions"]["voided_at"] = world.now
    if invoice["_intent"]:
        payments.cancel(world, world.get("payment_intent", invoice["_intent"]), "void_invoice")
    world.save(invoice, "invoice.updated", "invoice.voided")
    _delinquent(world, invoice["customer"])
    return invoice


@route("POST", "/v1/invoices/{id}/mark_uncollectible")
def give_up(world: World, asked: Asked, id: str) -> Thing:
    invoice = world.get("invoice", id)
    if invoice["status"] != "open":
        raise Refused("You can only mark open invoices uncollectible.", code="invoice_not_editable")
    invoice |= {"status": "uncollectible", "auto_advance": False, "next_payment_attempt": None, "_due": None}
    invoice["status_transitions"]["marked_uncollectible_at"] = world.now
    return world.save(invoice, "invoice.updated", "invoice.marked_uncollectible")


@route("POST", "/v1/invoices/{id}/send")
def send(world: World, asked: Asked, id: str) -> Thing:
    invoice = world.get("invoice", id)
    if invoice["status"] == "draft":
        invoice = finalize(world, invoice)
    world.emit("invoice.sent", invoice)
    return invoice


def shown(world: World, invoice: Thing, name: str) -> Thing | None:
    if name == "payments":
        return listed(world.find("invoice_payment", invoice=invoice["id"]), "/v1/invoice_payments")
    return None
