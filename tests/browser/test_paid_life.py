"""A whole paid life as people see it: trial, payment, people, a decline, past due, read-only, paid again, leaving, the end.

The payment operator is the stand-in; its own page lets time pass there. What our clock would have to wait for is put into
the past.
"""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.visitor import PASSWORD, Visitor
from tests.browser.world import World

HOME = "/workspace/billing/"
GOOD, LATE, DECLINED = "4242424242424242", "4000000000000341", "4000000000000002"
DISPUTED = "4000000000000259"  # pays, and its holder's bank asks it back
INVOICES, CONSOLE = f"{HOME}invoices/", "/billing/invoices/"
PAYMENTS = "payments.localhost"
GRACE_IS_OVER = """
from datetime import timedelta
from django.utils import timezone
from billing import standing
from billing.models import Subscription
from shared_apps.kit import scope
from tenants.models import Tenant
with scope.shared(actor=scope.Actor("system", "tests", "Tests")):
    client = Tenant.objects.get(domains__domain=sys.argv[1]).client_id
    Subscription.objects.filter(client_uuid=client, state="past_due").update(
        read_only_on=timezone.localdate() - timedelta(days=1)
    )
standing.look_at(client, now=timezone.now())
"""
WHAT_IS_LEFT = """
import json
from billing import gateway
from billing.models import Account, Subscription
from shared_apps.kit import scope
with scope.shared():
    own = Subscription.objects.exclude(processor_id=None).get(client_uuid=sys.argv[1])
    customer = Account.objects.get(client_uuid=sys.argv[1]).customer_id
    invoices = gateway.client().v1.invoices.list(params={"customer": customer}).data
print(json.dumps({"state": own.state, "invoices": [one.status for one in invoices], "plan": own.plan}))
"""
CLIENT = """
from django.utils import timezone
from billing.models import Payback
from shared_apps.kit import scope
from tenants.models import Tenant
with scope.shared():
    client = Tenant.objects.get(domains__domain=sys.argv[1]).client_id
    Payback.note(client, cents=2178, trouble="No payment is left by which it could be given back.", now=timezone.now())
print(client)
"""  # and as if it had left already, and something of it waited for an operator


def type_card(who: Visitor, number: str) -> None:
    """On the payment operator's page."""
    who.fill(number=number, expiry="12/34", cvc="123", name="Olga Acme")
    who.page.locator("button.first").click()


def until(who: Visitor, path: str, is_there: Callable[[], bool]) -> None:
    """Open a page until it shows what a worker, or a message of the payment operator, brings about."""
    for _each in range(150):
        who.open(path)
        if is_there():
            return
        who.page.wait_for_timeout(300)
    raise AssertionError(f"{path} never showed it: {who.page.locator('main').inner_text()}")


def has(who: Visitor, text: str) -> Callable[[], bool]:
    return lambda: who.page.get_by_text(who.say(text)).count() > 0


def let_time_pass(who: Visitor, world: World, days: int) -> None:
    page = who.context.new_page()
    page.goto(world.payments)
    page.locator(f"button[name=days][value='{days}']").click()
    page.wait_for_load_state()
    page.close()


def test_a_whole_paid_life(owner: Visitor, workspace: str, world: World, visitor: Visitors) -> None:
    owner.abroad.add(PAYMENTS)
    owner.open(HOME)
    owner.look("trial", dark=True)
    owner.fill(coupon="NOSUCHCODE")
    owner.press("Go on to payment")
    owner.sees("This code is not known, or it is over.")
    owner.look("code-refused")
    expect(owner.page.locator("[name=coupon]")).to_have_value("NOSUCHCODE")
    owner.fill(coupon="")
    owner.press("Go on to payment")
    owner.page.wait_for_url(f"**//{PAYMENTS}:**")
    owner.look("pay-page")
    type_card(owner, DECLINED)
    expect(owner.page.get_by_role("alert")).to_be_visible()
    type_card(owner, GOOD)
    owner.page.wait_for_url(f"**{HOME}")
    owner.sees("Thank you: your plan is ordered.")
    expect(owner.page.locator("#next")).to_contain_text("VAT")
    owner.look("ordered", dark=True)

    carla = a_colleague_comes(owner, workspace, visitor)
    until(owner, HOME, lambda: owner.page.locator("dd", has_text=re.compile(r"^2 ")).count() > 0)
    owner.look("two-people")
    owner.page.locator("select[name=pace], [name=pace]").first.wait_for()
    owner.page.goto(owner.here(f"{HOME}change/?plan=company&pace=month"))
    owner.look("change")
    owner.press("Change the plan")
    owner.page.wait_for_url(f"**{HOME}")
    owner.sees("Your plan is changed.")

    owner.press("Pay or change the means of payment")
    owner.page.wait_for_url(f"**//{PAYMENTS}:**")
    owner.page.locator("a[href$='/method']").click()
    type_card(owner, LATE)
    owner.page.wait_for_load_state()
    let_time_pass(owner, world, 31)
    owner.go(workspace, HOME)
    until(owner, HOME, has(owner, "A payment did not arrive."))
    owner.look("past-due", dark=True)
    owner.open(INVOICES)
    owner.look("invoices-open", phone=True)
    owner.page.locator("tbody a").first.click()
    owner.sees("Structured communication")
    owner.look("invoice-open", dark=True, phone=True)
    owner.open("/contacts/")
    assert owner.page.get_by_text(owner.say("This workspace can only be read until it is paid.")).count() == 0

    world.do(GRACE_IS_OVER, workspace)
    owner.open("/contacts/")
    owner.sees("This workspace can only be read until it is paid.")
    owner.look("read-only", dark=True)
    carla.open("/contacts/new/")
    carla.fill(name="Nobody")
    with carla.expecting(402):
        carla.press("Save contact")
        carla.sees("This workspace can only be read for now")
    carla.look("refused", dark=True)
    owner.open("/workspace/exports/")
    owner.sees("Make a copy")

    owner.open(HOME)
    owner.press("Pay or change the means of payment")
    owner.page.wait_for_url(f"**//{PAYMENTS}:**")
    owner.page.locator("a[href*='/invoice/']").first.click()
    type_card(owner, DISPUTED)
    owner.page.wait_for_load_state()
    owner.go(workspace, HOME)
    until(owner, HOME, lambda: owner.page.locator(".badge-positive, .badge", has_text="active").count() > 0)
    owner.open("/contacts/")
    assert owner.page.get_by_text(owner.say("This workspace can only be read until it is paid.")).count() == 0
    owner.look("open-again")

    client = world.do(CLIENT, workspace).strip()
    let_time_pass(owner, world, 1)
    invoices_are_looked_at(owner, carla, visitor)
    owner.open("/workspace/leave/")
    owner.look("leave")
    world.command("leave_client", workspace)
    until(owner, HOME, has(owner, "Because notice is given. Withdraw the notice, and the plan goes on."))
    owner.look("leaving", dark=True)
    world.command("erase_client", workspace, "--yes", "--delay", "0")
    for _each in range(100):
        left = world.do(WHAT_IS_LEFT, client)
        if '"state": "canceled"' in left:
            break
        owner.page.wait_for_timeout(500)
    assert '"state": "canceled"' in left and "paid" in left, left


