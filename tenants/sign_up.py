"""Opening a workspace, from the form to the first owner's door; and finding one's workspaces again by mail.

A SignUp row holds what was typed until the workspace is there, the pool gives one or the saga "provision" makes it,
and the mailed link leads to wherever that stands (opening.py). Pages are in views/app.py, the shape of what is typed in
forms.py. What a workspace may be called is names.py's matter, how a schema is made provision.py's.
"""

import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shared_apps import mail
from shared_apps.accounts.models import HourCounter, Throttle, User, fold_email
from shared_apps.clients.models import Client
from shared_apps.jobs import job
from shared_apps.kit import scope
from shared_apps.kit.rows import uuid7
from shared_apps.legal.documents import Document
from shared_apps.legal.documents import find as find_document
from shared_apps.legal.models import Acceptance
from shared_apps.mail.models import Message
from tenants import departure, names, opening, provision, sagas
from tenants.keys import KeyStore
from tenants.models import CannotAct, Saga, SignUp, Tenant, WorkspaceSearch, host_url
from tenants.schemas import pool

log = logging.getLogger("smoall.sign_up")
CONFIRM_WITHIN = timedelta(hours=24)  # also how long a name is held
ABANDONED_AFTER = timedelta(days=30)  # confirmed, and never made for want of a free name or by an error
RETRY_NAME = timedelta(minutes=1)
FORGET_FOUND = timedelta(hours=1)
DOOR = scope.Actor("system", "sign-up", "Smoall")  # who acts before the first owner is known
PROVISION = sagas.Kind("provision")
OPEN = sagas.Kind("open")  # what is left when the schema came out of the pool


class CannotSignUp(CannotAct):
    """The sentence says why."""


class TooManyMails(CannotSignUp):
    """Whoever asks: as many mails went to strangers within an hour as this deployment allows."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the form asks for. `vat_number` compact with its country's letters, or empty."""

    company: str
    country: str
    vat_number: str
    language: str
    subdomain: str
    name: str
    email: str


# --- asking ---------------------------------------------------------------------------------------


def ask(
    answers: Answers, *, terms: Document, terms_language: str, own: SignUp | None, now: datetime
) -> SignUp:
    """Hold the name for 24 hours and mail the link that confirms. In the shared schema.

    `own` is what this person asked for before: it is replaced, and a link sent to another address is void.
    Raises names.BadName, and CannotSignUp when too many mails went to this address.
    """
    sign_up = previous(own) or SignUp()
    for field, value in asdict(answers).items():
        setattr(sign_up, field, value)
    sign_up.subdomain = names.check(answers.subdomain, but=sign_up)
    sign_up.terms_version, sign_up.terms_language = terms.version, terms.language(terms_language)
    sign_up.created_at, sign_up.expires_at = now, now + CONFIRM_WITHIN
    _save(sign_up)
    mail_confirmation(sign_up, now=now)
    return sign_up


def previous(own: SignUp | None) -> SignUp | None:
    """What a new answer replaces, locked: this browser's own, and nothing that somebody else may have asked for."""
    asked = SignUp.objects.select_for_update().filter(confirmed_at=None)
    return asked.filter(pk=own.pk).first() if own else None


def remind(*, subdomain: str, email: str, now: datetime) -> None:
    """Whoever asked for this name with this very address has the link mailed once more; nobody else learns of it.

    For whoever asks again from elsewhere: an address that is typed proves nothing, a mailbox does.
    """
    asked = SignUp.objects.filter(confirmed_at=None, expires_at__gt=now)
    same = asked.filter(subdomain=names.as_label(subdomain)).first()
    if same and fold_email(same.email) == fold_email(email):
        with suppress(CannotSignUp):
            mail_confirmation(same, now=now)


def _save(sign_up: SignUp) -> None:
    """Raises names.BadName when somebody else took the name in this very moment."""
    try:
        with transaction.atomic():
            sign_up.save()
    except IntegrityError as error:
        raise names.BadName(_now("This name is taken.")) from error


def mail_confirmation(sign_up: SignUp, *, now: datetime) -> None:
    """The link that confirms, once more if need be. Raises CannotSignUp after five in a day, TooManyMails."""
    everybody = _mails_of_the_hour(now)
    if not Throttle.may_mail(sign_up.email, purpose="sign-up", now=now):
        raise CannotSignUp(
            _now("Five mails went there within a day. Use the link in the last one, or try again tomorrow.")
        )
    _count(everybody)
    _send(
        sign_up,
        purpose="sign_up.confirm",
        about=sign_up.id,
        wanted=is_awaited,
        context={"address": host_url(sign_up.subdomain)},
    )


def _mails_of_the_hour(now: datetime) -> HourCounter:
    """Of everybody together: mails to an address that somebody typed are five a day, but addresses are many.

    Raises TooManyMails.
    """
    sent = HourCounter("mails to strangers", now=now)
    if sent.total >= settings.SMOALL_SIGN_UP_MAILS_PER_HOUR:
        raise TooManyMails(
            _now(
                "Too many people asked for a mail within this hour, so we send no more for now. Try again in an hour."
            )
        )
    return sent


