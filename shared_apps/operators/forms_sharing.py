"""The shape of a partner, of a reading of its policy, and of a court's order."""

import re
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import ONE_LINE
from shared_apps.clients.models import Client
from shared_apps.kit.dates import plus_months
from shared_apps.kit.places import countries
from shared_apps.operators.views.clients import matching
from shared_apps.sharing.models import CATEGORIES, Order, Partner
from shared_apps.sharing.models.partner import MONTHS
from tenants import extract

HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]\Z")
MOST_HOSTS = 20
MOST_TEXT = 1_000_000  # characters of a policy
TEXTS = ("txt", "md", "html", "htm")


def _day(label: Any, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}), **more)


class PurposesForm(forms.Form):
    """What a partner does for clients, in each language of the website: visitors read theirs."""

    def __init__(self, *args: Any, partner: Partner | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, name in settings.WEBSITE_LANGUAGES:
            self.fields[f"purpose_{code}"] = forms.CharField(
                label=format_lazy("{} ({})", _("Purpose"), name),
                max_length=300,
                validators=[ONE_LINE],
                widget=forms.TextInput(attrs={"lang": code}),
                initial=partner.purposes.get(code, "") if partner else "",
            )

    def purpose_fields(self) -> list[forms.BoundField]:
        return [self[f"purpose_{code}"] for code, _name in settings.WEBSITE_LANGUAGES]

    def purposes(self) -> dict[str, str]:
        """After `is_valid()`."""
        return {code: self.cleaned_data[f"purpose_{code}"] for code, _name in settings.WEBSITE_LANGUAGES}


class PartnerForm(PurposesForm, forms.ModelForm):  # type: ignore[type-arg]
    categories = forms.MultipleChoiceField(
        label=_("Categories of data"), choices=list(CATEGORIES.items()), widget=forms.CheckboxSelectMultiple
    )
    country = forms.ChoiceField(label=_("Country"), choices=countries)
    hosts = forms.CharField(
        label=_("Hosts that our servers may call"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=_("One a line, by HTTPS alone. Everything else that a program tries to call is refused."),
    )

    class Meta:
        model = Partner
        fields = ("name", "categories", "country", "hosts")

    def save(self, commit: bool = True) -> Any:
        self.instance.purposes = self.purposes()
        return super().save(commit)

    def clean_hosts(self) -> list[str]:
        typed = self.cleaned_data["hosts"].lower().split()
        for host in typed:
            if not HOST.match(host) or f".{host}".endswith((f".{settings.SMOALL_DOMAIN}", ".localhost")):
                raise forms.ValidationError(
                    _now("“%(host)s” is no name of a host out there, such as api.example.com.")
                    % {"host": host[:100]}
                )
        if len(set(typed)) > MOST_HOSTS:
            raise forms.ValidationError(_now("Twenty hosts at most."))
        return sorted(set(typed))


class VerifyForm(PurposesForm):
    """The text as it was read: pasted, or a text file. `text` after `is_valid()`. And what visitors will read of the partner."""

    policy_url = forms.URLField(
        label=_("Address of the privacy policy"), max_length=500, assume_scheme="https"
    )
    text = forms.CharField(
        label=_("The text that you have read"),
        required=False,
        max_length=MOST_TEXT,
        widget=forms.Textarea(attrs={"rows": 10}),
    )
    file = forms.FileField(
        label=_("Or a file with the text"), required=False, help_text=_(".txt, .md or .html")
    )
    valid_until = _day(_("Read it again after"), help_text=_("Twelve months from now at most."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("valid_until", plus_months(timezone.localdate(), MONTHS))

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if not file:
            return ""
        if file.name.rpartition(".")[2].lower() not in TEXTS or file.size > MOST_TEXT:
            raise forms.ValidationError(_now("Give a text file, or paste the text."))
        try:
            return str(file.read().decode())
        except UnicodeDecodeError:
            raise forms.ValidationError(_now("Give a text file, or paste the text.")) from None

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        given = [text for text in (found.get("text"), found.get("file")) if text]
        if len(given) != 1 and not self.errors:
            raise forms.ValidationError(_now("Paste the text or choose a file: one of the two."))
        return found | {"text": given[0] if given else ""}


def _modules() -> list[tuple[str, str]]:
    return list(extract.modules().items())


class OrderForm(forms.Form):
    """`selection` after `is_valid()`: what narrows the extent down, None where it says it all."""

    client = forms.CharField(
        label=_("Client"),
        max_length=200,
        help_text=_("Name of the workspace, VAT number, or e-mail address of the contact person."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    authority = forms.CharField(label=_("Court or authority"), max_length=200, validators=[ONE_LINE])
    reference = forms.CharField(label=_("Reference"), max_length=100, validators=[ONE_LINE])
    received_on = _day(_("Received on"))
    document = forms.FileField(label=_("The order itself"))
    extent = forms.ChoiceField(
        label=_("What is to be given"), choices=Order.Scope.choices, widget=forms.RadioSelect
    )
    modules = forms.MultipleChoiceField(
        label=_("Which tables"), choices=_modules, required=False, widget=forms.CheckboxSelectMultiple
    )
    person = forms.CharField(
        label=_("Which person"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=_(
            "The full name and e-mail addresses as the order gives them, one a line. Rows are given in which one of them "
            "stands as a whole."
        ),
    )
    period_from = _day(_("From the day"), required=False)
    period_until = _day(
        _("Until the day"),
        required=False,
        help_text=_(
            "For contact details: their changes on these days are given too. For tables: rows of these days alone."
        ),
    )
    gag_until = _day(
        _("The client may not be told until"),
        required=False,
        help_text=_("Empty: the client is told at once. On the day after this one it is told by itself."),
    )

    def clean_client(self) -> Client:
        typed = self.cleaned_data["client"].strip()
        try:
            rows = Client.objects.filter(pk=UUID(typed))
        except ValueError:
            rows = matching(Client.objects.all(), typed)
        found = list(rows[:2])
        if len(found) != 1:
            raise forms.ValidationError(
                _now("Several clients match this.") if found else _now("No client matches this.")
            )
        return found[0]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        begin, end = found.get("period_from"), found.get("period_until")
        if bool(begin) != bool(end) or (begin and end and begin > end):
            self.add_error("period_until", _now("Give both days of the period, the earlier one first."))
        elif begin and found.get("extent") in (Order.Scope.EVERYTHING, Order.Scope.PERSON):
            self.add_error(
                "period_until",
                _now("Only tables and the changes of contact details can be limited to some days."),
            )
        found["selection"] = self._selection(found)
        if isinstance(until := found.get("gag_until"), date) and until < timezone.localdate():
            self.add_error("gag_until", _now("This day is over: leave it empty."))
        return found

    def _selection(self, found: dict[str, Any]) -> dict[str, list[str]] | None:
        """Takes both fields out of `found`; one that belongs to another extent is refused, never dropped in silence."""
        extent, modules = found.get("extent"), sorted(found.pop("modules", []))
        person = [" ".join(line.split()) for line in found.pop("person", "").splitlines() if line.strip()]
        if bool(modules) != (extent == Order.Scope.MODULES) and "modules" not in self.errors:
            self.add_error("modules", _now("Choose tables when tables are to be given, and only then."))
        if bool(person) != (extent == Order.Scope.PERSON) and "person" not in self.errors:
            self.add_error(
                "person", _now("Name somebody when rows about a person are to be given, and only then.")
            )
        if any(len(word) < extract.SHORTEST for word in person):
            self.add_error("person", _now("Each line has four characters at least."))
        return {"modules": modules} if modules else {"person": person} if person else None


class ConfirmForm(forms.Form):
    recipient = forms.CharField(
        label=_("Your age key"),
        max_length=100,
        help_text=_(
            "The public half, age1…. What is given is encrypted to it before a byte is written: only you can open it."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )


class ProlongForm(forms.Form):
    until = _day(_("The client may not be told until"))
