"""Correcting a client's contact details while they are kept after its data is gone (P39); the author is the scope's.

Another e-mail address voids the links that went to the old one, since a link names the address (departure.py): the old
address is told, the new one gets a link of its own.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from shared_apps import mail
from shared_apps.accounts.models import fold_email
from shared_apps.clients.models import Client
from shared_apps.kit import scope
from tenants import departure
from tenants.models import CannotAct


def correct(departure_id: UUID, answers: Mapping[str, Any], *, now: datetime) -> bool:
    """Write the contact details as the client gives them. Whether its e-mail address is another one now.

    `answers`: fields of Client, cleaned. Raises CannotAct when they are erased or being erased, or when too many mails
    went to the new address; then nothing has changed.
    """
    with scope.shared(), transaction.atomic():
        leaving = departure.locked(departure_id)
        client = Client.objects.select_for_update().filter(pk=leaving.client_uuid).first()
        if client is None or leaving.contacts_erased_at or departure.is_being_forgotten(leaving):
            raise CannotAct(_("The contact details are being erased: nothing can be changed any more."))
        old = client.contact_email
        for name, value in answers.items():
            setattr(client, name, value)
        client.save()
        if fold_email(old) == fold_email(client.contact_email):
            return False
        _tell_old_address(leaving.id, client, old, now=now)
        if not departure.mail_link(leaving, now=now):
            raise CannotAct(_("Too many mails went to this address today. Try again tomorrow."))
        return True


def _tell_old_address(leaving: UUID, client: Client, old: str, *, now: datetime) -> None:
    """Without the new address, which is nobody's business where the old one is read."""
    mail.send(
        purpose=departure.PURPOSE,
        to=old,
        language=client.language,
        about=client.pk,
        template="tenants/mail/contact_moved",
        key=f"leaving:{leaving}:moved:{now.isoformat()}",
        context={"company": client.company},
    )
