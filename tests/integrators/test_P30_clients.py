"""P30: an integrator sees the contact details of clients whose link is live, and nothing of anybody else."""

import re
from collections.abc import Callable

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.accounts.models import Kind, User
from shared_apps.clients.models import Client
from shared_apps.integrators.models import Link
from shared_apps.kit import scope
from shared_apps.kit.module import OWNER
from tenants.models import Tenant
from tests.conftest import PASSWORD, TESTER, Cast
from tests.integrators.conftest import APP, Partner, client_of, link, mails

Open = Callable[..., Browser]
SECRETS = ("Acme", "acme", "Olga", "Rue Haute", "1000 Bruxelles")
ADDRESSES = [
    ("get", "/clients/{id}/"),
    ("post", "/clients/{id}/accept/"),
    ("post", "/clients/{id}/decline/"),
    ("post", "/clients/{id}/end/"),
]
TOKEN = re.compile(r"[A-Za-z0-9]{64}")  # of forms: another one each time
UNKNOWN = "018f0000-0000-7000-8000-000000000000"


def states(acme: Cast, partner: Partner, rival: Partner, state: str) -> list[str]:
    """Every identifier that could be put into an address."""
    ids = [str(acme.id), str(client_of(acme).pk), UNKNOWN]
    if state == "of another integrator":
        return [*ids, str(link(acme, rival).id)]
    return ids if state == "unlinked" else [*ids, str(link(acme, partner, state).id)]


@pytest.mark.parametrize("state", ["unlinked", "declined", "ended", "of another integrator"])
@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_an_address_of_a_client_without_a_live_link_is_not_found_and_says_nothing(
    acme: Cast, partner: Partner, rival: Partner, browser: Open, state: str, method: str, address: str
) -> None:
    here = browser(APP, partner.ines)
    for id in states(acme, partner, rival, state):
        answer = getattr(here, method)(address.format(id=id))
        assert answer.status_code == 404
        assert not any(word in answer.content.decode() for word in SECRETS)
    with scope.shared():
        assert not Link.objects.live().filter(organisation=partner.organisation).exists()
    assert mails() == []


@pytest.mark.parametrize("state", ["unlinked", "declined", "ended", "of another integrator"])
def test_the_list_its_search_and_its_order_say_nothing_either(
    acme: Cast, partner: Partner, rival: Partner, browser: Open, state: str
) -> None:
    states(acme, partner, rival, state)
    here = browser(APP, partner.ines)
    for address in ("/clients/", "/clients/?q=acme", "/clients/?sort=-town&page=2", "/organisation/"):
        page = here.get(address)
        assert page.status_code == 200
        assert not any(
            word in page.content.decode().replace("“acme”", "").replace('"acme"', "") for word in SECRETS
        )


def test_a_proposal_shows_the_companys_name_alone(acme: Cast, partner: Partner, browser: Open) -> None:
    made, here = link(acme, partner, "proposed"), browser(APP, partner.ines)
    page = here.get("/clients/").content.decode()
    assert "Acme SRL" in page
    assert not any(word in page for word in ("Olga", "olga@", "Rue Haute", "Bruxelles"))
    card = here.get(f"/clients/{made.id}/")
    assert card.status_code == 404 and b"Acme" not in card.content
    assert here.post(f"/clients/{made.id}/end/").status_code == 404
    assert "Olga" not in here.get("/clients/?q=olga").content.decode()


def test_a_linked_client_shows_its_contact_details_and_nothing_else(
    acme: Cast, partner: Partner, browser: Open
) -> None:
    made, here = link(acme, partner), browser(APP, partner.ines)
    page = here.get("/clients/").content.decode()
    assert "Acme SRL" in page and "olga@acme.test" in page
    card = here.get(f"/clients/{made.id}/").content.decode()
    for shown in ("Acme SRL", "Rue Haute 1", "1000 Bruxelles", "Olga Acme", "olga@acme.test"):
        assert shown in card
    for hidden in (
        str(acme.id),
        acme.tenant.schema_name,
        acme.host,
        acme.tenant.release,
        "suspended",
        "Colin",
    ):
        assert hidden not in card and hidden not in page


def test_the_state_of_the_workspace_changes_nothing_on_the_card(
    acme: Cast, partner: Partner, browser: Open
) -> None:
    made, here = link(acme, partner), browser(APP, partner.ines)

    def card() -> str:
        page = here.get(f"/clients/{made.id}/").content.decode()
        return TOKEN.sub("", page)

    before = card()
    with scope.shared(actor=TESTER):
        Tenant.locked(acme.id).suspend(reason="unpaid invoices", now=timezone.now())
    assert card() == before


def test_ending_counts_on_the_very_next_request_of_an_open_session(
    acme: Cast, partner: Partner, browser: Open
) -> None:
    made, here = link(acme, partner), browser(APP, partner.ines)
    assert here.get(f"/clients/{made.id}/").status_code == 200
    assert browser(acme, acme.admin).post(f"/workspace/integrator/{made.id}/end/").status_code == 302
    assert here.get(f"/clients/{made.id}/").status_code == 404
    assert "Acme" not in here.get("/clients/").content.decode()


