"""What a subscription's state does to a workspace: announced before, never an erasure, open again as soon as it is paid."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.template import TemplateDoesNotExist
from django.test import Client as Browser
from django.utils import timezone

from billing import mails as billing_mails
from billing import standing, subscriptions
from billing.models import Account, Subscription
from billing.standing import Standing
from shared_apps import mail
from shared_apps.kit import scope
from tests.billing.paper import DAY, Paper, deliver, event, mails, ordered, own, tenant_of
from tests.conftest import TESTER, Cast


def look(cast: Cast, at: datetime) -> Standing:
    standing.look_at(cast.tenant.client_id, now=at)
    with scope.shared():
        return standing.of(cast.tenant.client_id, now=at)


def trial(cast: Cast) -> Subscription:
    with scope.shared():
        found = Subscription.trial_of(cast.tenant.client_id)
    assert found and found.trial_end
    return found


def test_a_workspace_begins_with_thirty_days_and_nobody_outside_is_told(acme: Cast) -> None:
    found = trial(acme)
    assert found.trial_end == found.created_at + 30 * DAY
    assert look(acme, timezone.now()) == Standing.TRIAL
    with scope.shared():
        assert not Account.objects.filter(client_uuid=acme.tenant.client_id).exists()


def test_the_end_of_a_trial_is_announced_twice_and_closes_nothing_before(acme: Cast) -> None:
    end: Any = trial(acme).trial_end
    assert look(acme, end - 8 * DAY) == Standing.TRIAL and not mails("trial")
    look(acme, end - 7 * DAY)
    look(acme, end - 6 * DAY)
    assert len(mails("trial")) == 1
    look(acme, end - DAY)
    look(acme, end - timedelta(hours=3))
    assert len(mails("trial")) == 2 and tenant_of(acme).unpaid_since is None
    assert look(acme, end - timedelta(seconds=1)) == Standing.TRIAL
    assert look(acme, end) == Standing.READ_ONLY
    assert tenant_of(acme).unpaid_since == end and len(mails("read-only")) == 1


def test_where_nobody_announced_it_the_trial_lasts_a_day_longer(acme: Cast) -> None:
    """The worker stood still for a week: nothing is taken away that was not announced a day before."""
    end: Any = trial(acme).trial_end
    late = end + 5 * DAY
    assert look(acme, late) == Standing.TRIAL and len(mails("trial")) == 1
    assert look(acme, late + DAY - timedelta(seconds=1)) == Standing.TRIAL
    assert look(acme, late + DAY) == Standing.READ_ONLY


def test_ten_years_unpaid_erase_nothing(acme: Cast) -> None:
    end: Any = trial(acme).trial_end
    look(acme, end - DAY)
    look(acme, end)
    for year in range(1, 11):
        look(acme, end + 365 * year * DAY)
    assert tenant_of(acme).state == "active"
    with acme.inside():
        from shared_apps.accounts.models import User

        assert User.objects.count() == 3


def test_a_missed_payment_fixes_a_day_and_until_then_everything_goes_on(
    acme: Cast, account: Account, paper: Paper
) -> None:
    deliver(event("evt_1", paper.put(ordered(status="active"))))
    assert look(acme, timezone.now()) == Standing.ACTIVE
    deliver(event("evt_2", paper.put(ordered(status="past_due"))))
    found = own(acme)
    assert found and found.past_due_since and found.read_only_on
    assert len(mails("past-due")) == 1 and tenant_of(acme).unpaid_since is None
    promised = found.read_only_on
    deliver(event("evt_3", paper.put(ordered(status="unpaid"))))  # worse does not bring it forward
    again = own(acme)
    assert again and again.read_only_on == promised and len(mails("past-due")) == 1
    assert look(acme, found.past_due_since + 12 * DAY) == Standing.PAST_DUE
    assert look(acme, found.past_due_since + 14 * DAY) == Standing.READ_ONLY
    assert tenant_of(acme).unpaid_since


def test_a_changed_constant_changes_no_day_that_was_told(
    acme: Cast, account: Account, paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(event("evt_1", paper.put(ordered(status="past_due"))))
    before = own(acme)
    monkeypatch.setattr(subscriptions, "GRACE", timedelta(days=1))
    deliver(event("evt_2", paper.put(ordered(status="past_due", quantity=4))))
    after = own(acme)
    assert before and after and before.read_only_on == after.read_only_on and after.quantity == 4


def test_a_payment_opens_it_again_at_once(acme: Cast, account: Account, paper: Paper) -> None:
    deliver(event("evt_1", paper.put(ordered(status="past_due"))))
    look(acme, timezone.now() + 15 * DAY)
    assert tenant_of(acme).unpaid_since
    deliver(event("evt_2", paper.put(ordered(status="active"))))
    assert tenant_of(acme).unpaid_since is None and len(mails("opened")) == 1
    found = own(acme)
    assert found and found.past_due_since is None and found.read_only_on is None


def gone(name: str) -> None:
    raise TemplateDoesNotExist(name)


def test_an_address_that_takes_no_mail_keeps_nobody_who_paid_out(
    acme: Cast,
    account: Account,
    paper: Paper,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But a mail that is broken itself is nobody's address: all would go without it."""
    with scope.shared(actor=TESTER):
        Account.objects.update(billing_email="books@[broken].be")
    deliver(event("evt_1", paper.put(ordered(status="past_due"))))
    found = own(acme)
    assert found and found.past_due_since and not mails("past-due")
    look(acme, timezone.now() + 15 * DAY)
    assert tenant_of(acme).unpaid_since
    assert deliver(event("evt_2", paper.put(ordered(status="active")))).status_code == 200
    assert tenant_of(acme).unpaid_since is None and not mails("opened")
    with scope.shared(actor=TESTER):
        billing_mails.given_back(acme.tenant.client_id, "ch_1", cents=100, back=0)
        assert str(acme.tenant.client_id) in caplog.text and "broken" not in caplog.text
        Account.objects.update(billing_email="books@whole.be")
        monkeypatch.setattr("shared_apps.mail.sending.get_template", gone)
        with pytest.raises(mail.CannotSend, match=r"no mail template billing/mail/given_back\.txt"):
            billing_mails.given_back(acme.tenant.client_id, "ch_1", cents=100, back=0)


