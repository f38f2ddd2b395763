"""A client at the processor: its customer there, kept in step with the contact details both ways, and deleted with them.

Contact details go there with the first order and not before. Each time they do is a disclosure to the partner Stripe (P31).
Which side changed what is told by what was sent last (Account.sent): what is another there was changed there, by the client
on the processor's own pages, and comes here; what is another here goes there. Where both changed, ours counts.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing import ending, events, gateway, vat
from billing.events import projects
from billing.gateway import id_of, once, read, talking
from billing.models import Account, Parting, Seats, Subscription, TaxStatus
from billing.models.account import PROMISED, changed
from shared_apps.clients.models import Client
from shared_apps.jobs import TryAgain, job
from shared_apps.jobs.run import described
from shared_apps.kit import scope
from shared_apps.kit.dates import day_of
from shared_apps.kit.numbers import PREFIXES
from shared_apps.kit.places import EU
from shared_apps.kit.rows import uuid7
from shared_apps.sharing.models import CannotShare, Partner
from tenants import certificate, correction, forgetting
from tenants.models import CannotAct, Departure, Tenant

log = logging.getLogger("smoall.billing")
LONGEST_ADDRESS = 254  # of a mailbox, RFC 5321 with its erratum 1690
PARTNER = "Stripe"
HOST = "api.stripe.com"
CATEGORIES = ("billing", "contact")
MIRRORED = (
    "company",
    "street",
    "postal_code",
    "city",
    "country",
    "phone",
)  # that the processor's pages let change


class NotAllowed(gateway.Trouble):
    """The processor's privacy policy is not verified: nothing may go there (P31)."""


# --- to the processor -----------------------------------------------------------------------------------------


def open(client: Client, *, now: datetime) -> Account:
    """The client's account with a customer at the processor that has its details as they are now.

    In the shared scope, in a transaction; the author is the scope's. Raises gateway.Trouble.
    """
    account = Account.locked(client.pk, now=now)
    push(account, client, now=now)
    return account


def push(account: Account, client: Client, *, now: datetime) -> bool:
    """Send what the processor doesn't have yet; whether anything was sent. The account is locked. Raises gateway.Trouble."""
    wanted = account.told(client) | {"treatment": treatment_of(account, client).name}
    different = changed(account.sent, wanted)
    if account.customer_id and not different:
        return False
    disclose(client.pk, now=now)
    with talking():
        if account.customer_id is None:
            account.customer_id = _create(client.pk)
        gateway.client().v1.customers.update(account.customer_id, params=_fields(account, client))  # type: ignore[arg-type]
    if changed(
        {"vat_number": account.sent.get("vat_number", "")}, {"vat_number": wanted["vat_number"]}
    ) or not (account.tax_id or not wanted["vat_number"]):
        _replace_tax_id(account, client)
    account.sent, account.synced_at = wanted, now
    account.save()
    return True


def _create(client: UUID) -> str:
    """A customer that has nothing but our client's key: asked for again after a crash, with other details, it is the same.

    Held from now on, so that no message of it is read before its details are there.
    """
    made = gateway.client().v1.customers.create(
        params={"metadata": {"client": str(client)}}, options=once("customer", client)
    )
    id = id_of("customer", made, "id")
    events.hold("customer", id)
    return id


def treatment_of(account: Account, client: Client) -> vat.Treatment:
    """How this client's invoices are taxed, as far as its VAT number is checked by now."""
    is_checked = account.tax_status == TaxStatus.VERIFIED and account.tax_number == _as_eu_vat(client)[1]
    return vat.treatment_of(country=client.country, vat_number=client.vat_number, is_checked=is_checked)


def _fields(account: Account, client: Client) -> dict[str, Any]:
    treatment = treatment_of(account, client)
    return {
        "name": client.company,
        "email": account.email_for(client),
        "phone": client.phone,
        "address": {
            "line1": client.street,
            "postal_code": client.postal_code,
            "city": client.city,
            "country": client.country,
        },
        "preferred_locales": [client.language],
        "tax_exempt": {"reverse": "reverse", "outside": "exempt"}.get(treatment.name, "none"),
    }


