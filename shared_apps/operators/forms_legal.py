"""The shape of a proposal to put a version of a legal text into force: the answer, why, and from when."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.legal.documents import Document
from shared_apps.legal.models import earliest

ANSWERS = (
    ("yes", _("Yes: each client gets one mail, by which it can opt out")),
    ("no", _("No: nobody gets a mail")),
)


class ProposeForm(forms.Form):
    """`changes_contacts` is asked of the privacy policy alone: no other text says how contact details are used."""

    changes_contacts = forms.ChoiceField(
        label=_("Does the use of contact details of clients or of their users change?"),
        choices=ANSWERS,
        widget=forms.RadioSelect,
    )
    explanation = forms.CharField(
        label=_("Why"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Which sentences change, and what that means for contact details. It stays on record."),
    )
    in_force_on = forms.DateField(label=_("In force from"), widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, document: Document, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.document, self.today = document, today
        if document.kind != "privacy":
            del self.fields["changes_contacts"]
        later = earliest(document.kind, changes_contacts=True, today=today)
        self.fields["in_force_on"].help_text = (
            _now("A month from today at the earliest where contact details are used otherwise: %(day)s.")
            if document.kind == "privacy"
            else _now("A month from the day on which it is confirmed, at the earliest: %(day)s.")
        ) % {"day": f"{later:%d/%m/%Y}"}

    def answers(self) -> dict[str, Any]:
        """What Publication.propose takes."""
        given = dict(self.cleaned_data)
        return {**given, "changes_contacts": given.get("changes_contacts") == "yes"}
