"""The one mail of this module: a client learns what a court has disclosed, before it is, unless that is forbidden."""

from django.conf import settings
from django.urls import reverse

from shared_apps import mail
from shared_apps.clients.models import Client
from shared_apps.mail.models import Message
from shared_apps.sharing.models import Order

ORDER = "sharing.order"


def order(order: Order, client: Client) -> None:
    """To the contact person; once, whatever happens in between."""
    workspace = getattr(client, "tenant", None)
    url = workspace.url + reverse("disclosures:home", urlconf="config.urls_tenant") if workspace else ""
    mail.send(
        purpose=ORDER,
        to=client.contact_email,
        name=client.contact_name,
        language=client.language,
        template="sharing/mail/order",
        context={"company": client.company, "order": order, "url": url, "support": settings.SMOALL_SUPPORT},
        key=order.mail_key,
        about=client.pk,
    )


def has_left(order: Order) -> bool:
    """Whether nothing more is waited for: the mail was sent, or can't be. A mail of a month ago is forgotten."""
    found = Message.objects.filter(key=order.mail_key).first()
    return order.told_at is not None if found is None else found.state != Message.State.QUEUED


def note(message: Message) -> None:
    """The client is told once the mail has left, not when it was written."""
    if message.purpose == ORDER and message.state == Message.State.SENT:
        id = message.key.partition(":")[2]
        Order.objects.filter(pk=id, told_at=None).update(told_at=message.sent_at)
