"""Refusing mails by one click or on a page, the way back, and what it changes: asked when a mail leaves (P20)."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from shared_apps import mail
from shared_apps.clients.models import Client
from shared_apps.jobs.run import drain
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.mail import refusing
from shared_apps.mail.models import Message, Refusal, Suppression, print_of
from tenants import forgetting
from tests.conftest import TESTER, Cast
from tests.mail.conftest import Committed, Inbox, queued, state
from tests.mail.test_send import send
from tests.toys.fixtures import undone
from tests.website.test_languages import Missing, missing

__all__ = ["missing"]

pytestmark = pytest.mark.usefixtures("toys")
Open = Callable[..., Browser]
APP = "app.smoall.localhost"
ZOE = "zoe@client.test"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
OFFERED = ("toys.news", "toys.policy")
NOT_OFFERED = ("toys.write", "toys.reset")


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def link(where: Cast | None = None, **changes: Any) -> str:
    """The path in the mail's header."""
    with where.inside() if where else scope.shared():
        return path_of(refusing.link(send(**({"purpose": "toys.news", "key": str(uuid7())} | changes))))


def strict(host: str) -> Browser:
    """As a mail program: no cookie, no form token, and none is forgiven."""
    return Browser(enforce_csrf_checks=True, HTTP_HOST=host)


def refusals(where: Cast | None = None) -> list[str]:
    with where.inside() if where else scope.shared():
        return [str(row) for row in Refusal.objects.all()]


# --- which mails carry it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", OFFERED)
def test_P20_information_and_policy_mails_carry_the_one_click_headers_and_the_link(
    committed: Committed, inbox: Inbox, purpose: str
) -> None:
    acme, _ = committed
    queued(acme, purpose=purpose)
    drain()
    [got] = inbox.mails
    url = re.fullmatch(
        r"<(http://acme\.smoall\.localhost/mails/refuse/[^>]+)>", got["List-Unsubscribe"].strip()
    )
    assert url and got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        text = got.get_body((kind,)).get_content()  # type: ignore[union-attr]
        assert "/mails/refuse/" in text and ZOE not in text.partition("/mails/refuse/")[2]
    assert ZOE not in url[1] and "zoe" not in url[1]


@pytest.mark.parametrize("purpose", NOT_OFFERED)
def test_mails_that_cannot_be_refused_offer_no_link(committed: Committed, inbox: Inbox, purpose: str) -> None:
    acme, _ = committed
    queued(acme, purpose=purpose)
    drain()
    [got] = inbox.mails
    assert got["List-Unsubscribe"] is None and got["List-Unsubscribe-Post"] is None
    assert "/mails/refuse/" not in got.as_string()


def test_in_production_the_link_is_https(acme: Cast) -> None:
    with override_settings(SMOALL_IS_PRODUCTION=True, SMOALL_PORT=None), acme.inside():
        message = send(purpose="toys.news")
        assert refusing.link(message).startswith("https://acme.smoall.localhost/mails/refuse/")
        assert refusing.headers(message)["List-Unsubscribe"].startswith("<https://")


def test_a_template_that_shows_the_link_has_it_once(acme: Cast) -> None:
    with acme.inside():
        told = send(purpose="toys.news", key="a", template="toys/news")
        untold = send(purpose="toys.news", key="b", language="fr")
    assert told.body.count("/mails/refuse/") == untold.body.count("/mails/refuse/") == 1
    assert "Si vous ne voulez plus" in untold.body


def test_a_caller_can_not_bring_other_headers_for_it(acme: Cast) -> None:
    with acme.inside():
        for name in ("List-Unsubscribe", "list-unsubscribe-post"):
            with pytest.raises(mail.CannotSend):
                send(headers={name: "<https://elsewhere.test/>"})


# --- the page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_app", [True, False])
def test_opening_the_page_changes_nothing_and_asks_for_nobody(acme: Cast, on_app: bool) -> None:
    """Scanners of mails follow links."""
    where, host = (None, APP) if on_app else (acme, acme.host)
    visitor, path = strict(host), link(where)
    for method in ("get", "head"):
        answer = getattr(visitor, method)(path)
        assert answer.status_code == 200 and not answer.cookies
    assert refusals(where) == []
    assert visitor.put(path).status_code == 405


