"""The stand-in's pages: paying, the bank's question, giving up, the Portal, an open invoice; in Chromium, accessible."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from billing.standin import overview, words
from tests.billing.conftest import DECLINED, GOOD, LATE, SECURE, Processor, Shop
from tests.billing.till import Till
from tests.chromium import opened

BACK = "http://acme.smoall.localhost/billing/"
WCAG = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}


NOTHING_CUT = "[...document.querySelectorAll('.table')].every((one) => one.scrollWidth <= one.clientWidth)"


@pytest.fixture
def till(processor: Processor) -> Till:
    return Till(processor)


def begin(shop: Shop, **given: Any) -> Any:
    params: Any = {
        "mode": "subscription",
        "customer": shop.customer(),
        "success_url": f"{BACK}?session={{CHECKOUT_SESSION_ID}}",
        "cancel_url": BACK,
        "line_items": [{"price": shop.monthly, "quantity": 3, "tax_rates": [shop.vat]}],
        "locale": "en",
    }
    if given.get("mode") == "setup":
        params.pop("line_items")
        params["currency"] = "eur"
    return shop.client.v1.checkout.sessions.create(params=params | given)


def again(shop: Shop, session: Any, *expand: str) -> Any:
    return shop.client.v1.checkout.sessions.retrieve(session.id, params={"expand": list(expand)})


def test_a_good_card_pays_and_leads_back(processor: Processor, shop: Shop, till: Till) -> None:
    session = begin(shop, metadata={"client": "7"})
    assert (session.amount_subtotal, session.amount_total, session.total_details.amount_tax) == (
        3600,
        4356,
        756,
    )
    assert "€43.56" in till.open(session.url).text
    assert till.pay(session.url, method="card", number=GOOD) == f"{BACK}?session={session.id}"
    done = again(shop, session, "subscription", "invoice", "line_items")
    assert (done.status, done.payment_status, done.subscription.status) == ("complete", "paid", "active")
    assert done.metadata["client"] == "7" and done.line_items.data[0].quantity == 3
    assert done.subscription.default_payment_method and done.invoice.total == 4356
    assert len(processor.events("checkout.session.completed")) == 1
    assert till.open(f"/pay/{session.id}").status == 410, "no second time"
    assert processor.drift() == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"number": DECLINED}, "Your card was declined."),
        ({"number": "4000000000009995"}, "insufficient funds"),
        ({"number": LATE}, "declined"),
        ({"number": "4111111111111111"}, "use a test card"),
        ({"number": "4242424242424241"}, "number is invalid"),
        ({"number": GOOD, "expiry": "13/30"}, "expiration date"),
        ({"number": GOOD, "cvc": "x"}, "security code"),
    ],
)
def test_a_declined_card_is_said_and_the_session_stays_open(
    processor: Processor, shop: Shop, till: Till, form: Any, said: str
) -> None:
    session = begin(shop)
    seen = till.submit(
        session.url, **{"method": "card", "expiry": "12/34", "cvc": "123", "name": "Olga"} | form
    )
    assert said in seen.text and form["number"] not in seen.text.partition("<details>")[0]
    assert again(shop, session).status == "open"
    assert shop.client.v1.subscriptions.list().data == [], "nothing was made"
    assert till.pay(session.url, method="card", number=GOOD).startswith(BACK)
    assert processor.drift() == []


@pytest.mark.parametrize("method", ["card", "bancontact"])
def test_the_bank_is_asked_and_may_refuse(processor: Processor, shop: Shop, till: Till, method: str) -> None:
    session = begin(shop)
    form = {"method": method, "name": "Olga"}
    if method == "card":
        form |= {"number": SECURE, "expiry": "12/34", "cvc": "123"}
    assert "Your bank asks" in till.submit(session.url, **form).text
    bank = f"/pay/{session.id}/bank"
    assert "did not confirm" in till.follow(till.open(bank, {"answer": "no"})).text
    assert again(shop, session).status == "open"
    till.submit(session.url, **form)
    assert till.open(bank, {"answer": "yes"}).leads_to.startswith(BACK)
    done = again(shop, session, "subscription.default_payment_method", "invoice")
    assert done.payment_status == "paid"
    assert done.subscription.default_payment_method.type == ("card" if method == "card" else "sepa_debit")
    assert processor.drift() == []


def test_an_abandoned_session_expires_after_a_day(processor: Processor, shop: Shop, till: Till) -> None:
    session = begin(shop)
    till.open(session.url)
    processor.pass_time(days=1)
    assert again(shop, session).status == "expired" and len(processor.events("checkout.session.expired")) == 1
    assert till.open(session.url).status == 410
    assert processor.drift() == []


def test_a_trial_takes_a_card_and_no_money(processor: Processor, shop: Shop, till: Till) -> None:
    session = begin(shop, subscription_data={"trial_period_days": 30, "metadata": {"plan": "pro"}})
    assert session.amount_total == 0
    till.pay(session.url, method="card", number=GOOD)
    done = again(shop, session, "subscription")
    assert (done.payment_status, done.subscription.status) == ("no_payment_required", "trialing")
    assert done.subscription.metadata["plan"] == "pro" and processor.events("charge.succeeded") == []
    kept = begin(shop, mode="setup", customer=done.customer)
    till.pay(kept.url, method="card", number=GOOD)
    intent = again(shop, kept, "setup_intent").setup_intent
    assert intent.status == "succeeded" and intent.payment_method
    assert processor.drift() == []


def test_a_promotion_code_takes_off(processor: Processor, shop: Shop, till: Till) -> None:
    coupon = shop.client.v1.coupons.create(params={"percent_off": 50, "duration": "forever"})
    shop.client.v1.promotion_codes.create(
        params={"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HALF"}
    )
    session = begin(shop, allow_promotion_codes=True)
    assert "This code is invalid." in till.submit(session.url, code="NONE").text
    assert "€21.78" in till.submit(session.url, code="HALF").text
    till.pay(session.url, method="card", number=GOOD)
    assert again(shop, session, "invoice").invoice.total == 2178
    assert processor.drift() == []


def test_the_portal_changes_the_card_ends_the_subscription_and_shows_invoices(
    processor: Processor, shop: Shop, till: Till
) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer)
    portal = shop.client.v1.billing_portal.sessions.create(
        params={"customer": customer, "return_url": BACK, "locale": "en"}
    )
    shown = till.open(portal.url)
    assert "3 × Smoall" in shown.text and "•••• 4242" in shown.text and "SM00001-0001" in shown.text
    till.submit(
        f"{portal.url}/method",
        method="card",
        number="5555555555554444",
        expiry="12/34",
        cvc="123",
        name="Olga",
    )
    now = shop.client.v1.subscriptions.retrieve(made.id, params={"expand": ["default_payment_method"]})
    assert now.default_payment_method.card.last4 == "4444"
    ending = till.open(portal.url, {"subscription": made.id, "wish": "cancel"})
    assert ending.status == 303 and shop.client.v1.subscriptions.retrieve(made.id).cancel_at_period_end
    till.open(portal.url, {"subscription": made.id, "wish": "keep"})
    assert not shop.client.v1.subscriptions.retrieve(made.id).cancel_at_period_end
    stranger = shop.subscribe(shop.customer(), payment_behavior="default_incomplete")
    till.open(portal.url, {"subscription": stranger.id, "wish": "cancel"})
    assert not shop.client.v1.subscriptions.retrieve(stranger.id).cancel_at_period_end, "not this customer's"
    flow: Any = {"customer": customer, "return_url": BACK, "flow_data": {"type": "payment_method_update"}}
    direct = shop.client.v1.billing_portal.sessions.create(params=flow)
    assert "Card number" in till.follow(till.open(direct.url)).text
    assert till.pay(f"{direct.url}/method", method="card", number=GOOD) == BACK
    assert processor.drift() == []


def test_an_open_invoice_is_paid_on_its_page_and_the_subscription_goes_on(
    processor: Processor, shop: Shop, till: Till
) -> None:
    customer = shop.customer()
    processor.attached(customer)
    made = shop.subscribe(customer)
    processor.attached(customer, LATE)
    processor.pass_time(days=31, seconds=3600)
    late = shop.client.v1.subscriptions.retrieve(made.id, params={"expand": ["latest_invoice"]})
    assert late.status == "past_due"
    url = late.latest_invoice.hosted_invoice_url
    assert (
        "declined"
        in till.submit(url, method="card", number=DECLINED, expiry="12/34", cvc="123", name="O").text
    )
    assert (
        "Your bank asks"
        in till.submit(url, method="card", number=SECURE, expiry="12/34", cvc="123", name="O").text
    )
    assert "Paid" in till.follow(till.open(f"{url}/bank", {"answer": "yes"})).text
    assert shop.client.v1.subscriptions.retrieve(made.id).status == "active"
    assert processor.drift() == []


def test_a_form_of_another_site_is_refused(processor: Processor, till: Till) -> None:
    before = processor.now
    assert till.open("/clock", {"days": "7"}, Origin="http://evil.example").status == 403
    assert processor.now == before
    assert till.open("/clock", {"days": "7"}).status == 303 and processor.now == before + 7 * 24 * 3600


def test_every_word_of_the_pages_is_in_french_too() -> None:
    folder = Path(words.__file__).parent
    tables = (words.METHODS, words.BEHAVIOURS, words.STATES, words.CHECKS, words.CHARGES)
    said = {text for table in tables for text in table.values()} | {*overview.COLUMNS}
    said |= {"Confirm it", "Don’t confirm it", "Dispute it"}
    said |= set(words.PASSING.values())
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "say"
                and isinstance(node.args[0], ast.Constant)
            ):
                said.add(str(node.args[0].value))
    assert said - set(words.FRENCH) == set() and len(said) > 60


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with opened() as browser:
        yield browser


@pytest.mark.browser
def test_every_page_is_accessible_fits_a_phone_and_fetches_nothing_from_elsewhere(
    processor: Processor, shop: Shop, till: Till, chromium: Browser
) -> None:
    customer = shop.customer()
    processor.attached(customer)
    shop.client.v1.customers.tax_ids.create(customer, params={"type": "eu_vat", "value": "BE0123456749"})
    made = shop.subscribe(customer)
    open_one = shop.subscribe(
        shop.customer(), payment_behavior="default_incomplete", expand=["latest_invoice"]
    )
    paid = shop.client.v1.invoices.retrieve(made.latest_invoice)  # type: ignore[arg-type]
    session = begin(shop, allow_promotion_codes=True, locale="fr")
    asked = begin(shop)
    till.submit(asked.url, method="bancontact", name="Olga")
    portal = shop.client.v1.billing_portal.sessions.create(params={"customer": customer, "return_url": BACK})
    addresses = [
        "/", "/nothing", f"/pay/{session.id}", f"/pay/{session.id}?method=sepa_debit", f"/pay/{session.id}?method=bancontact",
        f"/pay/{asked.id}/bank", f"/portal/{portal.id}", f"/portal/{portal.id}/method", f"/invoice/{paid.id}",
        f"/invoice/{open_one.latest_invoice.id}",
    ]  # fmt: skip
    left = re.findall(
        r">[^<]*\b(trialing|active|verified|unverified|succeeded|dispute)\b", till.open("/").text
    )
    assert left == [], "the processor's words, not ours"
    page, wrong, asked_for = chromium.new_page(), list[Any](), set[str]()
    page.on("request", lambda request: asked_for.add(request.url.split("/")[2]))
    page.on(
        "console",
        lambda said: wrong.append(said.text) if said.type == "error" and "404" not in said.text else None,
    )
    home = processor.world.pages
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for address in addresses:
            page.goto(home + address)
            for details in page.query_selector_all("details"):
                details.evaluate("one => one.open = true")
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 900})
                if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                    wrong.append((address, f"wider than {width}"))
                if not page.evaluate(NOTHING_CUT):
                    wrong.append((address, f"cut at {width}"))
            assert page.locator(".notice").inner_text()
            found = Axe().run(page, options=WCAG).response["violations"]
            wrong += [(address, each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]
    assert wrong == [] and asked_for == {home.removeprefix("http://")}
    page.goto(f"{home}/pay/{session.id}")
    assert (
        page.locator("html").get_attribute("lang") == "fr"
        and page.get_by_role("button", name="Payer").is_visible()
    )
    page.get_by_label("Numéro de carte").fill(DECLINED)
    page.get_by_label("Expire (MM/AA)").fill("12/34")
    page.get_by_label("Code de sécurité").fill("123")
    page.get_by_role("button", name="Payer").click()
    assert page.get_by_role("alert").inner_text() == "Votre carte a été refusée."
    assert page.get_by_label("Numéro de carte").input_value() == ""
