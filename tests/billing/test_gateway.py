"""The one door to the payment processor: what it raises, what it says about this machine, where its pages are."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from billing import gateway
from config.env import Env
from config.payments import STRIPE, STRIPE_PAGES, place
from config.payments import processor as processor_of
from config.servers import servers
from shared_apps.kit import outgoing
from tests.billing.conftest import DECLINED, Processor, Shop

ROOT = Path(__file__).resolve().parents[2]


# --- which processor --------------------------------------------------------------------------------------------


def env(monkeypatch: pytest.MonkeyPatch, **given: str) -> Env:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return Env.read()


def test_a_key_in_the_environment_leads_to_the_processor_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    real = env(
        monkeypatch,
        SMOALL_STRIPE_KEY="sk_live_x",
        SMOALL_STRIPE_WEBHOOK_SECRET="whsec_x",
        SMOALL_STRIPE_API="http://127.0.0.1:1",
    )
    assert processor_of(real, "secret") == ("sk_live_x", "whsec_x", STRIPE, STRIPE_PAGES)
    assert all(one.host != "api.stripe.com" for one in servers(real, settings.DATABASES["default"], {})), (
        "it is reached as a verified partner, and not before (P16)"
    )


def test_production_without_keys_has_no_processor_and_says_so(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    bare = env(monkeypatch, SMOALL_ENV="production", SMOALL_STRIPE_API="http://127.0.0.1:1")
    settings.STRIPE_KEY, settings.STRIPE_WEBHOOK_SECRET, api, _ = processor_of(bare, "secret")
    assert settings.STRIPE_KEY == "" and api == STRIPE
    with pytest.raises(gateway.NotConfigured, match="SMOALL_STRIPE_KEY"):
        gateway.client()
    with pytest.raises(ValueError, match="does not run in production"):
        place(bare)


def test_keys_are_given_both_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="go together"):
        env(monkeypatch, SMOALL_STRIPE_KEY="sk_live_x")


def test_the_processor_is_refused_until_it_is_a_verified_partner(db: None) -> None:
    with pytest.raises(outgoing.Refused):
        outgoing.may_look_up("api.stripe.com")


# --- what is said -----------------------------------------------------------------------------------------------


def test_nothing_about_this_machine_is_sent_or_written(tmp_path: Path, processor: Processor) -> None:
    """The library would keep an identifier in the home folder and send it with platform and times."""
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import os, django; django.setup()\n"
        "from django.conf import settings\nfrom billing import gateway\nimport stripe\n"
        "settings.STRIPE_KEY, settings.STRIPE_WEBHOOK_SECRET, settings.STRIPE_API = 'sk_test_tests', 'x', os.environ['API']\n"
        "for _ in range(2): gateway.client().v1.customers.list()\n"
        "print(gateway.client()._requestor.request_headers('get', 'V1', {'api_key': 'x'}))\n"
    )
    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "API": processor.address,
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert list(home.iterdir()) == []
    assert "telemetry" not in done.stdout and "platform" not in done.stdout.lower()


def test_errors_are_sentences_and_tell_what_may_be_done(
    processor: Processor, shop: Shop, settings: Any
) -> None:
    made = shop.subscribe(shop.customer(), payment_behavior="default_incomplete")
    with pytest.raises(gateway.Declined) as declined, gateway.talking():
        shop.client.v1.invoices.pay(made.latest_invoice, params={"payment_method": processor.card(DECLINED)})  # type: ignore[arg-type]
    assert declined.value.code == "generic_decline" and str(declined.value) == "The payment was declined."
    with pytest.raises(gateway.Missing), gateway.talking():
        shop.client.v1.customers.retrieve("cus_none")
    with pytest.raises(gateway.Misunderstood, match="refused the request"), gateway.talking():
        shop.client.v1.customers.list(params={"limit": 0})
    processor.running.faults += [500] * 3
    with pytest.raises(gateway.Unreachable), gateway.talking():
        shop.client.v1.customers.list()
    processor.running.faults.clear()
    settings.STRIPE_KEY = "sk_test_other"
    with pytest.raises(gateway.Misunderstood, match="SMOALL_STRIPE_KEY"), gateway.talking():
        gateway.client().v1.customers.list()
    settings.STRIPE_API = "http://127.0.0.1:9"
    with pytest.raises(gateway.Unreachable, match="Nothing was lost"), gateway.talking():
        gateway.client().v1.customers.list()


def test_what_is_read_is_there_or_said_to_be_missing(shop: Shop) -> None:
    customer = shop.client.v1.customers.retrieve(shop.customer())
    assert gateway.read("customer", customer, "name") == "Acme SRL"
    assert gateway.read("customer", customer, "address.city") is None, "there is no address"
    assert gateway.id_of("customer", customer, "invoice_settings.default_payment_method") == ""
    with pytest.raises(gateway.Unexpected):
        gateway.read("invoice", customer, "name")
    with pytest.raises(gateway.Unexpected):
        gateway.read("customer", customer, "subscriptions")
    made = shop.subscribe(customer.id, 2, payment_behavior="default_incomplete", expand=["customer"])
    assert gateway.id_of("subscription", made, "customer") == customer.id, "expanded or not"
    rows = gateway.rows("subscription", made, "items.data", "price.id", "quantity")
    assert rows == [(shop.monthly, 2)]


# --- the hosted pages -------------------------------------------------------------------------------------------


def test_only_a_page_that_leads_to_the_processor_names_its_pages(settings: Any) -> None:
    """P25: to that page's own forms, and to no other page's."""
    from csp.middleware import CSPMiddleware

    def plain(request: HttpRequest) -> HttpResponse:
        return HttpResponse("")

    def policy(view: Any) -> str:
        return str(CSPMiddleware(view)(RequestFactory().get("/")).headers["Content-Security-Policy"])

    assert "payments.localhost" not in policy(plain) and "stripe" not in policy(plain)
    action = re.search(r"form-action ([^;]*)", policy(gateway.hosted(plain)))
    assert action and action[1].split() == ["'self'", *settings.STRIPE_PAGES]
    assert settings.STRIPE_PAGES[0].startswith("http://payments.localhost:")
    settings.STRIPE_PAGES = STRIPE_PAGES
    action = re.search(r"form-action ([^;]*)", policy(gateway.hosted(plain)))
    assert action and action[1].split() == ["'self'", *STRIPE_PAGES]
    assert "default-src 'self'" in policy(gateway.hosted(plain))
    assert stripe.enable_telemetry is False