@pytest.mark.parametrize("on_app", [True, False])
def test_P20_one_click_refuses_without_session_cookie_or_form_token(acme: Cast, on_app: bool) -> None:
    where, host = (None, APP) if on_app else (acme, acme.host)
    path = link(where)
    for _twice in range(2):
        answer = strict(host).post(path, ONE_CLICK)
        assert answer.status_code == 200 and not answer.cookies
        assert refusals(where) == ["information"]


def test_the_page_has_a_button_and_then_the_way_back(acme: Cast) -> None:
    visitor, path = strict(acme.host), link(acme)
    page = visitor.get(path).content.decode()
    assert 'name="answer" value="refuse"' in page and not visitor.cookies
    page = visitor.post(path, {"answer": "refuse"}).content.decode()
    assert 'name="answer" value="accept"' in page and refusals(acme) == ["information"]
    page = visitor.post(path, {"answer": "accept"}).content.decode()
    assert 'name="answer" value="refuse"' in page and refusals(acme) == []


@pytest.mark.parametrize(("language", "said"), [("fr", "Ne plus m’en envoyer"), ("en", "Send me none")])
def test_the_page_speaks_the_persons_language(acme: Cast, language: str, said: str) -> None:
    path = link(acme, language=language)
    answer = Browser(HTTP_HOST=acme.host, headers={"accept-language": "de"}).get(path)
    assert said in answer.content.decode()
    assert answer.headers["Content-Language"] == language
    chosen = Browser(HTTP_HOST=acme.host)
    chosen.cookies["__Host-language"] = "en"
    assert "Send me none" in chosen.get(path).content.decode()


def test_a_link_works_on_its_own_host_alone_and_not_when_altered(acme: Cast, zenith: Cast) -> None:
    path = link(acme)
    shared = link()
    token = path.rstrip("/").rpartition("/")[2]
    for host, wrong in (
        (zenith.host, path), (APP, path), (acme.host, shared), ("ops.smoall.localhost", shared),
        (acme.host, path.replace(token, token[:-1] + ("a" if token[-1] != "a" else "b"))),
    ):  # fmt: skip
        assert strict(host).post(wrong, ONE_CLICK).status_code in (404, 410)
    assert refusals(acme) == refusals(zenith) == refusals() == []


def test_a_link_still_works_after_ten_years(acme: Cast) -> None:
    path = link(acme)
    with patch("django.core.signing.time.time", return_value=timezone.now().timestamp() + 10 * 365 * 86400):
        assert strict(acme.host).post(path, ONE_CLICK).status_code == 200
    assert refusals(acme) == ["information"]


def test_a_suspended_workspace_lets_its_people_refuse(acme: Cast) -> None:
    from tenants.models import Tenant

    path = link(acme)
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=acme.id).update(state="suspended", is_read_only=True)
    assert strict(acme.host).post(path, ONE_CLICK).status_code == 200
    assert refusals(acme) == ["information"]


def test_a_workspace_that_is_being_erased_does_so_too_for_it_may_be_saved(acme: Cast) -> None:
    from tenants.models import State, Tenant

    path = link(acme)
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=acme.id).update(state=State.ERASING)
    assert strict(acme.host).post(path, ONE_CLICK).status_code == 200
    assert refusals(acme) == ["information"]


def test_the_row_holds_a_keyed_hash_and_no_address(acme: Cast) -> None:
    strict(acme.host).post(link(acme), ONE_CLICK)
    with acme.inside():
        row = Refusal.objects.values().get()
    assert ZOE not in str(row) and len(row["address"]) == 64
    with override_settings(SECRET_KEY="another"):
        assert print_of(ZOE) != row["address"]
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]), acme.inside():
        assert mail.is_refused("information", to=" Zoe@Client.TEST ")


# --- asked when a mail leaves -----------------------------------------------------------------------------


@pytest.fixture
def not_asked() -> Iterator[None]:
    """The planted fault: nobody asks any more when a mail leaves."""
    with patch("shared_apps.mail.refusing.objection", return_value=""):
        yield


def opted_out_while_it_waited(acme: Cast, inbox: Inbox) -> Message:
    message = queued(acme, purpose="toys.news")
    with acme.inside():
        mail.refuse("information", to=ZOE, now=timezone.now())
    drain()
    return message


