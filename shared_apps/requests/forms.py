"""The shape of a request that an owner writes on the workspace's page."""

from django import forms
from django.utils.translation import gettext_lazy as _

from shared_apps.requests.models import Request

MOST_TEXT = 10_000  # characters


class WriteForm(forms.Form):
    kind = forms.ChoiceField(label=_("What do you ask for?"), choices=Request.Kind.choices)
    text = forms.CharField(
        label=_("In your own words"), max_length=MOST_TEXT, widget=forms.Textarea(attrs={"rows": 6})
    )
