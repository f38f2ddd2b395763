"""Changes of subscriptions, with proration to the second, and previews: a change that is undone after a look."""

from datetime import UTC, datetime

from billing.standin import catalogue, invoices, items, subscriptions
from billing.standin.asked import Asked, Refused, missing, route
from billing.standin.invoices import HOUR
from billing.standin.store import Thing, World, listed, public
from billing.standin.sums import share


@route("POST", "/v1/subscriptions/{id}")
def update(world: World, asked: Asked, id: str) -> Thing:
    subscription = world.get("subscription", id)
    if subscription["status"] in subscriptions.OVER:
        raise Refused(
            "A canceled subscription can only update its cancellation_details.", code="subscription_canceled"
        )
    change(world, subscription, asked)
    return world.get("subscription", id)


def change(world: World, subscription: Thing, asked: Asked) -> Refused | None:
    """What an update asks for. Raises Refused where a payment was a condition and failed."""
    subscription["metadata"] = asked.metadata(subscription["metadata"])
    if "default_payment_method" in asked:
        subscription["default_payment_method"] = subscriptions.method_of(
            world, asked, subscription["customer"]
        )
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
    paying = asked.choice("payment_behavior", subscriptions.PAYING, subscriptions.PAYING[0])
    at = asked.number("proration_date", world.now) or world.now
    anchor, trial_end = asked.text("billing_cycle_anchor"), asked.text("trial_end")
    trial_ends = None if trial_end == "now" else asked.number("trial_end")
    asked.ignore("off_session", "automatic_tax", "payment_settings")
    old = [dict(item) for item in subscription["items"]["data"]]
    _change_items(world, subscription, asked.members("items"))
    refused = None
    if trial_end:
        refused = _change_trial(world, subscription, trial_ends)
    elif subscription["items"]["data"] != old and subscription["status"] not in ("trialing", "paused"):
        refused = _prorate(
            world, subscription, old, at, behaviour, anchor == "now", pay=paying != "default_incomplete"
        )
    else:
        _set_trial_period(world, subscription)
        subscriptions.save(world, subscription)
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
        subscription["cancel_at"] = subscriptions.period_of(subscription)[1] if ends else None
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
        price = subscriptions.price_of(world, one) if "price" in one else None
        quantity = (
            subscriptions.quantity_of(one) if "quantity" in one else (mine or {"quantity": 1})["quantity"]
        )
        if mine is None:
            if price is None:
                raise Refused(
                    "Missing required param: price.", param=one.path("price"), code="parameter_missing"
                )
            mine = subscriptions.new_item(
                world,
                subscription["id"],
                price,
                quantity,
                subscriptions.period_of(subscription),
                one.metadata(),
            )
            items.append(mine)
        elif price:
            fresh = subscriptions.new_item(
                world, subscription["id"], price, quantity, subscriptions.period_of(subscription), {}
            )
            mine |= {"price": fresh["price"], "plan": fresh["plan"]}
        mine["quantity"] = quantity
        mine["metadata"] = one.metadata(mine["metadata"])
        if "tax_rates" in one:
            mine["tax_rates"] = [public(rate) for rate in catalogue.tax_rates(world, one, "tax_rates")]
    if not items:
        raise Refused("A subscription must have at least one item.", param="items")
    subscription["items"]["data"] = [public(item) for item in items]


def _change_trial(world: World, subscription: Thing, ends: int | None) -> Refused | None:
    if ends is not None:
        subscription |= {
            "trial_end": ends,
            "billing_cycle_anchor": ends,
            "status": "trialing",
            "_told": False,
        }
        subscription["trial_start"] = subscription["trial_start"] or world.now
        _set_trial_period(world, subscription)
        subscriptions.save(world, subscription)
        return None
    subscription |= {"trial_end": world.now, "billing_cycle_anchor": world.now, "status": "active"}
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    subscriptions.set_period(
        world, subscription, world.now, subscriptions.after(world.now, world.now, recurring)
    )
    return subscriptions.bill(world, subscription, "subscription_update")


def _set_trial_period(world: World, subscription: Thing) -> None:
    if subscription["status"] == "trialing":
        subscriptions.set_period(
            world, subscription, subscriptions.period_of(subscription)[0], subscription["trial_end"]
        )


