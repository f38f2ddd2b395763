"""What Smoall holds about one person who signs in (P38, P39): made from the register of holdings, in the schema in force.

Each holding says itself by which field a person's rows are found (kit.module.Holding.person).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import EmailField, ForeignKey, Model, QuerySet
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps.accounts.models import User
from shared_apps.kit import scope
from shared_apps.kit.module import Holding, all_holdings, stands_in
from shared_apps.mail.models import prints_of

UNKNOWN = "unknown"  # Holding.person: nothing in the rows tells whose they are
# Each field of the person's row: why it can't be changed; one without a reason is changed on "My account".
FIXED: dict[str, Any] = {
    "email_folded": _("Made from the e-mail address, by which you are found"),
    "name_folded": _("Made from the name, for sorting"),
    "kind": _("It follows from where you were invited"),
    "role": _("The owners of the workspace decide on it"),
    "created_at": _("A moment that has been"),
    "invited_at": _("A moment that has been"),
    "entered_at": _("A moment that has been"),
    "password_changed_at": _("A moment that has been"),
    "deactivated_at": _("Those who manage the team decide on it"),
    "reactivated_at": _("A moment that has been"),
    "id": _("The number by which the history names you"),
}
LABELS: dict[str, Any] = {
    "id": _("number"),
    "email_folded": _("e-mail, as looked up"),
    "name_folded": _("name, as sorted"),
}
EDITED_AT: dict[str, str] = {
    "name": "accounts:me",
    "language": "accounts:me",
    "email": "accounts:new-email",
    "password": "accounts:password",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the person's own row: its value, and where it is changed or why it can't be."""

    name: str
    label: str
    value: Any
    url_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Mine:
    """One holding with rows about the person; `rows` is None where nothing tells whose they are."""

    holding: Holding
    called: str
    rows: int | None


def fields(person: User) -> list[Field]:
    """Every column of the person's row. The password is a hash that nobody can read: only that there is one is shown."""
    found = []
    for field in person._meta.concrete_fields:
        value = getattr(person, field.attname)
        if field.choices:
            value = getattr(person, f"get_{field.attname}_display")()
        if field.name == "language":
            value = dict(settings.LANGUAGES).get(value, value)
        if field.name == "password":
            value = _now("a hash, which nobody can read")
        label = str(LABELS.get(field.name, field.verbose_name))
        found.append(
            Field(
                name=field.name,
                label=label[:1].upper() + label[1:],
                value=value,
                url_name=EDITED_AT.get(field.name, ""),
                reason=str(FIXED.get(field.name, "")),
            )
        )
    return found


def everything(person: User) -> list[Mine]:
    """Every holding of this schema that may have rows about one person, in the register's order."""
    return [
        Mine(
            holding,
            str(holding.called),
            None if holding.person == UNKNOWN else rows_of(holding, person).count(),
        )
        for holding in all_holdings()
        if holding.person and _is_here(holding)
    ]


def _is_here(holding: Holding) -> bool:
    if ":" in holding.what:
        return True
    return stands_in(apps.get_model(holding.what), tenant=scope.tenant_id() is not None)


def rows_of(holding: Holding, person: User) -> "QuerySet[Any]":
    """The person's rows of a table, as its holding says how to find them."""
    model: Any = apps.get_model(holding.what)
    rows: QuerySet[Any] = model._default_manager.all()
    how, _colon, field = holding.person.rpartition(":")
    if how == "print":
        return rows.filter(**{f"{field}__in": prints_of(person.email)})
    if field != "pk" and isinstance(model._meta.get_field(field), EmailField):
        return rows.filter(**{f"{field}__iexact": person.email})
    key = str(person.pk) if field.endswith("_id") else person.pk
    return rows.filter(**{field: key})


def named_in(person: User) -> Iterator[tuple[str, int]]:
    """Other tables that name the person by a key, by what their rows are called, and how many do."""
    declared = {holding.what for holding in all_holdings() if holding.person}
    for model in apps.get_models():
        if model._meta.label in declared or not stands_in(model, tenant=scope.tenant_id() is not None):
            continue
        number = sum(
            model._default_manager.filter(**{field.name: person.pk}).count() for field in _keys(model)
        )
        if number:
            yield str(model._meta.verbose_name_plural), number


def _keys(model: type[Model]) -> "list[ForeignKey[Any, Any]]":
    fields = model._meta.concrete_fields
    return [field for field in fields if isinstance(field, ForeignKey) and field.related_model is User]
