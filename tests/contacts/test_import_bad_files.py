"""Files as they really come: every encoding and line end is read, and a broken one changes nothing."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from shared_apps.jobs.models import Job
from shared_apps.kit import scope, sheets
from tenant_apps.contacts.models import Contact, Import, imports
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
    "a cell without end": b"Nom\n" + b"x" * 140_000 + b"\n",
    "too many columns": b";".join(b"c%d" % number for number in range(201)) + b"\nx\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_a_reason_and_leaves_nothing(
    acme: Cast, browser: Callable[..., Any], case: str
) -> None:
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
    from django.utils import timezone

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
        from django.utils import timezone

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
