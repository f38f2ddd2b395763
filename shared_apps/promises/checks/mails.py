"""The outbox: no mail against a refusal, no purpose that nobody declared, one mail a change (P17, P20, P42)."""

from datetime import timedelta

from django.db.models import Count
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.module import MailClass, all_purposes, mail_class
from shared_apps.mail.models import Message, Refusal, prints_of
from shared_apps.promises.checking import Result, Round, check, kept_if, reading

WINDOW = timedelta(days=30)
NEWEST = 2_000  # mails of an outbox
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
    with reading(scope.shared()):
        sent = Message.objects.filter(purpose__in=_purposes("policy")).exclude(topic="")
        mails, changes = sent.count(), sent.order_by().values("topic").distinct().count()
        twice = (
            sent.exclude(about=None)
            .order_by()
            .values("topic", "about", "to_address")
            .annotate(times=Count("pk"))
            .filter(times__gt=1)
            .count()
        )
    return kept_if(
        twice == 0,
        gettext_noop(
            "Changes that were mailed: %(changes)s; mails about them: %(mails)s; clients who had "
            "more than one: %(twice)s."
        ),
        changes=changes,
        mails=mails,
        twice=twice,
    )
