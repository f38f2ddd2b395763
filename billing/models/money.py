"""What moved: payments, refunds, disputes and payouts at the processor, its account of each, and what is open.

Copied field by field from the processor's objects (billing/ledger.py), never whole, and never a detail of a card or an
account: of the way of paying its kind alone ("card", "sepa_debit", "bancontact"). Amounts are euro cents.
"""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shared_apps.kit.rows import Row


class Copied(Row):
    """A row that follows one object of the processor. What it says last counts, but for a state that can't come back:
    an object that arrives late must not open again what is over.
    """

    FINAL: ClassVar[frozenset[str]] = frozenset()  # states that only another final one may follow

    processor_id = models.CharField(max_length=100, unique=True)
    status = models.CharField(max_length=30, blank=True)

    class Meta:
        abstract = True

    @classmethod
    def follow(cls, processor_id: str, **said: Any) -> Self:
        """Write what the object says; the same again changes nothing. In the caller's transaction."""
        cls._default_manager.bulk_create([cls(processor_id=processor_id, **said)], ignore_conflicts=True)
        found = cls._default_manager.select_for_update().get(processor_id=processor_id)
        if found.status in cls.FINAL and said.get("status", "") not in cls.FINAL:
            return found
        for name, value in said.items():
            if name.startswith("client") and value is None:
                continue  # who it belongs to was known before
            setattr(found, name, value)
        found.save()
        return found


class Due(Copied):
    """What the processor says is open of one of its invoices. `processor_id` is that invoice's, as in Invoice."""

    FINAL = frozenset({"paid", "void"})

    client_uuid = models.UUIDField(null=True, db_index=True)
    total = models.BigIntegerField(default=0)
    paid = models.BigIntegerField(default=0)
    remaining = models.BigIntegerField(default=0)
    credited_before = models.BigIntegerField(default=0)  # by credit notes while it was open
    credited_after = models.BigIntegerField(default=0)  # once it was paid
    elsewhere = models.BigIntegerField(
        default=0
    )  # paid otherwise than through the processor, by transfer for instance
    from_balance = models.BigIntegerField(
        default=0
    )  # taken from what the processor keeps for the client; negative: put there
    trouble = models.CharField(max_length=300, blank=True)  # why no invoice was issued; for operators
    is_charged = models.BooleanField(default=True)  # taken by itself; else the client pays it when it likes
    due_on = models.DateField(null=True)
    paid_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("what is open of an invoice")
        verbose_name_plural = _("what is open of invoices")

    def __str__(self) -> str:
        return f"{self.processor_id}: {self.remaining}"

    @property
    def is_open(self) -> bool:
        return self.status in ("open", "uncollectible") and self.remaining > 0


class Allocation(Copied):
    """Which payment pays which invoice, and how much of it."""

    FINAL = frozenset({"paid", "canceled"})

    invoice_id = models.CharField(max_length=100, db_index=True)  # the processor's
    payment_intent = models.CharField(max_length=100, blank=True, db_index=True)
    charge = models.CharField(max_length=100, blank=True, db_index=True)
    amount = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("payment of an invoice")
        verbose_name_plural = _("payments of invoices")

    def __str__(self) -> str:
        return f"{self.invoice_id}: {self.amount}"


class Payment(Copied):
    FINAL = frozenset({"succeeded", "failed"})

    client_uuid = models.UUIDField(null=True, db_index=True)
    payment_intent = models.CharField(max_length=100, blank=True, db_index=True)
    amount = models.BigIntegerField(_("amount"))
    method = models.CharField(_("way of paying"), max_length=30, blank=True)  # its kind and nothing else
    made_at = models.DateTimeField(_("made on"), db_index=True)

    class Meta:
        verbose_name = pgettext_lazy("money that came", "payment")
        verbose_name_plural = pgettext_lazy("money that came", "payments")
        ordering = ["-made_at", "-id"]

    def __str__(self) -> str:
        return self.processor_id


class Refund(Copied):
    FINAL = frozenset({"failed", "canceled"})

    payment = models.CharField(max_length=100, db_index=True)  # the processor's id of the payment (charge)
    amount = models.BigIntegerField(_("amount"))
    made_at = models.DateTimeField(_("made on"))

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-made_at", "-id"]

    def __str__(self) -> str:
        return self.processor_id

    @property
    def counts(self) -> bool:
        return self.status not in ("failed", "canceled")


class Dispute(Copied):
    """A payment that the client's bank asks back. While it is open, and once it is lost, the money is gone."""

    FINAL = frozenset({"won", "lost", "warning_closed", "prevented"})
    BACK = frozenset({"won", "warning_closed", "warning_needs_response", "warning_under_review", "prevented"})

    payment = models.CharField(max_length=100, db_index=True)
    amount = models.BigIntegerField(_("amount"))
    made_at = models.DateTimeField(_("made on"))
    answer_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-made_at", "-id"]

    def __str__(self) -> str:
        return self.processor_id

    @property
    def counts(self) -> bool:
        """Whether the money is with the bank, and not with Smoall."""
        return self.status not in self.BACK


