"""P15: after a whole paid life nothing of the card is anywhere with us. P16, P33: one operator, told what it needs and noted.
P25: no page of ours has a field for a card, and its policy lets forms lead to the operator's pages alone.
"""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import transaction
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone, translation

from billing import customers, gateway, ordering, subscriptions
from billing.models import Account
from shared_apps.kit import outgoing, scope
from shared_apps.mail.models import Message
from shared_apps.promises.checks.billing import CARD_FIELD, is_card
from shared_apps.sharing import timeline
from shared_apps.sharing.models import Disclosure
from tests.billing.conftest import DECLINED, GOOD, LATE, Processor
from tests.billing.life import Life
from tests.billing.paper import HOME, ordered
from tests.billing.till import Till
from tests.conftest import TESTER, Cast
from tests.isolation import catalog
from tests.sharing.conftest import make_shared_with, verify

STEM = "400000739184693"
CANARY = next(f"{STEM}{digit}" for digit in range(10) if is_card(f"{STEM}{digit}"))
LAST4, EXPIRY, YEAR = CANARY[-4:], "07/39", "2039"
ALONE = r"(?<![0-9A-Za-z.:-]){}(?![0-9A-Za-z.:-])"  # not within a key, a moment or an amount


@pytest.fixture
def life(acme: Cast, processor: Processor) -> Life:
    made = Life(acme, processor)
    made.begin()
    return made


def lived(life: Life) -> None:
    """Order, renewal, another card, a decline, past due, paid again, ended; and what the operator says of all of it."""
    life.pass_time(days=31)
    life.order(method="card", number=CANARY, expiry=EXPIRY, cvc="739", name="Olga Canary")
    life.hire("Nora")
    life.pass_time(days=31)
    life.new_card(LATE)
    life.pass_time(days=5)
    life.new_card(GOOD)
    life.pass_time(days=10)
    life.reconcile()
    with scope.shared(actor=TESTER):
        subscriptions.cancel(life.client, now=life.now)
    life.pass_time(days=32)
    life.reconcile()


def fingerprints(processor: Processor) -> set[str]:
    with processor.world.transaction():
        cards = processor.world.find("payment_method")
    found = {str(one["card"]["fingerprint"]) for one in cards if one["type"] == "card"}
    assert found
    return found


