"""What people see when they pay: the pay page, the bank's question, an invoice. The Portal and the overview are beside it.

Only here may somebody type a card's number. It goes from the form to `payments.card` and is written nowhere.
"""

from collections.abc import Callable
from email.message import Message
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl

from billing.standin import checkout, layout, overview, payments, portal, words
from billing.standin.asked import Refused, declined
from billing.standin.layout import Answer, Say
from billing.standin.store import Thing, Unknown, World

STYLE = (Path(__file__).parent / "style.css").read_text()
# Whose means of payment a page asks for: the kind of the object in its address, and what is done with it.
TILLS: dict[str, tuple[str, Callable[..., Refused | None]]] = {
    "pay": ("checkout.session", checkout.complete),
    "portal": ("billing_portal.session", checkout.keep),
    "invoice": ("invoice", checkout.pay_invoice),
}


def answer(world: World, method: str, path: str, query: str, body: str, headers: Message) -> Answer:
    """A page, or where to go next."""
    given, form = dict(parse_qsl(query)), dict(parse_qsl(body, keep_blank_values=True))
    origin = headers.get("Origin", "")
    if method == "POST" and origin not in ("", world.pages):
        return 403, {"Content-Type": "text/plain"}, b"This form is not ours.\n"
    if path == "/style.css":
        return 200, {"Content-Type": "text/css"}, STYLE.encode()
    parts = [part for part in path.split("/") if part]
    try:
        with world.transaction():
            return _page(world, method, parts, given, form, headers)
    except Unknown:
        say = words.speaker(headers.get("Accept-Language", ""))
        return layout.html(say, say("Nothing here"), f"<h1>{say('Nothing here')}</h1>", status=404)


def _page(
    world: World,
    method: str,
    parts: list[str],
    given: dict[str, str],
    form: dict[str, str],
    headers: Message,
) -> Answer:
    accepted = headers.get("Accept-Language", "")
    if not parts or parts[0] in ("clock", "dispute", "tax_id"):
        say = words.speaker(accepted)
        return overview.post(world, parts, form) if method == "POST" and parts else overview.show(world, say)
    if parts[0] == "bank" and len(parts) == 2:
        found = world.find("invoice", _intent=parts[1])
        if found and (used := world.get("payment_intent", parts[1])["payment_method"]):
            world.save(found[0] | {"_asks": used})
            return layout.to(f"/invoice/{found[0]['id']}/bank")
    if parts[0] not in TILLS or len(parts) not in (2, 3):
        raise Unknown(*parts[:1], "")
    kind, _ = TILLS[parts[0]]
    thing = world.get(kind, parts[1])
    say = words.speaker(thing.get("locale") or accepted)
    if parts[0] == "portal" and len(parts) == 2:
        return portal.post(world, thing, form) if method == "POST" else portal.show(world, thing, say)
    if len(parts) == 3 and parts[2] not in ("bank", "method"):
        raise Unknown(kind, "")
    if _is_over(parts[0], thing):
        return _over(parts[0], thing, say)
    if len(parts) == 3 and parts[2] == "bank":
        return _bank(world, method, parts[0], thing, form, say)
    return _till(world, method, parts[0], thing, given, form, say)


# --- taking a means of payment ------------------------------------------------------------------------------


def _till(
    world: World, method: str, till: str, thing: Thing, given: dict[str, str], form: dict[str, str], say: Say
) -> Answer:
    offered = thing.get("payment_method_types") or list(checkout.METHODS)
    chosen = form.get("method") or given.get("method") or offered[0]
    chosen = chosen if chosen in offered else offered[0]
    error = ""
    if method == "POST":
        try:
            with world.as_one():
                if code := form.get("code"):
                    checkout.redeem(world, thing, code)
                    return layout.to(f"/{till}/{thing['id']}")
                used = _typed(world, chosen, form)
                refused = TILLS[till][1](world, thing, used)
        except Refused as raised:
            refused = raised
        if refused is None:
            asks = world.get(TILLS[till][0], thing["id"]).get("_asks")
            return layout.to(f"/{till}/{thing['id']}/bank") if asks else _away(world, till, thing)
        error = say(str(refused))
    return _form(world, till, thing, offered, chosen, form, error, say)