class Payout(Copied):
    """What the processor sends to Smoall's account."""

    FINAL = frozenset({"failed", "canceled"})

    amount = models.BigIntegerField(_("amount"))
    made_at = models.DateTimeField(_("made on"))
    arrives_on = models.DateField(_("arrives"), null=True)

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        ordering = ["-made_at", "-id"]

    def __str__(self) -> str:
        return self.processor_id


class Entry(Copied):
    """One line of the processor's account with Smoall (a balance transaction): amount less fee is net, signs as there."""

    kind = models.CharField(max_length=60)
    source = models.CharField(
        max_length=100, blank=True, db_index=True
    )  # what it is about, by the processor's id
    payout = models.CharField(max_length=100, blank=True, db_index=True)  # that sent it; empty until then
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(default=0)
    net = models.BigIntegerField()
    made_at = models.DateTimeField(db_index=True)
    available_on = models.DateField(null=True)

    class Meta:
        verbose_name = _("line of the payment operator’s account")
        verbose_name_plural = _("lines of the payment operator’s account")
        ordering = ["made_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(net=models.F("amount") - models.F("fee")), name="billing_entry_net"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.processor_id}: {self.net}"


class Reminder(Row):
    """One mail that asks for a payment: its day is stored when the invoice is issued, so that nobody is asked earlier."""

    invoice = models.ForeignKey("billing.Invoice", on_delete=models.CASCADE, related_name="reminders")
    step = models.CharField(max_length=20)
    due_on = models.DateField(db_index=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        ordering = ["due_on", "id"]
        constraints = [models.UniqueConstraint(fields=["invoice", "step"], name="billing_reminder_step")]

    def __str__(self) -> str:
        return f"{self.step} {self.due_on}"

    def is_sent(self, at: datetime) -> None:
        self.sent_at = at
        self.save(update_fields=["sent_at"])


class Payback(Row):
    """What a client that left is owed and the processor could not give back: for a person to look at, until it is done.

    By our key of the client alone; its name stands on the invoices, which the law keeps.
    """

    client_uuid = models.UUIDField(db_index=True)
    cents = models.BigIntegerField(default=0)  # nothing: not known yet, the plan could not be ended
    trouble = models.CharField(max_length=300)
    is_refused = models.BooleanField(default=False)  # by the processor: trying again is of no use
    since = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)  # otherwise than through the processor, as an operator said

    class Meta:
        verbose_name = _("amount to be given back")
        verbose_name_plural = _("amounts to be given back")
        ordering = ["since", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["client_uuid"], condition=models.Q(paid_at=None), name="billing_one_payback_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.client_uuid}: {self.cents}"

    @classmethod
    def waiting(cls) -> "models.QuerySet[Payback]":
        return cls.objects.filter(paid_at=None)

    @classmethod
    def note(cls, client: UUID, *, cents: int, trouble: str, is_refused: bool = False, now: datetime) -> None:
        """What is left to do for this client, and why. In the shared scope."""
        said = {"cents": cents, "trouble": trouble[:300], "is_refused": is_refused}
        cls.waiting().update_or_create(
            client_uuid=client, paid_at=None, defaults=said, create_defaults={**said, "since": now}
        )

    def mark_paid(self, *, now: datetime) -> None:
        """By bank transfer, for instance; or looked at by somebody, where nobody knows how much it is."""
        self.paid_at = now
        self.save(update_fields=["paid_at"])


def open_of(client: UUID) -> int:
    """What the books say that a client has to pay; less than nothing is what Smoall owes it. In the shared scope.

    As the ledger reckons it: what remains of each invoice, what its balance at the processor gave or took, what was credited
    after payment, and what was taken or given back since.
    """
    open = Due.objects.filter(client_uuid=client).aggregate(cents=Sum("remaining", default=0))
    return int(open["cents"]) + kept_of(client)


def kept_of(client: UUID) -> int:
    """The same without what is open of invoices: less than nothing is what its balance at the processor should hold."""
    dues = Due.objects.filter(client_uuid=client).aggregate(
        balance=Sum("from_balance", default=0), credited=Sum("credited_after", default=0)
    )
    payments = Payment.objects.filter(client_uuid=client).values("processor_id")
    taken: list[Refund | Dispute] = [
        *Refund.objects.filter(payment__in=payments), *Dispute.objects.filter(payment__in=payments)
    ]  # fmt: skip
    back = sum(one.amount for one in taken if one.counts)
    otherwise = (
        Payback.objects.filter(client_uuid=client)
        .exclude(paid_at=None)
        .aggregate(cents=Sum("cents", default=0))
    )
    return int(dues["balance"] - dues["credited"] + back + otherwise["cents"])
