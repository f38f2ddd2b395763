"""The operators' pages of the legal texts: read, propose, confirm, withdraw, and what came of it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.kit.dates import plus_months
from shared_apps.legal.documents import Document
from shared_apps.legal.models import Publication
from shared_apps.mail.models import Message
from tests.conftest import TESTER, Cast
from tests.legal.conftest import Publish, announce, saga_of
from tests.operators.conftest import OPS, page_of

Open = Callable[..., Browser]
AT = "/documents/privacy/2/"


@pytest.fixture
def first(opal: User, browser: Open) -> Browser:
    return browser(OPS, opal)


@pytest.fixture
def other(otto: User, browser: Open) -> Browser:
    return browser(OPS, otto)


def answers(**changes: str) -> dict[str, str]:
    day = plus_months(timezone.localdate(), 1)
    return {
        "changes_contacts": "yes",
        "explanation": "Section 2.2 lets us call.",
        "in_force_on": f"{day}",
    } | changes


def found() -> Publication | None:
    with scope.shared():
        return Publication.objects.filter(kind="privacy", version="2").first()


def test_every_text_and_version_is_listed_with_its_state(first: Browser, second: Document) -> None:
    page = page_of(first, "/documents/")
    for said in ("Privacy policy", "Terms of use", "Data processing agreement", "in force", "prepared", AT):
        assert said in page
    page = page_of(first, AT)
    assert (
        "Version 2: something more." in page
        and second.digests["de"] in page
        and "Propose to publish it" in page
    )
    assert "with the release" in page_of(first, "/documents/privacy/1/")


def test_one_proposes_and_another_one_confirms(
    first: Browser, other: Browser, second: Document, acme: Cast
) -> None:
    assert first.post(f"{AT}propose/", answers()).status_code == 302
    assert "another operator has to confirm" in page_of(first, AT) and "Publish it…" not in page_of(first, AT)
    first.post(f"{AT}confirm/")
    publication = found()
    assert publication and publication.confirmed_at is None, "the same operator can't"
    page = page_of(other, AT)
    assert "Section 2.2 lets us call." in page and "Publish it…" in page and "one mail" in page
    other.post(f"{AT}confirm/")
    publication = found()
    assert publication and publication.confirmed_at and saga_of(publication) is not None
    announce(publication)
    with scope.shared(actor=TESTER):
        assert Message.objects.filter(about=acme.tenant.client_id, purpose="legal.policy").count() == 1
        mail.refuse(
            "policy", to="x@y.test", topic="privacy 2", about=acme.tenant.client_id, now=timezone.now()
        )
    page = page_of(other, AT)
    assert "Who opted out" in page and "Acme SRL" in page and "Clients told" in page
    assert "opted out" in page_of(other, f"/clients/{acme.tenant.client_id}/")


def test_a_typo_fix_mails_nobody(first: Browser, other: Browser, second: Document, acme: Cast) -> None:
    first.post(f"{AT}propose/", answers(changes_contacts="no", in_force_on=f"{timezone.localdate()}"))
    other.post(f"{AT}confirm/")
    publication = found()
    assert publication and publication.confirmed_at and saga_of(publication) is None
    with scope.shared():
        assert not Message.objects.filter(purpose="legal.policy").exists()
    assert "Who opted out" not in page_of(other, AT)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"changes_contacts": ""}, "This field is required"),
        ({"explanation": " "}, "This field is required"),
        ({"in_force_on": ""}, "This field is required"),
        ({"in_force_on": "2020-01-01"}, "in force before"),
        ({"in_force_on": f"{timezone.localdate() + timedelta(days=3)}"}, "in force before"),
    ],
)
def test_an_answer_that_lacks_something_is_refused_and_kept(
    first: Browser, second: Document, changes: dict[str, str], said: str
) -> None:
    answer = first.post(f"{AT}propose/", answers(**changes))
    page = answer.content.decode()
    assert answer.status_code == 200 and said in page and found() is None
    assert changes.get("explanation") or "Section 2.2 lets us call." in page


def test_a_proposal_is_withdrawn_and_a_publication_is_not(
    first: Browser, other: Browser, second: Document
) -> None:
    first.post(f"{AT}propose/", answers())
    first.post(f"{AT}withdraw/")
    assert found() is None
    first.post(f"{AT}propose/", answers())
    other.post(f"{AT}confirm/")
    other.post(f"{AT}withdraw/")
    publication = found()
    assert publication and publication.confirmed_at


def test_a_version_that_there_is_none_of_is_not_found(first: Browser, second: Document) -> None:
    for path in ("/documents/privacy/9/", "/documents/imprint/1/", "/documents/privacy/9/propose/"):
        assert first.get(path).status_code == 404
    assert first.post(f"{AT}confirm/").status_code == 404, "nobody has proposed it"


def test_a_client_that_was_told_of_nothing_shows_nothing(
    first: Browser, publish: Publish, acme: Cast
) -> None:
    assert "Changes in the use of contact details" not in page_of(first, f"/clients/{acme.tenant.client_id}/")
