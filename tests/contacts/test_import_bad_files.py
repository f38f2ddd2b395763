"""Files as they really come: every encoding and line end is read, and a broken one changes nothing."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from shared_apps.jobs.models import Job
from shared_apps.kit import numbers, scope, sheets
from tenant_apps.contacts.models import Contact, Import, Tag, imports
from tenant_apps.contacts.models.draft import Defaults, draft
from tests.conftest import Cast
from tests.contacts.conftest import begin

TEXT = "Nom;Prénom;Localité\nŒuvrard;Éric;Liège\nDupont;Zoé;Namur\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "mac-roman"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_encoding_line_ends_and_delimiter_are_found(encoding: str, end: str, delimiter: str) -> None:
    file = io.BytesIO(TEXT.replace(";", delimiter).replace("\n", end).encode(encoding))
    format = sheets.detect(file)
    assert format.delimiter == delimiter
    lines = list(sheets.read(file, format))
    assert [line.cells for line in lines] == [
        ["Nom", "Prénom", "Localité"],
        ["Œuvrard", "Éric", "Liège"],
        ["Dupont", "Zoé", "Namur"],
    ]
    assert [line.number for line in lines] == [1, 2, 3]


def test_lines_are_counted_as_a_spreadsheet_counts_them() -> None:
    file = io.BytesIO(b'a;b\n"two\nlines";x\n\n;\nlast;y\n')
    assert [(line.number, line.cells[0]) for line in sheets.read(file, sheets.Format("utf-8", ";"))] == [
        (1, "a"), (2, "two\nlines"), (5, "last"),
    ]  # fmt: skip


BROKEN = {
    "empty": b"",
    "blank": b"\n\n  \n",
    "header alone": b"Nom;E-mail\n",
    "open quote": b'Nom;E-mail\n"Dupont;x\nMartin;y\n',
    "quote in the middle": b'Nom;E-mail\n"Dup"ont;x\n',
    "NUL": b"Nom;E-mail\nDup\0ont;x\n",
    "NULs everywhere": b"\0" * 5000,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
    "a spreadsheet": b"PK\x03\x04" + bytes(range(128, 256)) * 20,
    "no text in any encoding": b"Nom\n\x81\x8d\x8f\x90\x9d\x02\n",
    "half a letter in UTF-16": "Nom\nDupont\n".encode("utf-16") + b"x",
    "blank lines without end": b"Nom\n" + b";\n" * 60 + b"x\n",
    "lines without end in a cell": b'Nom\n"' + b"\n" * 130 + b'"\n',
    "a cell without end": b"Nom\n" + b"x" * 140_000 + b"\n",
    "too many columns": b";".join(b"c%d" % number for number in range(201)) + b"\nx\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_a_reason_and_leaves_nothing(
    acme: Cast, browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(sheets, "MOST_LINES", 60)
    monkeypatch.setattr(sheets, "MOST_BREAKS", 120)
    folder = Path(settings.MEDIA_ROOT) / str(acme.id) / "contacts" / "imports"
    before = sorted(folder.rglob("*"))
    with scope.shared():
        jobs = Job.objects.count()
    answer = browser(acme, acme.admin).post(
        "/contacts/import/", {"file": SimpleUploadedFile("bad.csv", BROKEN[case])}
    )
    assert answer.status_code == 200
    assert answer.context["form"].errors["file"], case
    with acme.inside():
        assert not Import.objects.exists() and not Contact.objects.exists()
    with scope.shared():
        assert Job.objects.count() == jobs
    assert sorted(folder.rglob("*")) == before


def test_no_file_or_one_that_is_too_big_is_refused(
    acme: Cast, browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = browser(acme, acme.admin)
    assert ada.post("/contacts/import/", {}).context["form"].errors["file"]
    monkeypatch.setattr(imports, "MOST_BYTES", 10)
    answer = ada.post("/contacts/import/", {"file": SimpleUploadedFile("big.csv", TEXT.encode())})
    assert "bigger" in str(answer.context["form"].errors["file"])
    monkeypatch.undo()
    monkeypatch.setattr(imports, "MOST_LINES", 1)
    answer = ada.post("/contacts/import/", {"file": SimpleUploadedFile("long.csv", TEXT.encode())})
    assert "50,000" in str(answer.context["form"].errors["file"])


def test_headers_may_be_doubled_empty_or_unknown(acme: Cast) -> None:
    row = begin(acme, b"Nom;Nom;;E-mail;Nom\nA;B;C;a@x.example;D\n")
    assert row.header == ["Nom", "Nom (2)", "Column 3", "E-mail", "Nom (3)"]
    assert row.columns == ["name", "", "", "email", ""]


def test_short_lines_are_padded_and_long_ones_refused(acme: Cast) -> None:
    row = begin(acme, b"Nom;E-mail\nA\nB;b@x.example;lost?\n")
    with acme.inside(acme.admin):
        row.start_verify()
        assert [line for line, *_rest in row.refused] == [3]


def test_formulas_are_text_and_their_guard_is_taken_off(acme: Cast) -> None:
    row = begin(acme, "Nom;Remarque;Téléphone\n'=1+1;=cmd|' /C calc'!A0;'+32 2 123\n".encode())
    with acme.inside(acme.admin):
        row.start_verify()
        assert row.refused == []
        row.start_commit(leave_out_duplicates=True, now=timezone.now())
        made = Contact.objects.get()
        assert (made.name, made.notes, made.phone) == ("=1+1", "=cmd|' /C calc'!A0", "+32 2 123")


@pytest.mark.parametrize("name", ["../../x.csv", "a\r\nb.csv", "\0.csv", "", "x" * 400 + ".csv"])
def test_a_hostile_file_name_stays_a_name(acme: Cast, name: str) -> None:
    with acme.inside(acme.admin):
        upload = SimpleUploadedFile("x", TEXT.encode())
        upload._name = name  # type: ignore[attr-defined]
        row = Import.begin(upload, now=timezone.now())
        assert row.file.name == f"contacts/imports/{row.id}-lines.csv"
        assert row.file_name and "/" not in row.file_name and "\r" not in row.file_name


def test_fifty_thousand_lines_are_read_and_checked_in_flat_memory(
    acme: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest file that is accepted, with one wrong line at its end: found, and nothing is stored."""
    lines = ["Nom;Prénom;E-mail;Société"]
    lines += [f"Nom {number};Zoé;n{number}@x.example;Firme {number % 97}" for number in range(49_999)]
    row = begin(acme, "\n".join([*lines, "Dernier;;pas-un-mail;"]).encode("cp1252"))
    assert row.lines == 50_000 > imports.AT_ONCE
    with acme.inside(acme.admin):
        row.verify()
        assert (row.refused_count, row.refused[0][0], row.new_companies) == (1, 50_001, 97)
        assert not Contact.objects.exists()