def _typed(world: World, chosen: str, form: dict[str, str]) -> Thing:
    name = form.get("name", "")
    if chosen == "card":
        return payments.card(world, form.get("number", ""), form.get("expiry", ""), form.get("cvc", ""), name)
    if chosen == "sepa_debit":
        return payments.account(world, form.get("iban", ""), name, form.get("email", ""))
    return payments.bancontact(world, name)


def _form(
    world: World,
    till: str,
    thing: Thing,
    offered: list[str],
    chosen: str,
    form: dict[str, str],
    error: str,
    say: Say,
) -> Answer:
    address = f"/{till}/{thing['id']}{'/method' if till == 'portal' else ''}"
    tabs = "".join(
        f'<li><a href="{address}?method={one}"{" aria-current=page" if one == chosen else ""}>{say(words.METHODS[one])}</a></li>'
        for one in offered
    )
    name = escape(form.get("name", ""))
    said = f'<p class="error" role="alert" id="error">{escape(error)}</p>' if error else ""
    fields = f'<label for="name">{say("Name")}</label><input id="name" name="name" value="{name}" autocomplete="off">'
    if chosen == "card":
        fields = (
            f'<label for="number">{say("Card number")}</label>'
            f'<input id="number" name="number" inputmode="numeric" autocomplete="off" required{_described(error)}>'
            '<div class="pair">'
            f'<div><label for="expiry">{say("Expires (MM/YY)")}</label>'
            '<input id="expiry" name="expiry" placeholder="12/34" autocomplete="off" required></div>'
            f'<div><label for="cvc">{say("Security code")}</label>'
            '<input id="cvc" name="cvc" inputmode="numeric" autocomplete="off" required></div></div>'
        ) + fields
    elif chosen == "sepa_debit":
        fields = (
            f'<label for="iban">IBAN</label><input id="iban" name="iban" autocomplete="off" required{_described(error)}>{fields}'
            f'<label for="email">{say("E-mail")}</label><input id="email" name="email" type="email" autocomplete="off">'
        )
    button = say("Pay") if till == "invoice" or thing.get("mode") == "subscription" else say("Save")
    back = thing.get("cancel_url") or thing.get("return_url")
    body = (
        _what(world, till, thing, say)
        + said
        + f'<nav aria-label="{say("Ways to pay")}"><ul>{tabs}</ul></nav>'
        + f'<form method="post" action="{address}" class="card"><input type="hidden" name="method" value="{chosen}">'
        + f'{fields}<button class="first">{button}</button></form>'
        + _code(till, thing, address, say)
        + (f'<p><a href="{escape(back)}">{say("Back without paying")}</a></p>' if back else "")
        + _examples(chosen, say)
    )
    return layout.html(
        say, say("Pay") if till != "portal" else say("Way to pay"), body, leads=layout.leads(thing)
    )


def _described(error: str) -> str:
    return ' aria-invalid="true" aria-describedby="error"' if error else ""


def _what(world: World, till: str, thing: Thing, say: Say) -> str:
    """What is paid for, and how much."""
    if till == "portal" or thing.get("mode") == "setup":
        return f"<h1>{say('Way to pay')}</h1><p class='muted'>{say('Nothing is taken now.')}</p>"
    if till == "invoice":
        number, amount = escape(thing["number"] or ""), layout.euro(thing["amount_remaining"], say)
        return f"<h1>{say('Invoice')} {number}</h1><p class='amount'>{amount}</p>"
    lines = "".join(
        f"<li>{one['quantity']} × {escape(one['description'] or '')}</li>"
        for one in checkout.line_items(world, thing)["data"]
    )
    details = thing["total_details"]
    tax = (
        f"<p class='muted'>{say('of which VAT')} {layout.euro(details['amount_tax'], say)}</p>"
        if details["amount_tax"]
        else ""
    )
    off = (
        f"<p class='muted'>{say('Discount')} {layout.euro(details['amount_discount'], say)}</p>"
        if details["amount_discount"]
        else ""
    )
    return f"<h1>Smoall</h1><ul>{lines}</ul><p class='amount'>{layout.euro(thing['amount_total'], say)}</p>{off}{tax}"


def _code(till: str, thing: Thing, address: str, say: Say) -> str:
    if not thing.get("allow_promotion_codes"):
        return ""
    return (
        f'<form method="post" action="{address}"><label for="code">{say("Promotion code")}</label>'
        f'<input id="code" name="code" autocomplete="off"><div class="row"><button>{say("Apply")}</button></div></form>'
    )


