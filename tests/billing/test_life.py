"""A whole paid life against the stand-in, over HTTP and by its signed messages: trial, order, people, decline, past due,
read-only, paid again, leaving. And each verb on the way, with what the processor then has.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from billing import catalogue, customers, gateway, ordering, reconcile, standing, subscriptions
from billing.models import Account, State, Subscription
from billing.standing import Standing
from billing.subscriptions import CannotOrder
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from tenants import correction, persons, sagas
from tests.billing.conftest import DECLINED, GOOD, LATE, Processor
from tests.billing.life import Life
from tests.conftest import TESTER, Cast
from tests.isolation import catalog


@pytest.fixture
def life(acme: Cast, processor: Processor) -> Life:
    made = Life(acme, processor)
    made.begin()
    return made


def test_the_catalogue_is_copied_once_and_an_old_price_is_taken_off(
    processor: Processor, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert catalogue.sync() == 6  # two products, four prices
    assert catalogue.sync() == 0
    dearer = (catalogue.Plan("small", "Small", 1500, 12000, ()), catalogue.PLANS[1])
    monkeypatch.setattr(catalogue, "PLANS", dearer)
    assert catalogue.sync() == 2 and catalogue.sync() == 0
    prices = gateway.client().v1.prices.list(params={"active": True, "limit": 100}).data
    assert sorted(str(one.lookup_key) for one in prices) == sorted(
        plan.key(period) for plan in dearer for period in ("month", "year")
    )
    assert catalogue.tax_rate_id() == catalogue.tax_rate_id()


def test_before_an_order_the_processor_knows_nothing(life: Life) -> None:
    life.pass_time(days=3)
    assert not life.processor.events("customer.created")
    assert life.standing == Standing.TRIAL


def test_an_order_keeps_what_is_left_of_the_trial_and_counts_the_people(life: Life) -> None:
    life.pass_time(days=10)
    led = life.order()
    assert "/workspace/billing/done/?session=cs_" in led
    own = life.own
    assert (own.state, own.plan, own.pace, own.quantity) == (State.TRIALING, "small", "month", 3)
    assert own.trial_end and own.trial_end - life.now == timedelta(days=20)
    life.pass_time(days=20.1)
    assert life.own.state == State.ACTIVE and life.standing == Standing.ACTIVE


def test_whoever_gives_up_on_the_pay_page_has_ordered_nothing(life: Life) -> None:
    with scope.shared(actor=TESTER):
        ordering.order(
            life.cast.tenant.client, plan="small", pace="month", now=life.now,
            success_url="http://acme.smoall.localhost/", cancel_url="http://acme.smoall.localhost/",
        )  # fmt: skip
    life.pass_time(days=2)
    assert life.own.is_trial_without_order and life.standing == Standing.TRIAL


def test_the_whole_life(life: Life) -> None:
    life.pass_time(days=29)
    life.order(coupon="")
    life.pass_time(days=2.1)
    assert life.own.state == State.ACTIVE and not life.is_read_only
    life.hire("Nora")
    assert life.own.quantity == 4
    life.new_card(LATE)  # accepted now, and declined when it is charged
    life.pass_time(days=31)
    assert life.own.state == State.PAST_DUE and life.standing == Standing.PAST_DUE and not life.is_read_only
    assert life.own.read_only_on
    life.pass_time(days=14)
    assert life.is_read_only and life.standing == Standing.READ_ONLY
    life.new_card(GOOD)
    for invoice in gateway.client().v1.invoices.list(params={"customer": str(life.account.customer_id)}).data:
        if invoice.status == "open":
            gateway.client().v1.invoices.pay(invoice.id)
    life.tell()
    assert life.own.state == State.ACTIVE and not life.is_read_only
    from tests.leaving.conftest import notice

    given = notice(life.cast, now=life.now)
    life.work()
    assert life.own.cancel_at and life.own.with_departure
    life.pass_time(days=(given.data_on - life.now.date()).days + 9)  # nobody ended it: it ends by itself
    assert life.own.state == State.CANCELED
    assert life.is_read_only  # and everything is still there: its day is another matter


def test_a_declined_card_orders_nothing(life: Life) -> None:
    life.pass_time(days=31)
    with scope.shared(actor=TESTER):
        url = ordering.order(
            life.cast.tenant.client, plan="small", pace="month", now=life.now,
            success_url="http://acme.smoall.localhost/", cancel_url="http://acme.smoall.localhost/",
        )  # fmt: skip
    from tests.billing.till import Till

    seen = Till(life.processor).submit(
        url, method="card", number=DECLINED, expiry="12/34", cvc="123", name="Olga"
    )
    assert not seen.leads_to
    life.tell()
    assert not life.own.is_live or life.own.state == State.INCOMPLETE


@pytest.mark.parametrize(("plan", "pace"), [("company", "month"), ("small", "year"), ("company", "year")])
def test_a_change_costs_what_its_preview_said(life: Life, plan: str, pace: str) -> None:
    life.pass_time(days=31)
    life.order()
    life.pass_time(days=10)
    at = life.processor.now
    with scope.shared(actor=TESTER):
        shown = subscriptions.preview_change(life.client, plan=plan, pace=pace, at=at)
        subscriptions.change(life.client, plan=plan, pace=pace, at=at, now=life.now)
    life.tell()
    own = life.own
    assert (own.plan, own.pace, own.unit_cents) == (plan, pace, catalogue.plan(plan).cents(pace))
    last = (
        gateway.client()
        .v1.invoices.list(params={"customer": str(life.account.customer_id), "limit": 1})
        .data[0]
    )
    assert last.total == shown.total and shown.total > 0


@pytest.mark.parametrize("seconds", [-2 * 86400, -4000, 60])
def test_nobody_chooses_the_moment_from_which_a_change_counts(life: Life, seconds: int) -> None:
    life.pass_time(days=31)
    life.order()
    life.pass_time(days=10)
    with scope.shared(actor=TESTER), pytest.raises(subscriptions.CannotOrder, match="too old"):
        subscriptions.change(
            life.client, plan="company", pace="year", at=life.processor.now + seconds, now=life.now
        )


def test_a_client_is_told_a_day_and_has_it_even_when_the_processor_gives_up_sooner(life: Life) -> None:
    life.pass_time(days=31)
    life.order()
    told = day_of(life.now) + timedelta(days=5)
    with scope.shared(actor=TESTER):
        Subscription.objects.filter(pk=life.own.pk).update(state=State.CANCELED, read_only_on=told)
        assert standing.of(life.client, now=life.now) == standing.Standing.PAST_DUE
        assert standing.of(life.client, now=life.now + timedelta(days=5)) == standing.Standing.READ_ONLY


def test_the_next_amount_is_the_processors_and_has_vat(life: Life) -> None:
    life.pass_time(days=31)
    life.order()
    with scope.shared(actor=TESTER):
        found = subscriptions.next_amount(life.client)
    assert found and (found.net, found.vat, found.total) == (3600, 756, 4356)


def test_a_plan_is_ended_and_goes_on_again(life: Life) -> None:
    life.pass_time(days=31)
    life.order()
    with scope.shared(actor=TESTER):
        subscriptions.cancel(life.client, now=life.now)
    assert life.own.cancel_at == life.own.period_end
    with scope.shared(actor=TESTER):
        subscriptions.resume(life.client, now=life.now)
    assert life.own.cancel_at is None
    with scope.shared(actor=TESTER):
        subscriptions.cancel(life.client, now=life.now)
    life.pass_time(days=32)
    assert life.own.state == State.CANCELED and life.is_read_only
    life.order(plan="company")
    assert life.own.state == State.ACTIVE and not life.is_read_only


def test_a_code_takes_something_off_and_an_unknown_one_is_refused(life: Life) -> None:
    coupon = gateway.client().v1.coupons.create(params={"percent_off": 25, "duration": "forever"})
    gateway.client().v1.promotion_codes.create(
        params={"code": "WELCOME", "promotion": {"type": "coupon", "coupon": coupon.id}}
    )
    life.pass_time(days=31)
    life.order()
    with scope.shared(actor=TESTER):
        with pytest.raises(CannotOrder):
            subscriptions.use_coupon(life.client, "NOSUCH", now=life.now)
        subscriptions.use_coupon(life.client, "WELCOME", now=life.now)
    assert life.own.off_percent == 25 and life.own.monthly_cents == 2700


def test_ordering_twice_is_refused(life: Life) -> None:
    life.order()
    with pytest.raises(CannotOrder):
        life.order()


def test_a_notice_withdrawn_lets_the_plan_go_on(life: Life) -> None:
    from tenants import departure
    from tests.leaving.conftest import notice

    life.pass_time(days=31)
    life.order()
    notice(life.cast, now=life.now)
    life.work()
    assert life.own.cancel_at
    with scope.shared(actor=TESTER), pytest.raises(CannotOrder):
        subscriptions.resume(life.client, now=life.now)
    with scope.acting(TESTER):
        departure.withdraw(life.cast.id, now=life.now)
    life.work()
    assert life.own.cancel_at is None and not life.own.with_departure


# --- the customer ---------------------------------------------------------------------------------------------


def theirs(life: Life) -> Any:
    return gateway.client().v1.customers.retrieve(str(life.account.customer_id))


def test_a_correction_here_arrives_there(life: Life) -> None:
    life.order()
    with scope.shared(actor=TESTER):
        correction.correct(
            life.cast.id, {"street": "Rue Neuve 2", "company": "Acme & Fils SRL"}, now=timezone.now()
        )
    life.work()
    found = theirs(life)
    assert found.name == "Acme & Fils SRL" and found.address.line1 == "Rue Neuve 2"


def test_a_change_there_arrives_here_and_the_contact_address_stays_ours(life: Life) -> None:
    life.order()
    gateway.client().v1.customers.update(
        str(life.account.customer_id),
        params={
            "name": "Acme There",
            "email": "invoices@acme.test",
            "address": {"line1": "Quai 9", "country": "BE"},
        },
    )
    life.tell()
    with scope.shared():
        client = Client.objects.get(pk=life.client)
    assert (client.company, client.street) == ("Acme There", "Quai 9")
    assert client.contact_email == "olga@acme.test" and life.account.billing_email == "invoices@acme.test"
    life.work()  # the echo of it changes nothing
    assert theirs(life).name == "Acme There"


def test_P40_P39_an_erased_persons_address_for_invoices_is_gone_there_and_comes_back_from_nowhere(
    life: Life,
) -> None:
    life.order()
    with life.cast.inside():
        gone = apps.get_model("contacts.Contact").objects.create(
            kind="person", last_name="Zwart", email="ida@zwart.test"
        )
    with scope.shared(actor=TESTER):
        Account.objects.update(billing_email=gone.email)
        customers.details_changed(life.client)
    life.work()
    assert theirs(life).email == life.account.sent["contact_email"] == gone.email
    with life.cast.inside():
        person = persons.find("contacts.Contact", gone.pk)
        assert person is not None
        asked = persons.request(
            person, tenant_id=life.cast.id, by=life.cast.owner.pk, now=timezone.now(), delay=timedelta(0)
        )
    sagas.run(asked.pk)
    life.tell()  # what the processor said before it was told
    life.work()
    assert theirs(life).email == life.account.sent["contact_email"] == "olga@acme.test"
    assert life.account.billing_email == "" and catalog.holding("ida@zwart") == []


def test_where_both_changed_ours_counts(life: Life) -> None:
    life.order()
    gateway.client().v1.customers.update(str(life.account.customer_id), params={"name": "Theirs SRL"})
    with scope.shared(actor=TESTER):
        correction.correct(life.cast.id, {"company": "Ours SRL"}, now=timezone.now())
    life.work()
    life.work()
    with scope.shared():
        assert Client.objects.get(pk=life.client).company == "Ours SRL"
    assert theirs(life).name == "Ours SRL"


@pytest.mark.parametrize(
    ("country", "number", "exempt"),
    [
        ("BE", "BE0403170701", "none"),
        ("FR", "FR40303265045", "reverse"),
        ("FR", "", "none"),
        ("US", "", "exempt"),
    ],
)
def test_vat_follows_the_country_and_a_number_that_was_checked(
    life: Life, country: str, number: str, exempt: str
) -> None:
    with scope.shared(actor=TESTER):
        Client.objects.filter(pk=life.client).update(country=country, vat_number=number)
        life.cast.tenant.client.refresh_from_db()
    life.order()
    life.pass_time(days=0.1)  # the register of VAT numbers is asked meanwhile
    life.work()
    assert theirs(life).tax_exempt == exempt


def test_the_processor_deletes_its_record_when_the_contact_details_go(life: Life) -> None:
    from billing import customers

    life.order()
    id = str(life.account.customer_id)
    with scope.shared(actor=TESTER):
        customers.forget(life.client)
        assert not Account.objects.filter(client_uuid=life.client).exists()
        assert not Subscription.objects.filter(client_uuid=life.client).exists()
    life.work()
    assert getattr(gateway.client().v1.customers.retrieve(id), "deleted", False)


# --- the comparison -------------------------------------------------------------------------------------------


def test_a_quiet_day_has_no_difference(life: Life) -> None:
    life.order()
    life.reconcile()
    row = life.reconcile()
    assert row.differences == 0 and not row.failed and row.seen["subscription"] == 1


def test_what_was_missed_is_repaired_and_counted(life: Life) -> None:
    life.order()
    with scope.shared(actor=TESTER):
        Subscription.objects.filter(pk=life.own.pk).update(state="past_due", quantity=9)
    row = life.reconcile()
    assert row.repaired["subscription"] == 1 and not row.left
    assert life.own.state == State.TRIALING and life.own.quantity == 3


def test_a_customer_that_nobody_knows_alarms_operators(life: Life, caplog: pytest.LogCaptureFixture) -> None:
    life.order()
    gateway.client().v1.customers.create(params={"name": "Nobody"})
    row = life.reconcile()
    assert row.left == {"customers that nobody here knows": 1} and "ALARM" in caplog.text


def test_a_processor_that_is_down_is_said(life: Life) -> None:
    life.order()
    now = life.now
    life.processor.running.end()
    row = reconcile.run(now=now)
    assert row.failed.startswith("Unreachable")
