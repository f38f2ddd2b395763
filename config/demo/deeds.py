"""What people of the demo do with their contacts: the verbs of the address book, with invented reasons to use them."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import connection
from PIL import Image, ImageDraw

from config.demo.invented import Invented, address, label
from shared_apps.accounts.models import User
from shared_apps.kit import scope
from tenant_apps.contacts.models import Attachment, Contact, Import, Kind
from tenant_apps.contacts.models.draft import Defaults

Fields = dict[str, Any]
PAPERS = {
    "fr": ("Conditions de livraison", "Offre signée", "Plan d'accès", "Contrat de maintenance", "Tarifs"),
    "nl": ("Leveringsvoorwaarden", "Getekende offerte", "Toegangsplan", "Onderhoudscontract", "Prijslijst"),
}


# --- what may be known of a contact -------------------------------------------------------------------------


def company(invented: Invented, **more: Any) -> Fields:
    """Fields of an invented company; those given are kept."""
    chance = invented.random
    city, postal_code, language = invented.place(more.get("language"))
    name = more.get("name") or invented.company(language)
    has_account, has_site = chance.random() < 0.5, chance.random() < 0.4
    return {
        "kind": Kind.COMPANY, "name": name, "email": address(["info"], name), "phone": invented.phone(),
        "street": invented.street(language), "postal_code": postal_code, "city": city, "country": "BE",
        "language": language, "vat_number": invented.vat(), "iban": invented.iban() if has_account else "",
        "website": f"https://www.{label(name)}.example" if has_site else "",
        "payment_days": chance.choice([None, 15, 30, 30, 60]),
        "notes": invented.note(language) if chance.random() < 0.15 else "",
        **more,
    }  # fmt: skip


def person(invented: Invented, employer: str = "", **more: Any) -> Fields:
    """Fields of an invented person, who works for `employer` when that is named."""
    chance = invented.random
    city, postal_code, language = invented.place(more.get("language"))
    first, last = invented.person(language)
    lives = {"street": invented.street(language), "postal_code": postal_code, "city": city}
    return {
        "kind": Kind.PERSON, "first_name": first, "last_name": last, "company": employer,
        "job_title": invented.title(language) if employer else "",
        "email": address([first, last], employer) if employer else f"{label(first)}.{label(last)}@post.example",
        "mobile": invented.mobile() if chance.random() < 0.8 else "", "language": language, "country": "BE",
        **({} if employer else lives),
        **more,
    }  # fmt: skip


# --- deeds ----------------------------------------------------------------------------------------------------


def add(fields: Fields, tags: Sequence[str], made: list[UUID], *, at: datetime, by: User) -> Contact:
    """A new contact, which joins `made`."""
    employer = fields.get("company", "")
    own = {key: value for key, value in fields.items() if key != "company"}
    contact = Contact(**own, created_at=at, updated_at=at)
    contact.clean()
    contact.keep(tags=tags, company_name=employer, by=by, now=at)
    made.append(contact.id)
    return contact


def bring_in(rows: Sequence[Fields], made: list[UUID], *, at: datetime, by: User) -> None:
    """An import of a file, as when a company leaves the spreadsheet behind."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(keys)
    writer.writerows([_cell(row.get(key)) for key in keys] for row in rows)
    upload = ContentFile(text.getvalue().encode(), name="contacts.csv")
    begun = Import.begin(upload, now=at)
    begun.name_columns(begun.columns, Defaults())
    begun.verify()
    begun.commit(leave_out_duplicates=False, now=at)
    begun.remove()
    made.extend(
        Contact.objects.filter(created_at=at).order_by("name_folded", "id").values_list("id", flat=True)
    )
    with scope.owner(tenant=scope.tenant_id()), connection.cursor() as cursor:
        cursor.execute("ANALYZE contacts_contact")  # within this transaction nobody else would


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "1" if value else ""
    return "" if value is None else value


