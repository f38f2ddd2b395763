"""Invoices from draft to paid, their lines, taxes and discounts; items that wait for an invoice; credit notes."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from billing.standin import catalogue, customers, payments
from billing.standin.asked import Asked, Refused, missing, route
from billing.standin.store import DAY, Thing, World, listed

HOUR = 3600
RETRIES = (3, 5, 7)  # days after each failed attempt; then the subscription is unpaid
# Told when an invoice is paid, or when an attempt failed: functions of (world, invoice).
paid: list[Callable[[World, Thing], None]] = []
unpaid: list[Callable[[World, Thing], None]] = []


def share(amount: int, part: int | float | Decimal, whole: int | float | Decimal) -> int:
    """`amount` × `part` / `whole`, to the cent, halves away from zero."""
    exact = Decimal(amount) * Decimal(str(part)) / Decimal(str(whole))
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


# --- lines and sums -----------------------------------------------------------------------------------------


def line(
    amount: int, description: str | None, period: tuple[int, int], *, price: Thing | None, quantity: int,
    rates: list[Thing], subscription: str | None = None, item: str | None = None, invoice_item: str | None = None,
    proration: bool = False, metadata: Thing | None = None,
) -> Thing:  # fmt: skip
    """A line before its invoice has one: taxes and discounts come with `total`."""
    about: Thing = {"proration": proration, "subscription": subscription}
    if proration:
        about["proration_details"] = {"credited_items": None}
    if item:
        about |= {"invoice_item": invoice_item, "subscription_item": item}
        parent = {
            "invoice_item_details": None,
            "subscription_item_details": about,
            "type": "subscription_item_details",
        }
    else:
        about |= {"invoice_item": invoice_item}
        parent = {
            "invoice_item_details": about,
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }
    return {
        "object": "line_item",
        "livemode": False,
        "amount": amount,
        "currency": "eur",
        "description": description,
        "discount_amounts": [],
        "discountable": not proration,
        "discounts": [],
        "metadata": metadata or {},
        "parent": parent,
        "period": {"end": period[1], "start": period[0]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": str(price["unit_amount"]),
        }
        if price
        else None,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription,
        "subtotal": amount,
        "taxes": [],
        "_rates": rates,
    }


def total(world: World, invoice: Thing) -> Thing:
    """Work out discounts, taxes and sums of a draft from its lines. Tax is rounded line by line."""
    lines = invoice["lines"]["data"]
    for one in lines:
        one |= {"discount_amounts": [], "taxes": []}
    discounts = [
        {"amount": amount, "discount": id}
        for id in invoice["discounts"]
        if (amount := _discount(world, world.get("discount", id), lines))
    ]
    exempt = invoice["customer_tax_exempt"]
    reason = {"reverse": "reverse_charge", "exempt": "customer_exempt"}.get(exempt, "standard_rated")
    taxes: dict[str, Thing] = {}
    included = 0
    for one in lines:
        net = one["amount"] - sum(each["amount"] for each in one["discount_amounts"])
        for rate in one["_rates"] or invoice["default_tax_rates"]:
            inclusive = rate["inclusive"]
            whole = 100 + rate["percentage"] if inclusive else 100
            amount = share(net, rate["percentage"], whole) if reason == "standard_rated" else 0
            included += amount if inclusive else 0
            tax = {
                "amount": amount,
                "tax_behavior": "inclusive" if inclusive else "exclusive",
                "tax_rate_details": {"tax_rate": rate["id"]},
                "taxability_reason": reason,
                "taxable_amount": (net - amount if inclusive else net) if amount else 0,
                "type": "tax_rate_details",
            }
            one["taxes"].append(tax)
            if rate["id"] in taxes:
                for key in ("amount", "taxable_amount"):
                    taxes[rate["id"]][key] += tax[key]
            else:
                taxes[rate["id"]] = dict(tax)
    subtotal = sum(one["amount"] for one in lines)
    off = sum(one["amount"] for one in discounts)
    tax_sum = sum(one["amount"] for one in taxes.values())
    invoice |= {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - included,
        "total": subtotal - off + tax_sum - included,
        "total_discount_amounts": discounts,
        "total_excluding_tax": subtotal - off - included,
        "total_taxes": list(taxes.values()),
    }
    credit = min(max(invoice["total"], 0), max(-invoice["starting_balance"], 0))
    invoice["amount_due"] = invoice["amount_remaining"] = max(invoice["total"], 0) - credit
    return invoice


def _discount(world: World, discount: Thing, lines: list[Thing]) -> int:
    """Spread a coupon over the lines; gives what it takes off in all."""
    coupon = world.get("coupon", discount["source"]["coupon"])
    open_lines = [one for one in lines if one["discountable"]]
    left = [one["amount"] - sum(each["amount"] for each in one["discount_amounts"]) for one in open_lines]
    if not sum(left):
        return 0
    taken = 0
    wanted = min(coupon["amount_off"] or 0, sum(left))
    for number, (one, rest) in enumerate(zip(open_lines, left, strict=True)):
        if coupon["percent_off"]:
            amount = share(rest, coupon["percent_off"], 100)
        elif number == len(left) - 1:
            amount = wanted - taken
        else:
            amount = share(wanted, rest, sum(left))
        one["discount_amounts"].append({"amount": amount, "discount": discount["id"]})
        taken += amount
    return taken


# --- drafts -------------------------------------------------------------------------------------------------


def draft(world: World, customer_id: str, reason: str, lines: list[Thing], **more: Any) -> Thing:
    """A new draft, summed up. Waiting items are the caller's to bring as lines."""
    customer = customers.alive(world, customer_id)
    subscription = more.pop("subscription", None)
    period = more.pop("period", None) or (world.now, world.now)
    invoice: Thing = {
        "account_country": "BE",
        "account_name": "Smoall",
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "currency": "eur",
        "custom_fields": None,
        "customer": customer_id,
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": None,
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [
            {"type": one["type"], "value": one["value"]} for one in world.find("tax_id", customer=customer_id)
        ],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
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
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": period[1],
        "period_start": period[0],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": customer["balance"],
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "test_clock": customer["test_clock"],
        "total_pretax_credit_amounts": [],
        "webhooks_delivered_at": None,
        "_intent": None,
    } | more
    invoice["_due"] = invoice["automatically_finalizes_at"] if invoice["auto_advance"] else None
    invoice["lines"] = listed([], "")
    invoice = world.add("invoice", "in", invoice)
    _put(world, invoice, lines)
    return world.save(total(world, invoice), "invoice.created")


