"""The mails of accounts: a new password, an invitation. Their links open pages whose buttons post.

And the frame of every mail that tells operators of something: each module above gives it its words.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from shared_apps import mail
from shared_apps.accounts.models import Kind, Purpose, User
from shared_apps.kit.hosts import host_url
from shared_apps.kit.rows import uuid7
from shared_apps.mail.models import Message


def reset(person: User, *, request: HttpRequest) -> None:
    """A link to set a new password; to the address that is on file, never to the one that was typed."""
    _send(person, Purpose.RESET, request)


def invitation(person: User, *, request: HttpRequest, by: User | None = None, host: str = "") -> None:
    """A link to accept an invitation, in the words of `by` when somebody invites.

    `host` is the first label of another host ("app"), whose realm is in force then.
    """
    _send(person, Purpose.INVITATION, request, host, inviter=by.name if by else "")


def invited_by_nobody(person: User, *, url: str, place: str) -> None:
    """The same where no request is: `url` is the workspace's address, `place` what it is called there."""
    _write(person, Purpose.INVITATION, url=url, place=place, inviter="")


def new_address(person: User, email: str, *, request: HttpRequest) -> None:
    """A link to the new address itself: who reads it there may use it."""
    _send(person, Purpose.EMAIL, request, word=email)


def address_changed(person: User, old: str, *, request: HttpRequest) -> None:
    """To the address that was used so far."""
    mail.send(
        purpose="accounts.email",
        to=old,
        name=person.name,
        language=person.language,
        template="accounts/mail/email_changed",
        context={
            "name": person.name,
            "email": person.email,
            "place": _place(request),
            "support": settings.SMOALL_SUPPORT,
        },
        key=f"accounts.email_changed:{person.id}:{uuid7()}",
    )


@mail.check
def may_enter(message: Message) -> bool:
    """Asked when a reset's mail leaves: not deactivated meanwhile."""
    return (person := _holder(message)) is not None and person.is_active


@mail.check
def is_invited(message: Message) -> bool:
    """Asked when an invitation leaves: neither withdrawn nor accepted meanwhile."""
    return (person := _holder(message)) is not None and person.state == "invited"


def _holder(message: Message) -> User | None:
    person: User | None = User.objects.filter(id=UUID(message.key.split(":")[1])).first()
    return person


def _place(request: HttpRequest) -> str:
    return getattr(request, "workspace_name", "") or "Smoall"


def _send(
    person: User, purpose: Purpose, request: HttpRequest, host: str = "", word: str = "", **context: str
) -> None:
    _write(person, purpose, url=origin(request, host), place=_place(request), word=word, **context)


def _write(person: User, purpose: Purpose, *, url: str, place: str, word: str = "", **context: str) -> None:
    mail.send(
        purpose=f"accounts.{purpose.value}",
        to=word or person.email,
        name=person.name,
        language=person.language,
        template=f"accounts/mail/{purpose.value}",
        context={
            "name": person.name,
            "url": url + person.link(purpose, word),
            "place": place,
            **context,
        },
        key=f"accounts.{purpose.value}:{person.id}:{uuid7()}",
        wanted=may_enter if purpose in (Purpose.RESET, Purpose.EMAIL) else is_invited,
    )


def origin(request: HttpRequest, label: str = "") -> str:
    """Scheme, host and port of this host or of `label`'s; the port is the deployment's, whatever the request says."""
    here = request.get_host().rsplit(":", 1)[0].lower().rstrip(".")
    host = f"{label}.{settings.SMOALL_DOMAIN}" if label else here
    scheme = "https" if settings.SMOALL_IS_PRODUCTION else "http"
    port = f":{settings.SMOALL_PORT}" if settings.SMOALL_PORT not in (None, 80, 443) else ""
    return f"{scheme}://{host}{port}"


def factor_changed(person: User, *, request: HttpRequest, at: datetime) -> None:
    """To the person: whoever did it, they know."""
    mail.send(
        purpose="accounts.factor",
        to=person.email,
        name=person.name,
        language=person.language,
        template="accounts/mail/factor_changed",
        context={"name": person.name, "place": _place(request), "at": at, "support": settings.SMOALL_SUPPORT},
        key=f"accounts.factor:{person.id}:{uuid7()}",
    )


def alarm(alarms: Iterable[Any], *, purpose: str, template: str, page: str, once: object) -> None:
    """Tell every operator that something needs one of them; each has one mail of a purpose for the same `once`, such as a day.

    `alarms`: lines, lazily translated where they are in people's words. `page`: the name of the page on ops. where more
    stands. In the shared scope.
    """
    lines = list(alarms)
    for operator in User.objects.active().filter(kind=Kind.OPERATOR):
        mail.send(
            purpose=purpose,
            to=operator.email,
            name=operator.name,
            language=operator.language,
            template=template,
            context={"alarms": lines, "url": host_url("ops") + reverse(page, urlconf="config.urls_ops")},
            key=f"{purpose}:{operator.id}:{once}",
        )
