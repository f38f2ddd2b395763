"""The workspace's tags: their names and colours."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from tenant_apps.contacts.forms import TagForm
from tenant_apps.contacts.models import Tag


@require_safe
@requires("contacts.view")
def tags(request: HttpRequest) -> HttpResponse:
    """All tags, each with how many contacts have it."""
    context = {
        "tags": Tag.objects.annotate(count=Count("contacts")).order_by("name_folded"),
        "may_edit": person_of(request).may("contacts.edit"),
    }
    return render(request, "contacts/tags.html", context)


@requires("contacts.edit")
def change(request: HttpRequest, id: UUID) -> HttpResponse:
    """Rename or recolour a tag."""
    rows = Tag.objects.select_for_update() if request.method == "POST" else Tag.objects
    tag = get_object_or_404(rows, id=id)
    form = TagForm(request.POST or None, instance=tag, initial={"seen": tag.name})
    if form.is_valid():
        if form.brings_back(Tag.objects.get(id=id)):
            messages.error(
                request,
                _("Somebody was erased from this tag’s name while you had it open. Nothing is stored."),
            )
            return redirect("contacts:tag", id)
        tag.change(name=form.cleaned_data["name"], colour=form.cleaned_data["colour"], by=person_of(request))
        messages.success(request, _("Saved."))
        return redirect("contacts:tags")
    return render(request, "contacts/tag.html", {"form": form, "tag": Tag.objects.get(id=id)})


@require_POST
@requires("contacts.edit")
def remove(request: HttpRequest, id: UUID) -> HttpResponse:
    """The tag goes, its contacts stay."""
    tag = get_object_or_404(Tag, id=id)
    tag.remove(by=person_of(request))
    messages.success(request, _("The tag %(name)s is removed; its contacts stay.") % {"name": tag.name})
    return redirect("contacts:tags")
