"""Putting a version of a legal text into force: the second operator's half, and the mail to each client (P42).

A mail goes out only when the use of contact details changes, and each client gets one, for good: a Notice is written in
the transaction that queues it. The rows are shared_apps/legal's; the opt-out itself is the outbox's.
"""

from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from shared_apps import mail
from shared_apps.accounts.models import User
from shared_apps.clients.models import Client
from shared_apps.jobs import job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of, end_of
from shared_apps.kit.hosts import host_url
from shared_apps.legal.models import Notice, Publication
from shared_apps.mail.models import Message
from tenants import sagas
from tenants.models import Saga, State

PURPOSE = "legal.policy"
BATCH = 200  # clients a transaction
GOING = (State.ERASING, State.RESTORING)  # not told now: their mails go with them, and some come back

PUBLISH = sagas.Kind("publish")


@sagas.verb("publication")
def confirm(id: UUID, *, by: User, now: datetime) -> Publication:
    """The version is public from now on; where contact details are used otherwise, a worker tells each client.

    Raises CannotPublish, Publication.DoesNotExist.
    """
    with scope.shared():
        found = Publication.objects.select_for_update().get(pk=id)
        found.confirm(by=by, now=now)
        if found.changes_contacts:
            sagas.start("publish", found.pk, key=_key(found))
        return found


def withdraw(id: UUID) -> None:
    """Take a proposal back. Raises CannotPublish, Publication.DoesNotExist."""
    with scope.shared(), transaction.atomic():
        Publication.objects.select_for_update().get(pk=id).withdraw()


def saga_of(publication: Publication) -> Saga | None:
    """The work that tells the clients, None where there is nothing to tell."""
    return Saga.objects.filter(key=_key(publication)).first()


def _key(publication: Publication) -> str:
    return f"publish:{publication.pk}"


def starts_at(publication: Publication) -> datetime:
    """The first moment of the day from which it counts."""
    return end_of(publication.in_force_on - timedelta(days=1))


# --- the steps --------------------------------------------------------------------------------------------


@PUBLISH.step(_("Writing to each client"), outside=True, weight=8)
def announce(saga: Saga) -> None:
    _tell_everybody(saga)


@PUBLISH.step(_("Waiting for the day on which it counts"))
def wait(saga: Saga) -> None:
    begins = starts_at(Publication.objects.get(pk=saga.subject))
    if timezone.now() < begins:
        raise sagas.NotYet(begins)


@PUBLISH.step(_("Writing to clients that came meanwhile"), outside=True)
def catch_up(saga: Saga) -> None:
    """Whoever came while another text counted, or stayed after all."""
    _tell_everybody(saga)


@job(purpose="legal.notices", saga=True, retries=0)
def look() -> None:
    """Note which mails left, and tell whoever is not told yet: who signed up meanwhile, or whose erasure was cancelled.

    Each gets the same month from then on. Not who came once the version counted: it is the one that they were shown.
    """
    with scope.shared():
        found = list(Publication.objects.confirmed().filter(changes_contacts=True))
    for publication in found:
        note_sent(publication)
        while _tell_some(publication, before=starts_at(publication)):
            pass


def note_sent(publication: Publication) -> None:
    """Keep when each mail left, which the outbox forgets after a month."""
    sent = Message.objects.filter(
        purpose=PURPOSE, topic=publication.topic, about=OuterRef("client_uuid"), state=Message.State.SENT
    )
    with scope.shared():
        waiting = Notice.objects.filter(Exists(sent), publication=publication, sent_at=None)
        waiting.update(sent_at=Subquery(sent.values("sent_at")[:1]))


def untold(publication: Publication) -> QuerySet[Client]:
    """Clients whose contact details are held, and who were not told of the change."""
    told = Notice.objects.filter(publication=publication, client_uuid=OuterRef("pk"))
    return Client.objects.exclude(Exists(told)).exclude(tenant__state__in=GOING)


