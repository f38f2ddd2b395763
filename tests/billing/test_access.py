"""Who may open which page of billing; what its pages say in each state; and that no page waits for the payment operator."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from billing import gateway, reconcile, subscriptions
from billing.models import Account, Figure, Reconciliation, Subscription
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from tests.billing.paper import DAY, HOME, Paper, deliver, event, ordered, own, tenant_of
from tests.conftest import TESTER, Cast
from tests.operators.conftest import OPS, make_operator

PAGES = ("", "next/", "details/", "done/", "change/")
VERBS = ("order/", "coupon/", "cancel/", "resume/", "means/")
CONSOLE = ("/billing/", "/billing/past-due/", "/billing/reconciliation/")


@pytest.mark.parametrize("path", [*PAGES, *VERBS])
@pytest.mark.parametrize(("who", "allowed"), [("owner", True), ("admin", True), ("colleague", False)])
def test_those_who_manage_billing_and_nobody_else(
    acme: Cast, browser: Callable[..., Browser], path: str, who: str, allowed: bool
) -> None:
    open = browser(acme, getattr(acme, who))
    answer = open.get(HOME + path) if path in PAGES else open.post(HOME + path)
    assert (answer.status_code != 403) is allowed


@pytest.mark.parametrize("path", [*PAGES, *VERBS])
def test_a_stranger_is_led_to_the_sign_in_page(
    acme: Cast, browser: Callable[..., Browser], path: str
) -> None:
    open = browser(acme.host)
    answer = open.get(HOME + path) if path in PAGES else open.post(HOME + path)
    assert answer.status_code == 302 and "/sign-in/" in answer.headers["Location"]


def test_the_menu_shows_it_to_those_who_manage_it(acme: Cast, browser: Callable[..., Browser]) -> None:
    assert HOME in browser(acme, acme.admin).get("/").content.decode()
    assert HOME not in browser(acme, acme.colleague).get("/").content.decode()


@pytest.fixture
def otto(db: None) -> User:
    return make_operator("Otto")


@pytest.mark.parametrize("path", CONSOLE)
def test_operators_see_revenue_and_what_is_missing(
    acme: Cast, account: Account, paper: Paper, otto: User, browser: Callable[..., Browser], path: str
) -> None:
    deliver(event("evt_1", paper.put(ordered(status="past_due"))))
    with scope.shared(actor=TESTER):
        reconcile.count_day(timezone.localdate())
        Reconciliation.objects.create(begun_at=timezone.now(), seen={"customer": 3}, left={"x": 1})
    answer = browser(OPS, otto).get(path)
    assert answer.status_code == 200
    assert browser(OPS).get(path).status_code == 302


def test_the_console_says_who_is_past_due_since_when_and_until_when(
    acme: Cast, account: Account, paper: Paper, otto: User, browser: Callable[..., Browser]
) -> None:
    deliver(event("evt_1", paper.put(ordered(status="past_due"))))
    page = browser(OPS, otto).get("/billing/past-due/").content.decode()
    found = own(acme)
    assert found and "Acme" in page and f'datetime="{found.read_only_on}"' in page


def test_the_charts_have_a_table_for_those_who_cannot_see_them(
    acme: Cast, account: Account, paper: Paper, otto: User, browser: Callable[..., Browser]
) -> None:
    deliver(event("evt_1", paper.put(ordered(quantity=4))))
    with scope.shared(actor=TESTER):
        reconcile.count_day(timezone.localdate())
    page = browser(OPS, otto).get("/billing/").content.decode()
    assert "€48.00" in page and "<svg" in page and "Recurring revenue in euro" in page


def test_a_figure_of_a_day_is_counted_anew_and_not_twice(acme: Cast, account: Account, paper: Paper) -> None:
    deliver(event("evt_1", paper.put(ordered(quantity=2, price="smoall-company-year-19000"))))
    for _each in range(2):
        with scope.shared(actor=TESTER):
            reconcile.count_day(timezone.localdate())
    with scope.shared():
        (figure,) = Figure.objects.filter(clients__gt=0)
    assert (figure.plan, figure.people, figure.cents, figure.begun) == ("company", 2, round(38000 / 12), 1)


def test_asking_twice_in_a_minute_is_one_comparison(otto: User, browser: Callable[..., Browser]) -> None:
    from shared_apps.jobs.models import Job

    open = browser(OPS, otto)
    for _each in range(2):
        assert open.post("/billing/reconciliation/now/").status_code == 302
    with scope.shared():
        assert Job.objects.filter(name="billing.reconcile.now_please").count() in (
            1,
            2,
        )  # the minute may turn


# --- pages that wait for nobody -------------------------------------------------------------------------------


@pytest.fixture
def down(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise gateway.Unreachable("The payment operator does not answer now.")

    monkeypatch.setattr(gateway, "client", refuse)


def test_the_page_asks_nobody(
    acme: Cast,
    account: Account,
    paper: Paper,
    browser: Callable[..., Browser],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliver(event("evt_1", paper.put(ordered())))
    asked: list[int] = []
    monkeypatch.setattr(gateway, "client", lambda: asked.append(1))
    page = browser(acme, acme.owner).get(HOME)
    assert page.status_code == 200 and "Small" in page.content.decode() and asked == []


def test_when_the_operator_is_down_it_is_said_and_can_be_tried_again(
    acme: Cast, account: Account, paper: Paper, browser: Callable[..., Browser], down: None
) -> None:
    deliver_quietly(paper)
    open = browser(acme, acme.owner)
    part = open.get(f"{HOME}next/", headers={"hx-request": "true"}).content.decode()
    assert "does not answer" in part and "Try again" in part and "<html" not in part
    again = open.post(f"{HOME}coupon/", {"coupon": "SPRING"}).content.decode()
    assert "does not answer" in again and 'value="SPRING"' in again, "what was typed stays"
    assert open.post(f"{HOME}order/", {"plan": "small", "pace": "month"}).status_code == 302
    assert "A plan is ordered already" in open.get(HOME).content.decode(), "the form is no longer there"
    for path in ("cancel/", "means/"):
        answer = open.post(HOME + path)
        assert answer.status_code == 302 and answer.headers["Location"] == HOME
        assert "does not answer" in open.get(HOME).content.decode(), path


def test_an_order_that_the_operator_does_not_answer_changes_nothing(
    acme: Cast, browser: Callable[..., Browser], down: None
) -> None:
    open = browser(acme, acme.owner)
    typed = {"plan": "company", "pace": "year", "coupon": "SPRING"}
    page = open.post(f"{HOME}order/", typed).content.decode()
    assert "does not answer" in page and 'value="SPRING"' in page
    assert '"company" selected' in page and '"year" selected' in page, "what was chosen stays"
    with scope.shared():
        assert not Account.objects.filter(client_uuid=acme.tenant.client_id).exists()


def deliver_quietly(paper: Paper) -> None:
    from billing import events

    with scope.shared():
        events.apply("subscription", paper.put(ordered()), now=timezone.now())


@pytest.mark.parametrize(
    "data", [{}, {"plan": "gold", "pace": "month"}, {"plan": "small", "pace": "week"}, {"plan": "small"}]
)
def test_an_order_of_what_is_not_sold_is_refused(
    acme: Cast, browser: Callable[..., Browser], down: None, data: dict[str, str]
) -> None:
    answer = browser(acme, acme.owner).post(f"{HOME}order/", data)
    assert answer.status_code == 200 and "field-error" in answer.content.decode()


@pytest.mark.parametrize("session", ["", "x", "cs_", "cs_1'--", "cs_" + "a" * 300, "../etc"])
def test_a_strange_way_back_asks_nobody(
    acme: Cast, browser: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    monkeypatch.setattr(gateway, "client", lambda: pytest.fail("asked"))
    answer = browser(acme, acme.owner).get(f"{HOME}done/", {"session": session})
    assert answer.status_code == 302 and answer.headers["Location"] == HOME


def test_too_many_people_for_a_plan_are_told_and_nothing_is_closed(
    acme: Cast, account: Account, paper: Paper, browser: Callable[..., Browser]
) -> None:
    from billing.models import Seats

    deliver(event("evt_1", paper.put(ordered(quantity=12))))
    with scope.shared(actor=TESTER):
        Seats.publish(acme.tenant.client_id, 12, now=timezone.now())
    open = browser(acme, acme.owner)
    assert "Nothing is closed" in open.get(HOME).content.decode()
    assert open.post("/contacts/new/", {}).status_code == 200


def test_billing_details_are_kept_and_do_not_wait(
    acme: Cast, browser: Callable[..., Browser], down: None
) -> None:
    open = browser(acme, acme.owner)
    seen = open.get(f"{HOME}details/").context["form"]["seen"].value()
    typed = {"billing_email": "books@acme.test", "reference": "PO 7"}
    assert open.post(f"{HOME}details/", typed | {"seen": seen}).status_code == 302
    page = open.get(HOME).content.decode()
    assert "books@acme.test" in page and "PO 7" in page
    assert open.post(f"{HOME}details/", {"billing_email": "nonsense"}).status_code == 200
    late = open.post(f"{HOME}details/", {"reference": "Ask Paul", "seen": seen}, follow=True).content.decode()
    assert "changed while you had them open" in late and "Ask Paul" not in late, (
        "nothing erased comes back so"
    )
    assert open.post(f"{HOME}details/", typed | {"seen": seen}, follow=True).content.decode().count("saved")


def test_a_page_costs_the_same_however_much_was_ordered_before(
    acme: Cast, account: Account, paper: Paper, browser: Callable[..., Browser], statements: Callable[[], Any]
) -> None:
    deliver(event("evt_1", paper.put(ordered())))
    open = browser(acme, acme.owner)
    open.get(HOME)
    with statements() as before:
        open.get(HOME)
    with scope.shared(actor=TESTER):
        for number in range(20):
            Subscription.objects.create(
                client_uuid=acme.tenant.client_id, processor_id=f"sub_old_{number}", state="canceled",
                created_at=timezone.now() - timedelta(days=400),
            )  # fmt: skip
    with statements() as after:
        open.get(HOME)
    assert len(before) == len(after)


def test_verbs_without_an_order_say_so(acme: Cast) -> None:
    with scope.shared(actor=TESTER):
        for verb in (subscriptions.cancel, subscriptions.resume):
            with pytest.raises(subscriptions.CannotOrder):
                verb(acme.tenant.client_id, now=timezone.now())
        with pytest.raises(subscriptions.CannotOrder):
            subscriptions.portal(acme.tenant.client, return_url="http://x/", now=timezone.now())
        assert subscriptions.next_amount(acme.tenant.client_id) is None
    assert tenant_of(acme).unpaid_since is None and DAY
