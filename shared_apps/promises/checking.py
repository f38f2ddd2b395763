"""Looking at the running system: which check proves something of which promise, and how a look is made.

A check is a function of one Round that returns a Result. It reads in transactions that the database itself keeps from
writing and that are rolled back, with a limit of time for each statement; of thousands of workspaces it reads a share,
another one each round, so that each comes by. It counts; it returns nobody's details.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib import import_module
from time import monotonic
from typing import Any, Literal

from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from django.utils.translation import gettext_noop

from shared_apps.jobs.run import described
from shared_apps.kit import scope
from shared_apps.promises import crawl
from shared_apps.promises.catalogue import BY_ID
from shared_apps.promises.models import Proof
from tenants.models import State, Tenant

log = logging.getLogger("smoall.promises")
LOOKER = scope.Actor("system", "promises", "Smoall")
EVERY = 6 * 3600  # seconds between two rounds of the schedule (config/schedule.py)
SHARE = 40  # workspaces whose rows are read in one round
STATEMENT_TIMEOUT = "30s"
FAILED = gettext_noop("The look ended with an error: %(error)s.")
MODULES = (
    "pages",
    "tables",
    "people",
    "history",
    "leaving",
    "sharing",
    "mails",
    "texts",
    "held",
    "work",
    "doors",
    "billing",
    "invoices",
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a check saw: an English sentence marked by gettext_noop, and the numbers in it."""

    state: Literal["kept", "broken", "unknown"]
    seen: str
    numbers: dict[str, int | str] = field(default_factory=dict)


def kept_if(is_kept: bool, seen: str, **numbers: int | str) -> Result:
    return Result("kept" if is_kept else "broken", seen, numbers)


def unknown(seen: str, **numbers: int | str) -> Result:
    """Nothing could be seen, which proves nothing."""
    return Result("unknown", seen, numbers)


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    promises: tuple[str, ...]
    title: Any  # lazily translated
    look: "Callable[[Round], Result]"


_checks: dict[str, Check] = {}


def check(*promises: str, title: Any) -> "Callable[[Callable[[Round], Result]], Callable[[Round], Result]]":
    """Mark a function as a live check of these promises. Modules above name theirs in `MODULES`."""

    def mark(look: "Callable[[Round], Result]") -> "Callable[[Round], Result]":
        name = look.__name__.replace("_", "-")
        if unnamed := [id for id in promises if id not in BY_ID]:
            raise ValueError(f"{name}: {unnamed} are no promises")
        if name in _checks and _checks[name].look.__module__ != look.__module__:
            raise ValueError(f"two checks are called {name}")
        _checks[name] = Check(name, promises, title, look)
        return look

    return mark


def checks() -> dict[str, Check]:
    """Every check by its name."""
    for module in MODULES:
        import_module(f"shared_apps.promises.checks.{module}")
    return _checks


def checks_of(promise: str) -> list[Check]:
    return [each for each in checks().values() if promise in each.promises]


class Round:
    """One round of looks: its moment, and what several checks look at together."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    @cached_property
    def tenants(self) -> list[Tenant]:
        """Every workspace that is open and of this release, the oldest first."""
        with reading(scope.shared()):
            found = Tenant.objects.filter(release=settings.SMOALL_RELEASE).exclude(state=State.RESTORING)
            return list(found.prefetch_related("domains"))

    @cached_property
    def share(self) -> list[Tenant]:
        """Those whose rows are read now. The clock chooses: whoever looks in the same six hours reads the same ones."""
        parts = -(-len(self.tenants) // SHARE) or 1
        return self.tenants[int(self.now.timestamp()) // EVERY % parts :: parts]

    @cached_property
    def pages(self) -> "list[crawl.Answer]":
        """What the web process answers on every kind of host. Empty when it can't be reached."""
        return crawl.everything([tenant.subdomain for tenant in self.share[:3]])

    def count(self, counted: Callable[[], int]) -> tuple[int, int]:
        """The sum of `counted` over the shared schema and the share's, and how many schemas these were."""
        with reading(scope.shared()):
            total = counted()
        found = list(self.in_share(counted))
        return total + sum(found), 1 + len(found)

    def in_share(self, look: Callable[[], Any], *, only: Sequence[Tenant] | None = None) -> Iterator[Any]:
        """What `look` finds in each workspace of the share, or of `only`. One that goes meanwhile is passed over."""
        for tenant in self.share if only is None else only:
            try:
                with reading(scope.tenant(tenant.id)):
                    found = look()
            except (ProgrammingError, Tenant.DoesNotExist):
                if self._is_there(tenant):
                    raise
            else:
                yield found

    @staticmethod
    def _is_there(tenant: Tenant) -> bool:
        with scope.shared():
            return bool(Tenant.objects.filter(pk=tenant.pk).exists())


@contextmanager
def reading(entered: AbstractContextManager[scope.Scope]) -> Iterator[None]:
    """In this scope, where nothing can be written and no statement lasts for long.

    All of it sees one moment: what work commits between two statements would look like a breach. A transaction that is
    open already keeps the view that it has.
    """
    moment = "" if connection.in_atomic_block else "ISOLATION LEVEL REPEATABLE READ, "
    with transaction.atomic(), entered:
        with connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION {moment}READ ONLY")
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [STATEMENT_TIMEOUT])
        yield
        transaction.set_rollback(True)


def rows(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """What a statement finds in the schema of the scope in force."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def prove(
    now: datetime, *, only: Iterable[str] = (), progress: Callable[[int, str], None] | None = None
) -> list[Proof]:
    """Look, and return what was seen: a Proof, not stored yet, for each check of each promise (of `only`, when given).

    A check that fails proves nothing and stops no other.
    """
    wanted = set(only) or set(BY_ID)
    todo = [each for each in checks().values() if wanted & set(each.promises)]
    around, found = Round(now), []
    for number, each in enumerate(todo):
        if progress:
            progress(100 * number // len(todo), str(each.title))
        began = monotonic()
        result = _look(each, around)
        milliseconds = int((monotonic() - began) * 1000)
        found += [
            Proof(
                promise=promise,
                check_name=each.name,
                result=result.state,
                at=now,
                seen=result.seen,
                numbers=result.numbers,
                release=settings.SMOALL_RELEASE,
                milliseconds=milliseconds,
            )
            for promise in each.promises
            if promise in wanted
        ]
    if progress:
        progress(100, "")
    return found


def _look(each: Check, around: Round) -> Result:
    try:
        return each.look(around)
    except Exception as error:
        log.error("check %s failed: %s", each.name, described(error))
        return unknown(FAILED, error=described(error)[:150])
