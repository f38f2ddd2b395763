"""Sessions of the hosted pages: Checkout, which ends in a subscription or a kept means of payment, and the Portal."""

import secrets

from billing.standin import catalogue, customers, invoices, payments, subscriptions
from billing.standin.asked import Asked, Refused, missing, route
from billing.standin.store import DAY, Thing, World, listed, none, public

METHODS = ("card", "bancontact", "sepa_debit")


@route("POST", "/v1/checkout/sessions")
def create(world: World, asked: Asked) -> Thing:
    mode = asked.choice("mode", ("setup", "subscription"), "subscription")
    customer_id = asked.text("customer")
    customer = customers.alive(world, customer_id) if customer_id else None
    if customer and "customer_email" in asked:
        raise Refused(
            "You may only specify one of these parameters: customer, customer_email.", param="customer"
        )
    lines = []
    for one in asked.members("line_items"):
        price = world.get("price", one.need("price"))
        rates = one.texts("tax_rates")
        lines.append({"price": price["id"], "quantity": one.number("quantity", 1), "tax_rates": rates})
    if mode == "subscription" and not lines:
        raise Refused("Missing required param: line_items.", param="line_items", code="parameter_missing")
    data = asked.inner("subscription_data")
    wish = data.taken()
    setup = asked.inner("setup_intent_data")
    discounts = [(one.text("coupon"), one.text("promotion_code")) for one in asked.members("discounts")]
    asked.ignore(
        "customer_update", "tax_id_collection", "automatic_tax", "payment_method_options", "consent_collection", "custom_text",
        "saved_payment_method_options", "phone_number_collection", "branding_settings", "payment_method_data", "submit_type",
        "customer_creation", "name_collection",
    )  # fmt: skip
    if asked.choice("ui_mode", ("hosted_page",), "hosted_page") and not asked.text("success_url"):
        raise Refused("Missing required param: success_url.", param="success_url", code="parameter_missing")
    types = asked.texts("payment_method_types") or list(METHODS)
    if unknown := [one for one in types if one not in METHODS]:
        raise Refused(f"The stand-in offers no {unknown[0]}.", param="payment_method_types")
    if asked.text("currency", "eur") != "eur":
        raise Refused("The stand-in knows eur alone.", param="currency")
    session: Thing = {
        **none(
            "adaptive_pricing after_expiration amount_subtotal amount_total client_secret "
            "collected_information consent consent_collection currency_conversion customer_account "
            "customer_creation invoice invoice_creation origin_context payment_intent payment_link "
            "payment_method_configuration_details permissions recovered_from "
            "saved_payment_method_options setup_intent shipping_address_collection shipping_cost "
            "submit_type subscription total_details wallet_options"
        ),
        "allow_promotion_codes": asked.flag("allow_promotion_codes") or None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": asked.text("billing_address_collection"),
        "cancel_url": asked.text("cancel_url"),
        "client_reference_id": asked.text("client_reference_id"),
        "currency": "eur",
        "custom_fields": [],
        "custom_text": {
            **none("after_submit shipping_address submit terms_of_service_acceptance"),
        },
        "customer": customer_id,
        "customer_details": {
            "address": customer["address"] if customer else None,
            "email": customer["email"] if customer else asked.text("customer_email"),
            "name": customer["name"] if customer else None,
            "phone": None,
            "tax_exempt": customer["tax_exempt"] if customer else "none",
            "tax_ids": [],
        },
        "customer_email": asked.text("customer_email"),
        "discounts": [{"coupon": coupon, "promotion_code": code} for coupon, code in discounts],
        "expires_at": asked.number("expires_at", world.now + DAY),
        "locale": asked.text("locale"),
        "metadata": asked.metadata(),
        "mode": mode,
        "payment_method_collection": asked.choice(
            "payment_method_collection", ("always", "if_required"), "always"
        ),
        "payment_method_options": {},
        "payment_method_types": types,
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "success_url": asked.text("success_url"),
        "ui_mode": "hosted_page",
        "_lines": lines,
        "_wish": wish,
    }
    session["_due"] = session["expires_at"]
    session["id"] = f"cs_test_{secrets.token_hex(20)}"
    session["url"] = f"{world.pages}/pay/{session['id']}"
    if mode == "setup":
        intent = payments.set_up(world, customer_id, setup.metadata())
        session["setup_intent"] = intent["id"]
    else:
        _sum(world, session)
    return world.add("checkout.session", "cs", session)


def _sum(world: World, session: Thing) -> None:
    """What is to be paid now, found by doing it and undoing it."""
    with world.as_if():
        customer = session["customer"] or customers.create(world, Asked({}))["id"]
        invoice = world.get("invoice", _subscribe(world, session, customer, None)["latest_invoice"])
    discount = sum(one["amount"] for one in invoice["total_discount_amounts"])
    tax = sum(one["amount"] for one in invoice["total_taxes"])
    session |= {
        "amount_subtotal": invoice["subtotal"],
        "amount_total": invoice["total"],
        "total_details": {"amount_discount": discount, "amount_shipping": 0, "amount_tax": tax},
    }


