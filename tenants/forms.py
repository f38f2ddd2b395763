"""The shape of what people type to open a workspace and to find theirs again. The verbs are in sign_up.py."""

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shared_apps.kit import places
from shared_apps.kit.numbers import clean_vat
from shared_apps.kit.text import refuse_web_addresses
from tenants import names
from tenants.models import SignUp
from tenants.sign_up import Answers

CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)  # also what turns text around
# Asks, while one types, whether the name is free; by POST, since an address with its query may be logged.
LOOK = {
    "hx-post": reverse_lazy("app:name", urlconf="config.urls_app"),
    "hx-params": "csrfmiddlewaretoken,company,subdomain,suggested,take",
    "hx-sync": "closest form:replace",
}


class TypedNameForm(forms.Form):
    """The workspace's name, typed by whoever has it destroyed."""

    typed_name = forms.CharField(
        label=_("Name of the workspace"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name

    def clean_typed_name(self) -> str:
        if self.cleaned_data["typed_name"].strip().lower() != self.name:
            said = gettext("Type %(name)s, exactly as it stands in the address.")
            raise ValidationError(said % {"name": self.name})
        return self.name


class LineField(forms.CharField):
    """One line, with single spaces; it stands in the head of mails, so nothing may break or turn it."""

    def to_python(self, value: Any) -> str:
        return " ".join(str(super().to_python(value) or "").split())

    def validate(self, value: str) -> None:
        super().validate(value)
        if CONTROL.search(value):
            raise ValidationError(gettext("This has characters that can’t be shown."), code="control")
        refuse_web_addresses(value)


def _label_field() -> forms.CharField:
    """Longer than a name can be, so that names.check says what is wrong."""
    return forms.CharField(
        label=_("Name of the workspace"),
        max_length=200,
        widget=forms.TextInput(
            attrs={
                **LOOK,
                "hx-trigger": "input changed delay:350ms, early",
                "hx-target": "#name-status",
                "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false",
            }
        ),
    )  # fmt: skip


class CompanyForm(forms.Form):
    """A company, its workspace's name and its first owner. The name is checked against everybody's."""

    company = LineField(
        label=_("Company"),
        max_length=200,
        widget=forms.TextInput(
            attrs={**LOOK, "hx-trigger": "input changed delay:500ms, early", "hx-target": "#workspace-name",
                   "autocomplete": "organization"}
        ),
    )  # fmt: skip
    country = forms.ChoiceField(
        label=_("Country"), choices=places.countries, initial="BE",
        widget=forms.Select(attrs={"autocomplete": "country"}),
    )  # fmt: skip
    vat_number = forms.CharField(
        label=_("VAT number"), max_length=40, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    subdomain = _label_field()
    name = LineField(
        label=_("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        label=_("Your e-mail address"),
        widget=forms.EmailInput(
            attrs={"autocomplete": "email", "autocapitalize": "off", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, own: SignUp | None = None, **kwargs: Any) -> None:
        """`own`: what the same person asked for before, whose name is not taken by somebody else."""
        super().__init__(*args, **kwargs)
        self.own = own

    def clean_vat_number(self) -> str:
        number = clean_vat(self.cleaned_data["vat_number"], self.cleaned_data.get("country", "BE"))
        if len(number) > 20:
            raise ValidationError(gettext("This is too long for a VAT number."), code="vat")
        return number

    def clean_subdomain(self) -> str:
        return checked(self.cleaned_data["subdomain"], own=self.own)

    def answers(self) -> Answers:
        """After `is_valid()`."""
        return Answers(**{name: self.cleaned_data[name] for name in Answers.__slots__})


class SignUpForm(CompanyForm):
    terms = forms.BooleanField(
        label=_("We accept the terms of use"),
        error_messages={
            "required": _("Without the terms there is no contract: read them, and accept them here.")
        },
    )


class NameForm(forms.Form):
    """Another name, when somebody else took the one that was asked for."""

    subdomain = _label_field()

    def __init__(self, *args: Any, own: SignUp, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own = own

    def clean_subdomain(self) -> str:
        return checked(self.cleaned_data["subdomain"], own=self.own)


class TermsForm(forms.Form):
    terms = SignUpForm.base_fields["terms"]


class FindForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"),
        widget=forms.EmailInput(
            attrs={"autocomplete": "email", "autocapitalize": "off", "spellcheck": "false"}
        ),
    )


def checked(label: str, *, own: SignUp | None) -> str:
    """names.check for forms. Raises ValidationError."""
    try:
        return names.check(label, but=own)
    except names.BadName as error:
        raise ValidationError(str(error), code="name") from error


def suggestion(company: str, *, own: SignUp | None) -> str:
    """A free name made from the company's, "" when there is none."""
    base = names.suggest(company)
    if len(base) < 3 or names.skeleton(base) in {names.skeleton(reserved) for reserved in names.RESERVED}:
        return ""
    for label in (base, *(f"{base[:36]}-{number}" for number in range(2, 10))):
        try:
            return names.check(label, but=own)
        except names.BadName:
            continue
    return ""
