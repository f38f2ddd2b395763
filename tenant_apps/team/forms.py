"""The shape of an invitation and of a role."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import ONE_LINE, ROLE_CHOICES, User
from shared_apps.kit.module import Role
from shared_apps.kit.text import refuse_web_addresses


def roles_for(by: User) -> list[tuple[int, Any]]:
    """The roles that somebody may give: nobody gives one above their own."""
    return [(role, label) for role, label in ROLE_CHOICES if role <= by.role]


class RoleForm(forms.Form):
    role = forms.TypedChoiceField(label=_("Role"), coerce=int)

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = roles_for(by)  # type: ignore[attr-defined]


class InviteForm(RoleForm):
    name = forms.CharField(label=_("Name"), max_length=200, validators=[ONE_LINE, refuse_web_addresses])
    email = forms.EmailField(label=_("E-mail"))
    role = forms.TypedChoiceField(
        label=_("Role"), coerce=int, initial=Role.MEMBER.value, widget=forms.RadioSelect
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    field_order = ("name", "email", "role", "language")
