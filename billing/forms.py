"""The shape of what people send about plan and payment."""

from typing import Any

from django import forms
from django.utils.crypto import salted_hmac
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
    """`seen` tells which details the person had before their eyes, without holding them."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Account
        fields = ("billing_email", "reference")
        help_texts = {
            "billing_email": _("Empty: the e-mail address of the contact details."),
            "reference": _("An order number or a department: it stands on each invoice."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["seen"] = print_of(self.instance)

    def is_stale(self, account: Account) -> bool:
        """Whether the details changed since the page was opened; not the same click twice. After `is_valid()`."""
        typed = {name: self.cleaned_data[name] for name in self.Meta.fields}
        is_stored = all(getattr(account, name) == value for name, value in typed.items())
        return self.cleaned_data["seen"] != print_of(account) and not is_stored


def print_of(account: Account) -> str:
    shown = "\0".join(str(getattr(account, name)) for name in DetailsForm.Meta.fields)
    return salted_hmac("smoall.billing_details", shown, algorithm="sha256").hexdigest()[:32]
