"""Long work as idempotent steps with a recorded cursor (I11): killed anywhere, it goes on where it was, once.

A kind of saga is declared beside its verb (export.py, erasure.py …) and that module is imported by its
AppConfig's `ready`. Here is only the machinery; the rows are models.Saga.

    ERASE = sagas.Kind("erase", no_return="destroy")

    @ERASE.step(_("Closing the workspace"))
    def close(saga): ...                       # in the shared scope, in one transaction with the cursor

    @ERASE.step(_("Destroying the key"), outside=True)
    def destroy(saga): ...                     # no transaction; done again when killed before it was noted

A verb that is one transaction needs no saga; it has the same points of death, for the same crash tests:

    @sagas.verb("notice")
    def give_notice(id, …): ...
"""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial, wraps
from time import monotonic
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone, translation
from django_q.exceptions import TimeoutException

from shared_apps.jobs import guard, job
from shared_apps.jobs.models import Job
from shared_apps.jobs.run import back_off, described
from shared_apps.kit import scope
from tenants.models import Saga

log = logging.getLogger("smoall.sagas")
LOCK = "saga"
REPORT_EVERY = 0.5  # seconds
REPORT = "UPDATE tenants_saga SET progress = %s, doing = %s, updated_at = now() WHERE id = %s"
WHEN = ("before", "after", "saved")  # points of death: not begun, done but not noted or committed, noted
OVER = (Saga.Status.DONE, Saga.Status.CANCELLED, Saga.Status.FAILED)

StepFunction = Callable[[Saga], None]
Given = ParamSpec("Given")
Result = TypeVar("Result")


class UnknownSaga(LookupError):
    """No module that is loaded declares this kind."""


class CannotCancel(Exception):
    """It is over, or what cannot be undone has begun."""


class CannotRetry(Exception):
    """It has not failed."""


class NotYet(Exception):
    """Raised by a step that must wait: it is undone, and begun anew at `due_at`."""

    def __init__(self, due_at: datetime) -> None:
        super().__init__(due_at.isoformat())
        self.due_at = due_at


class CannotGoOn(Exception):
    """Raised by a step that would fail for ever: the saga fails now. The text is kept and shown to people."""


