"""Correcting a client's contact details (P39), while it uses Smoall and after its data is gone; the author is the scope's.

The old address is always told of a new one. Once the data is gone another address voids the links that went to the old
one, since a link names the address (departure.py): the new one gets a link of its own.
"""

from collections.abc import Callable, Mapping
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
from tenants.models import CannotAct, State, Tenant

# Told of a client whose contact details, or other details that go on to partners, are others now, in that transaction:
# modules above join it in their `ready`. An erased person is such a change too.
watchers: list[Callable[[UUID], None]] = []


def correct(tenant_id: UUID, answers: Mapping[str, Any], *, now: datetime) -> bool:
    """Write the contact details of a workspace's client. Whether its e-mail address is another one now.

    `answers`: fields of Client, cleaned. The caller holds the rows (`locked`) since it compared them with what the page
    showed. Raises CannotAct while the workspace is closed.
    """
    with scope.shared(), transaction.atomic():
        client = locked(tenant_id)
        old = _write(client, answers)
        if not old:
            return False
        _tell_old_address(client, old, links_are_void=False, now=now)
        return True


def locked(tenant_id: UUID) -> Client:
    """The client, held with its workspace's row until the transaction ends. In the shared scope. Raises CannotAct."""
    tenant = Tenant.locked(tenant_id)
    if tenant.state in (State.ERASING, State.RESTORING):
        raise CannotAct(_("This workspace is closed."))
    return Client.objects.select_for_update().get(pk=tenant.client_id)


def correct_after(departure_id: UUID, answers: Mapping[str, Any], *, now: datetime) -> bool:
    """The same once the data is gone, by the mailed link.

    Raises CannotAct when the details are erased or being erased, or when too many mails went to the new address; then
    nothing has changed.
    """
    with scope.shared(), transaction.atomic():
        leaving = departure.locked(departure_id)
        client = Client.objects.select_for_update().filter(pk=leaving.client_uuid).first()
        if client is None or leaving.contacts_erased_at or departure.is_being_forgotten(leaving):
            raise CannotAct(_("The contact details are being erased: nothing can be changed any more."))
        old = _write(client, answers)
        if not old:
            return False
        departure.void_links(leaving)
        _tell_old_address(client, old, links_are_void=True, now=now)
        if not departure.mail_link(leaving, now=now):
            raise CannotAct(_("Too many mails went to this address today. Try again tomorrow."))
        return True


def _write(client: Client, answers: Mapping[str, Any]) -> str:
    """Store what differs; the old e-mail address when it is another one now. The same answers twice are one change."""
    old = client.contact_email
    if any(getattr(client, name) != value for name, value in answers.items()):
        for name, value in answers.items():
            setattr(client, name, value)
        client.save()
        for watcher in watchers:
            watcher(client.pk)
    if fold_email(old) == fold_email(client.contact_email):
        return ""
    return old


def _tell_old_address(client: Client, old: str, *, links_are_void: bool, now: datetime) -> None:
    """Without the new address, which is nobody's business where the old one is read."""
    mail.send(
        purpose=departure.PURPOSE,
        to=old,
        language=client.language,
        about=client.pk,
        template="tenants/mail/contact_moved",
        key=f"leaving:{client.pk}:moved:{now.isoformat()}",
        context={"company": client.company, "links_are_void": links_are_void},
    )
