"""What an entry looks like to people: the row's kind and name, and each difference in their language."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils.formats import number_format
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from shared_apps.history import registry
from shared_apps.history.models import LogEntry
from shared_apps.kit.templatetags.kit import moment

LONGEST = 300  # characters of a value on a page; the export has them all
KINDS = {0: "create", 1: "update", 2: "delete", 3: "update"}

Related = dict[tuple[int, str], str]  # (content type, key) -> the row's newest name


@dataclass(frozen=True, slots=True)
class Change:
    """One field's difference. `old` and `new` are text or a <time>; "" stands for nothing."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Line:
    """One entry, ready for a page."""

    entry: Any
    kind: str  # create, update, delete
    done: str  # "Created"
    what: str  # "Contact"
    label: str
    url: str  # the row's own history, "" where that page is not mounted
    changes: list[Change]


class Display:
    """Puts entries into words, with two queries for all of them: content types, and names of related rows.

    `full` keeps long values whole, and the values of a created or deleted row that go without saying.
    """

    def __init__(self, entries: list[Any], *, full: bool = False) -> None:
        self.entries, self.full = entries, full
        self.types = {type_.id: type_ for type_ in ContentType.objects.all()} if entries else {}
        self.names = self._related_names()

    def lines(self) -> list[Line]:
        return [self._line(entry) for entry in self.entries]

    def _line(self, entry: Any) -> Line:
        type_ = self.types.get(entry.content_type_id)
        return Line(
            entry=entry,
            kind=KINDS.get(entry.action, "update"),
            done=done(entry),
            what=kind_name(type_) if type_ else entry.table_name,
            label=entry.object_repr or entry.object_pk,
            url=record_url(type_, entry.object_pk) if type_ else "",
            changes=list(self._changes(entry, type_.model_class() if type_ else None)),
        )

    def _changes(self, entry: Any, model: type[models.Model] | None) -> Iterable[Change]:
        if is_redaction(entry):
            return
        order = {field.name: place for place, field in enumerate(model._meta.get_fields())} if model else {}
        for name, (old, new) in sorted(entry.changes.items(), key=lambda item: order.get(item[0], 999)):
            field = field_of(model, name)
            if (old or new) and (self.full or not goes_without_saying(entry, field, old, new)):
                yield Change(field_name(field, name), self._shown(field, old), self._shown(field, new))

    def _shown(self, field: Any, text: str | None) -> Any:
        if text is None or text == "":
            return ""
        if field is not None and field.is_relation:
            type_ = self._type_of(field.related_model)
            return self.names.get((type_, text), text) if type_ else text
        readable = shown(field, text)
        return readable if self.full or type(readable) is not str else Truncator(readable).chars(LONGEST)

    def _related_names(self) -> Related:
        """The newest name that the history knows of each related row, deleted ones too; one query."""
        wanted: dict[int, set[str]] = {}
        for entry in self.entries:
            type_ = self.types.get(entry.content_type_id)
            model = type_.model_class() if type_ else None
            for name, sides in entry.changes.items():
                field = field_of(model, name)
                if (
                    field is not None
                    and field.is_relation
                    and (related := self._type_of(field.related_model))
                ):
                    wanted.setdefault(related, set()).update(side for side in sides if side)
        if not wanted:
            return {}
        asked = Q()
        for related, keys in wanted.items():
            asked |= Q(content_type_id=related, object_pk__in=keys)
        found = LogEntry.objects.filter(asked).order_by("content_type_id", "object_pk", "-timestamp", "-id")
        named = found.distinct("content_type_id", "object_pk").values_list(
            "content_type_id", "object_pk", "object_repr"
        )
        return {(type_id, key): label for type_id, key, label in named if label}

    def _type_of(self, model: Any) -> int | None:
        meta = model._meta.concrete_model._meta
        return next(
            (
                t.id
                for t in self.types.values()
                if (t.app_label, t.model) == (meta.app_label, meta.model_name)
            ),
            None,
        )


def goes_without_saying(entry: Any, field: Any, old: str | None, new: str | None) -> bool:
    """Of a created or deleted row: its name, which stands above, what every new row has, and its birth date."""
    if entry.action not in (0, 2) or field is None:
        return False
    value = new or old
    if value == entry.object_repr or (isinstance(field, models.BooleanField) and value == "false"):
        return True
    return isinstance(field, models.DateTimeField) and not field.editable


def done(entry: Any) -> str:
    """What happened, in a word."""
    if is_redaction(entry):
        return _("Took details out of the history")
    return {0: pgettext("history", "Created"), 2: pgettext("history", "Deleted")}.get(
        entry.action, pgettext("history", "Changed")
    )


def is_redaction(entry: Any) -> bool:
    return bool(entry.table_name == "history_logentry")


def kind_name(type_: ContentType) -> str:
    """What a row of this type is called: "Contact"."""
    model = type_.model_class()
    return capfirst(str(model._meta.verbose_name)) if model else type_.model


def module_name(label: str) -> str:
    """What a module is called in the menu, else its app's name."""
    try:
        config: Any = apps.get_app_config(label)
    except LookupError:
        return label
    menu = getattr(config, "menu", None)
    return str(menu.label if menu else config.verbose_name)


def field_of(model: type[models.Model] | None, name: str) -> Any:
    """The model's field, None when a later release has it no more."""
    try:
        return model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        return None


def field_name(field: Any, name: str) -> str:
    verbose = getattr(field, "verbose_name", "") or name.replace("_", " ")
    return capfirst(str(verbose))


def shown(field: Any, text: str) -> Any:
    """PostgreSQL's text as people write it; text of an unknown field or shape stays as it is."""
    try:
        return _readable(field, text)
    except (ValueError, InvalidOperation):
        return text


def _readable(field: Any, text: str) -> Any:
    if field is None:
        return text
    if write := _writers(field.model).get(field.name):
        return write(text)
    if field.choices:
        return str({str(value): label for value, label in field.flatchoices}.get(text, text))
    if isinstance(field, models.BooleanField):
        return {"true": pgettext("value", "yes"), "false": pgettext("value", "no")}.get(text, text)
    if isinstance(field, models.DateTimeField):
        return moment(datetime.fromisoformat(text), "exact")
    if isinstance(field, models.DateField):
        return moment(date.fromisoformat(text), "date")
    if isinstance(field, models.DecimalField):
        return number_format(Decimal(text))
    return text


def _writers(model: type[models.Model]) -> Mapping[str, Callable[[str], str]]:
    """What the model said of its values when it was registered."""
    return registry.declaration(model).shown if registry.is_registered(model) else {}


def record_url(type_: ContentType, key: str) -> str:
    """The page with one row's history, "" on a host without it."""
    try:
        return reverse("history:record", args=[type_.app_label, type_.model, key])
    except NoReverseMatch:
        return ""
