"""Products, prices, coupons, promotion codes and tax rates."""

import secrets

from billing.standin.asked import Asked, Refused, missing, route
from billing.standin.store import Thing, World, none


@route("POST", "/v1/products")
def create_product(world: World, asked: Asked) -> Thing:
    if "id" in asked and world.any(asked.need("id")):
        raise Refused("Product already exists.", code="resource_already_exists", param="id")
    return world.add(
        "product",
        "prod",
        {
            "id": asked.text("id"),
            "active": asked.flag("active", True),
            **none("default_price package_dimensions shippable statement_descriptor url"),
            "description": asked.text("description"),
            "images": [],
            "marketing_features": [],
            "metadata": asked.metadata(),
            "name": asked.need("name"),
            "tax_code": asked.text("tax_code"),
            "type": "service",
            "unit_label": asked.text("unit_label"),
            "updated": world.now,
        },
        "product.created",
    )


@route("POST", "/v1/products/{id}")
def update_product(world: World, asked: Asked, id: str) -> Thing:
    product = world.get("product", id)
    for name in ("name", "description", "unit_label", "tax_code", "default_price"):
        if name in asked:
            product[name] = asked.text(name)
    product["active"] = asked.flag("active", product["active"])
    product["metadata"] = asked.metadata(product["metadata"])
    product["updated"] = world.now
    return world.save(product, "product.updated")


@route("POST", "/v1/prices")
def create_price(world: World, asked: Asked) -> Thing:
    product = asked.text("product")
    if product is None:
        new = asked.inner("product_data")
        product = create_product(world, new)["id"]
    elif not world.any(product):
        raise missing("product", product, "product", 400)
    if asked.need("currency") != "eur":
        raise Refused("The stand-in knows eur alone.", param="currency")
    amount = asked.number("unit_amount")
    if amount is None or amount < 0:
        raise Refused("Invalid non-negative integer", param="unit_amount", code="parameter_invalid_integer")
    recurring = None
    if "recurring" in asked:
        given = asked.inner("recurring")
        recurring = {
            "interval": given.choice("interval", ("day", "week", "month", "year"), ""),
            "interval_count": given.number("interval_count", 1),
            "meter": None,
            "trial_period_days": None,
            "usage_type": given.choice("usage_type", ("licensed",), "licensed"),
        }
    key = asked.text("lookup_key")
    taken = world.find("price", lookup_key=key) if key else []
    if taken and not asked.flag("transfer_lookup_key"):
        raise Refused(
            "A price with this lookup key exists.", param="lookup_key", code="resource_already_exists"
        )
    for other in taken:
        world.save(other | {"lookup_key": None}, "price.updated")
    asked.ignore("transfer_lookup_key", "billing_scheme")
    return world.add(
        "price",
        "price",
        {
            "active": asked.flag("active", True),
            "billing_scheme": "per_unit",
            "currency": "eur",
            **none("custom_unit_amount tiers_mode transform_quantity"),
            "lookup_key": key,
            "metadata": asked.metadata(),
            "nickname": asked.text("nickname"),
            "product": product,
            "recurring": recurring,
            "tax_behavior": asked.choice(
                "tax_behavior", ("exclusive", "inclusive", "unspecified"), "unspecified"
            ),
            "type": "recurring" if recurring else "one_time",
            "unit_amount": amount,
            "unit_amount_decimal": str(amount),
        },
        "price.created",
    )


@route("POST", "/v1/prices/{id}")
def update_price(world: World, asked: Asked, id: str) -> Thing:
    price = world.get("price", id)
    for name in ("nickname", "lookup_key", "tax_behavior"):
        if name in asked:
            price[name] = asked.text(name)
    asked.ignore("transfer_lookup_key")
    price["active"] = asked.flag("active", price["active"])
    price["metadata"] = asked.metadata(price["metadata"])
    return world.save(price, "price.updated")


@route("POST", "/v1/coupons")
def create_coupon(world: World, asked: Asked) -> Thing:
    percent, amount = asked.decimal("percent_off"), asked.number("amount_off")
    if (percent is None) == (amount is None):
        raise Refused("Give percent_off or amount_off.", param="percent_off")
    duration = asked.choice("duration", ("once", "repeating", "forever"), "once")
    asked.ignore("currency")
    return world.add(
        "coupon",
        "cou",
        {
            "id": asked.text("id") or secrets.token_hex(4).upper(),
            "amount_off": amount,
            "currency": "eur" if amount else None,
            "duration": duration,
            "duration_in_months": asked.number("duration_in_months"),
            "max_redemptions": asked.number("max_redemptions"),
            "metadata": asked.metadata(),
            "name": asked.text("name"),
            "percent_off": percent,
            "redeem_by": asked.number("redeem_by"),
            "times_redeemed": 0,
            "valid": True,
        },
        "coupon.created",
    )


@route("POST", "/v1/coupons/{id}")
def update_coupon(world: World, asked: Asked, id: str) -> Thing:
    coupon = world.get("coupon", id)
    coupon["name"] = asked.text("name", coupon["name"])
    coupon["metadata"] = asked.metadata(coupon["metadata"])
    return world.save(coupon, "coupon.updated")


