"""The list: what is found, in which order, in how many queries."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from tenant_apps.contacts.models import Contact
from tenant_apps.contacts.models import contact as contact_module
from tests.conftest import Cast
from tests.contacts.conftest import make

Maker = Callable[..., Contact]


@pytest.fixture
def book(acme: Cast) -> Cast:
    with acme.inside():
        owner = acme.owner
        make(
            owner,
            "",
            first_name="Éric",
            last_name="Œuvrard",
            city="Liège",
            email="eric@oeuvrard.example",
            phone="+32 2 123 45 67",
            is_customer=True,
        )
        make(
            owner,
            "",
            first_name="Marie",
            last_name="Dupont",
            city="Namur",
            mobile="0475/12.34.56",
            tags=("Été 2025",),
        )
        make(
            owner,
            "Vandenberghe Bouw NV",
            city="Gand",
            vat_number="BE 0403.170.701",
            country="BE",
            is_supplier=True,
        )
        make(owner, "Brasserie Dupont", city="Tourpes", is_customer=True, is_prospect=True)
        make(owner, "Zénith SPRL", city="Bruxelles")
    return acme


def found(cast: Cast, browser: Callable[..., Any], query: str) -> list[str]:
    answer = browser(cast, cast.colleague).get(f"/contacts/?{query}")
    assert answer.status_code == 200
    return [row.name for row in answer.context["page"]]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("eric", "Éric Œuvrard"),
        ("ÉRIC", "Éric Œuvrard"),
        ("oeuvrard", "Éric Œuvrard"),
        ("œuvrard", "Éric Œuvrard"),
        ("liege", "Éric Œuvrard"),
        ("LIÈGE", "Éric Œuvrard"),
        ("leige", "Éric Œuvrard"),
        ("ouevrard", "Éric Œuvrard"),
        ("zenith", "Zénith SPRL"),
        ("zénit", "Zénith SPRL"),
        ("vandenberg", "Vandenberghe Bouw NV"),
        ("vandenbergue", "Vandenberghe Bouw NV"),
        ("vandenbreghe", "Vandenberghe Bouw NV"),
        ("van den berghe", "Vandenberghe Bouw NV"),
        ("dupnot marie", "Marie Dupont"),
        ("marie dupond", "Marie Dupont"),
        ("dupont marie", "Marie Dupont"),
        ("bruxeles", "Zénith SPRL"),
        ("be0403170701", "Vandenberghe Bouw NV"),
        ("BE 0403.170.701", "Vandenberghe Bouw NV"),
        ("0403 170 701", "Vandenberghe Bouw NV"),
        ("02 123 45", "Éric Œuvrard"),
        ("+32 2 123 45 67", "Éric Œuvrard"),
        ("0475 12 34", "Marie Dupont"),
        ("eric@oeuvrard", "Éric Œuvrard"),
        ("ete 2025", "Marie Dupont"),
    ],
)
def test_people_find_a_contact_as_they_would_write_it(
    book: Cast, browser: Callable[..., Any], typed: str, expected: str
) -> None:
    assert found(book, browser, f"q={typed.replace('+', '%2B')}")[:1] == [expected]


def test_names_that_begin_so_come_before_those_that_only_hold_the_word(
    book: Cast, browser: Callable[..., Any]
) -> None:
    assert found(book, browser, "q=dupont") == ["Marie Dupont", "Brasserie Dupont"]


def test_what_nothing_resembles_finds_nothing(book: Cast, browser: Callable[..., Any]) -> None:
    for typed in ("qqqqqqqq", "%25%25%25", "____", "\\", "'; drop table", "(" * 300):
        assert found(book, browser, f"q={typed}") == [], typed
    page = browser(book, book.colleague).get("/contacts/?q=qqqqqqqq&relation=customer").content.decode()
    assert 'href="/contacts/"' in page.partition('class="empty"')[2], "a way on"


def test_look_alikes_are_said_to_be_look_alikes(book: Cast, browser: Callable[..., Any]) -> None:
    colleague = browser(book, book.colleague)
    assert b"look like it" in colleague.get("/contacts/?q=dupnot").content
    plain = colleague.get("/contacts/?q=dupont").content
    assert b"look like it" not in plain
    assert b'id="said">2 contacts</p>' in plain  # what htmx puts there is read aloud


def test_lists_sort_by_last_name_whatever_the_accents(book: Cast, browser: Callable[..., Any]) -> None:
    by_name = ["Brasserie Dupont", "Marie Dupont", "Éric Œuvrard", "Vandenberghe Bouw NV", "Zénith SPRL"]
    assert found(book, browser, "") == by_name
    assert found(book, browser, "sort=-name") == by_name[::-1]
    assert found(book, browser, "sort=city")[0] == "Zénith SPRL"  # Bruxelles
    assert found(book, browser, "sort=-changed")[0] == "Zénith SPRL"  # the last one made
    assert found(book, browser, "sort=changed&q=dupont") == ["Marie Dupont", "Brasserie Dupont"]
    assert found(book, browser, "sort=password") == by_name


def test_filters_combine(book: Cast, browser: Callable[..., Any]) -> None:
    assert found(book, browser, "relation=customer") == ["Brasserie Dupont", "Éric Œuvrard"]
    assert found(book, browser, "relation=customer&kind=person") == ["Éric Œuvrard"]
    assert found(book, browser, "relation=supplier&q=dupont") == []
    assert len(found(book, browser, "relation=nonsense&kind=&tag=none")) == 5
    with book.inside():
        tag = Contact.objects.get(last_name="Dupont").tags.get()
    assert found(book, browser, f"tag={tag.id}") == ["Marie Dupont"]


def test_archived_contacts_are_found_only_among_the_archived(book: Cast, browser: Callable[..., Any]) -> None:
    with book.inside():
        Contact.objects.get(last_name="Dupont").archive(by=book.owner, now=timezone.now())
    assert found(book, browser, "q=marie") == []
    assert found(book, browser, "archived=1") == ["Marie Dupont"]


def test_pages_hold_fifty_and_a_page_too_far_is_the_last(acme: Cast, browser: Callable[..., Any]) -> None:
    with acme.inside():
        rows = [Contact(name=f"Client {number:03}") for number in range(120)]
        for row in rows:
            row.derive()
        Contact.objects.bulk_create(rows)
    assert len(found(acme, browser, "")) == 50
    assert found(acme, browser, "page=3")[0] == "Client 100"
    assert found(acme, browser, "page=99")[-1] == "Client 119"
    assert found(acme, browser, "page=x")[0] == "Client 000"


def test_a_search_with_too_many_matches_says_so(
    acme: Cast, browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_module, "MATCHES", 20)
    monkeypatch.setattr("tenant_apps.contacts.views.contacts.MATCHES", 20)
    with acme.inside():
        rows = [Contact(name=f"Client {number:03}") for number in range(30)]
        for row in rows:
            row.derive()
        Contact.objects.bulk_create(rows)
    answer = browser(acme, acme.colleague).get("/contacts/?q=client")
    assert answer.context["page"].paginator.count == 20
    assert b"the best 20 of more matches" in answer.content


@pytest.mark.parametrize("query", ["", "?q=client", "?q=clinet", "?sort=-changed&relation=customer"])
def test_the_number_of_queries_does_not_grow_with_the_list(
    acme: Cast, browser: Callable[..., Any], statements: Callable[[], Any], query: str
) -> None:
    colleague = browser(acme, acme.colleague)

    def queries() -> int:
        with statements() as sent:
            assert colleague.get(f"/contacts/{query}").status_code == 200
        return len(sent)

    def add(how_many: int) -> None:
        with acme.inside():
            for number in range(how_many):
                make(
                    acme.owner,
                    "",
                    first_name=f"Jean {number}",
                    last_name="Client",
                    is_customer=True,
                    tags=(f"T{number % 3}",),
                    company="Client SA",
                )

    add(6)  # enough rows for the search not to look for look-alikes
    few = queries()
    add(25)
    assert queries() == few
    assert few <= 16


def test_an_empty_address_book_says_what_to_do(acme: Cast, browser: Callable[..., Any]) -> None:
    admin, member = (
        browser(acme, person).get("/contacts/").content for person in (acme.admin, acme.colleague)
    )
    assert b"/contacts/new/" in admin and b"/contacts/import/" in admin
    assert b"/contacts/import/" not in member


def test_what_people_typed_is_shown_as_text(acme: Cast, contact: Maker, browser: Callable[..., Any]) -> None:
    row = contact("<script>alert(1)</script>", notes="<img src=x>", website="https://x.example/'onclick='")
    colleague = browser(acme, acme.colleague)
    for url in ("/contacts/", f"/contacts/{row.id}/", f"/contacts/{row.id}/edit/", "/contacts/?q=<script>"):
        body = colleague.get(url).content
        assert b"<script>alert" not in body and b"<img src=x>" not in body
