"""The shape of what people send: a contact, a tag, files, an import's columns, and what a list is filtered by."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps.accounts.models import User
from shared_apps.kit import numbers, places, sheets
from shared_apps.kit.text import ERASED
from tenant_apps.contacts.models import Contact, Import, Kind, Relation, Tag
from tenant_apps.contacts.models.contact import MATCHES, ContactQuerySet, terms
from tenant_apps.contacts.models.draft import COLUMNS, Defaults

SORTS = {
    "name": ("name_folded", "id"),
    "-name": ("-name_folded", "-id"),
    "city": ("city_folded", "name_folded", "id"),
    "-city": ("-city_folded", "-name_folded", "-id"),
    "changed": ("updated_at", "id"),
    "-changed": ("-updated_at", "-id"),
}
NOT_SHOWN = ("notes", "search", "iban", "website")  # columns that a list needn't read


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows, read from an address. A value that nobody offered counts as none."""

    q: str = ""
    kind: str = ""
    relation: str = ""
    tag: UUID | None = None
    archived: bool = False
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filter":
        def one_of(name: str, known: Any) -> str:
            return query[name] if query.get(name) in known else ""

        q = query.get("q", "").replace("\0", "").strip()[:200]
        return cls(
            q=q,
            kind=one_of("kind", Kind.values),
            relation=one_of("relation", Relation.values),
            tag=next(iter(uuids([query.get("tag", "")])), None),
            archived=query.get("archived") == "1",
            sort=one_of("sort", SORTS) or ("" if terms(q) else "name"),
        )

    @property
    def is_set(self) -> bool:
        return bool(self.q or self.kind or self.relation or self.tag or self.archived)

    def _narrowed(self) -> ContactQuerySet:
        rows = Contact.objects.archived() if self.archived else Contact.objects.active()
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.relation:
            rows = rows.related_as(self.relation)
        if self.tag:
            rows = rows.filter(tags=self.tag)
        return rows

    def rows(self) -> ContactQuerySet:
        """What the list pages through: with words, the best matches alone, in that order unless a column is chosen."""
        rows = self._narrowed().found(self.q)
        rows = rows.order_by(*SORTS[self.sort]) if self.sort else rows
        return rows.select_related("company").prefetch_related("tags").defer(*NOT_SHOWN)

    def every_row(self) -> ContactQuerySet:
        """Without the list's limit, by name: everything that holds the words, else what the list shows."""
        narrowed, words = self._narrowed(), terms(self.q)
        holding = narrowed.holding(words)
        rows = (
            holding
            if not words or len(holding.order_by()[: MATCHES + 1]) > MATCHES
            else narrowed.found(self.q)
        )
        return rows.order_by("name_folded", "id").select_related("company").prefetch_related("tags")


def uuids(texts: Iterable[str]) -> list[UUID]:
    """The ids that came with an address or a form; what is none is left out."""
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(UUID(text))
    return found


class ContactForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new or changed contact. `saved_at` tells which state of the contact the person had before their eyes."""

    kind = forms.ChoiceField(label=_("Kind"), choices=Kind.choices, widget=forms.RadioSelect)
    company_name = forms.CharField(
        label=_("Works at"),
        max_length=200,
        required=False,
        help_text=_("Added to your contacts when it isn’t there yet."),
    )
    tags = forms.ModelMultipleChoiceField(
        Tag.objects.none(), label=_("Tags"), required=False, widget=forms.CheckboxSelectMultiple
    )
    new_tags = forms.CharField(
        label=_("New tags"), max_length=500, required=False, help_text=_("Separate them with commas.")
    )
    vat_number = forms.CharField(label=_("VAT number"), max_length=30, required=False)
    iban = forms.CharField(label=_("IBAN"), max_length=50, required=False)
    website = forms.URLField(label=_("Website"), required=False, assume_scheme="https")
    country = forms.ChoiceField(label=_("Country"), required=False)
    language = forms.ChoiceField(
        label=_("Language"), required=False, help_text=_("The language of quotes, invoices and mails.")
    )
    saved_at = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Contact
        fields = (
            "kind", "name", "first_name", "last_name", "job_title", "is_customer", "is_supplier", "is_prospect",
            "email", "phone", "mobile", "website", "street", "postal_code", "city", "country", "vat_number", "iban",
            "payment_days", "language", "notes",
        )  # fmt: skip
        labels = {
            "name": _("Name"), "first_name": _("First name"), "last_name": _("Last name"),
            "job_title": pgettext_lazy("of a person at work", "Role"),
            "is_customer": _("Customer"), "is_supplier": _("Supplier"), "is_prospect": _("Prospect"),
            "email": _("E-mail"), "phone": _("Phone"), "mobile": _("Mobile"), "street": _("Street and number"),
            "postal_code": _("Postal code"), "city": _("City"), "payment_days": _("Payment term"), "notes": _("Notes"),
        }  # fmt: skip
        help_texts = {"payment_days": _("Days that an invoice may stay open.")}

    # A browser's own memory is for one's own details: it would offer them for every contact.
    ATTRIBUTES: Mapping[str, Mapping[str, Any]] = {
        "email": {"inputmode": "email", "spellcheck": "false", "autocapitalize": "off"},
        "phone": {"type": "tel", "inputmode": "tel"},
        "mobile": {"type": "tel", "inputmode": "tel"},
        "website": {"inputmode": "url", "spellcheck": "false", "autocapitalize": "off"},
        "vat_number": {"spellcheck": "false", "autocapitalize": "characters"},
        "iban": {"spellcheck": "false", "autocapitalize": "characters"},
        "payment_days": {"inputmode": "numeric", "min": "0", "max": "365"},
        "company_name": {
            "list": "companies",
            "hx-post": reverse_lazy("contacts:companies"),
            "hx-trigger": "input changed delay:200ms",
            "hx-target": "#companies",
            "hx-include": "this",
        },
        "notes": {"rows": "4"},
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_at = self.instance.updated_at.isoformat() if not self.instance._state.adding else ""
        self._offer_choices()
        for name, field in self.fields.items():
            field.widget.attrs |= {"autocomplete": "off"} | dict(self.ATTRIBUTES.get(name, {}))
        if self.instance._state.adding:
            return
        self.initial = {
            **self.initial,
            "company_name": self.instance.company.name if self.instance.company else "",
            "tags": list(self.instance.tags.all()),
            "vat_number": self.instance.vat_shown,
            "iban": self.instance.iban_shown,
            "saved_at": self.stored_at,
        }

    def _offer_choices(self) -> None:
        fields: dict[str, Any] = self.fields
        fields["country"].choices = [("", _("Not known")), *places.countries()]
        fields["language"].choices = [("", _("Not known")), *places.languages()]
        fields["tags"].queryset = Tag.objects.all()

    def clean_vat_number(self) -> str:
        return numbers.compact(self.cleaned_data["vat_number"])[:20]

    def clean_iban(self) -> str:
        return numbers.compact(self.cleaned_data["iban"])

    def clean_new_tags(self) -> list[str]:
        names = [name.strip() for name in re.split("[,;|]", self.cleaned_data["new_tags"]) if Tag.key(name)]
        if too_long := next((name for name in names if len(name) > 50), ""):
            raise forms.ValidationError(_now("“%(tag)s” is too long for a tag.") % {"tag": too_long[:60]})
        return names

    @property
    def is_stale(self) -> bool:
        """Whether somebody saved the contact since this form was opened."""
        return bool(self.stored_at) and self.data.get("saved_at", "") != self.stored_at

    def brings_back(self, stored: Contact) -> bool:
        """Whether it would write again what was erased here since it was opened; after `is_valid()`."""
        if not self.is_stale:
            return False
        return any(
            there.count(ERASED) > typed.count(ERASED) for _label, typed, there in self.differences(stored)
        )

    def keep(self, *, by: User, now: datetime) -> Contact:
        """Store what was typed; after `is_valid()`."""
        contact: Contact = self.instance
        tags = [tag.name for tag in self.cleaned_data["tags"]] + self.cleaned_data["new_tags"]
        contact.keep(tags=tags, company_name=self.cleaned_data["company_name"], by=by, now=now)
        return contact

    def differences(self, stored: Contact) -> list[tuple[str, str, str]]:
        """(label, what was typed, what is stored now) of each field where they differ; after `is_valid()`."""
        mine, theirs = self.cleaned_data, dict(ContactForm(instance=stored).initial)
        own = {"vat_number": self.instance.vat_shown, "iban": self.instance.iban_shown}
        mine = mine | own | {"tags": [*mine["tags"], *mine["new_tags"]]}
        compared = [name for name in self.fields if name not in ("new_tags", "saved_at")]
        rows = [(name, self._read(name, mine[name]), self._read(name, theirs.get(name))) for name in compared]
        return [(str(self.fields[name].label), typed, there) for name, typed, there in rows if typed != there]

    def _read(self, name: str, value: Any) -> str:
        """A value as people read it."""
        if value in (None, ""):
            return ""
        if isinstance(value, bool):
            return _now("yes") if value else _now("no")
        if isinstance(value, list):
            return ", ".join(sorted(str(item) for item in value))
        choices = dict(getattr(self.fields[name], "choices", ()))
        return str(choices.get(value, value))


class TagForm(forms.ModelForm):  # type: ignore[type-arg]
    """`seen` is the name that the person had before their eyes."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Tag
        fields = ("name", "colour")
        labels = {"name": _("Name"), "colour": _("Colour")}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if re.search("[,;|]", name) or not Tag.key(name):
            raise forms.ValidationError(_now("A tag is made of words, without commas."))
        if Tag.objects.filter(name_folded=Tag.key(name)).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_now("There is a tag of this name already."))
        return name

    def brings_back(self, stored: Tag) -> bool:
        """Whether it would write again what was erased here since it was opened; after `is_valid()`."""
        return ERASED in stored.name and self.cleaned_data["seen"] != stored.name


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """One or more files; a list."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> Any:
        files = [file for file in (data if isinstance(data, (list, tuple)) else [data]) if file]
        return files or super().clean(None, initial)


class AttachForm(forms.Form):
    chosen = ManyFilesField(
        required=False,
        label=_("Add files"),
        help_text=_("20 MB each. What a camera writes into a picture, such as the place, is removed."),
    )


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("CSV file"),
        help_text=_(
            "From a spreadsheet, by “Save as” CSV. Up to 20 MB and 50,000 lines, the first with the columns’ names."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
    )


class ColumnsForm(forms.Form):
    """What each column of an import's file means, and what holds for every line."""

    encoding = forms.ChoiceField(label=_("Encoding"), choices=list(sheets.ENCODINGS.items()))
    delimiter = forms.ChoiceField(label=_("Columns are divided by"), choices=list(sheets.DELIMITERS.items()))
    country = forms.ChoiceField(
        label=_("Country"),
        required=False,
        help_text=_("For lines without a country, and for VAT numbers without a prefix."),
    )
    relation = forms.ChoiceField(
        label=_("All of them are"), required=False,
        choices=[("", pgettext_lazy("relation of contacts", "As the file says")),
                 (Relation.CUSTOMER, _("Customers")), (Relation.SUPPLIER, _("Suppliers")), (Relation.PROSPECT, _("Prospects"))],
    )  # fmt: skip
    tag = forms.CharField(
        label=_("Tag for all of them"),
        max_length=50,
        required=False,
        help_text=_("To find them again later."),
    )

    def __init__(self, *args: Any, row: Import, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "encoding": row.encoding, "delimiter": row.delimiter, "country": row.country or "BE",
            "relation": row.relation, "tag": row.tag,
        }  # fmt: skip
        super().__init__(*args, **kwargs)
        self.row = row
        self.fields["country"].choices = [("", _("Not known")), *places.countries()]  # type: ignore[attr-defined]
        meanings = [("", _now("Leave out")), *((key, label) for key, (label, _words) in COLUMNS.items())]
        for number, (title, key) in enumerate(zip(row.header, row.columns, strict=True)):
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=title, choices=meanings, initial=key, required=False
            )

    def columns(self) -> Iterator[tuple[forms.BoundField, list[str]]]:
        """Each column's field with samples from the file."""
        for number, samples in enumerate(self.row.samples()):
            yield self[f"column_{number}"], samples

    def clean(self) -> dict[str, Any]:
        keys = self.keys()
        for key in {key for key in keys if key and keys.count(key) > 1}:
            for number in [number for number, other in enumerate(keys) if other == key][1:]:
                self.add_error(f"column_{number}", _now("Another column is this already."))
        if not {"name", "first_name", "last_name", "company"} & set(keys):
            raise forms.ValidationError(_now("Say which column holds the name."))
        return self.cleaned_data

    def keys(self) -> list[str]:
        return [self.cleaned_data.get(f"column_{number}", "") for number in range(len(self.row.header))]

    def clean_tag(self) -> str:
        tag: str = self.cleaned_data["tag"]
        if re.search("[,;|]", tag) or (tag and not Tag.key(tag)):
            raise forms.ValidationError(_now("A tag is made of words, without commas."))
        return tag

    @property
    def format(self) -> sheets.Format:
        return sheets.Format(self.cleaned_data["encoding"], self.cleaned_data["delimiter"])

    @property
    def defaults(self) -> Defaults:
        return Defaults(self.cleaned_data["country"], self.cleaned_data["relation"], self.cleaned_data["tag"])
