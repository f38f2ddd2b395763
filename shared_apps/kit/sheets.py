"""Tables as files: CSV that comes in whatever its encoding and delimiter, and goes out safe to open in a spreadsheet.

What the cells mean is the business of the module that reads them.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.http import FileResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

ENCODINGS = {
    "utf-8": gettext_lazy("Unicode (UTF-8)"),
    "utf-8-sig": gettext_lazy("Unicode (UTF-8, marked)"),
    "utf-16": gettext_lazy("Unicode (UTF-16, marked)"),
    "utf-16-le": gettext_lazy("Unicode (UTF-16, little end first)"),
    "utf-16-be": gettext_lazy("Unicode (UTF-16, big end first)"),
    "cp1252": gettext_lazy("Windows, western Europe"),
    "mac-roman": gettext_lazy("Old Macintosh"),
}
DELIMITERS = {
    ";": gettext_lazy("Semicolon"),
    ",": gettext_lazy("Comma"),
    "\t": gettext_lazy("Tab"),
    "|": gettext_lazy("Vertical bar"),
}
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
TEXT_BYTES = bytes([*b"\t\n\r", *range(32, 256)])
CHUNK = 256 * 1024  # bytes
LOOKED_AT = 50  # lines that tell the delimiter
MOST_LINES = 100_000  # blank ones too: a file of nothing else costs as much to go through
MOST_BREAKS = 1_000_000  # of lines, those within a cell too
IN_MEMORY = 2 * 1024 * 1024  # bytes of an answer before it goes to disk

# A spreadsheet runs a cell that begins so; "'" before it makes it text. The same "'" is taken off on the way in.
RUNS = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


class Unreadable(ValueError):
    """The file is no table that can be read without guessing; the text is for people."""


@dataclass(frozen=True, slots=True)
class Format:
    encoding: str
    delimiter: str


@dataclass(frozen=True, slots=True)
class Line:
    """`number` is the line as a spreadsheet counts it, the header's being 1."""

    number: int
    cells: list[str]


def detect(file: IO[bytes]) -> Format:
    """The likeliest format of a CSV file. Raises Unreadable for one that is empty or no text."""
    encoding = _encoding(file)
    return Format(encoding, _delimiter(file, encoding))


def _encoding(file: IO[bytes]) -> str:
    file.seek(0)
    start = file.read(4096)
    if not start.strip():
        raise Unreadable(_("The file is empty."))
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding
    zeros = (start[0::2].count(0), start[1::2].count(0))
    if max(zeros) > len(start) // 4:  # UTF-16 without a mark: every other byte of western text is zero
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    for encoding in ("utf-8", "cp1252"):
        if _decodes(file, encoding):
            return encoding
    if not _has_control_signs(file):
        return "mac-roman"  # in which everything else is a letter
    raise Unreadable(_("The file is no text. Save it as CSV in your spreadsheet, then choose that file."))


def _decodes(file: IO[bytes], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while chunk := file.read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _has_control_signs(file: IO[bytes]) -> bool:
    file.seek(0)
    while chunk := file.read(CHUNK):
        if chunk.translate(None, delete=TEXT_BYTES):
            return True
    return False


def _delimiter(file: IO[bytes], encoding: str) -> str:
    """The sign that splits the first lines into the most columns, evenly; a semicolon when none does."""

    def evenness(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(line.cells) for line in islice(read(file, Format(encoding, delimiter)), LOOKED_AT)]
        except Unreadable:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(DELIMITERS, key=evenness)


def read(file: IO[bytes], format: Format) -> Iterator[Line]:
    """The lines with their cells, trimmed; blank lines count but aren't given. Reads piece by piece.

    Raises Unreadable where the text can't be decoded, a quotation mark is left open, a cell holds a NUL or is longer
    than 131,072 characters, and after MOST_LINES or MOST_BREAKS.
    """
    file.seek(0)
    text = io.TextIOWrapper(
        file, encoding=format.encoding, newline=""
    )  # newline="": a line may end by CR alone
    rows, number = csv.reader(_broken(text), delimiter=format.delimiter, strict=True), 0
    try:
        while True:
            number += 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            if number > MOST_LINES:
                raise _too_many()
            if any("\0" in cell for cell in cells):
                raise Unreadable(_("Line %(number)s holds a character that is no text.") % {"number": number})
            cells = [_without_guard(cell).strip() for cell in cells]
            if any(cells):
                yield Line(number, cells)
    except UnicodeError as error:
        raise Unreadable(
            _("From about line %(number)s on, the file isn’t in the encoding “%(encoding)s”.")
            % {"number": number, "encoding": ENCODINGS[format.encoding]}
        ) from error
    except csv.Error as error:
        raise Unreadable(
            _("Line %(number)s can’t be read: a quotation mark is missing or stands in the wrong place.")
            % {"number": number}
        ) from error
    finally:
        text.detach()


def _broken(text: Iterable[str]) -> Iterator[str]:
    for number, piece in enumerate(text):
        if number >= MOST_BREAKS:
            raise _too_many()
        yield piece


def _too_many() -> Unreadable:
    return Unreadable(_("The file has too many lines, blank ones counted too. Split it into smaller ones."))


def _without_guard(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and RUNS.match(cell[1:]) else cell


def safe(cell: object) -> str:
    """A cell as text that no spreadsheet takes for a formula; `read` gives the original back."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if RUNS.match(text) else text


def written(cells: Sequence[object], *, delimiter: str = ";") -> str:
    """One line of CSV, with its end."""
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter).writerow([safe(cell) for cell in cells])
    return line.getvalue()


def answer(
    name: str, header: Sequence[object], rows: Iterable[Sequence[object]], *, delimiter: str = ";"
) -> FileResponse:
    """A download of a table: UTF-8 with a mark, as spreadsheets want it.

    Written to a nameless temporary file first, so that memory stays flat and a failure is an error instead of half a
    table; the rows are read inside the caller's transaction.
    """
    file: Any = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  the response closes it
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    out = csv.writer(text, delimiter=delimiter)
    out.writerow([safe(cell) for cell in header])
    out.writerows([safe(cell) for cell in row] for row in rows)
    text.flush()
    text.detach()
    file.seek(0)
    response = FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
