"""Imports: a file of contacts on its way into the address book, from upload to commit. All of it or nothing.

Kept for a day at most. Small files are checked and committed in the request, large ones by a job.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from io import StringIO
from itertools import islice
from typing import Any, Self
from uuid import UUID

from django.core.files.base import ContentFile, File
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.jobs import job
from shared_apps.jobs.run import report
from shared_apps.kit import sheets, uploads
from shared_apps.kit.rows import Row
from tenant_apps.contacts.models.attachment import delete_file_when_committed
from tenant_apps.contacts.models.contact import Contact, Kind
from tenant_apps.contacts.models.draft import Defaults, Draft, draft, guess, kind_of
from tenant_apps.contacts.models.tag import Tag

FOLDER = "contacts/imports"
MOST_BYTES = 20 * 1024 * 1024
MOST_LINES = 50_000
MOST_COLUMNS = 200
AT_ONCE = 2_000  # lines that are handled within a request; more are a job
BATCH = 500
SHOWN = 50  # refused lines that the page shows; the report has them all
KEPT = timedelta(days=1)
Identity = tuple[str, str, str]


class CannotCommit(Exception):
    """The import isn't ready, was made already, or a line is refused; nothing was stored."""


def file_name(row: "Import", name: str) -> str:
    return f"{FOLDER}/{row.id}-{name}"


