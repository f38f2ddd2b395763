"""P32: the client is told at once, or on the day on which an order's silence ends, and once."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs import run as jobs_run
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from shared_apps.sharing import jobs as sharing_jobs
from shared_apps.sharing import timeline
from shared_apps.sharing.models import CannotShare, Order
from tenants import forgetting, orders
from tests.conftest import TESTER, Cast
from tests.sharing.conftest import again, confirm, made, register
from tests.sharing.orders import TOMORROW, _files_go, told

__all__ = ["_files_go"]


def test_P32_the_client_is_told_at_once_when_nothing_forbids_it(acme: Cast, otto: User, opal: User) -> None:
    order = made(acme, otto, opal)
    assert told(order) == 1 and again(order).told_at is None, "it waits to leave"
    with scope.shared():
        jobs_run.drain()
        sent = Message.objects.get(purpose="sharing.order")
        assert sent.to_address == "olga@acme.test" and "Tribunal de Bruxelles" in sent.subject
    assert again(order).told_at == sent.sent_at


def test_P32_a_client_that_was_not_reached_is_written_to_again_the_next_day(
    acme: Cast, zenith: Cast, otto: User, opal: User
) -> None:
    now = timezone.now()
    with scope.shared(actor=TESTER):
        mail.suppress("olga@acme.test", reason="bounced", now=now)
        Client.objects.filter(pk=zenith.tenant.client_id).update(contact_email="no address")
    lost = made(zenith, otto, opal)
    order = made(acme, otto, opal)
    with scope.shared(actor=TESTER):
        jobs_run.drain()
        sharing_jobs.tell(now + timedelta(hours=1))
        jobs_run.drain()
        assert again(order).told_at is None and not told(lost), "one bad address undoes nothing of the others"
        mail.lift("olga@acme.test")
        assert sharing_jobs.tell(now + timedelta(days=1, minutes=1)) == 1
        jobs_run.drain()
    assert told(order) == 1 and again(order).told_at


def test_P32_the_client_is_told_before_anything_is_given(acme: Cast, otto: User, opal: User) -> None:
    """The agreement, article 5: at the confirmation; nothing is handed over before the mail has left."""
    order = register(acme, otto)
    with scope.shared(actor=TESTER):
        sharing_jobs.tell(timezone.now())
    assert told(order) == 0, "nobody has confirmed it"
    confirm(order, opal)
    assert told(order) == 1 and again(order).made_at is None
    with scope.acting(TESTER):
        orders.carry_out.function(str(order.pk))
    with scope.shared(actor=TESTER):
        mail = Message.objects.get(purpose="sharing.order")
        assert "a reçu une ordonnance" in mail.body and "Rien n’est remis" in mail.body
        with pytest.raises(CannotShare, match="told first"):
            orders.take(order.pk, by=opal, now=timezone.now())
        Message.objects.update(state=Message.State.SENT)
        orders.take(order.pk, by=opal, now=timezone.now())[1].close()


def test_P32_what_may_not_be_told_of_is_handed_over_in_silence(acme: Cast, otto: User, opal: User) -> None:
    order = made(acme, otto, opal, gag_until=timezone.localdate() + TOMORROW)
    with scope.shared(actor=TESTER):
        orders.take(order.pk, by=opal, now=timezone.now())[1].close()
        assert told(order) == 0
        sharing_jobs.tell(timezone.now() + 3 * TOMORROW)
        assert "a dû exécuter" in Message.objects.get(purpose="sharing.order").body


def secrets_told(acme: Cast, otto: User, opal: User) -> list[str]:
    """Where a secret order shows before its day is over, and where it does not show afterwards."""
    until = timezone.localdate() + TOMORROW
    order, found, now = made(acme, otto, opal, gag_until=until), [], timezone.now()
    with scope.shared(actor=TESTER):
        sharing_jobs.tell(now)
        sharing_jobs.tell(now + TOMORROW)
        if told(order):
            found.append("mail too early")
        if list(timeline.orders(order.client_uuid)):
            found.append("page")
        if forgetting.kept_by_law(order.client_uuid, now=now):
            found.append("certificate")
        sharing_jobs.tell(now + 2 * TOMORROW)
        sharing_jobs.tell(now + 3 * TOMORROW)
        if told(order) != 1:
            found.append("mail not once afterwards")
        if not Order.objects.get(pk=order.pk).record:
            found.append("no record")
    return found


def test_P32_a_secret_order_is_told_once_when_the_silence_ends_and_recorded_all_along(
    acme: Cast, otto: User, opal: User
) -> None:
    assert secrets_told(acme, otto, opal) == []


def test_P32_a_loose_tongue_is_noticed(
    acme: Cast, otto: User, opal: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: nobody looks at the day."""
    monkeypatch.setattr(
        "shared_apps.sharing.models.OrderQuerySet.untold", lambda self, today: self.filter(told_at=None)
    )
    monkeypatch.setattr("shared_apps.sharing.models.OrderQuerySet.speakable", lambda self, today: self)
    assert {"mail too early", "page", "certificate"} <= set(secrets_told(acme, otto, opal))


def test_the_silence_moves_only_further_away_and_says_by_whom(acme: Cast, otto: User, opal: User) -> None:
    today = timezone.localdate()
    order = made(acme, otto, opal, gag_until=today + TOMORROW)
    with scope.shared(actor=TESTER):
        held = Order.objects.get(pk=order.pk)
        with pytest.raises(CannotShare):
            held.prolong(today, by=opal, now=timezone.now())
        held.prolong(today + timedelta(days=30), by=opal, now=timezone.now())
        assert held.silences[0]["by"] == str(opal.pk)
        held.prolong(today + timedelta(days=40), by=opal, now=timezone.now())
        for rewritten in ([], held.silences[:1], held.silences[::-1], [*held.silences, held.silences[-1]]):
            with pytest.raises(DatabaseError), transaction.atomic():
                Order.objects.filter(pk=held.pk).update(silences=rewritten)
    spoken = made(acme, otto, opal, reference="3")
    with scope.shared(actor=TESTER), pytest.raises(CannotShare):
        Order.objects.get(pk=spoken.pk).prolong(today + TOMORROW, by=opal, now=timezone.now())
