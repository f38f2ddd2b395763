"""Pages of contacts: the list, one contact, and what is done with one or with several."""

from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.accounts.models import User
from shared_apps.accounts.views import back_url
from shared_apps.history import reading
from shared_apps.kit import sheets
from shared_apps.kit.paging import Pages
from shared_apps.kit.text import fold
from tenant_apps.contacts.forms import AttachForm, ContactForm, Filter, uuids
from tenant_apps.contacts.models import CannotArchive, CannotRestore, Contact, Kind, Tag
from tenant_apps.contacts.models.contact import LOOKS_LIKE, MATCHES
from tenant_apps.contacts.models.draft import COLUMNS, row_of

PEOPLE_SHOWN = 100  # of one company
OFFERED = 10  # names that a field suggests
MOST_AT_ONCE = 200  # contacts that one click may change


@require_safe
@requires("contacts.view")
def contacts(request: HttpRequest) -> HttpResponse:
    """The list: searched, filtered, sorted, in pages. The same number of queries for any number of contacts."""
    filter, by = Filter.of(request.GET.dict()), person_of(request)
    pages = Pages(filter.rows(), most=MATCHES) if filter.q else Pages(filter.rows())
    page = pages.get_page(request.GET.get("page"))
    rows = list(page)
    context = {
        "page": page,
        "filter": filter,
        "sort": filter.sort,
        "looks_alike": bool(rows) and getattr(rows[0], "rank", 0) >= LOOKS_LIKE,
        "tags": Tag.objects.all(),
        "kinds": Kind.choices,
        "relations": [
            ("customer", _("Customers")),
            ("supplier", _("Suppliers")),
            ("prospect", _("Prospects")),
        ],
        "is_empty": not rows and not filter.is_set,
        "may": _rights(by),
    }
    return render(request, "contacts/list.html", context)


def _rights(by: User) -> dict[str, bool]:
    return {verb: by.may(f"contacts.{verb}") for verb in ("edit", "delete", "import", "export")}


@require_safe
@requires("contacts.view")
def contact(request: HttpRequest, id: UUID) -> HttpResponse:
    """One contact, top to bottom: facts, people, files, notes; beside it, what happened."""
    shown = get_object_or_404(Contact.objects.select_related("company").prefetch_related("tags"), id=id)
    context = {
        "contact": shown,
        "people": shown.people.active()[:PEOPLE_SHOWN] if not shown.is_person else [],
        "attachments": shown.attachments.all(),
        "attach_form": AttachForm(),
        "duplicates": Contact.objects.active().possible_duplicates(shown)[:OFFERED],
        "may": _rights(person_of(request)),
    }
    return render(request, "contacts/record.html", context)


@requires("contacts.edit")
def create(request: HttpRequest) -> HttpResponse:
    """A new contact; with `company`, a person who works there."""
    companies = Contact.objects.filter(kind=Kind.COMPANY)
    company = companies.filter(id__in=uuids([request.GET.get("company", "")])).first()
    initial = {"kind": Kind.COMPANY, "country": "BE", "language": get_language()}
    if company:
        initial |= {
            "kind": Kind.PERSON, "company_name": company.name, "language": company.language,
            **{field: getattr(company, field) for field in ("street", "postal_code", "city", "country")},
        }  # fmt: skip
    form = ContactForm(request.POST or None, initial=initial, instance=Contact(company=company))
    if form.is_valid():
        made = form.keep(by=person_of(request), now=timezone.now())
        messages.success(request, _("%(name)s is in your contacts.") % {"name": made.name})
        return redirect(made)
    return render(request, "contacts/create.html", {"form": form})


@requires("contacts.edit")
def edit(request: HttpRequest, id: UUID) -> HttpResponse:
    """Change a contact. When somebody saved it meanwhile, both versions are shown and nothing is stored yet; when
    somebody was erased there meanwhile, what was typed is dropped.
    """
    rows = Contact.objects.select_for_update(of=("self",)) if request.method == "POST" else Contact.objects
    form = ContactForm(
        request.POST or None, instance=get_object_or_404(rows.select_related("company"), id=id)
    )
    context = {"form": form, "contact": form.instance, "saved_at": form["saved_at"].value()}
    if form.is_valid():
        stored = Contact.objects.select_related("company").get(id=id)
        if form.brings_back(stored):
            fresh = ContactForm(instance=stored)
            context = {"form": fresh, "contact": stored, "saved_at": fresh.stored_at, "is_erased": True}
            return render(request, "contacts/edit.html", context, status=409)
        if form.is_stale and (differences := form.differences(stored)):
            last = reading.of_record(stored, size=1).actions[:1]
            context |= {
                "contact": stored,
                "saved_at": form.stored_at,
                "differences": differences,
                "last": last,
            }
            return render(request, "contacts/edit.html", context, status=409)
        form.keep(by=person_of(request), now=timezone.now())
        messages.success(request, _("Saved."))
        return redirect("contacts:record", id=id)
    if form.is_bound:
        context["contact"] = Contact.objects.get(id=id)  # the form's own row holds what was typed
    return render(request, "contacts/edit.html", context)


