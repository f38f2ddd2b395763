"""Subscriptions: beginning, trial, renewal, past due, their end. How they are changed: changes.py."""

import calendar
from datetime import UTC, datetime

from billing.standin import catalogue, customers, invoices, items, sums
from billing.standin.asked import Asked, Refused, missing, route
from billing.standin.invoices import HOUR
from billing.standin.store import DAY, Thing, World, listed, none, public

OVER = ("canceled", "incomplete_expired")
TOLD_BEFORE = 3 * DAY  # that a trial ends
PAYING = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
MONTHS = {"month": 1, "year": 12}


def after(anchor: int, moment: int, recurring: Thing) -> int:
    """The first end of a period after `moment`, counted from the anchor so that the 31st stays the 31st."""
    interval, count = str(recurring["interval"]), int(recurring["interval_count"])
    if interval not in MONTHS:
        length = (7 if interval == "week" else 1) * DAY * count
        return anchor + ((moment - anchor) // length + 1) * length
    start = datetime.fromtimestamp(anchor, UTC)
    step = 0
    while True:
        step += MONTHS[interval] * count
        month = start.month - 1 + step
        year, month = start.year + month // 12, month % 12 + 1
        day = min(start.day, calendar.monthrange(year, month)[1])
        found = int(start.replace(year=year, month=month, day=day).timestamp())
        if found > moment:
            return found


def new_item(
    world: World, subscription: str, price: Thing, quantity: int, period: tuple[int, int], metadata: Thing
) -> Thing:
    recurring = price["recurring"]
    if not recurring:
        raise Refused("The price must be recurring.", param="items", code="price_type_invalid")
    return world.add(
        "subscription_item",
        "si",
        {
            "billed_until": None,
            "billing_thresholds": None,
            "current_period_end": period[1],
            "current_period_start": period[0],
            "discounts": [],
            "metadata": metadata,
            "plan": {
                "id": price["id"],
                "object": "plan",
                "active": price["active"],
                "amount": price["unit_amount"],
                "amount_decimal": str(price["unit_amount"]),
                "billing_scheme": "per_unit",
                "created": price["created"],
                "currency": "eur",
                "interval": recurring["interval"],
                "interval_count": recurring["interval_count"],
                "livemode": False,
                "metadata": {},
                **none("meter tiers_mode transform_usage trial_period_days"),
                "nickname": price["nickname"],
                "product": price["product"],
                "usage_type": "licensed",
            },
            "price": public(price),
            "quantity": quantity,
            "subscription": subscription,
            "tax_rates": [],
        },
    )


def period_of(subscription: Thing) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def set_period(world: World, subscription: Thing, start: int, end: int) -> None:
    for item in subscription["items"]["data"]:
        item |= {"current_period_start": start, "current_period_end": end}


def planned(world: World, subscription: Thing) -> Thing:
    """When something happens to it by itself."""
    moments = (
        [] if subscription["status"] in (*OVER, "paused", "incomplete") else [period_of(subscription)[1]]
    )
    if subscription["status"] == "incomplete":
        moments.append(subscription["created"] + 23 * HOUR)
    elif subscription["status"] == "trialing" and not subscription["_told"]:
        moments.append(subscription["trial_end"] - TOLD_BEFORE)
    if subscription["cancel_at"] and moments:
        moments.append(subscription["cancel_at"])
    subscription["_due"] = min(moments) if moments else None
    return subscription


# --- beginning ----------------------------------------------------------------------------------------------


@route("POST", "/v1/subscriptions")
def create(world: World, asked: Asked) -> Thing:
    customer = customers.alive(world, asked.need("customer"))
    given = asked.members("items")
    if not given:
        raise Refused("Missing required param: items.", param="items", code="parameter_missing")
    days, at_once = asked.number("trial_period_days"), asked.text("trial_end") == "now"
    ends = world.now + days * DAY if days else None if at_once else asked.number("trial_end")
    if ends and ends <= world.now:
        raise Refused("trial_end must be in the future.", param="trial_end")
    behaviour = asked.choice("payment_behavior", PAYING, PAYING[0])
    asked.ignore(
        "off_session", "currency", "automatic_tax", "billing_mode", "proration_behavior", "payment_settings"
    )
    settings = asked.inner("trial_settings").inner("end_behavior")
    subscription: Thing = {
        **none(
            "application application_fee_percent billing_cycle_anchor_config billing_thresholds "
            "canceled_at customer_account default_source ended_at latest_invoice "
            "next_pending_invoice_item_invoice on_behalf_of pause_collection "
            "pending_invoice_item_interval pending_setup_intent pending_update schedule transfer_data"
        ),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": ends or world.now,
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": None,
        },
        "billing_schedules": [],
        "cancel_at": asked.number("cancel_at"),
        "cancel_at_period_end": asked.flag("cancel_at_period_end"),
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": asked.choice(
            "collection_method", ("charge_automatically", "send_invoice"), "charge_automatically"
        ),
        "currency": "eur",
        "customer": customer["id"],
        "days_until_due": asked.number("days_until_due"),
        "default_payment_method": method_of(world, asked, customer["id"]),
        "default_tax_rates": [
            public(rate) for rate in catalogue.tax_rates(world, asked, "default_tax_rates")
        ],
        "description": asked.text("description"),
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": listed([], ""),
        "metadata": asked.metadata(),
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": world.now,
        "status": "trialing" if ends else "incomplete",
        "test_clock": customer["test_clock"],
        "trial_end": ends,
        "trial_settings": {
            "end_behavior": {
                "missing_payment_method": settings.choice(
                    "missing_payment_method", ("cancel", "create_invoice", "pause"), "create_invoice"
                )
            }
        },
        "trial_start": world.now if ends else None,
        "_told": False,
    }
    subscription = world.add("subscription", "sub", subscription)
    id = subscription["id"]
    recurring = None
    for one in given:
        price = price_of(world, one)
        if recurring and recurring != price["recurring"]:
            raise Refused("All prices must have the same interval.", param="items")
        recurring = price["recurring"]
        period = (world.now, ends or after(world.now, world.now, recurring or {}))
        item = new_item(world, id, price, quantity_of(one), period, one.metadata())
        item["tax_rates"] = [public(rate) for rate in catalogue.tax_rates(world, one, "tax_rates")]
        subscription["items"]["data"].append(public(item))
    subscription["items"]["url"] = f"/v1/subscription_items?subscription={id}"
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = period_of(subscription)[1]
    subscription["discounts"] = catalogue.redeem(
        world, asked.members("discounts"), customer=customer["id"], subscription=id
    )
    world.save(planned(world, subscription), "customer.subscription.created")
    refused = bill(world, subscription, "subscription_create", pay=behaviour != "default_incomplete")
    subscription = world.get("subscription", id)
    if refused and behaviour == "error_if_incomplete":
        raise Refused(str(refused), type="card_error", status=402, code=refused.body["error"].get("code", ""))
    return subscription


