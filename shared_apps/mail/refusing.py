"""The links by which somebody refuses mails, by one click (RFC 8058) or on a page, and wants them again.

Only general information and changes of the policy carry them. A link names no address: a keyed hash of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.urls import reverse

from shared_apps.kit import scope, tokens
from shared_apps.kit.hosts import host_url
from shared_apps.kit.module import MailClass, mail_class
from shared_apps.mail.models import Message, Refusal, Suppression, print_of, prints_of

LINK_AGE = timedelta(days=20 * 366)  # a mail lies in a mailbox for years; whoever opens it may still refuse


@dataclass(frozen=True, slots=True)
class Offer:
    """What a link lets its holder refuse: mails of a class to the address with this print."""

    kind: MailClass
    address: str
    topic: str
    about: UUID | None
    language: str

    @property
    def is_refused(self) -> bool:
        return bool(self._standing().exists())

    def refuse(self, *, now: datetime) -> None:
        Refusal.refuse(self.kind, address=self.address, topic=self.topic, about=self.about, now=now)

    def accept(self) -> None:
        self._standing().delete()

    def _standing(self) -> Any:
        return Refusal.objects.against(self.kind, prints=[self.address], topic=self.topic, about=self.about)


def may_be_refused(kind: MailClass) -> bool:
    return kind in Refusal.Kind.values


def link(message: Message) -> str:
    """The address of the page, on the workspace's own host for its mails and on app. for those of the shared outbox."""
    about = str(message.about) if message.about else ""
    payload = [
        mail_class(message.purpose), print_of(message.to_address), message.topic, about, message.language,
    ]  # fmt: skip
    tenant = scope.tenant_id()
    if tenant:
        token = tokens.sign(payload, purpose="mail.refuse")
        return _home(tenant) + reverse("mail:refuse", urlconf="config.urls_tenant", args=[token])
    with scope.shared(realm="app"):
        token = tokens.sign(payload, purpose="mail.refuse")
    return host_url("app") + reverse("mail:refuse", urlconf="config.urls_app", args=[token])


def read(token: str) -> Offer:
    """Raises BadToken: altered, or made for another workspace."""
    kind, address, topic, about, language = tokens.read(
        token, purpose="mail.refuse", max_age=int(LINK_AGE.total_seconds())
    )
    return Offer(kind, address, topic, UUID(about) if about else None, language)


def headers(message: Message) -> Mapping[str, str]:
    """What mail programs make their own button of; none where nothing may be refused."""
    if not may_be_refused(mail_class(message.purpose)):
        return {}
    return {
        "List-Unsubscribe": f"<{link(message)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def objection(message: Message) -> str:
    """Why a mail must not be sent to this address, "" when it may: "refused", or the reason of a suppression."""
    kind, prints = mail_class(message.purpose), prints_of(message.to_address)
    refusals = Refusal.objects.against(kind, prints=prints, topic=message.topic, about=message.about)
    if may_be_refused(kind) and refusals.exists():
        return "refused"
    if kind == "transactional":  # whoever asks for it looks for it, and may have mended the mailbox
        return ""
    return Suppression.objects.filter(address__in=prints).values_list("reason", flat=True).first() or ""


def _home(tenant: UUID) -> str:
    """The workspace's host. Its model stands above this module, and its row in the shared schema."""
    with scope.shared():
        found: Any = apps.get_model(settings.TENANT_MODEL)._default_manager.prefetch_related("domains")
        return str(found.get(pk=tenant).url)
