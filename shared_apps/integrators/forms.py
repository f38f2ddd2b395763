"""The shape of a code, of an organisation's details and of an invitation."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import ONE_LINE
from shared_apps.integrators.models import CannotLink, Organisation
from shared_apps.kit.text import refuse_web_addresses


class CodeForm(forms.Form):
    """`organisation` after `is_valid()`. Runs in the shared schema."""

    code = forms.CharField(
        label=_("Code of your integrator"),
        max_length=40,
        help_text=_(
            "Eight letters and digits. Your integrator finds it on its own page and reads it out to you."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )
    organisation: Organisation

    def clean_code(self) -> str:
        try:
            self.organisation = Organisation.of_code(self.cleaned_data["code"])
        except CannotLink as error:
            raise forms.ValidationError(str(error), code="unknown") from error
        return self.organisation.code


class OrganisationForm(forms.ModelForm):  # type: ignore[type-arg]
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = Organisation
        fields = ("email", "language")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].help_text = _("Clients’ proposals and the ends of links are mailed there.")


class InviteForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200, validators=[ONE_LINE, refuse_web_addresses])
    email = forms.EmailField(label=_("E-mail"))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