class _Overtaken(Exception):
    """The saga was cancelled, or another runner took it, while the step ran."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    doing: Any  # lazily translated: what people read meanwhile
    function: StepFunction
    outside: bool
    weight: int  # its share of the progress bar


class Kind:
    """A kind of saga: its steps in the order of their declaration.

    `no_return` names the step with which the irreversible begins; `attempts` counts the starts of one step,
    kills included, after which the saga has failed and waits for `retry`.
    """

    def __init__(self, name: str, *, no_return: str = "", attempts: int = 12) -> None:
        _claim(name)
        self.name, self.no_return, self.attempts = name, no_return, attempts
        self.steps: list[Step] = []
        _kinds[name] = self

    def step(
        self, doing: Any, *, outside: bool = False, weight: int = 1
    ) -> Callable[[StepFunction], StepFunction]:
        """Declare the next step. `doing` is lazily translated, and says what is done without naming anybody.

        A step runs in the shared scope, as whoever started the saga, in one transaction with the cursor. An
        `outside` step has no transaction and enters scopes itself: it must bear being done twice.
        What a step writes into `saga.data` is saved with the cursor.
        """

        def add(function: StepFunction) -> StepFunction:
            self.steps.append(Step(function.__name__, doing, function, outside, weight))
            return function

        return add

    def progress(self, cursor: int, percent: int = 0) -> int:
        """Percent of the whole, when `cursor` steps are done and the next one is `percent` on its way."""
        weights = [step.weight for step in self.steps]
        current = weights[cursor] * percent / 100 if cursor < len(weights) else 0
        return int(100 * (sum(weights[:cursor]) + current) / sum(weights))

    def is_past_return(self, saga: Saga) -> bool:
        """Whether the irreversible has begun, be it in a step that was killed or failed."""
        if not self.no_return:
            return False
        point = [step.name for step in self.steps].index(self.no_return)
        return saga.cursor > point or (saga.cursor == point and saga.attempts > 0)

    def kill_points(self) -> Iterator[str]:
        """Every value of SMOALL_KILL_AT for this kind: what a crash test goes through."""
        return (f"{self.name}:{index}:{when}" for index in range(len(self.steps)) for when in WHEN)


_kinds: dict[str, Kind] = {}
_verbs: set[str] = set()


def verb(name: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Declare a verb of one transaction. It has three points of death: `name:before`, `name:after`, `name:saved`.

    The transaction is opened here, unless one is open; the verb enters its scope itself.
    """
    _claim(name)
    _verbs.add(name)

    def declare(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @wraps(function)
        def done(*given: Given.args, **named: Given.kwargs) -> Result:
            _die_here(f"{name}:before")
            with transaction.atomic():
                transaction.on_commit(partial(_die_here, f"{name}:saved"))
                result = function(*given, **named)
                _die_here(f"{name}:after")
            return result

        return done

    return declare


def points() -> list[str]:
    """Every value of SMOALL_KILL_AT: of each kind that is loaded, and of each verb."""
    found = [point for kind in _kinds.values() for point in kind.kill_points()]
    return found + [f"{name}:{when}" for name in sorted(_verbs) for when in WHEN]


def _claim(name: str) -> None:
    if name in _kinds or name in _verbs:
        raise ValueError(f"two kinds of saga or verbs are called {name!r}")


def kind(name: str) -> Kind:
    """The declared kind. Raises UnknownSaga."""
    if name not in _kinds:
        raise UnknownSaga(f"no module that is loaded declares the saga {name!r}")
    return _kinds[name]


def start(
    name: str, subject: UUID, *, key: str, data: dict[str, Any] | None = None, due_at: datetime | None = None
) -> Saga:
    """Ask for a saga in the caller's transaction; a worker runs it from `due_at` on. Raises UnknownSaga.

    The same `key` again returns the first saga. It acts as the author in force, kept in `data["actor"]`.
    """
    kind(name)
    saga = Saga(kind=name, subject=subject, key=key, due_at=due_at or timezone.now())
    with scope.shared():
        who = scope.actor_or_none()
        saga.data = {**(data or {}), "actor": asdict(who) if who else None}
        Saga.objects.bulk_create([saga], ignore_conflicts=True)
        kept = Saga.objects.get(key=key)
        if kept.pk == saga.pk:
            advance.later(str(saga.pk), at=saga.due_at)
    return kept


@job(purpose="tenants.saga", saga=True)
def advance(saga_id: str) -> None:
    with suppress(Saga.DoesNotExist):  # erased with its client while the job waited
        run(UUID(saga_id))


def run(id: UUID) -> Saga:
    """Do every step that is due, unless somebody else is at it. Returns the saga as it then stands.

    A step that fails is noted, with its error, and begun anew after a back-off: that raises nothing.
    """
    with guard.held(LOCK, id) as taken:
        while taken and (saga := _begin(id, now=timezone.now())):
            if not _do(saga):
                break
    with scope.shared():
        return Saga.objects.get(pk=id)


def report(saga: Saga, percent: int, doing: Any = "") -> None:
    """Show how far the current step is, though its transaction is open. For steps, as often as they like.

    Written on a second connection, which is safe as the step's transaction does not touch the saga's row. It
    never breaks the work. `percent` is the step's own; `doing` as in `Kind.step`.
    """
    now, last = monotonic(), getattr(saga, "_reported", 0.0)
    if now - last < REPORT_EVERY:
        return
    saga._reported = now  # type: ignore[attr-defined]
    text = _source(doing) or saga.doing
    whole = kind(saga.kind).progress(saga.cursor, max(0, min(100, percent)))
    try:
        guard.execute_aside(REPORT, [whole, text, saga.pk])
    except DatabaseError:
        log.info("saga %s could not report", saga.kind)


def cancel(saga: Saga) -> Saga:
    """End it before its next step is noted; a step in its transaction is undone. Raises CannotCancel."""
    with _locked(saga.pk) as found:
        is_over = found.status in (Saga.Status.DONE, Saga.Status.CANCELLED)
        if is_over or kind(found.kind).is_past_return(found):
            raise CannotCancel(f"{found.kind}: {found.status}, step {found.cursor}")
        found.status = Saga.Status.CANCELLED
        found.save(update_fields=["status", "updated_at"])
        return found


def retry(saga: Saga) -> Saga:
    """Begin a failed saga's step anew, now. Raises CannotRetry."""
    with _locked(saga.pk) as found:
        if found.status != Saga.Status.FAILED:
            raise CannotRetry(f"{found.kind}: {found.status}")
        found.status, found.attempts, found.due_at = Saga.Status.WAITING, 1, timezone.now()
        found.save(update_fields=["status", "attempts", "due_at", "updated_at"])
        advance.later(str(found.pk))
        return found


def hasten(saga: Saga, due_at: datetime) -> Saga:
    """Move a waiting saga to another moment. Does nothing to one that runs or is over."""
    with _locked(saga.pk) as found:
        if found.status == Saga.Status.WAITING:
            found.due_at = due_at
            found.save(update_fields=["due_at", "updated_at"])
            advance.later(str(found.pk), at=due_at)
        return found


@job(purpose="tenants.saga", retries=0)
def resume() -> None:
    resume_due(timezone.now())


def resume_due(now: datetime) -> int:
    """Wake a worker for every saga that is due and nobody is at, killed ones included. Returns how many."""
    with scope.shared():
        due = Saga.objects.filter(status=Saga.Status.WAITING, due_at__lte=now).order_by("due_at")
        ids = [*due.values_list("pk", flat=True)]
        ids += Saga.objects.filter(status=Saga.Status.RUNNING).values_list("pk", flat=True)
    return sum(_wake(id, now) for id in ids)


def _wake(id: UUID, now: datetime) -> bool:
    with scope.shared(), transaction.atomic():
        live = Job.objects.filter(name=advance.name, args=[str(id)], run_after__lte=now)
        live = live.filter(state__in=(Job.State.WAITING, Job.State.RUNNING))
        if live.exists() or not guard.lock_here(LOCK, id):
            return False
        advance.later(str(id))
    return True


def _begin(id: UUID, *, now: datetime) -> Saga | None:
    """Count the start of the step at the cursor and commit; None when nothing is to be done now."""
    with _locked(id) as saga:
        declared = kind(saga.kind)
        if saga.status in OVER or (saga.status == Saga.Status.WAITING and saga.due_at > now):
            return None
        if saga.attempts >= declared.attempts:
            saga.status, saga.error = Saga.Status.FAILED, saga.error or f"killed {saga.attempts} times"
            saga.save(update_fields=["status", "error", "updated_at"])
            return None
        saga.status = Saga.Status.RUNNING
        saga.attempts += 1
        saga.doing = _source(declared.steps[saga.cursor].doing)
        saga.save(update_fields=["status", "attempts", "doing", "updated_at"])
        return saga


def _do(saga: Saga) -> bool:
    """Run the step at the cursor. False when the saga is done, waits, failed, or is somebody else's now."""
    step = kind(saga.kind).steps[saga.cursor]
    author = _author(saga)  # as stored when the step began
    try:
        _die_here(_point(saga, "before"))
        with _around(step, author):
            step.function(saga)
            if step.outside:
                _die_here(_point(saga, "after"))
            with scope.shared(actor=author), transaction.atomic():
                _note(saga)
                if not step.outside:
                    _die_here(_point(saga, "after"))
    except _Overtaken:
        return False
    except NotYet as error:
        _wait(saga, error.due_at, error="", attempts=0)
        return False
    except CannotGoOn as error:
        _wait(saga, timezone.now(), error=str(error), attempts=kind(saga.kind).attempts)
        return False
    except (Exception, TimeoutException) as error:
        _failed(saga, error, now=timezone.now())
        return False
    _die_here(_point(saga, "saved"))
    saga.cursor += 1
    return saga.cursor < len(kind(saga.kind).steps)


@contextmanager
def _around(step: Step, author: scope.Actor) -> Iterator[None]:
    inside: AbstractContextManager[Any] = scope.acting(author) if step.outside else _in_transaction(author)
    with inside:
        yield


@contextmanager
def _in_transaction(author: scope.Actor) -> Iterator[None]:
    with scope.shared(actor=author), transaction.atomic():
        yield


def _note(saga: Saga) -> None:
    """Move the cursor, if the saga is still where the step found it. Raises _Overtaken."""
    declared, done = kind(saga.kind), saga.cursor + 1
    is_last = done == len(declared.steps)
    here = Saga.objects.filter(pk=saga.pk, cursor=saga.cursor, status=Saga.Status.RUNNING)
    _keep_author(saga, here.select_for_update().first())
    moved = here.update(
        cursor=done,
        attempts=0,
        data=saga.data,
        error="",
        progress=declared.progress(done),
        doing="" if is_last else saga.doing,
        status=Saga.Status.DONE if is_last else Saga.Status.RUNNING,
        updated_at=timezone.now(),
    )
    if not moved:
        raise _Overtaken


def remember(saga: Saga) -> None:
    """Save what a step wrote into `saga.data` before the step ends."""
    with scope.shared(), transaction.atomic():
        here = Saga.objects.filter(pk=saga.pk)
        _keep_author(saga, here.select_for_update().first())
        here.update(data=saga.data)


def _keep_author(saga: Saga, found: Saga | None) -> None:
    """As whoever asked for the saga is stored now, locked: they may have been erased since the step began (P40)."""
    if found is not None:
        saga.data["actor"] = found.data.get("actor")


def _failed(saga: Saga, error: BaseException, *, now: datetime) -> None:
    log.warning("saga %s failed at step %s: %s", saga.kind, saga.cursor, described(error))
    if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
        connection.close()
    _wait(saga, now + back_off(saga.attempts), error=described(error), attempts=saga.attempts)


def _wait(saga: Saga, due_at: datetime, *, error: str, attempts: int) -> None:
    """Put it back until `due_at`, or note that it has failed for good when its attempts are used up."""
    is_over = attempts >= kind(saga.kind).attempts
    status = Saga.Status.FAILED if is_over else Saga.Status.WAITING
    with scope.shared(), transaction.atomic():
        moved = Saga.objects.filter(pk=saga.pk, cursor=saga.cursor, status=Saga.Status.RUNNING).update(
            status=status, error=error, attempts=attempts, due_at=due_at, updated_at=timezone.now()
        )
        if moved and not is_over:
            advance.later(str(saga.pk), at=due_at)


@contextmanager
def _locked(id: UUID) -> Iterator[Saga]:
    with scope.shared(), transaction.atomic():
        yield Saga.objects.select_for_update().get(pk=id)


def _author(saga: Saga) -> scope.Actor:
    asked = saga.data.get("actor")
    return scope.Actor(**asked) if asked else scope.Actor("job", str(saga.pk), saga.kind)


def _source(text: Any) -> str:
    """The untranslated text: a page translates it for who reads it."""
    with translation.override(None):
        return str(text)[:200]


def _point(saga: Saga, when: str) -> str:
    return f"{saga.kind}:{saga.cursor}:{when}"


def _die_here(point: str) -> None:
    """Kill this process where SMOALL_KILL_AT says so: the crash tests' way in. Never in production."""
    if point == settings.SMOALL_KILL_AT and not settings.SMOALL_IS_PRODUCTION:
        _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
