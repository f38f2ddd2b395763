"""A line of a file as a contact: which columns there are, how their headers are called, what their cells may say.

No tables: imports.py reads files with this, and the export writes the same columns, so that an export can be imported.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps.kit import numbers, places
from shared_apps.kit.text import fold
from tenant_apps.contacts.models.contact import Contact, Kind, Relation
from tenant_apps.contacts.models.tag import Tag

# Label, then the headers by which each column is known in French, Dutch, German and English (folded).
COLUMNS: dict[str, tuple[Any, str]] = {
    "kind": (_("Kind"), "type, kind, genre, soort, art, nature"),
    "name": (
        _("Name"),
        "name, nom, naam, full name, nom complet, volledige naam, raison sociale, denomination, contact, "
        "display name, nom affiche, weergavenaam, firmenname, bedrijfsnaam, customer, client, klant, kunde",
    ),
    "first_name": (_("First name"), "first name, firstname, given name, prenom, voornaam, vorname"),
    "last_name": (
        _("Last name"),
        "last name, lastname, surname, family name, nom de famille, achternaam, familienaam, "
        "nachname, familienname",
    ),
    "company": (
        _("Works at"),
        "company, organization, organisation, societe, entreprise, bedrijf, firma, works at, "
        "travaille chez, organisatie, unternehmen, company name, employer, organization name",
    ),
    "job_title": (
        pgettext_lazy("of a person at work", "Role"),
        "job title, title, role, role there, fonction, functie, funktion, position, titel",
    ),
    "is_customer": (_("Customer"), "is customer, customer, client, klant, kunde, est client"),
    "is_supplier": (_("Supplier"), "is supplier, supplier, fournisseur, leverancier, lieferant, vendor"),
    "is_prospect": (_("Prospect"), "is prospect, prospect, lead, interessent"),
    "tags": (
        _("Tags"),
        "tags, tag, etiquettes, etiquette, labels, label, schlagworte, categories, categorie, category",
    ),
    "email": (
        _("E-mail"),
        "e-mail, email, mail, courriel, e-mail address, email address, adresse e-mail, adresse email, "
        "e-mailadres, mailadresse, e-mail-adresse, e-mail 1 - value",
    ),
    "phone": (
        _("Phone"),
        "phone, telephone, tel, telefoon, telefon, phone number, business phone, telefoonnummer, "
        "numero de telephone, phone 1 - value, tel.",
    ),
    "mobile": (_("Mobile"), "mobile, mobile phone, gsm, portable, mobiel, mobil, handy, cell"),
    "website": (_("Website"), "website, web, site, site web, url, webseite, internet, web page"),
    "street": (
        _("Street and number"),
        "street, street and number, address, adresse, rue, rue et numero, straat, adres, "
        "strasse, anschrift, straat en nummer, business street, address line 1",
    ),
    "postal_code": (
        _("Postal code"),
        "postal code, postcode, zip, zip code, code postal, cp, plz, postleitzahl",
    ),
    "city": (
        _("City"),
        "city, town, ville, localite, commune, stad, gemeente, plaats, stadt, ort, business city",
    ),
    "country": (_("Country"), "country, pays, land, country code, code pays, business country/region"),
    "vat_number": (
        _("VAT number"),
        "vat, vat number, tva, n° tva, no tva, numero de tva, numero tva, btw, btw-nummer, "
        "btw nummer, btwnummer, ust-id, ust-idnr, ust-idnr., mwst, tax id, bce, kbo",
    ),
    "iban": (
        _("IBAN"),
        "iban, bank account, bank account (iban), compte bancaire, compte bancaire (iban), compte, "
        "bankrekening, rekeningnummer, bankkonto, kontonummer",
    ),
    "payment_days": (
        _("Payment term (days)"),
        "payment days, payment term, payment term (days), payment terms, "
        "delai de paiement, delai de paiement (jours), betaaltermijn, zahlungsziel",
    ),
    "language": (_("Language"), "language, langue, taal, sprache"),
    "notes": (
        _("Notes"),
        "notes, note, remarque, remarques, opmerking, opmerkingen, notitie, notities, bemerkung, "
        "bemerkungen, comment, commentaire, comments, notizen",
    ),
}
SYNONYMS = {
    key: {fold(word) for word in re.split(r",\s+", words)} for key, (_label, words) in COLUMNS.items()
}
YES = frozenset(["yes", "y", "oui", "o", "ja", "j", "x", "1", "true", "vrai", "waar", "wahr"])
NO = frozenset(["", *["no", "n", "non", "nee", "nein", "0", "false", "faux", "onwaar", "falsch", "-"]])
KINDS = {
    Kind.COMPANY: frozenset(
        [
            "company",
            "organization",
            "organisation",
            "societe",
            "entreprise",
            "bedrijf",
            "firma",
            "unternehmen",
        ]
    ),
    Kind.PERSON: frozenset(
        ["person", "personne", "persoon", "particulier", "individual", "contact", "privatperson"]
    ),
}
# The longest cell that is looked at, in characters: whatever is done with one costs the more the longer it is.
LONGEST, LONGEST_NOTES, LONGEST_TAGS = 500, 20_000, 5_000
MOST_TAGS = 100  # of one contact
TWINS = ("id", "name_folded", "city_folded", "search", "company")
TEXTS = (
    "first_name",
    "last_name",
    "job_title",
    "email",
    "phone",
    "mobile",
    "street",
    "postal_code",
    "city",
    "vat_number",
    "iban",
    "notes",
)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every line that doesn't say otherwise."""

    country: str = ""
    relation: str = ""
    tag: str = ""


