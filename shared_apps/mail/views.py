"""The page by which somebody refuses mails; and, in development alone, the mails that would have been sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_binary_file, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from shared_apps.kit import languages, tokens
from shared_apps.mail import backend, refusing

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """One mail of the folder."""

    folder: str
    stem: str
    subject: str
    to: str
    written_at: datetime
    purpose: str = ""
    refuse_url: str = ""
    text: str = ""


@csrf_exempt  # mail programs post without a session; the link itself is the proof, and the page sets no cookie
@require_http_methods(["GET", "HEAD", "POST"])
def refuse(request: HttpRequest, token: str) -> HttpResponse:
    """A page with a button; posting refuses (RFC 8058: by the mail program itself), `answer=accept` takes it back.

    In any language of the website: the link's reader chooses by `?language=`, without a cookie.
    """
    chosen = request.GET.get("language", "")
    is_chosen = chosen in languages.of_website()
    if is_chosen:
        translation.activate(chosen)
    try:
        offer = refusing.read(token)
    except tokens.BadToken:  # 410, as all else where a workspace closes
        return render(request, "mail/refuse_void.html", {"languages": _choices()}, status=410)
    if request.method == "POST" and request.POST.get("answer") == "accept":
        offer.accept()
    elif request.method == "POST":
        offer.refuse(now=timezone.now())
    if (
        not is_chosen and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES
    ):  # nobody chose another one here
        translation.activate(offer.language)
    context = {"offer": offer, "is_new": request.method == "POST", "languages": _choices()}
    return render(request, "mail/refuse.html", context)


def _choices() -> Sequence[dict[str, Any]]:
    """For kit/components/languages.html: this page in each language."""
    here = translation.get_language()
    return [
        {"code": code, "label": name, "url": f"?language={code}", "active": code == here}
        for code, name in languages.of_website().items()
    ]


def is_available() -> bool:
    """Mails are kept as files, and this is not production."""
    is_folder = settings.EMAIL_BACKEND == "shared_apps.mail.backend.FolderBackend"
    return is_folder and not settings.SMOALL_IS_PRODUCTION


def list(request: HttpRequest) -> HttpResponse:
    """The latest mails of every workspace, newest first."""
    _only_in_development()
    files = sorted(backend.root().glob("*/*.eml"), key=lambda file: file.stat().st_mtime, reverse=True)
    return render(request, "mail/list.html", {"mails": [_read(file) for file in files[:SHOWN]]})


def show(request: HttpRequest, folder: str, stem: UUID) -> HttpResponse:
    """One mail, its links alive."""
    _only_in_development()
    file = backend.root() / folder / f"{stem}.eml"
    if not backend.SAFE.match(folder) or not file.is_file():
        raise Http404
    return render(request, "mail/show.html", {"mail": _read(file, with_text=True)})


def _only_in_development() -> None:
    if not is_available():
        raise Http404


def _read(file: Path, with_text: bool = False) -> Shown:
    with file.open("rb") as opened:
        mail = message_from_binary_file(opened, EmailMessage, policy=policy.default)
    body = mail.get_body(("plain",)) if with_text else None
    return Shown(
        folder=file.parent.name,
        stem=file.stem,
        subject=str(mail["Subject"] or ""),
        to=str(mail["To"] or ""),
        purpose=str(mail["X-Smoall-Purpose"] or ""),
        refuse_url=str(mail["List-Unsubscribe"] or "").strip(" <>\r\n"),
        written_at=datetime.fromtimestamp(file.stat().st_mtime, timezone.get_current_timezone()),
        text=str(body.get_content()) if body is not None else "",
    )
