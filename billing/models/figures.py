"""What operators look at: how much recurs, day by day, and what the nightly comparison found. Both name nobody."""

from django.db import models

from shared_apps.kit.rows import Row


class Figure(Row):
    """Of one day and one plan: clients, people and what recurs a month. Kept when a client is forgotten."""

    on = models.DateField(db_index=True)
    plan = models.CharField(max_length=40)
    clients = models.PositiveIntegerField(default=0)
    people = models.PositiveIntegerField(default=0)
    cents = models.PositiveBigIntegerField(default=0)  # a month, without VAT, discounts taken off
    begun = models.PositiveIntegerField(default=0)  # on that day
    ended = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["on", "plan"]
        constraints = [models.UniqueConstraint(fields=["on", "plan"], name="billing_one_figure_a_day")]

    def __str__(self) -> str:
        return f"{self.on} {self.plan}"


class Reconciliation(Row):
    """One comparison with the processor: what was seen there, what had to be repaired here, what nobody could repair."""

    begun_at = models.DateTimeField(db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    seen = models.JSONField(default=dict)  # {kind: number}
    repaired = models.JSONField(default=dict)
    left = models.JSONField(default=dict)  # {reason: number}
    failed = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-begun_at"]

    def __str__(self) -> str:
        return f"{self.begun_at:%Y-%m-%d %H:%M}"

    @property
    def differences(self) -> int:
        return int(sum(self.repaired.values()) + sum(self.left.values()))
