"""Importing contacts, step by step: a file, its columns, what it holds, and then all of it or nothing."""

from itertools import islice
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from shared_apps.accounts.access import requires
from shared_apps.jobs.seen import progress_of
from shared_apps.kit import sheets, uploads
from tenant_apps.contacts.forms import ColumnsForm, UploadForm
from tenant_apps.contacts.models import CannotCommit, Import
from tenant_apps.contacts.models.draft import COLUMNS, Draft

AT_WORK = (Import.State.VERIFYING, Import.State.COMMITTING)
EXAMPLES = (
    {"kind": "company", "name": "Boulangerie Lefèvre SRL", "is_customer": "1", "tags": "Wavre, Horeca",
     "email": "info@lefevre.example", "phone": "+32 10 22 33 44", "street": "Rue du Pont 12", "postal_code": "1300",
     "city": "Wavre", "country": "BE", "vat_number": "BE 0403.170.701", "payment_days": "30", "language": "fr"},
    {"kind": "person", "first_name": "Éric", "last_name": "Lefèvre", "company": "Boulangerie Lefèvre SRL",
     "job_title": "Gérant", "email": "eric@lefevre.example", "mobile": "+32 475 12 34 56", "language": "fr"},
)  # fmt: skip


@requires("contacts.import")
def upload(request: HttpRequest) -> HttpResponse:
    """Step one: the file. One that can't be read is refused with the reason, and not kept."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_valid():
        try:
            row = Import.begin(form.cleaned_data["file"], now=timezone.now())
        except sheets.Unreadable as error:
            form.add_error("file", str(error))
        else:
            return redirect("contacts:import-columns", id=row.id)
    context = {"form": form, "columns": [label for label, _words in COLUMNS.values()]}
    return render(request, "contacts/import.html", context)


@require_safe
@requires("contacts.import")
def example(request: HttpRequest) -> FileResponse:
    """A file that shows every column."""
    rows = [[cells.get(key, "") for key in COLUMNS] for cells in EXAMPLES]
    return sheets.answer(f"{_('contacts')}.csv", [label for label, _words in COLUMNS.values()], rows)


@requires("contacts.import")
def columns(request: HttpRequest, id: UUID) -> HttpResponse:
    """Step two: what each column means. Another encoding or divider reads the file anew."""
    row = _unfinished(id)
    if row.state in AT_WORK:
        return redirect("contacts:import-preview", id=id)
    row = _unfinished(id, lock=True) if request.method == "POST" else row
    form = ColumnsForm(request.POST or None, row=row)
    if request.method == "POST" and (answer := _take_columns(form, row)):
        return answer
    return render(request, "contacts/import_columns.html", {"form": form, "row": row})


def _take_columns(form: ColumnsForm, row: Import) -> HttpResponse | None:
    """None to show the form again, with what is wrong."""
    is_valid = form.is_valid()
    asked = (form.cleaned_data.get("encoding"), form.cleaned_data.get("delimiter"))
    if all(asked) and asked != (row.encoding, row.delimiter):
        try:
            row.reread(form.format)
        except sheets.Unreadable as error:
            form.add_error("encoding", str(error))
            return None
        return redirect("contacts:import-columns", id=row.id)
    if not is_valid:
        return None
    row.name_columns(form.keys(), form.defaults)
    row.start_verify()
    return redirect("contacts:import-preview", id=row.id)


@require_safe
@requires("contacts.import")
def preview(request: HttpRequest, id: UUID) -> HttpResponse:
    """Step three: what would be imported, what is refused and why. Also how far the work is, and how it ended."""
    row = get_object_or_404(Import, id=id)
    if row.state == Import.State.READ:
        return redirect("contacts:import-columns", id=id)
    context = {"row": row, "at_work": row.state in AT_WORK, **_shown_progress(row)}
    if row.state == Import.State.CHECKED:
        keys = ("kind", "name", "company", "email", "city")
        context |= {
            "samples": [made for _line, made in _first(row)],
            "sample_columns": [COLUMNS[key][0] for key in keys],
            "left_out": [title for title, key in zip(row.header, row.columns, strict=True) if not key],
            "ready": row.lines - row.refused_count,
        }
    return render(request, "contacts/import_preview.html", context)


def _first(row: Import) -> list[tuple[sheets.Line, Draft]]:
    return list(islice(row.drafts(), 10))


def _shown_progress(row: Import) -> dict[str, object]:
    """What the progress component shows; `failed` when the job ended without an end."""
    if row.state not in AT_WORK or row.job is None:
        return {}
    found = progress_of(row.job)
    is_checking = row.state == Import.State.VERIFYING
    has_failed = found is None or found.has_failed
    return {
        "label": _("Checking %(name)s") % {"name": row.file_name} if is_checking
        else _("Importing %(name)s") % {"name": row.file_name},
        "percent": found.percent if found else 0,
        "step": _("%(count)s lines") % {"count": row.lines},
        "failed": _("This did not work, and nothing was imported. Try again in a moment.") if has_failed else "",
        "url": reverse("contacts:import-progress", args=[row.id]),
    }  # fmt: skip


@require_safe
@requires("contacts.import")
def progress(request: HttpRequest, id: UUID) -> HttpResponse:
    """Asked every second by the page; once the work is over, leads back to it."""
    row = get_object_or_404(Import, id=id)
    if row.state not in AT_WORK:
        return HttpResponseClientRedirect(reverse("contacts:import-preview", args=[id]))
    return render(request, "kit/components/progress.html", _shown_progress(row))


@require_safe
@requires("contacts.import")
def report(request: HttpRequest, id: UUID) -> FileResponse:
    """Every refused line with its reason, and every line that is here already, as CSV."""
    row = get_object_or_404(Import, id=id)
    if not row.report:
        raise Http404("nothing is refused")
    stem = row.file_name.rpartition(".")[0] or row.file_name
    name = _("%(name)s - refused lines.csv") % {"name": stem}
    return uploads.download(row.report.open("rb"), name=name, content_type="text/csv; charset=utf-8")


@require_POST
@requires("contacts.import")
def commit(request: HttpRequest, id: UUID) -> HttpResponse:
    """All of it or nothing."""
    if _unfinished(id).state in AT_WORK:
        return redirect("contacts:import-preview", id=id)
    row = _unfinished(id, lock=True)
    try:
        row.start_commit(leave_out_duplicates=request.POST.get("duplicates") != "add", now=timezone.now())
    except CannotCommit as error:
        messages.error(request, str(error))
        return redirect("contacts:import-preview", id=id)
    if row.state != Import.State.DONE:
        return redirect("contacts:import-preview", id=id)
    text = ngettext("%(count)s contact is imported.", "%(count)s contacts are imported.", row.created)
    messages.success(request, text % {"count": row.created})
    return redirect(f"{reverse('contacts:list')}?sort=-changed")


@require_POST
@requires("contacts.import")
def cancel(request: HttpRequest, id: UUID) -> HttpResponse:
    """Forget the file. While a job is at work on it, it must end first."""
    row = _unfinished(id)
    if row.state in AT_WORK and not _shown_progress(row).get("failed"):
        messages.error(request, _("The file is being worked on. Wait until that is over."))
        return redirect("contacts:import-preview", id=id)
    _unfinished(id, lock=True).remove()
    messages.success(request, _("The file is forgotten. Nothing was imported."))
    return redirect("contacts:list")


def _unfinished(id: UUID, *, lock: bool = False) -> Import:
    """Raises Http404 for one that is imported already or doesn't exist. A job at work holds the lock until it ends."""
    rows = Import.objects.select_for_update() if lock else Import.objects
    return get_object_or_404(rows.exclude(state=Import.State.DONE), id=id)
