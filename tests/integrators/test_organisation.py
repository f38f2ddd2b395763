"""An integrator's own page: its code and its colleagues, never another's."""

import re
from collections.abc import Callable

import pytest
from django.test import Client as Browser

from shared_apps.accounts.models import User
from shared_apps.integrators import models
from shared_apps.integrators.models import IdleInvitation, Membership
from shared_apps.kit import scope
from shared_apps.mail.models import Message
from tests.conftest import TESTER
from tests.integrators.conftest import APP, Partner
from tests.operators.conftest import make_operator

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


def test_an_address_of_its_own_people_is_refused_on_the_field_and_nothing_is_left(
    partner: Partner, browser: Open
) -> None:
    answer = browser(APP, partner.ines).post("/organisation/invite/", NEW | {"email": "IGOR@links.test"})
    assert answer.status_code == 200 and "is here already" in answer.content.decode()
    with scope.shared():
        assert Membership.objects.filter(organisation=partner.organisation).count() == 2


def shown(here: Browser, name: str) -> tuple[str, str]:
    """A person's row of the page without what tells people apart, and their key."""
    [row] = [one for one in here.get("/organisation/").content.decode().split("</tr>") if f">{name}<" in one]
    row = row.rpartition("<tr>")[2]
    [key] = set(re.findall("/people/([0-9a-f-]{36})/", row))
    return re.sub(r'value="[^"]+"', "", row.replace(key, "KEY")), key


@pytest.mark.parametrize("whose", ["rival", "operator"])
def test_nobody_learns_by_inviting_whose_people_others_are(
    partner: Partner, rival: Partner, browser: Open, whose: str
) -> None:
    """Whatever is done to either invitation, the answers are those for an address that nobody has."""
    with scope.shared(actor=TESTER):
        holder = rival.ines if whose == "rival" else make_operator("Opal")
        holders = User.objects.count()
    here, used = browser(APP, partner.ines), holder.email.upper()
    seen = []
    for email in ("kim@links.test", used):
        answers = [here.post("/organisation/invite/", NEW | {"email": email}, follow=True)]
        row, key = shown(here, email)
        answers += [here.post("/organisation/invite/", NEW | {"email": email})]
        for verb in ("resend", "deactivate", "resend", "withdraw", "reactivate", "withdraw"):
            answers.append(here.post(f"/organisation/people/{key}/{verb}/", follow=True))
        said = [
            re.findall("data-toast-text>([^<]+)<|(is here already)", one.content.decode()) for one in answers
        ]
        assert all(said)
        seen.append((row.replace(email, "EMAIL"), [one.status_code for one in answers], said))
    assert seen[0] == seen[1]
    with scope.shared():
        told = Message.objects.filter(to_address=holder.email, purpose="integrators.in_use")
        assert told.count() == 2 and "Ines Links & Co of Links & Co" in told[0].body
        assert User.objects.count() == holders and not IdleInvitation.objects.exists()
    assert again(holder).state == "active"


def test_an_idle_invitation_sent_again_is_one_in_earnest_once_nobody_has_the_address(
    partner: Partner, rival: Partner, browser: Open
) -> None:
    here = browser(APP, partner.ines)
    here.post("/organisation/invite/", NEW | {"email": rival.ines.email})
    _row, key = shown(here, rival.ines.email)
    with scope.shared(actor=TESTER):
        rival.ines.change_email("elsewhere@rival.test")
    here.post(f"/organisation/people/{key}/resend/")
    there = browser(APP)
    assert there.post(invitation(), {"name": "Ines", "password": "seven quiet herons fly"}).status_code == 302
    assert "igor@links.test" in there.get("/organisation/").content.decode()


def test_nobody_tries_more_addresses_within_a_day_than_anybody_invites(
    partner: Partner, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "INVITATIONS_A_DAY", 1)
    here = browser(APP, partner.ines)
    here.post("/organisation/invite/", NEW)
    answer = here.post("/organisation/invite/", NEW | {"email": "kim@links.test"})
    assert answer.status_code == 200 and "Try again tomorrow" in answer.content.decode()


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