def method_of(world: World, asked: Asked, customer: str) -> str | None:
    id = asked.text("default_payment_method")
    if id and world.get("payment_method", id)["customer"] != customer:
        raise Refused("The payment method does not belong to the customer.", param="default_payment_method")
    return id


def price_of(world: World, asked: Asked) -> Thing:
    id = asked.need("price")
    price = world.any(id)
    if not price or price["object"] != "price":
        raise missing("price", id, asked.path("price"), 400)
    return price


def quantity_of(asked: Asked) -> int:
    quantity = asked.number("quantity", 1)
    if quantity is None or quantity < 0:
        raise Refused(
            "Invalid non-negative integer", param=asked.path("quantity"), code="parameter_invalid_integer"
        )
    return quantity


# --- invoicing ----------------------------------------------------------------------------------------------


def _lines(subscription: Thing, start: int, end: int, *, trial: bool = False) -> list[Thing]:
    lines = []
    for item in subscription["items"]["data"]:
        price, quantity = item["price"], item["quantity"]
        each = f"{price['unit_amount'] / 100:.2f} EUR / {price['recurring']['interval']}"
        said = f"{quantity} × {price['nickname'] or price['id']} (at {each})"
        lines.append(
            sums.line(
                0 if trial else price["unit_amount"] * quantity,
                f"Trial period for {said}" if trial else said,
                (start, end),
                price=price,
                quantity=quantity,
                rates=item["tax_rates"],
                subscription=subscription["id"],
                item=item["id"],
            )
        )
    return lines


