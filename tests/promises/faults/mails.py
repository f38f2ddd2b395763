"""Mails and jobs without a purpose, to people who refused, or twice."""

from datetime import timedelta
from typing import Any

from shared_apps.clients.models import Client
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.rows import uuid7
from shared_apps.legal.models import Notice, Publication
from shared_apps.mail.models import Message, Refusal, print_of
from tenants.models import Tenant
from tests.conftest import TESTER
from tests.promises.faults.stage import NOW, Stage, fault, without


def mail(on: Stage, purpose: str, **fields: Any) -> None:
    given = {"to_address": "olga@acme.test", "language": "en", "subject": "x", "key": uuid7().hex, **fields}
    with scope.shared(actor=TESTER):
        Message.objects.create(purpose=purpose, **given)


@fault("purposes-are-declared")
def a_mail_for_no_declared_purpose(on: Stage) -> None:
    mail(on, "growth.hacking")


@fault("purposes-are-declared")
def a_job_for_no_declared_purpose(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Job.objects.create(purpose="profiling", name="x", state="done")


@fault("refusals-are-heeded")
def news_to_somebody_who_refused(on: Stage) -> None:
    with scope.shared(actor=TESTER):
        Refusal.refuse("information", address=print_of("olga@acme.test"), now=NOW() - timedelta(hours=2))
    mail(on, "toys.news", state="sent", sent_at=NOW())


@fault("refusals-are-heeded")
def news_to_a_client_who_was_erased(on: Stage) -> None:
    mail(on, "toys.news", state="sent", sent_at=NOW(), about=uuid7())


def published(on: Stage, *, days: int) -> Publication:
    """A change in how contact details are used, confirmed so many days ago, of which acme alone was told."""
    from tests.operators.conftest import make_operator

    then = NOW() - timedelta(days=days)
    with without("check_publication", "legal_publication"), scope.shared(actor=TESTER):
        Client.objects.filter(tenant__isnull=False).update(created_at=then - timedelta(days=9))
        Tenant.objects.update(state_since=then - timedelta(days=9))
        made = Publication.objects.create(
            kind="privacy", version="2", digests={}, changes_contacts=True, explanation="New use", proposed_at=then,
            in_force_on=day_of(NOW()) + timedelta(days=20), proposed_by=make_operator("Orla"),
            confirmed_by=make_operator("Oda"), confirmed_at=then,
        )  # fmt: skip
        Notice.objects.create(publication=made, client_uuid=on.client, language="fr", told_at=then)
    mail(on, "toys.policy", topic="privacy 2", about=on.client, state="sent", sent_at=then)
    return made


@fault("changes-are-mailed-once")
def a_client_who_was_left_out(on: Stage) -> None:
    published(on, days=5)


@fault("changes-are-mailed-once")
def a_notice_whose_mail_never_left(on: Stage) -> None:
    made = published(on, days=5)
    with scope.shared(actor=TESTER):
        for client in Client.objects.exclude(pk=on.client):
            Notice.objects.create(
                publication=made, client_uuid=client.pk, language="fr", is_mailed=False, told_at=NOW()
            )
        Message.objects.filter(topic="privacy 2").update(state="queued")


@fault("changes-are-mailed-once")
def a_second_mail_about_one_change(on: Stage) -> None:
    for _time in range(2):
        mail(on, "toys.policy", topic="privacy 2", about=on.client)