def test_P15_the_card_is_nowhere_after_a_whole_paid_life(
    life: Life, processor: Processor, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    lived(life)
    for word in (CANARY, *fingerprints(processor)):
        assert catalog.holding(word) == [], word
    for word in (LAST4, YEAR, EXPIRY):
        found = [row for row in catalog.holding(word) if re.search(ALONE.format(word), row)]
        assert found == [], word
    secret = {CANARY, *fingerprints(processor)}
    logs = caplog.text + "".join(capfd.readouterr())
    assert not any(word in logs for word in secret)
    for path in Path(configured.SMOALL_DATA).rglob("*"):
        if path.is_file() and not {"postgres", "static"} & set(path.parts):
            written = path.read_bytes().decode("latin-1")
            assert not any(word in written for word in secret), path
    with scope.shared():
        bodies = "".join(f"{one.subject} {one.body}" for one in Message.objects.all())
    assert bodies and not re.search(ALONE.format(LAST4), bodies)


def test_P15_the_search_finds_what_it_looks_for(life: Life) -> None:
    """The planted fault."""
    with scope.shared(actor=TESTER):
        Account.locked(life.client, now=timezone.now())
        Account.objects.filter(client_uuid=life.client).update(reference=f"Visa {LAST4} {EXPIRY}")
    rows = [row for row in catalog.holding(LAST4) if re.search(ALONE.format(LAST4), row)]
    assert rows and any(re.search(ALONE.format(EXPIRY), row) for row in rows)


# --- P16 ------------------------------------------------------------------------------------------------------


def test_P16_a_second_payment_operator_is_refused(life: Life, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    outgoing.install(configured.SMOALL_SERVERS)
    outgoing.witnesses.append(told.append)
    try:
        with (
            override_settings(STRIPE_API="https://api.second-gateway.test"),
            pytest.raises(gateway.Unreachable),
        ):
            life.push()
    finally:
        outgoing.witnesses.remove(told.append)
    assert "api.second-gateway.test" in told


def test_P16_the_operator_itself_is_refused_until_its_policy_was_read(life: Life) -> None:
    """As in production: its host, and nobody has verified it."""
    at_stripe = override_settings(STRIPE_API=f"https://{customers.HOST}")
    with at_stripe, scope.shared(actor=TESTER), pytest.raises(customers.NotAllowed), transaction.atomic():
        customers.open(life.cast.tenant.client, now=timezone.now())
    with scope.shared():
        assert not Disclosure.objects.filter(client_uuid=life.client).exists()


# --- P33, P31 -------------------------------------------------------------------------------------------------


def test_P33_what_the_operator_is_told_is_noted_and_no_more_than_it_needs(
    life: Life, processor: Processor
) -> None:
    partner = make_shared_with(is_verified=False, hosts=(customers.HOST,))
    with scope.shared(actor=TESTER):
        partner.name = customers.PARTNER
        partner.save()
        from tests.operators.conftest import make_operator

    reader = make_operator("Vera")
    with scope.shared(actor=TESTER):
        verify(partner, reader)
    with scope.shared():
        life.cast.tenant.client.contact_name = "Secret Person"
    life.push()
    with scope.shared():
        (noted,) = Disclosure.objects.filter(client_uuid=life.client)
        assert noted.categories == ["billing", "contact"] and noted.verification.partner_id == partner.pk
        with translation.override("fr"):
            assert "Pour recevoir vos paiements" in [entry.why for entry in timeline.disclosures(life.client)]
    life.push()  # nothing new is sent, and nothing new is noted
    with scope.shared():
        assert Disclosure.objects.filter(client_uuid=life.client).count() == 1
    told = gateway.plain(gateway.client().v1.customers.retrieve(str(life.account.customer_id)))
    given = {name for name, value in told.items() if value not in (None, "", [], {}, 0, False)}
    assert {"name", "email", "address", "metadata"} <= given
    assert "Secret Person" not in str(told) and str(life.cast.id) not in str(told)
    assert told["metadata"] == {"client": str(life.client)}


# --- P25 ------------------------------------------------------------------------------------------------------


def pages(browser: Browser) -> list[Any]:
    paths = ("", "next/", "details/", "change/?plan=company&pace=year")
    return [browser.get(HOME + path) for path in paths]


def policy_of(answer: Any) -> dict[str, list[str]]:
    rules = [rule.split() for rule in answer.headers["Content-Security-Policy"].split(";") if rule.split()]
    return {name: values for name, *values in rules}


def test_P25_no_page_has_a_field_for_a_card_and_forms_lead_to_the_operator_alone(
    life: Life, browser: Callable[..., Browser]
) -> None:
    owner = browser(life.cast, life.cast.owner)
    before = pages(owner)
    life.pass_time(days=31)
    life.order()
    after = pages(owner)
    assert [one.status_code for one in after] == [200] * 4
    for answer in [*before, *after]:
        if answer.status_code != 200:
            continue
        body, policy = answer.content.decode(), policy_of(answer)
        assert not CARD_FIELD.search(body)
        assert "js.stripe.com" not in body and "<iframe" not in body
        assert (
            policy["default-src"] == ["'self'"] and "script-src" not in policy and "frame-src" not in policy
        )
        extra = set(policy["form-action"]) - {"'self'", f"http://*.{configured.SMOALL_DOMAIN}:*"}
        assert extra <= set(configured.STRIPE_PAGES)


def test_P25_other_pages_lead_nowhere_else(acme: Cast, browser: Callable[..., Browser]) -> None:
    owner = browser(acme, acme.owner)
    for path in ("/contacts/", "/workspace/", "/me/"):
        assert not set(policy_of(owner.get(path))["form-action"]) & set(configured.STRIPE_PAGES)


def test_P25_the_operators_pages_are_encrypted_ones() -> None:
    from config.payments import STRIPE, STRIPE_PAGES

    assert all(page.startswith("https://") for page in [STRIPE, *STRIPE_PAGES])


def test_P25_the_search_for_fields_finds_them() -> None:
    assert CARD_FIELD.search('<input type="text" autocomplete="cc-number">')
    assert CARD_FIELD.search("<input name=cardnumber>") and not CARD_FIELD.search('<input name="coupon">')


def test_a_declined_card_is_told_without_its_number(life: Life) -> None:
    life.pass_time(days=31)
    with scope.shared(actor=TESTER):
        url = ordering.order(
            life.cast.tenant.client, plan="small", pace="month", now=life.now,
            success_url="http://acme.smoall.localhost/", cancel_url="http://acme.smoall.localhost/",
        )  # fmt: skip
    Till(life.processor).submit(url, method="card", number=DECLINED, expiry=EXPIRY, cvc="123", name="Olga")
    life.tell()
    assert catalog.holding(DECLINED) == [] and ordered()
