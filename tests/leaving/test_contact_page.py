"""The contact person's page on app.: seeing, correcting, another day, erasing, and the proof; by the mailed link alone."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from shared_apps.clients.models import Client
from shared_apps.history.models import LogEntry
from shared_apps.kit import scope, tokens
from shared_apps.kit.dates import day_of
from shared_apps.legal import documents
from shared_apps.legal.models import Acceptance
from tenants import departure, forgetting
from tenants.forms_leaving import print_of
from tenants.models import Departure, Erasure, Saga, Tenant
from tests.conftest import TESTER, Cast
from tests.integrators.conftest import link as linked
from tests.integrators.conftest import make_partner
from tests.leaving.conftest import client_of, fresh, kinds, link, mails, notice, page_of, path_in, text_of
from tests.sign_up.test_find import searched

DETAILS = {
    "company": "Acme SRL", "country": "BE", "vat_number": "BE 0403.170.701", "street": "Rue Basse 2",
    "postal_code": "4000", "city": "Liège", "contact_name": "Olga Acme", "contact_email": "olga@acme.test",
    "phone": "+32 4 123 45 67", "language": "fr",
}  # fmt: skip


def details(leaving: Departure, **changes: str) -> dict[str, str]:
    """What the form posts."""
    return {**DETAILS, "seen": print_of(client_of(leaving)), **changes}


def moved(leaving: Departure, on: Any, **changes: Any) -> dict[str, Any]:
    return {"on": f"{on}", "seen": departure.seen_in(fresh(leaving)), **changes}


def everything() -> list[Any]:
    """The rows that a page could change."""
    with scope.shared():
        return [
            list(model.objects.order_by("pk").values_list())
            for model in (Client, Departure, Saga, Acceptance, LogEntry)
        ]


# --- seeing -----------------------------------------------------------------------------------------------


def test_it_shows_what_is_held_and_opening_it_changes_nothing(
    contact: Browser, departed: Departure, acme: Cast
) -> None:
    partner = make_partner("Links & Co", "links.test")
    linked(acme, partner)
    with scope.shared(actor=TESTER):
        terms = documents.current("terms", today=timezone.localdate())
        Acceptance.record(terms, client=acme.tenant.client_id, language="fr", at=timezone.now())
    before, address = everything(), link(departed)
    page = page_of(contact, address)
    for shown in ("Acme SRL", "Olga Acme", "olga@acme.test", "Rue Haute 1", f"version {terms.version}, accepted",
                  "Links &amp; Co: link ended", f'datetime="{departed.contacts_on}"', "gave notice"):  # fmt: skip
        assert shown in page
    answer = contact.get(f"{address}correct/")
    assert answer.status_code == 200 and everything() == before and not mails("Vos coordonnées chez Smoall")
    assert answer.headers["Cache-Control"] == "no-store" and "noindex" in answer.headers["X-Robots-Tag"]


@pytest.mark.parametrize("verb", ["day", "erase", "again"])
def test_verbs_are_posted_never_opened_and_want_the_forms_token(
    contact: Browser, departed: Departure, verb: str
) -> None:
    address = f"{link(departed)}{verb}/"
    assert contact.get(address).status_code == 405
    strict = Browser(enforce_csrf_checks=True, HTTP_HOST="app.smoall.localhost")
    assert strict.post(address).status_code == 403


def test_its_cost_does_not_grow_with_what_was_said(
    contact: Browser, departed: Departure, statements: Callable[[], Any]
) -> None:
    def count() -> int:
        with statements() as sent:
            page_of(contact, link(departed))
        return len(sent)

    few = count()
    for days in range(1, 9):
        on = departed.contacts_on + timedelta(days=days)
        assert contact.post(f"{link(departed)}day/", moved(departed, on)).status_code == 302
    assert count() == few


# --- links that open nothing ------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["", "correct/", "progress/", "data.json", "contacts.json"])
def test_an_altered_link_opens_nothing(contact: Browser, departed: Departure, page: str) -> None:
    address = link(departed)
    for hostile in (address[:-4] + "abc/", "/contact-details/x/", "/contact-details/..%2f..%2fetc/"):
        answer = contact.get(hostile + page)
        assert answer.status_code in (404, 410) and "Acme" not in text_of(answer)


@pytest.mark.parametrize("verb", ["correct", "day", "erase", "again"])
def test_an_altered_link_changes_nothing(contact: Browser, departed: Departure, verb: str) -> None:
    before = everything()
    posted = {**details(departed), "on": str(departed.contacts_on), "typed_name": "Acme SRL"}
    assert contact.post(f"{link(departed)[:-4]}abc/{verb}/", posted).status_code == 410
    assert everything() == before and not mails("Vos coordonnées chez Smoall")


def test_a_token_of_another_purpose_or_host_opens_nothing(
    contact: Browser, departed: Departure, acme: Cast
) -> None:
    with scope.shared(realm="app"):
        other = tokens.sign([str(departed.id), "x" * 32], purpose="sign_up")
    with scope.shared(realm="ops"):
        there = tokens.sign([str(departed.id), "x" * 32], purpose="contact")
    for token in (other, there):
        assert contact.get(f"/contact-details/{token}/").status_code == 410


def test_a_workspace_that_is_open_has_no_such_page(contact: Browser, acme: Cast) -> None:
    given = notice(acme)
    assert contact.get(link(given)).status_code == 410


def test_an_old_link_opens_nothing_and_mails_another_to_the_address_on_file(
    contact: Browser, departed: Departure, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_month_ago = time.time() - 31 * 24 * 3600
    with monkeypatch.context() as patched:
        patched.setattr("django.core.signing.time.time", lambda: a_month_ago)
        address = link(departed)
    page = contact.get(address)
    assert page.status_code == 410 and "Mail me another link" in text_of(page)
    assert "Acme" not in text_of(page) and not mails("Vos coordonnées chez Smoall")
    answers = {text_of(contact.post(f"{address}again/")) for _click in range(8)}
    assert len(answers) == 1, "the same whatever happened"
    sent = mails("Vos coordonnées chez Smoall")
    assert [one.to_address for one in sent] == ["olga@acme.test"] * 5, "five a day"
    assert contact.get(path_in(sent[-1].body)).status_code == 200


# --- correcting -------------------------------------------------------------------------------------------


def test_every_field_is_corrected_and_the_history_says_by_whom(contact: Browser, departed: Departure) -> None:
    address = link(departed)
    answer = contact.post(f"{address}correct/", details(departed))
    assert answer.status_code == 302 and answer.headers["Location"] == address
    client = client_of(departed)
    assert (client.city, client.vat_number, client.language) == ("Liège", "BE0403170701", "fr")
    assert (client.street, client.postal_code, client.phone) == ("Rue Basse 2", "4000", "+32 4 123 45 67")
    with scope.shared():
        entry = LogEntry.objects.filter(table_name="clients_client").latest("id")
    assert (entry.actor_kind, entry.actor_name) == ("contact", "the client’s contact person")
    assert page_of(contact, address), "the same link goes on working"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("company", "", "required"),
        ("company", "https://bait.example", "no web address"),
        ("vat_number", "BE 0403.170.702", "check digits"),
        ("contact_email", "olga", "valid email"),
        ("country", "ZZ", "valid choice"),
        ("language", "xx", "valid choice"),
        ("phone", "call me", "phone number"),
        ("contact_name", "x" * 201, "at most 200"),
    ],
)
def test_what_cannot_be_is_refused_and_stays_typed(
    contact: Browser, departed: Departure, field: str, value: str, said: str
) -> None:
    page = text_of(contact.post(f"{link(departed)}correct/", details(departed, **{field: value})))
    assert said in page and "Rue Basse 2" in page
    assert client_of(departed).street == "Rue Haute 1"


def test_another_address_gets_a_link_the_old_one_is_told_and_its_links_are_void(
    contact: Browser, departed: Departure
) -> None:
    old = link(departed)
    page = text_of(contact.post(f"{old}correct/", details(departed, contact_email="books@acme.test")))
    assert "books@acme.test" in page
    told, new = mails()[-2:]
    assert (told.to_address, "autre adresse" in told.subject) == ("olga@acme.test", True)
    assert "books@acme.test" not in told.body + told.subject
    assert new.to_address == "books@acme.test"
    assert contact.get(old).status_code == 410 and "Liège" in page_of(contact, path_in(new.body))
    assert contact.post(f"{old}erase/", {"typed_name": "Acme SRL"}).status_code == 410
    contact.post(f"{old}again/")
    assert mails()[-1].to_address == "books@acme.test", "a void link mails the address on file"
    contact.post(f"{path_in(new.body)}correct/", details(departed, contact_email="olga@acme.test"))
    assert contact.get(old).status_code == 410, "it was told that it opens nothing any more"


def test_a_void_link_stays_void_once_the_details_are_erased(contact: Browser, departed: Departure) -> None:
    old = link(departed)
    with scope.shared(realm="app"):
        state = departure._state(departed, Client.objects.get(pk=departed.client_uuid))
        made = tokens.print_of(state, salt=departure.PRINT)
        earlier = tokens.sign([str(departed.id), made], purpose="contact")  # of a release without generations
    assert page_of(contact, f"/contact-details/{earlier}/")
    contact.post(f"{old}correct/", details(departed, contact_email="books@acme.test"))
    new = path_in(mails()[-1].body)
    with scope.shared(actor=TESTER):
        Tenant.objects.filter(pk=departed.tenant_uuid).delete()
        forgetting.forget_client(departed.client_uuid)
        Departure.objects.filter(pk=departed.pk).update(contacts_erased_at=timezone.now())
    for page in ("", "progress/", "data.json", "contacts.json"):
        assert contact.get(old + page).status_code == 410
        assert contact.get(f"/contact-details/{earlier}/{page}").status_code == 410
    with scope.shared(realm="app"):
        visits = [departure.read_link(one.rstrip("/").rpartition("/")[2]) for one in (old, new)]
    assert [one.is_expired for one in visits] == [True, False], (
        "so no invoice either (billing/views_contact.py)"
    )
    assert page_of(contact, new)


def test_the_same_address_written_otherwise_voids_nothing(contact: Browser, departed: Departure) -> None:
    address = link(departed)
    contact.post(f"{address}correct/", details(departed, contact_email="Olga@ACME.test"))
    assert client_of(departed).contact_email == "Olga@ACME.test" and page_of(contact, address)
    assert [one.to_address for one in mails()] == ["olga@acme.test"], "the notice's alone"


def test_an_address_that_got_too_many_mails_is_refused_and_nothing_is_changed(
    contact: Browser, departed: Departure
) -> None:
    for number in range(5):
        back = "olga@acme.test" if number % 2 else "books@acme.test"
        contact.post(f"{link(departed)}correct/", details(departed, contact_email=back))
    for _each in range(6):
        contact.post(f"{link(departed)}again/")
    with scope.shared(actor=TESTER):
        Client.objects.filter(pk=departed.client_uuid).update(contact_email="new@acme.test")
    before = client_of(departed)
    page = text_of(
        contact.post(f"{link(departed)}correct/", details(departed, contact_email="books@acme.test"))
    )
    assert "Too many mails" in page and client_of(departed).city == before.city
    assert client_of(departed).contact_email == "new@acme.test"


def test_a_page_of_before_somebody_elses_correction_writes_over_nothing_unasked(
    contact: Browser, departed: Departure
) -> None:
    address, stale = link(departed), details(departed, city="Namur")
    contact.post(f"{address}correct/", details(departed))
    page = text_of(contact.post(f"{address}correct/", stale))
    assert "changed meanwhile" in page and 'value="Namur"' in page and client_of(departed).city == "Liège"
    assert print_of(client_of(departed)) in page
    assert contact.post(f"{address}correct/", details(departed, city="Namur")).status_code == 302
    assert client_of(departed).city == "Namur"


def test_the_same_click_twice_is_one_correction(contact: Browser, departed: Departure) -> None:
    form = details(departed)
    for _click in range(2):
        assert contact.post(f"{link(departed)}correct/", form).status_code == 302
    with scope.shared():
        assert LogEntry.objects.filter(table_name="clients_client", actor_kind="contact").count() == 1


# --- another day ------------------------------------------------------------------------------------------


def test_the_day_is_moved_sooner_later_and_back(contact: Browser, departed: Departure) -> None:
    today, address = day_of(timezone.now()), f"{link(departed)}day/"
    for on in (today, departed.contacts_on + timedelta(days=300)):
        assert contact.post(address, moved(departed, on)).status_code == 302
        assert fresh(departed).contacts_on == on
    assert contact.post(address, moved(departed, "", promised="1")).status_code == 302
    assert fresh(departed).contacts_on == departed.contacts_promised_on
    assert kinds() == ["notice", "day", "day", "promised"]


@pytest.mark.parametrize("days", [-1, 366 * 11])
def test_a_day_out_of_reach_is_refused_and_stays_typed(
    contact: Browser, departed: Departure, days: int
) -> None:
    on = day_of(timezone.now()) + timedelta(days=days)
    page = text_of(contact.post(f"{link(departed)}day/", moved(departed, on)))
    assert "Choose a day from" in page and f'value="{on}"' in page and kinds() == ["notice"]


def test_a_page_of_before_another_choice_changes_nothing(contact: Browser, departed: Departure) -> None:
    address, stale = f"{link(departed)}day/", moved(departed, departed.contacts_on + timedelta(days=30))
    form = moved(departed, departed.contacts_on + timedelta(days=9))
    for _click in range(2):
        assert contact.post(address, form).status_code == 302
    assert "Other days were chosen meanwhile" in text_of(contact.post(address, stale))
    assert kinds() == ["notice", "day"]


# --- erasing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", "Acme", "zenith"])
def test_the_companys_name_is_typed(contact: Browser, departed: Departure, typed: str) -> None:
    page = text_of(contact.post(f"{link(departed)}erase/", {"typed_name": typed}))
    assert "There is one thing to correct" in page and kinds() == ["notice"]
    with scope.shared():
        assert not forgetting.is_under_way(departed)


def test_it_begins_once_and_the_page_shows_how_far_it_is(contact: Browser, departed: Departure) -> None:
    address = link(departed)
    for _click in range(2):
        answer = contact.post(f"{address}erase/", {"typed_name": " acme  SRL "})
        assert answer.status_code == 302 and answer.headers["Location"] == address
    with scope.shared():
        assert Saga.objects.filter(kind="forget").count() == 1
    assert kinds() == ["notice", "now"]
    assert "Waiting for its turn" in page_of(contact, address)
    assert "Waiting for its turn" in page_of(contact, f"{address}progress/")
    with scope.shared():
        Saga.objects.filter(kind="forget").update(status=Saga.Status.FAILED)
    assert "Something went wrong on our side" in page_of(contact, address)


def test_details_that_go_with_the_data_are_shown_as_being_erased(
    contact: Browser, departed: Departure
) -> None:
    """Between the data's certificate and the beginning of their own erasure they are there still, for a moment."""
    now = timezone.now()
    with scope.shared(actor=TESTER):
        Erasure.objects.create(
            tenant_uuid=departed.tenant_uuid, client_uuid=departed.client_uuid, with_contacts=True,
            requested_by={"role": "owner", "id": "x"}, requested_at=now, closed_at=now, destroy_at=now, destroyed_at=now,
        )  # fmt: skip
    page = page_of(contact, link(departed))
    assert "Your contact details are being erased" in page and "Rue Haute 1" not in page
    assert contact.post(f"{link(departed)}correct/", details(departed)).status_code == 302
    assert client_of(departed).city == "Bruxelles"


