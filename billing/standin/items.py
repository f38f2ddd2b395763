"""Items that wait for an invoice, and those that are put into one."""

from billing.standin import catalogue, customers, sums
from billing.standin.asked import Asked, Refused, route
from billing.standin.store import Thing, World, listed, none


def put(world: World, invoice: Thing, lines: list[Thing]) -> None:
    """Lines into a draft; items that waited are taken."""
    data = invoice["lines"]["data"]
    for one in lines:
        about = one["parent"]["subscription_item_details"] or one["parent"]["invoice_item_details"]
        if waiting := about["invoice_item"]:
            world.save(world.get("invoiceitem", waiting) | {"invoice": invoice["id"]})
        data.append({"id": f"il_{invoice['id'][3:15]}{len(data):012d}", "invoice": invoice["id"]} | one)
    invoice["lines"] = listed(data, f"/v1/invoices/{invoice['id']}/lines")


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
            **none("customer_account invoice test_clock"),
            "date": world.now,
            "description": description,
            "discountable": not proration,
            "discounts": [],
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
            sums.line(
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
        put(world, invoice, mine)
        world.save(sums.total(world, invoice), "invoice.updated")
    return world.get("invoiceitem", thing["id"])


@route("DELETE", "/v1/invoiceitems/{id}")
def delete_item(world: World, asked: Asked, id: str) -> Thing:
    thing = world.get("invoiceitem", id)
    if thing["invoice"]:
        raise Refused("This item is on an invoice.", code="invoice_not_editable")
    return world.forget(thing, "invoiceitem.deleted")
