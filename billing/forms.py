"""The shape of what people send about plan and payment."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing import catalogue
from billing.models import Account, Pace


class PlanForm(forms.Form):
    """Which plan and how often it is paid."""

    plan = forms.ChoiceField(label=_("Plan"))
    pace = forms.ChoiceField(label=_("Paid"), choices=Pace.choices, initial=Pace.MONTH)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan: Any = self.fields["plan"]
        plan.choices = [(one.code, one.name) for one in catalogue.PLANS]


class OrderForm(PlanForm):
    coupon = forms.CharField(
        label=_("Code of a discount"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class ChangeForm(PlanForm):
    """With the moment of the preview that was shown."""

    at = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class CouponForm(forms.Form):
    coupon = OrderForm.base_fields["coupon"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["coupon"].required = True
        self.fields["coupon"].error_messages["required"] = _("Type the code of a discount.")


class DetailsForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Account
        fields = ("billing_email", "reference")
        help_texts = {
            "billing_email": _("Empty: the e-mail address of the contact details."),
            "reference": _("An order number or a department: it stands on each invoice."),
        }
