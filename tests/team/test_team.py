"""P23: a workspace's people control who enters, what each may do, and see it."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client as Browser
from django.utils import timezone, translation

from shared_apps.accounts.models import CannotChange, SignIn, User
from shared_apps.accounts.sessions import hash_of
from shared_apps.kit.module import ADMIN, MEMBER, OWNER
from shared_apps.mail.models import Message
from tests.conftest import PASSWORD, Cast

Open = Callable[..., Browser]
NEW = "seven quiet herons fly"
UNKNOWN = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def again(cast: Cast, user: User) -> User:
    with cast.inside():
        return User.objects.get(id=user.id)


def invite(
    browser: Browser, email: str = "ivy@acme.test", role: int | str = MEMBER.value, **more: str
) -> int:
    body = {"name": "Ivy", "email": email, "role": role, "language": "en", **more}
    return browser.post("/team/invite/", body).status_code


def mailed(cast: Cast) -> list[str]:
    """The paths of the links in the workspace's mails, oldest first."""
    with cast.inside():
        bodies = [row.body for row in Message.objects.order_by("created_at", "id")]
    return ["/" + body.split(f"http://{cast.host}/")[1].split()[0] for body in bodies]


# --- who opens what -------------------------------------------------------------------------------------

PAGES = [
    ("get", "/team/", 200, 200),
    ("get", "/team/{id}/", 200, 200),
    ("get", "/team/invite/", 403, 200),
    ("post", "/team/invite/", 403, 200),
    ("post", "/team/{id}/role/", 403, 302),
    ("post", "/team/{id}/deactivate/", 403, 302),
    ("post", "/team/{id}/reactivate/", 403, 302),
    ("post", "/team/{id}/resend/", 403, 302),
    ("post", "/team/{id}/withdraw/", 403, 302),
    ("post", "/team/{id}/sessions/{sign_in}/revoke/", 403, 302),
]


@pytest.mark.parametrize(("method", "address", "member", "admin"), PAGES)
def test_each_page_opens_to_the_roles_that_may_and_finds_no_stranger(
    acme: Cast, zenith: Cast, browser: Open, method: str, address: str, member: int, admin: int
) -> None:
    browser(acme, acme.colleague)
    browser(zenith, zenith.colleague)
    with acme.inside():
        ours = address.format(id=acme.colleague.id, sign_in=SignIn.objects.get().id)
    with zenith.inside():
        foreign = address.format(id=zenith.colleague.id, sign_in=SignIn.objects.get().id)
    unknown = address.format(id=UNKNOWN, sign_in=UNKNOWN)
    assert getattr(browser(acme), method)(ours).status_code == 302
    assert getattr(browser(acme, acme.colleague), method)(ours).status_code == member
    manager = browser(acme, acme.admin)
    if "{id}" in address:
        assert getattr(manager, method)(foreign).status_code == 404
        assert getattr(manager, method)(unknown).status_code == 404
    assert getattr(manager, method)(ours).status_code == admin


@pytest.mark.parametrize(
    "address", [address for method, address, *_ in PAGES if method == "post" and "{id}" in address]
)
def test_changes_are_posted_never_opened(acme: Cast, browser: Open, address: str) -> None:
    url = address.format(id=acme.colleague.id, sign_in=UNKNOWN)
    assert browser(acme, acme.admin).get(url).status_code == 405


def test_the_list_shows_everybody_with_role_state_and_last_sign_in_in_a_constant_number_of_queries(
    acme: Cast, browser: Open, statements: Callable[[], object]
) -> None:
    here = browser(acme, acme.owner)
    page = here.get("/team/").content.decode()
    for text in ("Olga Acme", "Ada Acme", "Colin Acme", "Administrator", "today at"):
        assert text in page

    assert page.index("Ada Acme") < page.index("Colin Acme") < page.index(f"team/{acme.owner.id}")

    def count() -> int:
        with statements() as sent:  # type: ignore[attr-defined]
            here.get("/team/")
        return len(sent)

    few = count()
    with acme.inside():
        for number in range(20):
            User.objects.create_user(email=f"p{number}@acme.test", name=f"P {number}")
    assert count() == few


