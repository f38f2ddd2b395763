"""P44, and articles 33 and 34: a breach is registered with its 72 hours, and each client concerned is told exactly once."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client as Browser
from django.utils import timezone, translation

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs import run as jobs_run
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.dates import BRUSSELS
from shared_apps.mail.delivery import deliver
from shared_apps.mail.models import Message
from shared_apps.operators import jobs
from shared_apps.requests import mails
from shared_apps.requests.models import Breach, CannotNote, Notice, Supplement
from tenants import erasure
from tenants.models import Saga
from tests.conftest import TESTER, Cast
from tests.operators.conftest import OPS, make_operator, page_of

TEXTS = {"text_fr": "Un disque a été volé.", "text_en": "A disk was stolen."}
SURE = TEXTS | {"confirmed": "1"}


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def opal(db: None) -> User:
    return make_operator("Opal")


@pytest.fixture
def here(opal: User, browser: Callable[..., Browser]) -> Browser:
    return browser(OPS, opal)


def register(opal: User, *clients: Cast, hours: float = 1, **facts: Any) -> Breach:
    now = timezone.now()
    said = {"summary": "A stolen disk", "happened": "A disk was stolen.", "categories": ["contact"], **facts}
    with scope.shared(actor=opal.as_actor()):
        return Breach.register(
            found_at=now - timedelta(hours=hours), clients=[one.tenant.client_id for one in clients], by=opal,
            now=now, **said,
        )  # fmt: skip


def again(breach: Breach) -> Breach:
    with scope.shared():
        return Breach.objects.get(pk=breach.pk)


def told() -> list[Message]:
    with scope.shared():
        return list(Message.objects.filter(purpose="requests.breach").order_by("to_address"))


def test_P44_a_breach_is_registered_with_its_clock(here: Browser, acme: Cast, zenith: Cast) -> None:
    found_at = timezone.localtime() - timedelta(hours=2)
    posted = {
        "summary": "A stolen disk", "happened": "A disk was stolen.", "found_at": f"{found_at:%Y-%m-%dT%H:%M}",
        "categories": ["contact", "data"], "number": "12", "clients": "acme\nolga@zenith.test\n",
    }  # fmt: skip
    assert here.post("/requests/breaches/new/", posted).status_code == 302
    with scope.shared():
        found = Breach.objects.get()
        concerned = set(found.concerned.values_list("client_uuid", flat=True))
    assert concerned == {acme.tenant.client_id, zenith.tenant.client_id}
    assert found.authority_due_at - found.found_at == timedelta(hours=72)
    assert "69 hours are left" in page_of(here, f"/requests/breaches/{found.pk}/")


@pytest.mark.parametrize("day", ["2026-10-24", "2026-03-28"])
def test_P44_the_72_hours_pass_across_a_change_of_the_clock(opal: User, day: str) -> None:
    """As the form gives it: a clock in Brussels, which shows an hour twice in that night, or never."""
    found_at = datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=BRUSSELS)
    with scope.shared(actor=opal.as_actor()):
        breach = Breach.register(
            found_at=found_at, clients=[], by=opal, now=found_at + timedelta(days=400), summary="A stolen disk",
            happened="A disk was stolen.", categories=["contact"],
        )  # fmt: skip
    breach = again(breach)
    assert breach.authority_due_at - breach.found_at == timedelta(hours=72)


@pytest.mark.parametrize(
    "changes", [{"clients": "nobody at all"}, {"found_at": "2999-01-01T10:00"}, {"categories": []}, {"happened": ""}]
)  # fmt: skip
def test_P44_a_wrong_breach_is_said_and_keeps_nothing(here: Browser, changes: dict[str, Any]) -> None:
    posted = {"summary": "x", "happened": "y", "found_at": "2026-01-01T10:00", "categories": ["contact"]}
    answer = here.post("/requests/breaches/new/", posted | changes)
    assert answer.status_code == 200 and "field-error" in answer.content.decode()
    with scope.shared():
        assert not Breach.objects.exists()


def test_P44_each_client_concerned_is_told_once_in_its_language(
    here: Browser, opal: User, acme: Cast, zenith: Cast
) -> None:
    with scope.shared(actor=TESTER):
        Client.objects.filter(pk=zenith.tenant.client_id).update(language="en")
    breach = register(opal, acme, zenith)
    address = f"/requests/breaches/{breach.pk}/notify/"
    preview = here.post(address, TEXTS).content.decode()
    assert "Mail 2 clients?" in preview and preview.count("1 client reads this:") == 2
    assert all(text in preview for text in TEXTS.values())
    changed = here.post(address, TEXTS | {"change": "1"}).content.decode()
    assert TEXTS["text_fr"] in changed and 'name="text_fr"' in changed and "field-error" not in changed
    assert told() == [] and again(breach).notices == {}, "seen, and nothing sent or kept"
    for _click in range(3):
        here.post(address, SURE)
    first, second = told()
    assert (first.to_address, first.language) == ("olga@acme.test", "fr") and TEXTS["text_fr"] in first.body
    assert (second.to_address, second.language) == ("olga@zenith.test", "en") and TEXTS[
        "text_en"
    ] in second.body
    with scope.shared():
        assert not Notice.objects.exclude(told_at=None).exists(), "what is written has not left"
        jobs_run.drain()
        left_at = dict(Message.objects.filter(purpose="requests.breach").values_list("about", "sent_at"))
        assert dict(Notice.objects.values_list("client_uuid", "told_at")) == left_at and None not in left_at


def test_P44_who_is_not_reached_counts_as_untold_and_is_written_to_again(
    here: Browser, opal: User, acme: Cast, zenith: Cast
) -> None:
    """One address is none, from one every mail comes back: neither keeps the other from being told."""
    with scope.shared(actor=TESTER):
        Client.objects.filter(pk=zenith.tenant.client_id).update(contact_email="no address")
        mail.suppress("olga@acme.test", reason="bounced", now=timezone.now())
    breach = register(opal, zenith, acme)
    here.post(f"/requests/breaches/{breach.pk}/notify/", SURE)
    assert "the mail is on its way" in page_of(here, f"/requests/breaches/{breach.pk}/")
    with scope.shared(actor=TESTER):
        jobs_run.drain()
        assert Notice.objects.filter(told_at=None).count() == 2
        assert "not told: the mail came back" in page_of(here, f"/requests/breaches/{breach.pk}/")
        Client.objects.filter(pk=zenith.tenant.client_id).update(contact_email="olga@zenith.test")
        mail.lift("olga@acme.test")
    here.post(f"/requests/breaches/{breach.pk}/notify/", SURE)
    with scope.shared(actor=TESTER):
        jobs_run.drain()
        assert (
            not Notice.objects.filter(told_at=None).exists() and [one.state for one in told()] == ["sent"] * 2
        )


def test_P44_what_is_on_its_way_outlives_the_data(opal: User, acme: Cast) -> None:
    client = acme.tenant.client_id
    with scope.shared(actor=TESTER):
        for purpose in (*erasure.OUTLIVING, "tenants.contact"):
            Message.objects.create(
                purpose=purpose,
                to_address="olga@acme.test",
                language="fr",
                subject="x",
                key=purpose,
                about=client,
            )
        saga = Saga(subject=acme.id, data={"labels": [], "people": [], "domains": [], "client": str(client)})
        erasure.erase_shared(saga)
        left = Message.objects.filter(about=client).values_list("purpose", flat=True)
        assert sorted(left) == ["requests.answer", "requests.breach", "sharing.order"]


def test_P44_planted_a_second_mail_for_one_client_is_none(opal: User, acme: Cast) -> None:
    breach = register(opal, acme)
    with scope.shared(actor=opal.as_actor()):
        breach.notices = {"fr": "Volé.", "en": "Stolen."}
        breach.save()
        mails.breach(breach, now=timezone.now())
        Notice.objects.update(told_at=None)  # as if it had been forgotten
        mails.breach(breach, now=timezone.now())
        breach.concern([acme.tenant.client_id])
    assert len(told()) == 1
    with scope.shared():
        assert Notice.objects.count() == 1


def test_P44_without_a_text_in_a_clients_language_nobody_is_told(
    here: Browser, opal: User, acme: Cast
) -> None:
    breach = register(opal, acme)
    here.post(f"/requests/breaches/{breach.pk}/notify/", {"text_en": "Stolen.", "confirmed": "1"})
    with scope.shared(actor=opal.as_actor()):
        breach.notices = {"en": "Stolen."}
        with pytest.raises(CannotNote):
            mails.breach(breach, now=timezone.now())
    assert told() == [] and again(breach).notified_at is None


def test_P44_others_are_not_told_and_the_client_sees_it_on_its_page(
    here: Browser, opal: User, acme: Cast, zenith: Cast, browser: Callable[..., Browser]
) -> None:
    breach = register(opal, acme)
    here.post(f"/requests/breaches/{breach.pk}/notify/", SURE)
    with scope.shared():
        jobs_run.drain()
    assert [one.to_address for one in told()] == ["olga@acme.test"]
    assert "A breach of security concerned" in page_of(browser(acme, acme.owner), "/workspace/requests/")
    assert "A breach of security concerned" not in page_of(
        browser(zenith, zenith.owner), "/workspace/requests/"
    )


MORE = {"text_fr": "Il était chiffré.", "text_en": "It was encrypted."}


def test_P44_clients_found_later_are_told_and_all_are_told_more_once_it_is_known(
    here: Browser, opal: User, acme: Cast, zenith: Cast
) -> None:
    """The agreement, article 10: what isn't known yet follows as soon as possible."""
    breach = register(opal, acme)
    page = f"/requests/breaches/{breach.pk}/"
    here.post(f"{page}supplement/", MORE)
    assert told() == [], "nobody was told of the breach itself"
    here.post(f"{page}notify/", SURE)
    here.post(f"{page}concern/", {"clients": "nobody at all"})
    for _click in range(2):
        here.post(f"{page}concern/", {"clients": "zenith\nacme\n"})
    assert "not told yet" in page_of(here, page) and len(told()) == 1
    assert here.post(f"{page}supplement/", {"text_fr": "Chiffré."}).status_code == 200, (
        "a language is missing"
    )
    here.post(f"{page}supplement/", MORE)
    for _click in range(2):
        here.post(f"{page}notify/", {"confirmed": "1"})
    bodies = [(one.to_address, MORE["text_fr"] in one.body) for one in told()]
    assert sorted(bodies) == [
        ("olga@acme.test", False), ("olga@acme.test", True), ("olga@zenith.test", False), ("olga@zenith.test", True),
    ]  # fmt: skip
    here.post(f"{page}supplement/", MORE)
    assert len(told()) == 6 and page_of(here, page).count(MORE["text_en"]) == 2
    with scope.shared():
        jobs_run.drain()
        assert not Notice.objects.filter(breach=breach, told_at=None).exists()
        assert not Job.objects.filter(name=deliver.name).exclude(state=Job.State.DONE).exists()
    assert {(one.state, one.attempts) for one in told()} == {(Message.State.SENT, 1)}
    with scope.shared(actor=opal.as_actor()):
        added = Supplement.objects.filter(breach=breach)
        for change in (lambda: added.update(texts={}), added.delete):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()


