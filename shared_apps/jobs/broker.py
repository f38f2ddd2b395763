"""django-q's database queue behind the shared door: each of its statements opens `scope.shared()` itself.

So it works from a web process, whose requests are a tenant's, and from every process of the worker. It also
hands out the oldest entry first, lets an entry become visible later, and drives the timed jobs (timed.py).
"""

from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

from django.db import close_old_connections, connection
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

from shared_apps.jobs import may_work
from shared_apps.kit import scope

TICK = 2.0  # seconds between two looks at the timed jobs
# How long an entry is hidden once handed out. Shorter than many jobs last: a second delivery does nothing but
# go away, and what a killed worker held comes back within a minute.
HIDDEN = timedelta(seconds=60)


class Broker(ORM):
    """`visible_at`: what this instance enqueues is handed out from then on."""

    def __init__(self, list_key: str | None = None, visible_at: datetime | None = None) -> None:
        super().__init__(list_key)
        self.visible_at = visible_at
        self.ticked = 0.0

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        self.visible_at, self.ticked = None, 0.0

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        """The queue's rows. Stale connections are closed by `dequeue`, never in the middle of a request."""
        return OrmQ.objects

    def enqueue(self, task: str) -> int:
        with scope.shared():
            entry = OrmQ.objects.create(key=self._key, payload=task, lock=self.visible_at or timezone.now())
        return int(entry.pk)

    def dequeue(self) -> list[tuple[int, str]] | None:
        """The oldest visible entries, hidden from others for a minute; sleeps outside the transaction."""
        if not connection.in_atomic_block:
            close_old_connections()
        if not may_work():
            sleep(Conf.POLL)
            return None
        self._tick()
        now = timezone.now()
        with scope.shared():
            found = list(
                OrmQ.objects.select_for_update(skip_locked=True)
                .filter(key=self._key, lock__lte=now)
                .order_by("lock", "pk")[: Conf.BULK]
            )
            OrmQ.objects.filter(pk__in=[entry.pk for entry in found]).update(lock=now + HIDDEN)
        if found:
            return [(entry.pk, entry.payload) for entry in found]
        sleep(Conf.POLL)
        return None

    def queue_size(self) -> int:
        with scope.shared():
            return int(super().queue_size())

    def lock_size(self) -> int:
        with scope.shared():
            return int(super().lock_size())

    def purge_queue(self) -> Any:
        with scope.shared():
            return super().purge_queue()

    def delete(self, task_id: int) -> None:
        with scope.shared():
            super().delete(task_id)

    @property
    def _key(self) -> str:
        return self.list_key or str(Conf.CLUSTER_NAME)

    def _tick(self) -> None:
        from shared_apps.jobs import timed

        if monotonic() - self.ticked >= TICK:
            self.ticked = monotonic()
            timed.tick(now=timezone.now())