MONSTERS = {
    "payment_days": "1" + " " * 130_000 + "2",
    "vat_number": "BE" + "9" * 5_000,
    "iban": "BE68" + "9" * 5_000,
    "name": "\ufdfa" * 100_000,
    "is_customer": "\ufdfa" * 100_000,
    "tags": "a," * 60_000,
    "notes": "x" * 20_001,
}


@pytest.mark.parametrize("key", MONSTERS)
def test_a_monstrous_cell_is_refused_at_once_whatever_its_column(key: str) -> None:
    begun = time.process_time()
    made = draft({"name": "Garage", key: MONSTERS[key]}, Defaults())
    assert made.errors and made.errors[0].endswith("This is too long.")
    assert time.process_time() - begun < 1


def test_what_stands_behind_the_days_of_payment_is_read_as_before() -> None:
    read = {
        cell: draft({"name": "Garage", "payment_days": cell}, Defaults()).contact.payment_days
        for cell in (
            "30",
            "30,00",
            "30 jours",
            "30.0  days",
            "30.",
            "1 2",
            "30 jours 2",
            "1" + " " * 400 + "2",
        )
    }
    assert [*read.values()] == [30, 30, 30, 30, 30, None, None, None]


def test_a_number_of_thousands_of_digits_is_refused_in_words() -> None:
    """Past 4,300 digits Python refuses to read one as a number."""
    for start in ("BE", "FR", "DE", "NL", "XI", "BE68", ""):
        with pytest.raises(ValidationError):
            numbers.clean_vat(start + "9" * 5_000, "BE")
        with pytest.raises(ValidationError):
            numbers.clean_iban(start + "9" * 5_000)


def test_names_that_fold_into_many_letters_are_kept(acme: Cast) -> None:
    """One sign may stand for eighteen: the folded twin is cut to its column wherever it is made or looked for."""
    sign, tag = "\ufdfa", "\ufdfa" * 6
    row = begin(acme, f"Nom;Prénom;Société;Tags\nDupont;Zoé;{sign * 200};{tag}\n".encode())
    with acme.inside(acme.admin):
        row.tag = "\u0301"  # no name at all once it is folded
        row.start_verify()
        row.start_commit(leave_out_duplicates=True, now=timezone.now())
        person, company = Contact.objects.get(last_name="Dupont"), Contact.objects.get(kind="company")
        assert person.company == company and company.name == sign * 200
        assert [tag.name for tag in person.tags.all()] == [tag]
        person.keep(tags=[tag], company_name=company.name, by=acme.admin, now=timezone.now())
        assert (Tag.objects.count(), Contact.objects.count()) == (1, 2)


def test_a_line_with_more_tags_than_anybody_gives_is_refused() -> None:
    many = draft({"name": "Garage", "tags": ",".join(f"t{number}" for number in range(101))}, Defaults())
    assert "tags" in many.errors[0]
