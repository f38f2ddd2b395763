"""Customers, their tax ids with a verification, their balance, their means of payment."""

import re

from billing.standin.asked import Asked, Refused, missing, page, route
from billing.standin.store import Thing, World, listed, none

ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
CHECKED_AFTER = 2  # seconds until the register of VAT numbers has answered


def _fill(world: World, asked: Asked, customer: Thing) -> Thing:
    for name in ("description", "email", "name", "phone", "business_name", "individual_name"):
        if name in asked:
            customer[name] = asked.text(name)
    if "address" in asked:
        given = asked.inner("address")
        before = customer["address"] or {}
        address = {name: given.text(name, before.get(name)) for name in ADDRESS}
        customer["address"] = address if any(address.values()) else None
    if "preferred_locales" in asked:
        customer["preferred_locales"] = asked.texts("preferred_locales")
    if "balance" in asked:
        customer["balance"] = asked.number("balance", 0)
    customer["tax_exempt"] = asked.choice("tax_exempt", ("none", "exempt", "reverse"), customer["tax_exempt"])
    settings = asked.inner("invoice_settings")
    for name in ("default_payment_method", "footer"):
        if name in settings:
            customer["invoice_settings"][name] = settings.text(name)
    asked.ignore("shipping", "tax", "cash_balance", "source")
    customer["metadata"] = asked.metadata(customer["metadata"])
    return customer


@route("POST", "/v1/customers")
def create(world: World, asked: Asked) -> Thing:
    customer: Thing = {
        **none(
            "address currency customer_account default_source description discount email name phone shipping"
        ),
        "balance": 0,
        "delinquent": False,
        "invoice_prefix": f"SM{world.count('customer') + 1:05d}",
        "invoice_settings": {
            **none("custom_fields default_payment_method footer rendering_options"),
        },
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
        "test_clock": asked.text("test_clock"),
    }
    tax_ids = asked.members("tax_id_data")
    method = asked.text("payment_method")
    customer = world.add("customer", "cus", _fill(world, asked, customer), "customer.created")
    for one in tax_ids:
        create_tax_id(world, one, customer["id"])
    if method:
        attach(world, world.get("payment_method", method), customer["id"])
    return customer


@route("POST", "/v1/customers/{id}")
def update(world: World, asked: Asked, id: str) -> Thing:
    return world.save(_fill(world, asked, alive(world, id)), "customer.updated")


def alive(world: World, id: str) -> Thing:
    customer = world.get("customer", id)
    if customer.get("deleted"):
        raise missing("customer", id)
    return customer


# --- tax ids ------------------------------------------------------------------------------------------------


@route("POST", "/v1/customers/{id}/tax_ids")
def create_tax_id(world: World, asked: Asked, customer: str) -> Thing:
    alive(world, customer)
    type, value = asked.need("type"), asked.need("value").replace(" ", "").replace(".", "").upper()
    if type == "eu_vat" and not re.fullmatch(r"(BE[01]\d{9}|(?!BE)[A-Z]{2}[0-9A-Z+*]{2,12})", value):
        raise Refused("Invalid value for eu_vat.", param="value", code="tax_id_invalid")
    if any(one["value"] == value for one in world.find("tax_id", customer=customer, type=type)):
        raise Refused("This tax id is there already.", param="value", code="resource_already_exists")
    is_checked = type == "eu_vat"
    return world.add(
        "tax_id",
        "txi",
        {
            "country": value[:2] if is_checked else None,
            "customer": customer,
            "customer_account": None,
            "owner": {"type": "customer", "customer": customer},
            "type": type,
            "value": value,
            "verification": {
                "status": "pending" if is_checked else "unavailable",
                "verified_address": None,
                "verified_name": None,
            },
            "_due": world.now + CHECKED_AFTER if is_checked and "222222222" not in value else None,
        },
        "customer.tax_id.created",
    )


def check_tax_id(world: World, tax_id: Thing, status: str = "") -> None:
    """The register answers: what holds 111111111 is unknown there, and to 222222222 it never answers."""
    status = status or ("unverified" if "111111111" in tax_id["value"] else "verified")
    customer = world.get("customer", tax_id["customer"])
    known = status == "verified"
    address = customer.get("address") or {}
    tax_id["verification"] = {
        "status": status,
        "verified_address": " ".join(
            filter(None, (address.get("line1"), address.get("postal_code"), address.get("city")))
        )
        if known
        else None,
        "verified_name": customer.get("name") if known else None,
    }
    tax_id["_due"] = None
    world.save(tax_id, "customer.tax_id.updated")