def _as_eu_vat(client: Client) -> tuple[str, str]:
    """(the processor's type, the number) of a VAT number that it can check; ("", "") otherwise."""
    number = client.vat_number.replace(" ", "").replace(".", "").upper()
    prefix = number[:2]
    if not number or PREFIXES.get(prefix, prefix) not in EU:
        return "", ""
    return "eu_vat", number


def _replace_tax_id(account: Account, client: Client) -> None:
    assert account.customer_id
    kind, number = _as_eu_vat(client)
    stripe = gateway.client().v1
    if account.tax_id and account.tax_number != number:
        try:
            with talking():
                stripe.customers.tax_ids.delete(account.customer_id, account.tax_id)
        except gateway.Missing:
            pass
    account.tax_id = account.tax_number = ""
    account.tax_status = TaxStatus.NONE
    if not number:
        return
    try:
        with talking():
            listed = stripe.customers.tax_ids.list(account.customer_id)
            there = [one for one in listed.data if read("tax_id", one, "value") == number]
            # A crash may have left it there: it is taken then, and no second one made.
            made = there[0] if there else stripe.customers.tax_ids.create(
                account.customer_id, params={"type": kind, "value": number}, options=once("tax-id", uuid7())
            )  # fmt: skip
    except gateway.Misunderstood:  # no such number can exist: the invoice has VAT, and the page says why
        account.tax_number, account.tax_status = number, TaxStatus.UNVERIFIED
        return
    account.tax_id, account.tax_number = id_of("tax_id", made, "id"), number
    account.tax_status = _tax_status(read("tax_id", made, "verification.status"))


def _tax_status(said: Any) -> str:
    return str(said) if said in TaxStatus.values else TaxStatus.PENDING


def disclose(client: UUID, *, now: datetime) -> None:
    """Note that contact details go to the processor, in the transaction that sends them. Raises NotAllowed."""
    partner = Partner.objects.filter(name=PARTNER, ended_at=None).first()
    is_standin = f"https://{HOST}" != settings.STRIPE_API  # nothing leaves this machine
    if is_standin and (partner is None or partner.state(timezone.localdate(now)) != "open"):
        return
    try:
        if partner is None:
            raise CannotShare
        partner.disclose(client, categories=CATEGORIES, why=gettext_noop("To take your payments"), now=now)
    except CannotShare as error:
        raise NotAllowed(
            _("Payments are not open yet: the payment operator’s privacy policy has to be read first.")
        ) from error


@job(purpose="billing.customer")
def follow(client_id: str) -> None:
    """After a change of the contact details: the processor's copy, when it has one."""
    client = Client.objects.filter(pk=client_id).first()
    account = Account.objects.select_for_update().filter(client_uuid=client_id).first()
    if client is None or account is None or account.customer_id is None:
        return
    try:
        with transaction.atomic():  # what was not sent was not disclosed
            push(account, client, now=timezone.now())
    except gateway.Trouble as error:
        raise TryAgain(type(error).__name__) from error


def details_changed(client: UUID) -> None:
    """For tenants.correction: only those that the processor knows."""
    with scope.shared():
        if Account.objects.filter(client_uuid=client).exclude(customer_id=None).exists():
            follow.later(str(client))


# --- from the processor ---------------------------------------------------------------------------------------


@projects("customer")
def customer(obj: Any, *, now: datetime) -> None:
    """Its details, where the client changed them on the processor's pages; the state of its VAT number; how it pays."""
    account = Account.objects.select_for_update().filter(customer_id=read("customer", obj, "id")).first()
    if account is None:
        return
    theirs = {
        "company": read("customer", obj, "name"),
        "contact_email": read("customer", obj, "email"),
        "phone": read("customer", obj, "phone"),
        "street": read("customer", obj, "address.line1"),
        "postal_code": read("customer", obj, "address.postal_code"),
        "city": read("customer", obj, "address.city"),
        "country": read("customer", obj, "address.country"),
    }
    waits = _come_here(account, {name: str(value or "") for name, value in theirs.items()}, now=now)
    _look_at_tax_ids(account)
    if method := id_of("customer", obj, "invoice_settings.default_payment_method"):
        account.pay_method = kind_of_method(method)
    account.synced_at = now
    account.save()
    client = Client.objects.filter(pk=account.client_uuid).first()
    if client is None or waits:  # what is sent meanwhile would write over what waits there
        return
    wanted = account.told(client) | {"treatment": treatment_of(account, client).name}
    # A number was checked meanwhile, or something could not be sent until now.
    if changed(account.sent, wanted):
        follow.later(str(client.pk))


