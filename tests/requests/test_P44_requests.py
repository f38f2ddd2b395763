"""P44: who writes to Smoall is answered within a month: one register for mail, post and the workspace's page, with its clock."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.utils import timezone, translation

from config.schedule import TIMED_JOBS
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, plus_months
from shared_apps.mail.models import Message
from shared_apps.operators import jobs
from shared_apps.requests.models import CannotAnswer, Request
from tenants import forgetting
from tests.conftest import TESTER, Cast
from tests.leaving.conftest import suspend
from tests.operators.conftest import OPS, make_operator, page_of

HERE = "/workspace/requests/"
SAID = {
    "channel": "mail", "kind": "access", "from_name": "Rosalinde Quist", "from_address": "rosalinde@quist.test",
    "language": "en", "text": "What do you know of me?",
}  # fmt: skip


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


def register(opal: User, *, received_on: date, **said: Any) -> Request:
    with scope.shared(actor=opal.as_actor()):
        return Request.register(received_on=received_on, by=opal, now=timezone.now(), **{**SAID, **said})


def again(request: Request) -> Request:
    with scope.shared():
        return Request.objects.get(pk=request.pk)


def mails(purpose: str) -> list[Message]:
    with scope.shared():
        return list(Message.objects.filter(purpose=purpose))


def today() -> date:
    return day_of(timezone.now())


# --- the clock --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "due", "extended"),
    [
        (date(2026, 1, 31), date(2026, 2, 28), date(2026, 4, 30)),
        (date(2028, 1, 31), date(2028, 2, 29), date(2028, 4, 30)),
        (date(2026, 3, 15), date(2026, 4, 15), date(2026, 6, 15)),
        (date(2026, 10, 5), date(2026, 11, 5), date(2027, 1, 5)),
    ],
)
def test_P44_the_month_is_one_of_the_calendar_and_an_extension_two_more(
    opal: User, received: date, due: date, extended: date
) -> None:
    now = datetime(received.year, received.month, received.day, 12, tzinfo=ZoneInfo("Europe/Brussels"))
    with scope.shared(actor=opal.as_actor()):
        found = Request.register(received_on=received, by=opal, now=now, **SAID)
        assert found.due_on == due
        found.extend("Many records.", now=now + timedelta(days=2))
        assert again(found).due_on == extended
        with pytest.raises(CannotAnswer):
            found.extend("Again.", now=now + timedelta(days=3))


def test_P44_the_last_day_itself_is_in_time_and_the_next_is_late(opal: User) -> None:
    found = register(opal, received_on=today() - timedelta(days=10))
    assert not found.is_overdue(found.due_on) and found.is_overdue(found.due_on + timedelta(days=1))
    with scope.shared():
        assert not Request.objects.overdue(found.due_on).exists()
        assert Request.objects.overdue(found.due_on + timedelta(days=1)).exists()


def test_P44_the_month_runs_from_the_receipt_not_from_the_registration(here: Browser) -> None:
    received = today() - timedelta(days=20)
    assert here.post("/requests/new/", {**SAID, "received_on": f"{received}"}).status_code == 302
    with scope.shared():
        found = Request.objects.get()
    assert found.due_on == plus_months(received, 1) and found.registered_by_id


def test_P44_once_the_month_is_over_it_cannot_be_extended(here: Browser, opal: User) -> None:
    found = register(opal, received_on=today() - timedelta(days=40))
    here.post(f"/requests/{found.pk}/extend/", {"because": "Forgotten."})
    assert again(found).extended_at is None and again(found).due_on == found.due_on
    assert "Take two months more" not in page_of(here, f"/requests/{found.pk}/")


# --- left alone -------------------------------------------------------------------------------------------


def test_P44_a_request_left_is_mailed_to_operators_once_a_day_and_red_on_the_console(
    here: Browser, opal: User
) -> None:
    late = register(opal, received_on=today() - timedelta(days=40))
    register(opal, received_on=today())
    for _turn in range(2):
        with scope.shared(actor=TESTER):
            jobs.watch_requests.function()
    told = mails("operators.requests")
    assert [one.to_address for one in told] == [opal.email]
    assert f"{late.received_on}" in told[0].body and "Quist" not in told[0].body
    assert "1 request or breach is late" in page_of(here, "/")
    page = page_of(here, "/requests/")
    assert "badge-danger" in page and "1 late" in page
    assert "The month is over" in page_of(here, f"/requests/{late.pk}/")


def test_P44_nobody_is_mailed_while_nothing_is_late(opal: User) -> None:
    register(opal, received_on=today() - timedelta(days=20))
    answered = register(opal, received_on=today() - timedelta(days=50))
    with scope.shared(actor=opal.as_actor()):
        answered.give_answer("Nothing.", by=opal, now=timezone.now())
        jobs.watch_requests.function()
    assert mails("operators.requests") == []


def test_P44_planted_a_clock_that_is_not_watched_fails_here() -> None:
    assert "shared_apps.operators.jobs.watch_requests" in {one.job for one in TIMED_JOBS}


# --- answering --------------------------------------------------------------------------------------------


def test_P44_the_answer_is_mailed_once_in_the_askers_language(here: Browser, opal: User) -> None:
    found = register(opal, received_on=today(), language="fr")
    for _click in range(2):
        here.post(f"/requests/{found.pk}/answer/", {"answer": "Voici."})
    told = mails("requests.answer")
    assert [(one.to_address, one.language) for one in told] == [("rosalinde@quist.test", "fr")]
    assert "Voici." in told[0].body and again(found).answered_by_id == opal.pk
    assert (
        "was answered already"
        in here.post(f"/requests/{found.pk}/answer/", {"answer": "Autre."}, follow=True).content.decode()
    )
    assert again(found).answer == "Voici."


def test_P44_whoever_wrote_by_post_gets_a_letter(here: Browser, opal: User) -> None:
    found = register(opal, received_on=today(), channel="post", from_address="Rue Haute 1\n1000 Bruxelles")
    page = here.post(f"/requests/{found.pk}/answer/", {"answer": "Here."}, follow=True).content.decode()
    assert "write a letter" in page and mails("requests.answer") == []
    assert again(found).answered_at


def test_P44_an_extension_is_told_with_its_reason(here: Browser, opal: User) -> None:
    found = register(opal, received_on=today())
    here.post(f"/requests/{found.pk}/extend/", {"because": "Four hundred records."})
    told = mails("requests.answer")
    assert len(told) == 1 and "Four hundred records." in told[0].body
    assert page_of(here, "/requests/").count("takes longer") == 1


@pytest.mark.parametrize(
    "changes", [{"text": ""}, {"received_on": "2999-01-01"}, {"kind": "x"}, {"client": "nobody at all"}, {"from_name": "a\nb"}]
)  # fmt: skip
def test_P44_a_wrong_registration_is_said_and_keeps_nothing(here: Browser, changes: dict[str, str]) -> None:
    answer = here.post("/requests/new/", {**SAID, "received_on": f"{today()}", **changes})
    assert answer.status_code == 200 and "field-error" in answer.content.decode()
    with scope.shared():
        assert not Request.objects.exists()


def test_P44_a_letter_is_kept_as_a_scan(here: Browser, acme: Cast) -> None:
    posted: dict[str, Any] = {
        **SAID,
        "channel": "post",
        "received_on": f"{today()}",
        "client": "acme",
        "text": "",
    }
    posted["scan"] = SimpleUploadedFile("letter.txt", b"We ask.")
    assert here.post("/requests/new/", posted).status_code == 302
    with scope.shared():
        found = Request.objects.get()
    assert found.client_uuid == acme.tenant.client_id
    answer: Any = here.get(f"/requests/{found.pk}/scan/")
    assert b"".join(answer.streaming_content) == b"We ask."
    assert answer.headers["Content-Disposition"].startswith("attachment")


# --- the workspace's page ---------------------------------------------------------------------------------


def test_P44_what_an_owner_writes_lands_in_the_same_register_and_the_answer_stands_there(
    acme: Cast, here: Browser, browser: Callable[..., Browser]
) -> None:
    olga = browser(acme, acme.owner)
    posted = {"kind": "restriction", "text": "Keep it, use it for nothing."}
    assert olga.post(f"{HERE}write/", posted).status_code == 302
    with scope.shared():
        found = Request.objects.get()
    assert (found.channel, found.client_uuid, found.due_on) == (
        "page", acme.tenant.client_id, plus_months(today(), 1),
    )  # fmt: skip
    assert "being answered" in page_of(olga, HERE) and "Acme SRL" in page_of(here, "/requests/")
    here.post(f"/requests/{found.pk}/answer/", {"answer": "It rests from today."})
    page = page_of(olga, HERE)
    assert "It rests from today." in page and "badge-positive" in page
    assert [one.to_address for one in mails("requests.answer")] == [acme.owner.email]


def test_P44_a_neighbour_sees_nothing_of_it(
    acme: Cast, zenith: Cast, opal: User, browser: Callable[..., Browser]
) -> None:
    register(opal, received_on=today(), client_uuid=acme.tenant.client_id, text="Tungsten")
    assert "Tungsten" in page_of(browser(acme, acme.owner), HERE)
    assert "Tungsten" not in page_of(browser(zenith, zenith.owner), HERE)


def test_P44_administrators_see_it_owners_write_members_neither(
    acme: Cast, browser: Callable[..., Browser]
) -> None:
    ada, colin = browser(acme, acme.admin), browser(acme, acme.colleague)
    posted = {"kind": "question", "text": "Why?"}
    assert "Send the request" not in page_of(ada, HERE)
    assert [ada.post(f"{HERE}write/", posted).status_code, colin.get(HERE).status_code] == [403, 403]
    suspend(acme)
    assert browser(acme, acme.owner).post(f"{HERE}write/", posted).status_code == 302


def test_P44_nobody_fills_the_register(acme: Cast, browser: Callable[..., Browser]) -> None:
    olga = browser(acme, acme.owner)
    for _each in range(20):
        assert olga.post(f"{HERE}write/", {"kind": "question", "text": "Why?"}).status_code == 302
    answer = olga.post(f"{HERE}write/", {"kind": "question", "text": "Why?"})
    assert answer.status_code == 200 and "Twenty requests" in answer.content.decode()


# --- how long it is kept ----------------------------------------------------------------------------------


def test_P44_names_go_three_years_after_the_answer_kind_and_dates_stay(opal: User) -> None:
    answered = timezone.now() - timedelta(days=3 * 366)
    old = register(opal, received_on=day_of(answered), channel="post", scan=SimpleUploadedFile("a.txt", b"x"))
    young = register(opal, received_on=today())
    with scope.shared(actor=opal.as_actor()):
        old.give_answer("Voici.", by=opal, now=answered)
        young.give_answer("Voici.", by=opal, now=timezone.now())
        jobs.watch_requests.function()
    gone = again(old)
    assert (gone.from_name, gone.from_address, gone.text, gone.answer, str(gone.scan)) == ("",) * 5
    assert (gone.kind, gone.received_on, gone.answered_at) == (old.kind, old.received_on, answered)
    assert again(young).from_name == "Rosalinde Quist"


def test_P40_P44_who_asks_for_themselves_is_answered_though_the_client_had_its_details_erased(
    here: Browser, opal: User
) -> None:
    """A former employee: the client's own erasure must not silence them, nor leave anything about the client."""
    with scope.shared(actor=TESTER):
        gone = Client.objects.create(company="Gone", contact_name="Olga", contact_email="olga@acme.test")
    client = gone.pk
    theirs = register(
        opal, received_on=today(), client_uuid=client, scan=SimpleUploadedFile("a.txt", b"Quist")
    )
    own = register(opal, received_on=today(), client_uuid=client, from_address="OLGA@acme.test")
    done = register(opal, received_on=today(), client_uuid=client)
    with scope.shared(actor=opal.as_actor()):
        done.give_answer("Here.", by=opal, now=timezone.now())
    with scope.acting(TESTER), scope.shared():
        forgetting.forget_client(client)
    forgetting.purge_files(client)
    found, closed = again(theirs), again(own)
    assert (found.state, found.client_uuid, found.from_name) == ("open", None, "Rosalinde Quist")
    with scope.shared():
        assert found.scan.read() == b"Quist" and found.is_overdue(date(2999, 1, 1))
    assert (closed.state, closed.answered_at, closed.from_name) == ("closed", None, "")
    assert (again(done).state, again(done).from_name) == ("answered", "")
    assert "without an answer" in page_of(here, f"/requests/{own.pk}/")
    here.post(f"/requests/{own.pk}/answer/", {"answer": "Here."})
    assert again(own).answered_at is None, "nobody is left to be answered"
    here.post(f"/requests/{theirs.pk}/answer/", {"answer": "We hold nothing of you."})
    assert [one.to_address for one in mails("requests.answer")] == ["rosalinde@quist.test"]


def test_P44_names_go_with_the_clients_contact_details(acme: Cast, opal: User) -> None:
    found = register(
        opal, received_on=today(), client_uuid=acme.tenant.client_id, scan=SimpleUploadedFile("a.txt", b"Quist"),
        channel="page",
    )  # fmt: skip
    folder = Path(settings.MEDIA_ROOT) / "shared" / "requests" / str(acme.tenant.client_id)
    assert len(list(folder.iterdir())) == 1
    with scope.shared(actor=TESTER):
        Request.forget_client(acme.tenant.client_id, now=timezone.now())
    forgetting.purge_files(acme.tenant.client_id)
    gone = again(found)
    assert not folder.exists() and gone.names_removed_at and not gone.is_overdue(date(2999, 1, 1))
    assert (gone.from_name, gone.text) == ("", "")


def test_P44_the_history_of_the_register_names_nobody_who_asked(here: Browser, opal: User) -> None:
    found = register(opal, received_on=today())
    here.post(f"/requests/{found.pk}/answer/", {"answer": "Dear Ms Quist"})
    with scope.shared():
        said = str(list(LogEntry.objects.filter(object_pk=str(found.pk)).values()))
    assert "Opal" in said and "quist" not in said.lower()
