"""Every change of a workspace. A member reads the modules they may open, an administrator all."""

from collections.abc import Sequence
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.translation import pgettext

from shared_apps.accounts.access import person_of, requires
from shared_apps.accounts.models import User
from shared_apps.history import display, reading, registry
from shared_apps.kit import scope, sheets
from shared_apps.kit.module import all_rights
from tenant_apps.history.forms import FilterForm


@requires("history.view")
def list(request: HttpRequest) -> HttpResponse:
    form = _form(request)
    filters = form.filters()
    read = reading.one_action if filters.cid else reading.page
    try:
        page = read(filters, before=request.GET.get("before", ""))
    except reading.BadCursor:
        return redirect("history:list")
    context = {"form": form, "page": page, "base": _base(request)}
    return render(request, "history/list.html", context)


@requires("history.view")
def record(request: HttpRequest, module: str, model: str, key: str) -> HttpResponse:
    """One row's history, after its deletion too. For htmx the timeline alone."""
    person = person_of(request)
    type_ = get_object_or_404(ContentType, app_label=module, model=model)
    if module not in visible_modules(person):
        raise Http404("not for this person")
    filters = reading.Filters(modules=visible_modules(person), type_id=type_.id, key=key)
    try:
        page = reading.page(filters, before=request.GET.get("before", ""))
    except reading.BadCursor:
        return redirect("history:record", module, model, key)
    newest = filters.entries().filter(object_pk=key, content_type=type_).order_by("-timestamp", "-id").first()
    if newest is None:
        raise Http404("nothing is known of it")
    context = {
        "page": page,
        "base": _base(request),
        "label": newest.object_repr or key,
        "what": display.kind_name(type_),
        "record_url": _url_of_record(type_, key),
        "is_partial": bool(request.headers.get("HX-Request")),
    }
    template = "history/components/record.html" if context["is_partial"] else "history/record.html"
    return render(request, template, context)


@requires("history.view")
def export(request: HttpRequest) -> FileResponse:
    """The filtered history as CSV for spreadsheets, a line for each changed field."""
    filters = _form(request).filters()
    name = f"smoall-{pgettext('file name', 'history')}-{timezone.localdate().isoformat()}.csv"
    rows = (row for line in reading.lines_of(filters) for row in _rows(line))
    return sheets.answer(name, _titles(), rows)


def visible_modules(person: User) -> set[str]:
    """The modules whose history this person may read: those they may open; with "history.all" all."""
    labels = {
        model._meta.app_label for model in registry.models_with_history(tenant=scope.tenant_id() is not None)
    }
    everything = person.may("history.all")
    return {label for label in labels if everything or _may_open(person, label)}


def _may_open(person: User, module: str) -> bool:
    right = f"{module}.view"
    return right in all_rights() and person.may(right)


def _form(request: HttpRequest) -> FilterForm:
    modules = visible_modules(person_of(request))
    return FilterForm(request.GET, modules=modules, authors=reading.authors())


def _titles() -> Sequence[str]:
    return [
        pgettext("history", "Time"),
        pgettext("history", "Who"),
        pgettext("history", "On behalf of"),
        pgettext("history", "Change"),
        pgettext("history", "What"),
        pgettext("history", "Name"),
        pgettext("history", "Key"),
        pgettext("history", "Field"),
        pgettext("history", "Before"),
        pgettext("history", "After"),
    ]


def _rows(line: Any) -> Any:
    """One row for each changed field, or one for an entry without any."""
    entry = line.entry
    at = timezone.localtime(entry.timestamp).isoformat(sep=" ", timespec="seconds")
    head = [at, entry.actor_name, entry.actor_behalf, line.done, line.what, line.label, entry.object_pk]
    for change in line.changes or [display.Change("", "", "")]:
        yield [*head, change.field, strip_tags(str(change.old)), strip_tags(str(change.new))]


def _url_of_record(type_: ContentType, key: str) -> str:
    """Where the row itself is shown, "" when it is gone or has no page."""
    model: Any = type_.model_class()
    if model is None or not hasattr(model, "get_absolute_url"):
        return ""
    try:
        found = model._base_manager.filter(pk=key).first()
        return str(found.get_absolute_url()) if found else ""
    except (ValueError, NoReverseMatch):
        return ""


def _base(request: HttpRequest) -> str:
    """The same pages serve the shared schema's history on ops."""
    return "kit/console.html" if getattr(request, "site", "") == "ops" else "kit/workspace.html"
