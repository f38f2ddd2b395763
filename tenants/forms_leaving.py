"""The shape of what people say about leaving: the days until which something is kept, and the contact details.

Each is used where a password proves who speaks (a workspace), where a mailed link does, and where an operator attaches
what the client wrote.
"""

from datetime import date, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.crypto import salted_hmac
from django.utils.formats import date_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.forms import ProofForm
from shared_apps.clients.models import Client
from shared_apps.kit import places
from shared_apps.kit.numbers import clean_phone, clean_vat, format_vat
from tenants import departure
from tenants.departure import Dates
from tenants.forms import LineField
from tenants.models import Category, Departure

LABELS: dict[Category, Any] = {Category.DATA: _("Data"), Category.CONTACTS: _("Contact details")}
WHAT: dict[Category, Any] = {
    Category.DATA: _("Keep the data until the end of"),
    Category.CONTACTS: _("Keep the contact details until the end of"),
}


class DayField(forms.DateField):
    """A day within reach, in the browser's own picker."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)
        self.first: date | None = None
        self.last: date | None = None

    def reach(self, first: date, last: date) -> None:
        self.first, self.last = first, last
        self.widget.attrs |= {"min": first.isoformat(), "max": last.isoformat()}

    def validate(self, value: date | None) -> None:
        super().validate(value)
        if value and self.first and self.last and not self.first <= value <= self.last:
            raise ValidationError(
                _now("Choose a day from %(first)s to %(last)s.")
                % {"first": date_format(self.first, "j F Y"), "last": date_format(self.last, "j F Y")},
                code="reach",
            )


class DaysForm(forms.Form):
    """The client's own days with a notice, instead of the promised ones. Both may stay empty."""

    data_on = DayField(label=WHAT[Category.DATA], required=False)
    contacts_on = DayField(
        label=WHAT[Category.CONTACTS],
        required=False,
        help_text=_("Not before the data, which needs them."),
    )

    def __init__(self, *args: Any, today: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.foreseen: Dates = departure.foresee(today)
        for category in Category:
            day_field(self, f"{category}_on").reach(*departure.reach(category, noticed_at=today, now=today))

    def clean(self) -> dict[str, Any]:
        super().clean()
        contacts, data = self.cleaned_data.get("contacts_on"), self.cleaned_data.get("data_on")
        kept = data or self.foreseen.data_on
        if contacts and contacts < kept and "data_on" not in self.errors:
            self.add_error("contacts_on", _not_before(kept))
        return self.cleaned_data

    @property
    def has_own_days(self) -> bool:
        """Whether something was typed: the days are shown unfolded then."""
        return any(self[name].value() or self[name].errors for name in ("data_on", "contacts_on"))


class NoticeForm(DaysForm, ProofForm):
    """An owner's notice."""

    field_order = ("data_on", "contacts_on", "current")


class DayForm(forms.Form):
    """Another day for the data or the contact details; by a button of its own ("promised") the promised one again.

    `seen` carries the days that the page showed.
    """

    on = DayField(required=False)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, leaving: Departure, category: Category, today: datetime, **kwargs: Any
    ) -> None:
        on = leaving.day(category)
        kwargs |= {"auto_id": f"{category}_%s", "initial": {"on": on, "seen": departure.seen_in(leaving)}}
        super().__init__(*args, **kwargs)
        self.leaving, self.category = leaving, category
        first, last = departure.reach(category, noticed_at=leaving.noticed_at, now=today)
        self.earliest = first
        if category == Category.CONTACTS and leaving.data_erased_at is None:
            first = max(first, leaving.data_on)
        field = day_field(self, "on")
        field.label, field.last = WHAT[category], last
        field.reach(first, last)

    @property
    def label(self) -> Any:
        return LABELS[self.category]

    @property
    def day(self) -> date:
        return self.leaving.day(self.category)

    @property
    def is_promised(self) -> bool:
        return "promised" in self.data

    @property
    def may_be_promised(self) -> bool:
        """Whether the promised day is another one than that in force, and can be kept still."""
        promised = self.leaving.promised(self.category)
        return promised != self.leaving.day(self.category) and promised >= self.earliest

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.is_promised:
            self.errors.pop("on", None)
            self.cleaned_data["on"] = None
        elif "on" not in self.errors and not self.cleaned_data.get("on"):
            self.add_error("on", _now("Choose a day."))
        return self.cleaned_data


