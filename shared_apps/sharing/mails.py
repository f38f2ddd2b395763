"""The one mail of this module: a client learns what a court has disclosed, before it is, unless that is forbidden."""

from django.urls import reverse

from shared_apps import mail
from shared_apps.clients.models import Client
from shared_apps.mail.models import Message
from shared_apps.sharing.models import Order


def order(order: Order, client: Client) -> None:
    """To the contact person; once, whatever happens in between."""
    workspace = getattr(client, "tenant", None)
    url = workspace.url + reverse("disclosures:home", urlconf="config.urls_tenant") if workspace else ""
    mail.send(
        purpose="sharing.order",
        to=client.contact_email,
        name=client.contact_name,
        language=client.language,
        template="sharing/mail/order",
        context={"company": client.company, "order": order, "url": url},
        key=_key(order),
        about=client.pk,
    )


def has_left(order: Order) -> bool:
    """Whether nothing more is waited for: the mail was sent, or can't be. A mail of a month ago is forgotten."""
    found = Message.objects.filter(key=_key(order)).first()
    return order.told_at is not None if found is None else found.state != Message.State.QUEUED


def _key(order: Order) -> str:
    return f"sharing.order:{order.id}"
