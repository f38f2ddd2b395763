"""The filters of the history's page, read from its address."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from django import forms
from django.contrib.contenttypes.models import ContentType
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps.history import display, reading, registry
from shared_apps.kit import scope

DONE = [
    ("0", pgettext_lazy("history", "Created")),
    ("1", pgettext_lazy("history", "Changed")),
    ("2", pgettext_lazy("history", "Deleted")),
]
# Days with a day before and after them, in any time zone.
FIRST, LAST = date(1900, 1, 1), date(2200, 1, 1)
REACH = [MinValueValidator(FIRST), MaxValueValidator(LAST)]


class FilterForm(forms.Form):
    """Nothing is required; a field that can't be read filters nothing and says so."""

    q = forms.CharField(label=pgettext_lazy("history", "Name"), required=False, max_length=100)
    what = forms.ChoiceField(label=pgettext_lazy("history", "What"), required=False)
    who = forms.ChoiceField(label=pgettext_lazy("history", "Who"), required=False)
    done = forms.ChoiceField(required=False, choices=[("", ""), *DONE], widget=forms.HiddenInput)
    since = forms.DateField(label=pgettext_lazy("history", "From"), required=False, validators=REACH)
    until = forms.DateField(label=pgettext_lazy("history", "Until"), required=False, validators=REACH)
    cid = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)
    at = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(
        self, data: Any, *, modules: Collection[str], authors: Collection[tuple[str, str, str]]
    ) -> None:
        super().__init__(data, auto_id="filter_%s")
        self.modules = modules
        self.types = {f"{t.app_label}.{t.model}": t for t in _types() if t.app_label in modules}
        kinds: Any = self.fields["what"]
        kinds.choices = [("", pgettext_lazy("history", "Everything")), *self._kinds()]
        people: Any = self.fields["who"]
        people.choices = [
            ("", pgettext_lazy("history", "Everybody")),
            *((id, name) for id, _kind, name in authors if id),
        ]

    def filters(self) -> reading.Filters:
        """What the address asks for, as far as it can be read, within the modules that the reader may see."""
        self.is_valid()
        told = self.cleaned_data
        type_ = self.types.get(told.get("what", ""))
        return reading.Filters(
            modules=self.modules,
            module=told.get("what", "") if type_ is None else "",
            type_id=type_.id if type_ else None,
            author=told.get("who", ""),
            done=int(told["done"]) if told.get("done") else None,
            since=told.get("since"),
            until=told.get("until"),
            words=told.get("q", ""),
            cid=told.get("cid", "") if told.get("at") else "",
            at=told.get("at") or None,
        )

    def clean_at(self) -> Any:
        typed = self.cleaned_data["at"]
        try:
            moment = parse_datetime(typed) if typed else None
        except ValueError:  # the 30th of February
            moment = None
        is_far = moment is not None and not FIRST <= moment.date() <= LAST
        if typed and (moment is None or moment.tzinfo is None or is_far):
            raise forms.ValidationError(_("This moment can’t be read."))
        return moment

    @property
    def kinds_of_change(self) -> Sequence[tuple[str, Any]]:
        """For the chips; "" stands for all."""
        return [("", pgettext_lazy("history", "All changes")), *DONE]

    @property
    def is_detailed(self) -> bool:
        """Whether one of the filters that are folded away at first is in use."""
        return any(self.data.get(name) for name in ("what", "who", "since", "until"))

    @property
    def is_narrow(self) -> bool:
        """Whether anything is filtered."""
        return any(self.data.get(name) for name in self.fields)

    def _kinds(self) -> list[tuple[str, Any]]:
        groups: list[tuple[str, Any]] = []
        for module in sorted(self.modules, key=display.module_name):
            found = [
                (value, display.kind_name(t)) for value, t in self.types.items() if t.app_label == module
            ]
            if len(found) > 1:
                whole = (module, _("Everything of %(module)s") % {"module": display.module_name(module)})
                groups.append(
                    (display.module_name(module), [whole, *sorted(found, key=lambda kind: kind[1])])
                )
            else:
                groups += found
        return groups


def _types() -> list[ContentType]:
    """The content types with a history in the schema in force; one query."""
    models = registry.models_with_history(tenant=scope.tenant_id() is not None)
    wanted = {(model._meta.app_label, model._meta.model_name) for model in models}
    return [type_ for type_ in ContentType.objects.all() if (type_.app_label, type_.model) in wanted]
