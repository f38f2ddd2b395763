"""An integrator's own page: its code and its colleagues, never another's."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser

from shared_apps.accounts.models import User
from shared_apps.integrators.models import Membership
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tests.integrators.conftest import APP, Partner

Open = Callable[..., Browser]
NEW = {"name": "Ivo", "email": "ivo@links.test", "language": "en"}
VERBS = ("resend", "withdraw", "deactivate", "reactivate")


def again(user: User) -> User:
    with scope.shared():
        return User.objects.get(pk=user.pk)


def invitation() -> str:
    with scope.shared():
        body = Message.objects.filter(purpose="accounts.invitation").order_by("-created_at", "-id")[0].body
    return "/" + body.split(f"http://{APP}/")[1].split()[0]


def test_it_shows_the_code_to_tell_and_the_people(partner: Partner, rival: Partner, browser: Open) -> None:
    page = browser(APP, partner.ines).get("/organisation/").content.decode()
    assert partner.organisation.code_shown in page and "igor@links.test" in page
    assert "rival.test" not in page and rival.organisation.code_shown not in page


def test_a_colleague_is_invited_enters_and_works_for_the_same_integrator(
    partner: Partner, browser: Open
) -> None:
    assert browser(APP, partner.ines).post("/organisation/invite/", NEW).status_code == 302
    here = browser(APP)
    assert here.post(invitation(), {"name": "Ivo", "password": "seven quiet herons fly"}).status_code == 302
    assert "igor@links.test" in here.get("/organisation/").content.decode()
    assert here.get("/clients/").status_code == 200


def test_an_address_that_is_known_is_refused_on_the_field_and_nothing_is_left(
    partner: Partner, rival: Partner, browser: Open
) -> None:
    answer = browser(APP, partner.ines).post("/organisation/invite/", NEW | {"email": "INES@rival.test"})
    assert answer.status_code == 200 and "is here already" in answer.content.decode()
    with scope.shared():
        assert Membership.objects.filter(organisation=partner.organisation).count() == 2


def test_a_withdrawn_invitation_opens_nothing_and_frees_the_address(partner: Partner, browser: Open) -> None:
    here = browser(APP, partner.ines)
    here.post("/organisation/invite/", NEW)
    path = invitation()
    with scope.shared():
        ivo = User.objects.get(email="ivo@links.test")
    before, dialog = (
        here.get("/organisation/").content.decode().split(f'<dialog class="dialog" id="{ivo.id}-withdraw"')
    )
    assert "/withdraw/" not in before and "Withdraw the invitation of Ivo?" in dialog
    here.post(f"/organisation/people/{ivo.id}/withdraw/")
    assert browser(APP).get(path).status_code == 404
    assert here.post("/organisation/invite/", NEW).status_code == 302


def test_a_deactivated_colleague_is_out_at_once_and_nobody_locks_the_door_behind_themselves(
    partner: Partner, browser: Open
) -> None:
    here, there = browser(APP, partner.ines), browser(APP, partner.igor)
    assert here.post(f"/organisation/people/{partner.igor.id}/deactivate/").status_code == 302
    assert there.get("/clients/").headers["Location"].startswith("/sign-in/")
    here.post(f"/organisation/people/{partner.ines.id}/deactivate/")
    assert again(partner.ines).is_active and not again(partner.igor).is_active
    here.post(f"/organisation/people/{partner.igor.id}/reactivate/")
    assert again(partner.igor).is_active


def test_who_has_entered_cannot_be_withdrawn(partner: Partner, browser: Open) -> None:
    browser(APP, partner.ines).post(f"/organisation/people/{partner.igor.id}/withdraw/")
    with scope.shared():
        assert partner.organisation.people().count() == 2


@pytest.mark.parametrize("verb", VERBS)
def test_another_integrators_people_are_not_found(
    partner: Partner, rival: Partner, browser: Open, verb: str
) -> None:
    here = browser(APP, partner.ines)
    assert here.post(f"/organisation/people/{rival.ines.id}/{verb}/").status_code == 404
    assert here.get(f"/organisation/people/{partner.igor.id}/{verb}/").status_code == 405
    assert again(rival.ines).state == "active"


def test_details_are_changed_but_never_the_name(partner: Partner, browser: Open) -> None:
    here = browser(APP, partner.ines)
    body = {"email": "hello@links.test", "language": "fr", "name": "Smoall", "code": "aaaaaaaa"}
    assert here.post("/organisation/edit/", body).status_code == 302
    with scope.shared():
        partner.organisation.refresh_from_db()
    found = partner.organisation
    assert (found.email, found.language, found.name) == ("hello@links.test", "fr", "Links & Co")
    assert found.code != "aaaaaaaa"