def invoices_are_looked_at(owner: Visitor, carla: Visitor, visitor: Visitors) -> None:
    """Paid, and disputed by the bank: by the owner, by a colleague with a phone, and by an operator."""
    until(owner, INVOICES, has(owner, "by the bank"))
    owner.look("invoices-paid", dark=True, phone=True)
    owner.page.locator("tbody a").first.click()
    owner.sees("Structured communication")
    owner.look("invoice-paid", phone=True)
    owner.open(f"{HOME}details/")
    owner.look("details", phone=True)
    carla.open(INVOICES)
    carla.look("invoices-in-french")
    carla.page.locator("tbody a").first.click()
    carla.sees("Structured communication")
    carla.look("invoice-in-french", dark=True)
    oscar = visitor()
    oscar.sign_in("Oscar")
    oscar.open(CONSOLE)
    oscar.look("console-invoices", dark=True, phone=True)
    oscar.page.locator("tbody a").first.click()
    oscar.sees("How it is kept")
    oscar.look("console-invoice", phone=True)
    oscar.open(f"{CONSOLE}ledger/")
    oscar.sees("Disputes")
    oscar.sees("To be given back")
    oscar.look("console-ledger", dark=True, phone=True)
    oscar.open("/billing/reconciliation/")
    oscar.press("Compare now")
    until(oscar, "/billing/reconciliation/", has(oscar, "clients that left and wait for money: 1"))
    oscar.look("console-comparison", dark=True, phone=True)


def a_colleague_comes(owner: Visitor, workspace: str, visitor: Visitors) -> Visitor:
    """Invited to manage it too, and in: from then on they count. With a phone, in French."""
    owner.open("/team/invite/")
    owner.fill(name="Carla Acme", email=f"carla@{workspace}.example")
    owner.page.locator("[name=language]").select_option("fr")
    owner.page.locator("[name=role][value='2']").check()
    owner.page.locator("form button.button-primary").first.click()
    owner.page.wait_for_url(lambda found: not found.endswith("/invite/"))
    carla = visitor("fr", phone=True)
    carla.page.goto(carla.mailed_link(f"carla@{workspace}.example", "/invitation/"))
    carla.fill(password=PASSWORD)
    carla.page.locator("form button.button-primary").first.click()
    carla.page.wait_for_url(lambda found: "/invitation/" not in found)
    return carla


def test_the_pages_of_billing_on_a_phone_in_french(visitor: Visitors) -> None:
    """The demo's bakery ordered within its trial, the florist only tries; the operator sees what recurs."""
    elise = visitor("fr", phone=True)
    elise.sign_in("Élise")
    elise.open(HOME)
    expect(elise.page.locator("#next")).to_contain_text("TVA")
    elise.look("plan", dark=True)
    elise.open(f"{HOME}details/")
    elise.look("details")
    elise.open(f"{HOME}change/?plan=company&pace=year")
    elise.look("change")
    nadege = visitor("fr", phone=True)
    nadege.sign_in("Nadège")
    nadege.open(HOME)
    nadege.look("trial", dark=True)
    oscar = visitor()
    oscar.sign_in("Oscar")
    for path in ("/billing/", "/billing/past-due/"):
        oscar.open(path)
        oscar.look(path.strip("/").replace("/", "-"), dark=True, phone=True)


def test_prices_and_what_it_costs_are_said_before_anybody_signs_up(visitor: Visitors) -> None:
    guest = visitor("fr", phone=True)
    guest.go("", "/fr/prices/")
    guest.reads("12,00")
    guest.look("prices")
    guest.go("app", "/sign-up/")
    guest.look("sign-up")
