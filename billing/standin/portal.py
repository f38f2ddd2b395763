"""The Portal: a customer's subscription, means of payment and invoices."""

from html import escape

from billing.standin import changes, customers, layout, subscriptions, words
from billing.standin.asked import Asked
from billing.standin.layout import Answer, Say
from billing.standin.store import Thing, World


def show(world: World, session: Thing, say: Say) -> Answer:
    flow = (session["flow"] or {}).get("type")
    if flow == "payment_method_update" and not session.get("_seen"):
        world.save(session | {"_seen": True})
        return layout.to(f"/portal/{session['id']}/method")
    customer = world.get("customer", session["customer"])
    body = f"<h1>{escape(customer['name'] or customer['email'] or '')}</h1>"
    for one in subscriptions.of(world, customer["id"]):
        said = ", ".join(f"{item['quantity']} × {_product(world, item)}" for item in one["items"]["data"])
        ends = one["cancel_at"]
        state = say(words.STATES.get(one["status"], one["status"]))
        wish, word = ("keep", "Keep it") if ends else ("cancel", "Cancel at the end of the period")
        body += (
            f'<section class="card"><h2>{escape(said)}</h2><p>{state}, '
            f"{say('ends on' if ends else 'renews on')} {layout.day(ends or subscriptions.period_of(one)[1])}</p>"
            f'<form method="post"><input type="hidden" name="subscription" value="{one["id"]}">'
            f'<button name="wish" value="{wish}">{say(word)}</button></form></section>'
        )
    method = customers.default_method(
        world, customer["id"], next(iter(subscriptions.of(world, customer["id"])), None)
    )
    shown = say(words.METHODS[method["type"]]) if method else say("None yet")
    if method and method["type"] != "bancontact":
        shown += f" •••• {method[method['type']]['last4']}"
    body += (
        f"<h2>{say('Way to pay')}</h2><p>{escape(shown)}</p>"
        f'<p><a href="/portal/{session["id"]}/method">{say("Change it")}</a></p><h2>{say("Invoices")}</h2>'
    )
    rows = "".join(
        f"<tr><td><a href='/invoice/{one['id']}'>{escape(one['number'])}</a></td><td>{layout.day(one['created'])}</td>"
        f"<td>{say(words.STATES.get(one['status'], one['status']))}</td>"
        f"<td class='figure'>{layout.euro(one['total'], say)}</td></tr>"
        for one in world.find("invoice", customer=customer["id"])[::-1]
        if one.get("number")
    )
    head = "".join(f"<th scope='col'>{say(one)}</th>" for one in ("Number", "Day", "State"))
    head += f"<th scope='col' class='figure'>{say('Amount')}</th>"
    body += (
        f"<div class='table'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        if rows
        else f"<p class='muted'>{say('None yet')}</p>"
    )
    if session["return_url"]:
        body += f'<p><a href="{escape(session["return_url"])}">{say("Back to Smoall")}</a></p>'
    return layout.html(say, say("Your subscription"), body, leads=layout.leads(session))


def post(world: World, session: Thing, form: dict[str, str]) -> Answer:
    subscription = world.get("subscription", form.get("subscription", ""))
    if subscription["customer"] == session["customer"] and subscription["status"] not in subscriptions.OVER:
        ends = "true" if form.get("wish") == "cancel" else "false"
        changes.change(world, subscription, Asked({"cancel_at_period_end": ends}))
    return layout.to(f"/portal/{session['id']}")


def _product(world: World, item: Thing) -> str:
    return str(world.get("product", item["price"]["product"])["name"])