def bill(
    world: World, subscription: Thing, reason: str, *, pay: bool = True, in_an_hour: bool = False,
    lines: list[Thing] | None = None,
) -> Refused | None:  # fmt: skip
    """Invoice the period that has begun, with what waited; pay it now, or let its draft's hour pass."""
    start, end = period_of(subscription)
    is_trial = subscription["status"] == "trialing"
    if lines is None:
        waited = items.waiting(world, subscription["customer"], subscription["id"])
        lines = [*waited, *_lines(subscription, start, end, trial=is_trial)]
    invoice = draft(world, subscription, reason, lines, in_an_hour=in_an_hour)
    subscription["latest_invoice"] = invoice["id"]
    save(world, subscription)
    if in_an_hour:
        return None
    invoice = invoices.finalize(world, invoice)
    refused = None
    if invoice["status"] == "open" and pay and subscription["collection_method"] == "charge_automatically":
        refused = invoices.attempt(world, invoice)
    elif invoice["status"] == "open" and subscription["collection_method"] == "send_invoice":
        _becomes(world, world.get("subscription", subscription["id"]), "active")
    return refused


def draft(world: World, subscription: Thing, reason: str, lines: list[Thing], *, in_an_hour: bool) -> Thing:
    discounts = []
    for id in subscription["discounts"]:
        discount = world.get("discount", id)
        if discount["_uses"] != 0 and (discount["end"] is None or discount["end"] > world.now):
            discounts.append(id)
    start, _ = period_of(subscription)
    is_renewal = reason == "subscription_cycle"
    auto = subscription["pause_collection"] is None and subscription["status"] != "unpaid"
    return invoices.draft(
        world,
        subscription["customer"],
        reason,
        lines,
        subscription=subscription,
        collection_method=subscription["collection_method"],
        default_tax_rates=subscription["default_tax_rates"],
        discounts=discounts,
        period=(subscription.get("_before", start), start) if is_renewal else (start, world.now),
        auto_advance=auto,
        automatically_finalizes_at=world.now + HOUR if in_an_hour and auto else None,
        _days=subscription["days_until_due"],
    )


def save(world: World, subscription: Thing) -> Thing:
    return world.save(planned(world, subscription), "customer.subscription.updated")


def _becomes(world: World, subscription: Thing, status: str) -> None:
    if subscription["status"] != status and subscription["status"] not in OVER:
        subscription["status"] = status
        save(world, subscription)


def _paid(world: World, invoice: Thing) -> None:
    """All is well again once its last invoice is paid."""
    subscription = invoices.subscription_of(world, invoice)
    if not subscription or subscription["status"] not in ("incomplete", "past_due", "unpaid"):
        return
    if subscription["latest_invoice"] in (None, invoice["id"]):
        _becomes(world, subscription, "active")


def _unpaid(world: World, invoice: Thing) -> None:
    subscription = invoices.subscription_of(world, invoice)
    if not subscription or subscription["status"] in (*OVER, "incomplete"):
        return
    is_last = invoice["next_payment_attempt"] is None and invoice["attempt_count"] > len(invoices.RETRIES)
    _becomes(world, subscription, "unpaid" if is_last else "past_due")


invoices.paid.append(_paid)
invoices.unpaid.append(_unpaid)


