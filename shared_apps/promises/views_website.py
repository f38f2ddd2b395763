"""What anybody sees of the promises: a page, the signed document that it is made from, and the program that checks it.

In no scope, so no row is read: the page knows what a worker has written into the data folder, or says that nothing is
proven yet.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from shared_apps.accounts.access import public
from shared_apps.promises import document, verifiers
from shared_apps.promises.catalogue import SECTIONS
from shared_apps.promises.words import STANDING_WORDS, as_row, counted
from shared_apps.website import views as website


@require_safe
@public
def page(request: HttpRequest, language: str = "") -> HttpResponse:
    """Every promise, where it stands at this moment, and what that does not prove."""
    now = timezone.now()
    try:
        published = document.read()
    except document.NotPublished:
        published = None
    values = published.values if published else document.empty()
    every = document.shown(values, language=get_language() or "", now=now)
    context: dict[str, Any] = {
        "sections": [
            {
                "number": number,
                "title": title,
                "promises": [as_row(one) for one in every if one.facts["section"] == number],
            }
            for number, title in SECTIONS.items()
        ],
        "counts": counted(every),
        "meanings": list(STANDING_WORDS.values()),
        "published": published,
        "release": values.get("release", settings.SMOALL_RELEASE),
        "key_id": values.get("key_id", ""),
    }
    return website.answer(request, "promises/page.html", language, **context)


@require_safe
@public
def document_file(request: HttpRequest) -> HttpResponse:
    """The signed document, byte for byte."""
    try:
        content = document.read().content
    except document.NotPublished:
        return JsonResponse({"error": "Nothing is proven yet."}, status=404)
    return HttpResponse(content, content_type="application/json")


@require_safe
@public
def verifier(request: HttpRequest) -> HttpResponse:
    """For strangers: needs Python, the document and the published keys."""
    return HttpResponse(verifiers.source(), content_type="text/x-python; charset=utf-8")
