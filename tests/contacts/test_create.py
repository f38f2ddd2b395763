"""Creating a contact: what is stored, what is refused in which words, what is hinted at."""

from collections.abc import Callable
from typing import Any

import pytest

from tenant_apps.contacts.models import Contact
from tests.conftest import Cast
from tests.promises import faults

Maker = Callable[..., Contact]
FULL = {
    "kind": "company", "name": "  Boulangerie   Lefèvre SRL ", "is_customer": "on", "email": "info@lefevre.example",
    "phone": "010 22 33 44", "mobile": "", "website": "www.lefevre.example", "street": "Rue du Pont 12",
    "postal_code": "1300", "city": "Wavre", "country": "BE", "vat_number": "0403.170.701", "iban": "be68 5390 0754 7034",
    "payment_days": "30", "language": "fr", "new_tags": "Horeca, Wavre;VIP", "notes": "Par l'arrière",
}  # fmt: skip


def create(cast: Cast, browser: Callable[..., Any], **fields: Any) -> Any:
    return browser(cast, cast.colleague).post("/contacts/new/", fields)


def test_P03_everything_that_was_typed_is_kept_in_its_stored_form(
    acme: Cast, browser: Callable[..., Any]
) -> None:
    answer = create(acme, browser, **FULL)
    assert answer.status_code == 302
    with acme.inside():
        row = Contact.objects.get()
        assert answer.url == f"/contacts/{row.id}/"
        assert (row.name, row.vat_number, row.iban) == (
            "Boulangerie Lefèvre SRL",
            "BE0403170701",
            "BE68539007547034",
        )
        assert (row.website, row.payment_days, row.city) == ("https://www.lefevre.example", 30, "Wavre")
        assert sorted(tag.name for tag in row.tags.all()) == ["Horeca", "VIP", "Wavre"]
        assert row.is_customer and not row.is_supplier


ODD = (
    "plain", "Ünïcödé 中文 🙂 שלום", "two\nlines\n\nand a gap", "tabs\there", "<script>alert(1)</script> & \"quotes\" 'too'",
    "=HYPERLINK(1)", "\u202eturned", "e\u0301 and é", "\\ / % _ ; --", "x" * 20_000, "0", "None", "null", "  edges  ",
)  # fmt: skip


def lost(cast: Cast, browser: Callable[..., Any]) -> list[str]:
    """What was typed into the notes and neither stands there as it was typed nor was refused."""
    here, found = browser(cast, cast.colleague), []
    for text in ODD:
        answer = here.post("/contacts/new/", {"kind": "company", "name": "Bakery", "notes": text})
        if answer.status_code != 302:
            assert "notes" in answer.context["form"].errors, "it was refused, so it is said why"
            continue
        with cast.inside():
            stored = Contact.objects.get(pk=answer.url.split("/")[2]).notes
        if stored.replace("\r\n", "\n") != text.strip():
            found.append(text)
    return found


def test_P03_whatever_is_written_is_read_back_as_it_was(acme: Cast, browser: Callable[..., Any]) -> None:
    assert lost(acme, browser) == []