class OwnersDayForm(DayForm, ProofForm):
    field_order = ("on", "current", "seen")


def day_field(form: forms.Form, name: str) -> DayField:
    field = form.fields[name]
    assert isinstance(field, DayField)
    return field


def _not_before(day: date) -> str:
    return _now("The data is kept until the end of %(day)s, and needs them until then.") % {
        "day": date_format(day, "j F Y")
    }


# --- contact details --------------------------------------------------------------------------------------


class ContactDetailsForm(forms.Form):
    """Every field of a client's contact details, as at the sign-up. `seen` is a print of what the page showed."""

    FIELDS = (
        "company", "vat_number", "street", "postal_code", "city", "country", "contact_name", "contact_email",
        "phone", "language",
    )  # fmt: skip

    company = LineField(
        label=_("Company"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "organization"})
    )
    country = forms.ChoiceField(
        label=_("Country"), choices=places.countries, widget=forms.Select(attrs={"autocomplete": "country"})
    )
    vat_number = forms.CharField(
        label=_("VAT number"), max_length=40, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    street = LineField(
        label=_("Street and number"), max_length=200, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "street-address"}),
    )  # fmt: skip
    postal_code = LineField(
        label=_("Postal code"), max_length=20, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )  # fmt: skip
    city = LineField(
        label=_("City"), max_length=100, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
    )  # fmt: skip
    contact_name = LineField(
        label=_("Contact person"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    contact_email = forms.EmailField(
        label=_("E-mail"), max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autocapitalize": "off", "spellcheck": "false"}),
    )  # fmt: skip
    phone = forms.CharField(
        label=_("Phone"), max_length=40, required=False,
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"}),
    )  # fmt: skip
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, client: Client, **kwargs: Any) -> None:
        shown = {name: getattr(client, name) for name in self.FIELDS}
        shown["vat_number"] = format_vat(client.vat_number)
        kwargs["initial"] = {**shown, "seen": print_of(client)}
        super().__init__(*args, **kwargs)

    def clean_vat_number(self) -> str:
        number = clean_vat(self.cleaned_data["vat_number"], self.cleaned_data.get("country", "BE"))
        if len(number) > 20:
            raise ValidationError(_now("This is too long for a VAT number."), code="vat")
        return number

    def clean_phone(self) -> str:
        return clean_phone(self.cleaned_data["phone"])

    def is_stale(self, client: Client) -> bool:
        """Whether the details changed since the page was opened."""
        return bool(self.cleaned_data["seen"] != print_of(client))

    def is_stored(self, client: Client) -> bool:
        """Whether nothing differs from what is stored: the same click twice."""
        return all(getattr(client, name) == value for name, value in self.answers().items())

    def show_again(self, client: Client) -> None:
        """Keep what was typed, say that the details changed meanwhile, and let the next press of the button count."""
        self.add_error(
            None,
            _now(
                "The contact details were changed meanwhile. Below stands what you typed: compare it with the page "
                "before, then save once more if it is right."
            ),
        )
        self.data = {**{name: self[name].value() for name in self.FIELDS}, "seen": print_of(client)}

    def answers(self) -> dict[str, Any]:
        """After `is_valid()`: each field of the client."""
        return {name: self.cleaned_data[name] for name in self.FIELDS}


def print_of(client: Client) -> str:
    """Tells whether contact details are those that a page showed, without holding them."""
    shown = "\0".join(str(getattr(client, name)) for name in ContactDetailsForm.FIELDS)
    return salted_hmac("smoall.contact_details", shown, algorithm="sha256").hexdigest()[:32]


class EraseContactsForm(forms.Form):
    """The company's name, typed."""

    typed_name = forms.CharField(
        label=_("Name of the company"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, company: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.company = company

    def clean_typed_name(self) -> str:
        typed = str(self.cleaned_data["typed_name"])
        if _words(typed) != _words(self.company):
            raise ValidationError(_now("Type %(name)s, exactly as it stands here.") % {"name": self.company})
        return typed


def _words(text: str) -> str:
    return " ".join(text.split()).casefold()