# --- the authority ----------------------------------------------------------------------------------------


def test_P44_a_breach_left_for_72_hours_is_an_alarm(here: Browser, opal: User) -> None:
    register(opal, hours=71)
    with scope.shared(actor=TESTER):
        jobs.watch_requests.function()
        assert not Message.objects.filter(purpose="operators.requests").exists()
    breach = register(opal, hours=73)
    with scope.shared(actor=TESTER):
        jobs.watch_requests.function()
        alarm = Message.objects.get(purpose="operators.requests")
    assert "A stolen disk" in alarm.body and alarm.to_address == opal.email
    assert "1 request or breach is late" in page_of(here, "/")
    assert "The 72 hours are over" in page_of(here, f"/requests/breaches/{breach.pk}/")


def test_P44_once_the_authority_is_told_the_clock_stops(here: Browser, opal: User) -> None:
    breach = register(opal, hours=50)
    at = timezone.localtime() - timedelta(hours=1)
    here.post(
        f"/requests/breaches/{breach.pk}/authority/", {"at": f"{at:%Y-%m-%dT%H:%M}", "reference": "DPA-1"}
    )
    found = again(breach)
    assert found.authority_reference == "DPA-1" and not found.is_overdue(timezone.now() + timedelta(days=9))
    here.post(f"/requests/breaches/{breach.pk}/no-authority/", {"because": "No."})
    assert again(breach).authority_not_because == "", "the first word stands"