def _examples(chosen: str, say: Say) -> str:
    known: dict[str, str] = {"card": payments.CARDS, "sepa_debit": payments.ACCOUNTS}.get(chosen, {})
    rows = "".join(
        f"<tr><td><code>{_grouped(number)}</code></td><td>{say(words.BEHAVIOURS[behaviour.split(':')[0]])}"
        f"{' (' + behaviour.rsplit(':', 1)[1].replace('_', ' ') + ')' if ':' in behaviour else ''}</td></tr>"
        for number, behaviour in known.items()
    )
    if not rows:
        return ""
    return (
        f"<details><summary>{say('What can be typed here')}</summary><div class='table'><table>"
        f"<thead><tr><th scope='col'>{say('Number')}</th><th scope='col'>{say('What happens')}</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _grouped(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _bank(world: World, method: str, till: str, thing: Thing, form: dict[str, str], say: Say) -> Answer:
    """The bank's question of 3-D Secure, or Bancontact's."""
    asks = thing.get("_asks")
    if not asks:
        return layout.to(f"/{till}/{thing['id']}{'/method' if till == 'portal' else ''}")
    used = world.get("payment_method", asks)
    if method == "POST":
        world.save(thing | {"_asks": None})
        thing = world.get(TILLS[till][0], thing["id"])
        if form.get("answer") == "yes":
            refused = TILLS[till][1](world, thing, used, approved=True)
            error = say(str(refused)) if refused else ""
        else:
            _denied(world, till, thing, used)
            error = say("The bank did not confirm the payment. Try again or choose another way to pay.")
        if not error:
            return _away(world, till, thing)
        thing = world.get(TILLS[till][0], thing["id"])
        offered = thing.get("payment_method_types") or list(checkout.METHODS)
        return _form(world, till, thing, offered, used["type"], {}, error, say)
    title = say("Your bank asks")
    body = (
        f"<h1>{title}</h1><p>{say('Do you confirm this payment to Smoall?')}</p>"
        f'<form method="post" class="card"><button class="first" name="answer" value="yes">{say("Confirm")}</button>'
        f'<div class="row"><button name="answer" value="no">{say("Refuse")}</button></div></form>'
    )
    return layout.html(say, title, body, leads=layout.leads(thing))


def _denied(world: World, till: str, thing: Thing, used: Thing) -> None:
    if till == "invoice" and thing["_intent"]:
        refused = declined("payment_intent_authentication_failure", "authentication_required")
        payments.failed(world, world.get("payment_intent", thing["_intent"]), used, refused)


def _is_over(till: str, thing: Thing) -> bool:
    return (till == "pay" and thing["status"] != "open") or (till == "invoice" and thing["status"] != "open")


def _over(till: str, thing: Thing, say: Say) -> Answer:
    status = say(words.STATES.get(thing["status"], thing["status"]))
    if till == "invoice":
        rows = "".join(
            f"<tr><td>{escape(one['description'] or '')}</td><td class='figure'>{layout.euro(one['amount'], say)}</td></tr>"
            for one in thing["lines"]["data"]
        )
        rows += "".join(
            f"<tr><td>{say('VAT')}</td><td class='figure'>{layout.euro(one['amount'], say)}</td></tr>"
            for one in thing["total_taxes"]
        )
        head = f"<thead><tr><th scope='col'>{say('What')}</th><th scope='col' class='figure'>{say('Amount')}</th></tr></thead>"
        table = f"<div class='table'><table>{head}<tbody>{rows}</tbody></table></div>"
        title = f"{say('Invoice')} {escape(thing['number'] or '')}"
        return layout.html(
            say,
            title,
            f"<h1>{title}</h1><p>{status}</p>{table}<p class='amount'>{layout.euro(thing['total'], say)}</p>",
        )
    return layout.html(say, status, f"<h1>{status}</h1>", status=410)


def _away(world: World, till: str, thing: Thing) -> Answer:
    """Back to the product."""
    if till == "pay":
        return layout.to(str(thing["success_url"]).replace("{CHECKOUT_SESSION_ID}", thing["id"]))
    flow = thing.get("flow")
    if till == "portal" and flow and thing["return_url"]:
        return layout.to(thing["return_url"])
    return layout.to(f"/{till}/{thing['id']}")