@route("GET", "/v1/customers/{id}/tax_ids/{tax_id}")
def retrieve_tax_id(world: World, asked: Asked, customer: str, id: str) -> Thing:
    tax_id = world.get("tax_id", id)
    if tax_id.get("customer") != customer:
        raise missing("tax id", id)
    return tax_id


@route("DELETE", "/v1/customers/{id}/tax_ids/{tax_id}")
def delete_tax_id(world: World, asked: Asked, customer: str, id: str) -> Thing:
    return world.forget(retrieve_tax_id(world, asked, customer, id), "customer.tax_id.deleted")


@route("GET", "/v1/customers/{id}/tax_ids")
def list_tax_ids(world: World, asked: Asked, customer: str) -> Thing:
    return page(world, asked, "tax_id", f"/v1/customers/{customer}/tax_ids", customer=customer)


@route("GET", "/v1/tax_ids/{id}")
def retrieve_any_tax_id(world: World, asked: Asked, id: str) -> Thing:
    return world.get("tax_id", id)


# --- balance ------------------------------------------------------------------------------------------------


def credit(world: World, customer: str, amount: int, type: str, **about: str | None) -> Thing:
    """Put a credit (negative) or a debt on the customer's balance."""
    thing = alive(world, customer)
    thing["balance"] += amount
    world.save(thing, "customer.updated")
    return world.add(
        "customer_balance_transaction",
        "cbtxn",
        {
            "amount": amount,
            **none("checkout_session customer_account description"),
            "credit_note": about.get("credit_note"),
            "currency": "eur",
            "customer": customer,
            "ending_balance": thing["balance"],
            "invoice": about.get("invoice"),
            "metadata": {},
            "type": type,
        },
    )


@route("GET", "/v1/customers/{id}/balance_transactions")
def list_balance(world: World, asked: Asked, customer: str) -> Thing:
    url = f"/v1/customers/{customer}/balance_transactions"
    return page(world, asked, "customer_balance_transaction", url, customer=customer)


# --- means of payment ---------------------------------------------------------------------------------------


def attach(world: World, method: Thing, customer: str) -> Thing:
    method["customer"] = customer
    return world.save(method, "payment_method.attached")


def detach(world: World, method: Thing) -> Thing:
    """Whatever uses it by default has none then."""
    customer = world.any(method["customer"] or "")
    method["customer"] = None
    world.save(method, "payment_method.detached")
    if customer and not customer.get("deleted"):
        if customer["invoice_settings"]["default_payment_method"] == method["id"]:
            customer["invoice_settings"]["default_payment_method"] = None
            world.save(customer, "customer.updated")
        for subscription in world.find("subscription", default_payment_method=method["id"]):
            subscription["default_payment_method"] = None
            world.save(subscription, "customer.subscription.updated")
    return method


@route("POST", "/v1/payment_methods/{id}/attach")
def attach_asked(world: World, asked: Asked, id: str) -> Thing:
    return attach(world, world.get("payment_method", id), alive(world, asked.need("customer"))["id"])


@route("POST", "/v1/payment_methods/{id}/detach")
def detach_asked(world: World, asked: Asked, id: str) -> Thing:
    return detach(world, world.get("payment_method", id))


@route("GET", "/v1/customers/{id}/payment_methods")
def list_methods(world: World, asked: Asked, customer: str) -> Thing:
    return page(
        world, asked, "payment_method", f"/v1/customers/{customer}/payment_methods", customer=customer
    )


def default_method(world: World, customer: str, subscription: Thing | None = None) -> Thing | None:
    """What an automatic payment draws on."""
    id = (subscription or {}).get("default_payment_method")
    id = id or world.get("customer", customer)["invoice_settings"]["default_payment_method"]
    return world.get("payment_method", id) if id else None


def shown(world: World, customer: Thing, name: str) -> Thing | None:
    """Lists of a customer that are given when they are asked for by `expand`."""
    if name == "tax_ids":
        return listed(
            world.find("tax_id", customer=customer["id"]), f"/v1/customers/{customer['id']}/tax_ids"
        )
    if name == "subscriptions":
        found = [
            one for one in world.find("subscription", customer=customer["id"]) if one["status"] != "canceled"
        ]
        return listed(found, f"/v1/customers/{customer['id']}/subscriptions")
    return None