class Import(Row):
    """`columns` holds the key of each column of the file ("" for one that is left out), `header` their titles.

    What `verify` found: `refused` and `duplicates` are [[line, name, reason]…], the first SHOWN of them.
    """

    class State(models.TextChoices):
        READ = "read", _("columns to be named")
        VERIFYING = "verifying", _("being checked")
        CHECKED = "checked", _("checked")
        COMMITTING = "committing", _("being imported")
        DONE = "done", _("imported")

    file = models.FileField(upload_to=file_name, max_length=120)
    report = models.FileField(upload_to=file_name, max_length=120, blank=True)  # refused lines as CSV
    file_name = models.CharField(max_length=uploads.LONGEST_NAME)
    encoding = models.CharField(_("encoding"), max_length=20)
    delimiter = models.CharField(_("columns are divided by"), max_length=1)
    header = models.JSONField(default=list)
    columns = models.JSONField(default=list)
    country = models.CharField(max_length=2, blank=True)
    relation = models.CharField(max_length=10, blank=True)
    tag = models.CharField(max_length=50, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.READ)
    lines = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)
    refused = models.JSONField(default=list)
    duplicate_count = models.PositiveIntegerField(default=0)
    duplicates = models.JSONField(default=list)
    new_companies = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    job = models.UUIDField(null=True, blank=True)  # of the work that goes on or failed
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.file_name

    # --- the file --------------------------------------------------------------------------------------------

    @classmethod
    def begin(cls, upload: "File[bytes]", *, now: datetime) -> Self:
        """Keep the file for a day, its format detected and its columns guessed. Raises sheets.Unreadable."""
        if (upload.size or 0) > MOST_BYTES:
            raise sheets.Unreadable(_now("The file is bigger than 20 MB. Split it into smaller ones."))
        row = cls(file_name=uploads.clean_name(upload.name or ""), created_at=now, expires_at=now + KEPT)
        row._learn(upload.file, sheets.detect(upload.file))  # type: ignore[arg-type]
        upload.seek(0)
        row.file.save("lines.csv", upload, save=False)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except BaseException:
            row.file.storage.delete(row.file.name or "")
            raise
        forget.later(str(row.id), at=row.expires_at, key=f"forget-{row.id}")
        return row

    def reread(self, format: sheets.Format) -> None:
        """Read the file in another format, columns guessed anew. Raises sheets.Unreadable."""
        with self.file.open("rb") as file:
            self._learn(file.file, format)
        self.state = self.State.READ
        self.save()

    def _learn(self, file: Any, format: sheets.Format) -> None:
        """Read the whole file once: a broken one is refused before anything is kept."""
        lines = sheets.read(file, format)
        header = next(lines, None)
        self.lines = sum(1 for _line in islice(lines, MOST_LINES + 1))
        if header is None or not self.lines:
            raise sheets.Unreadable(_now("The file has no line below its header."))
        if self.lines > MOST_LINES:
            raise sheets.Unreadable(_now("The file has more than 50,000 lines. Split it into smaller ones."))
        if len(header.cells) > MOST_COLUMNS:
            raise sheets.Unreadable(_now("The file has more than 200 columns."))
        self.encoding, self.delimiter = format.encoding, format.delimiter
        self.header, self.columns = _titles(header.cells), guess(header.cells)

    def samples(self) -> list[list[str]]:
        """Up to three different values of each column, from the first lines."""
        found: list[list[str]] = [[] for _title in self.header]
        for line in islice(self._lines(), 20):
            for place, cell in enumerate(line.cells[: len(found)]):
                if cell and cell not in found[place] and len(found[place]) < 3:
                    found[place].append(cell[:60])
        return found

    def _lines(self) -> Iterator[sheets.Line]:
        """The lines below the header."""
        with self.file.open("rb") as file:
            yield from islice(sheets.read(file.file, sheets.Format(self.encoding, self.delimiter)), 1, None)

    def drafts(self, *, only: Kind | None = None) -> Iterator[tuple[sheets.Line, Draft]]:
        """Each line with the contact that it describes; with `only`, those of one kind (an unknown one is a company)."""
        defaults, width = Defaults(self.country, self.relation, self.tag), len(self.header)
        for line in self._lines():
            cells = {key: cell for key, cell in zip(self.columns, line.cells, strict=False) if key}
            if only and (kind_of(cells) or Kind.COMPANY) != only:
                continue
            made = draft(cells, defaults)
            if len(line.cells) > width:
                made.errors.insert(0, _now("The line has more cells than the header has columns."))
            yield line, made

    # --- verbs -----------------------------------------------------------------------------------------------

    @classmethod
    def locked(cls, id: UUID) -> Self:
        return cls.objects.select_for_update().get(pk=id)

    def name_columns(self, columns: Sequence[str], defaults: Defaults) -> None:
        """Say what the columns mean; what was checked before counts no more."""
        self.columns = list(columns)
        self.country, self.relation, self.tag = defaults.country, defaults.relation, defaults.tag
        self.state = self.State.READ
        self.save()

    def start_verify(self) -> None:
        """Check every line now, or by a job when there are many."""
        if self.lines <= AT_ONCE:
            self.verify()
        else:
            self.state, self.job = self.State.VERIFYING, verify.later(str(self.id)).id
            self.save(update_fields=["state", "job"])

    def verify(self) -> None:
        """Find the lines that are refused and those that are here already. Stores no contact."""
        known, refused, duplicates = Known(), _Report(self.header), _Report(self.header)
        named: set[str] = set()
        needed: set[str] = set()
        for batch, done in self._batches():
            known.load([made.contact for _line, made in batch])
            for line, made in batch:
                if made.errors:
                    refused.add(line, made.contact, " ".join(made.errors))
                    continue
                if known.take(made.contact):
                    duplicates.add(line, made.contact, _now("Here already."))
                if made.contact.kind == Kind.COMPANY:
                    named.add(made.contact.name_folded)
                elif made.company:
                    needed.add(Contact.key(made.company))
            report(95 * done // self.lines)
        self._note(refused, duplicates)
        self.new_companies = len(_without_stored(needed - named))
        self.save()

    def _note(self, refused: "_Report", duplicates: "_Report") -> None:
        self.refused_count, self.refused = refused.count, refused.shown
        self.duplicate_count, self.duplicates = duplicates.count, duplicates.shown
        if self.report.name:
            delete_file_when_committed(self.report.name)
            self.report = ""
        if refused.count or duplicates.count:
            self.report.save(
                "report.csv", ContentFile((refused.text() + duplicates.lines()).encode()), save=False
            )
        self.state, self.job = self.State.CHECKED, None

    def start_commit(self, *, leave_out_duplicates: bool, now: datetime) -> None:
        """Import everything now, or by a job when there are many lines. Raises CannotCommit."""
        self._must_be_ready()
        if self.lines <= AT_ONCE:
            self.commit(leave_out_duplicates=leave_out_duplicates, now=now)
        else:
            self.state, self.job = self.State.COMMITTING, commit.later(str(self.id), leave_out_duplicates).id
            self.save(update_fields=["state", "job"])

    def _must_be_ready(self) -> None:
        if self.state != self.State.CHECKED:
            raise CannotCommit(_now("This file isn’t checked yet, or it is imported already."))
        if self.refused_count:
            raise CannotCommit(
                _now("Some lines are refused. Nothing is imported until all of them are right.")
            )

    def commit(self, *, leave_out_duplicates: bool, now: datetime) -> None:
        """Store every line in one transaction, checked anew; the author is whoever acts. Raises CannotCommit."""
        known, made_so_far = Known(), 0
        with transaction.atomic():
            for kind in (
                Kind.COMPANY,
                Kind.PERSON,
            ):  # companies first: people may work at one of the same file
                for batch, done in self._batches(only=kind):
                    if any(made.errors for _line, made in batch):
                        raise CannotCommit(_now("Some lines are refused. Nothing was imported."))
                    if leave_out_duplicates:
                        known.load([made.contact for _line, made in batch])
                        batch = [pair for pair in batch if not known.take(pair[1].contact)]
                    _store([made for _line, made in batch], now)
                    made_so_far += len(batch)
                    report(95 * (made_so_far or done) // self.lines)
            self.created, self.state, self.job = made_so_far, self.State.DONE, None
            self._drop_files()
            self.save()

    def _batches(self, *, only: Kind | None = None) -> Iterator[tuple[list[tuple[sheets.Line, Draft]], int]]:
        """Lines with their drafts, BATCH at a time, and how many were given by then."""
        drafts, done = self.drafts(only=only), 0
        while batch := list(islice(drafts, BATCH)):
            done += len(batch)
            yield batch, done

    def remove(self) -> None:
        self._drop_files()
        self.delete()

    def _drop_files(self) -> None:
        for kept in (self.file, self.report):
            if kept.name:
                delete_file_when_committed(kept.name)
        self.file = self.report = ""


def _titles(cells: Sequence[str]) -> list[str]:
    """The header, every title once: "E-mail", "E-mail (2)", "Column 4"."""
    titles: list[str] = []
    for number, cell in enumerate(cells, 1):
        title, copy = cell[:100] or _now("Column %(number)s") % {"number": number}, 1
        while (made := title if copy == 1 else f"{title} ({copy})") in titles:
            copy += 1
        titles.append(made)
    return titles


class _Report:
    """Lines and why they are named here: the first few for the page, all as CSV."""

    def __init__(self, header: Sequence[str]) -> None:
        self.count, self.shown, self.out, self.header = 0, list[list[Any]](), StringIO(), header

    def add(self, line: sheets.Line, contact: Contact, reason: str) -> None:
        self.count += 1
        if self.count <= SHOWN:
            self.shown.append([line.number, contact.name[:100], reason])
        self.out.write(sheets.written([line.number, reason, *line.cells]))

    def lines(self) -> str:
        return self.out.getvalue()

    def text(self) -> str:
        return "\ufeff" + sheets.written([_now("Line"), _now("Reason"), *self.header]) + self.lines()


class Known:
    """Who is here already: stored contacts, asked for batch by batch, and the lines before.

    The same is a company with the same VAT number, or a contact of the same kind and name whose e-mail, VAT number
    and postal code don't say otherwise.
    """

    def __init__(self) -> None:
        self.vat_numbers: set[str] = set()
        self.identities: dict[tuple[str, str], set[Identity]] = {}

    def load(self, contacts: Collection[Contact]) -> None:
        names = {contact.name_folded for contact in contacts}
        numbers = {contact.vat_number for contact in contacts} - {""}
        rows = Contact.objects.filter(Q(name_folded__in=names) | Q(vat_number__in=numbers)).order_by()
        for kind, name, *identity in rows.values_list(
            "kind", "name_folded", "email", "vat_number", "postal_code"
        ):
            self._remember(kind, name, _identity(*identity))

    def take(self, contact: Contact) -> bool:
        """Whether the contact is here already; from now on it is."""
        own = _identity(contact.email, contact.vat_number, contact.postal_code)
        others = self.identities.get((contact.kind, contact.name_folded), set())
        is_here = contact.kind == Kind.COMPANY and contact.vat_number in self.vat_numbers
        is_here = is_here or any(
            all(not a or not b or a == b for a, b in zip(own, other, strict=True)) for other in others
        )
        if not is_here:
            self._remember(contact.kind, contact.name_folded, own)
        return is_here

    def _remember(self, kind: str, name: str, identity: Identity) -> None:
        self.identities.setdefault((kind, name), set()).add(identity)
        if kind == Kind.COMPANY and identity[1]:
            self.vat_numbers.add(identity[1])


def _identity(email: str, vat_number: str, postal_code: str) -> Identity:
    return email.casefold(), vat_number, postal_code


def _companies(names: Iterable[str]) -> dict[str, Contact]:
    """The companies of these folded names, the oldest of each."""
    found = (
        Contact.objects.active().filter(kind=Kind.COMPANY, name_folded__in=set(names)).order_by("-created_at")
    )
    return {company.name_folded: company for company in found}


def _without_stored(names: set[str]) -> set[str]:
    listed = sorted(names)
    for start in range(0, len(listed), BATCH):
        names -= _companies(listed[start : start + BATCH]).keys()
    return names


def _store(drafts: Sequence[Draft], now: datetime) -> None:
    """Insert the contacts with their companies and tags; a company that nobody named is made."""
    wanted = {
        Contact.key(made.company): made.company for made in reversed(drafts) if made.company
    }  # as written first
    companies = _companies(wanted)
    missing = [
        Contact(kind=Kind.COMPANY, name=name) for folded, name in wanted.items() if folded not in companies
    ]
    for company in missing:
        company.derive()
        companies[company.name_folded] = company
    for made in drafts:
        if made.company:
            made.contact.company = companies[Contact.key(made.company)]
    contacts = [*missing, *(made.contact for made in drafts)]
    for contact in contacts:
        contact.created_at = contact.updated_at = now
    Contact.objects.bulk_create(contacts)
    _store_tags(drafts)


def _store_tags(drafts: Sequence[Draft]) -> None:
    tags = {tag.name_folded: tag for tag in Tag.named({name for made in drafts for name in made.tags})}
    links: Any = Contact.tags.through
    links.objects.bulk_create(
        [
            links(contact_id=made.contact.id, tag_id=tags[folded].id)
            for made in drafts
            for folded in sorted({Tag.key(name) for name in made.tags})
        ]
    )


# --- jobs ------------------------------------------------------------------------------------------------------


@job(purpose="contacts.verify", retries=1)
def verify(import_id: str) -> None:
    row = Import.locked(UUID(import_id))
    if row.state == Import.State.VERIFYING:
        row.verify()


@job(purpose="contacts.commit", retries=1)
def commit(import_id: str, leave_out_duplicates: bool) -> None:
    row = Import.locked(UUID(import_id))
    if row.state != Import.State.COMMITTING:
        return
    try:
        row.commit(leave_out_duplicates=leave_out_duplicates, now=timezone.now())
    except CannotCommit:
        row.verify()  # shows the lines that are refused now


@job(purpose="contacts.forget")
def forget(import_id: str) -> None:
    """Delete what is left of an import after its day."""
    if row := Import.objects.select_for_update().filter(pk=import_id).first():
        row.remove()
