"""Export: complete, safe to open in a spreadsheet, and readable by an import."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from shared_apps.kit import sheets
from tenant_apps.contacts.models import Contact
from tests.conftest import Cast
from tests.contacts.conftest import begin, make

Maker = Callable[..., Contact]


def exported(cast: Cast, browser: Callable[..., Any], query: str = "") -> tuple[bytes, list[list[str]]]:
    answer = browser(cast, cast.colleague).get(f"/contacts/export/?{query}")
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content)
    return content, list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))


def test_a_spreadsheet_opens_it_with_its_accents(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    contact("Éditions du Lion", city="Liège")
    answer = browser(acme, acme.colleague).get("/contacts/export/")
    content = b"".join(answer.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf") and "Éditions du Lion".encode() in content
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    commas = b"".join(
        browser(acme, acme.colleague).get("/contacts/export/?delimiter=comma").streaming_content
    )
    assert b"Kind,Name,First name" in commas


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "'=", "＝"])
def test_no_cell_is_run_by_a_spreadsheet(
    acme: Cast, contact: Maker, browser: Callable[..., Any], start: str
) -> None:
    with acme.inside():
        row = make(acme.owner, "Garage")
        Contact.objects.filter(id=row.id).update(notes=f"{start}HYPERLINK(1)", street=f"{start}cmd")
    cells = exported(acme, browser)[1][1]
    assert f"'{start}HYPERLINK(1)" in cells and f"'{start}cmd" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", " =", "＝"))]


def test_the_export_is_the_list_as_filtered_but_whole(
    acme: Cast, contact: Maker, browser: Callable[..., Any]
) -> None:
    contact("Client A", is_customer=True)
    contact("Fournisseur B", is_supplier=True)
    archived = contact("Client C", is_customer=True)
    with acme.inside():
        archived.archive(by=acme.owner, now=timezone.now())
        rows = [Contact(name=f"Série {number:03}") for number in range(260)]
        for row in rows:
            row.derive()
        Contact.objects.bulk_create(rows)
    assert [row[1] for row in exported(acme, browser, "relation=customer")[1][1:]] == ["Client A"]
    assert [row[1] for row in exported(acme, browser, "archived=1")[1][1:]] == ["Client C"]
    assert len(exported(acme, browser, "q=serie")[1]) == 261
    assert [row[1] for row in exported(acme, browser, "q=fournisesur")[1][1:]] == ["Fournisseur B"]


def test_the_neighbour_is_in_no_export(acme: Cast, foreign: Contact, browser: Callable[..., Any]) -> None:
    assert b"Zenith" not in exported(acme, browser)[0]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_was_exported_can_be_imported_and_is_the_same(
    acme: Cast, zenith: Cast, browser: Callable[..., Any], language: str
) -> None:
    with acme.inside():
        acme.colleague.language = language
        acme.colleague.save(update_fields=["language"])
        make(
            acme.owner,
            "=Formule & Fils",
            phone="+32 10 22 33 44",
            notes='\'+1\nligne 2; "guillemets"',
            country="FR",
            vat_number="FR40303265045",
            iban="BE68539007547034",
            payment_days=0,
            tags=("À relancer", "VIP"),
        )
        make(
            acme.owner,
            "",
            first_name="Éric",
            last_name="Œuvrard",
            job_title="-chef",
            company="=Formule & Fils",
            is_customer=True,
            is_prospect=True,
            language="nl",
            website="https://x.example",
        )
        make(acme.owner, "", last_name="Seule")
        before = comparable()
    content = exported(acme, browser)[0]
    row = begin(zenith, content)
    with zenith.inside(zenith.admin), override(language):
        from shared_apps.kit.text import fold  # noqa: F401  the header is guessed in the person's language

        row.reread(sheets.Format(row.encoding, row.delimiter))
        assert all(row.columns)
        row.start_verify()
        assert row.refused == []
        row.start_commit(leave_out_duplicates=True, now=timezone.now())
        assert comparable() == before


def comparable() -> list[Any]:
    """Every contact of the scope in force, without keys and moments."""
    rows = Contact.objects.select_related("company").prefetch_related("tags")
    own = {"id", "company_id", "created_at", "updated_at"}
    return [
        [{key: value for key, value in vars(row).items() if key not in own and not key.startswith("_")},
         str(row.company), sorted(tag.name for tag in row.tags.all())]
        for row in rows
    ]  # fmt: skip


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")))
def test_P03_any_cell_comes_back_as_it_was_and_never_runs(cell: str) -> None:
    line = sheets.written([cell, "x"])
    [read] = sheets.read(io.BytesIO(line.encode()), sheets.Format("utf-8", ";"))
    assert read.cells == [cell.strip(), "x"]
    assert sheets.safe(cell).lstrip()[:1] not in ("=", "+", "-", "@", "\uff1d")
