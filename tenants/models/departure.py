"""A client that leaves: what it was promised, and what it said since."""

from datetime import date, datetime
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from shared_apps.kit.dates import end_of
from shared_apps.kit.rows import Row


class Category(models.TextChoices):
    """What a client's instructions are about (P37)."""

    DATA = "data", _("data")
    CONTACTS = "contacts", _("contact details")


class DepartureQuerySet(models.QuerySet["Departure"]):
    def standing(self) -> Self:
        """Neither withdrawn nor over."""
        return self.filter(withdrawn_at=None, contacts_erased_at=None, returned_at=None)

    def with_data(self) -> Self:
        return self.standing().filter(data_erased_at=None)

    def due(self, category: Category, today: date) -> Self:
        """Those whose day is over on `today`, a day in Brussels; contact details only once the data is gone."""
        if category == Category.DATA:
            return self.with_data().filter(data_on__lt=today)
        return self.standing().filter(contacts_on__lt=today).exclude(data_erased_at=None)


class Departure(Row):
    """A client that leaves: the two days that were promised to it, and those in force since its instructions (I12).

    `…_on` is the last day, in Brussels, on which something is kept; it is erased on the day after (retention.py).
    An erasure at once makes one too: its contact details have their twelve months all the same.
    """

    class Origin(models.TextChoices):
        NOTICE = "notice", _("notice")
        ERASURE = "erasure", _("erasure at once")

    tenant_uuid = models.UUIDField()
    client_uuid = models.UUIDField(db_index=True)
    origin = models.CharField(_("origin"), max_length=10, choices=Origin, default=Origin.NOTICE)
    noticed_at = models.DateTimeField(_("notice given"))
    # The day on which a notice sent to Smoall came in, from which it counts; None for one given in the workspace.
    received_on = models.DateField(_("notice received"), null=True, blank=True)
    noticed_by = models.JSONField()  # requests.role_of: no name
    data_promised_on = models.DateField(_("data promised until"))  # fixed with the notice, never changed
    contacts_promised_on = models.DateField(_("contact details promised until"))
    data_on = models.DateField(_("data kept until"), db_index=True)  # in force
    contacts_on = models.DateField(_("contact details kept until"), db_index=True)
    contacts_said_on = models.DateField(
        null=True, blank=True
    )  # the client's own day, before data_on moves it
    withdrawn_at = models.DateTimeField(_("notice withdrawn"), null=True, blank=True)
    data_erased_at = models.DateTimeField(_("data erased"), null=True, blank=True)
    contacts_erased_at = models.DateTimeField(_("contact details erased"), null=True, blank=True)
    returned_at = models.DateTimeField(
        _("came back"), null=True, blank=True
    )  # with a copy of its data, while its contact details were there: they have no last day any more
    # How often the address on file became another one: a mailed link of before opens nothing, also once nobody is left
    # whose address it could be compared with.
    link_generation = models.PositiveIntegerField(default=0, db_default=0)

    objects = DepartureQuerySet.as_manager()

    class Meta:
        verbose_name = _("departure")
        verbose_name_plural = _("departures")
        ordering = ["data_on", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_uuid"],
                condition=models.Q(withdrawn_at=None),
                name="tenants_one_departure_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(contacts_on__gte=models.F("data_on")),
                name="tenants_departure_contacts_outlive_data",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None) | models.Q(data_erased_at=None),
                name="tenants_departure_withdrawn_keeps_data",
            ),
            models.CheckConstraint(
                condition=models.Q(returned_at=None)
                | models.Q(data_erased_at__isnull=False, contacts_erased_at=None),
                name="tenants_departure_returned_between",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.data_on} / {self.contacts_on}"

    @property
    def data_until(self) -> datetime:
        """The moment at which the data may be erased."""
        return end_of(self.data_on)

    def day(self, category: Category) -> date:
        """The last day in force on which this category is kept."""
        return self.data_on if category == Category.DATA else self.contacts_on

    def promised(self, category: Category) -> date:
        """The last day as it was promised with the notice."""
        return self.data_promised_on if category == Category.DATA else self.contacts_promised_on


PROOFS = "departures"  # below it a folder a client, which goes with the contact details, strays of a crash included


def proof_name(instruction: "Instruction", _name: str) -> str:
    return f"{PROOFS}/{instruction.departure.client_uuid}/{instruction.id}"


class Instruction(Row):
    """What a client said about its departure, one row each time (P37). With the proof when an operator wrote it down."""

    class Kind(models.TextChoices):
        NOTICE = "notice", _("notice given")
        DAY = "day", _("another day")
        PROMISED = "promised", _("back to the promised day")
        NOW = "now", _("erase at once")
        WITHDRAWN = "withdrawn", _("notice withdrawn")

    departure = models.ForeignKey(Departure, on_delete=models.PROTECT, related_name="instructions")
    kind = models.CharField(_("instruction"), max_length=10, choices=Kind)
    category = models.CharField(_("about"), max_length=10, choices=Category, blank=True)
    on = models.DateField(_("day"), null=True, blank=True)
    given_at = models.DateTimeField(_("given"))
    given_by = models.JSONField()  # requests.role_of: no name
    proof = models.FileField(_("proof"), upload_to=proof_name, max_length=120, blank=True)
    proof_type = models.CharField(max_length=100, blank=True)  # as the content tells it

    class Meta:
        verbose_name = _("instruction")
        verbose_name_plural = _("instructions")
        ordering = ["given_at", "id"]

    def __str__(self) -> str:
        return self.kind
