"""The stand-in's first page, for whoever develops: its clock, its customers, and what can be made to happen."""

from datetime import UTC, datetime
from html import escape

from billing.standin import clock, customers, disputes, layout, words
from billing.standin.layout import Answer, Say
from billing.standin.store import DAY, Thing, World

COLUMNS = ("Customer", "Subscription", "Tax ids", "Payments")
SHOWN = 200  # customers, the newest


def show(world: World, say: Say) -> Answer:
    moves = "".join(
        f'<button name="days" value="{days}">{say(word)}</button>' for days, word in words.PASSING.items()
    )
    body = (
        f"<h1>{say('Stand-in for the payment operator')}</h1>"
        f"<p>{say('It is')} {datetime.fromtimestamp(world.now, UTC):%Y-%m-%d %H:%M} UTC. {say('Let time pass:')}</p>"
        f'<form method="post" action="/clock" class="row">{moves}</form><h2>{say("Customers")}</h2>'
    )
    rows = "".join(
        _row(world, customer, say)
        for customer in world.find("customer")[::-1][:SHOWN]
        if not customer.get("deleted")
    )
    head = "".join(f"<th scope='col'>{say(one)}</th>" for one in COLUMNS)
    body += f"<div class='table'><table class='stack'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    waiting = world.sql("SELECT count(*) FROM delivery WHERE state = 'waiting'")[0][0]
    body += f"<p class='muted'>{say('Events waiting to be delivered: %(count)s', count=waiting)}</p>"
    return layout.html(say, say("Stand-in for the payment operator"), body, wide=True)


def _row(world: World, customer: Thing, say: Say) -> str:
    name = escape(customer["name"] or customer["email"] or customer["id"])
    states = "".join(
        f"<div>{say(words.STATES.get(one['status'], one['status']))}</div>"
        for one in world.find("subscription", customer=customer["id"])
    )
    ids = "".join(
        f"<div>{escape(one['value'])}, {say(words.CHECKS[one['verification']['status']])}</div>"
        + _button(say, f"/tax_id/{one['id']}", *_other_answer(one))
        for one in world.find("tax_id", customer=customer["id"])
    )
    charges = "".join(
        f"<div>{layout.euro(one['amount'], say)}, {say(words.CHARGES[one['status']])}</div>"
        + (_button(say, f"/dispute/{one['id']}", "dispute", "Dispute it") if one["paid"] else "")
        for one in world.find("charge", customer=customer["id"])[-5:]
    )
    cells = "".join(
        f"<td data-label='{escape(say(label), quote=True)}'>{cell or '–'}</td>"
        for label, cell in zip(COLUMNS[1:], (states, ids, charges), strict=True)
    )
    return f"<tr><th scope='row'>{name}</th>{cells}</tr>"


def _other_answer(tax_id: Thing) -> tuple[str, str]:
    """What the register of VAT numbers could say instead, and the words for it."""
    if tax_id["verification"]["status"] == "verified":
        return "unverified", "Don’t confirm it"
    return "verified", "Confirm it"


def _button(say: Say, action: str, answer: str, word: str) -> str:
    return f'<form method="post" action="{action}"><button name="answer" value="{answer}">{say(word)}</button></form>'


def post(world: World, parts: list[str], form: dict[str, str]) -> Answer:
    if parts[0] == "clock" and form.get("days", "").isdigit() and len(form["days"]) < 4:
        clock.run(world, world.now + int(form["days"]) * DAY)
    elif parts[0] == "dispute" and len(parts) == 2:
        charge = world.get("charge", parts[1])
        if charge["paid"] and not charge["disputed"]:
            disputes.dispute(world, charge, "fraudulent")
    elif parts[0] == "tax_id" and len(parts) == 2:
        answer = form.get("answer", "")
        if answer in ("verified", "unverified"):
            customers.check_tax_id(world, world.get("tax_id", parts[1]), answer)
    return layout.to("/")