def _count(sent: HourCounter) -> None:
    """One more; the last that may be is told to whoever reads the log."""
    sent.count()
    if sent.total >= settings.SMOALL_SIGN_UP_MAILS_PER_HOUR:
        log.error("ALARM: %s mails to strangers within an hour: sign-up and search send no more", sent.total)


def _send(sign_up: SignUp, *, purpose: str, about: UUID, wanted: mail.Check, context: dict[str, Any]) -> None:
    mail.send(
        purpose=purpose,
        to=sign_up.email,
        name=sign_up.name,
        language=sign_up.language,
        template=f"tenants/mail/{purpose.replace('.', '_')}",
        key=f"{purpose}:{uuid7()}",
        about=about,
        wanted=wanted,
        context={"name": sign_up.name, "company": sign_up.company, "url": opening.link(sign_up), **context},
    )


@mail.check
def is_awaited(message: Message) -> bool:
    """The sign-up waits to be confirmed, by this very address."""
    asked = SignUp.objects.filter(confirmed_at=None, email=message.to_address)
    return message.about is not None and asked.filter(pk=message.about).exists()


@mail.check
def is_open(message: Message) -> bool:
    """The client's workspace is there and not being erased."""
    return bool(Tenant.objects.filter(client_id=message.about).exclude(state__in=opening.CLOSED).exists())


# --- confirming -----------------------------------------------------------------------------------


@sagas.verb("confirm")
def confirm(sign_up: SignUp, *, now: datetime) -> Saga:
    """Have the workspace made: at once where a schema is ready, else by a worker. The row must be locked.

    Twice the same click is one workspace. Raises names.BadName when the name was taken meanwhile, CannotSignUp when
    the 24 hours are over.
    """
    if sign_up.confirmed_at is None:
        if sign_up.expires_at <= now:
            raise CannotSignUp(_now("This link was valid for 24 hours. Sign up again: it takes a minute."))
        names.check(sign_up.subdomain, but=sign_up)
        sign_up.confirmed_at, sign_up.expires_at = now, now + CONFIRM_WITHIN
        sign_up.save(update_fields=["confirmed_at", "expires_at"])
    data = {"sign_up": str(sign_up.id), "print": opening.print_of(sign_up.id, sign_up.email)}
    return _opened_at_once(sign_up, data) or sagas.start(
        "provision", uuid7(), key=opening.key_of(sign_up.id), data=data
    )


def _opened_at_once(sign_up: SignUp, data: dict[str, Any]) -> Saga | None:
    """From the pool: its schema is there, so all that is left are rows, in the caller's transaction; a worker makes the key.

    None when the pool is empty, or the name was taken this very moment: the schema is then back in the pool.
    """
    made = opening.key_of(sign_up.id)  # the row has none any more once it is forgotten
    if Saga.objects.filter(key=made).exists():
        return None
    try:
        with transaction.atomic():
            pooled = pool.claim()
            if pooled is None:
                return None
            data = {**data, "person": _opened(pooled.id, sign_up, (pooled.release, pooled.fingerprint))}
            return sagas.start("open", pooled.id, key=made, data=data)
    except names.BadName:
        return None


def rename(sign_up: SignUp, label: str, *, now: datetime) -> None:
    """Another name instead of one that was taken meanwhile. The row must be locked. Raises names.BadName."""
    sign_up.subdomain = names.check(label, but=sign_up)
    _save(sign_up)
    if saga := Saga.objects.filter(key=opening.key_of(sign_up.id)).first():
        sagas.hasten(saga, now)


def open_for(answers: Answers, *, now: datetime) -> Saga:
    """A workspace that an operator makes: nothing to confirm; the terms are accepted at the first visit.

    The author is the scope's. Raises names.BadName.
    """
    with scope.shared():
        sign_up = SignUp(**asdict(answers), created_at=now, expires_at=now + CONFIRM_WITHIN, confirmed_at=now)
        sign_up.subdomain = names.check(answers.subdomain)
        _save(sign_up)
        return confirm(sign_up, now=now)


def accept_terms(tenant: Tenant, terms: Document, *, language: str, now: datetime) -> None:
    Acceptance.record(terms, client=tenant.client_id, language=language, at=now)


# --- the saga -------------------------------------------------------------------------------------


@PROVISION.step(_("Making the key of your workspace"), outside=True)
def key(saga: Saga) -> None:
    KeyStore.default().ensure(saga.subject)


@PROVISION.step(_("Making your workspace"), weight=8)
def workspace(saga: Saga) -> None:
    """Everything or nothing: client, schema, address, owner, accepted terms; what was typed is forgotten."""
    sign_up = SignUp.objects.select_for_update().filter(pk=saga.data["sign_up"]).first()
    if sign_up is None:  # abandoned
        return
    try:
        with transaction.atomic():
            saga.data["person"] = _opened(saga.subject, sign_up)
    except names.BadName as error:
        now = timezone.now()
        if now >= sign_up.expires_at:
            return forget(sign_up)
        raise sagas.NotYet(min(now + RETRY_NAME, sign_up.expires_at)) from error


