"""Credit notes: what an invoice was too much, before it is paid or afterwards."""

from billing.standin import customers, invoices, payments
from billing.standin.asked import Asked, Refused, missing, route
from billing.standin.store import Thing, World, listed, none
from billing.standin.sums import share


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
            **none("customer_account customer_balance_transaction shipping_cost voided_at"),
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
            "status": "issued",
            "subtotal": net,
            "subtotal_excluding_tax": net,
            "total": gross,
            "total_excluding_tax": net,
            "total_taxes": taxes,
            "type": "post_payment" if is_paid else "pre_payment",
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
        invoices.mark_paid(world, invoice)


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
