"""The outbox: no mail against a refusal, no purpose that nobody declared, one mail a change (P17, P20, P42)."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.module import MailClass, all_purposes, mail_class
from shared_apps.legal.models import Notice, Publication
from shared_apps.mail.delivery import KEPT
from shared_apps.mail.models import Message, Refusal, prints_of
from shared_apps.promises.checking import Result, Round, check, kept_if, reading
from tenants import publishing

WINDOW = timedelta(days=30)
NEWEST = 2_000  # mails of an outbox
WRITING = timedelta(days=2)  # so long a mail is tried; each client has its notice minutes after a publication
LEAVING = timedelta(minutes=1)  # a refusal that arrives while a mail leaves comes too late for it


@check("P17", title=_("Jobs and mails, beside the declared purposes"))
def purposes_are_declared(around: Round) -> Result:
    known = set(all_purposes())
    with reading(scope.shared()):
        jobs, stray_jobs = Job.objects.count(), Job.objects.exclude(purpose__in=known).count()
    mails, _schemas = around.count(Message.objects.count)
    strays, schemas = around.count(lambda: Message.objects.exclude(purpose__in=known).count())
    return kept_if(
        not (stray_jobs or strays),
        gettext_noop(
            "Purposes: %(purposes)s; jobs: %(jobs)s; mails: %(mails)s, of %(schemas)s outboxes; "
            "without a declared purpose: %(strays)s."
        ),
        purposes=len(known),
        jobs=jobs,
        mails=mails,
        schemas=schemas,
        strays=stray_jobs + strays,
    )


@check("P20", title=_("Mails that left, beside what was refused before"))
def refusals_are_heeded(around: Round) -> Result:
    classes: tuple[MailClass, ...] = ("information", "policy")
    purposes = {kind: _purposes(kind) for kind in classes}
    since = around.now - WINDOW
    refusals, _schemas = around.count(Refusal.objects.count)
    against, schemas = around.count(
        lambda: sum(_against(kind, named, since) for kind, named in purposes.items())
    )
    with reading(scope.shared()):
        unsolicited = Message.objects.filter(sent_at__gt=since, purpose__in=purposes["information"]).exclude(
            about=None
        )
        erased = unsolicited.exclude(about__in=Client.objects.values("pk")).count()
    return kept_if(
        not (against or erased),
        gettext_noop(
            "Outboxes: %(schemas)s; refusals: %(refusals)s; mails of thirty days that left "
            "against one: %(against)s; to clients who were erased: %(erased)s."
        ),
        schemas=schemas,
        refusals=refusals,
        against=against,
        erased=erased,
    )


def _purposes(kind: MailClass) -> list[str]:
    found = []
    for purpose in all_purposes():
        try:
            if mail_class(purpose) == kind:
                found.append(purpose)
        except ValueError:
            continue  # sends no mail
    return found


def _against(kind: MailClass, purposes: list[str], since: object) -> int:
    sent = Message.objects.filter(purpose__in=purposes, state=Message.State.SENT, sent_at__gt=since)
    return sum(_was_refused(kind, message) for message in sent.order_by("-sent_at")[:NEWEST])


def _was_refused(kind: MailClass, message: Message) -> bool:
    standing = Refusal.objects.against(
        kind, prints=prints_of(message.to_address), topic=message.topic, about=message.about
    )
    return standing.filter(refused_at__lt=(message.sent_at or message.created_at) - LEAVING).exists()


@check("P42", title=_("Mails about a change, for each client"))
def changes_are_mailed_once(around: Round) -> Result:
    """Nobody had two, nobody was left out once the time to write was over, and no noted mail is lost or stuck."""
    with reading(scope.shared()):
        sent = Message.objects.filter(purpose__in=_purposes("policy")).exclude(topic="")
        mails, changes = sent.count(), sent.order_by().values("topic").distinct().count()
        twice = (
            sent.exclude(about=None)
            .order_by()
            .values("topic", "about")
            .annotate(times=Count("pk"))
            .filter(times__gt=1)
            .count()
        )
        published = Publication.objects.confirmed().filter(changes_contacts=True)
        told, untold = Notice.objects.count(), sum(_untold(one, around.now) for one in published)
        lost = _lost(sent, around.now)
    return kept_if(
        not (twice or untold or lost),
        gettext_noop(
            "Changes that were mailed: %(changes)s; mails about them: %(mails)s; clients who had "
            "more than one: %(twice)s; clients told: %(told)s; left out: %(untold)s; told by a mail that is lost or "
            "still waits: %(lost)s."
        ),
        changes=changes,
        mails=mails,
        twice=twice,
        told=told,
        untold=untold,
        lost=lost,
    )


def _untold(publication: Publication, now: datetime) -> int:
    """Clients who were there when it was published, or on the day from which it counts, and have no notice.

    Not those whose workspace was closed meanwhile: their waiting mails went with it, and they are told on that day.
    """
    left_out: set[Any] = set()
    counts = publishing.starts_at(publication)
    for moment in (publication.confirmed_at, counts):
        if moment is not None and moment + WRITING < now:
            stayed = Q(tenant__state_since__lte=moment)
            there = publishing.untold(publication).filter(created_at__lt=moment)
            left_out.update(
                there.filter(stayed | Q(tenant=None) if moment == counts else stayed).values_list(
                    "pk", flat=True
                )
            )
    return len(left_out)


def _lost(sent: QuerySet[Message], now: datetime) -> int:
    """Notices of the last weeks whose mail is nowhere, or waits for longer than it is tried. Mails go after a month."""
    topic = Concat("publication__kind", Value(" "), "publication__version", output_field=CharField())
    letters = sent.filter(about=OuterRef("client_uuid"), topic=OuterRef("topic"))
    noted = Notice.objects.filter(
        is_mailed=True, told_at__gt=now - (KEPT - WRITING), told_at__lt=now - WRITING,
        client_uuid__in=Client.objects.exclude(tenant=None).values("pk"),
    )  # fmt: skip
    left = letters.exclude(state=Message.State.QUEUED)
    return noted.annotate(topic=topic).exclude(Exists(left)).count()