@dataclass(slots=True)
class Draft:
    """A contact that isn't stored, with what its line says about rows of other tables; `errors` refuse the line."""

    contact: Contact
    company: str = ""
    tags: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def guess(header: Sequence[str]) -> list[str]:
    """The key of each column by its header, "" for one that isn't known. Each key at most once."""
    guessed: list[str] = []
    for title in header:
        folded = fold(title[:100]).strip(" *:")
        known = (
            key for key, words in SYNONYMS.items() if key not in guessed and _is_called(folded, key, words)
        )
        guessed.append(next(known, ""))
    if "name" in guessed and "first_name" in guessed and "last_name" not in guessed:
        guessed[guessed.index("name")] = "last_name"  # "Nom, Prénom"
    return guessed


def _is_called(folded: str, key: str, words: "set[str]") -> bool:
    return folded in words or folded == key or folded == fold(str(COLUMNS[key][0]))


def draft(cells: Mapping[str, str], defaults: Defaults) -> Draft:
    """The contact that a line describes. Everything that is wrong with it stands in `errors`; nothing is dropped."""
    if errors := _too_long(cells):
        nameless = Contact(name=cells.get("name", "")[:200])
        nameless.derive()
        return Draft(nameless, errors=errors)
    contact = Contact(kind=_kind(cells, errors), **{key: cells.get(key, "") for key in TEXTS})
    contact.vat_number, contact.iban = numbers.compact(contact.vat_number), numbers.compact(contact.iban)
    contact.country = _named(cells.get("country", ""), places.named, errors, "country") or defaults.country
    contact.language = _named(cells.get("language", ""), places.language_named, errors, "language")
    contact.website = _website(cells.get("website", ""))
    contact.payment_days = _days(cells.get("payment_days", ""), errors)
    for relation in Relation:
        said = _flag(cells.get(f"is_{relation.value}", ""), f"is_{relation.value}", errors)
        setattr(contact, f"is_{relation.value}", said or defaults.relation == relation.value)
    company = _name(contact, cells, errors)
    tags = [tag for tag in re.split(r"[,;|]", cells.get("tags", "")) if Tag.key(tag)]
    errors += [
        _now("“%(tag)s” is too long for a tag.") % {"tag": tag[:60]} for tag in tags if len(tag.strip()) > 50
    ]
    if len(tags) > MOST_TAGS:
        errors.append(_now("A line may name %(most)s tags.") % {"most": MOST_TAGS})
    try:
        contact.full_clean(exclude=TWINS, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        errors += [text for key, texts in error.message_dict.items() for text in _said(key, texts)]
    tags += [defaults.tag] if Tag.key(defaults.tag) else []
    contact.derive(sorted({Tag.key(tag) for tag in tags}))
    return Draft(contact, company, tags, errors)


def _too_long(cells: Mapping[str, str]) -> list[str]:
    most = {"notes": LONGEST_NOTES, "tags": LONGEST_TAGS}
    found = [key for key, cell in cells.items() if len(cell) > most.get(key, LONGEST)]
    return [said for key in found for said in _said(key, [_now("This is too long.")])]


def _said(key: str, texts: Iterable[str]) -> list[str]:
    label = COLUMNS[key][0] if key in COLUMNS else ""
    return [
        _now("%(column)s: %(problem)s") % {"column": label, "problem": text} if label else text
        for text in texts
    ]


def _wrong(key: str, cell: str, errors: list[str]) -> None:
    problem = _now("“%(cell)s” isn’t understood.") % {"cell": cell[:60]}
    errors.extend(_said(key, [problem]))


def kind_of(cells: Mapping[str, str]) -> Kind | None:
    """What the line describes; None when it names a kind that isn't known."""
    if said := fold(cells.get("kind", "")):
        return next(
            (kind for kind, words in KINDS.items() if said in words or said == fold(str(kind.label))), None
        )
    is_person = (
        cells.get("first_name") or cells.get("last_name") or (cells.get("name") and cells.get("company"))
    )
    return Kind.PERSON if is_person else Kind.COMPANY


def _kind(cells: Mapping[str, str], errors: list[str]) -> Kind:
    kind = kind_of(cells)
    if kind is None:
        _wrong("kind", cells["kind"], errors)
    return kind or Kind.COMPANY


def _name(contact: Contact, cells: Mapping[str, str], errors: list[str]) -> str:
    """Set the names; returns the name of the company where a person works. Says what would be lost."""
    name, company = cells.get("name", ""), cells.get("company", "")
    if contact.kind == Kind.COMPANY:
        lost = contact.first_name or contact.last_name or contact.job_title or (company if name else "")
        if lost and fold(lost) != fold(name):
            errors.append(
                _now("Only a person has a first name, a last name, a role and a company to work at.")
            )
        contact.name = name or company
        return ""
    if name and not (contact.first_name or contact.last_name):
        contact.last_name = name
    written = {
        fold(f"{contact.first_name} {contact.last_name}"),
        fold(f"{contact.last_name} {contact.first_name}"),
    }
    if name and fold(name.replace(",", " ")) not in written:
        errors.append(_now("The name isn’t the first and last name: leave out one of these columns."))
    if len(company) > 200:
        errors += _said("company", [_now("This is too long.")])
    return company


def _named(cell: str, look_up: Any, errors: list[str], key: str) -> str:
    found: str = look_up(cell) if cell else ""
    if cell and not found:
        _wrong(key, cell, errors)
    return found


def _website(cell: str) -> str:
    return f"https://{cell}" if cell and "://" not in cell else cell


def _days(cell: str, errors: list[str]) -> int | None:
    if not cell:
        return None
    if found := re.fullmatch(r"(\d{1,3})(?:[.,]0+)?\D*", cell):
        return int(found[1])
    _wrong("payment_days", cell, errors)
    return None


def _flag(cell: str, key: str, errors: list[str]) -> bool:
    said = fold(cell)
    if said not in YES and said not in NO:
        _wrong(key, cell, errors)
    return said in YES


def row_of(contact: Contact) -> list[object]:
    """The cells of a contact in the order of COLUMNS, which `draft` reads back. Needs `company` and `tags` loaded."""
    special: dict[str, object] = {
        "kind": contact.get_kind_display(),
        "company": contact.company.name if contact.company else "",
        "tags": ", ".join(tag.name for tag in contact.tags.all()),
        "vat_number": contact.vat_shown,
        "iban": contact.iban_shown,
    }
    flags = {
        f"is_{relation.value}": "1" if getattr(contact, f"is_{relation.value}") else ""
        for relation in Relation
    }
    return [{**special, **flags}.get(key, getattr(contact, key, "")) for key in COLUMNS]
