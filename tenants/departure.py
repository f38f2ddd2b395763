"""A client's notice: its data stays three months, its contact details twelve, unless the client says otherwise (P34–P37).

Each verb locks the workspace's row, then the departure's, keeps what the client said as an Instruction, and mails the
client's address. Who is due is retention.py's matter; erasing is erasure.py's (data) and forgetting.py's (contact details).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from shared_apps import mail
from shared_apps.accounts.models import Throttle, fold_email
from shared_apps.clients.models import Client
from shared_apps.kit import scope, tokens, uploads
from shared_apps.kit.dates import day_of, end_of, plus_months
from shared_apps.mail.models import Message
from tenants import sagas
from tenants.models import CannotAct, Category, Departure, Erasure, Instruction, Saga, State, Tenant, host_url
from tenants.requests import role_of

DATA_MONTHS = 3  # P35
CONTACT_MONTHS = 12  # P36
LATE_MONTHS = 2  # how long a notice sent to Smoall may have lain: a month to take a copy is left then
LATEST_MONTHS = 120  # how far from the notice a client may put a day
LINK_SECONDS = 30 * 24 * 3600  # of the mailed link to the contact details; an older one asks for another
LEAVABLE = (State.ACTIVE, State.SUSPENDED)
PURPOSE = "tenants.leaving"
PRINT = "smoall.departure"  # salt of what a link holds of the address

# Told of a client whose departure is another one now, in that transaction: modules above join it in their `ready`.
watchers: list[Callable[[UUID], None]] = []


@dataclass(frozen=True, slots=True)
class Dates:
    """The last days, in Brussels, on which data and contact details are kept."""

    data_on: date
    contacts_on: date

    @property
    def data_until(self) -> datetime:
        """The moment at which the data may be erased."""
        return end_of(self.data_on)


def foresee(now: datetime, received_on: date | None = None) -> Dates:
    """What a notice given now would promise, or one that came in on that day: whole calendar months, that day not counted."""
    noticed = received_on or day_of(now)
    return Dates(plus_months(noticed, DATA_MONTHS), plus_months(noticed, CONTACT_MONTHS))


def receipt(now: datetime) -> tuple[date, date]:
    """The first and the last day on which a notice that is noted now may have come in."""
    return plus_months(day_of(now), -LATE_MONTHS), day_of(now)


# --- the verbs --------------------------------------------------------------------------------------------


@sagas.verb("notice")
def give_notice(
    id: UUID,
    *,
    now: datetime,
    received_on: date | None = None,
    data_on: date | None = None,
    contacts_on: date | None = None,
    proof: "File[bytes] | None" = None,
) -> Departure:
    """Give notice for a workspace. The author is the scope's; an operator brings the client's proof.

    `received_on`: of a notice sent to Smoall, which counts from its receipt (the terms, article 8). `data_on`,
    `contacts_on`: the client's own days instead of the promised ones. Fixes both promised days for good.
    Raises CannotAct when it leaves already or is closed, or for a day out of reach; ValidationError for a proof that
    can't be kept. Then nothing has changed.
    """
    with scope.shared():
        tenant = Tenant.locked(id)
        if tenant.state not in LEAVABLE:
            raise CannotAct(
                _("Notice was given already.")
                if tenant.state == State.LEAVING
                else _("This workspace is closed.")
            )
        if received_on is not None:
            first, last = receipt(now)
            _refuse_outside(first, received_on, last)
        departure = _begin(tenant, Departure.Origin.NOTICE, received_on=received_on, now=now)
        for category, on in ((Category.DATA, data_on), (Category.CONTACTS, contacts_on)):
            if on is not None:
                _move(departure, category, on, now=now)
        tenant._enter(State.LEAVING, reason=tenant.state_reason, now=now)
        _tell(departure, "notice_given", key="notice")
        _said(departure, Instruction.Kind.NOTICE, now=now, proof=proof)
    return departure


def _begin(
    tenant: Tenant, origin: Departure.Origin, *, now: datetime, received_on: date | None = None
) -> Departure:
    dates = foresee(now, received_on)
    return Departure.objects.create(
        tenant_uuid=tenant.id,
        client_uuid=tenant.client_id,
        origin=origin,
        noticed_at=now,
        received_on=received_on,
        noticed_by=role_of(scope.actor()),
        data_promised_on=dates.data_on,
        contacts_promised_on=dates.contacts_on,
        data_on=dates.data_on,
        contacts_on=dates.contacts_on,
    )


@sagas.verb("withdraw")
def withdraw(id: UUID, *, now: datetime, proof: "File[bytes] | None" = None) -> Departure:
    """Take the notice of a workspace back: it is as it was, suspended when it was suspended. Raises CannotAct.

    Possible as long as the data is there: until the end of its last day, and after it while the erasure has not begun.
    """
    with scope.shared():
        tenant = Tenant.locked(id)
        if tenant.state != State.LEAVING:
            raise CannotAct(_("There is no notice to withdraw."))
        departure = _standing(id)
        departure.withdrawn_at = now
        departure.save(update_fields=["withdrawn_at"])
        state = State.SUSPENDED if tenant.is_read_only else State.ACTIVE
        tenant._enter(state, reason=tenant.state_reason, now=now)
        _tell(departure, "notice_withdrawn", key="withdrawn")
        _said(departure, Instruction.Kind.WITHDRAWN, now=now, proof=proof)
    return departure


@sagas.verb("instruct")
def instruct(
    departure_id: UUID,
    category: Category,
    on: date | None,
    *,
    now: datetime,
    proof: "File[bytes] | None" = None,
) -> Departure:
    """Keep data or contact details until the end of another day; None: of the promised one again. Raises CannotAct.

    Data: from tomorrow on, since at once is an erasure, which an owner can stop. Contact details: from today on, and
    never shorter than the data, which needs them. The promised day, too, must be one of these: where it is over, it
    would be at once. Nobody instructs about what is erased or is being erased.
    """
    with scope.shared():
        departure = locked(departure_id)
        _refuse_when_over(departure, category)
        before = Dates(departure.data_on, departure.contacts_on)
        _move(departure, category, on, now=now)
        if Dates(departure.data_on, departure.contacts_on) != before:
            _tell(departure, "departure_changed", key=f"changed:{now.isoformat()}")
        kind = Instruction.Kind.PROMISED if on is None else Instruction.Kind.DAY
        _said(departure, kind, category=category, on=on, now=now, proof=proof)
    return departure


def choose(
    departure_id: UUID,
    category: Category,
    on: date | None,
    *,
    seen: str,
    now: datetime,
    proof: "File[bytes] | None" = None,
) -> bool:
    """`instruct` for somebody at a page that showed the days in `seen`. False when the same was said already.

    Raises CannotAct, also when the days are others by now: whoever chooses has to know what they change.
    """
    with scope.shared():
        found = locked(departure_id)
        _refuse_when_over(found, category)
        if seen != seen_in(found):
            if found.day(category) == (on or found.promised(category)):
                return False
            raise CannotAct(
                _("Other days were chosen meanwhile. Look at those below, then choose again if you want to.")
            )
        if on is None and found.promised(category) < reach(category, noticed_at=now, now=now)[0]:
            raise CannotAct(_("The promised day is over. Choose another one, or have it erased at once."))
        instruct(departure_id, category, on, now=now, proof=proof)
        return True


def _refuse_when_over(departure: Departure, category: Category) -> None:
    if departure.withdrawn_at:
        raise CannotAct(_("The notice was withdrawn."))
    if departure.returned_at:
        raise CannotAct(_("The client has a new workspace: it gives notice there."))
    if departure.contacts_erased_at or (category == Category.DATA and departure.data_erased_at):
        raise CannotAct(_("It is erased already."))
    if category == Category.CONTACTS and is_being_forgotten(departure):
        raise CannotAct(_("The contact details are being erased already."))
    tenant = Tenant.objects.filter(pk=departure.tenant_uuid).first()
    if category == Category.DATA and (tenant is None or not tenant.is_leaving):
        raise CannotAct(_("This workspace is closed already."))


def _move(departure: Departure, category: Category, on: date | None, *, now: datetime) -> None:
    """Set the day in force, and let the contact details outlive the data. Raises CannotAct for a day out of reach."""
    day = on or departure.promised(category)
    if on is None and category == Category.CONTACTS:
        day = max(day, departure.data_on)
    if on is not None or day != departure.day(category):
        _refuse_out_of_reach(departure, category, day, now=now)
    if category == Category.DATA:
        departure.data_on = on or departure.data_promised_on
    else:
        departure.contacts_said_on = on
    departure.contacts_on = _contacts_day(departure)
    departure.save(update_fields=["data_on", "contacts_on", "contacts_said_on"])


def _contacts_day(departure: Departure) -> date:
    """What was said or promised, but never before the data's day."""
    return max(departure.contacts_said_on or departure.contacts_promised_on, departure.data_on)


