"""A client links itself with its integrator on its own host: it sees what is shown before, and ends it at once."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.history.models import LogEntry
from shared_apps.integrators.models import Link
from shared_apps.kit import scope
from tenants.models import Tenant
from tests.conftest import TESTER, Cast
from tests.integrators.conftest import APP, Partner, link, mails

Open = Callable[..., Browser]


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/workspace/integrator/"),
        ("get", "/workspace/integrator/preview/?code={code}"),
        ("post", "/workspace/integrator/propose/"),
        ("post", "/workspace/integrator/{id}/end/"),
    ],
)
def test_administrators_and_owners_alone_may(
    acme: Cast, partner: Partner, browser: Open, method: str, address: str
) -> None:
    made = link(acme, partner)
    url = address.format(code=partner.organisation.code, id=made.id)
    assert getattr(browser(acme), method)(url).status_code == 302
    assert getattr(browser(acme, acme.colleague), method)(url).status_code == 403
    for person in (acme.admin, acme.owner):
        assert getattr(browser(acme, person), method)(url).status_code in (200, 302)


def test_what_will_be_shown_is_seen_before_and_nothing_is_shared_by_looking(
    acme: Cast, partner: Partner, browser: Open
) -> None:
    here = browser(acme, acme.admin)
    typed = f" {partner.organisation.code[:4].upper()}-{partner.organisation.code[4:].upper()} "
    page = here.get("/workspace/integrator/preview/", {"code": typed}).content.decode()
    for shown in ("What Links &amp; Co will see", "Acme SRL", "Rue Haute 1", "1000 Bruxelles", "Olga Acme"):
        assert shown in page
    with scope.shared():
        assert not Link.objects.exists()
    unknown = here.get("/workspace/integrator/preview/?code=wrong")
    assert unknown.status_code == 200 and "No integrator has this code" in unknown.content.decode()


def test_the_card_shows_exactly_what_was_seen_before_agreeing(
    acme: Cast, partner: Partner, browser: Open
) -> None:
    address = "/workspace/integrator/preview/"
    page = browser(acme, acme.admin).get(address, {"code": partner.organisation.code}).content.decode()
    made = link(acme, partner)
    card = browser(APP, partner.ines).get(f"/clients/{made.id}/").content.decode()

    def facts(text: str) -> str:
        return text.split('<dl class="facts">')[1].split("</dl>")[0]

    assert facts(page) == facts(card)


def test_a_proposal_is_mailed_once_however_often_it_is_clicked(
    acme: Cast, partner: Partner, browser: Open
) -> None:
    here = browser(acme, acme.admin)
    for _click in range(2):
        assert (
            here.post("/workspace/integrator/propose/", {"code": partner.organisation.code}).status_code
            == 302
        )
    page = here.get("/workspace/integrator/").content.decode()
    assert "waiting for its answer" in page
    with scope.shared():
        made = Link.objects.get()
        assert (made.client_id, made.state) == (acme.tenant.client_id, "proposed")
    (mail,) = mails()
    assert (mail.to_address, mail.subject) == ("office@links.test", "Acme SRL proposes a link")
    assert "http://app.smoall.localhost/clients/" in mail.body


def test_the_whole_story_ends_with_a_new_beginning(acme: Cast, partner: Partner, browser: Open) -> None:
    here, there = browser(acme, acme.admin), browser(APP, partner.ines)
    code = {"code": partner.organisation.code}
    here.post("/workspace/integrator/propose/", code)
    with scope.shared():
        first = Link.objects.get()
    here.post(f"/workspace/integrator/{first.id}/end/")
    assert there.post(f"/clients/{first.id}/accept/").status_code == 404, "taken back"
    here.post("/workspace/integrator/propose/", code)
    with scope.shared():
        second = Link.objects.open().get()
    there.post(f"/clients/{second.id}/accept/")
    assert "linked" in here.get("/workspace/integrator/").content.decode()
    for _click in range(2):
        assert here.post(f"/workspace/integrator/{second.id}/end/").status_code == 302
    assert there.get(f"/clients/{second.id}/").status_code == 404
    page = here.get("/workspace/integrator/").content.decode()
    assert "Ended" in page and "Work with an integrator" in page
    assert [mail.subject for mail in mails() if mail.to_address == "office@links.test"] == [
        "Acme SRL proposes a link",
        "Acme SRL has taken its proposal back",
        "Acme SRL proposes a link",
        "Acme SRL has ended the link",
    ]


def test_a_foreign_link_is_not_found(acme: Cast, zenith: Cast, partner: Partner, browser: Open) -> None:
    made = link(zenith, partner)
    assert browser(acme, acme.owner).post(f"/workspace/integrator/{made.id}/end/").status_code == 404
    with scope.shared():
        assert Link.objects.live().filter(pk=made.pk).exists()
    assert "Links" not in browser(acme, acme.owner).get("/workspace/integrator/").content.decode()


def test_a_suspended_workspace_may_end_its_link_but_not_make_one(
    acme: Cast, partner: Partner, rival: Partner, browser: Open
) -> None:
    made = link(acme, partner)
    with scope.shared(actor=TESTER):
        Tenant.locked(acme.id).suspend(reason="unpaid", now=timezone.now())
    here = browser(acme, acme.owner)
    assert here.post("/workspace/integrator/propose/", {"code": rival.organisation.code}).status_code == 423
    assert here.post(f"/workspace/integrator/{made.id}/end/").status_code == 302
    with scope.shared():
        assert not Link.objects.open().exists()


def test_both_sides_changes_stand_in_the_shared_history_with_their_authors(
    acme: Cast, partner: Partner, browser: Open
) -> None:
    browser(acme, acme.admin).post("/workspace/integrator/propose/", {"code": partner.organisation.code})
    with scope.shared():
        made = Link.objects.get()
    browser(APP, partner.ines).post(f"/clients/{made.id}/accept/")
    browser(acme, acme.owner).post(f"/workspace/integrator/{made.id}/end/")
    with scope.shared():
        entries = LogEntry.objects.filter(table_name="integrators_link", object_pk=str(made.pk)).order_by(
            "id"
        )
        told = [(entry.actor_kind, entry.actor_name, sorted(entry.changes)) for entry in entries]
    assert [(kind, name) for kind, name, _fields in told] == [
        ("user", "Ada Acme"),
        ("integrator", "Ines Links & Co"),
        ("user", "Olga Acme"),
    ]
    assert told[1][2] == ["accepted_at"] and told[2][2] == ["ended_at", "ended_by"]


def test_the_workspaces_page_leads_there_for_those_who_may(acme: Cast, browser: Open) -> None:
    assert "/workspace/integrator/" in browser(acme, acme.admin).get("/workspace/").content.decode()
    assert "/workspace/integrator/" not in browser(acme, acme.colleague).get("/workspace/").content.decode()


def test_the_page_does_not_exist_on_the_shared_hosts(partner: Partner, browser: Open) -> None:
    assert browser(APP, partner.ines).get("/workspace/integrator/").status_code == 404