@pytest.mark.parametrize(
    ("status", "stands"),
    [
        ("trialing", Standing.TRIAL), ("active", Standing.ACTIVE), ("past_due", Standing.PAST_DUE),
        ("unpaid", Standing.PAST_DUE), ("paused", Standing.READ_ONLY),
        ("incomplete", Standing.TRIAL), ("incomplete_expired", Standing.TRIAL), ("canceled", Standing.TRIAL),
    ],
)  # fmt: skip
def test_each_state_of_the_processor_within_the_trial(
    acme: Cast, account: Account, paper: Paper, status: str, stands: Standing
) -> None:
    deliver(event("evt_1", paper.put(ordered(status=status))))
    assert look(acme, timezone.now()) == stands


def test_a_plan_that_ended_leaves_the_workspace_to_be_read_once_the_trial_is_over(
    acme: Cast, account: Account, paper: Paper
) -> None:
    now = int(timezone.now().timestamp())
    deliver(event("evt_1", paper.put(ordered(status="canceled", ended_at=now))))
    assert look(acme, timezone.now() + 31 * DAY) == Standing.READ_ONLY


def test_an_old_plan_that_ended_does_not_hide_the_new_one(acme: Cast, account: Account, paper: Paper) -> None:
    deliver(event("evt_1", paper.put(ordered("sub_new", status="active"))))
    deliver(event("evt_2", paper.put(ordered("sub_old", status="canceled"))))
    found = own(acme)
    assert found and found.processor_id == "sub_new"


# --- what people can do ---------------------------------------------------------------------------------------

OPEN_TO_POSTS = (
    "/workspace/exports/",
    "/workspace/leave/",
    "/workspace/erase/",
    "/sign-out/",
    "/workspace/billing/coupon/",
)
CLOSED_TO_POSTS = ("/contacts/new/", "/team/invite/", "/me/")


@pytest.fixture
def unpaid(acme: Cast) -> Cast:
    with scope.shared(actor=TESTER):
        tenant_of(acme).mark_unpaid(now=timezone.now())
    return acme


def test_everything_can_be_read_and_the_page_says_why(unpaid: Cast, browser: Callable[..., Browser]) -> None:
    open = browser(unpaid, unpaid.owner)
    for address in ("/", "/contacts/", "/team/", "/history/", "/workspace/", "/workspace/billing/"):
        page = open.get(address)
        assert page.status_code == 200 and "can only be read" in page.content.decode(), address


@pytest.mark.parametrize("address", CLOSED_TO_POSTS)
def test_changes_are_refused_with_a_clear_page(
    unpaid: Cast, browser: Callable[..., Browser], address: str
) -> None:
    answer = browser(unpaid, unpaid.owner).post(address, {"name": "Nobody"})
    said = answer.content.decode()
    assert answer.status_code == 402 and "nothing was changed" in said and "/workspace/billing/" in said


def test_whoever_may_not_pay_is_told_whom_to_ask(unpaid: Cast, browser: Callable[..., Browser]) -> None:
    answer = browser(unpaid, unpaid.colleague).post("/contacts/new/", {})
    assert answer.status_code == 402 and "ask an administrator" in answer.content.decode()
    assert "/workspace/billing/" not in answer.content.decode()


@pytest.mark.parametrize("address", OPEN_TO_POSTS)
def test_copies_leaving_erasure_and_paying_stay_open(
    unpaid: Cast, browser: Callable[..., Browser], address: str
) -> None:
    assert browser(unpaid, unpaid.owner).post(address, {}).status_code != 402


def test_the_page_is_in_the_language_of_whoever_reads_it(
    unpaid: Cast, browser: Callable[..., Browser]
) -> None:
    with unpaid.inside():
        unpaid.owner.language = "fr"
        unpaid.owner.save(update_fields=["language"])
    answer = browser(unpaid, unpaid.owner).post("/contacts/new/", {})
    assert answer.status_code == 402 and "ne peut qu’être lu" in answer.content.decode()


def test_an_unpaid_workspace_can_give_notice_and_withdraw_it(
    unpaid: Cast, browser: Callable[..., Browser]
) -> None:
    from tests.leaving.conftest import notice

    given = notice(unpaid)
    assert tenant_of(unpaid).state == "leaving"
    answer = browser(unpaid, unpaid.owner).post(f"/workspace/leave/{given.pk}/withdraw/")
    assert answer.status_code == 302
    assert tenant_of(unpaid).state == "active" and tenant_of(unpaid).unpaid_since


def test_it_comes_with_the_one_statement_that_finds_the_workspace(
    acme: Cast, browser: Callable[..., Browser], statements: Callable[[], Any]
) -> None:
    open = browser(acme, acme.owner)
    open.get("/contacts/")
    with statements() as before:
        open.get("/contacts/")
    with scope.shared(actor=TESTER):
        tenant_of(acme).mark_unpaid(now=timezone.now())
    with statements() as after:
        open.get("/contacts/")
    assert len(after) == len(before)