def reach(category: Category, *, noticed_at: datetime, now: datetime) -> tuple[date, date]:
    """The first and the last day until which a client may have something kept."""
    first = day_of(now) + timedelta(days=1 if category == Category.DATA else 0)
    return first, plus_months(day_of(noticed_at), LATEST_MONTHS)


def _refuse_out_of_reach(departure: Departure, category: Category, on: date, *, now: datetime) -> None:
    first, last = reach(category, noticed_at=departure.noticed_at, now=now)
    _refuse_outside(first, on, last)


def _refuse_outside(first: date, on: date, last: date) -> None:
    if not first <= on <= last:
        raise CannotAct(
            _("Choose a day from %(first)s to %(last)s.")
            % {"first": date_format(first, "DATE_FORMAT"), "last": date_format(last, "DATE_FORMAT")}
        )


# --- for an erasure ---------------------------------------------------------------------------------------


def note_erasure(tenant: Tenant, *, with_contacts: bool, now: datetime) -> Departure:
    """An erasure at once was asked for: the notice that it implies, or what it adds to the one given. The tenant is locked."""
    departure = Departure.objects.standing().filter(tenant_uuid=tenant.id).first()
    if departure is None:
        departure = _begin(tenant, Departure.Origin.ERASURE, now=now)
    _said(departure, Instruction.Kind.NOW, category=Category.DATA, now=now)
    if with_contacts:
        _said(departure, Instruction.Kind.NOW, category=Category.CONTACTS, now=now)
    return departure