def _tell_everybody(saga: Saga) -> None:
    with scope.shared():
        publication = Publication.objects.get(pk=saga.subject)
        total, done = untold(publication).count(), 0
    while told := _tell_some(publication):
        done += told
        sagas.report(saga, 100 * done // max(total, done))


def _tell_some(publication: Publication, *, before: datetime | None = None) -> int:
    """One transaction: each client's row is held, so that it can't be erased between its notice and its mail.

    `before`: those alone who were there then. Whom somebody else told while we waited for the row is asked for anew.
    """
    with scope.shared(), transaction.atomic():
        some = untold(publication)
        if before is not None:
            some = some.filter(created_at__lt=before)
        held = [one.pk for one in some.order_by("pk").select_for_update(of=("self",))[:BATCH]]
        for client in untold(publication).filter(pk__in=held):
            tell(publication, client, now=timezone.now())
        return len(held)


def tell(publication: Publication, client: Client, *, now: datetime) -> None:
    """Queue the mail that says what changes and can be answered by one click, and note that it was done."""
    document = publication.document
    with override(client.language):
        text = document.language(client.language)
        page = f"{host_url('')}/{text}/{document.kind}/{document.version}/"
        context = {
            "company": client.company,
            "changes": str(document.changes),
            "in_force_on": publication.in_force_on,
            "url": page,
            "changes_url": f"{page}changes/",
        }
    try:
        mail.send(
            purpose=PURPOSE,
            to=client.contact_email,
            name=client.contact_name,
            language=client.language,
            template="tenants/mail/policy_changed",
            context=context,
            key=f"{_key(publication)}:{client.pk}",
            about=client.pk,
            topic=publication.topic,
        )
        is_mailed = True
    except mail.BadRecipient:  # one bad address must not keep all others from being told
        is_mailed = False
    Notice.objects.create(
        publication=publication,
        client_uuid=client.pk,
        language=client.language,
        is_mailed=is_mailed,
        told_at=now,
    )


def note(message: Message) -> None:
    """A mail that came back, or that an address doesn't get any more, gave nobody the way to opt out: they weren't asked.

    Whoever refuses the change has answered already.
    """
    if message.purpose != PURPOSE or message.state == Message.State.SENT or message.error == "refused":
        return
    assert message.about is not None  # `tell` names the client
    _of_topic(message.topic, message.about).update(is_mailed=False)


def _of_topic(topic: str, client: UUID) -> QuerySet[Notice]:
    kind, _space, version = topic.partition(" ")
    return Notice.objects.filter(client_uuid=client, publication__kind=kind, publication__version=version)


def take_back(client: UUID) -> None:
    """The mails that wait for this client are about to be deleted: of those changes it was not told.

    Should its contact details stay, it is told of them at the next `look`.
    """
    waiting = Message.objects.filter(about=client, purpose=PURPOSE, state=Message.State.QUEUED)
    topics = list(waiting.values_list("topic", flat=True))
    with scope.owner():  # the database lets no other role delete a notice
        for topic in topics:
            _of_topic(topic, client).delete()


# --- the effect -------------------------------------------------------------------------------------------


def may_use(topic: str, client: Client, *, today: date) -> bool:
    """Whether the contact details of a client, and of its users, may be used for what a version changed ("privacy 2").

    Only once it counts, and only those of a client that was told a calendar month ago and did not opt out, or that came
    afterwards. Whatever begins to use contact details otherwise asks here, each time. In the shared scope.
    """
    kind, _space, version = topic.partition(" ")
    found = Publication.objects.confirmed().filter(kind=kind, version=version, in_force_on__lte=today).first()
    if found is None or mail.is_refused("policy", to=client.contact_email, topic=topic, about=client.pk):
        return False
    if day_of(client.created_at) >= found.in_force_on or not found.changes_contacts:
        return True
    notice = Notice.objects.filter(publication=found, client_uuid=client.pk).first()
    return notice is not None and notice.gave_time(today)
