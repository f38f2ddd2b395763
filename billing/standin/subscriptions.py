"""Subscriptions: trial, renewal, changes with proration, past due, cancelling, pausing and resuming."""

import calendar
from datetime import UTC, datetime
from typing import Any

from billing.standin import catalogue, customers, invoices
from billing.standin.asked import Asked, Refused, missing, route
from billing.standin.invoices import HOUR, share
from billing.standin.store import DAY, Thing, World, listed, public

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


def _item(
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
                "meter": None,
                "nickname": price["nickname"],
                "product": price["product"],
                "tiers_mode": None,
                "transform_usage": None,
                "trial_period_days": None,
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


def _set_period(world: World, subscription: Thing, start: int, end: int) -> None:
    for item in subscription["items"]["data"]:
        item |= {"current_period_start": start, "current_period_end": end}


def _next(world: World, subscription: Thing) -> Thing:
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
    days, trial_end = asked.number("trial_period_days"), asked.text("trial_end")
    if days:
        ends: int | None = world.now + days * DAY
    else:
        ends = int(trial_end) if trial_end and trial_end != "now" else None
    if ends and ends <= world.now:
        raise Refused("trial_end must be in the future.", param="trial_end")
    behaviour = asked.choice("payment_behavior", PAYING, PAYING[0])
    asked.ignore(
        "off_session", "currency", "automatic_tax", "billing_mode", "proration_behavior", "payment_settings"
    )
    settings = asked.inner("trial_settings").inner("end_behavior")
    subscription: Thing = {
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": ends or world.now,
        "billing_cycle_anchor_config": None,
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": None,
        },
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": asked.number("cancel_at"),
        "cancel_at_period_end": asked.flag("cancel_at_period_end"),
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": asked.choice(
            "collection_method", ("charge_automatically", "send_invoice"), "charge_automatically"
        ),
        "currency": "eur",
        "customer": customer["id"],
        "customer_account": None,
        "days_until_due": asked.number("days_until_due"),
        "default_payment_method": _method(world, asked, customer["id"]),
        "default_source": None,
        "default_tax_rates": [
            public(rate) for rate in catalogue.tax_rates(world, asked, "default_tax_rates")
        ],
        "description": asked.text("description"),
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": listed([], ""),
        "latest_invoice": None,
        "metadata": asked.metadata(),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": world.now,
        "status": "trialing" if ends else "incomplete",
        "test_clock": customer["test_clock"],
        "transfer_data": None,
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
        price = _price(world, one)
        if recurring and recurring != price["recurring"]:
            raise Refused("All prices must have the same interval.", param="items")
        recurring = price["recurring"]
        period = (world.now, ends or after(world.now, world.now, recurring or {}))
        item = _item(world, id, price, _quantity(one), period, one.metadata())
        item["tax_rates"] = [public(rate) for rate in catalogue.tax_rates(world, one, "tax_rates")]
        subscription["items"]["data"].append(public(item))
    subscription["items"]["url"] = f"/v1/subscription_items?subscription={id}"
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = period_of(subscription)[1]
    subscription["discounts"] = catalogue.redeem(
        world, asked.members("discounts"), customer=customer["id"], subscription=id
    )
    world.save(_next(world, subscription), "customer.subscription.created")
    refused = bill(world, subscription, "subscription_create", pay=behaviour != "default_incomplete")
    subscription = world.get("subscription", id)
    if refused and behaviour == "error_if_incomplete":
        raise Refused(str(refused), type="card_error", status=402, code=refused.body["error"].get("code", ""))
    return subscription


def _method(world: World, asked: Asked, customer: str) -> str | None:
    id = asked.text("default_payment_method")
    if id and world.get("payment_method", id)["customer"] != customer:
        raise Refused("The payment method does not belong to the customer.", param="default_payment_method")
    return id


def _price(world: World, asked: Asked) -> Thing:
    id = asked.need("price")
    price = world.any(id)
    if not price or price["object"] != "price":
        raise missing("price", id, asked.path("price"), 400)
    return price