# --- invitations ----------------------------------------------------------------------------------------


def test_an_invitation_is_mailed_and_lets_in(acme: Cast, browser: Open) -> None:
    assert invite(browser(acme, acme.admin)) == 302
    (path,) = mailed(acme)
    here = browser(acme)
    assert here.post(path, {"name": "Ivy Iris", "password": NEW}).headers["Location"] == "/"
    with acme.inside():
        ivy = User.objects.get(email="ivy@acme.test")
    assert (ivy.name, ivy.role, ivy.state) == ("Ivy Iris", MEMBER, "active")
    assert here.get("/team/invite/").status_code == 403


def test_an_invitation_opens_nothing_in_another_workspace(acme: Cast, zenith: Cast, browser: Open) -> None:
    invite(browser(acme, acme.admin))
    (path,) = mailed(acme)
    assert browser(zenith).post(path, {"name": "Ivy", "password": NEW}).status_code == 404


def test_somebody_who_is_here_is_not_invited_twice_whatever_the_spelling(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.admin)
    for spelling in ("colin@acme.test", "COLIN@ACME.TEST", "Colin@Acme.test"):
        assert invite(here, spelling) == 200
    assert mailed(acme) == []


def test_resending_makes_the_first_link_void(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.admin)
    invite(here)
    with acme.inside():
        ivy = User.objects.get(email="ivy@acme.test")
    here.post(f"/team/{ivy.id}/resend/")
    first, second = mailed(acme)
    assert browser(acme).get(first).status_code == 404
    assert browser(acme).get(second).status_code == 200


def test_withdrawing_makes_the_link_void_and_frees_the_address(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.admin)
    invite(here)
    with acme.inside():
        ivy = User.objects.get(email="ivy@acme.test")
    here.post(f"/team/{ivy.id}/withdraw/")
    assert browser(acme).get(mailed(acme)[0]).status_code == 404
    with acme.inside():
        assert not User.objects.filter(id=ivy.id).exists()
    assert invite(here) == 302


def test_somebody_who_has_entered_is_never_withdrawn(acme: Cast, browser: Open) -> None:
    browser(acme, acme.admin).post(f"/team/{acme.colleague.id}/withdraw/")
    assert again(acme, acme.colleague).state == "active"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nBcc: x@y.z"},
        {"name": "\0"},
        {"name": "x" * 10_000},
        {"email": "x"},
        {"email": "a@b\r\nc.d"},
        {"email": "é" * 300 + "@x.be"},
        {"role": "9"},
        {"role": "x"},
        {"role": "3"},
        {"language": "xx"},
    ],
)
def test_a_wrong_invitation_mails_nobody(acme: Cast, browser: Open, wrong: dict[str, str]) -> None:
    assert invite(browser(acme, acme.admin), **wrong) == 200
    assert mailed(acme) == []
    with acme.inside():
        assert User.objects.count() == 3


# --- roles ----------------------------------------------------------------------------------------------


def test_a_role_is_changed(acme: Cast, browser: Open) -> None:
    browser(acme, acme.owner).post(f"/team/{acme.colleague.id}/role/", {"role": 2})
    assert again(acme, acme.colleague).role == ADMIN


@pytest.mark.parametrize("action", ["role", "deactivate"])
def test_an_administrator_touches_no_owner(acme: Cast, browser: Open, action: str) -> None:
    browser(acme, acme.admin).post(f"/team/{acme.owner.id}/{action}/", {"role": 1})
    owner = again(acme, acme.owner)
    assert (owner.role, owner.is_active) == (OWNER, True)


def test_an_administrator_makes_no_owner(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.admin)
    for person in (acme.colleague, acme.admin):
        here.post(f"/team/{person.id}/role/", {"role": 3})
        assert again(acme, person).role < OWNER
    assert invite(here, role=OWNER.value) == 200