def note_destroyed(tenant: UUID, *, now: datetime) -> None:
    """The data is gone, in the caller's transaction: sooner than its day when it was erased at once.

    Then that day ends now, and no longer holds up the contact details: they have the day that was promised or said.
    """
    departure = Departure.objects.select_for_update().filter(tenant_uuid=tenant, withdrawn_at=None).first()
    if departure is None:
        return  # erased before there were departures, in a database that a replay goes through
    departure.data_erased_at = now
    if day_of(now) < departure.data_on:
        departure.data_on = day_of(now)
        departure.contacts_on = _contacts_day(departure)
    departure.save(update_fields=["data_erased_at", "data_on", "contacts_on"])
    _changed(departure)


def note_return(client: UUID, *, now: datetime) -> bool:
    """A client whose data is gone loads its copy into a new workspace: its contact details have no last day any more.

    False when they are being erased already: then they can't be counted on. In the caller's transaction.
    """
    departure = Departure.objects.standing().select_for_update().filter(client_uuid=client).first()
    if departure is None:
        return True
    if departure.data_erased_at is None or is_being_forgotten(departure):
        return False
    departure.returned_at = now
    departure.save(update_fields=["returned_at"])
    return True


def note_cancelled(tenant: Tenant, *, now: datetime) -> None:
    """The erasure was cancelled: a notice given before stands, one that it implied is gone. The tenant is locked."""
    departure = _standing(tenant.id)
    if departure.origin == Departure.Origin.ERASURE:
        departure.withdrawn_at = now
        departure.save(update_fields=["withdrawn_at"])
    _said(departure, Instruction.Kind.WITHDRAWN, category=Category.DATA, now=now)