def _subscribe(world: World, session: Thing, customer: str, method: str | None) -> Thing:
    items = {
        str(number): {
            "price": line["price"],
            "quantity": str(line["quantity"]),
            "tax_rates": dict(enumerate(line["tax_rates"])) if line["tax_rates"] else {},
        }
        for number, line in enumerate(session["_lines"])
    }
    discounts = {
        str(number): {key: value for key, value in one.items() if value}
        for number, one in enumerate(session["discounts"])
    }
    values = {
        "customer": customer,
        "items": items,
        "discounts": discounts,
        "payment_behavior": "default_incomplete",
    }
    asked = Asked(values | ({"default_payment_method": method} if method else {}) | session["_wish"])
    asked.ignore("invoice_settings")
    subscription = subscriptions.create(world, asked)
    asked.refuse_unread()
    return subscription


def redeem(world: World, session: Thing, code: str) -> None:
    """A promotion code typed on the page. Raises Refused."""
    found = [one for one in world.find("promotion_code", code=code) if catalogue.is_good(world, one)]
    if not found or not session["allow_promotion_codes"]:
        raise Refused("This code is invalid.", code="promotion_code_invalid")
    session["discounts"] = [{"coupon": None, "promotion_code": found[0]["id"]}]
    _sum(world, session)
    world.save(session)


def complete(world: World, session: Thing, used: Thing, *, approved: bool = False) -> Refused | None:
    """What the page does with a means of payment: the session is complete, or waits for the bank (`_asks`), or it was declined.

    Until the payment is sure to go through, or to be on its way, nothing is made.
    """
    paying = bool(session["mode"] == "subscription" and session["amount_total"])
    if payments.needs_approval(used, present=True) and not approved:
        world.save(session | {"_asks": used["id"]})
        return None
    if refused := payments.refusal(used, paying=paying):
        return refused
    customer = session["customer"] or _new_customer(world, session, used)
    kept = customers.attach(world, payments.reusable(world, used), customer)
    session |= {"customer": customer, "status": "complete", "url": None, "_due": None, "_asks": None}
    if session["mode"] == "setup":
        intent = world.get("setup_intent", session["setup_intent"])
        intent |= {"status": "succeeded", "payment_method": kept["id"], "customer": customer}
        world.save(intent, "setup_intent.succeeded")
    else:
        subscription = _subscribe(world, session, customer, kept["id"])
        if paying:
            invoice = world.get("invoice", subscription["latest_invoice"])
            invoices.attempt(world, invoice, used=used, present=True, approved=True)
        invoice = world.get("invoice", subscription["latest_invoice"])
        status = "no_payment_required" if not paying else "paid" if invoice["status"] == "paid" else "unpaid"
        session |= {"subscription": subscription["id"], "invoice": invoice["id"], "payment_status": status}
    world.save(session, "checkout.session.completed")
    return None


def _new_customer(world: World, session: Thing, used: Thing) -> str:
    who = used["billing_details"]
    email = session["customer_email"] or who["email"]
    values = {key: value for key, value in (("email", email), ("name", who["name"])) if value}
    return str(customers.create(world, Asked(dict(values)))["id"])


def _settled(world: World, intent: Thing) -> None:
    """A direct debit that a session began went through or came back."""
    for invoice in world.find("invoice", _intent=intent["id"]):
        for session in world.find(
            "checkout.session", invoice=invoice["id"], status="complete", payment_status="unpaid"
        ):
            if intent["status"] == "succeeded":
                world.save(session | {"payment_status": "paid"}, "checkout.session.async_payment_succeeded")
            else:
                world.emit("checkout.session.async_payment_failed", session)


payments.settled.append(_settled)


def expire(world: World, session: Thing) -> Thing:
    session |= {"status": "expired", "url": None, "_due": None}
    return world.save(session, "checkout.session.expired")


@route("POST", "/v1/checkout/sessions/{id}/expire")
def expire_asked(world: World, asked: Asked, id: str) -> Thing:
    session = world.get("checkout.session", id)
    if session["status"] != "open":
        raise Refused("Only open sessions can be expired.")
    return expire(world, session)


@route("GET", "/v1/checkout/sessions/{id}/line_items")
def list_line_items(world: World, asked: Asked, id: str) -> Thing:
    asked.ignore("limit")
    return line_items(world, world.get("checkout.session", id))


def line_items(world: World, session: Thing) -> Thing:
    data = []
    for number, line in enumerate(session["_lines"]):
        price = world.get("price", line["price"])
        amount = price["unit_amount"] * line["quantity"]
        product = world.get("product", price["product"])
        data.append(
            {
                "id": f"li_{session['id'][-20:]}{number}",
                "object": "item",
                "amount_discount": 0,
                "amount_subtotal": amount,
                "amount_tax": 0,
                "amount_total": amount,
                "currency": "eur",
                "description": product["name"],
                "metadata": {},
                "price": public(price),
                "quantity": line["quantity"],
            }
        )
    return listed(data, f"/v1/checkout/sessions/{session['id']}/line_items")