def test_an_administrator_ends_no_owners_session(acme: Cast, browser: Open) -> None:
    owner = browser(acme, acme.owner)
    with acme.inside():
        sign_in = SignIn.objects.get()
    browser(acme, acme.admin).post(f"/team/{acme.owner.id}/sessions/{sign_in.id}/revoke/")
    assert owner.get("/me/").status_code == 200


def test_the_last_owner_stays_owner(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.owner)
    answer = here.post(f"/team/{acme.owner.id}/role/", {"role": 1}, follow=True)
    assert "A workspace needs an owner" in answer.content.decode()
    here.post(f"/team/{acme.owner.id}/deactivate/")
    owner = again(acme, acme.owner)
    assert (owner.role, owner.is_active) == (OWNER, True)


def test_an_owner_who_never_came_does_not_count(acme: Cast) -> None:
    with acme.inside():
        User.invite(
            name="Ivy", email="i@acme.test", role=OWNER, language="en", by=acme.owner, now=timezone.now()
        )
        with pytest.raises(CannotChange):
            acme.owner.change_role(MEMBER, by=acme.owner)


def test_nobody_deactivates_themselves(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.admin)
    here.post(f"/team/{acme.admin.id}/deactivate/")
    assert here.get("/me/").status_code == 200


def test_who_was_deactivated_meanwhile_changes_nothing(acme: Cast) -> None:
    with acme.inside():
        User.objects.filter(id=acme.admin.id).update(deactivated_at=timezone.now())
        with pytest.raises(CannotChange):
            acme.colleague.change_role(ADMIN, by=acme.admin)


# --- deactivation and sessions --------------------------------------------------------------------------


def test_deactivated_and_let_in_again(acme: Cast, browser: Open) -> None:
    here, manager = browser(acme, acme.colleague), browser(acme, acme.admin)
    manager.post(f"/team/{acme.colleague.id}/deactivate/")
    assert here.get("/team/").status_code == 302
    body = {"email": acme.colleague.email, "password": PASSWORD}
    assert browser(acme).post("/sign-in/", body).status_code == 200
    manager.post(f"/team/{acme.colleague.id}/reactivate/")
    assert browser(acme).post("/sign-in/", body).status_code == 302
    assert here.get("/team/").status_code == 302, "the session of before stays closed"


def test_P23_a_session_revoked_by_an_administrator_is_refused_on_the_next_request(
    acme: Cast, browser: Open
) -> None:
    lost, kept = browser(acme, acme.colleague), browser(acme, acme.colleague)
    with acme.inside():
        key = lost.cookies["__Host-session"].value
        sign_in = SignIn.objects.get(session_hash=hash_of(key))
    browser(acme, acme.admin).post(f"/team/{acme.colleague.id}/sessions/{sign_in.id}/revoke/")
    assert lost.get("/team/").status_code == 302
    assert kept.get("/team/").status_code == 200
    with acme.inside():
        assert SignIn.objects.get(id=sign_in.id).cause == "revoked"


def test_members_see_no_sessions_but_their_own(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.colleague)
    assert "Signed in now" not in here.get(f"/team/{acme.admin.id}/").content.decode()
    assert "Signed in now" in here.get(f"/team/{acme.colleague.id}/").content.decode()


def test_P23_what_can_this_person_see(acme: Cast, browser: Open) -> None:
    from django.test import RequestFactory

    from tenant_apps.team.views import rights_by_module

    request = RequestFactory().get("/")
    request.urlconf = "config.urls_tenant"
    with acme.inside():
        for person, expected in ((acme.colleague, [True, False]), (acme.admin, [True, True])):
            shown = dict(rights_by_module(person, request))
            assert [has for _, has in shown["Team"]] == expected
        User.objects.filter(id=acme.admin.id).update(deactivated_at=timezone.now())
        gone = User.objects.get(id=acme.admin.id)
        assert not any(has for _, rights in rights_by_module(gone, request) for _, has in rights)
    page = browser(acme, acme.owner).get(f"/team/{acme.colleague.id}/").content.decode()
    assert "What Colin Acme can see and do" in page