@route("POST", "/v1/promotion_codes")
def create_promotion_code(world: World, asked: Asked) -> Thing:
    promotion = asked.inner("promotion")
    promotion.ignore("type")
    coupon = world.get("coupon", promotion.need("coupon"))
    code = asked.text("code") or secrets.token_hex(4).upper()
    if any(one["active"] for one in world.find("promotion_code", code=code)):
        raise Refused("An active promotion code with this code exists.", param="code")
    return world.add(
        "promotion_code",
        "promo",
        {
            "active": asked.flag("active", True),
            "code": code,
            "customer": asked.text("customer"),
            "customer_account": None,
            "expires_at": asked.number("expires_at"),
            "max_redemptions": asked.number("max_redemptions"),
            "metadata": asked.metadata(),
            "promotion": {"coupon": coupon["id"], "type": "coupon"},
            "restrictions": {
                "first_time_transaction": False,
                "minimum_amount": None,
                "minimum_amount_currency": None,
            },
            "times_redeemed": 0,
        },
        "promotion_code.created",
    )


@route("POST", "/v1/promotion_codes/{id}")
def update_promotion_code(world: World, asked: Asked, id: str) -> Thing:
    code = world.get("promotion_code", id)
    code["active"] = asked.flag("active", code["active"])
    code["metadata"] = asked.metadata(code["metadata"])
    return world.save(code, "promotion_code.updated")


@route("POST", "/v1/tax_rates")
def create_tax_rate(world: World, asked: Asked) -> Thing:
    percentage = asked.decimal("percentage")
    if percentage is None:
        raise Refused("Missing required param: percentage.", param="percentage", code="parameter_missing")
    return world.add(
        "tax_rate",
        "txr",
        {
            "active": asked.flag("active", True),
            "country": asked.text("country"),
            "description": asked.text("description"),
            "display_name": asked.need("display_name"),
            "effective_percentage": percentage,
            **none("flat_amount jurisdiction_level state"),
            "inclusive": asked.flag("inclusive"),
            "jurisdiction": asked.text("jurisdiction"),
            "metadata": asked.metadata(),
            "percentage": percentage,
            "rate_type": "percentage",
            "tax_type": asked.text("tax_type"),
        },
        "tax_rate.created",
    )


@route("POST", "/v1/tax_rates/{id}")
def update_tax_rate(world: World, asked: Asked, id: str) -> Thing:
    rate = world.get("tax_rate", id)
    for name in ("display_name", "description", "jurisdiction", "tax_type"):
        if name in asked:
            rate[name] = asked.text(name)
    rate["active"] = asked.flag("active", rate["active"])
    rate["metadata"] = asked.metadata(rate["metadata"])
    return world.save(rate, "tax_rate.updated")


# --- coupons at work ------------------------------------------------------------------------------------------


def redeem(world: World, asked: list[Asked], *, customer: str, subscription: str | None = None) -> list[str]:
    """The discounts that `discounts[…]` asks for; refuses coupons and codes that do not count (any more)."""
    found = []
    for one in asked:
        code_id, coupon_id = one.text("promotion_code"), one.text("coupon")
        if kept := one.text("discount"):
            found.append(world.get("discount", kept)["id"])
            continue
        code = world.get("promotion_code", code_id) if code_id else None
        coupon = world.get("coupon", code["promotion"]["coupon"] if code else coupon_id)
        for thing in (coupon, code) if code else (coupon,):
            if not is_good(world, thing):
                raise Refused(
                    "This coupon is expired or used up.", param=one.path("coupon"), code="coupon_expired"
                )
            world.save(thing | {"times_redeemed": thing["times_redeemed"] + 1})
        end = None
        if coupon["duration"] == "repeating":
            end = world.now + (coupon["duration_in_months"] or 1) * 30 * 24 * 3600
        discount = world.add(
            "discount",
            "di",
            {
                **none("checkout_session invoice invoice_item subscription_item"),
                "customer": customer,
                "end": end,
                "promotion_code": code_id,
                "source": {"coupon": coupon["id"], "type": "coupon"},
                "start": world.now,
                "subscription": subscription,
                "_uses": 1 if coupon["duration"] == "once" else None,
            },
            "customer.discount.created",
        )
        found.append(discount["id"])
    return found


def is_good(world: World, thing: Thing) -> bool:
    limits = thing.get("redeem_by") or thing.get("expires_at"), thing["max_redemptions"]
    alive = bool(thing.get("deleted") is None and thing.get("valid", True) and thing.get("active", True))
    return (
        alive
        and not (limits[0] and limits[0] <= world.now)
        and not (limits[1] and thing["times_redeemed"] >= limits[1])
    )


def tax_rates(world: World, asked: Asked, name: str) -> list[Thing]:
    rates = []
    for id in asked.texts(name):
        rate = world.any(id)
        if not rate or rate["object"] != "tax_rate":
            raise missing("tax rate", id, asked.path(name), 400)
        rates.append(rate)
    return rates
