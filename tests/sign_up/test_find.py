"""Finding one's workspaces: the page says nothing, the mail says all, and nothing of it stays."""

from datetime import timedelta

from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import User
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tenants import sign_up
from tenants.models import State, WorkspaceSearch
from tests.conftest import TESTER, Cast
from tests.sign_up.conftest import mails, work


def searched(visitor: Browser, email: str, language: str = "en") -> str:
    """The mail that came of it."""
    visitor.post("/find/", {"email": email}, headers={"accept-language": language})
    with scope.shared():
        for job in Job.objects.filter(name="tenants.sign_up.find", state=Job.State.WAITING):
            sign_up.find(*job.args)
    return mails("sign_up.find")[-1].body


def test_the_mail_lists_every_workspace_that_knows_the_address(
    visitor: Browser, acme: Cast, zenith: Cast
) -> None:
    with zenith.inside():
        User.objects.create_user(name="Olga", email="OLGA@acme.test", password="x" * 12)
    body = searched(visitor, "olga@acme.test")
    assert all(
        text in body
        for text in (
            "Acme SRL",
            "http://acme.smoall.localhost",
            "Zenith SRL",
            "http://zenith.smoall.localhost",
        )
    )
    assert "Zenith" not in searched(visitor, "colin@acme.test")


def test_the_page_is_the_same_whether_the_address_is_known_or_not(visitor: Browser, acme: Cast) -> None:
    known = visitor.post("/find/", {"email": "olga@acme.test"})
    unknown = visitor.post("/find/", {"email": "nobody@acme.test"})
    assert known.status_code == unknown.status_code == 200
    assert known.content.replace(b"olga", b"nobody") == unknown.content


def test_an_unknown_address_is_told_so_by_mail(visitor: Browser, acme: Cast) -> None:
    assert "There is none" in searched(visitor, "nobody@acme.test")


def test_people_who_were_deactivated_and_workspaces_being_erased_are_not_listed(
    visitor: Browser, acme: Cast, zenith: Cast
) -> None:
    with acme.inside():
        User.objects.filter(email="colin@acme.test").update(deactivated_at=timezone.now())
    assert "There is none" in searched(visitor, "colin@acme.test")
    with scope.shared(actor=TESTER):
        zenith.tenant.state = State.ERASING
        zenith.tenant.save()
    assert "There is none" in searched(visitor, "olga@zenith.test")


def test_a_workspace_that_is_gone_by_now_is_passed_over(visitor: Browser, acme: Cast, zenith: Cast) -> None:
    from django.db import connection

    with zenith.inside():
        User.objects.create_user(name="Olga", email="olga@acme.test", password="x" * 12)
    with scope.owner(actor=TESTER), connection.cursor() as cursor:
        cursor.execute(f"ALTER SCHEMA {zenith.tenant.schema_name} RENAME TO t_{'0' * 31}9")
    body = searched(visitor, "olga@acme.test")
    assert "Acme SRL" in body and "Zenith" not in body


def test_the_address_is_nowhere_once_the_mail_is_sent(visitor: Browser, acme: Cast) -> None:
    visitor.post("/find/", {"email": "olga@acme.test"})
    with scope.shared():
        assert "olga" not in str(list(Job.objects.values_list("args", "actor")))
    work()
    with scope.shared():
        assert not WorkspaceSearch.objects.exists()
        assert [message.state for message in mails("sign_up.find")] == [Message.State.SENT]
    sign_up.forget_expired(now=timezone.now() + timedelta(hours=2))
    assert not mails("sign_up.find")


def test_a_search_done_twice_mails_once(visitor: Browser, acme: Cast) -> None:
    searched(visitor, "olga@acme.test")
    with scope.shared():
        id = Job.objects.get(name="tenants.sign_up.find").args[0]
    sign_up.find(id)
    assert len(mails("sign_up.find")) == 1


def test_one_address_gets_five_lists_a_day_and_the_page_does_not_tell(visitor: Browser, acme: Cast) -> None:
    answers = {visitor.post("/find/", {"email": "olga@acme.test"}).content for _ in range(8)}
    work()
    assert len(answers) == 1 and len(mails("sign_up.find")) == 5