def test_P44_late_needs_a_reason_and_never_before_it_was_found(opal: User) -> None:
    breach, now = register(opal, hours=80), timezone.now()
    with scope.shared(actor=opal.as_actor()):
        for at, why in ((now, ""), (now - timedelta(days=9), "x"), (now + timedelta(hours=1), "x")):
            with pytest.raises(CannotNote):
                breach.tell_authority(at=at, reference="", late_because=why, now=now)
        breach.tell_authority(at=now, reference="", late_because="We had to be sure.", now=now)
    assert again(breach).late_because == "We had to be sure."


def test_P44_no_risk_for_anybody_is_noted_with_its_reason(here: Browser, opal: User) -> None:
    breach = register(opal, hours=80)
    here.post(f"/requests/breaches/{breach.pk}/no-authority/", {"because": ""})
    assert again(breach).is_open
    here.post(f"/requests/breaches/{breach.pk}/no-authority/", {"because": "The disk was encrypted."})
    assert not again(breach).is_open and "The disk was encrypted." in page_of(
        here, f"/requests/breaches/{breach.pk}/"
    )
    at = {"at": f"{timezone.localtime():%Y-%m-%dT%H:%M}"}
    here.post(f"/requests/breaches/{breach.pk}/authority/", at)
    assert again(breach).authority_notified_at is None, "it is told after all: the reason is missing"
    here.post(f"/requests/breaches/{breach.pk}/authority/", at | {"late_because": "Its key was stolen too."})
    found = again(breach)
    assert found.authority_notified_at and found.late_because == "Its key was stolen too."
    assert found.authority_not_because == "The disk was encrypted.", "what was thought then stays"