@PROVISION.step(_("Opening the door"))
def opened(saga: Saga) -> None:
    """Leaves no key behind when nothing was made."""
    if not Tenant.objects.filter(pk=saga.subject).exists():
        KeyStore.default().destroy(saga.subject)


@OPEN.step(_("Making the key of your workspace"), outside=True)
def late_key(saga: Saga) -> None:
    """What waits in the pool has none: a key outlives the database that it was made beside."""
    with scope.shared():
        is_there = Tenant.objects.filter(pk=saga.subject).exists()
    if is_there:
        KeyStore.default().ensure(saga.subject)


def _opened(id: UUID, sign_up: SignUp, pooled: tuple[str, str] | None = None) -> str:
    """The workspace with everything in it; the first owner's id. What was typed is forgotten. Raises names.BadName."""
    tenant = _made(id, sign_up, pooled)
    with scope.tenant(id):
        person = str(User.objects.get(email_folded=fold_email(sign_up.email)).id)
    _send(
        sign_up,
        purpose="sign_up.ready",
        about=tenant.client_id,
        wanted=is_open,
        context={"address": tenant.url},
    )
    forget(sign_up)
    return person


def _made(id: UUID, sign_up: SignUp, pooled: tuple[str, str] | None) -> Tenant:
    client = Client.objects.create(
        company=sign_up.company, vat_number=sign_up.vat_number, country=sign_up.country,
        language=sign_up.language,
        contact_name=sign_up.name, contact_email=sign_up.email,
    )  # fmt: skip
    person = provision.FirstPerson(sign_up.name, sign_up.email, sign_up.language)
    tenant = provision.create(
        id,
        client=client,
        subdomain=sign_up.subdomain,
        person=person,
        by=scope.actor(),
        sign_up=sign_up,
        pooled=pooled,
    )
    if sign_up.terms_version:
        terms = find_document("terms", sign_up.terms_version)
        Acceptance.record(terms, client=client.id, language=sign_up.terms_language, at=sign_up.created_at)
    return tenant


# --- forgetting -----------------------------------------------------------------------------------


def forget(sign_up: SignUp) -> None:
    """The row, and every mail about it."""
    mail.purge(sign_up.id)
    sign_up.delete()


@job(purpose="sign_up.expire")
def expire() -> None:
    forget_expired(now=timezone.now())


def forget_expired(*, now: datetime) -> int:
    """Sign-ups that nobody confirmed within 24 hours, and searches. Returns how many sign-ups went."""
    with scope.shared():
        asked = SignUp.objects.filter(confirmed_at=None, expires_at__lte=now)
        abandoned = SignUp.objects.filter(confirmed_at__isnull=False, expires_at__lte=now - ABANDONED_AFTER)
        gone = [*asked.select_for_update(skip_locked=True), *abandoned.select_for_update(skip_locked=True)]
        for sign_up in gone:
            forget(sign_up)
        WorkspaceSearch.objects.filter(created_at__lte=now - CONFIRM_WITHIN).delete()
        found = Message.objects.filter(purpose="sign_up.find", created_at__lte=now - FORGET_FOUND)
        found.exclude(state=Message.State.QUEUED).delete()
    return len(gone)


# --- finding one's workspaces ---------------------------------------------------------------------


def search(email: str, *, language: str, now: datetime) -> None:
    """Mail an address the list of its workspaces, five times a day at most. In the shared schema. Raises TooManyMails."""
    everybody = _mails_of_the_hour(now)
    if Throttle.may_mail(email, purpose="find", now=now):
        _count(everybody)
        row = WorkspaceSearch.objects.create(email=email, language=language, created_at=now)
        find.later(str(row.id))


@job(purpose="sign_up.find", saga=True)
def find(search_id: str) -> None:
    """Ask every workspace, each in its own scope: the shared schema knows no user (I1)."""
    with scope.shared():
        asked = WorkspaceSearch.objects.filter(pk=search_id).first()
        if asked is None:
            return
        tenants = list(
            Tenant.objects.exclude(state__in=opening.CLOSED)
            .select_related("client")
            .prefetch_related("domains")
        )
    found = [tenant for tenant in tenants if _knows(tenant.id, asked.email)]
    with scope.shared():
        departed = departure.links_of(asked.email)
        if WorkspaceSearch.objects.filter(pk=search_id).delete()[0]:
            mail.send(
                purpose="sign_up.find", to=asked.email, language=asked.language,
                template="tenants/mail/sign_up_find",
                key=f"sign_up.find:{search_id}",
                context={
                    "workspaces": [{"company": tenant.client.company, "url": tenant.url} for tenant in found],
                    "departed": [{"company": company, "url": url} for company, url in departed],
                    "sign_up_url": host_url("app") + reverse("app:sign-up", urlconf="config.urls_app"),
                },
            )  # fmt: skip


def _knows(tenant: UUID, email: str) -> bool:
    """Whether somebody active there has this address; False for a workspace that is gone by now."""
    try:
        with transaction.atomic(), scope.tenant(tenant), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", [str(tenant)])
            person = User.objects.by_email(email)
    except ProgrammingError:
        return False
    return person is not None and person.is_active