# --- time ---------------------------------------------------------------------------------------------------


def due(world: World, subscription: Thing) -> None:
    """Called at `_due`: a trial is about to end or ends, a period ends, it was to be cancelled."""
    now = world.now
    if subscription["status"] == "incomplete":
        invoice = world.get("invoice", subscription["latest_invoice"])
        intent = world.get("payment_intent", invoice["_intent"])
        if intent["status"] == "processing":
            world.save(subscription | {"_due": None})  # what the bank says decides
            return
        subscription |= {"status": "incomplete_expired", "ended_at": now}
        world.save(planned(world, subscription), "customer.subscription.updated")
        invoices.void(world, Asked({}), invoice["id"])
        return
    if subscription["cancel_at"] and subscription["cancel_at"] <= now:
        end(world, subscription, "cancellation_requested")
        return
    if subscription["status"] == "trialing":
        if now < subscription["trial_end"]:
            subscription["_told"] = True
            world.save(planned(world, subscription), "customer.subscription.trial_will_end")
            return
        wish = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
        method = customers.default_method(world, subscription["customer"], subscription)
        if method is None and wish == "cancel":
            end(world, subscription, "payment_failed")
            return
        if method is None and wish == "pause":
            subscription["status"] = "paused"
            world.save(
                planned(world, subscription), "customer.subscription.updated", "customer.subscription.paused"
            )
            return
        subscription["status"] = "active"
    renew(world, subscription)


def renew(world: World, subscription: Thing) -> None:
    """The next period begins; its draft is final in an hour."""
    start, end = period_of(subscription)
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    subscription["_before"] = start
    set_period(world, subscription, end, after(subscription["billing_cycle_anchor"], end, recurring))
    bill(world, subscription, "subscription_cycle", in_an_hour=True)


def end(world: World, subscription: Thing, reason: str) -> Thing:
    """Cancelled now. What is open stays open and is not collected any more."""
    subscription |= {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or world.now,
        "ended_at": world.now,
    }
    subscription["cancellation_details"]["reason"] = reason
    for invoice in world.find("invoice", customer=subscription["customer"]):
        parent = invoice.get("parent")
        mine = parent and parent["subscription_details"]["subscription"] == subscription["id"]
        if mine and invoice["status"] in ("draft", "open"):
            world.save(
                invoice | {"auto_advance": False, "next_payment_attempt": None, "_due": None},
                "invoice.updated",
            )
    return world.save(planned(world, subscription), "customer.subscription.deleted")


@route("POST", "/v1/subscriptions/{id}/resume")
def resume(world: World, asked: Asked, id: str) -> Thing:
    subscription = world.get("subscription", id)
    asked.ignore("billing_cycle_anchor", "proration_behavior", "proration_date")
    if subscription["status"] != "paused":
        raise Refused("Only paused subscriptions can be resumed.", code="subscription_not_paused")
    subscription |= {"status": "active", "billing_cycle_anchor": world.now}
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    set_period(world, subscription, world.now, after(world.now, world.now, recurring))
    bill(world, subscription, "subscription_update")
    world.emit("customer.subscription.resumed", world.get("subscription", id))
    return world.get("subscription", id)


def of(world: World, customer: str) -> list[Thing]:
    """Those of a customer that are not over, the newest first."""
    return [one for one in world.find("subscription", customer=customer)[::-1] if one["status"] not in OVER]


@route("DELETE", "/v1/customers/{id}")
def delete_customer(world: World, asked: Asked, id: str) -> Thing:
    """Its subscriptions end at once, its tax ids and means of payment go; invoices and payments stay."""
    customer = customers.alive(world, id)
    for subscription in of(world, id):
        end(world, subscription, "cancellation_requested")
    for tax_id in world.find("tax_id", customer=id):
        world.forget(tax_id, "customer.tax_id.deleted")
    for method in world.find("payment_method", customer=id):
        customers.detach(world, method)
    return world.forget(customer, "customer.deleted")