# --- reading ----------------------------------------------------------------------------------------------


def of_workspace(id: UUID) -> Departure | None:
    """The notice that a workspace leaves by, if any. Opens the shared door itself."""
    with scope.shared():
        return Departure.objects.with_data().filter(tenant_uuid=id).first()


def of_client(client: UUID) -> Departure | None:
    """The departure of a client whose contact details are there still. In the shared scope."""
    return Departure.objects.standing().filter(client_uuid=client).first()


def forget_key(departure: Departure) -> str:
    """The key of the saga that erases the contact details: one for a departure (forgetting.py)."""
    return f"forget:{departure.id}"


def is_being_forgotten(departure: Departure) -> bool:
    """Whether the erasure of the contact details was begun, by itself or with the data's; failed ones count."""
    closed = Erasure.objects.filter(tenant_uuid=departure.tenant_uuid, cancelled_at=None, with_contacts=True)
    return closed.exists() or Saga.objects.filter(key=forget_key(departure)).exists()


def locked(id: UUID) -> Departure:
    """The departure, held with its workspace's row until the transaction ends. Raises CannotAct when it is gone."""
    found = Departure.objects.filter(pk=id).first()
    if found is None:
        raise CannotAct(_("This departure does not exist any more."))
    with suppress(CannotAct):  # its data is erased
        Tenant.locked(found.tenant_uuid)
    return Departure.objects.select_for_update().get(pk=id)


def _standing(tenant: UUID) -> Departure:
    found = Departure.objects.standing().select_for_update().filter(tenant_uuid=tenant).first()
    if found is None:
        raise CannotAct(_("This departure does not exist any more."))
    return found


def _said(
    departure: Departure,
    kind: Instruction.Kind,
    *,
    now: datetime,
    category: Category | str = "",
    on: date | None = None,
    proof: "File[bytes] | None" = None,
) -> Instruction:
    """Keep what the client said: last in a verb, since a proof's file can't be rolled back."""
    _changed(departure)
    said = Instruction(
        departure=departure,
        kind=kind,
        category=category,
        on=on,
        given_at=now,
        given_by=role_of(scope.actor()),
    )
    if proof is not None:
        accepted = uploads.accept(proof)
        said.proof, said.proof_type = accepted.file, accepted.content_type
    try:
        said.save()
    except BaseException:
        if said.proof:
            default_storage.delete(said.proof.name or "")
        raise
    return said


def _changed(departure: Departure) -> None:
    for watcher in watchers:
        watcher(departure.client_uuid)


# --- telling ----------------------------------------------------------------------------------------------


def _tell(departure: Departure, template: str, *, key: str, purpose: str = PURPOSE, **more: Any) -> None:
    """One mail to the client's address, in the shared outbox: it outlives the workspace's own."""
    client = Client.objects.get(pk=departure.client_uuid)
    mail.send(
        purpose=purpose,
        to=client.contact_email,
        name=client.contact_name,
        language=client.language,
        about=client.pk,
        template=f"tenants/mail/{template}",
        key=f"leaving:{departure.id}:{key}",
        wanted=None if departure.withdrawn_at else still_stands,
        headers={"X-Smoall-Dates": seen_in(departure)},
        context={"company": client.company, "departure": departure, **_links(departure, client), **more},
    )


def remind(departure: Departure, category: Category, days: int) -> bool:
    """Mail that a day comes, once for each day in force and number of days before it. Whether it was new."""
    on = departure.day(category)
    key = f"soon:{category}:{on}:{days}"
    if Message.objects.filter(key=f"leaving:{departure.id}:{key}").exists():
        return False
    _tell(departure, f"{category}_soon", key=key)
    return True


@mail.check
def still_stands(message: Message) -> bool:
    """The notice was neither withdrawn nor moved since the mail was written."""
    departure = of_client(message.about) if message.about else None
    return departure is not None and message.headers.get("X-Smoall-Dates") == seen_in(departure)