@pytest.mark.parametrize("verb", ["correct", "day"])
def test_nothing_is_changed_while_it_is_being_erased(
    contact: Browser, departed: Departure, verb: str
) -> None:
    address = link(departed)
    contact.post(f"{address}erase/", {"typed_name": "Acme SRL"})
    posted = {**details(departed), "on": str(departed.contacts_on + timedelta(days=9))}
    answer = contact.post(f"{address}{verb}/", posted)
    assert answer.status_code == 302 and client_of(departed).city == "Bruxelles"
    assert kinds() == ["notice", "now"]


def test_there_is_no_proof_before_there_is_one(contact: Browser, departed: Departure) -> None:
    for kind in ("contacts", "data", "anything"):
        assert contact.get(f"{link(departed)}{kind}.json").status_code == 404


# --- finding the link again -------------------------------------------------------------------------------


def test_find_my_workspaces_mails_the_link_to_the_contact_address(
    contact: Browser, departed: Departure, acme: Cast
) -> None:
    body = searched(contact, "OLGA@acme.test")
    assert "The workspace of Acme SRL is erased" in body and page_of(contact, path_in(body))
    assert "contact-details" not in searched(contact, "nobody@acme.test")


def test_its_page_reveals_nothing(contact: Browser, departed: Departure) -> None:
    known = contact.post("/find/", {"email": "olga@acme.test"})
    unknown = contact.post("/find/", {"email": "nobody@acme.test"})
    assert known.content.replace(b"olga", b"nobody") == unknown.content
