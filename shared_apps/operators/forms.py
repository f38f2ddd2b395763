"""The shape of what operators type."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.base import File
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from shared_apps.accounts.models import ONE_LINE
from shared_apps.kit import uploads
from shared_apps.operators.models import HOURS, Scope
from shared_apps.operators.words import one_line
from tenants import departure
from tenants.forms import CompanyForm, LineField, TypedNameForm
from tenants.forms_leaving import DayField, DayForm, DaysForm, day_field


class ProvisionForm(CompanyForm):
    """As the sign-up's, without its live looks: an operator types what a client said."""

    company = LineField(label=_("Company"), max_length=200)
    subdomain = forms.CharField(
        label=_("Name of the workspace"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )
    name = LineField(label=_("Name of the first owner"), max_length=200)
    email = forms.EmailField(label=_("E-mail address of the first owner"))


class EraseForm(TypedNameForm):
    """The workspace's name, typed, and why."""

    reason = forms.CharField(label=_("Reason"), max_length=300)
    with_contacts = forms.BooleanField(
        label=_("Erase the contact details too"),
        required=False,
        help_text=_("Otherwise they are kept for twelve months, as the privacy policy says."),
    )

    def clean_reason(self) -> str:
        return one_line(self.cleaned_data["reason"])


class ProofOfClient(forms.Form):
    """What the client wrote: an operator acts for it with nothing less."""

    proof = forms.FileField(
        label=_("What the client wrote"),
        help_text=_(
            "A letter, a mail or a picture of it. Operators alone can open it; it goes with the contact details."
        ),
        error_messages={
            "required": _("Attach what the client wrote: without it nothing is done for a client.")
        },
    )

    def clean_proof(self) -> "File[bytes]":
        """Looked at here, so that the field says what is wrong; the verb cleans it. Raises ValidationError."""
        proof: File[bytes] = self.cleaned_data["proof"]
        uploads.accept(proof)
        proof.seek(0)
        return proof


class NoticeForm(DaysForm, ProofOfClient):
    """A notice that the client gave in writing: it counts from the day on which it came in."""

    field_order = ("received_on", "proof", "data_on", "contacts_on")
    received_on = DayField(
        label=_("Received on"),
        help_text=_("The day on which it came in: the client’s days count from there."),
    )

    def __init__(self, *args: Any, today: datetime, **kwargs: Any) -> None:
        super().__init__(*args, today=today, **kwargs)
        self.today = today
        day_field(self, "received_on").reach(*departure.receipt(today))

    def clean_received_on(self) -> date:
        received: date = self.cleaned_data["received_on"]
        self.foreseen = departure.foresee(self.today, received)
        return received


class MoveForm(DayForm, ProofOfClient):
    """Another day that the client asked for in writing."""

    field_order = ("on", "proof", "seen")


class LiftForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        help_text=_("When its holder says that the mailbox works, or that they want mails after all."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class InviteForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200, validators=[ONE_LINE])
    email = forms.EmailField(label=_("E-mail"))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)


class OrganisationForm(forms.Form):
    """An integrator and the first person who signs in for it."""

    organisation = forms.CharField(label=_("Name of the integrator"), max_length=200, validators=[ONE_LINE])
    office = forms.EmailField(
        label=_("E-mail address of the integrator"),
        help_text=_("Clients’ proposals and the ends of links are mailed there."),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    name = forms.CharField(label=_("Name of the first person"), max_length=200, validators=[ONE_LINE])
    email = forms.EmailField(label=_("E-mail address of the first person"))


class SignForm(forms.Form):
    """`version` is the one that was shown: of two published meanwhile, nobody signs the unread one."""

    version = forms.CharField(max_length=20, widget=forms.HiddenInput)
    undertakes = forms.BooleanField(label=_("I have read this text and undertake to keep to it."))


class GrantForm(forms.Form):
    """Why, how far and how long an operator enters a client's workspace."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        help_text=_("The client reads it. Name the request or the fault, not a person."),
    )
    scope = forms.ChoiceField(label=_("How far"), choices=Scope, initial=Scope.READ, widget=forms.RadioSelect)
    hours = forms.TypedChoiceField(
        label=_("How long"),
        coerce=int,
        choices=[
            (hours, ngettext_lazy("%(hours)s hour", "%(hours)s hours", "hours") % {"hours": hours})
            for hours in HOURS
        ],
        initial=1,
    )

    def clean_reason(self) -> str:
        return one_line(self.cleaned_data["reason"])