def _quantity(asked: Asked) -> int:
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
            invoices.line(
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
        waited = invoices.waiting(world, subscription["customer"], subscription["id"])
        lines = [*waited, *_lines(subscription, start, end, trial=is_trial)]
    invoice = _draft(world, subscription, reason, lines, in_an_hour=in_an_hour)
    subscription["latest_invoice"] = invoice["id"]
    _save(world, subscription)
    if in_an_hour:
        return None
    invoice = invoices.finalize(world, invoice)
    refused = None
    if invoice["status"] == "open" and pay and subscription["collection_method"] == "charge_automatically":
        refused = invoices.attempt(world, invoice)
    elif invoice["status"] == "open" and subscription["collection_method"] == "send_invoice":
        _becomes(world, world.get("subscription", subscription["id"]), "active")
    return refused


def _draft(world: World, subscription: Thing, reason: str, lines: list[Thing], *, in_an_hour: bool) -> Thing:
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


def _save(world: World, subscription: Thing) -> Thing:
    return world.save(_next(world, subscription), "customer.subscription.updated")


def _becomes(world: World, subscription: Thing, status: str) -> None:
    if subscription["status"] != status and subscription["status"] not in OVER:
        subscription["status"] = status
        _save(world, subscription)


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
        world.save(_next(world, subscription), "customer.subscription.updated")
        invoices.void(world, Asked({}), invoice["id"])
        return
    if subscription["cancel_at"] and subscription["cancel_at"] <= now:
        end(world, subscription, "cancellation_requested")
        return
    if subscription["status"] == "trialing":
        if now < subscription["trial_end"]:
            subscription["_told"] = True
            world.save(_next(world, subscription), "customer.subscription.trial_will_end")
            return
        wish = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
        method = customers.default_method(world, subscription["customer"], subscription)
        if method is None and wish == "cancel":
            end(world, subscription, "payment_failed")
            return
        if method is None and wish == "pause":
            subscription["status"] = "paused"
            world.save(
                _next(world, subscription), "customer.subscription.updated", "customer.subscription.paused"
            )
            return
        subscription["status"] = "active"
    renew(world, subscription)


def renew(world: World, subscription: Thing) -> None:
    """The next period begins; its draft is final in an hour."""
    start, end = period_of(subscription)
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    subscription["_before"] = start
    _set_period(world, subscription, end, after(subscription["billing_cycle_anchor"], end, recurring))
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
    return world.save(_next(world, subscription), "customer.subscription.deleted")


# --- changing -----------------------------------------------------------------------------------------------


@route("POST", "/v1/subscriptions/{id}")
def update(world: World, asked: Asked, id: str) -> Thing:
    subscription = world.get("subscription", id)
    if subscription["status"] in OVER:
        raise Refused(
            "A canceled subscription can only update its cancellation_details.", code="subscription_canceled"
        )
    change(world, subscription, asked)
    return world.get("subscription", id)


def change(world: World, subscription: Thing, asked: Asked) -> Refused | None:
    """What an update asks for. Raises Refused where a payment was a condition and failed."""
    subscription["metadata"] = asked.metadata(subscription["metadata"])
    if "default_payment_method" in asked:
        subscription["default_payment_method"] = _method(world, asked, subscription["customer"])
    if "default_tax_rates" in asked:
        rates = catalogue.tax_rates(world, asked, "default_tax_rates")
        subscription["default_tax_rates"] = [public(rate) for rate in rates]
    if "discounts" in asked:
        subscription["discounts"] = catalogue.redeem(
            world,
            asked.members("discounts"),
            customer=subscription["customer"],
            subscription=subscription["id"],
        )
    if "description" in asked:
        subscription["description"] = asked.text("description")
    if "collection_method" in asked:
        subscription["collection_method"] = asked.choice(
            "collection_method", ("charge_automatically", "send_invoice"), ""
        )
    if "days_until_due" in asked:
        subscription["days_until_due"] = asked.number("days_until_due")
    if "pause_collection" in asked:
        pause = asked.inner("pause_collection")
        behaviour = pause.text("behavior")
        resumes = pause.number("resumes_at")
        subscription["pause_collection"] = (
            {"behavior": behaviour, "resumes_at": resumes} if behaviour else None
        )
    settings = asked.inner("trial_settings").inner("end_behavior")
    if "missing_payment_method" in settings:
        subscription["trial_settings"]["end_behavior"]["missing_payment_method"] = settings.choice(
            "missing_payment_method", ("cancel", "create_invoice", "pause"), ""
        )
    _cancelling(world, subscription, asked)
    behaviour = asked.choice(
        "proration_behavior", ("create_prorations", "always_invoice", "none"), "create_prorations"
    )
    paying = asked.choice("payment_behavior", PAYING, PAYING[0])
    at = asked.number("proration_date", world.now) or world.now
    anchor, trial_end = asked.text("billing_cycle_anchor"), asked.text("trial_end")
    asked.ignore("off_session", "automatic_tax", "payment_settings")
    old = [dict(item) for item in subscription["items"]["data"]]
    _change_items(world, subscription, asked.members("items"))
    refused = None
    if trial_end:
        refused = _change_trial(world, subscription, trial_end)
    elif subscription["items"]["data"] != old and subscription["status"] not in ("trialing", "paused"):
        refused = _prorate(
            world, subscription, old, at, behaviour, anchor == "now", pay=paying != "default_incomplete"
        )
    else:
        _set_trial_period(world, subscription)
        _save(world, subscription)
    if refused and paying == "error_if_incomplete":
        raise Refused(str(refused), type="card_error", status=402, code=refused.body["error"].get("code", ""))
    return refused


def _cancelling(world: World, subscription: Thing, asked: Asked) -> None:
    details = asked.inner("cancellation_details")
    for name in ("comment", "feedback"):
        if name in details:
            subscription["cancellation_details"][name] = details.text(name)
    if "cancel_at_period_end" in asked:
        ends = asked.flag("cancel_at_period_end")
        subscription["cancel_at_period_end"] = ends
        subscription["cancel_at"] = period_of(subscription)[1] if ends else None
    if "cancel_at" in asked:
        subscription["cancel_at"] = asked.number("cancel_at")
        subscription["cancel_at_period_end"] = False
    wished = bool(subscription["cancel_at"])
    subscription["canceled_at"] = (subscription["canceled_at"] or world.now) if wished else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if wished else None


def _change_items(world: World, subscription: Thing, asked: list[Asked]) -> None:
    items = subscription["items"]["data"]
    for one in asked:
        id = one.text("id")
        mine = next((item for item in items if item["id"] == id), None)
        if id and mine is None:
            raise missing("subscription item", id, one.path("id"), 400)
        if one.flag("deleted"):
            items.remove(mine)
            one.ignore("clear_usage")
            continue
        price = _price(world, one) if "price" in one else None
        quantity = _quantity(one) if "quantity" in one else (mine or {"quantity": 1})["quantity"]
        if mine is None:
            if price is None:
                raise Refused(
                    "Missing required param: price.", param=one.path("price"), code="parameter_missing"
                )
            mine = _item(world, subscription["id"], price, quantity, period_of(subscription), one.metadata())
            items.append(mine)
        elif price:
            fresh = _item(world, subscription["id"], price, quantity, period_of(subscription), {})
            mine |= {"price": fresh["price"], "plan": fresh["plan"]}
        mine["quantity"] = quantity
        mine["metadata"] = one.metadata(mine["metadata"])
        if "tax_rates" in one:
            mine["tax_rates"] = [public(rate) for rate in catalogue.tax_rates(world, one, "tax_rates")]
    if not items:
        raise Refused("A subscription must have at least one item.", param="items")
    subscription["items"]["data"] = [public(item) for item in items]


def _change_trial(world: World, subscription: Thing, wish: str) -> Refused | None:
    if wish != "now":
        subscription |= {
            "trial_end": int(wish),
            "billing_cycle_anchor": int(wish),
            "status": "trialing",
            "_told": False,
        }
        subscription["trial_start"] = subscription["trial_start"] or world.now
        _set_trial_period(world, subscription)
        _save(world, subscription)
        return None
    subscription |= {"trial_end": world.now, "billing_cycle_anchor": world.now, "status": "active"}
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    _set_period(world, subscription, world.now, after(world.now, world.now, recurring))
    return bill(world, subscription, "subscription_update")


def _set_trial_period(world: World, subscription: Thing) -> None:
    if subscription["status"] == "trialing":
        _set_period(world, subscription, period_of(subscription)[0], subscription["trial_end"])


def _prorate(
    world: World, subscription: Thing, old: list[Thing], at: int, behaviour: str, anew: bool, *, pay: bool
) -> Refused | None:
    """Credit what was paid for and is not used, debit what is used instead; a new interval begins anew at once."""
    start, end = period_of(subscription)
    new = subscription["items"]["data"]
    anew = anew or old[0]["price"]["recurring"] != new[0]["price"]["recurring"]
    rest, whole = max(end - at, 0), max(end - start, 1)
    if behaviour != "none":
        day = datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")
        before, now = {one["id"]: one for one in old}, {one["id"]: one for one in new}
        for id in dict.fromkeys([*before, *now]):
            gone, come = before.get(id), now.get(id)
            if not anew and _same(gone, come):
                continue
            pieces = [(gone, -1, "Unused time on"), *([] if anew else [(come, 1, "Remaining time on")])]
            for one, sign, said in pieces:
                if one and one["quantity"]:
                    _piece(
                        world,
                        subscription,
                        one,
                        sign,
                        f"{said} {one['quantity']} × {_called(one)} after {day}",
                        at,
                        end,
                        rest,
                        whole,
                    )
    if anew:
        subscription["billing_cycle_anchor"] = world.now
        recurring = new[0]["price"]["recurring"]
        subscription["_before"] = start
        _set_period(world, subscription, world.now, after(world.now, world.now, recurring))
        return bill(world, subscription, "subscription_update", pay=pay)
    if behaviour == "always_invoice":
        lines = invoices.waiting(world, subscription["customer"], subscription["id"])
        if lines:
            return bill(world, subscription, "subscription_update", pay=pay, lines=lines)
    _save(world, subscription)
    return None


def _same(one: Thing | None, other: Thing | None) -> bool:
    keys = ("quantity", "price")
    return bool(one and other) and all((one or {})[key] == (other or {})[key] for key in keys)


def _called(item: Thing) -> str:
    return str(item["price"]["nickname"] or item["price"]["id"])


def _piece(
    world: World,
    subscription: Thing,
    item: Thing,
    sign: int,
    said: str,
    at: int,
    end: int,
    rest: int,
    whole: int,
) -> None:
    amount = share(item["price"]["unit_amount"] * item["quantity"], rest, whole)
    for id in subscription["discounts"]:
        coupon = world.get("coupon", world.get("discount", id)["source"]["coupon"])
        if coupon["percent_off"] and coupon["duration"] != "once":
            amount -= share(amount, coupon["percent_off"], 100)
    if amount:
        invoices.item(
            world, subscription["customer"], sign * amount, said, period=(at, end), price=item["price"],
            quantity=item["quantity"], subscription=subscription["id"], subscription_item=item["id"], proration=True,
            rates=item["tax_rates"],
        )  # fmt: skip


@route("DELETE", "/v1/subscriptions/{id}")
def cancel(world: World, asked: Asked, id: str) -> Thing:
    subscription = world.get("subscription", id)
    if subscription["status"] in OVER:
        raise missing("subscription", id)
    _cancelling(world, subscription, asked)
    old = [dict(item) for item in subscription["items"]["data"]]
    prorate, now = asked.flag("prorate"), asked.flag("invoice_now")
    if prorate and subscription["status"] == "active":
        start, last = period_of(subscription)
        for item in old:
            said = f"Unused time on {item['quantity']} × {_called(item)}"
            _piece(world, subscription, item, -1, said, world.now, last, last - world.now, last - start)
    subscription = end(world, subscription, "cancellation_requested")
    lines = invoices.waiting(world, subscription["customer"], id) if now else []
    if lines:
        invoice = invoices.finalize(
            world, _draft(world, subscription, "subscription_update", lines, in_an_hour=False)
        )
        subscription["latest_invoice"] = invoice["id"]
        world.save(subscription)
        if invoice["status"] == "open":
            invoices.attempt(world, invoice)
    return world.get("subscription", id)


@route("POST", "/v1/subscriptions/{id}/resume")
def resume(world: World, asked: Asked, id: str) -> Thing:
    subscription = world.get("subscription", id)
    asked.ignore("billing_cycle_anchor", "proration_behavior", "proration_date")
    if subscription["status"] != "paused":
        raise Refused("Only paused subscriptions can be resumed.", code="subscription_not_paused")
    subscription |= {"status": "active", "billing_cycle_anchor": world.now}
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    _set_period(world, subscription, world.now, after(world.now, world.now, recurring))
    bill(world, subscription, "subscription_update")
    world.emit("customer.subscription.resumed", world.get("subscription", id))
    return world.get("subscription", id)


# --- items --------------------------------------------------------------------------------------------------


@route("GET", "/v1/subscription_items")
def list_items(world: World, asked: Asked) -> Thing:
    asked.ignore("limit")
    data: list[Thing] = world.get("subscription", asked.need("subscription"))["items"]["data"]
    return listed(data, "/v1/subscription_items")


@route("GET", "/v1/subscription_items/{id}")
def retrieve_item(world: World, asked: Asked, id: str) -> Thing:
    subscription = world.get("subscription", world.get("subscription_item", id)["subscription"])
    for item in subscription["items"]["data"]:
        if item["id"] == id:
            found: Thing = item
            return found
    raise missing("subscription item", id)


@route("POST", "/v1/subscription_items/{id}")
def update_item(world: World, asked: Asked, id: str) -> Thing:
    subscription = world.get("subscription", world.get("subscription_item", id)["subscription"])
    item = Asked(
        {"id": id}
        | {name: asked._values[name] for name in ("price", "quantity", "metadata") if name in asked}
    )
    asked.ignore("price", "quantity", "metadata", "off_session")
    wish = Asked(
        {
            name: value
            for name, value in asked._values.items()
            if name not in ("price", "quantity", "metadata")
        }
    )
    asked.ignore(*asked._values)
    wish._values["items"] = {"0": item._values}
    change(world, subscription, wish)
    wish.refuse_unread()
    return retrieve_item(world, Asked({}), id)


# --- the next invoice ---------------------------------------------------------------------------------------


def preview(world: World, asked: Asked) -> Thing:
    """The invoice that would come next, after a change that is only looked at; nothing of it stays."""
    id, wish = asked.text("subscription"), asked.inner("subscription_details")
    asked.ignore("currency", "automatic_tax", "preview_mode", "customer", "schedule")
    with world.as_if():
        if id is None:
            customer = asked.need("customer")
            values: dict[str, Any] = {"customer": customer} | wish._values
            wish.ignore(*wish._values)
            values.pop("proration_behavior", None)
            subscription = create(world, Asked(values | {"payment_behavior": "default_incomplete"}))
            return world.get("invoice", subscription["latest_invoice"])
        subscription = world.get("subscription", id)
        if subscription["status"] in OVER:
            raise Refused(
                "You can't preview the invoice of a canceled subscription.", code="invoice_upcoming_none"
            )
        before = subscription["latest_invoice"]
        change(world, subscription, wish)
        subscription = world.get("subscription", id)
        if subscription["cancel_at"]:
            lines = invoices.waiting(world, subscription["customer"], id)
            if not lines and subscription["latest_invoice"] == before:
                raise Refused("No upcoming invoices for customer", code="invoice_upcoming_none", status=404)
        if subscription["latest_invoice"] != before:
            return _as_draft(world.get("invoice", subscription["latest_invoice"]))
        with world.at(period_of(subscription)[1]):
            subscription["status"] = "active"
            renew(world, subscription)
        return _as_draft(world.get("invoice", world.get("subscription", id)["latest_invoice"]))


def _as_draft(invoice: Thing) -> Thing:
    """As it would be looked at before it is final."""
    return invoice | {
        "id": f"upcoming_{invoice['id']}", "status": "draft", "number": None, "hosted_invoice_url": None, "effective_at": None,
        "attempted": False, "attempt_count": 0, "amount_paid": 0, "amount_remaining": invoice["amount_due"],
        "ending_balance": None, "next_payment_attempt": invoice["created"] + HOUR,
        "status_transitions": dict.fromkeys(invoice["status_transitions"]),
    }  # fmt: skip


def of(world: World, customer: str) -> list[Thing]:
    """Those of a customer that are not over, the newest first."""
    return [one for one in world.find("subscription", customer=customer)[::-1] if one["status"] not in OVER]