def test_P03_planted_a_field_that_is_shortened_in_silence_is_noticed(
    acme: Cast, browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Contact.save

    def shortened(self: Contact, *args: Any, **kwargs: Any) -> None:
        self.notes = self.notes[:1000]
        save(self, *args, **kwargs)

    monkeypatch.setattr(Contact, "save", shortened)
    assert lost(acme, browser) == ["x" * 20_000]


def test_P03_planted_a_rule_of_the_database_that_shortens_is_noticed(
    acme: Cast, browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault that the live check is shown too."""
    faults.history.a_rule_that_shortens_what_was_typed(faults.Stage(acme, acme, monkeypatch))
    assert lost(acme, browser) == ["x" * 20_000]


def test_a_record_shows_numbers_as_people_write_them(acme: Cast, browser: Callable[..., Any]) -> None:
    url = create(acme, browser, **FULL).url
    body = browser(acme, acme.colleague).get(url).content.decode()
    assert (
        "BE 0403.170.701" in body
        and "BE68 5390 0754 7034" in body
        and "Belgium" in body
        and "30 days" in body
    )


def test_a_person_is_sorted_by_last_name_and_finds_a_company_or_makes_it(
    acme: Cast, browser: Callable[..., Any]
) -> None:
    create(acme, browser, kind="company", name="Ferme du Bois")
    for company in ("FERME  du bois", "Neuve SA"):
        person = {"kind": "person", "first_name": "Éric", "last_name": "Van Hout", "company_name": company}
        assert create(acme, browser, **person, job_title="Gérant").status_code == 302
    with acme.inside():
        assert Contact.objects.filter(kind="company").count() == 2
        first, second = Contact.objects.filter(kind="person").order_by("created_at")
        assert (first.name, first.name_folded, str(first.company)) == (
            "Éric Van Hout",
            "van hout eric",
            "Ferme du Bois",
        )
        assert str(second.company) == "Neuve SA"


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"kind": "company"}, "name", "A company needs a name."),
        ({"kind": "person"}, "last_name", "A person needs a first or a last name."),
        ({"kind": "robot", "name": "x"}, "kind", "valid choice"),
        ({"vat_number": "BE 0403.170.702"}, "vat_number", "check digits"),
        ({"vat_number": "BE 12"}, "vat_number", "ten digits"),
        ({"vat_number": "FR123", "country": "BE"}, "vat_number", "France"),
        ({"vat_number": "123", "country": "DE"}, "vat_number", "Germany"),
        ({"iban": "BE68 5390 0754 7035"}, "iban", "check digits"),
        ({"iban": "hello"}, "iban", "isn’t an IBAN"),
        ({"email": "nobody"}, "email", "valid email"),
        ({"phone": "call me"}, "phone", "phone number"),
        ({"website": "javascript:alert(1)"}, "website", "valid URL"),
        ({"country": "XX"}, "country", "valid choice"),
        ({"payment_days": "-1"}, "payment_days", "greater"),
        ({"payment_days": "400"}, "payment_days", "365"),
        ({"name": "x" * 201}, "name", "200"),
        ({"name": "a\0b"}, "name", "Null"),
        ({"new_tags": "x" * 51}, "new_tags", "too long"),
        ({"tags": ["01a20700-c2b6-7c1c-8d90-bb189e79cf96"]}, "tags", "not one of"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_stored(
    acme: Cast, browser: Callable[..., Any], fields: dict[str, Any], field: str, words: str
) -> None:
    sent = {"kind": "company", "name": "Lefèvre"} | fields if "kind" not in fields else fields
    answer = create(acme, browser, **sent)
    assert answer.status_code == 200
    assert words in " ".join(answer.context["form"].errors[field])
    with acme.inside():
        assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("BE0403170701", "", "BE0403170701"),
        ("403.170.701", "BE", "BE0403170701"),
        ("FR 40 303 265 045", "BE", "FR40303265045"),
        ("40303265045", "FR", "FR40303265045"),
        ("NL004495445B01", "", "NL004495445B01"),
        ("EL 094259216", "GR", "EL094259216"),
        ("CHE-107.787.577 IVA", "CH", "CHE107787577IVA"),
        ("12-3456789", "US", "123456789"),
    ],
)
def test_vat_numbers_are_stored_compactly_with_their_prefix(
    acme: Cast, browser: Callable[..., Any], typed: str, country: str, stored: str
) -> None:
    assert (
        create(acme, browser, kind="company", name="x", vat_number=typed, country=country).status_code == 302
    )
    with acme.inside():
        assert Contact.objects.get().vat_number == stored


def test_a_person_leaves_the_fields_of_a_company_empty_and_the_other_way_round(
    acme: Cast, browser: Callable[..., Any]
) -> None:
    create(
        acme, browser, kind="company", name="Acme", first_name="Éric", company_name="Autre", job_title="Chef"
    )
    with acme.inside():
        row = Contact.objects.get()
        assert (row.first_name, row.job_title, row.company) == ("", "", None)


def test_possible_duplicates_are_shown_and_stop_nobody(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    contact("Boulangerie Lefèvre", email="info@lefevre.example", vat_number="BE0403170701")
    colleague = browser(acme, acme.colleague)
    hints = [
        {"kind": "company", "name": "Boulangerie Lefevre"},
        {"kind": "company", "name": "Boulangerie Lefebre"},
        {"kind": "company", "name": "Autre", "email": "INFO@lefevre.example"},
        {"kind": "company", "name": "Autre", "vat_number": "0403.170.701", "country": "BE"},
    ]
    for typed in hints:
        assert b"Boulangerie Lef" in colleague.post("/contacts/duplicates/", typed).content, typed
    assert colleague.post("/contacts/duplicates/", {"kind": "company", "name": "Zzz"}).content.strip() == b""
    assert colleague.post("/contacts/duplicates/", {}).content.strip() == b""
    made = create(acme, browser, kind="company", name="Boulangerie Lefevre")
    assert made.status_code == 302
    assert b"Is it here already?" in colleague.get(made.url).content


def test_companies_are_suggested_by_the_beginning_of_their_name(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    contact("Éditions du Lion")
    contact("", last_name="Editeur")
    colleague = browser(acme, acme.colleague)
    assert (
        "Éditions du Lion"
        in colleague.post("/contacts/companies/", {"company_name": "EDIT"}).content.decode()
    )
    assert "Editeur" not in colleague.post("/contacts/companies/", {"company_name": "edit"}).content.decode()
    assert colleague.post("/contacts/companies/", {"company_name": ""}).content.strip() == b""


def test_a_new_person_of_a_company_starts_with_its_address(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    company = contact("Ferme du Bois", city="Gembloux", street="Chemin 1")
    body = browser(acme, acme.colleague).get(f"/contacts/new/?company={company.id}").content.decode()
    assert 'value="Ferme du Bois"' in body and 'value="Gembloux"' in body
