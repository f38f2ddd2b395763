"""Reset, invitation and first entry by links that work once, in one place; opening them changes nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import LINK_AGE, Purpose, User
from shared_apps.kit import scope
from shared_apps.kit.tokens import BadToken
from shared_apps.mail.models import Message
from tests.accounts.conftest import APP, NEW, OPS, ledger
from tests.conftest import PASSWORD, Cast

Open = Callable[..., Browser]


def mails(cast: Cast) -> list[Message]:
    with cast.inside():
        return list(Message.objects.filter(purpose__startswith="accounts.").order_by("created_at", "id"))


def link_in(message: Message, cast: Cast) -> str:
    """The path of the mail's one link, which must lead to the workspace's own host."""
    line = next(line for line in message.body.splitlines() if line.startswith("http"))
    origin, path = line.split("/", 3)[2], "/" + line.split("/", 3)[3]
    assert origin == cast.host
    return path


def invited(cast: Cast) -> tuple[User, str]:
    with cast.inside():
        person = User.invite(
            name="Ivy", email="ivy@acme.test", role=1, language="en", by=cast.owner, now=timezone.now()
        )
        return person, person.link(Purpose.INVITATION)


def path_of(cast: Cast, user: User, purpose: Purpose) -> str:
    with cast.inside():
        return User.objects.get(id=user.id).link(purpose)


def test_a_forgotten_password_is_set_anew_by_the_mailed_link(acme: Cast, browser: Open) -> None:
    stolen, here = browser(acme, acme.colleague), browser(acme)
    here.post("/forgot/", {"email": "COLIN@acme.test"})
    (message,) = mails(acme)
    assert message.to_address == acme.colleague.email
    path = link_in(message, acme)
    assert here.get(path).status_code == 200
    assert stolen.get("/me/").status_code == 200, "opening the link changes nothing"
    assert here.post(path, {"password": NEW}).headers["Location"] == "/sign-in/"
    assert stolen.get("/me/").status_code == 302
    assert ledger(acme, acme.colleague) == [("password_changed", True)]
    assert here.post("/sign-in/", {"email": acme.colleague.email, "password": NEW}).status_code == 302


def test_a_link_works_once(acme: Cast, browser: Open) -> None:
    path = path_of(acme, acme.colleague, Purpose.RESET)
    here = browser(acme)
    assert here.post(path, {"password": NEW}).status_code == 302
    assert here.get(path).status_code == 404
    assert here.post(path, {"password": "another quiet heron"}).status_code == 404
    with acme.inside():
        assert User.objects.get(id=acme.colleague.id).check_password(NEW)


def test_mail_scanners_that_open_a_link_use_nothing_up(acme: Cast, browser: Open) -> None:
    person, path = invited(acme)
    for method in ("get", "head", "get"):
        assert getattr(browser(acme), method)(path).status_code == 200
    with acme.inside():
        assert User.objects.get(id=person.id).state == "invited"


def test_an_old_link_is_void(acme: Cast, browser: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    path = path_of(acme, acme.colleague, Purpose.RESET)
    monkeypatch.setitem(LINK_AGE, Purpose.RESET, timedelta(seconds=-1))
    assert browser(acme).get(path).status_code == 404


def refuses(answer: Any, purpose: Purpose) -> None:
    """The link to another address asks first who opens it."""
    if purpose == Purpose.EMAIL:
        assert answer.status_code == 302 and answer["Location"].startswith("/sign-in/")
    else:
        assert answer.status_code == 404


def test_I6_links_are_refused_on_every_other_host_and_under_every_other_purpose(
    acme: Cast, zenith: Cast, browser: Open
) -> None:
    person, _ = invited(acme)
    for purpose in Purpose:
        path = path_of(acme, person if purpose != Purpose.RESET else acme.colleague, purpose)
        token = path.split("/")[2]
        for host in (zenith, APP, OPS):
            refuses(browser(host).get(path), purpose)
            refuses(browser(host).post(path, {"name": "X", "password": NEW}), purpose)
        for other in set(Purpose) - {purpose}:
            answer = browser(acme).post(f"/{other.value}/{token}/", {"name": "X", "password": NEW})
            refuses(answer, other)
    with acme.inside():
        assert not User.objects.get(id=acme.colleague.id).check_password(NEW)


def test_I6_a_link_of_the_operators_host_opens_nothing_on_the_integrators(
    acme: Cast, browser: Open, operator: User, integrator: User
) -> None:
    for person, realm, host, other in ((operator, "ops", OPS, APP), (integrator, "app", APP, OPS)):
        with scope.shared(realm=realm):
            path = User.objects.get(id=person.id).link(Purpose.RESET)
        assert browser(other).get(path).status_code == 404
        assert browser(acme).get(path).status_code == 404
        assert browser(host).get(path).status_code == 200


def test_I6_the_same_person_in_two_workspaces_is_two_accounts(
    acme: Cast, zenith: Cast, browser: Open
) -> None:
    """Even the same UUID, address and password hash don't make a link pass."""
    with acme.inside():
        row = User.objects.filter(id=acme.colleague.id).values().get()
    with zenith.inside():
        User.objects.create(**row)
    path = path_of(acme, acme.colleague, Purpose.RESET)
    assert browser(zenith).get(path).status_code == 404
    assert browser(acme).get(path).status_code == 200


