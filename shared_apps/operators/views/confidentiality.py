"""The text that binds whoever works here, and its signature."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shared_apps.accounts.access import person_of, requires
from shared_apps.kit import languages
from shared_apps.legal import documents
from shared_apps.operators.forms import SignForm
from shared_apps.operators.models import Signature


@requires("operators.sign")
def sign(request: HttpRequest) -> HttpResponse:
    """The version in force, to read and sign in any of its languages; afterwards what was signed, and when."""
    by, now = person_of(request), timezone.now()
    current = documents.current("confidentiality", today=timezone.localdate(now))
    language = current.language(request.GET.get("language") or get_language() or documents.AUTHENTIC)
    signed = list(Signature.objects.filter(operator=by))
    form = SignForm(request.POST or None)
    if form.is_valid() and form.cleaned_data["version"] == current.version:
        Signature.sign(current, by=by, language=language, now=now)
        messages.success(request, _("Signed. Thank you."))
        return redirect("operators:overview")
    context = {
        "document": current,
        "text": current.text(language),
        "language": language,
        "others": [
            (code, name) for code, name in languages.of_website().items() if code in current.languages
        ],
        "digest": current.sha256(language),
        "signed": signed,
        "is_signed": any(one.version == current.version for one in signed),
        "form": form,
    }
    return render(request, "operators/sign.html", context)