def change(made: list[UUID], invented: Invented, tags: Sequence[str], *, at: datetime, by: User) -> None:
    """One of the contacts turns out to be different: it moved, has a new number, wants something noted …"""
    chance = invented.random
    contact = Contact.objects.select_related("company").get(pk=chance.choice(made))
    language = contact.language or "fr"
    worn = [tag.name for tag in contact.tags.all()]
    what = chance.choice(["phone", "move", "note", "note", "tag", "tag", "customer", "terms", "mail"])
    if what == "phone":
        contact.phone = invented.phone()
    elif what == "move":
        contact.city, contact.postal_code, _language = invented.place(language if language != "en" else None)
        contact.street = invented.street(_language)
    elif what == "note":
        contact.notes = "\n".join(filter(None, [contact.notes, invented.note(_spoken(language))]))
    elif what == "tag":
        worn = [*worn, chance.choice(tags)]
    elif what == "customer":
        contact.is_customer, contact.is_prospect = True, False
    elif what == "terms":
        contact.payment_days = 30 if contact.payment_days != 30 else 60
    else:
        contact.email = contact.email.replace("info@", "contact@") or f"{label(contact.name)}@post.example"
    contact.keep(tags=worn, company_name=contact.company.name if contact.company else "", by=by, now=at)


def _spoken(language: str) -> str:
    return language if language in PAPERS else "fr"


def archive(made: list[UUID], invented: Invented, *, at: datetime, by: User) -> None:
    contact = Contact.objects.get(pk=made.pop(invented.random.randrange(len(made))))
    contact.archive(by=by, now=at)


def remove(made: list[UUID], invented: Invented, *, at: datetime, by: User) -> None:
    contact = Contact.objects.get(pk=made.pop(invented.random.randrange(len(made))))
    contact.remove(by=by)


def attach(made: list[UUID], invented: Invented, *, at: datetime, by: User) -> None:
    """A paper or a picture with one of the contacts."""
    contact = Contact.objects.get(pk=invented.random.choice(made))
    title = invented.random.choice(PAPERS[_spoken(contact.language)])
    upload: ContentFile[bytes]
    if invented.random.random() < 0.75:
        upload = ContentFile(_paper([contact.name, title, f"{at:%d/%m/%Y}"]), name=f"{title}.pdf")
    else:
        upload = ContentFile(_picture(invented), name=f"{title}.png")
    Attachment.attach(contact, upload, by=by, now=at)


def _paper(lines: Sequence[str]) -> bytes:
    """A page with these lines, in the smallest PDF that readers open."""
    shown = [line.encode("cp1252", "replace").decode("latin-1") for line in lines]
    escaped = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in shown]
    drawn = " ".join(f"BT /F 14 Tf 72 {760 - 28 * at} Td ({line}) Tj ET" for at, line in enumerate(escaped))
    stream = drawn.encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    page, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(page))
        page += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = len(page)
    page += b"xref\n0 6\n0000000000 65535 f \n" + table
    page += b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % end
    return bytes(page)


def _picture(invented: Invented) -> bytes:
    """A plan of a yard: a few rectangles."""
    drawing = Image.new("RGB", (480, 320), (246, 243, 236))
    pen = ImageDraw.Draw(drawing)
    for _each in range(5):
        left, top = invented.random.randint(10, 380), invented.random.randint(10, 240)
        right, bottom = left + invented.random.randint(30, 90), top + invented.random.randint(20, 70)
        pen.rectangle((left, top, right, bottom), outline=(20, 80, 90), width=3)
    out = io.BytesIO()
    drawing.save(out, "PNG")
    return out.getvalue()


def planned(deed: Callable[..., object], *arguments: Any, **more: Any) -> Callable[[datetime, User], object]:
    """A deed as the diary plans it: with its moment and author still to come."""
    return lambda at, by: deed(*arguments, **more, at=at, by=by)
