"""The mails of the console."""

from datetime import date

from django.urls import reverse

from shared_apps import mail
from shared_apps.accounts.models import User


def copy(owner: User, *, company: str, address: str, day: date) -> None:
    """Asks an owner to take a copy on the workspace's own page. Once a day, however often it is asked for."""
    mail.send(
        purpose="operators.copy",
        to=owner.email,
        name=owner.name,
        language=owner.language,
        template="operators/mail/copy",
        context={
            "company": company,
            "url": address + reverse("workspace:exports", urlconf="config.urls_tenant"),
        },
        key=f"operators.copy:{owner.id}:{day}",
    )
