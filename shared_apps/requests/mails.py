"""The mails of both registers. In the shared scope; each goes once."""

import logging
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from shared_apps import mail
from shared_apps.clients.models import Client
from shared_apps.mail.models import Message
from shared_apps.requests.models import Breach, CannotNote, Notice, Request, Supplement

log = logging.getLogger("smoall.requests")
BREACH = "requests.breach"


def answered(request: Request) -> bool:
    """The answer itself, to the address that the request came from; False when that isn't an e-mail address."""
    return _send(request, "requests/mail/answered", "answered")


def extended(request: Request) -> bool:
    """Why it takes longer, and until when."""
    return _send(request, "requests/mail/extended", "extended")


def has_failed(request: Request) -> bool:
    """Whether the mail of the answer came back, or its address takes none: somebody has to answer in another way."""
    key = _key(request, "answered")
    return Message.states([key]).get(key) in (Message.State.FAILED, Message.State.CANCELLED)


def _key(request: Request, what: str) -> str:
    return f"requests:{request.id}:{what}"


def _send(request: Request, template: str, what: str) -> bool:
    try:
        mail.send(
            purpose="requests.answer",
            to=request.from_address,
            name=request.from_name,
            language=request.language,
            about=request.client_uuid,
            template=template,
            key=_key(request, what),
            context={"request": request},
        )
    except mail.BadRecipient:  # a postal address: an operator writes a letter
        return False
    return True


def untold(found: Breach) -> QuerySet[Client]:
    """The clients concerned to whom a mail is to be written still: not told, and none on its way. Those whose contact details
    were erased aren't among them: nobody is left there.
    """
    waiting = list(found.concerned.filter(told_at=None))
    states = Message.states(one.mail_key for one in waiting)
    due = [one.client_uuid for one in waiting if states.get(one.mail_key) != Message.State.QUEUED]
    return Client.objects.filter(pk__in=due)


def breach(found: Breach, *, now: datetime) -> int:
    """Tell each client concerned that wasn't told, in its language; how many mails. Pressed twice, none is sent twice;
    one that came back is written again.

    Raises CannotNote when a language of one of them has no text; then nobody is told.
    """
    waiting = list(Notice.objects.select_for_update().filter(breach=found, told_at=None))
    clients = Client.objects.in_bulk([one.client_uuid for one in waiting])
    lacking = {client.language for client in clients.values()} - {
        code for code, text in found.notices.items() if text.strip()
    }
    if lacking:
        raise CannotNote(", ".join(sorted(lacking)))
    written = 0
    for one in waiting:
        client = clients.get(one.client_uuid)
        if client is None or not Message.may_go_again(one.mail_key):
            continue  # its contact details were erased, so nobody is left to be told; or the mail is on its way
        try:
            mail.send(
                purpose=BREACH,
                to=client.contact_email,
                name=client.contact_name,
                language=client.language,
                about=client.pk,
                template="requests/mail/breach",
                key=one.mail_key,
                context={"text": found.notices[client.language], "company": client.company},
            )
        except mail.BadRecipient as error:  # one bad address must not keep all others from being told
            log.error("breach %s: client %s can't be mailed: %s", found.pk, client.pk, error)
            continue
        written += 1
    found.notified_at = found.notified_at or now
    found.save(update_fields=["notified_at"])
    return written


def supplements(found: Breach) -> int:
    """Mail each client concerned every supplement that it wasn't mailed, in their order; how many mails.

    `breach` comes first, in the same transaction: nobody hears more of what they didn't hear of.
    Pressed twice, none is sent twice.
    """
    added = list(found.supplements.all())
    waiting = Notice.objects.select_for_update().filter(breach=found, supplements_told__lt=len(added))
    rows = list(waiting)
    clients = Client.objects.in_bulk([one.client_uuid for one in rows])
    sent = 0
    for one in rows:
        if (client := clients.get(one.client_uuid)) is None:
            continue
        for each in added[one.supplements_told :]:
            sent += _supplement(each, client)
        one.supplements_told = len(added)
        one.save(update_fields=["supplements_told"])
    return sent


def _supplement(supplement: Supplement, client: Client) -> bool:
    try:
        mail.send(
            purpose=BREACH,
            to=client.contact_email,
            name=client.contact_name,
            language=client.language,
            about=client.pk,
            template="requests/mail/breach_more",
            key=f"breach:{supplement.breach_id}:{client.pk}:{supplement.pk}",
            context={"text": supplement.texts[client.language], "company": client.company},
        )
    except mail.BadRecipient:  # no address that a mail can be written to: the others are told all the same
        return False
    return True


def note(message: Message) -> None:
    """A client is told once the mail has left, not when it was written: it may come back, or be taken out of the outbox."""
    if message.purpose == BREACH and message.state == Message.State.SENT:
        breach, client, *supplement = map(UUID, message.key.split(":")[1:])
        waiting = Notice.objects.filter(breach=breach, client_uuid=client, told_at=None)
        if not supplement:
            waiting.update(told_at=message.sent_at)