def test_accepting_and_ending_by_the_integrator_are_told_to_the_client_once(
    acme: Cast, partner: Partner, browser: Open
) -> None:
    made, here = link(acme, partner, "proposed"), browser(APP, partner.ines)
    other = browser(APP, partner.igor)
    assert here.post(f"/clients/{made.id}/accept/").headers["Location"] == f"/clients/{made.id}/"
    assert other.post(f"/clients/{made.id}/accept/").status_code == 302, "a second click is no mistake"
    assert other.post(f"/clients/{made.id}/decline/").status_code == 404, "accepted meanwhile"
    assert here.post(f"/clients/{made.id}/end/").status_code == 302
    assert other.post(f"/clients/{made.id}/end/").status_code == 404
    assert [(mail.to_address, mail.subject) for mail in mails()] == [
        ("olga@acme.test", "Links & Co a accepté votre lien"),
        ("olga@acme.test", "Links & Co a mis fin au lien"),
    ]
    assert "http://acme.smoall.localhost/workspace/integrator/" in mails()[0].body


def test_declining_is_told_and_ends_the_proposal(acme: Cast, partner: Partner, browser: Open) -> None:
    made, here = link(acme, partner, "proposed"), browser(APP, partner.ines)
    assert here.post(f"/clients/{made.id}/decline/").status_code == 302
    assert here.post(f"/clients/{made.id}/accept/").status_code == 404
    with scope.shared():
        assert Link.objects.get().ended_by == "integrator"
    assert [mail.subject for mail in mails()] == ["Links & Co a décliné votre lien"]


@pytest.mark.parametrize(("method", "address"), [pair for pair in ADDRESSES if pair[0] == "post"])
def test_changes_are_posted_never_opened_and_want_the_forms_token(
    acme: Cast, partner: Partner, browser: Open, method: str, address: str
) -> None:
    made = link(acme, partner, "proposed")
    here = browser(APP, partner.ines)
    assert here.get(address.format(id=made.id)).status_code == 405
    strict = Browser(enforce_csrf_checks=True, HTTP_HOST=APP)
    strict.cookies = here.cookies
    assert strict.post(address.format(id=made.id)).status_code == 403
    with scope.shared():
        assert Link.objects.get().state == "proposed"


def test_the_root_of_app_leads_the_signed_in_integrator_to_its_clients(
    partner: Partner, browser: Open
) -> None:
    assert browser(APP, partner.ines).get("/").headers["Location"] == "/clients/"
    assert browser(APP).get("/clients/").headers["Location"] == "/sign-in/?next=%2Fclients%2F"


def test_somebody_who_works_for_no_integrator_sees_nothing(db: None, browser: Open) -> None:
    with scope.shared(actor=TESTER):
        nobody = User.objects.create_user(
            email="nobody@links.test", name="Nobody", kind=Kind.INTEGRATOR, role=OWNER, password=PASSWORD
        )
    here = browser(APP, nobody)
    assert here.get("/clients/").status_code == 403
    assert here.get("/organisation/").status_code == 403


def test_the_list_is_searched_sorted_and_paged_by_a_constant_number_of_queries(
    partner: Partner, browser: Open, statements: Callable[[], object]
) -> None:
    here = browser(APP, partner.ines)

    def make(numbers: range) -> None:
        with scope.shared(actor=TESTER):
            for number in numbers:
                client = Client.objects.create(
                    company=f"Café {number:03}", contact_name="Élodie Pain", contact_email=f"e{number}@cafe.test",
                    city="Liège" if number % 2 else "Gent", vat_number="BE0403170701" if number == 7 else "",
                )  # fmt: skip
                Link.propose(client_id=client.pk, code=partner.organisation.code, now=timezone.now()).accept(
                    now=timezone.now()
                )

    def count() -> int:
        with statements() as sent:  # type: ignore[attr-defined]
            here.get("/clients/")
        return len(sent)

    make(range(3))
    few = count()
    make(range(3, 60))
    assert count() == few
    page = here.get("/clients/").content.decode()
    assert "Café 000" in page and "Café 049" in page and "Café 050" not in page and "1–50 of 57" not in page
    assert "Café 059" in here.get("/clients/?page=2").content.decode()
    assert here.get("/clients/?sort=-company").content.decode().index("Café 059") > 0
    for words, found in (("cafe 042", "Café 042"), ("0403.170.701", "Café 007"), ("e13@cafe", "Café 013")):
        page = here.get("/clients/", {"q": words}).content.decode()
        assert found in page and "Café 001" not in page
    assert "No client matches" in here.get("/clients/?q=nothing").content.decode()
    assert here.get("/clients/?q=%00&sort=password&page=zzz").status_code == 200
