"""What leaves: the mail that a Message becomes, as plain text and as simple HTML with nothing to fetch."""

import re
from email.charset import QP, Charset
from email.utils import formataddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.encoding import punycode

from shared_apps.kit import scope
from shared_apps.kit.module import mail_class
from shared_apps.kit.text import fold_email
from shared_apps.mail import refusing
from shared_apps.mail.models import Message

LINK = re.compile(r"https?://\S+\Z")
LONGEST_LINK = 40  # characters
SEVEN_BITS = Charset(
    "utf-8"
)  # quoted-printable: servers that know no 8BITMIME, or cut long lines, take it too
SEVEN_BITS.body_encoding = QP


class Letter(EmailMultiAlternatives):
    """A mail that knows its folder and file name, for the development backend."""

    folder: str = "shared"
    stem: str = ""
    purpose: str = ""


def letter(message: Message) -> Letter:
    """The mail of a queued message of the scope in force. Its Message-ID is the row's: copies show."""
    headers = {
        "Message-ID": f"<{message.pk}@{settings.SMOALL_DOMAIN}>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": message.language,
        **message.headers,
        **refusing.headers(message),
    }
    to = formataddr((message.to_name, mailbox(message.to_address)))
    text = f"{message.body}\n\n-- \nSmoall · {settings.SMOALL_CONTROLLER}\n"
    made = Letter(subject=message.subject, body=text, to=[to], headers=headers)
    made.attach_alternative(as_html(message), "text/html")
    made.encoding = SEVEN_BITS
    made.folder, made.stem = folder_of(message), str(message.pk)
    made.purpose = f"{message.purpose} ({mail_class(message.purpose)})"
    return made


def mailbox(address: str) -> str:
    """Where a mail to the address goes: to the domain that accounts, refusals and bounces are looked up under.

    With a small raised letter "x@ᵃcme.be" counts as x@acme.be, since eyes take it for that one. As a domain it would be
    another's: who holds it would be mailed acme's links, and what comes back from it would silence acme.
    """
    local, _at, domain = address.rpartition("@")
    return f"{local}@{punycode(fold_email(domain))}"


def folder_of(message: Message) -> str:
    """Where its file stands in development, in the scope in force."""
    return str(scope.tenant_id() or message.about or "shared")


def as_html(message: Message) -> str:
    """The text in the house's look: paragraphs, and a link of ours that stands alone made easy to hit.

    Nothing else becomes a link: names that somebody typed stand in the text, and one may look like an address.
    """
    parts: list[dict[str, Any]] = [
        {"link": part, "shown": _short(part)} if _is_ours(part) else {"text": part}
        for part in (part.strip() for part in re.split(r"\n\s*\n", message.body))
        if part
    ]
    context = {"subject": message.subject, "parts": parts, "controller": settings.SMOALL_CONTROLLER}
    with translation.override(message.language):
        return render_to_string("mail/letter.html", {**context, "language": message.language})


def _is_ours(part: str) -> bool:
    if not LINK.match(part):
        return False
    try:
        host = urlsplit(part).hostname or ""
    except ValueError:
        return False
    return f".{host}".endswith(f".{settings.SMOALL_DOMAIN}")


def _short(link: str) -> str:
    """Where a link leads, without the token at its end: it fits a phone. The plain text has it whole."""
    shown = link.split("://", 1)[1].rstrip("/")
    if len(shown) > LONGEST_LINK:
        shown = shown[: shown.rfind("/", 0, LONGEST_LINK) + 1 or LONGEST_LINK] + "…"
    return shown