def shown(world: World, session: Thing, name: str) -> Thing | None:
    return line_items(world, session) if name == "line_items" else None


# --- the Portal ---------------------------------------------------------------------------------------------


def _configuration(world: World) -> Thing:
    found = world.find("billing_portal.configuration")
    return found[0] if found else create_configuration(world, Asked({}))


@route("POST", "/v1/billing_portal/configurations")
def create_configuration(world: World, asked: Asked) -> Thing:
    """What it may do is not asked: the page changes means of payment, cancels and shows invoices."""
    asked.ignore("features", "business_profile", "name", "login_page")
    return world.add(
        "billing_portal.configuration",
        "bpc",
        {
            "active": True,
            "application": None,
            "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
            "default_return_url": asked.text("default_return_url"),
            "features": {
                "customer_update": {"allowed_updates": [], "enabled": False},
                "invoice_history": {"enabled": True},
                "payment_method_update": {"enabled": True, "payment_method_configuration": None},
                "subscription_cancel": {
                    "cancellation_reason": {"enabled": False, "options": []},
                    "enabled": True,
                    "mode": "at_period_end",
                    "proration_behavior": "none",
                },
                "subscription_pause": {"enabled": False},
                "subscription_update": {
                    "billing_cycle_anchor": None,
                    "default_allowed_updates": [],
                    "enabled": False,
                    "proration_behavior": "none",
                    "schedule_at_period_end": {"conditions": []},
                    "trial_update_behavior": "continue_trial",
                },
            },
            "is_default": False,
            "login_page": {"enabled": False, "url": None},
            "metadata": asked.metadata(),
            "name": None,
            "updated": world.now,
        },
        "billing_portal.configuration.created",
    )


@route("GET", "/v1/billing_portal/configurations")
def list_configurations(world: World, asked: Asked) -> Thing:
    asked.ignore("limit", "active", "is_default")
    return listed(world.find("billing_portal.configuration"), "/v1/billing_portal/configurations")


@route("POST", "/v1/billing_portal/sessions")
def create_portal(world: World, asked: Asked) -> Thing:
    customer = customers.alive(world, asked.need("customer"))
    configuration = asked.text("configuration")
    if configuration and not world.any(configuration):
        raise missing("configuration", configuration, "configuration", 400)
    given = asked.inner("flow_data")
    type = given.text("type")
    given.ignore("after_completion", "subscription_cancel")
    if type not in (None, "payment_method_update", "subscription_cancel"):
        raise Refused("The stand-in's portal does not know this flow.", param="flow_data[type]")
    flow = {
        "after_completion": {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"},
        **none("subscription_cancel subscription_update subscription_update_confirm"),
        "type": type,
    }
    session = {
        "id": f"bps_{secrets.token_hex(16)}",
        "configuration": configuration or _configuration(world)["id"],
        "customer": customer["id"],
        "customer_account": None,
        "flow": flow if type else None,
        "locale": asked.text("locale"),
        "on_behalf_of": None,
        "return_url": asked.text("return_url"),
    }
    session["url"] = f"{world.pages}/portal/{session['id']}"
    return world.add("billing_portal.session", "bps", session, "billing_portal.session.created")


def keep(world: World, session: Thing, used: Thing, *, approved: bool = False) -> Refused | None:
    """The Portal's new means of payment: the default of the customer and of its subscriptions from now on."""
    if payments.needs_approval(used, present=True) and not approved:
        world.save(session | {"_asks": used["id"]})
        return None
    if refused := payments.refusal(used, paying=False):
        return refused
    kept = customers.attach(world, payments.reusable(world, used), session["customer"])
    make_default(world, session["customer"], kept["id"])
    world.save(world.get("billing_portal.session", session["id"]) | {"_asks": None})
    return None


def make_default(world: World, customer_id: str, method: str) -> None:
    customer = world.get("customer", customer_id)
    customer["invoice_settings"]["default_payment_method"] = method
    world.save(customer, "customer.updated")
    for subscription in subscriptions.of(world, customer_id):
        world.save(subscription | {"default_payment_method": method}, "customer.subscription.updated")


# --- an open invoice ----------------------------------------------------------------------------------------


def pay_invoice(world: World, invoice: Thing, used: Thing, *, approved: bool = False) -> Refused | None:
    """An open invoice paid on its page; the means of payment is kept for the next ones."""
    kept = payments.reusable(world, used)
    if payments.needs_approval(used, present=True) and not approved:
        world.save(invoice | {"_asks": used["id"]})
        return None
    refused = invoices.attempt(world, invoice, used=used, present=True, approved=approved)
    if refused is None:
        customers.attach(world, kept, invoice["customer"])
        make_default(world, invoice["customer"], kept["id"])
    return refused
