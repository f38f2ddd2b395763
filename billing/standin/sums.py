"""Lines of invoices, and what they come to: discounts, taxes, sums."""

from decimal import ROUND_HALF_UP, Decimal

from billing.standin.store import Thing, World


def share(amount: int, part: int | float | Decimal, whole: int | float | Decimal) -> int:
    """`amount` × `part` / `whole`, to the cent, halves away from zero."""
    exact = Decimal(amount) * Decimal(str(part)) / Decimal(str(whole))
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


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
