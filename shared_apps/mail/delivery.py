"""Sending a mail from the outbox: checked again at the last moment, once as far as SMTP can tell."""

import logging
import re
import smtplib
from datetime import datetime, timedelta

from anymail.exceptions import AnymailError, AnymailRecipientsRefused
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from shared_apps.jobs import TryAgain, fleet, job
from shared_apps.jobs.names import find_marked
from shared_apps.jobs.run import described
from shared_apps.kit import scope
from shared_apps.kit.module import UnknownPurpose
from shared_apps.mail import Check, backend, refusing, watchers
from shared_apps.mail.letter import folder_of, letter
from shared_apps.mail.models import Message, Suppression

log = logging.getLogger("smoall.mail")
RETRIES = 12  # with the jobs' back-off: about a day and a half
KEPT = timedelta(days=30)
BOUNCED_KEPT = timedelta(days=365)  # a mailbox may be there again after a year; a complaint stands
ENHANCED = re.compile(rb"\b5\.(\d{1,3}\.\d{1,3})\b")  # RFC 3463
OF_THE_MAILBOX = (b"1.1", b"1.2", b"1.3", b"1.6", b"1.10", b"2.1")  # no such one, moved away, disabled
# Without such a code a refusal may be about us as well ("550 blocked", "554 spam"), so only 550 and 551 (RFC 5321: no
# mailbox here) count, and only with words that servers use for a mailbox they don't have.
NOT_HERE = (550, 551)
NO_SUCH = re.compile(
    rb"(?:no such|unknown|invalid|non-?existent) (?:user|mailbox|recipient|address|account|person)"
    rb"|(?:user|mailbox|recipient|address|account)(?: is)? (?:unknown|not found|not known)"
    rb"|(?:does not|doesn't) exist|no mailbox (?:here )?by that name|user not local",
    re.IGNORECASE,
)
ABOUT_US = re.compile(rb"block|spam|polic|denied|reputation|blacklist|listed|relay", re.IGNORECASE)


@job(purpose="mail.deliver", retries=RETRIES)
def deliver(message_id: str) -> None:
    """Send one queued message of this scope's outbox, unless it was sent, cancelled or removed meanwhile.

    Its row stays locked while it is sent. When the process dies between the server's yes and the commit it is
    sent again, under the same Message-ID.
    """
    message = Message.objects.select_for_update().filter(pk=message_id, state=Message.State.QUEUED).first()
    if message is None:
        return
    if message.wanted and not find_marked(message.wanted, Check)(message):
        return _close(message, Message.State.CANCELLED)
    try:
        message.error = refusing.objection(message)
    except UnknownPurpose as error:  # a release took it out of the register while the mail waited
        message.error = type(error).__name__
        return _close(message, Message.State.FAILED)
    if message.error:
        return _close(message, Message.State.CANCELLED)
    message.attempts += 1
    try:
        letter(message).send()
    except (smtplib.SMTPException, AnymailError, OSError, ValueError) as error:
        _note(message, error)
    else:
        message.sent_at = timezone.now()
        _close(message, Message.State.SENT)


def _note(message: Message, error: Exception) -> None:
    """Fail for good, or raise TryAgain. What the server said may name the person: its code is enough."""
    code = _code(error)
    message.error = f"{type(error).__name__} {code or ''}".strip()
    if _has_no_mailbox(error, code):
        Suppression.record(
            message.to_address, reason=Suppression.Reason.BOUNCED, about=message.about, now=timezone.now()
        )
    if _is_final(error, code) or message.attempts > RETRIES:
        return _close(message, Message.State.FAILED)
    message.save(update_fields=["attempts", "error"])
    raise TryAgain(message.error)


def _code(error: Exception) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max((code for code, _ in error.recipients.values()), default=0)
    return int(error.smtp_code) if isinstance(error, smtplib.SMTPResponseException) else 0


def _is_final(error: Exception, code: int) -> bool:
    """Whether this mail can never arrive. A refused sender or password is ours to mend, so it is not."""
    if isinstance(error, ValueError) and not isinstance(error, OSError):  # BadHeaderError is one
        return True
    if isinstance(error, AnymailRecipientsRefused):
        return True
    return isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) and code >= 500


def _has_no_mailbox(error: Exception, code: int) -> bool:
    """Whether the server says that nobody reads this address. That it doesn't like *us* says nothing about it."""
    if isinstance(error, AnymailRecipientsRefused):
        return True
    if not isinstance(error, smtplib.SMTPRecipientsRefused) or code < 500:
        return False
    said = b" ".join(_as_bytes(text) for _code, text in error.recipients.values())
    if enhanced := ENHANCED.search(said):
        return enhanced.group(1) in OF_THE_MAILBOX
    return code in NOT_HERE and bool(NO_SUCH.search(said)) and not ABOUT_US.search(said)


def _as_bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode(errors="replace")


def _close(message: Message, state: Message.State) -> None:
    """Nothing more is to be sent: the text, which may hold a link that opens doors, goes."""
    message.state, message.body = state, ""
    message.save(update_fields=["state", "body", "attempts", "error", "sent_at"])
    for watcher in watchers:
        try:
            with transaction.atomic():
                watcher(message)
        except Exception as error:  # else it would be taken for not sent, and sent again
            log.error(
                "ALARM: what follows from a mail %s was not noted: %s", message.purpose, described(error)
            )


@job(purpose="mail.tidy", saga=True)
def tidy() -> None:
    """Forget old mails of every outbox, and ask again for queued ones that no job is left for."""
    now = timezone.now()
    with scope.shared():
        tidy_here(now)
    fleet.in_each_tenant(lambda: tidy_here(now), actor=scope.actor())


def tidy_here(now: datetime) -> None:
    """One outbox. A mail queued for two days has lost its job: its workspace was closed and is open again."""
    old = Message.objects.exclude(state=Message.State.QUEUED).filter(created_at__lt=now - KEPT)
    for message in old:
        backend.remove(folder_of(message), str(message.pk))
        message.delete()
    bounced = Suppression.objects.filter(reason=Suppression.Reason.BOUNCED)
    bounced.filter(suppressed_at__lt=now - BOUNCED_KEPT).delete()
    for message in _stranded(now):
        deliver.later(str(message.pk), key=f"again:{message.pk}:{now:%Y%m%d}")


def _stranded(now: datetime) -> QuerySet[Message]:
    return Message.objects.filter(state=Message.State.QUEUED, created_at__lt=now - timedelta(days=2))


@job(purpose="mail.lift", saga=True)
def lift_everywhere(prints: list[str]) -> None:
    """Mail an address again from every workspace. It is named by its prints: nobody's address waits in the queue."""
    fleet.in_each_tenant(lambda: Suppression.objects.filter(address__in=prints).delete(), actor=scope.actor())
