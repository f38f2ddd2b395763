"""Files of a contact: added, taken out, removed."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from shared_apps.accounts.access import person_of, requires
from shared_apps.kit import uploads
from tenant_apps.contacts.forms import AttachForm
from tenant_apps.contacts.models import Attachment, Contact


@require_POST
@requires("contacts.edit")
def attach(request: HttpRequest, id: UUID) -> HttpResponse:
    """Keep files with a contact, all of them or none."""
    contact = get_object_or_404(Contact, id=id)
    form = AttachForm(request.POST, request.FILES)
    files, by = (form.cleaned_data["chosen"] or []) if form.is_valid() else [], person_of(request)
    now = timezone.now()
    if not files:
        messages.error(request, _("No file was added: choose one first."))
        return redirect(contact)
    made: list[Attachment] = []
    try:
        with transaction.atomic():
            for file in files:
                made.append(Attachment.attach(contact, file, by=by, now=now))
    except BaseException as error:
        for attachment in made:  # rolled back, but for their files
            attachment.file.delete(save=False)
        if not isinstance(error, ValidationError):
            raise
        messages.error(request, " ".join(error.messages))
    else:
        text = ngettext("%(count)s file is added.", "%(count)s files are added.", len(made))
        messages.success(request, text % {"count": len(made)})
    return redirect(contact)


@require_safe
@requires("contacts.view")
def download(request: HttpRequest, id: UUID, attachment: UUID) -> FileResponse:
    found = get_object_or_404(Attachment, contact_id=id, id=attachment)
    try:
        file = found.file.open("rb")
    except FileNotFoundError as error:
        raise Http404("the file is gone") from error
    return uploads.download(file, name=found.name, content_type=found.content_type)


@require_POST
@requires("contacts.edit")
def remove(request: HttpRequest, id: UUID, attachment: UUID) -> HttpResponse:
    found = get_object_or_404(Attachment, contact_id=id, id=attachment)
    found.remove(by=person_of(request))
    messages.success(request, _("“%(name)s” is removed.") % {"name": found.name})
    return redirect("contacts:record", id=id)
