"""Connections that the guard refused: which host, which day, how often. Nothing of a client, and no address."""

from datetime import date, datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shared_apps.jobs import guard
from shared_apps.kit.dates import day_of
from shared_apps.kit.rows import Row, uuid7

KEPT = timedelta(days=90)
MOST_HOSTS = 300  # a day; whatever comes after is counted together
OTHERS = "other hosts"
LABELS = 3  # of a name, from its end: what somebody might pack into the others is not kept
COUNT = """
INSERT INTO sharing_refusal (id, host, "on", count)
SELECT %(id)s, CASE WHEN (SELECT count(*) FROM sharing_refusal WHERE "on" = %(on)s) < %(most)s
                      OR EXISTS (SELECT 1 FROM sharing_refusal WHERE "on" = %(on)s AND host = %(host)s)
                    THEN %(host)s ELSE %(others)s END, %(on)s, 1
ON CONFLICT (host, "on") DO UPDATE SET count = sharing_refusal.count + 1
"""


class Refusal(Row):
    host = models.CharField(_("host"), max_length=100)
    on = models.DateField(_("day"))
    count = models.PositiveIntegerField(_("times"), default=1)

    class Meta:
        verbose_name = _("refused destination")
        verbose_name_plural = _("refused destinations")
        ordering = ["-on", "host"]
        constraints = [models.UniqueConstraint(fields=["host", "on"], name="sharing_refusal_once_a_day")]

    def __str__(self) -> str:
        return self.host

    @classmethod
    def note(cls, host: str, *, on: date) -> None:
        """Count one, committed at once: the refused work's own transaction is about to be undone."""
        name = ".".join(host.split(".")[-LABELS:])[:100].replace("\0", "")
        guard.execute_aside(
            COUNT, {"id": uuid7(), "host": name, "on": on, "most": MOST_HOSTS, "others": OTHERS}
        )

    @classmethod
    def witness(cls, host: str) -> None:
        """`note` at the moment at which it happens: what the guard calls."""
        cls.note(host, on=day_of(timezone.now()))

    @classmethod
    def forget(cls, now: datetime) -> None:
        cls.objects.filter(on__lt=(now - KEPT).date()).delete()