def _put(world: World, invoice: Thing, lines: list[Thing]) -> None:
    """Lines into a draft; items that waited are taken."""
    data = invoice["lines"]["data"]
    for one in lines:
        about = one["parent"]["subscription_item_details"] or one["parent"]["invoice_item_details"]
        if waiting := about["invoice_item"]:
            world.save(world.get("invoiceitem", waiting) | {"invoice": invoice["id"]})
        data.append({"id": f"il_{invoice['id'][3:15]}{len(data):012d}", "invoice": invoice["id"]} | one)
    invoice["lines"] = listed(data, f"/v1/invoices/{invoice['id']}/lines")


def finalize(world: World, invoice: Thing) -> Thing:
    """Number it and fix it; the customer's credit is used. Nothing to pay: it is paid."""
    if invoice["status"] != "draft":
        raise Refused("This invoice is already finalized.", code="invoice_not_editable")
    customer = world.get("customer", invoice["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    world.save(customer)
    invoice["starting_balance"] = customer["balance"]
    total(world, invoice)
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
    return invoice if invoice["amount_due"] else _mark_paid(world, invoice)


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
            _mark_paid(world, invoice)
        elif intent["status"] == "requires_payment_method" and invoice["status"] == "open":
            _failed(world, invoice)


payments.settled.append(_settled)


def _mark_paid(world: World, invoice: Thing, *, elsewhere: bool = False) -> Thing:
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
    lines = waiting(world, customer["id"], subscription) if behaviour == "include" else []
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


@route("POST", "/v1/invoices/create_preview")
def preview(world: World, asked: Asked) -> Thing:
    from billing.standin import subscriptions

    return subscriptions.preview(world, asked)


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
        total(world, invoice)
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
        return _mark_paid(world, invoice, elsewhere=True)
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


# --- items that wait ----------------------------------------------------------------------------------------


def item(
    world: World, customer: str, amount: int, description: str | None, *, period: tuple[int, int], price: Thing | None = None,
    quantity: int = 1, subscription: str | None = None, subscription_item: str | None = None, proration: bool = False,
    rates: list[Thing] | None = None, metadata: Thing | None = None,
) -> Thing:  # fmt: skip
    return world.add(
        "invoiceitem",
        "ii",
        {
            "amount": amount,
            "currency": "eur",
            "customer": customer,
            "customer_account": None,
            "date": world.now,
            "description": description,
            "discountable": not proration,
            "discounts": [],
            "invoice": None,
            "metadata": metadata or {},
            "net_amount": amount,
            "parent": {
                "subscription_details": {
                    "subscription": subscription,
                    "subscription_item": subscription_item,
                },
                "type": "subscription_details",
            }
            if subscription
            else None,
            "period": {"end": period[1], "start": period[0]},
            "pricing": {
                "price_details": {"price": price["id"], "product": price["product"]},
                "type": "price_details",
                "unit_amount_decimal": str(price["unit_amount"]),
            }
            if price
            else None,
            "proration": proration,
            "quantity": quantity,
            "quantity_decimal": str(quantity),
            "tax_rates": rates or [],
            "test_clock": None,
            "_subscription": subscription,
        },
        "invoiceitem.created",
    )


def waiting(world: World, customer: str, subscription: str | None) -> list[Thing]:
    """Lines of the items that no invoice has taken yet; of one subscription, also those of none."""
    lines = []
    for one in world.find("invoiceitem", customer=customer, invoice=None):
        if one.get("deleted") or one["_subscription"] not in (None, subscription):
            continue
        details = one["parent"]["subscription_details"] if one["parent"] else {}
        price = world.get("price", one["pricing"]["price_details"]["price"]) if one["pricing"] else None
        lines.append(
            line(
                one["amount"],
                one["description"],
                (one["period"]["start"], one["period"]["end"]),
                price=price,
                quantity=one["quantity"],
                rates=one["tax_rates"],
                subscription=one["_subscription"],
                item=details.get("subscription_item"),
                invoice_item=one["id"],
                proration=one["proration"],
                metadata=one["metadata"],
            )
        )
    return lines


@route("POST", "/v1/invoiceitems")
def create_item(world: World, asked: Asked) -> Thing:
    customer = customers.alive(world, asked.need("customer"))
    pricing = asked.inner("pricing")
    price = world.get("price", pricing.need("price")) if "pricing" in asked else None
    quantity = asked.number("quantity", 1) or 0
    amount = asked.number("amount")
    if amount is None:
        unit = price["unit_amount"] if price else int(asked.text("unit_amount_decimal") or 0)
        amount = unit * quantity
    asked.ignore("currency", "discountable", "tax_behavior", "unit_amount_decimal")
    period = asked.inner("period")
    span = (period.number("start", world.now) or world.now, period.number("end", world.now) or world.now)
    rates, invoice_id = catalogue.tax_rates(world, asked, "tax_rates"), asked.text("invoice")
    thing = item(
        world, customer["id"], amount, asked.text("description"), period=span, price=price, quantity=quantity,
        subscription=asked.text("subscription"), rates=rates, metadata=asked.metadata(),
    )  # fmt: skip
    if invoice_id:
        invoice = world.get("invoice", invoice_id)
        if invoice["status"] != "draft":
            raise Refused("This invoice is not a draft.", param="invoice", code="invoice_not_editable")
        mine = [
            one
            for one in waiting(world, customer["id"], thing["_subscription"])
            if (one["parent"]["invoice_item_details"] or {}).get("invoice_item") == thing["id"]
        ]
        _put(world, invoice, mine)
        world.save(total(world, invoice), "invoice.updated")
    return world.get("invoiceitem", thing["id"])


@route("DELETE", "/v1/invoiceitems/{id}")
def delete_item(world: World, asked: Asked, id: str) -> Thing:
    thing = world.get("invoiceitem", id)
    if thing["invoice"]:
        raise Refused("This item is on an invoice.", code="invoice_not_editable")
    return world.forget(thing, "invoiceitem.deleted")


# --- credit notes -------------------------------------------------------------------------------------------


@route("POST", "/v1/credit_notes")
def create_credit_note(world: World, asked: Asked) -> Thing:
    """Before payment it lowers what is due; afterwards it is refunded, or credited to the customer's balance."""
    invoice = world.get("invoice", asked.need("invoice"))
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        raise Refused("Credit notes need a finalized invoice.", param="invoice")
    lines = _credited(world, asked, invoice)
    net = sum(one["amount"] for one in lines)
    taxes = [tax for one in lines for tax in one["taxes"]]
    gross = net + sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    earlier = world.find("credit_note", invoice=invoice["id"], status="issued")
    left = invoice["total"] - sum(one["total"] for one in earlier)
    if gross <= 0 or gross > left:
        raise Refused(
            f"The credit note's total ({gross}) exceeds what can be credited ({left}).", param="amount"
        )
    is_paid = invoice["status"] == "paid"
    refunded, credited = asked.number("refund_amount", 0) or 0, asked.number("credit_amount", 0) or 0
    elsewhere = asked.number("out_of_band_amount", 0) or 0
    if is_paid and refunded + credited + elsewhere != gross:
        raise Refused(
            f"The sum of credit amount, refund amount and out of band amount ({refunded + credited + elsewhere}) "
            f"must equal the credit note's amount ({gross}).", param="refund_amount",
        )  # fmt: skip
    if not is_paid and gross > invoice["amount_remaining"]:
        raise Refused("The credit note's total exceeds what is due.", param="amount")
    asked.ignore("email_type", "effective_at")
    note = world.add(
        "credit_note",
        "cn",
        {
            "amount": gross,
            "amount_shipping": 0,
            "currency": "eur",
            "customer": invoice["customer"],
            "customer_account": None,
            "customer_balance_transaction": None,
            "discount_amount": 0,
            "discount_amounts": [],
            "effective_at": world.now,
            "invoice": invoice["id"],
            "memo": asked.text("memo"),
            "metadata": asked.metadata(),
            "number": f"{invoice['number']}-CN-{len(earlier) + 1:02d}",
            "out_of_band_amount": elsewhere or None,
            "pdf": f"{world.pages}/invoice/{invoice['id']}",
            "post_payment_amount": gross if is_paid else 0,
            "pre_payment_amount": 0 if is_paid else gross,
            "pretax_credit_amounts": [],
            "reason": asked.text("reason"),
            "refunds": [],
            "shipping_cost": None,
            "status": "issued",
            "subtotal": net,
            "subtotal_excluding_tax": net,
            "total": gross,
            "total_excluding_tax": net,
            "total_taxes": taxes,
            "type": "post_payment" if is_paid else "pre_payment",
            "voided_at": None,
        },
    )
    note["lines"] = listed(lines, f"/v1/credit_notes/{note['id']}/lines")
    if refunded:
        intent = world.get("payment_intent", invoice["_intent"])
        refund = payments.refund(world, world.get("charge", intent["latest_charge"]), refunded, None, {})
        note["refunds"] = [
            {
                "amount_refunded": refunded,
                "payment_record_refund": None,
                "refund": refund["id"],
                "type": "refund",
            }
        ]
    if credited:
        entry = customers.credit(world, invoice["customer"], -credited, "credit_note", credit_note=note["id"])
        note["customer_balance_transaction"] = entry["id"]
    world.save(note, "credit_note.created")
    _lower(world, world.get("invoice", invoice["id"]), gross, is_paid)
    return note


def _lower(world: World, invoice: Thing, gross: int, is_paid: bool) -> None:
    invoice["post_payment_credit_notes_amount" if is_paid else "pre_payment_credit_notes_amount"] += gross
    if not is_paid:
        invoice["amount_due"] -= gross
        invoice["amount_remaining"] -= gross
        intent = world.get("payment_intent", invoice["_intent"])
        if invoice["amount_due"]:
            world.save(intent | {"amount": invoice["amount_due"]})
            for payment in world.find("invoice_payment", invoice=invoice["id"], status="open"):
                world.save(payment | {"amount_requested": invoice["amount_due"]})
        else:
            payments.cancel(world, intent, "automatic")
    world.save(invoice, "invoice.updated")
    if not is_paid and not invoice["amount_due"]:
        _mark_paid(world, invoice)


def _credited(world: World, asked: Asked, invoice: Thing) -> list[Thing]:
    """The lines of a credit note: those asked for, or one for an amount with tax."""
    on_invoice = {one["id"]: one for one in invoice["lines"]["data"]}
    given, gross = asked.members("lines"), asked.number("amount")
    if gross is not None:
        net = share(gross, invoice["total_excluding_tax"], invoice["total"] or 1)
        return [
            _credit_line(
                world, None, net, None, invoice["total_taxes"], invoice["total_excluding_tax"], gross - net
            )
        ]
    if not given:
        raise Refused("One of amount or lines is required.", param="amount", code="parameter_missing")
    lines = []
    for one in given:
        if one.choice("type", ("invoice_line_item", "custom_line_item"), "") == "custom_line_item":
            net = (one.number("unit_amount") or 0) * (one.number("quantity", 1) or 1)
            line = _credit_line(
                world,
                None,
                net,
                one.text("description"),
                invoice["total_taxes"],
                invoice["total_excluding_tax"],
            )
        else:
            id = one.need("invoice_line_item")
            if id not in on_invoice:
                raise missing("invoice line item", id, one.path("invoice_line_item"), 400)
            theirs, quantity = on_invoice[id], one.number("quantity")
            whole = theirs["amount"] - sum(each["amount"] for each in theirs["discount_amounts"])
            net = one.number("amount") or share(whole, quantity or theirs["quantity"], theirs["quantity"])
            line = _credit_line(
                world, id, net, theirs["description"], theirs["taxes"], whole, quantity=quantity
            )
        lines.append(line)
    return lines


def _credit_line(
    world: World, of: str | None, net: int, description: str | None, taxes: list[Thing], whole: int, tax: int | None = None,
    quantity: int | None = None,
) -> Thing:  # fmt: skip
    shared = [
        one
        | {
            "amount": share(one["amount"], net, whole or 1),
            "taxable_amount": share(one["taxable_amount"], net, whole or 1),
        }
        for one in taxes
    ]
    if tax is not None and shared:
        shared[0]["amount"] += tax - sum(one["amount"] for one in shared)
    return {
        "id": f"cnli_{world.now}{net}",
        "object": "credit_note_line_item",
        "amount": net,
        "description": description,
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": of,
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": shared,
        "type": "invoice_line_item" if of else "custom_line_item",
        "unit_amount": None,
        "unit_amount_decimal": None,
    }


@route("POST", "/v1/credit_notes/{id}/void")
def void_credit_note(world: World, asked: Asked, id: str) -> Thing:
    note = world.get("credit_note", id)
    invoice = world.get("invoice", note["invoice"])
    if note["status"] == "void" or note["type"] != "pre_payment" or invoice["status"] != "open":
        raise Refused("Only credit notes of open invoices can be voided.")
    note |= {"status": "void", "voided_at": world.now}
    invoice["pre_payment_credit_notes_amount"] -= note["total"]
    invoice["amount_due"] += note["total"]
    invoice["amount_remaining"] += note["total"]
    world.save(world.get("payment_intent", invoice["_intent"]) | {"amount": invoice["amount_due"]})
    world.save(invoice, "invoice.updated")
    return world.save(note, "credit_note.voided")


@route("GET", "/v1/credit_notes/{id}/lines")
def list_credit_note_lines(world: World, asked: Asked, id: str) -> Thing:
    lines: Thing = world.get("credit_note", id)["lines"]
    return lines
