"""The one mail of this module: a client learns what a court had disclosed."""

from django.conf import settings
from django.urls import reverse

from shared_apps import mail
from shared_apps.clients.models import Client
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
        context={"company": client.company, "order": order, "url": url, "support": settings.SMOALL_SUPPORT},
        key=f"sharing.order:{order.id}",
        about=client.pk,
    )
