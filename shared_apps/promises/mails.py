"""The mail that tells operators of a broken promise."""

from collections.abc import Sequence
from datetime import date

from django.urls import reverse
from django.utils import translation

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.kit.hosts import host_url
from shared_apps.promises.catalogue import BY_ID


def alarm(operator: User, broken: Sequence[str], *, day: date) -> None:
    """Once a day, for as long as it lasts."""
    with translation.override(operator.language):
        sentences = [f"{id}: {BY_ID[id].sentence}" for id in broken]
    mail.send(
        purpose="promises.alarm",
        to=operator.email,
        name=operator.name,
        language=operator.language,
        template="promises/mail/alarm",
        context={
            "sentences": sentences,
            "url": host_url("ops") + reverse("promises:results", urlconf="config.urls_ops"),
        },
        key=f"promises.alarm:{operator.id}:{day}",
    )