def _come_here(account: Account, theirs: Mapping[str, str], *, now: datetime) -> bool:
    """Write what was changed there into the contact details, unless it was changed here too.

    Whether some of it waits: what can't be written yet stays a difference, and comes with the comparison once the
    workspace is open again.
    """
    client = Client.objects.filter(
        pk=account.client_uuid
    ).first()  # correction.correct locks, after the workspace
    if client is None:
        return False
    told, there = account.told(client), changed(account.sent, theirs)
    taken = {name: value for name, value in there.items() if told[name] == str(account.sent.get(name, ""))}
    if (email := taken.pop("contact_email", "")) and _is_address(email):
        account.billing_email = (
            email  # where invoices go; how Smoall reaches the client is said to Smoall alone
        )
        account.sent = {**account.sent, "contact_email": email}
    taken = {name: value for name, value in taken.items() if name in MIRRORED and _is_fit(name, value)}
    tenant = Tenant.objects.filter(client_id=client.pk).first()
    waits = False
    if taken and tenant:
        try:
            correction.correct(tenant.pk, taken, now=now)
            account.sent = {**account.sent, **taken}
        except CannotAct:
            log.info(
                "The workspace is closed: what its client changed at the processor waits until it opens."
            )
            waits = True
    account.save(update_fields=["sent", "billing_email"])
    return waits


def _is_address(email: str) -> bool:
    """Whether mails can be sent there: the processor's own pages may take others."""
    try:
        validate_email(email)
    except ValidationError:
        return False
    return len(email) <= LONGEST_ADDRESS


def _is_fit(name: str, value: str) -> bool:
    field: Any = Client._meta.get_field(name)
    return len(value) <= field.max_length and bool(value or field.blank)


def _look_at_tax_ids(account: Account) -> None:
    assert account.customer_id
    with talking():
        listed = gateway.client().v1.customers.tax_ids.list(account.customer_id)
    account.tax_id = ""
    for one in listed.data:
        account.tax_id = id_of("tax_id", one, "id")
        account.tax_number = str(read("tax_id", one, "value"))[:30]
        account.tax_status = _tax_status(read("tax_id", one, "verification.status"))
    if not account.tax_id and account.tax_status != TaxStatus.UNVERIFIED:
        account.tax_number, account.tax_status = "", TaxStatus.NONE


def kind_of_method(id: str) -> str:
    """ "card", "sepa_debit", "bancontact": what kind it is, and nothing about which one (P15)."""
    if not id:
        return ""
    try:
        with talking():
            found = gateway.client().v1.payment_methods.retrieve(id)
    except gateway.Missing:
        return ""
    return str(read("payment_method", found, "type"))[:40]


def adopt(customer_id: str, client_uuid: UUID, *, now: datetime) -> str:
    """What becomes of a customer that no account names, made for that client: left by an order that a crash undid.

    "adopted" by the client's account, where that has none; "parted with" when the workspace or the client is gone; "" where
    that can't be told, since this client was never here or has another customer. In the shared scope, in a transaction.
    Raises gateway.Trouble.
    """
    client = Client.objects.filter(pk=client_uuid).first()
    was_here = Departure.objects.filter(client_uuid=client_uuid).exclude(contacts_erased_at=None)
    if client is None and not was_here.exists():
        return ""
    if client is None or not Tenant.objects.filter(client_id=client.pk).exists():
        _part_with(customer_id, client_uuid)
        return "parted with"
    account = Account.locked(client.pk, now=now)
    if account.customer_id is not None:  # that of an order which was under way, or there is a second one
        return "adopted" if account.customer_id == customer_id else ""
    account.customer_id = customer_id
    _look_at_tax_ids(account)
    push(account, client, now=now)
    return "adopted"


# --- the end --------------------------------------------------------------------------------------------------


def is_ready(client: UUID) -> bool:
    """Whether the last document is made, and what is owed given back, as far as that goes by itself."""
    return not Subscription.objects.live().filter(client_uuid=client).exists() and ending.is_ready(client)


