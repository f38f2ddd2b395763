"""`{% load history %}{% record_history contact %}`: what happened to a record, for its tab or drawer."""

from typing import Any

from django import template
from django.contrib.contenttypes.models import ContentType

from shared_apps.history import display, reading

register = template.Library()


@register.inclusion_tag("history/components/record.html", takes_context=True)
def record_history(context: template.Context, record: Any, size: int = 10) -> dict[str, Any]:
    """The newest `size` actions on a saved record and on the rows that name it as their parent; four queries.

    Nothing for somebody signed in without the right "history.view".
    """
    person = context.get("person")
    if person is not None and not person.may("history.view"):
        return {"page": None}
    type_ = ContentType.objects.get_for_model(record, for_concrete_model=True)
    return {
        "page": reading.of_record(record, size=size),
        "all_url": display.record_url(type_, str(record.pk)),
        "request": context.get("request"),
    }