def seen_in(departure: Departure) -> str:
    """The days in force, as a page or mail carries them to know later whether they moved."""
    return f"{departure.id} {departure.data_on} {departure.contacts_on}"


def _links(departure: Departure, client: Client) -> Mapping[str, str]:
    """Where the client goes on: its workspace's pages while there is one, the page of its contact details afterwards."""
    tenant = Tenant.objects.prefetch_related("domains").filter(pk=departure.tenant_uuid).first()
    if tenant is None or departure.data_erased_at:
        return {"contact_url": contact_link(departure, client)}
    return {
        "leave_url": tenant.url + reverse("workspace:leave", urlconf="config.urls_tenant"),
        "exports_url": tenant.url + reverse("workspace:exports", urlconf="config.urls_tenant"),
    }


# --- the contact person's link ----------------------------------------------------------------------------


def contact_link(departure: Departure, client: Client) -> str:
    """The address of the page on which the contact person sees, corrects and erases the contact details.

    Bound to the e-mail address on file: a corrected address voids the links that went to the old one, for good.
    """
    with scope.shared(realm="app"):
        made = tokens.print_of(_state(departure, client), salt=PRINT)
        token = tokens.sign([str(departure.id), made, departure.link_generation], purpose="contact")
    return host_url("app") + reverse("app:contact", urlconf="config.urls_app", args=[token])


def links_of(email: str) -> list[tuple[str, str]]:
    """(company, link) of each departed client whose contact person has this address. In the shared scope."""
    gone = Departure.objects.standing().exclude(data_erased_at=None).order_by("noticed_at")
    clients = Client.objects.filter(contact_email__iexact=email, pk__in=gone.values("client_uuid"))
    found = {client.pk: client for client in clients if fold_email(client.contact_email) == fold_email(email)}
    leaving = gone.filter(client_uuid__in=found) if found else ()
    return [(found[one.client_uuid].company, contact_link(one, found[one.client_uuid])) for one in leaving]


def _state(departure: Departure, client: Client) -> str:
    return f"{departure.id}|{fold_email(client.contact_email)}"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a mailed link opens. Without a client its details are erased; a link that is `expired` opens nothing."""

    departure: Departure
    client: Client | None
    is_expired: bool = False


def read_link(token: str) -> Visit:
    """What a mailed link leads to, in the realm "app". Raises tokens.BadToken for one that was altered.

    `is_expired` when it is too old, or was sent to an address that was corrected since.
    """
    with suppress(tokens.BadToken):
        return _visit(tokens.read(token, purpose="contact", max_age=LINK_SECONDS), is_old=False)
    return _visit(tokens.read(token, purpose="contact", max_age=100 * LINK_SECONDS), is_old=True)


def _visit(payload: Any, *, is_old: bool) -> Visit:
    gone = Departure.objects.filter(pk=payload[0], returned_at=None).exclude(data_erased_at=None)
    departure = gone.first()
    if departure is None:
        raise tokens.BadToken("withdrawn, or the client has a workspace")
    client = Client.objects.filter(pk=departure.client_uuid).first()
    generation = payload[2] if len(payload) > 2 else 0  # links of earlier releases name none
    is_void = generation != departure.link_generation or (
        client is not None and not tokens.is_print(str(payload[1]), _state(departure, client), salt=PRINT)
    )
    return Visit(departure, client, is_old or is_void)


def void_links(departure: Departure) -> None:
    """The address on file is another one now: what was mailed before opens nothing, whatever is erased later.

    The departure is locked.
    """
    departure.link_generation += 1
    departure.save(update_fields=["link_generation"])


def mail_link(departure: Departure, *, now: datetime) -> bool:
    """Another link, to the address on file; whoever asks learns nothing. False after five in a day."""
    client = Client.objects.get(pk=departure.client_uuid)
    if not Throttle.may_mail(client.contact_email, purpose="contact", now=now):
        return False
    _tell(departure, "contact_link", key=f"link:{now.isoformat()}", purpose="tenants.contact")
    return True
