"""Form fields: label, control, help and error, tied together for screen readers; in `{% load kit %}`."""

from collections.abc import Iterator

from django import forms, template
from django.forms import BaseForm, BoundField
from django.utils.safestring import SafeString

register = template.Library()

NATIVE_FORMATS = {"date": "%Y-%m-%d", "datetime-local": "%Y-%m-%dT%H:%M", "time": "%H:%M"}


def _kind(widget: forms.Widget) -> str:
    """Which of the component's shapes a widget takes."""
    match widget:
        case forms.CheckboxSelectMultiple() | forms.RadioSelect():
            return "choices"
        case forms.CheckboxInput():
            return "checkbox"
        case forms.Select():
            return "select"
        case forms.PasswordInput():
            return "password"
        case forms.FileInput():
            return "file"
        case forms.Textarea():
            return "textarea"
        case _:
            return "text"


def _use_native_picker(widget: forms.Widget) -> None:
    """Dates and times through the browser's own picker, which speaks ISO whatever the language."""
    for widget_class, input_type in (
        (forms.DateInput, "date"),
        (forms.DateTimeInput, "datetime-local"),
        (forms.TimeInput, "time"),
    ):
        if isinstance(widget, widget_class) and widget.input_type == "text":
            widget.input_type = input_type
            widget.format = NATIVE_FORMATS[input_type]


def _described(bound: BoundField, identifier: str, help_text: str) -> Iterator[str]:
    if bound.errors:
        yield f"{identifier}-error"
    if help_text:
        yield f"{identifier}-help"


def _control(bound: BoundField, kind: str, identifier: str, help_text: str, autofocus: bool) -> SafeString:
    widget = bound.field.widget
    _use_native_picker(widget)
    described = list(_described(bound, identifier, help_text))
    attributes: dict[str, str | bool] = {}
    if kind not in ("choices", "checkbox", "file"):
        attributes["class"] = f"input {widget.attrs.get('class', '')}".strip()
    if described:
        attributes["aria-describedby"] = " ".join(described)
    if bound.errors:
        attributes["aria-invalid"] = "true"
    if autofocus:
        attributes["autofocus"] = True
    return bound.as_widget(attrs=attributes)


@register.inclusion_tag("kit/components/field.html")
def field(
    bound: BoundField,
    label: str = "",
    help: str = "",
    optional: bool = True,
    cards: bool = False,
    autofocus: bool = False,
    add: str = "",
) -> dict[str, object]:
    """One field of a form, whatever its widget.

    `label` and `help` replace the form's own; `optional=False` hides the word "optional"; `cards` shows
    choices as boxes; `add` is text after the control, such as ".smoall.eu".
    """
    kind = "hidden" if bound.is_hidden else _kind(bound.field.widget)
    identifier = bound.auto_id or bound.html_name
    help_text = str(help or bound.help_text)
    return {
        "bound": bound,
        "kind": kind,
        "id": identifier,
        "label": label or bound.label,
        "help": help_text,
        "errors": bound.errors,
        "required": bound.field.required,
        "optional": optional,
        "cards": cards,
        "add": add,
        "described": " ".join(_described(bound, identifier, help_text)),
        "control": "" if kind == "choices" else _control(bound, kind, identifier, help_text, autofocus),
        "multiple": getattr(bound.field.widget, "allow_multiple_selected", False),
    }


def _target(bound: BoundField) -> str:
    """The id a link in the summary leads to: the control, or the first of its choices."""
    identifier = bound.auto_id or bound.html_name
    return f"{identifier}_0" if _kind(bound.field.widget) == "choices" else identifier


@register.inclusion_tag("kit/components/form_errors.html")
def form_errors(form: BaseForm) -> dict[str, object]:
    """What is wrong with a form, above it, each line leading to its field. Nothing when all is well."""
    lines: list[dict[str, str]] = []
    if form.is_bound:
        lines = [{"text": str(error), "target": ""} for error in form.non_field_errors()]
        for bound in form:
            target = "" if bound.is_hidden else _target(bound)
            label = str(bound.label)
            lines += [{"text": str(error), "label": label, "target": target} for error in bound.errors]
    return {"lines": lines}
