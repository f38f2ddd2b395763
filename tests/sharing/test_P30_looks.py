"""P30, the record's part: each look of an integrator's person at a client's contact details is noted, once a day."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps import sharing
from shared_apps.integrators.models import Look
from shared_apps.kit import scope
from shared_apps.sharing import Entry
from shared_apps.sharing.models import Disclosure, Partner
from tenants import export, forgetting
from tests.conftest import TESTER, Cast
from tests.integrators.conftest import APP, link, make_partner
from tests.integrators.conftest import Partner as Integrator

Open = Callable[..., Browser]


@pytest.fixture
def partner(db: None) -> Integrator:
    return make_partner("Links & Co", "links.test")


def looks() -> list[tuple[str, str]]:
    with scope.shared():
        return sorted(Look.objects.values_list("person", "client__company"))


def unnoted(acme: Cast, partner: Integrator, browser: Open) -> list[str]:
    """The addresses on which contact details were shown and nobody noted it."""
    live, found = link(acme, partner), []
    here = browser(APP, partner.ines)
    for address in ("/clients/", f"/clients/{live.pk}/"):
        with scope.shared(actor=TESTER):
            Look.objects.all().delete()
        shown = "olga@acme.test" in here.get(address).content.decode()
        if shown and looks() != [("Ines Links & Co", "Acme SRL")]:
            found.append(address)
    return found


def test_P30_every_page_that_shows_contact_details_notes_who_looked(
    acme: Cast, partner: Integrator, browser: Open
) -> None:
    assert unnoted(acme, partner, browser) == []


def test_P30_an_unlogged_view_is_noticed(
    acme: Cast, partner: Integrator, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: a view that forgets it."""
    monkeypatch.setattr("shared_apps.integrators.views.Look.note", lambda *a, **k: None)
    assert len(unnoted(acme, partner, browser)) == 2


def test_P30_once_a_person_client_and_day(
    acme: Cast, zenith: Cast, partner: Integrator, browser: Open
) -> None:
    live = link(acme, partner)
    for person in (partner.ines, partner.igor):
        for _time in range(3):
            browser(APP, person).get(f"/clients/{live.pk}/")
    assert len(looks()) == 2
    with scope.shared(actor=TESTER):
        Look.note([live], by=partner.ines, now=timezone.now() + timedelta(days=1))
        assert (
            Look.objects.count() == 3 and not Look.objects.exclude(client_id=acme.tenant.client_id).exists()
        )


def test_P30_a_proposal_shows_and_notes_nothing(acme: Cast, partner: Integrator, browser: Open) -> None:
    link(acme, partner, "proposed")
    assert "olga@acme.test" not in browser(APP, partner.ines).get("/clients/").content.decode()
    assert looks() == []


# --- the client's page ----------------------------------------------------------------------------------------

PAGE = "/workspace/disclosures/"


def page(browser: Browser, **query: Any) -> str:
    answer = browser.get(PAGE, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_says_that_nobody_saw_anything(acme: Cast, browser: Open) -> None:
    here = browser(acme, acme.owner)
    assert "Nobody outside your team" in page(here)
    assert PAGE in here.get("/workspace/").content.decode()


def test_owners_and_administrators_see_it_and_members_do_not(acme: Cast, browser: Open) -> None:
    assert browser(acme, acme.admin).get(PAGE).status_code == 200
    member = browser(acme, acme.colleague)
    assert member.get(PAGE).status_code == 403 and PAGE not in member.get("/workspace/").content.decode()


def test_the_page_shows_looks_and_disclosures_of_this_client_alone(
    acme: Cast, zenith: Cast, partner: Integrator, shared_with: Partner, browser: Open
) -> None:
    browser(APP, partner.ines).get(f"/clients/{link(acme, partner).pk}/")
    with scope.shared(actor=TESTER):
        for cast, why in ((acme, "For acme"), (zenith, "For zenith")):
            shared_with.disclose(cast.tenant.client_id, categories=["billing"], why=why, now=timezone.now())
    here = browser(acme, acme.owner)
    everything = page(here)
    assert "Ines Links &amp; Co" in everything and "Pay Inc" in everything and "For acme" in everything
    assert "For zenith" not in everything and "billing details" in everything
    only = page(here, kind="partner")
    assert "Pay Inc" in only and "Ines Links" not in only
    assert "Pay Inc" in page(here, kind="nonsense", page="x")
    assert "Ines" not in page(browser(zenith, zenith.owner))


def test_other_modules_add_entries_and_long_lists_have_pages(
    acme: Cast, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    grants = [
        Entry(at=now - timedelta(hours=n), who=f"Opal {n}.", what="read", why="A question", kind="operator")
        for n in range(120)
    ]
    monkeypatch.setattr(sharing, "sources", [*sharing.sources, lambda client: grants])
    here = browser(acme, acme.owner)
    assert "Opal 0." in page(here) and "Opal 119." not in page(here)
    assert "Opal 119." in page(here, page=3, kind="operator")


def test_looks_and_disclosures_leave_with_an_export_and_go_with_the_contact_details(
    acme: Cast, partner: Integrator, shared_with: Partner
) -> None:
    live = link(acme, partner)
    with scope.shared(actor=TESTER):
        Look.note([live], by=partner.ines, now=timezone.now())
        shared_with.disclose(acme.tenant.client_id, categories=["contact"], why="x", now=timezone.now())
        parts = export.shared_rows(acme.tenant)
        assert parts["looks"][0]["person"] == "Ines Links & Co"
        assert parts["disclosures"][0]["verification__partner__name"] == "Pay Inc"
        acme.tenant.delete()
        forgetting.forget_client(live.client_id)
        assert not Look.objects.exists() and not Disclosure.objects.exists()
