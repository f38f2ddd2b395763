"""The shape of a request that came by mail or post, of its answer, and of a breach of security."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import ONE_LINE
from shared_apps.clients.models import Client
from shared_apps.operators.views.clients import matching
from shared_apps.requests.forms import MOST_TEXT
from shared_apps.requests.models import Request
from shared_apps.sharing.models import CATEGORIES


def one_client(typed: str) -> Client | None:
    """The client that an operator means. Raises ValidationError; None for nothing typed."""
    typed = typed.strip()
    if not typed:
        return None
    try:
        rows = Client.objects.filter(pk=UUID(typed))
    except ValueError:
        rows = matching(Client.objects.all(), typed)
    found = list(rows[:2])
    if len(found) != 1:
        raise forms.ValidationError(
            _now("Several clients match “%(typed)s”.") % {"typed": typed[:60]}
            if found
            else _now("No client matches “%(typed)s”.") % {"typed": typed[:60]}
        )
    return found[0]


def _text(label: Any, *, rows: int = 5, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=MOST_TEXT, widget=forms.Textarea(attrs={"rows": rows}), **more
    )


def _moment(label: Any, **more: Any) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        **more,
    )


class RequestForm(forms.Form):
    """One that came by mail or post. `text` or `scan`: at least one of the two."""

    channel = forms.ChoiceField(
        label=_("How it came"),
        choices=[one for one in Request.Channel.choices if one[0] != Request.Channel.PAGE],
        widget=forms.RadioSelect,
        initial=Request.Channel.MAIL,
    )
    received_on = forms.DateField(label=_("Received on"), widget=forms.DateInput(attrs={"type": "date"}))
    kind = forms.ChoiceField(label=_("What is asked"), choices=Request.Kind.choices)
    from_name = forms.CharField(label=_("Name"), max_length=200, validators=[ONE_LINE])
    from_address = forms.CharField(
        label=_("E-mail or postal address"),
        max_length=400,
        help_text=_("An e-mail address gets the answer by mail; to any other one you write a letter."),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    client = forms.CharField(
        label=_("About which client, if that is known"),
        max_length=200,
        required=False,
        help_text=_("Name of the workspace, VAT number, or e-mail address of the contact person."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    text = _text(_("Text"), required=False)
    scan = forms.FileField(label=_("Scan"), required=False)

    def clean_client(self) -> Client | None:
        return one_client(self.cleaned_data["client"])

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not found.get("text") and not found.get("scan") and "scan" not in self.errors:
            self.add_error("text", _now("Copy the text, or attach a scan."))
        return found


class AnswerForm(forms.Form):
    answer = _text(_("Answer, as it was or will be given"))


class ExtendForm(forms.Form):
    because = _text(
        _("Why it takes longer"),
        rows=3,
        help_text=_("Complexity or number of requests: the person reads this."),
    )


class BreachForm(forms.Form):
    summary = forms.CharField(label=_("In one line, naming nobody"), max_length=200, validators=[ONE_LINE])
    happened = _text(_("What happened"))
    found_at = _moment(_("Found at"), help_text=_("The authority’s 72 hours begin then."))
    categories = forms.MultipleChoiceField(
        label=_("Categories of data"), choices=list(CATEGORIES.items()), widget=forms.CheckboxSelectMultiple
    )
    number = forms.IntegerField(
        label=_("People concerned, about"), min_value=0, max_value=2_000_000_000, required=False
    )
    consequences = _text(_("Likely consequences"), required=False, rows=3)
    measures = _text(_("What was done"), required=False, rows=3)
    everybody = forms.BooleanField(label=_("It concerns every client"), required=False)
    clients = forms.CharField(
        label=_("Or these clients, one a line"),
        required=False,
        max_length=MOST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_("Name of the workspace, VAT number, or e-mail address of the contact person."),
    )

    def clean_clients(self) -> list[UUID]:
        return _clients_of(self.cleaned_data["clients"])


def _clients_of(typed: str) -> list[UUID]:
    return [client.pk for client in map(one_client, typed.splitlines()) if client]


class ConcernForm(forms.Form):
    """Clients found concerned after the breach was registered."""

    clients = forms.CharField(
        label=_("More clients concerned, one a line"),
        max_length=MOST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("Name of the workspace, VAT number, or e-mail address of the contact person."),
    )

    def clean_clients(self) -> list[UUID]:
        return _clients_of(self.cleaned_data["clients"])


class AuthorityForm(forms.Form):
    at = _moment(_("Told at"))
    reference = forms.CharField(
        label=_("Reference of the authority"), max_length=100, required=False, validators=[ONE_LINE]
    )
    late_because = _text(
        _("If the 72 hours were over, or it was first noted why not: why it was told late"),
        required=False,
        rows=2,
    )

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("at", timezone.localtime(now))


class NotAuthorityForm(forms.Form):
    because = _text(_("Why it is unlikely to be a risk for anybody"), rows=3)


class NoticeForm(forms.Form):
    """What the clients concerned are mailed, in each language: what happened, likely consequences, what was done, whom to ask."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, name in settings.LANGUAGES:
            self.fields[f"text_{code}"] = _text(
                _("Text for the clients (%(language)s)") % {"language": name}, rows=6
            )

    def notices(self) -> dict[str, str]:
        return {code: self.cleaned_data[f"text_{code}"] for code, _name in settings.LANGUAGES}


class SupplementForm(NoticeForm):
    """What became known after the clients were told."""
