"""Background work that is done once: `@job` on a function, `.later(…)` to ask for it.

At least once by the queue, one effect by the Job row (models.py, run.py). Usable from any module at import
time: nothing here touches the database before `later` is called.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec

if TYPE_CHECKING:
    from shared_apps.jobs.models import Job

P = ParamSpec("P")
LONGEST = 6 * 3600  # seconds, of sagas and of what this process doesn't know
gates: list[
    Callable[[], bool]
] = []  # what must say yes before a worker takes a job; named by modules above this one

# whether this code works on the tables of that release of a workspace; named by modules above this one
fits: list[Callable[[str], bool]] = []


def may_work() -> bool:
    """Whether jobs may be done now. A gate may wait for a moment, or mend what keeps it closed."""
    return all(gate() for gate in gates)


class TryAgain(Exception):
    """Raised by a job that could not finish: what it wrote is kept, and it runs again after the back-off.

    The message is stored and shown to operators: name no person and no value in it.
    """


class JobFunction(Generic[P]):
    """A function that can be called at once, or `later` by a worker."""

    def __init__(
        self, function: Callable[P, None], purpose: str, saga: bool, retries: int, timeout: int
    ) -> None:
        self.function, self.purpose, self.saga = function, purpose, saga
        self.retries, self.timeout = retries, timeout
        self.name = f"{function.__module__}.{function.__qualname__}"
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        self.function(*args, **kwargs)

    def later(self, *args: Any, key: str | None = None, at: datetime | None = None) -> Job:
        """Ask for it in the caller's transaction, with its tenant (or shared) and author. Returns the row.

        `args` must be JSON values. The same `key` again, for the same tenant, returns the first row and
        does nothing. Not before `at`. A rollback leaves neither row nor queue entry. Raises UnknownPurpose,
        NoScope, and TypeError for an argument that is no JSON.
        """
        from shared_apps.jobs import queue

        return queue.put(self, list(args), key=key or "", at=at)


def job(
    *, purpose: str, saga: bool = False, retries: int = 5, timeout: int | None = None
) -> Callable[[Callable[P, None]], JobFunction[P]]:
    """Make a module's plain function a job.

    It runs in one transaction in the scope that it was asked for in, `done` included. With `saga` it runs
    without a transaction and enters scopes itself, for work that commits on its way. `retries` after an
    exception, with back-off; `timeout` in seconds (600, sagas six hours).
    """

    def wrap(function: Callable[P, None]) -> JobFunction[P]:
        if "<locals>" in function.__qualname__:
            raise TypeError(f"{function.__qualname__} is not at the top of its module: a worker needs that")
        return JobFunction(function, purpose, saga, retries, timeout or (LONGEST if saga else 600))

    return wrap


def purge(tenant_uuid: Any) -> int:
    """Remove a tenant's jobs and their queue entries, whatever their state. Returns how many jobs."""
    from shared_apps.jobs import queue

    return queue.purge(tenant_uuid)


def drop(found: Any) -> int:
    """Remove these jobs (a queryset) and their queue entries, whatever their state. Returns how many jobs."""
    from shared_apps.jobs import queue

    return queue.drop(found)
