"""A version of the policy is published, and clients are told."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from shared_apps.accounts.models import Kind, User
from shared_apps.clients.models import Client
from shared_apps.jobs import drop
from shared_apps.jobs.models import Job
from shared_apps.kit import scope
from shared_apps.kit.dates import plus_months
from shared_apps.kit.module import OWNER
from shared_apps.legal import documents
from shared_apps.legal.documents import Document
from shared_apps.legal.models import CannotPublish, Notice, Publication
from shared_apps.mail.models import Message
from tenants import (
    publishing,
    sagas,
)
from tenants.models import (
    Saga,
)
from tests.conftest import TESTER
from tests.crash.scenarios.stage import (
    Case,
    _numbers,
    is_done,
    label,
    run,
    scenario,
    workspace,
)


def prepared() -> tuple[Document, Callable[[], None]]:
    """A version of the policy that only this process and what it forks knows of, and how to forget it again."""
    number, texts, known = next(_numbers) + 2, documents.TEXTS, documents.DOCUMENTS
    first = documents.find("privacy", "1")
    folder = Path(settings.SMOALL_DATA) / f"texts-{number}"
    (folder / "privacy").mkdir(parents=True)
    for language in first.languages:
        (folder / "privacy" / f"{number}.{language}.html").write_bytes(first.content(language))
    made = replace(first, version=str(number), published_on=first.published_on + timedelta(days=1))
    documents.TEXTS, documents.DOCUMENTS = folder, (*known, made)

    def forget() -> None:
        documents.TEXTS, documents.DOCUMENTS = texts, known

    return made, forget


def proposal(document: Document, *, on: date) -> Publication:
    """Already written down by one operator; on a day that the rules for people would not allow."""
    with scope.shared(actor=TESTER):
        people = [
            User.objects.create_user(
                email=f"{label('operator')}@smoall.test", name="An operator", kind=Kind.OPERATOR, role=OWNER,
                language="en", password="correct horse battery",  # so they have entered
            )
            for _ in range(2)
        ]  # fmt: skip
        made = Publication.objects.create(
            kind=document.kind, version=document.version, digests=dict(document.digests), in_force_on=on,
            changes_contacts=True, explanation="It changes.", proposed_by=people[0], proposed_at=timezone.now(),
        )  # fmt: skip
    made.others = people[1]  # type: ignore[attr-defined]
    return made


@scenario("tell clients of a new policy", "publish")
def publish() -> Case:
    tenant = workspace("told")
    document, forget = prepared()
    made = proposal(document, on=timezone.localdate())
    with scope.shared(actor=TESTER):
        made.confirmed_by, made.confirmed_at = made.others, timezone.now()  # type: ignore[attr-defined]
        made.save(update_fields=["confirmed_by", "confirmed_at"])
        saga = sagas.start("publish", made.pk, key=f"publish:{made.pk}")

    def check() -> None:
        is_done(saga.pk)
        with scope.shared():
            clients = list(Client.objects.values_list("pk", flat=True))
            assert tenant.client_id in clients
            for client in clients:
                assert Notice.objects.filter(publication=made, client_uuid=client).count() == 1
                assert Message.objects.filter(about=client, topic=document.topic).count() == 1
        with scope.shared(actor=TESTER):  # what the neighbour was told, once too, is no harm done to it
            told = Message.objects.filter(topic=document.topic).exclude(about=tenant.client_id)
            waiting = [[str(pk)] for pk in told.values_list("pk", flat=True)]
            drop(Job.objects.filter(args__in=waiting))
            told.delete()
            others = Notice.objects.filter(publication=made).exclude(client_uuid=tenant.client_id)
            with scope.owner():
                others.delete()

    return Case(saga.pk, check, run(saga.pk), forget)


@scenario("publish a version", "publication")
def publication() -> Case:
    document, forget = prepared()
    made = proposal(document, on=plus_months(timezone.localdate(), 1))

    def go() -> None:
        with scope.acting(TESTER), suppress(CannotPublish):
            publishing.confirm(made.pk, by=made.others, now=timezone.now())  # type: ignore[attr-defined]

    def check() -> None:
        with scope.shared():
            made.refresh_from_db()
            assert made.confirmed_at and Saga.objects.filter(subject=made.pk, kind="publish").count() == 1

    return Case(None, check, go, forget)