@require_POST
@requires("contacts.edit", when_suspended=True)
def duplicates(request: HttpRequest) -> HttpResponse:
    """Who might be meant already by what is typed so far: a hint beside the form, which stops nobody."""
    form = ContactForm(request.POST)
    form.is_valid()
    typed = form.instance
    typed.derive()
    active = Contact.objects.active()
    found = active.possible_duplicates(typed, with_look_alikes=True) if typed.name else active.none()
    return render(request, "contacts/components/duplicates.html", {"duplicates": found[:OFFERED]})


@require_POST
@requires("contacts.view", when_suspended=True)
def companies(request: HttpRequest) -> HttpResponse:
    """Names of companies that begin like what is typed, as options of a list."""
    start = Contact.key(request.POST.get("company_name", "")[:200])
    found = (
        Contact.objects.active()
        .filter(kind=Kind.COMPANY, name_folded__startswith=start)
        .order_by("name_folded")
    )
    return render(
        request, "contacts/components/companies.html", {"companies": found[:OFFERED] if start else []}
    )


@require_POST
@requires("contacts.edit")
def archive(request: HttpRequest, id: UUID) -> HttpResponse:
    """Out of the lists; one click brings it back."""
    found = get_object_or_404(Contact, id=id)
    try:
        found.archive(by=person_of(request), now=timezone.now())
    except CannotArchive as error:
        messages.error(request, str(error))
    else:
        undo = f"undo:{reverse('contacts:restore', args=[id])}"
        messages.success(request, _("%(name)s is archived.") % {"name": found.name}, extra_tags=undo)
    return redirect("contacts:record", id=id)


@require_POST
@requires("contacts.edit")
def restore(request: HttpRequest, id: UUID) -> HttpResponse:
    found = get_object_or_404(Contact, id=id)
    try:
        found.restore(by=person_of(request), now=timezone.now())
    except CannotRestore as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(name)s is back in your contacts.") % {"name": found.name})
    return redirect("contacts:record", id=id)


@require_POST
@requires("contacts.delete")
def delete(request: HttpRequest, id: UUID) -> HttpResponse:
    """For good, once the name was typed."""
    found = get_object_or_404(Contact, id=id)
    if fold(request.POST.get("typed_name", "")[:300]) != fold(found.name):
        messages.error(request, _("Nothing was deleted: the name that was typed isn’t the contact’s."))
        return redirect(found)
    found.remove(by=person_of(request))
    messages.success(request, _("%(name)s is deleted.") % {"name": found.name})
    return redirect("contacts:list")


@require_POST
@requires("contacts.edit")
def many(request: HttpRequest) -> HttpResponse:
    """Archive, restore or tag the contacts that were ticked. The undo of an archive names them in its address."""
    asked = request.GET if "action" in request.GET else request.POST
    ids = uuids(asked.getlist("id")[:MOST_AT_ONCE])
    rows, by, now = (
        Contact.objects.filter(id__in=ids).select_for_update(of=("self",)),
        person_of(request),
        timezone.now(),
    )
    match "tag" if "tag" in asked else asked.get("action"):
        case "archive":
            done = list(rows.active())
            for row in done:
                row.archive(by=by, now=now)
            text = ngettext("%(count)s contact is archived.", "%(count)s contacts are archived.", len(done))
            undo = urlencode({"action": "restore", "id": [str(row.id) for row in done]}, doseq=True)
            messages.success(request, text % {"count": len(done)}, extra_tags=f"undo:{request.path}?{undo}")
        case "restore":
            done = list(rows.archived())
            for row in done:
                row.restore(by=by, now=now)
            text = ngettext("%(count)s contact is back.", "%(count)s contacts are back.", len(done))
            messages.success(request, text % {"count": len(done)})
        case "tag":
            tag = get_object_or_404(Tag, id__in=uuids([asked.get("tag", "")]))
            tag.put_on(list(rows), by=by)
            text = ngettext(
                "%(count)s contact has the tag %(tag)s.", "%(count)s contacts have the tag %(tag)s.", len(ids)
            )
            messages.success(request, text % {"count": len(ids), "tag": tag.name})
        case _other:
            messages.error(request, _("Nothing was done: choose what to do with the contacts."))
    return redirect(back_url(request) if "next" in request.POST else "contacts:list")


@require_safe
@requires("contacts.export")
def export(request: HttpRequest) -> FileResponse:
    """The filtered list as CSV, complete, in the columns that an import understands."""
    rows = Filter.of(request.GET.dict()).every_row()
    header = [label for label, _words in COLUMNS.values()]
    delimiter = "," if request.GET.get("delimiter") == "comma" else ";"
    day = timezone.localdate().isoformat()
    cells = (row_of(row) for row in rows.iterator(chunk_size=1000))
    return sheets.answer(f"{_('contacts')}-{day}.csv", header, cells, delimiter=delimiter)