@pytest.mark.parametrize("token", ["x", "a:b:c", "\0", "..", "é" * 400, "W10:1:x", "%00", "'"])
@pytest.mark.parametrize("page", ["reset", "invitation", "enter"])
def test_a_made_up_link_opens_nothing(acme: Cast, browser: Open, page: str, token: str) -> None:
    from urllib.parse import quote

    assert browser(acme).get(f"/{page}/{quote(token)}/").status_code == 404


def test_a_link_signed_for_nobody_opens_nothing(acme: Cast) -> None:
    from uuid import uuid4

    with acme.inside():
        token = signing.dumps([str(uuid4()), "x"], salt=f"{scope.realm()}:accounts.reset", compress=True)
        with pytest.raises(BadToken):
            User.of_link(Purpose.RESET, token)


def test_forgotten_answers_alike_whether_known_or_not(acme: Cast, browser: Open) -> None:
    with acme.inside():
        acme.admin.deactivate(by=acme.owner, now=timezone.now())
    bodies = set()
    for email in (acme.colleague.email, "nobody@acme.test", acme.admin.email, "Weird+é@exämple.test"):
        answer = browser(acme).post("/forgot/", {"email": email})
        assert answer.status_code in (200,)
        from tests.accounts.test_sign_in import without_tokens

        if "é" not in email:
            bodies.add(without_tokens(answer.content.decode(), email))
    assert len(bodies) == 1
    assert [message.to_address for message in mails(acme)] == [acme.colleague.email]


def test_forgotten_on_the_shared_hosts_mails_those_of_the_right_kind_alone(
    browser: Open, operator: User, integrator: User
) -> None:
    for host in (OPS, APP):
        for person in (operator, integrator):
            browser(host).post("/forgot/", {"email": person.email})
    with scope.shared():
        found = [
            (message.to_address, message.body) for message in Message.objects.filter(purpose="accounts.reset")
        ]
    assert sorted(address for address, _ in found) == sorted([operator.email, integrator.email])
    for address, body in found:
        assert ("http://ops." in body) == (address == operator.email)


def test_forgotten_mails_an_account_a_few_times_and_then_falls_silent(acme: Cast, browser: Open) -> None:
    for _ in range(9):
        assert browser(acme).post("/forgot/", {"email": acme.colleague.email}).status_code == 200
    assert len(mails(acme)) == 5


def test_the_mails_link_follows_no_port_of_the_request(acme: Cast, browser: Open) -> None:
    browser(acme).post("/forgot/", {"email": acme.colleague.email}, HTTP_HOST=f"{acme.host}:6666")
    assert ":6666" not in mails(acme)[0].body


def test_first_entry_sets_name_and_password_and_signs_in(acme: Cast, browser: Open) -> None:
    person, path = invited(acme)
    here = browser(acme)
    assert here.post("/sign-in/", {"email": person.email, "password": ""}).status_code == 200
    assert here.post(path, {"name": "Ivy Iris", "password": NEW}).headers["Location"] == "/"
    page = here.get("/me/").content.decode()
    assert "Ivy Iris" in page
    assert ledger(acme, person) == [("", False)]
    assert here.post(path, {"name": "Eve", "password": NEW}).status_code == 404


