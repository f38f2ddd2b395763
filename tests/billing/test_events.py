"""The processor's messages: only its own word, once, whatever order they come in, and nothing of what they say is kept."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import events, gateway, views_events
from billing.models import Account, Event, State
from shared_apps.kit import scope
from tests.billing.paper import EVENTS, Paper, deliver, event, ordered, own, signed
from tests.conftest import Cast


@pytest.fixture(autouse=True)
def _few_forgeries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_events, "FORGERIES", views_events.Forgeries())


def count() -> int:
    with scope.shared():
        return Event.objects.count()


def test_an_event_has_its_effect_and_its_row(acme: Cast, account: Account, paper: Paper) -> None:
    answer = deliver(event("evt_1", paper.put(ordered())))
    assert (answer.status_code, count()) == (200, 1)
    found = own(acme)
    assert found and (found.state, found.plan, found.quantity, found.unit_cents) == (
        "active",
        "small",
        3,
        1200,
    )


def test_what_counts_is_the_object_as_it_is_now_and_not_what_the_event_says(
    acme: Cast, account: Account, paper: Paper
) -> None:
    thing = paper.put(ordered(quantity=7))
    assert deliver(event("evt_1", thing | {"status": "unpaid"})).status_code == 200
    found = own(acme)
    assert found and (found.state, found.quantity) == (State.ACTIVE, 7)


def test_the_same_event_again_changes_nothing(account: Account, paper: Paper) -> None:
    body = event("evt_1", paper.put(ordered()))
    for _each in range(10):
        assert deliver(body).status_code == 200
    assert (count(), paper.asked) == (1, 1)


def test_the_account_is_held_before_a_row_of_its_plan_as_whoever_forgets_a_client_does(
    account: Account, paper: Paper
) -> None:
    for _each in ("the row is made", "the row is there"):
        thing = paper.put(ordered(status="canceled"))
        with scope.shared(), transaction.atomic(), CaptureQueriesContext(connection) as asked:
            events.project("subscription", thing["id"], now=timezone.now())
        said = [str(one["sql"]) for one in asked if "billing_" in str(one["sql"])]
        assert 'FROM "billing_account"' in said[0] and "FOR UPDATE" in said[0]


@pytest.mark.parametrize("version", ["2026-10-28.endive", "2024-06-20", ""])
def test_the_version_in_which_a_message_was_written_does_not_matter(
    acme: Cast, account: Account, paper: Paper, version: str
) -> None:
    body = event("evt_1", paper.put(ordered())).replace(b"2026-10-28.endive", version.encode())
    assert deliver(body).status_code == 200
    found = own(acme)
    assert found and found.quantity == 3


def test_an_event_whose_object_cannot_be_fetched_comes_again(
    acme: Cast, account: Account, paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = event("evt_1", paper.put(ordered()))

    def down(*_: Any) -> Any:
        raise gateway.Unreachable("down")

    with monkeypatch.context() as patch:
        patch.setitem(events.FETCHED, "subscription", down)
        told = events.verified(body, signed(body))
        with scope.shared(), pytest.raises(gateway.Unreachable), transaction.atomic():
            events.receive(told, now=timezone.now())
        assert count() == 0
    assert deliver(body).status_code == 200 and count() == 1
    assert own(acme)


def test_the_answer_then_is_one_that_has_it_sent_again(
    account: Account, paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> Any:
        raise gateway.Unreachable("down")

    monkeypatch.setitem(events.FETCHED, "subscription", down)
    assert deliver(event("evt_1", paper.put(ordered()))).status_code == 503


def test_an_unknown_kind_is_a_type_and_an_id_and_nothing_else(paper: Paper, db: None) -> None:
    thing = {"id": "pm_1", "object": "payment_method", "card": {"last4": "4242", "fingerprint": "Xt5EWLLD"}}
    assert deliver(event("evt_9", thing, "payment_method.attached")).status_code == 200
    with scope.shared(), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(e)::text FROM billing_event e")
        stored = cursor.fetchall()[0][0]
    assert "payment_method.attached" in stored and "evt_9" in stored
    assert "4242" not in stored and "pm_1" not in stored and paper.asked == 0


def test_an_object_that_is_gone_or_of_a_stranger_is_no_fault(account: Account, paper: Paper) -> None:
    assert deliver(event("evt_1", ordered("sub_gone"))).status_code == 200
    assert deliver(event("evt_2", paper.put(ordered("sub_2", "cus_of_another")))).status_code == 200


# --- whose word ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["", "t=1", "nonsense", "t=,v1=", "v1=abc", "t=9999999999,v1=" + "0" * 64, "t=1,v0=" + "0" * 64],
)
def test_without_its_signature_nothing_is_taken(paper: Paper, db: None, header: str) -> None:
    assert deliver(event("evt_1", paper.put(ordered())), header).status_code == 400
    assert (count(), paper.asked) == (0, 0)


def test_a_signature_of_another_secret_an_altered_body_or_an_old_one_is_none(paper: Paper, db: None) -> None:
    body = event("evt_1", paper.put(ordered()))
    assert deliver(body, signed(body, secret="whsec_of_another")).status_code == 400
    assert deliver(body.replace(b"evt_1", b"evt_2"), signed(body)).status_code == 400
    assert deliver(body + b" ", signed(body)).status_code == 400
    late = time.time() - gateway.TOLERANCE
    assert deliver(body, signed(body, at=late - 2)).status_code == 400
    assert count() == 0
    assert deliver(body, signed(body, at=late + 60)).status_code == 200


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200),
    header=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=120),
)
def test_no_body_and_no_signature_of_a_stranger_is_ever_taken(db: None, body: bytes, header: str) -> None:
    with pytest.raises(events.Forged):
        events.verified(body, header)


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"null", b'{"id": 1}', b'{"id":"e","type":"t","created":"x","data":{"object":{}}}',
             b'{"id":"e","type":"t","created":1e999,"data":{"object":{}}}', b'{"id":"e","type":"t","created":1,"data":[]}']
)  # fmt: skip
def test_a_signed_body_that_is_no_event_is_refused_in_peace(db: None, body: bytes) -> None:
    assert deliver(body).status_code == 400


def test_too_big_a_body_is_not_read(db: None) -> None:
    body = b"x" * (events.MOST_BYTES + 1)
    assert deliver(body, "t=1,v1=x").status_code == 413


def test_forged_ones_are_told_to_go_away_and_true_ones_pass_all_the_same(
    account: Account, paper: Paper
) -> None:
    body = event("evt_1", paper.put(ordered()))
    answers = [deliver(body, "t=1,v1=x").status_code for _ in range(views_events.MOST_FORGED + 5)]
    assert answers.count(400) == views_events.MOST_FORGED and answers[-1] == 429
    assert deliver(body).status_code == 200


def test_only_posts_and_no_session(paper: Paper, db: None) -> None:
    from django.test import Client as Browser

    assert Browser(HTTP_HOST="app.smoall.localhost").get(EVENTS).status_code == 405
    answer = deliver(event("evt_1", paper.put(ordered())))
    assert not answer.cookies


def test_without_keys_there_is_no_billing_and_everything_else_works(db: None) -> None:
    body = event("evt_1", ordered())
    header = signed(body)
    with override_settings(STRIPE_KEY="", STRIPE_WEBHOOK_SECRET=""):
        assert deliver(body, header).status_code == 503


def test_old_events_are_forgotten(account: Account, paper: Paper) -> None:
    deliver(event("evt_1", paper.put(ordered())))
    with scope.shared():
        Event.objects.update(received_at=timezone.now() - events.KEPT - timedelta(days=1))
        events.tidy.function()
        assert Event.objects.count() == 0