def forget(client: UUID) -> None:
    """The account goes with the contact details; the processor is asked to delete its record of the client.

    What could not be ended or given back until now waits for no longer: operators see it, and `part` does it when it can.
    Holds the client, so that no run of ending.settle writes a name or a plan after this.
    """
    ending.hold(client)
    if not is_ready(client):
        ending.note_silence(client, now=timezone.now())
    for account in Account.objects.select_for_update().filter(client_uuid=client):
        if account.customer_id:
            _part_with(account.customer_id, client)
    rows = [
        (model, [str(key) for key in model._default_manager.filter(client_uuid=client).values_list("pk", flat=True)])
        for model in (Account, Subscription)
    ]  # fmt: skip
    for model, keys in rows:
        model._default_manager.filter(pk__in=keys).delete()
    Seats.objects.filter(client_uuid=client).delete()
    for model, keys in rows:
        forgetting.redact_rows(model, keys)


def _part_with(customer_id: str, client: UUID | None) -> None:
    Parting.objects.get_or_create(
        customer_id=customer_id, defaults={"asked_at": timezone.now(), "client_uuid": client}
    )
    part.later(customer_id)


def counted(client: UUID) -> list[tuple[str, str, int]]:
    return [
        ("shared", "billing_account", Account.objects.filter(client_uuid=client).count()),
        ("shared", "billing_subscription", Subscription.objects.filter(client_uuid=client).count()),
    ]


def exported(tenant: Tenant) -> dict[str, Any]:
    """The parts of shared.json that are billing's (tenants.export)."""
    accounts = Account.objects.filter(client_uuid=tenant.client_id).values(
        "customer_id", "billing_email", "reference", "tax_number", "tax_status", "pay_method", "created_at"
    )
    ordered = Subscription.objects.filter(client_uuid=tenant.client_id).values(
        "state", "plan", "pace", "quantity", "unit_cents", "off_percent", "off_cents",
        "trial_end", "period_start", "period_end", "cancel_at", "ended_at", "created_at",
    )  # fmt: skip
    return {
        "billing": {"account": list(accounts), "plans": list(ordered), "people": Seats.of(tenant.client_id)}
    }


def keys(client: UUID) -> list[str]:
    found: list[Any] = []
    for model in (Account, Subscription):
        found += model._default_manager.filter(client_uuid=client).values_list("pk", flat=True)
    return [str(key) for key in found]


def follow_up(client: UUID) -> None:
    """Have the record deleted now, before the certificate is signed; where that fails, `part`'s own job does it later."""
    with scope.shared():
        asked = list(Parting.objects.filter(client_uuid=client).values_list("customer_id", flat=True))
    for customer_id in asked:
        try:
            with scope.shared(), transaction.atomic():
                part(customer_id)
        except Exception as error:
            log.warning("A record at the processor is not deleted yet: %s.", described(error))


def left(client: UUID, now: datetime) -> list[certificate.Kept]:
    """The record that the processor has still, with the day on which it should be gone unless that is over."""
    found = Parting.objects.filter(client_uuid=client).order_by("asked_at").first()
    if found is None:
        return []
    until = None if Parting.late(now=now).filter(pk=found.pk).exists() else day_of(found.asked_at + PROMISED)
    return [certificate.Kept("processor_record", certificate.ASKED_FOR, until)]


FURTHER = forgetting.Further(
    is_ready=is_ready, forget=forget, keys=keys, counted=counted, follow_up=follow_up, left=left
)


@job(purpose="billing.customer", retries=20)
def part(customer_id: str) -> None:
    """Have the processor delete its record of a client, once what goes on there is ended and reckoned (ending.py)."""
    asked = Parting.objects.select_for_update().filter(customer_id=customer_id).first()
    if asked is None:
        return
    try:
        if asked.client_uuid and ending.is_gone(asked.client_uuid):
            ending.settle_last(asked.client_uuid, now=timezone.now())
        with talking():
            gateway.client().v1.customers.delete(customer_id)
    except gateway.Missing:
        pass
    except gateway.Trouble as error:
        raise TryAgain(type(error).__name__) from error
    asked.delete()
    log.info("A record at the processor is deleted.")


@job(purpose="billing.customer")
def look() -> None:
    """Each hour: the records that should be gone, where their jobs gave up too."""
    hour = f"{timezone.now():%Y-%m-%d %H}"
    for customer_id in Parting.objects.values_list("customer_id", flat=True):
        part.later(customer_id, key=f"{customer_id}:{hour}")