@pytest.mark.parametrize("name", ["", "\0", "a\nBcc: x@evil.test", "x" * 201, "\u2028"])
def test_a_name_that_could_begin_a_header_is_refused(acme: Cast, browser: Open, name: str) -> None:
    person, path = invited(acme)
    assert browser(acme).post(path, {"name": name, "password": NEW}).status_code == 200
    with acme.inside():
        assert User.objects.get(id=person.id).state == "invited"


def test_the_link_of_a_new_workspace_lets_its_owner_in(acme: Cast, browser: Open) -> None:
    with acme.inside():
        owner = User.objects.create_user(email="new@acme.test", name="Nora", role=3, language="en")
        path = owner.link(Purpose.ENTER)
    assert path.startswith("/enter/")
    assert (
        browser(acme).post(path, {"name": "Nora", "password": NEW, "terms": "on"}).headers["Location"] == "/"
    )


def test_somebody_invited_who_forgot_gets_the_invitation_again(acme: Cast, browser: Open) -> None:
    person, _ = invited(acme)
    browser(acme).post("/forgot/", {"email": person.email})
    (message,) = mails(acme)
    assert link_in(message, acme).startswith("/invitation/")


def test_deactivated_people_use_no_link(acme: Cast, browser: Open) -> None:
    path = path_of(acme, acme.colleague, Purpose.RESET)
    with acme.inside():
        acme.colleague.deactivate(by=acme.owner, now=timezone.now())
    assert browser(acme).post(path, {"password": NEW}).status_code == 404


@pytest.mark.parametrize("purpose", Purpose)
def test_no_link_from_before_a_deactivation_works_after_the_return(
    acme: Cast, browser: Open, purpose: Purpose
) -> None:
    with acme.inside():
        path = acme.colleague.link(purpose, "new@acme.test")
    token = path.rstrip("/").rsplit("/", 1)[1]
    with acme.inside():
        assert User.of_link(purpose, token)
    owner = browser(acme, acme.owner)
    owner.post(f"/team/{acme.colleague.id}/deactivate/")
    owner.post(f"/team/{acme.colleague.id}/reactivate/")
    with acme.inside():
        colin = User.objects.get(id=acme.colleague.id)
        assert colin.is_active
        with pytest.raises(BadToken):
            User.of_link(purpose, token)
        fresh = colin.link(purpose, "new@acme.test").rstrip("/").rsplit("/", 1)[1]
        assert User.of_link(purpose, fresh), "those made since do work"
    refuses(browser(acme).post(path, {"password": NEW}), purpose)
    assert browser(acme, colin), "with the password as before"


def test_a_mail_that_is_no_longer_wanted_is_not_sent(acme: Cast, browser: Open) -> None:
    from shared_apps.accounts.mails import is_invited, may_enter

    browser(acme).post("/forgot/", {"email": acme.colleague.email})
    person, _ = invited(acme)
    browser(acme).post("/forgot/", {"email": person.email})
    reset, invitation = mails(acme)
    with acme.inside():
        assert may_enter(reset)
        assert is_invited(invitation)
        acme.colleague.deactivate(by=acme.owner, now=timezone.now())
        person.withdraw_invitation(by=acme.owner)
        assert not may_enter(reset)
        assert not is_invited(invitation)


def test_the_mails_are_in_the_persons_language(acme: Cast, browser: Open) -> None:
    with acme.inside():
        User.objects.filter(id=acme.colleague.id).update(language="fr")
    browser(acme).post("/forgot/", {"email": acme.colleague.email})
    assert "mot de passe" in mails(acme)[0].subject


def test_a_reset_clears_the_wait_of_the_account(acme: Cast, browser: Open) -> None:
    for _ in range(6):
        browser(acme).post("/sign-in/", {"email": acme.colleague.email, "password": "wrong"})
    browser(acme).post(path_of(acme, acme.colleague, Purpose.RESET), {"password": NEW})
    answer = browser(acme).post("/sign-in/", {"email": acme.colleague.email, "password": NEW})
    assert answer.status_code == 302
    assert PASSWORD != NEW
