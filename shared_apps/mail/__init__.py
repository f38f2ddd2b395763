"""The outbox: `mail.send(…)` writes message and job in the caller's transaction; a worker sends it, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from shared_apps.kit.module import MailClass
    from shared_apps.mail.models import Message


class CannotSend(ValueError):
    """This can't be sent: an address or header that is none, or a template without a subject."""


class BadRecipient(CannotSend):
    """Nothing can be sent to them, whatever it is: an address that is none, or a name that can't stand beside it.

    What may be passed over where many are told; the other reasons are ours, and concern every one of the mails.
    """


# Told of a mail that was closed by whoever delivers, in that transaction: it has left ("sent"), or never will ("failed",
# "cancelled", with the reason in `error`). Modules above join it in their `ready`. What one raises is logged: the mail has left.
watchers: list[Callable[[Message], None]] = []


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
    topic: str = "",
) -> Message:
    """Queue one mail in the current scope's outbox, in the caller's transaction. Returns its row.

    `<template>.txt` is rendered in `language`: the first line is the subject, an empty one follows. The same
    `key` again returns the first row and sends nothing. `about` names the client when the outbox is the
    shared one. `wanted` is a @mail.check, asked again at sending. Not before `at`.
    The purpose's class decides who gets it when it leaves (refusing.objection). A mail of the classes "information"
    and "policy" has `opt_out_url` in its context, and at its end when the template doesn't show it, and the headers
    of one-click unsubscribing. `topic` names the change that a mail of the class "policy" is about, such as "privacy 2".
    Raises CannotSend (BadRecipient where only somebody else could be told), UnknownPurpose, NoMailClass, NoScope.
    """
    from shared_apps.mail import sending

    return sending.send(
        purpose=purpose, to=to, name=name, language=language, template=template, context=context, key=key,
        about=about, wanted=wanted, headers=headers, at=at, topic=topic,
    )  # fmt: skip


def cancel(*, key: str = "", about: UUID | None = None) -> int:
    """Cancel queued mails of the current scope's outbox by key or by client. Returns how many."""
    from shared_apps.mail import sending

    return sending.cancel(key=key, about=about)


def is_refused(kind: MailClass, *, to: str, topic: str = "", about: UUID | None = None) -> bool:
    """Whether somebody refuses general information ("information"), or opted out of the change `topic` ("policy").

    Of the scope in force. `about` names the client in the shared one; an opt-out is the client's then.
    """
    from shared_apps.mail.models import Refusal, prints_of

    return Refusal.objects.against(kind, prints=prints_of(to), topic=topic, about=about).exists()


def refuse(kind: MailClass, *, to: str, topic: str = "", about: UUID | None = None, now: datetime) -> None:
    """As if they had pressed the button of the page that their mail leads to. Twice is once."""
    from shared_apps.mail.models import Refusal, print_of

    Refusal.refuse(kind, address=print_of(to), topic=topic, about=about, now=now)


def accept(kind: MailClass, *, to: str, topic: str = "", about: UUID | None = None) -> None:
    """They want these mails again."""
    from shared_apps.mail.models import Refusal, prints_of

    Refusal.objects.against(kind, prints=prints_of(to), topic=topic, about=about).delete()


def opted_out(topic: str) -> set[UUID]:
    """The clients whose contact details are not used for what the change `topic` says. In the shared scope."""
    from shared_apps.mail.models import Refusal

    found = Refusal.objects.filter(kind=Refusal.Kind.POLICY, topic=topic).exclude(about=None)
    return {about for about in found.values_list("about", flat=True) if about}


def suppress(address: str, *, reason: str, about: UUID | None = None, now: datetime) -> None:
    """Nothing but what its holder asks for is mailed there from now on. `reason`: "bounced" or "complained"."""
    from shared_apps.mail.models import Suppression

    Suppression.record(address, reason=Suppression.Reason(reason), about=about, now=now)


def lift(address: str) -> bool:
    """Mail there again, from the scope in force; from the shared one a job does so in every workspace too.

    Whether it had been suppressed here.
    """
    from shared_apps.mail import sending

    return sending.lift(address)


def readdress(old: str, new: str) -> None:
    """Somebody has another address: what they refused goes along, what came back from the old one is forgotten."""
    from shared_apps.mail import sending

    sending.readdress(old, new)


def forget(address: str, *, about: UUID | None = None, is_used: bool = False) -> None:
    """Keep nothing about an address, nor about a client, that is being erased. In the scope in force.

    `is_used` says that the same address belongs to somebody else here too, whose refusal stays.
    """
    from shared_apps.mail import sending

    sending.forget(address, about=about, is_used=is_used)


def purge(tenant_uuid: UUID, *, keep: Sequence[str] = ()) -> int:
    """Remove what the shared outbox holds about a client, and the folder of its mails. Returns how many rows.

    `keep` lists purposes that stay: the mail that tells of the erasure itself.
    """
    from shared_apps.mail import sending

    return sending.purge(tenant_uuid, keep=keep)