def _prorate(
    world: World, subscription: Thing, old: list[Thing], at: int, behaviour: str, anew: bool, *, pay: bool
) -> Refused | None:
    """Credit what was paid for and is not used, debit what is used instead; a new interval begins anew at once."""
    start, end = subscriptions.period_of(subscription)
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
        subscriptions.set_period(
            world, subscription, world.now, subscriptions.after(world.now, world.now, recurring)
        )
        return subscriptions.bill(world, subscription, "subscription_update", pay=pay)
    if behaviour == "always_invoice":
        lines = items.waiting(world, subscription["customer"], subscription["id"])
        if lines:
            return subscriptions.bill(world, subscription, "subscription_update", pay=pay, lines=lines)
    subscriptions.save(world, subscription)
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
        items.item(
            world, subscription["customer"], sign * amount, said, period=(at, end), price=item["price"],
            quantity=item["quantity"], subscription=subscription["id"], subscription_item=item["id"], proration=True,
            rates=item["tax_rates"],
        )  # fmt: skip


@route("DELETE", "/v1/subscriptions/{id}")
def cancel(world: World, asked: Asked, id: str) -> Thing:
    subscription = world.get("subscription", id)
    if subscription["status"] in subscriptions.OVER:
        raise missing("subscription", id)
    _cancelling(world, subscription, asked)
    old = [dict(item) for item in subscription["items"]["data"]]
    prorate, now = asked.flag("prorate"), asked.flag("invoice_now")
    if prorate and subscription["status"] in ("active", "past_due", "unpaid"):  # paid or not
        start, last = subscriptions.period_of(subscription)
        for item in old:
            said = f"Unused time on {item['quantity']} × {_called(item)}"
            _piece(world, subscription, item, -1, said, world.now, last, last - world.now, last - start)
    subscription = subscriptions.end(world, subscription, "cancellation_requested")
    lines = items.waiting(world, subscription["customer"], id) if now else []
    if lines:
        invoice = invoices.finalize(
            world, subscriptions.draft(world, subscription, "subscription_update", lines, in_an_hour=False)
        )
        subscription["latest_invoice"] = invoice["id"]
        world.save(subscription)
        if invoice["status"] == "open":
            invoices.attempt(world, invoice)
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
    given = asked.taken()
    item = {name: given.pop(name) for name in ("price", "quantity", "metadata", "tax_rates") if name in given}
    wish = Asked(given | {"items": {"0": {"id": id} | item}})
    change(world, subscription, wish)
    wish.refuse_unread()
    return retrieve_item(world, Asked({}), id)


# --- the next invoice ---------------------------------------------------------------------------------------


@route("POST", "/v1/invoices/create_preview")
def preview(world: World, asked: Asked) -> Thing:
    """The invoice that would come next, after a change that is only looked at; nothing of it stays."""
    id, wish = asked.text("subscription"), asked.inner("subscription_details")
    asked.ignore("currency", "automatic_tax", "preview_mode", "customer", "schedule")
    with world.as_if():
        if id is None:
            given = wish.taken() | {
                "customer": asked.need("customer"),
                "payment_behavior": "default_incomplete",
            }
            given.pop("proration_behavior", None)
            new = Asked(given)
            subscription = subscriptions.create(world, new)
            new.refuse_unread()
            return world.get("invoice", subscription["latest_invoice"])
        subscription = world.get("subscription", id)
        if subscription["status"] in subscriptions.OVER:
            raise Refused(
                "You can't preview the invoice of a canceled subscription.", code="invoice_upcoming_none"
            )
        before = subscription["latest_invoice"]
        change(world, subscription, wish)
        subscription = world.get("subscription", id)
        if subscription["cancel_at"]:
            lines = items.waiting(world, subscription["customer"], id)
            if not lines and subscription["latest_invoice"] == before:
                raise Refused("No upcoming invoices for customer", code="invoice_upcoming_none", status=404)
            if lines:
                return _as_draft(
                    subscriptions.draft(world, subscription, "subscription_update", lines, in_an_hour=False)
                )
        if subscription["latest_invoice"] != before:
            return _as_draft(world.get("invoice", subscription["latest_invoice"]))
        with world.at(subscriptions.period_of(subscription)[1]):
            subscription["status"] = "active"
            subscriptions.renew(world, subscription)
        return _as_draft(world.get("invoice", world.get("subscription", id)["latest_invoice"]))


def _as_draft(invoice: Thing) -> Thing:
    """As it would be looked at before it is final."""
    return invoice | {
        "id": f"upcoming_{invoice['id']}", "status": "draft", "number": None, "hosted_invoice_url": None, "effective_at": None,
        "attempted": False, "attempt_count": 0, "amount_paid": 0, "amount_remaining": invoice["amount_due"],
        "ending_balance": None, "next_payment_attempt": invoice["created"] + HOUR,
        "status_transitions": dict.fromkeys(invoice["status_transitions"]),
    }  # fmt: skip
