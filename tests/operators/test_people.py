"""Operators and integrators: who is invited by whom, the first operator by command, and that somebody stays."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser

from shared_apps.accounts.models import Kind, User
from shared_apps.integrators.models import Organisation
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tests.conftest import TESTER, protect
from tests.integrators.conftest import APP, Partner
from tests.operators.conftest import OPS, page_of

NEW = "seven quiet herons fly"
FORM = {
    "organisation": "Web & Wires", "office": "office@wires.test", "language": "en", "name": "Wim", "email": "wim@wires.test",
}  # fmt: skip


def invitations() -> list[tuple[str, str]]:
    """(host, path) of each mailed link, oldest first."""
    with scope.shared():
        rows = Message.objects.filter(purpose="accounts.invitation").order_by("created_at", "id")
        links = [urlsplit(next(line for line in row.body.splitlines() if "http://" in line)) for row in rows]
    return [(link.netloc, link.path) for link in links]


def test_an_integrator_is_made_with_its_first_person_who_enters_on_app_alone(
    here: Browser, browser: Callable[..., Browser]
) -> None:
    answer = here.post("/integrators/new/", FORM)
    with scope.shared():
        made = Organisation.objects.get(name="Web & Wires")
    assert answer.headers["Location"] == f"/integrators/{made.pk}/"
    ((host, path),) = invitations()
    assert host == APP
    assert browser(OPS).get(path).status_code == 404
    there = browser(APP)
    assert there.post(path, {"name": "Wim", "password": NEW}).status_code == 302
    assert "Web &amp; Wires" in page_of(there, "/organisation/")
    page = page_of(here, f"/integrators/{made.pk}/")
    assert "wim@wires.test" in page and made.code_shown in page
    assert "Web &amp; Wires" in page_of(here, "/integrators/", q="wires", sort="-links")


def test_a_second_click_makes_no_second_integrator(here: Browser) -> None:
    here.post("/integrators/new/", FORM)
    second = here.post("/integrators/new/", FORM)
    assert second.status_code == 200 and "is here already" in second.content.decode()
    with scope.shared():
        assert Organisation.objects.filter(name="Web & Wires").count() == 1


def test_an_invitation_to_an_integrator_is_sent_again_with_a_link_of_app(
    here: Browser, browser: Callable[..., Browser]
) -> None:
    here.post("/integrators/new/", FORM)
    with scope.shared():
        wim, made = User.objects.get(email="wim@wires.test"), Organisation.objects.get(name="Web & Wires")
    here.post(f"/integrators/{made.pk}/people/{wim.pk}/resend/")
    (_, first), (host, second) = invitations()
    assert host == APP
    assert browser(APP).get(first).status_code == 404 and browser(APP).get(second).status_code == 200


def test_people_of_another_integrator_are_not_found(here: Browser, partner: Partner) -> None:
    here.post("/integrators/new/", FORM)
    with scope.shared():
        made = Organisation.objects.get(name="Web & Wires")
    assert here.post(f"/integrators/{made.pk}/people/{partner.ines.pk}/resend/").status_code == 404


def test_an_operator_is_invited_enters_and_may_do_the_same(
    here: Browser, browser: Callable[..., Browser]
) -> None:
    form = {"name": "Oda", "email": "oda@smoall.test", "language": "en"}
    assert here.post("/operators/invite/", form).status_code == 302
    assert here.post("/operators/invite/", form).status_code == 200, "the address is known now"
    ((host, path),) = invitations()
    assert host == OPS
    there = browser(OPS)
    assert there.post(path, {"name": "Oda", "password": NEW}).status_code == 302
    assert there.get("/operators/").headers["Location"] == "/me/factors/"
    with scope.shared(actor=TESTER):
        protect(User.objects.get(email="oda@smoall.test"))
        oda = User.objects.get(email="oda@smoall.test")
    there = browser(OPS, oda, NEW)
    assert "Opal" in page_of(there, "/operators/")
    assert there.get("/clients/new/").status_code == 200


def test_operators_deactivate_each_other_but_never_themselves(
    here: Browser, opal: User, otto: User, browser: Callable[..., Browser]
) -> None:
    there = browser(OPS, otto)
    here.post(f"/operators/{opal.pk}/deactivate/")
    here.post(f"/operators/{otto.pk}/deactivate/")
    assert there.get("/clients/").headers["Location"].startswith("/sign-in/")
    assert here.get("/clients/").status_code == 200
    here.post(f"/operators/{otto.pk}/reactivate/")
    assert browser(OPS, otto).get("/clients/").status_code == 200


def test_the_list_of_operators_names_no_integrator(here: Browser, partner: Partner) -> None:
    assert "links.test" not in page_of(here, "/operators/")
    assert here.post(f"/operators/{partner.ines.pk}/deactivate/").status_code == 404


# --- the command ---------------------------------------------------------------------------------


def create_operator(*more: str) -> dict[str, Any]:
    out = StringIO()
    call_command(
        "create_operator", "--email", "ops@smoall.test", "--name", "First", "--json", *more, stdout=out
    )
    made: dict[str, Any] = json.loads(out.getvalue())
    return made


def test_the_first_operator_is_made_by_command_and_enters_by_a_link_that_works_once(
    db: None, browser: Callable[..., Browser]
) -> None:
    link = urlsplit(create_operator("--language", "en")["url"])
    assert link.netloc == OPS
    assert browser(APP).get(link.path).status_code == 404
    there = browser(OPS)
    assert there.post(link.path, {"name": "First", "password": NEW}).status_code == 302
    assert there.get("/clients/").headers["Location"] == "/me/factors/"
    assert browser(OPS).get(link.path).status_code == 404
    with pytest.raises(CommandError, match="is active"):
        create_operator()


def test_a_second_link_makes_the_first_void(db: None, browser: Callable[..., Browser]) -> None:
    first, second = urlsplit(create_operator()["url"]), urlsplit(create_operator()["url"])
    assert browser(OPS).get(first.path).status_code == 404
    assert browser(OPS).get(second.path).status_code == 200
    with scope.shared():
        assert User.objects.filter(kind=Kind.OPERATOR).count() == 1


@pytest.mark.parametrize(
    ("email", "said"), [("nonsense", "valid email"), ("ines@links.test", "person of an integrator")]
)
def test_the_command_refuses_with_the_reason(partner: Partner, email: str, said: str) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match=said):
        call_command("create_operator", "--email", email, "--name", "X", "--json", stdout=out)
    assert said in json.loads(out.getvalue())["error"]


def told_of_operators() -> list[tuple[str, str]]:
    """(to whom, about whom) of each mail that names a new operator, oldest first."""
    with scope.shared():
        rows = Message.objects.filter(purpose="operators.invited").order_by("created_at", "id")
        return [(row.to_address, row.subject) for row in rows]


def test_P32_every_invitation_of_an_operator_is_mailed_to_all_of_them(
    here: Browser, opal: User, otto: User
) -> None:
    """Whoever makes a second account of their own is seen by the others; themselves they are told too."""
    here.post("/operators/invite/", {"name": "Nora", "email": "nora@smoall.test", "language": "en"})
    with scope.shared():
        nora = User.objects.get(email="nora@smoall.test")
        body = Message.objects.filter(purpose="operators.invited").first()
    subject = "Nora is invited as an operator of Smoall"
    assert sorted(told_of_operators()) == [("opal@smoall.test", subject), ("otto@smoall.test", subject)]
    assert body and "Opal" in body.body and "nora@smoall.test" in body.body
    before, dialog = page_of(here, "/operators/").split(f'<dialog class="dialog" id="{nora.pk}-withdraw"')
    assert "/withdraw/" not in before and "Withdraw the invitation of Nora?" in dialog
    here.post(f"/operators/{nora.pk}/resend/")
    assert len(told_of_operators()) == 4, "a new link is a new invitation"
    create_operator("--language", "en")
    assert len(told_of_operators()) == 6
    here.post(f"/operators/{otto.pk}/deactivate/")
    here.post(f"/operators/{otto.pk}/reactivate/")
    assert told_of_operators()[-1][1] == "Otto may enter again as an operator of Smoall"
    here.post(f"/operators/{otto.pk}/reactivate/")
    assert len(told_of_operators()) == 8, "to both of them, once"