def test_P20_opted_out_between_queueing_and_sending_is_no_mail(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    message = opted_out_while_it_waited(acme, inbox)
    assert inbox.mails == []
    closed = state(acme, message)
    assert (closed.state, closed.error, closed.body) == (Message.State.CANCELLED, "refused", "")
    drain(now=timezone.now() + timedelta(days=9))
    assert inbox.mails == []


def test_P20_the_proof_notices_when_nobody_asks(committed: Committed, inbox: Inbox, not_asked: None) -> None:
    opted_out_while_it_waited(committed[0], inbox)
    assert len(inbox.mails) == 1


@pytest.mark.parametrize("purpose", NOT_OFFERED)
def test_P20_a_refusal_of_information_keeps_nothing_else_back(
    committed: Committed, inbox: Inbox, purpose: str
) -> None:
    acme, _ = committed
    with acme.inside():
        mail.refuse("information", to=ZOE, now=timezone.now())
    queued(acme, purpose=purpose)
    queued(acme, purpose="toys.policy", key="policy")
    queued(acme, purpose="toys.news", key="news")
    queued(acme, purpose="toys.news", key="other", to="yves@client.test")
    drain()
    assert sorted(got["To"].addresses[0].addr_spec for got in inbox.mails) == ["yves@client.test", ZOE, ZOE]


def test_taken_back_it_is_sent_again(committed: Committed, inbox: Inbox) -> None:
    acme, _ = committed
    with acme.inside():
        mail.refuse("information", to=ZOE, now=timezone.now())
        mail.accept("information", to=ZOE)
    queued(acme, purpose="toys.news")
    drain()
    assert len(inbox.mails) == 1


def test_P20_erased_between_queueing_and_sending_is_no_mail(committed: Committed, inbox: Inbox) -> None:
    """Contact details: their mails go with them. A workspace's: its outbox does (test_deliver)."""
    gone, stays = a_client(), a_client(email="other@client.test")
    for client in (gone, stays):
        with scope.shared():
            send(purpose="toys.news", key=str(client), about=client, to="x@client.test")
    with scope.shared(actor=TESTER):
        forgetting.forget_client(gone)
    drain()
    assert len(inbox.mails) == 1
    with scope.shared(actor=TESTER):
        forgetting.forget_client(stays)


def a_client(email: str = ZOE) -> UUID:
    with scope.shared(actor=TESTER):
        made = Client.objects.create(company="C", contact_name="Zoé", contact_email=email)
    return UUID(str(made.pk))


# --- the opt-out of a change ------------------------------------------------------------------------------


def test_an_opt_out_is_the_clients_for_one_change_whatever_its_address_is_by_then(db: None) -> None:
    one, other = a_client(), a_client()
    path = link(None, purpose="toys.policy", topic="privacy 2", about=one)
    with scope.shared():
        assert mail.opted_out("privacy 2") == set()
    strict(APP).post(path, ONE_CLICK)
    with scope.shared():
        assert mail.opted_out("privacy 2") == {one} and mail.opted_out("privacy 3") == set()
        assert mail.is_refused("policy", to="new@client.test", topic="privacy 2", about=one)
        assert not mail.is_refused("policy", to=ZOE, topic="privacy 3", about=one)
        assert not mail.is_refused("policy", to=ZOE, topic="privacy 2", about=other)
        assert not mail.is_refused("information", to=ZOE, about=one)
    strict(APP).post(path, {"answer": "accept"})
    with scope.shared():
        assert mail.opted_out("privacy 2") == set()


# --- what is left of it -----------------------------------------------------------------------------------


def test_erasing_a_client_leaves_no_hash_of_its_addresses(db: None) -> None:
    client, now = a_client(), timezone.now()
    with scope.shared(actor=TESTER):
        mail.refuse("information", to="before@client.test", about=client, now=now)
        mail.refuse("information", to=ZOE, now=now)
        mail.refuse("policy", to=ZOE, topic="privacy 2", about=client, now=now)
        mail.suppress(ZOE, reason="bounced", now=now)
        mail.suppress("before@client.test", reason="complained", about=client, now=now)
        mail.refuse("information", to="stays@client.test", now=now)
        forgetting.forget_client(client)
        assert [row.address for row in Refusal.objects.all()] == [print_of("stays@client.test")]
        assert not Suppression.objects.exists()


def test_whoever_is_somebody_else_here_too_keeps_what_they_refused(db: None) -> None:
    gone, stays, now = a_client(), a_client(email="Zoe@client.test"), timezone.now()
    with scope.shared(actor=TESTER):
        mail.refuse("information", to=ZOE, about=gone, now=now)
        mail.refuse("policy", to=ZOE, topic="privacy 2", about=gone, now=now)
        forgetting.forget_client(gone)
        assert [(row.kind, row.about) for row in Refusal.objects.all()] == [("information", None)]
        assert mail.is_refused("information", to=ZOE, about=stays)
        forgetting.forget_client(stays)
        assert not Refusal.objects.exists()


def test_erasing_a_workspace_forgets_what_the_shared_outbox_knows_of_its_people(acme: Cast) -> None:
    with scope.shared():
        mail.refuse("information", to=ZOE, about=acme.id, now=timezone.now())
        mail.suppress(ZOE, reason="bounced", about=acme.id, now=timezone.now())
    mail.purge(acme.id)
    with scope.shared():
        assert not Refusal.objects.exists() and not Suppression.objects.exists()


def test_another_address_takes_the_refusal_along(acme: Cast) -> None:
    with acme.inside():
        person, now = acme.colleague, timezone.now()
        mail.refuse("information", to=person.email, now=now)
        mail.suppress(person.email, reason="bounced", now=now)
        old = person.change_email("colin@elsewhere.test")
        assert mail.is_refused("information", to="colin@elsewhere.test")
        assert not mail.is_refused("information", to=old)
        assert not Suppression.objects.exists()


def test_refusals_of_one_workspace_say_nothing_in_another(acme: Cast, zenith: Cast) -> None:
    strict(acme.host).post(link(acme), ONE_CLICK)
    assert refusals(acme) == ["information"] and refusals(zenith) == refusals() == []


# --- my account -------------------------------------------------------------------------------------------


def test_everybody_chooses_on_their_own_page(acme: Cast, browser: Open) -> None:
    here, details = browser(acme, acme.colleague), {"name": "Colin", "language": "en"}
    assert "checked" in _box(here)
    here.post("/me/", details)
    with acme.inside():
        assert mail.is_refused("information", to=acme.colleague.email)
    assert "checked" not in _box(here)
    here.post("/me/", details | {"information": "on"})
    with acme.inside():
        assert not mail.is_refused("information", to=acme.colleague.email)


def test_the_page_shows_what_was_refused_by_the_link(acme: Cast, browser: Open) -> None:
    strict(acme.host).post(link(acme, to=acme.colleague.email), ONE_CLICK)
    assert "checked" not in _box(browser(acme, acme.colleague))


def _box(here: Browser) -> str:
    found = re.search(r'<input[^>]*name="information"[^>]*>', here.get("/me/").content.decode())
    assert found
    return found[0]


def test_the_mails_page_shows_purpose_class_and_link(acme: Cast, browser: Open) -> None:
    with override_settings(EMAIL_BACKEND="shared_apps.mail.backend.FolderBackend"):
        with acme.inside():
            message = send(purpose="toys.news")
        drain()
        visitor = browser(APP)
        assert "toys.news (information)" in visitor.get("/mails/").content.decode()
        page = visitor.get(f"/mails/{acme.id}/{message.pk}/").content.decode()
    assert "toys.news (information)" in page and "http://acme.smoall.localhost/mails/refuse/" in page


def test_a_rolled_back_click_refuses_nothing(acme: Cast) -> None:
    with acme.inside(), undone():
        mail.refuse("information", to=ZOE, now=timezone.now())
    assert refusals(acme) == []


# --- in four languages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("nl", "Algemene informatie per e-mail"),
        ("de", "Allgemeine Informationen per E-Mail"),
        ("fr", "Informations générales"),
    ],
)
def test_the_page_is_read_in_each_language_of_the_website_without_a_cookie(
    db: None, missing: Callable[[str], Missing], language: str, words: str
) -> None:
    address, lacking = link(language="en"), missing(language)
    page = strict(APP).get(f"{address}?language={language}")
    assert words in page.content.decode() and page.headers["Content-Language"] == language
    assert f'href="?language={language}"' in strict(APP).get(address).content.decode()
    refused = strict(APP).post(f"{address}?language={language}", {"answer": "refuse"})
    assert f'lang="{language}"' in refused.content.decode() and refusals()
    torn = strict(APP).get(f"{address[:-3]}/?language={language}")
    assert torn.status_code == 410 and f'<html lang="{language}">' in torn.content.decode()
    assert not page.cookies and not refused.cookies and lacking.texts == set()


def test_a_language_that_there_is_none_of_is_the_mails(db: None) -> None:
    assert strict(APP).get(f"{link(language='fr')}?language=tlh").headers["Content-Language"] == "fr"
