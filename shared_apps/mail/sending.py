"""Writing a mail into the outbox: what may be written, in whose words, and taking it back."""

import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.template import Context, TemplateDoesNotExist
from django.template.loader import get_template
from django.utils import translation
from django.utils.translation import gettext

from shared_apps.jobs.names import find_marked
from shared_apps.kit import scope
from shared_apps.kit.module import mail_class
from shared_apps.mail import BadRecipient, CannotSend, Check, refusing
from shared_apps.mail.delivery import deliver, lift_everywhere
from shared_apps.mail.models import Message, Refusal, Suppression, print_of, prints_of

CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}\Z")
OURS = {
    "from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "sender", "return-path",
    "content-type", "mime-version", "list-unsubscribe", "list-unsubscribe-post",
}  # fmt: skip


def send(
    *,
    purpose: str,
    to: str,
    name: str,
    language: str,
    template: str,
    context: Mapping[str, Any],
    key: str,
    about: UUID | None,
    wanted: str | Check | None,
    headers: Mapping[str, str] | None,
    at: datetime | None,
    topic: str,
) -> Message:
    """See mail.send."""
    kind = mail_class(purpose)
    if known := Message.objects.filter(key=key).first():
        return known
    address, named = _recipient(to, name)
    message = Message(
        purpose=purpose,
        topic=_short(topic, "topic"),
        to_address=address,
        to_name=named,
        language=language,
        headers=_headers(headers or {}),
        key=_short(key, "key"),
        about=about,
        wanted=_check_name(wanted),
    )
    opt_out_url = refusing.link(message) if refusing.may_be_refused(kind) else ""
    message.subject, message.body = rendered(template, language, {**context, "opt_out_url": opt_out_url})
    if opt_out_url not in message.body:
        message.body += _way_out(opt_out_url, language)
    Message.objects.bulk_create([message], ignore_conflicts=True)
    kept = Message.objects.get(key=key)
    if kept.pk == message.pk:
        deliver.later(str(message.pk), at=at)
    return kept


def rendered(template: str, language: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and text of `<template>.txt` in a language. Raises CannotSend when it has no subject line."""
    try:
        found: Any = get_template(f"{template}.txt")
    except TemplateDoesNotExist as error:
        raise CannotSend(f"there is no mail template {template}.txt") from error
    with translation.override(language):
        text = found.template.render(Context(dict(context), autoescape=False))
    subject, _, body = text.strip().replace("\r\n", "\n").partition("\n")
    if not subject.strip() or body[:1] not in ("", "\n"):
        raise CannotSend(f"{template}.txt must begin with one subject line and an empty one")
    return _one_line(subject.strip(), "subject")[:300], re.sub(r"\n{3,}", "\n\n", body).strip()


def _way_out(url: str, language: str) -> str:
    """What a mail that may be refused ends with, where its template doesn't say it."""
    with translation.override(language):
        return "\n\n" + gettext("If you want no more mails of this kind, say so here:") + f"\n\n{url}"


def cancel(*, key: str, about: UUID | None) -> int:
    """See mail.cancel."""
    if not key and about is None:
        raise ValueError("say which mails: by key or by client")
    queued = Message.objects.filter(state=Message.State.QUEUED)
    queued = queued.filter(key=key) if key else queued
    queued = queued.filter(about=about) if about else queued
    return queued.update(state=Message.State.CANCELLED, body="")


def purge(tenant_uuid: UUID, *, keep: Sequence[str]) -> int:
    """See mail.purge."""
    shutil.rmtree(Path(settings.SMOALL_DATA) / "mails" / str(tenant_uuid), ignore_errors=True)
    with scope.shared():
        for model in (Refusal, Suppression):
            model._default_manager.filter(about=tenant_uuid).delete()
        return Message.objects.filter(about=tenant_uuid).exclude(purpose__in=keep).delete()[0]


def lift(address: str) -> bool:
    """See mail.lift."""
    prints = prints_of(address)
    if scope.tenant_id() is None:
        lift_everywhere.later(prints)
    return Suppression.objects.filter(address__in=prints).delete()[0] > 0


def readdress(old: str, new: str) -> None:
    """See mail.readdress."""
    prints = prints_of(old)
    for row in Refusal.objects.filter(address__in=prints, about=None):
        Refusal.refuse(row.kind, address=print_of(new), topic=row.topic, now=row.refused_at)  # type: ignore[arg-type]
        row.delete()
    Suppression.objects.filter(address__in=prints).delete()


def forget(address: str, *, about: UUID | None, is_used: bool) -> None:
    """See mail.forget."""
    prints = prints_of(address) if address else []
    if is_used and about:
        for row in Refusal.objects.filter(address__in=prints, about=about, kind="information"):
            Refusal.refuse("information", address=row.address, now=row.refused_at)
    gone = Q(pk__in=[])
    if about:
        gone |= Q(about=about)
    if not is_used:
        gone |= Q(address__in=prints)
    for model in (Refusal, Suppression):
        model._default_manager.filter(gone).delete()


def _recipient(to: str, name: str) -> tuple[str, str]:
    """Address and name. Raises BadRecipient."""
    try:
        validate_email(_one_line(to, "address"))
        return _short(to, "to_address"), _short(_one_line(name, "name"), "to_name")
    except ValidationError as error:
        raise BadRecipient("the address is not a mail address") from error
    except CannotSend as error:
        raise BadRecipient(str(error)) from error


def _short(text: str, field: str) -> str:
    """The text itself. Raises CannotSend when the outbox has no room for it: the caller's transaction goes on."""
    column: Any = Message._meta.get_field(field)
    longest = column.max_length
    if len(text) > longest:
        raise CannotSend(f"{field} has more than {longest} characters")
    return text


def _one_line(text: str, what: str) -> str:
    """The text itself. Raises CannotSend when it could begin another header."""
    if CONTROL.search(text):
        raise CannotSend(f"the {what} has a line break or a control character")
    return text


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name in headers:
        if not HEADER.match(name) or name.lower() in OURS:
            raise CannotSend(f"{name!r} is not a header that a mail may add")
    return {name: _one_line(value, name) for name, value in headers.items()}


def _check_name(wanted: str | Check | None) -> str:
    name = wanted.name if isinstance(wanted, Check) else wanted or ""
    if name:
        find_marked(name, Check)
    return name
