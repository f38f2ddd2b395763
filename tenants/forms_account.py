"""The shape of what an owner types to take the data out or to have everything erased."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.forms import ProofForm
from tenants.archive import BadRecipient, parse_recipient
from tenants.forms import TypedNameForm


class ExportForm(forms.Form):
    """A passphrase, typed twice, or an age key, which needs no repeating."""

    secret = forms.CharField(
        label=_("Passphrase"),
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_(
            "At least 15 characters; a sentence is easy to remember. An age key (age1…) works too. "
            "Without it nobody can open the copy, Smoall neither."
        ),
    )
    again = forms.CharField(
        label=_("Once more"),
        strip=False,
        max_length=1000,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_secret(self) -> str:
        try:
            parse_recipient(self.cleaned_data["secret"])
        except BadRecipient as error:
            raise forms.ValidationError(str(error), code=error.code) from error
        return str(self.cleaned_data["secret"])

    def clean(self) -> dict[str, Any]:
        secret, again = self.cleaned_data.get("secret"), self.cleaned_data.get("again")
        if secret and not secret.strip().lower().startswith("age1") and secret != again:
            self.add_error("again", _now("The two are not the same."))
        return self.cleaned_data


class KeyForm(forms.Form):
    """The public age key of copies that an operator starts; empty: none."""

    copies_key = forms.CharField(
        label=_("Public age key"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
        help_text=_(
            "It begins with age1. The secret half stays with you; without it nobody opens these copies."
        ),
    )

    def clean_copies_key(self) -> str:
        key = str(self.cleaned_data["copies_key"]).strip().lower()
        if key and not key.startswith("age1"):
            raise forms.ValidationError(_now("This is not a public age key (age1…)."), code="key")
        try:
            if key:
                parse_recipient(key)
        except BadRecipient as error:
            raise forms.ValidationError(str(error), code=error.code) from error
        return key


class EraseForm(TypedNameForm, ProofForm):
    """The workspace's name and the owner's password; `with_contacts` for the contact details too."""

    with_contacts = forms.BooleanField(
        label=_("Erase our contact details too"),
        required=False,
        help_text=_(
            "Otherwise Smoall keeps them for twelve months: name, address and contact person of the company."
        ),
    )

    field_order = ("typed_name", "current", "code", "with_contacts")


class ErasePersonForm(ProofForm):
    """The person's name as it stands on the page, and the owner's password."""

    typed_name = forms.CharField(
        label=_("Name of the person"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )

    field_order = ("typed_name", "current")

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name

    def clean_typed_name(self) -> str:
        typed = str(self.cleaned_data["typed_name"])
        if " ".join(typed.split()).casefold() != " ".join(self.name.split()).casefold():
            raise forms.ValidationError(
                _now("Type %(name)s, exactly as it stands here.") % {"name": self.name}
            )
        return self.name
