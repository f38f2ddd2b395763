"""The outbox: `mail.send(…)` writes message and job in the caller's transaction; a worker sends it, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from shared_apps.mail.models import Message


class CannotSend(ValueError):
    """This can't be sent: an address or header that is none, or a template without a subject."""


class Check:
    """A function that says, when a mail is about to leave, whether it is still wanted."""

    def __init__(self, function: Callable[[Message], bool]) -> None:
        self.function = function
        self.name = f"{function.__module__}.{function.__qualname__}"

    def __call__(self, message: Message) -> bool:
        return self.function(message)


def check(function: Callable[[Message], bool]) -> Check:
    """Mark a top-level function so that `send(wanted=…)` may name it."""
    return Check(function)


def send(
    *,
    purpose: str,
    to: str,
    name: str = "",
    language: str,
    template: str,
    context: Mapping[str, Any],
    key: str,
    about: UUID | None = None,
    wanted: str | Check | None = None,
    headers: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> Message:
    """Queue one mail in the current scope's outbox, in the caller's transaction. Returns its row.

    `<template>.txt` is rendered in `language`: the first line is the subject, an empty one follows. The same
    `key` again returns the first row and sends nothing. `about` names the client when the outbox is the
    shared one. `wanted` is a @mail.check, asked again at sending. Not before `at`.
    Raises CannotSend, UnknownPurpose, NoScope.
    """
    from shared_apps.mail import sending

    return sending.send(
        purpose=purpose, to=to, name=name, language=language, template=template, context=context, key=key,
        about=about, wanted=wanted, headers=headers, at=at,
    )  # fmt: skip


def cancel(*, key: str = "", about: UUID | None = None) -> int:
    """Cancel queued mails of the current scope's outbox by key or by client. Returns how many."""
    from shared_apps.mail import sending

    return sending.cancel(key=key, about=about)


def purge(tenant_uuid: UUID, *, keep: Sequence[str] = ()) -> int:
    """Remove what the shared outbox holds about a client, and the folder of its mails. Returns how many rows.

    `keep` lists purposes that stay: the mail that tells of the erasure itself.
    """
    from shared_apps.mail import sending

    return sending.purge(tenant_uuid, keep=keep)
